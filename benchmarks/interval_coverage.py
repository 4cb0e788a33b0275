"""Do the 95 % intervals hold the truth? Simulated collections, a reviewer at a sorted queue, one look in ten at random.

    python -m benchmarks.interval_coverage [--seeds 200]
    python -m benchmarks.interval_coverage --workspace W --truth DIR_OR_FILE... [--seeds 5] [--run RUN]

Prints Markdown. For each world and number of verdicts: in how many of the collections the interval of the noise rates
held the true rate (of both kinds; of the classes), and "at most k remain" the number that did (of both kinds and in
all); how wide they were; and how far off the share of wrong ones among all that was reviewed is, taken for the rate.
Then the same for how many of the next 20 are wrong, in the collections of simulated_reviews.py.

With a workspace the collections are real: the out-of-fold predictions of its finished runs, the labels as imported and,
for each seed, other errors planted over the truth (label_errors.py says what tells that). For each kind of errors and
number of verdicts down the default scorer's queue, with one look in ten at random and with none: how many of the next
20, and of all cells that are left, were expected to be wrong and are; in how many collections the 95 % range held that;
and how wide it was. The networks learned from the labels as imported, so planted errors are a little easier than real
ones; what a run recorded of its training and which classes occur together belong to those labels and are left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import label_errors
from benchmarks.simulated_reviews import (
    NEXT,
    SCORERS,
    Collection,
    as_collection,
    learned,
    likeliest,
    looked_at,
    next_20,
    ranking_of,
)
from labeling.disagreement.evidence import Evidence
from labeling.errors import EarmarkError
from labeling.quality import audit
from labeling.quality.calibration import NextYield, next_yield
from labeling.quality.noise_rates import Cells, rates_of, remaining_of

VERDICTS = (0, 50, 200, 1_000)
AUDIT_SHARE = 0.1
LISTED = 0.2  # of the cells
CLASSES = 20
#: world -> how much the scorer knows (separation of right and wrong in standard deviations), how the errors lie
WORLDS: Mapping[str, float] = {
    "good": 2.5,
    "useless": 0.0,
    "overconfident": 1.0,
    "classes unlike": 1.5,
    "unasked": 1.5,
    "half unheard": 4.0,
}
REAL_VERDICTS = (0, 10, 30, 100, 300)
#: kind of errors -> share of true labels that are missing, wrong ones planted for each true one, labels swapped
PLANTED: Mapping[str, tuple[float, float, float]] = {
    "few": (0.04, 0.02, 0.02),
    "mixed": (0.15, 0.1, 0.08),
    "missing": (0.4, 0.01, 0.02),
    "false": (0.05, 0.3, 0.1),
}
SIZES = ((3_000, 0.2), (20_000, 0.02), (200_000, 0.001))  # cells, share of them wrong


@dataclass(frozen=True)
class Review:
    """One collection, all cells (M,); the places that a reviewer decided, in order, and which chance had picked."""

    class_id: NDArray[np.int64]
    given: NDArray[np.bool_]
    p_wrong: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    done: NDArray[np.int64]
    drawn: NDArray[np.bool_]

    def cells(self, verdicts: int, *, weighted: bool = True) -> Cells:
        """After so many verdicts. Not ``weighted``: as if chance had picked all that was reviewed."""
        done = self.done[:verdicts]
        undecided = np.ones(len(self.wrong), bool)
        undecided[done] = False
        open_places = np.flatnonzero(undecided)
        places = np.concatenate([open_places, done])
        drawn = self.drawn[:verdicts] if weighted else np.ones(len(done), bool)
        return Cells(
            class_id=self.class_id[places],
            given=self.given[places],
            primary=self.given[places] & (self.class_id[places] % 2 == 0),
            guess=self.p_wrong[open_places],
            wrong=self.wrong[done],
            drawn=drawn,
        )


def simulate(
    world: str, cells: int, errors: float, verdicts: int, seed: int, audit_share: float = AUDIT_SHARE
) -> Review:
    """A collection, and a reviewer who goes down its queue, ``audit_share`` of the looks being drawn from all cells.

    "unasked" is a reviewer who also finds wrong labels by themselves: each third decision is on one of those. In "half
    unheard" every second wrong label is one of a sound that the scorer never hears, and lies among the least suspect.
    """
    random = np.random.default_rng([seed, cells, list(WORLDS).index(world)])
    given = random.random(cells) < LISTED
    size = 1 / np.arange(1, CLASSES + 1)
    class_id = random.choice(CLASSES, cells, p=size / size.sum()) + 1
    share = np.full(cells, errors)
    if world == "classes unlike":  # from none to three times as many
        share = share * np.linspace(0, 3, CLASSES)[random.permutation(CLASSES)][class_id - 1]
    wrong = random.random(cells) < np.minimum(share, 0.9)
    score = random.normal(WORLDS[world] * wrong, 1.0)
    if world == "half unheard":
        score -= 2 * WORLDS[world] * (wrong & (random.random(cells) < 0.5))
    p_wrong = 1 / (1 + np.exp(-(4 * score + 2 if world == "overconfident" else score - 2)))
    best = np.argsort(-p_wrong)
    class_id, given, p_wrong, wrong = class_id[best], given[best], p_wrong[best].astype(np.float32), wrong[best]
    by_chance = iter(audit.order(ranking_of(class_id, given, p_wrong)).tolist())
    sorted_queue, by_ear = iter(range(cells)), iter(random.permutation(np.flatnonzero(wrong)).tolist())
    left, done, drawn = np.ones(cells, bool), list[int](), list[bool]()
    for number in range(min(verdicts, cells)):
        chance = random.random() < audit_share
        queue = by_chance if chance else by_ear if world == "unasked" and number % 3 == 0 else sorted_queue
        place = next((one for one in queue if left[one]), None)
        place = next(one for one in sorted_queue if left[one]) if place is None else place
        left[place] = False
        done.append(place)
        drawn.append(chance)
    return Review(class_id, given, p_wrong, wrong, np.array(done, np.int64), np.array(drawn, bool))


@dataclass(frozen=True)
class Held:
    """Which intervals of one moment held the truth, and how wide they were (as shares of the cells)."""

    kinds: list[bool]
    kinds_width: list[float]
    classes: list[bool]
    bounds: list[bool]
    bounds_share: list[float]
    naive_off: float


def check(made: Review, verdicts: int, *, weighted: bool = True) -> Held:
    """The intervals after so many verdicts beside the truth."""
    cells = made.cells(verdicts, weighted=weighted)
    done = made.done[:verdicts]
    left = made.wrong.copy()
    left[done] = False
    kinds, widths, classes = list[bool](), list[float](), list[bool]()
    for rate in rates_of(cells):
        of = made.given if rate.kind != "missing" else ~made.given
        if rate.kind in ("primary", "secondary"):
            of = of & ((made.class_id % 2 == 0) == (rate.kind == "primary"))
        if rate.class_id is not None:
            of = of & (made.class_id == rate.class_id)
        holds = rate.low - 1e-9 <= made.wrong[of].mean() <= rate.high + 1e-9
        if rate.class_id is None:
            kinds.append(holds)
            widths.append(rate.high - rate.low)
        else:
            classes.append(holds)
    truth = {"false": left[made.given].sum(), "missing": left[~made.given].sum(), "all": left.sum()}
    bounds = remaining_of(cells)
    return Held(
        kinds,
        widths,
        classes,
        [bool(truth[one.kind] <= one.at_most) for one in bounds],
        [one.at_most / max(1, one.among) for one in bounds],
        float(made.wrong[done].mean() - made.wrong.mean()) if len(done) else float("nan"),
    )


def table(seeds: int, worlds: Sequence[str] = tuple(WORLDS)) -> None:
    """Print one line for each world, size and number of verdicts."""
    print("| scorer, reviewer | cells | wrong | verdicts | rates held | mean width | rates of classes held ", end="")
    print("| bounds held | of false, missing, all, mean | naive share is off by |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for world in worlds:
        for cells, errors in SIZES:
            made = [simulate(world, cells, errors, VERDICTS[-1], seed) for seed in range(seeds)]
            for verdicts in VERDICTS:
                held = [check(one, verdicts) for one in made]
                parts = [
                    world,
                    f"{cells:,}",
                    f"{100 * errors:g} %",
                    f"{verdicts:,}",
                    _percent([min(np.mean(column) for column in zip(*(one.kinds for one in held), strict=True))]),
                    _percent([one for each in held for one in each.kinds_width]),
                    _percent([one for each in held for one in each.classes]),
                    _percent([min(np.mean(column) for column in zip(*(one.bounds for one in held), strict=True))]),
                    ", ".join(map(_percent, zip(*(one.bounds_share for one in held), strict=True))),
                    f"{100 * np.mean([one.naive_off for one in held]):+.1f} points" if verdicts else "",
                ]
                print(f"| {' | '.join(parts)} |", flush=True)


def planted(truth: NDArray[np.bool_], kind: str, seed: int) -> NDArray[np.bool_]:
    """Labels (N, C) with errors of this kind over the truth (N, C)."""
    random = np.random.default_rng([seed, list(PLANTED).index(kind)])
    missing, spurious, swapped = PLANTED[kind]
    rows, columns = np.nonzero(truth)
    swaps = random.random(len(rows)) < swapped
    given = truth & (random.random(truth.shape) >= missing)
    given |= ~truth & (random.random(truth.shape) < spurious * truth.sum() / max(1, (~truth).sum()))
    given[rows[swaps], columns[swaps]] = False
    given[rows[swaps], random.integers(0, truth.shape[1], int(swaps.sum()))] = True
    return np.asarray(given)


def real_collections(case: label_errors.Case, seeds: int) -> Iterator[tuple[str, Collection]]:
    """A run's cells as imported, and with errors of each kind planted by each seed; best suspect first."""
    truth = case.aligned.given ^ case.wrong
    yield "as imported", _collection(replace(case.evidence, verdict=None), case.wrong)
    for kind in PLANTED:
        for seed in range(seeds):
            given = planted(truth, kind, seed)
            evidence = replace(case.evidence, given=given, verdict=None, dynamics=None, priors=())
            yield kind, _collection(evidence, given ^ truth)


