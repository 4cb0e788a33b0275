"""How likely a label is wrong, learned from verdicts: a ranking's p_wrong made a probability that can be trusted.

Listed labels (``false``) and unlisted ones (``missing``) are learned apart; a swap's cells count by what is doubted.
Before any verdict the scorer's own number stands, drawn in where it is very sure, and is called a guess. Verdicts move
it where they are, and class by class where a class has many: those from the top of the queue tell of its top, cells
cells that chance picked of the bulk. Away from any verdict the guess stands. They also tell how much each piece of
evidence is worth that the scorer weighed by labels alone, so that they reorder what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.stored_ranking import Ranking
from labeling.quality.calibration_fit import BEND, KindFit, fit_kind
from labeling.quality.found_beside import FoundWrong, found_wrong
from labeling.quality.intervals import Share
from labeling.quality.verdicts import Judged

KINDS = ("missing", "false")
#: A verdict tells 0.25 of a squared unit of log odds at most, a tenth where nearly all go one way; the prior is worth
#: about one (calibration_fit). From about ten on people say more than the guess does.
GUESS_BELOW = 10
DRAWS, LEAST_DRAWS = 4_000, 400
DRAWN_NUMBERS = 1 << 24  # so many are drawn for one interval, fewer draws of more places: 1 s
TENTHS = 10


@dataclass(frozen=True)
class Calibration:
    """How a ranking's p_wrong becomes the probability that a label is wrong, at a ``position`` of the journal.

    ``found``: what was found wrong by then, of which the fits learned as a last covariate; None where they did not.
    """

    position: int
    fits: Mapping[str, KindFit] = field(repr=False)
    found: FoundWrong | None = field(default=None, repr=False)

    @cached_property
    def decided(self) -> Mapping[str, int]:
        """How many verdicts it rests on, by kind: ``missing`` and ``false``."""
        return {kind: self.fits[kind].verdicts for kind in KINDS}

    def is_guess(self, kind: str) -> bool:
        """Whether the scorer's noise model says more of this kind than people do; so few are their verdicts."""
        return self.fits[kind].verdicts < GUESS_BELOW

    def probability(self, ranking: Ranking, index: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """P(wrong) of all suspects (M,), or of those at the places ``index`` (n,).

        Of one class and kind it rises with p_wrong (beyond one in a million they are all alike), as far as the
        covariates are alike.
        """
        given, class_id, p_wrong, covariates = self.taken(ranking, index)
        out = np.empty(len(given), np.float32)
        for kind in KINDS:
            here = np.flatnonzero(given == (kind == "false"))
            out[here] = self.fits[kind].probability(p_wrong[here], class_id[here], covariates[here])
        return out

    def taken(
        self, ranking: Ranking, index: NDArray[Any] | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float32], NDArray[np.float16]]:
        """What the fits look at, of all suspects or at the places ``index``: given, class, p_wrong and covariates."""
        columns = ranking.given, ranking.class_id, ranking.p_wrong, ranking.covariates, ranking.clip_id
        given, class_id, p_wrong, covariates, clip_id = columns if index is None else (one[index] for one in columns)
        given = np.asarray(given, bool)
        if self.found is not None:
            covariates = np.column_stack([covariates, self.found.beside(clip_id, given)])
        return given, class_id, p_wrong, covariates


@dataclass(frozen=True)
class NextYield:
    """How many labels among ``of`` suspects are wrong: ``expected``, and from ``low`` to ``high`` with 95 %.

    ``guess``: of a kind among them hardly anything was decided; the interval is then as wide as that deserves.
    """

    expected: float
    low: int
    high: int
    of: int
    guess: bool


