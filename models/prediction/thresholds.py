"""From probabilities to decisions: thresholds by name, fixed or fitted on a run's out-of-fold predictions.

A rule looks at two numbers of a class: ``frame``, the probability at one place (a frame; for a clip or a segment its
highest frame), and ``clip``, the clipwise probability of the stretch around it (a clip; the window that was shown).
It is written as ``NAME`` or ``NAME:NUMBERS``, such as ``global:0.3``. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError, DataError
from labeling.journal import versions
from labeling.predictions.metrics import best_f1
from labeling.predictions.oof import Oof, read_oof
from labeling.records import Labels, Run
from labeling.registry import Registry
from labeling.workspace import Workspace

FloatArray = NDArray[Any]
BoolArray = NDArray[np.bool_]
DEFAULT_RULE = "per_class"
SHRINKAGE = 10.0
"""A class's own threshold counts as much as the global one where it has this many positives."""


@dataclass(frozen=True)
class Evidence:
    """What a rule is fitted on, all (N, C): the highest frame and the clipwise probability of each clip, whether its
    label says present, and whether the cell is known (not unsure)."""

    frame: FloatArray
    clip: FloatArray
    present: BoolArray
    known: BoolArray
    classes: tuple[str, ...]

    def select(self, classes: Sequence[str]) -> Evidence:
        """The columns of these classes, in this order."""
        at = [self.classes.index(code) for code in classes]
        return Evidence(
            self.frame[:, at], self.clip[:, at], self.present[:, at], self.known[:, at], classes=tuple(classes)
        )


@dataclass(frozen=True)
class DecisionRule:
    """A decision: ``frame >= frame_threshold`` and, where there is one, ``clip >= clip_threshold``, both (C,).

    ``strict`` asks for more than the thresholds instead of at least. ``text`` says the rule in words.
    """

    frame_threshold: FloatArray
    clip_threshold: FloatArray | None = None
    strict: bool = False
    text: str = ""

    def select(self, columns: Sequence[int]) -> DecisionRule:
        """The rule for these columns, in this order."""
        at = list(columns)
        clip = None if self.clip_threshold is None else self.clip_threshold[at]
        return replace(self, frame_threshold=self.frame_threshold[at], clip_threshold=clip)

    def decide(self, frame: FloatArray, clip: FloatArray) -> BoolArray:
        """Whether each class is there: frame and clip (..., C) -> bool (..., C)."""
        above = np.greater if self.strict else np.greater_equal
        decided = above(frame, self.frame_threshold)
        if self.clip_threshold is not None:
            decided = decided & above(clip, self.clip_threshold)
        return np.asarray(decided, dtype=bool)


Fit = Callable[[int, Evidence | None], DecisionRule]


@dataclass(frozen=True)
class Kind:
    """One kind of rule: what its numbers are, their defaults (None: fitted), and ``make(numbers) -> Fit``.

    ``needs_labels`` tells of the numbers whether fitting needs a run's out-of-fold predictions.
    """

    numbers: str
    defaults: tuple[float | None, ...]
    bounds: tuple[float, float]
    summary: str
    make: Callable[[tuple[float | None, ...]], Fit]
    needs_evidence: Callable[[tuple[float | None, ...]], bool]


RULES: Registry[Kind] = Registry("threshold")


@dataclass(frozen=True)
class Threshold:
    """A rule as the user asked for it. ``needs_evidence``: it must be fitted on a run's predictions and labels."""

    text: str
    needs_evidence: bool
    _fit: Fit = field(repr=False)

    def fit(self, n_classes: int, evidence: Evidence | None = None) -> DecisionRule:
        """The rule for ``n_classes``; ``evidence`` has as many columns. Raises ConfigError where it is needed."""
        if self.needs_evidence and evidence is None:
            raise ConfigError(
                f"threshold {self.text!r} is fitted on out-of-fold predictions and there are none here; "
                "give a number, such as global:0.3"
            )
        return self._fit(n_classes, evidence)