def _collection(evidence: Evidence, wrong: NDArray[np.bool_]) -> Collection:
    return as_collection(evidence, evidence.known, wrong)


def ahead(made: Collection, seed: int, audit_share: float) -> list[tuple[NextYield, int, NextYield, int]]:
    """At each of REAL_VERDICTS: what is said of the next 20 and how many are wrong, and of all that are left."""
    found = []
    for done in looked_at(made, seed, REAL_VERDICTS, audit_share):
        known = learned(made, done)
        left = likeliest(made, done, known)
        soon, whole = (next_yield(known, made.ranking, places) for places in (left[:NEXT], left))
        found.append((soon, int(made.wrong[left[:NEXT]].sum()), whole, int(made.wrong[left].sum())))
    return found


def real_table(cases: Sequence[label_errors.Case], seeds: int) -> None:
    """Print one line for each kind of errors, share of random looks and number of verdicts."""
    print(f"| errors | random looks | verdicts | of the next {NEXT} expected, wrong | held | mean width ", end="")
    print("| of all left expected, wrong | held | mean width |")
    print("|---|---|---|---|---|---|---|---|---|")
    by_kind: dict[str, list[Collection]] = {}
    for case in cases:
        for kind, made in real_collections(case, seeds):
            by_kind.setdefault(kind, []).append(made)
    for share in (0.0, AUDIT_SHARE):
        every = []
        for kind, collections in by_kind.items():
            found = [ahead(made, seed, share) for seed, made in enumerate(collections)]
            every += found
            _print_lines(kind, share, found)
        _print_lines("all", share, every)