def fit(
    given: NDArray[np.bool_],
    class_id: NDArray[np.int64],
    p_wrong: NDArray[Any],
    wrong: NDArray[np.bool_],
    past: NDArray[np.bool_] | None = None,
    covariates: NDArray[Any] | None = None,
    *,
    position: int = 0,
) -> Calibration:
    """Learn from verdicts how likely a label is wrong for each number that a scorer gives.

    Parameters
    ----------
    given : ndarray of bool, shape (n,)
        Whether the doubted label says present.
    class_id : ndarray of int64, shape (n,)
    p_wrong : ndarray, shape (n,)
        What the scorer said.
    wrong : ndarray of bool, shape (n,)
        Whether people found the label wrong.
    past : ndarray of bool, shape (n,), optional
        Whether they had decided before the scoring.
    covariates : ndarray, shape (n, F), optional
        What verdicts may weigh anew beside p_wrong.
    position : int
        Of the journal, kept with the result.

    Returns
    -------
    Calibration

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.quality.calibration import fit
    >>> given, one_class, found_wrong = np.ones(40, bool), np.ones(40, np.int64), np.arange(40) < 4
    >>> fitted = fit(given, one_class, np.full(40, 0.5), found_wrong)
    >>> fitted.decided, fitted.is_guess("false"), fitted.is_guess("missing")
    ({'missing': 0, 'false': 40}, False, True)
    """
    past = np.zeros(len(given), bool) if past is None else past
    beside = np.zeros((len(given), 0)) if covariates is None else covariates
    fits = {}
    for kind in KINDS:
        here = given == (kind == "false")
        fits[kind] = fit_kind(
            p_wrong[here], class_id[here], wrong[here], past[here], BEND[kind], covariates=beside[here]
        )
    return Calibration(position, fits)


def fit_judged(cells: Judged, position: int = 0) -> Calibration:
    """`fit` to verdicts as `verdicts.judged` gives them."""
    fitted = fit(
        cells.given, cells.class_id, cells.p_wrong, cells.wrong, cells.past, cells.covariates, position=position
    )
    return replace(fitted, found=found_wrong(cells.clip_id, cells.given, cells.wrong))