def parse_threshold(text: str) -> Threshold:
    """Read a rule that turns probabilities into decisions.

    Parameters
    ----------
    text : str
        ``NAME`` or ``NAME:NUMBER,NUMBER``; a bare number is ``global``. Names: ``global``, ``per_class``, ``quantile``,
        ``clip_and_frame``, ``two``.

    Returns
    -------
    Threshold
        Its ``fit`` gives the rule, on a run's predictions where it has to.

    Raises
    ------
    UnknownName
        There is no such rule.
    ConfigError
        A number is no number, or out of bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from models.prediction.thresholds import parse_threshold
    >>> rule = parse_threshold("clip_and_frame:0.3,0.5").fit(n_classes=2)
    >>> rule.text
    'clip >= 0.3 and frame >= 0.5'
    >>> rule.decide(frame=np.array([0.6, 0.6]), clip=np.array([0.4, 0.1])).tolist()
    [True, False]
    """
    name, colon, rest = text.strip().partition(":")
    if not colon and _number(name) is not None:
        name, colon, rest = "global", ":", name
    kind = RULES.get(name.strip())
    given = [part.strip() for part in rest.split(",")] if colon else []
    if len(given) > len(kind.defaults) or (colon and not all(given)):
        raise ConfigError(f"threshold {text!r} must read {name}:{kind.numbers}: {kind.summary}")
    values: list[float | None] = list(kind.defaults)
    for k, part in enumerate(given):
        value = _number(part)
        low, high = kind.bounds
        if value is None or not low <= value <= high:
            raise ConfigError(
                f"threshold {text!r}: {part!r} must be a number from {low:g} to {high:g}; write {name}:{kind.numbers}"
            )
        values[k] = value
    numbers = tuple(values)
    return Threshold(text.strip(), kind.needs_evidence(numbers), kind.make(numbers))


def oof_evidence(oof: Oof, labels: Labels) -> Evidence:
    """Out-of-fold predictions beside the labels of their clips. A clip without frames has its clipwise for them.

    Raises DataError where clips or classes of the predictions are not in the labels.
    """
    row_of = {int(clip_id): row for row, clip_id in enumerate(labels.clip_ids)}
    column_of = {code: column for column, code in enumerate(labels.classes)}
    strange = [name for name, clip in zip(oof.filenames, oof.clip_ids, strict=True) if int(clip) not in row_of]
    strange += [code for code in oof.classes if code not in column_of]
    if strange:
        raise DataError(
            f"the predictions hold {strange[0]!r}, which the labels do not; use the run's own label version"
        )
    cells = np.ix_([row_of[int(clip)] for clip in oof.clip_ids], [column_of[code] for code in oof.classes])
    frame = np.array(oof.clipwise, dtype=np.float32)
    for block in oof.iter_blocks():
        for index in range(block.first, block.last):
            frames = block.clip(index)
            if len(frames):
                frame[index] = frames.max(axis=0)
    return Evidence(frame, oof.clipwise, labels.present[cells], ~labels.unsure[cells], oof.classes)


def fitted_rule(
    workspace: Workspace, run: Run, classes: Sequence[str], text: str
) -> tuple[DecisionRule, Evidence | None]:
    """The rule ``text`` for all of a run's classes, and what it was fitted on, None for a rule of plain numbers.

    It is fitted on all classes, so that a class is decided alike whichever others are asked for. Raises as
    `parse_threshold` and `oof_evidence` do.
    """
    threshold = parse_threshold(text)
    evidence = None
    if threshold.needs_evidence:
        evidence = evidence_of(workspace, run).select(classes)
    return threshold.fit(len(classes), evidence), evidence


def evidence_of(workspace: Workspace, run: Run) -> Evidence:
    """A finished run's out-of-fold predictions beside the labels that it was trained on."""
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, run.label_version)
    return oof_evidence(read_oof(workspace.run_dir(run.id) / "oof.zarr"), labels)


@dataclass(frozen=True)
class Outcome:
    """What a rule decides of the collection's clips, by class (C,): ``decided`` clips are said to have it, ``listed``
    list it, ``both`` do. Unknown cells count for nothing."""

    decided: NDArray[np.int64]
    listed: NDArray[np.int64]
    both: NDArray[np.int64]


def outcome(rule: DecisionRule, evidence: Evidence) -> Outcome:
    """Count what a rule decides, each clip by its highest frame and its clipwise probability."""
    decided = rule.decide(evidence.frame, evidence.clip) & evidence.known
    listed = evidence.present & evidence.known
    return Outcome(decided.sum(0), listed.sum(0), (decided & listed).sum(0))


def best_threshold(scores: FloatArray, present: BoolArray) -> float | None:
    """The threshold of the highest F1, in the middle of the gap below the lowest score that it lets through.

    The middle, because a threshold on the score itself would miss the like of that clip.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    present : ndarray of bool, shape (n,)

    Returns
    -------
    float or None
        None without positives.

    Examples
    --------
    >>> import numpy as np
    >>> from models.prediction.thresholds import best_threshold
    >>> best_threshold(np.array([0.75, 0.5, 0.25]), np.array([True, True, False]))
    0.375
    """
    _, threshold = best_f1(scores, present)
    if threshold is None:
        return None
    below = scores[scores < threshold]
    return float((threshold + below.max()) / 2) if len(below) else float(threshold)