def _print_lines(kind: str, share: float, found: Sequence[list[tuple[NextYield, int, NextYield, int]]]) -> None:
    for verdicts, column in zip(REAL_VERDICTS, zip(*found, strict=True), strict=True):
        parts = [kind, f"{100 * share:g} %", f"{verdicts:,}"]
        for said, truth in (([one[0] for one in column], [one[1] for one in column]),
                            ([one[2] for one in column], [one[3] for one in column])):  # fmt: skip
            parts += [
                f"{np.mean([one.expected for one in said]):.1f}, {np.mean(truth):.1f}",
                _percent([one.low <= true <= one.high for one, true in zip(said, truth, strict=True)]),
                f"{np.mean([one.high - one.low for one in said]):.1f}",
            ]
        print(f"| {' | '.join(parts)} |", flush=True)


def _percent(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):.1f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seeds", type=int, help="collections a line (200); of a workspace, for each kind of errors (5)"
    )
    parser.add_argument("--workspace")
    parser.add_argument("--run", action="append", default=[])
    parser.add_argument("--truth", nargs="+", type=Path)
    args = parser.parse_args()
    if bool(args.workspace) != bool(args.truth):
        parser.error("--workspace and --truth go together: predictions, and what is true of their cells")
    begun = time.perf_counter()
    if args.workspace:
        try:
            cases = label_errors.load(args.workspace, args.run, args.truth)
        except (EarmarkError, OSError) as error:
            print(error, file=sys.stderr)
            return 1
        real_table(cases, args.seeds or 5)
    else:
        simulated(args.seeds or 200)
    print(f"\n{time.perf_counter() - begun:.0f} s")
    return 0


def simulated(seeds: int) -> None:
    """Print the tables of made-up collections."""
    print(f"{seeds} collections a line. Where an interval is of several kinds, the share of the one that held least.\n")
    table(seeds)
    print(f"\n| scorer | verdicts | next {NEXT} held | mean width |\n|---|---|---|---|")
    numbers = (0, 50, 200)
    for scorer in SCORERS:
        found = [next_20(seed, scorer, numbers) for seed in range(seeds)]
        for verdicts, column in zip(numbers, zip(*found, strict=True), strict=True):
            held = _percent([one.low <= truth <= one.high for one, truth in column])
            print(f"| {scorer} | {verdicts} | {held} | {np.mean([one.high - one.low for one, _ in column]):.1f} |")


if __name__ == "__main__":
    sys.exit(main())