def next_yield(calibration: Calibration, ranking: Ranking, index: NDArray[Any]) -> NextYield:
    """How many of the labels at these places (n,) are wrong, with a 95 % interval of that count.

    It counts how little the verdicts say of the map and, beyond that, that a label of 80 % may be right: from draws
    of the posterior predictive distribution, the same each time. The more places, the fewer draws. A guess may be off
    to either side, the long one too, so that its interval leaves out as much below as above; else it is the shortest.
    """
    given, class_id, p_wrong, covariates = calibration.taken(ranking, index)
    expected = float(calibration.probability(ranking, index).sum(dtype=np.float64))
    draws = int(np.clip(DRAWN_NUMBERS // max(1, len(given)), LEAST_DRAWS, DRAWS))
    counts, guess = np.zeros(draws, np.int64), False
    random = np.random.default_rng(0)
    for kind in KINDS:
        here = np.flatnonzero(given == (kind == "false"))
        if len(here):
            fitted = calibration.fits[kind]
            counts += fitted.draw_counts(p_wrong[here], class_id[here], random, draws, covariates[here])
            guess |= calibration.is_guess(kind)
    low, high = central(counts) if guess else shortest(counts)
    return NextYield(expected, min(low, int(expected)), max(high, int(np.ceil(expected))), len(given), guess)


def central(counts: NDArray[np.int64], held: float = 0.95) -> tuple[int, int]:
    """The range that holds such a share of counts (n,), n above 0, and leaves out as many below it as above."""
    low, high = np.quantile(counts, [(1 - held) / 2, (1 + held) / 2], method="inverted_cdf")
    return int(low), int(high)


def shortest(counts: NDArray[np.int64], held: float = 0.95) -> tuple[int, int]:
    """The shortest range, from the lowest to the highest, that holds such a share of counts (n,), n above 0.

    Of a lopsided distribution it leaves out what is rarest, on whichever side that lies; and counts of a few labels are
    so coarse that one cut on both sides holds far more than it promises.
    """
    ordered = np.sort(counts)
    inside = int(np.ceil(held * len(ordered) - 1e-9))
    wide = ordered[inside - 1 :] - ordered[: len(ordered) - inside + 1]
    narrowest = np.flatnonzero(wide == wide.min())
    first = int(narrowest[len(narrowest) // 2])
    return int(ordered[first]), int(ordered[first + inside - 1])


@dataclass(frozen=True)
class Bin:
    """Verdicts of a ``kind`` whose label was called ``low`` to ``high`` likely wrong, ``predicted`` on average, before
    anyone had listened; ``found``: how many were."""

    kind: str
    low: float
    high: float
    predicted: float
    found: Share


def reliability(cells: Judged) -> list[Bin]:
    """Whether calibrated probabilities hold: by kind and tenth, lowest first; tenths without a verdict are left out.

    See `prequential`. Verdicts on cells that were decided before this scoring teach, and are not judged.
    """
    return bins(cells, prequential(cells))


def prequential(cells: Judged) -> NDArray[np.float64]:
    """What was said of each verdict's label (n,) before it was known: by the calibration of earlier verdicts alone.

    NaN where that was a guess, and for cells decided before the scoring. It is fitted anew after GUESS_BELOW verdicts
    and each half more (Dawid, "The prequential approach", J. R. Statist. Soc. A 147, 1984).
    """
    predicted = np.full(len(cells), np.nan)
    first = 0
    while first < len(cells):
        end = min(len(cells), max(first + GUESS_BELOW, first + first // 2))
        earlier = fit_judged(cells.part(slice(0, first)))
        for kind in KINDS:
            here = first + np.flatnonzero((cells.given == (kind == "false"))[first:end] & ~cells.past[first:end])
            if len(here) and not earlier.is_guess(kind):
                fitted = earlier.fits[kind]
                predicted[here] = fitted.probability(cells.p_wrong[here], cells.class_id[here], cells.covariates[here])
        first = end
    return predicted


def bins(cells: Judged, predicted: NDArray[np.float64]) -> list[Bin]:
    """Verdicts by kind and tenth of what was ``predicted`` (n,); NaN is left out."""
    tenth = np.minimum(np.nan_to_num(predicted, nan=-1.0) * TENTHS, TENTHS - 1).astype(int)
    filled = []
    for kind in KINDS:
        for number in range(TENTHS):
            here = (cells.given == (kind == "false")) & (tenth == number) & ~np.isnan(predicted)
            if here.any():
                share = Share(int(cells.wrong[here].sum()), int(here.sum()))
                filled.append(Bin(kind, number / TENTHS, (number + 1) / TENTHS, float(predicted[here].mean()), share))
    return filled


def sentence(every_bin: Sequence[Bin], kind: str = "") -> str:
    """The tenth with most verdicts, of one kind or (``""``) of both together, in words; "" where there is none."""
    by_tenth: dict[float, list[Bin]] = {}
    for tenth in every_bin:
        if kind in ("", tenth.kind):
            by_tenth.setdefault(tenth.low, []).append(tenth)
    if not by_tenth:
        return ""
    most = max(by_tenth.values(), key=lambda parts: sum(part.found.of for part in parts))
    of, wrong = sum(part.found.of for part in most), sum(part.found.count for part in most)
    called = round(100 * sum(part.predicted * part.found.of for part in most) / of)
    what, how = {"": ("label", "wrong"), "false": ("listed label", "wrong"), "missing": ("unlisted class", "missing")}[
        kind
    ]
    if of == 1:
        return f"The one {what} that was called {called} % likely {how} {'was' if wrong else 'was not'}."
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    number = "all" if wrong == of else f"{wrong:,}" if wrong else "none"
    return f"Of {of:,} {plural} that were called {called} % likely {how}, {number} {'was' if wrong == 1 else 'were'}."