def shrunk_thresholds(evidence: Evidence, overall: float, strength: float = SHRINKAGE) -> FloatArray:
    """Each class's threshold of the best F1, drawn towards ``overall`` the more, the fewer positives it has, (C,).

    In log odds ``(n own + strength overall) / (n + strength)``, n the class's known positives: a threshold found on
    three clips says little, one found on three hundred much. A class without positives gets ``overall``.
    """
    result = np.full(len(evidence.classes), overall, dtype=np.float64)
    for c in range(len(result)):
        use = evidence.known[:, c]
        own = best_threshold(evidence.frame[use, c], evidence.present[use, c])
        if own is None:
            continue
        n = int(evidence.present[use, c].sum())
        result[c] = _sigmoid((n * _logit(own) + strength * _logit(overall)) / (n + strength))
    return result


def _pooled(evidence: Evidence) -> float:
    """The one threshold of the best F1 over all known cells."""
    threshold = best_threshold(evidence.frame[evidence.known], evidence.present[evidence.known])
    if threshold is None:
        raise ConfigError("no class has a known positive to fit a threshold on; give a number, such as global:0.3")
    return threshold


def _global(numbers: tuple[float | None, ...]) -> Fit:
    def fit(n_classes: int, evidence: Evidence | None) -> DecisionRule:
        (value,) = numbers
        fitted = "" if value is not None else " (best F1 out of fold)"
        if value is None:
            assert evidence is not None
            value = _pooled(evidence)
        return DecisionRule(np.full(n_classes, value), text=f"{value:.4g} for every class{fitted}")

    return fit


def _per_class(numbers: tuple[float | None, ...]) -> Fit:
    def fit(n_classes: int, evidence: Evidence | None) -> DecisionRule:
        assert evidence is not None
        overall, strength = _pooled(evidence), float(numbers[0] or 0)
        values = shrunk_thresholds(evidence, overall, strength)
        text = f"{values.min():.4g} to {values.max():.4g}, each class its own (best F1 out of fold), near {overall:.4g}"
        return DecisionRule(values, text=text)

    return fit


def _quantile(numbers: tuple[float | None, ...]) -> Fit:
    def fit(n_classes: int, evidence: Evidence | None) -> DecisionRule:
        assert evidence is not None
        share = float(numbers[0] or 0)
        value = float(np.quantile(evidence.frame, 1 - share))
        return DecisionRule(
            np.full(n_classes, value), text=f"{value:.4g}: {share:.3g} of the out-of-fold cells lie above it"
        )

    return fit


def _both(strict: bool) -> Callable[[tuple[float | None, ...]], Fit]:
    def make(numbers: tuple[float | None, ...]) -> Fit:
        clip, frame = (float(number or 0) for number in numbers)
        sign = ">" if strict else ">="
        text = f"clip {sign} {clip:g} and frame {sign} {frame:g}"
        return lambda n_classes, _: DecisionRule(np.full(n_classes, frame), np.full(n_classes, clip), strict, text)

    return make


def _never(_: tuple[float | None, ...]) -> bool:
    return False


def _always(_: tuple[float | None, ...]) -> bool:
    return True


RULES.add(
    "global",
    Kind("P", (None,), (0, 1), "one threshold; without P, the best F1 out of fold", _global, lambda n: n[0] is None),
)
RULES.add(
    "per_class",
    Kind(
        "STRENGTH",
        (SHRINKAGE,),
        (0, 1e6),
        "each class's best F1 out of fold, drawn to the global one as if by STRENGTH clips",
        _per_class,
        _always,
    ),
)
# The winner of BirdCLEF 2022 chose so; q = 0.25.
RULES.add(
    "quantile", Kind("Q", (0.25,), (0, 1), "the (1 - Q) quantile of the out-of-fold probabilities", _quantile, _always)
)
# Winner of the 2020 Cornell birdcall challenge.
RULES.add("clip_and_frame", Kind("CLIP,FRAME", (0.3, 0.3), (0, 1), "both at least so high", _both(False), _never))
# 4th place of BirdCLEF 2021: the 30 s that a network was shown, and the 5 s within them.
RULES.add("two", Kind("LONG,SHORT", (0.05, 0.025), (0, 1), "all that was shown, and a part of it", _both(True), _never))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
