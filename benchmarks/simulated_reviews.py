"""Collections made up to see whether intervals hold the truth: a scorer, right or wrong about itself, and a reviewer.

    python -m benchmarks.simulated_reviews [--seeds 200]

Every suspect has a true log odds of being wrong, and is wrong by chance of it. A scorer says something else: its log
odds are a fair, timid, bold, noisy or saturated version of the true ones, with an offset for every class. A reviewer
goes through the queue from the top, each tenth look at random, the order made anew with what is learned; then the
interval for the next 20 is laid beside how many are wrong. The table gives the share of collections in which it held
the truth, and how wide it was, for several numbers of verdicts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.covariates import standardised
from labeling.disagreement.evidence import Evidence
from labeling.disagreement.scorers import earmark
from labeling.disagreement.stored_ranking import Past, Ranking
from labeling.quality import calibration
from labeling.quality.calibration import NextYield
from labeling.records import KINDS

NEXT = 20
AUDIT_SHARE = 0.1
REFIT_EVERY = 50  # verdicts
VERDICTS = (0, 20, 100, 500)

#: how a scorer's log odds follow from the true ones: slope, shift, spread of the class offsets, spread of its noise
SCORERS: Mapping[str, tuple[float, float, float, float]] = {
    "fair": (1.0, 0.0, 0.0, 0.0),
    "timid": (0.5, -1.0, 0.5, 0.0),
    "bold": (2.0, 1.0, 1.0, 0.0),
    "noisy": (1.0, 0.0, 0.5, 1.0),
    "saturated": (4.0, 4.0, 1.0, 0.0),
}


@dataclass(frozen=True)
class Collection:
    """Suspects, best first, and whether each is wrong (M,)."""

    ranking: Ranking
    wrong: NDArray[np.bool_]


def make_collection(seed: int, scorer: str, suspects: int = 3_000, classes: int = 30) -> Collection:
    """A collection of ``suspects`` cells, a quarter of them listed labels; classes differ in size as in nature."""
    random = np.random.default_rng([seed, list(SCORERS).index(scorer)])
    slope, shift, apart, noise = SCORERS[scorer]
    share = 1 / np.arange(1, classes + 1)
    class_id = random.choice(classes, suspects, p=share / share.sum()) + 1
    given = random.random(suspects) < 0.25
    true = random.normal(-2.0, 2.0, suspects)  # about a quarter of the suspects are wrong
    offset = random.normal(0, apart, (2, classes + 1))
    said = slope * true + shift + offset[given.astype(int), class_id] + random.normal(0, noise, suspects)
    p_wrong = (1 / (1 + np.exp(-said))).astype(np.float32)
    wrong = random.random(suspects) < 1 / (1 + np.exp(-true))
    best = np.argsort(-said)
    return Collection(ranking_of(class_id[best], given[best], p_wrong[best]), wrong[best])


def as_collection(evidence: Evidence, open_cells: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> Collection:
    """Real cells (N, C) by the default scorer, each as if in a clip of its own."""
    scores = earmark(evidence)
    row, column = np.nonzero(open_cells)
    best = np.argsort(-scores.p_wrong[row, column], kind="stable")
    at = row[best], column[best]
    given, p_wrong = evidence.given[at], scores.p_wrong[at]
    beside = standardised(np.stack([piece[at] for piece in scores.covariates], axis=1), p_wrong, given)
    return Collection(ranking_of(at[1] + 1, given, p_wrong, beside), wrong[at])


def ranking_of(
    class_id: NDArray[np.int64],
    given: NDArray[np.bool_],
    p_wrong: NDArray[np.float32],
    covariates: NDArray[np.float16] | None = None,
) -> Ranking:
    """A ranking of suspects, best first, each in a clip of its own; nothing is known of them but these (M,)."""
    size = len(class_id)
    zero, one, unknown = np.zeros(size, np.float32), np.ones(size, np.uint8), np.full(size, np.nan, np.float32)
    clip_id = np.arange(1, size + 1)
    none = np.zeros(0, np.int64)
    beside = np.zeros((size, 0), np.float16) if covariates is None else covariates
    return Ranking(
        clip_id=clip_id,
        class_id=class_id.astype(np.int64),
        partner_id=np.zeros(size, np.int64),
        kind=np.where(given, KINDS.index("false"), KINDS.index("missing")).astype(np.uint8),
        label_quality=1 - p_wrong,
        p_wrong=p_wrong,
        clipwise=zero,
        framewise_max=zero,
        onset_s=zero.astype(np.float64),
        offset_s=zero.astype(np.float64),
        fold=np.zeros(size, np.int32),
        given=given,
        runs=one,
        runs_agree=one,
        neighbours=unknown,
        typical=unknown,
        covariates=beside,
        past=Past(none, none, none.astype(bool), none.astype(np.float32), none.astype(bool), beside[:0]),
        sorted_cells=(clip_id << 24) | class_id,
        sorted_index=np.arange(size, dtype=np.int32),
    )


def looked_at(
    made: Collection, seed: int, checkpoints: Sequence[int], audit_share: float = AUDIT_SHARE
) -> Iterator[list[int]]:
    """The places decided at each of these numbers of verdicts, rising: of each ten looks nine go to the likeliest
    that is left, as far as is known, and one (``audit_share``) to any."""
    random = np.random.default_rng([seed, 1])
    done: list[int] = []
    left = np.ones(len(made.wrong), bool)
    order = iter(range(len(left)))
    for number in range(max(checkpoints) + 1):
        if number in checkpoints:
            yield list(done)
        if number and number % REFIT_EVERY == 0:
            order = iter(likeliest(made, done, learned(made, done)).tolist())
        by_chance = random.random() < audit_share
        place = int(random.choice(np.flatnonzero(left))) if by_chance else next(one for one in order if left[one])
        left[place] = False
        done.append(place)


def learned(made: Collection, done: list[int]) -> calibration.Calibration:
    """What the verdicts on these places teach."""
    ranking, at = made.ranking, np.array(done, np.int64)
    return calibration.fit(
        ranking.given[at], ranking.class_id[at], ranking.p_wrong[at], made.wrong[at], covariates=ranking.covariates[at]
    )


def likeliest(made: Collection, done: list[int], known: calibration.Calibration) -> NDArray[np.int64]:
    """The places that are not done, most likely wrong first by what is known."""
    left = np.ones(len(made.wrong), bool)
    left[done] = False
    places = np.flatnonzero(left)
    return places[np.argsort(-known.probability(made.ranking, places), kind="stable")]


def next_20(seed: int, scorer: str, verdicts: Sequence[int] = VERDICTS) -> list[tuple[NextYield, int]]:
    """After each of these numbers of verdicts, rising: the interval for the next 20, and how many of them are wrong."""
    made = make_collection(seed, scorer)
    found = []
    for done in looked_at(made, seed, verdicts):
        known = learned(made, done)
        index = likeliest(made, done, known)[:NEXT]
        found.append((calibration.next_yield(known, made.ranking, index), int(made.wrong[index].sum())))
    return found


def held(found: NextYield, truth: int) -> bool:
    """Whether an interval holds the truth."""
    return found.low <= truth <= found.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--scorer", action="append", choices=list(SCORERS), help="only these")
    args = parser.parse_args()
    print(
        f"share of {args.seeds} collections whose 95 % interval held how many of the next {NEXT} are wrong (mean width)"
    )
    print(f"{'scorer':12}" + "".join(f"{number:>8} verdicts" for number in VERDICTS))
    for scorer in args.scorer or SCORERS:
        runs = [next_20(seed, scorer) for seed in range(args.seeds)]
        line = f"{scorer:12}"
        for at in range(len(VERDICTS)):
            share = np.mean([held(*one[at]) for one in runs])
            width = np.mean([one[at][0].high - one[at][0].low for one in runs])
            line += f"{share:10.3f} ({width:4.1f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
