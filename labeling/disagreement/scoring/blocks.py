"""What the default scorer learns of a whole collection, from blocks of it.

The evidence of each block is asked for once and kept in files, a piece a file. Then the blocks are gone through again:
for what confusions explain, for the cells that fit the noise model, and for what the margin of training is worth. Sums
are taken in other groups than in memory, so that scores agree to the last digits of a float32, not in every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement import scorers, several_runs
from labeling.disagreement.confusions import ConfusionSums, explained
from labeling.disagreement.evidence import BORROWED, Dynamics, Evidence, Floats, FrameSummary, Scores, log_odds
from labeling.disagreement.fit_cells import FitChoice
from labeling.disagreement.neighbours import mean_share, share_log_odds
from labeling.disagreement.noise_model import NoiseModel, fit_chosen
from labeling.disagreement.scorers import Fitted, Weighed
from labeling.disagreement.scoring.scratch import OnDisk, Scratch
from labeling.disagreement.training_dynamics import FARTHEST, MarginFit, drawn_cells, fit_margin

Rows = Callable[[int, int], Evidence]
"""The evidence of the clips ``first`` to ``last`` (exclusive), in their order."""
BLOCK_CELLS = 4_000_000
"""So many cells at a time: 4,000 clips of 1,000 classes."""


@dataclass(frozen=True)
class BlockOfCells:
    """What is kept of a block, (n, C) each but ``fold`` (n,), and what is looked up for its suspects."""

    first: int
    given: NDArray[np.bool_]
    known: NDArray[np.bool_]
    verdict: NDArray[np.int8]
    label: NDArray[np.bool_]
    fold: NDArray[np.integer]


class Blocks:
    """The evidence of a collection of ``count`` clips and ``columns`` classes, in files, and what was learned of it."""

    def __init__(self, rows: Rows, count: int, columns: int, place: Scratch, block_cells: int) -> None:
        self.count, self.columns, self.place = count, columns, place
        self.step = max(1, block_cells // max(1, columns))
        self.kept = {name: place.array(np.uint8) for name in ("labels", "runs", "against")}
        self.kept |= {name: place.array() for name in ("clipwise", "highest", "share")}
        self.pieces: list[OnDisk] = []
        self.n_heard = self.n_shares = 0
        self.margin: OnDisk | None = None
        self.fold = np.zeros(count, np.int64)
        self.any_verdict = False
        self.like: Evidence | None = None
        self._typical = np.zeros((2, columns))
        self._listed, self._margin = np.zeros(columns), np.zeros((2, 2, columns))
        confusions = ConfusionSums()
        for first in range(0, count, self.step):
            self._keep(first, rows(first, min(count, first + self.step)), confusions)
        self._explain(confusions)

    # ---------------------------------------------------------------------------------------------- keeping

    def _keep(self, first: int, evidence: Evidence, confusions: ConfusionSums) -> None:
        """Keep a block, and add what is summed over all of them."""
        if self.like is None:
            self._begin(evidence)
        assert self.like is not None
        given, known, label = evidence.given, evidence.known, evidence.label
        verdict = np.full(given.shape, -1, np.int8) if evidence.verdict is None else evidence.verdict
        self.any_verdict |= bool((verdict >= 0).any())
        self.kept["labels"].write(first, given | (known << np.uint8(1)) | ((verdict + 1).astype(np.uint8) << 2))
        runs, against = several_runs.against(evidence)
        for name, values in (
            ("runs", runs), ("against", against), ("clipwise", evidence.clipwise),
            ("highest", evidence.frames.maximum), ("share", mean_share(evidence)),
        ):  # fmt: skip
            self.kept[name].write(first, values)
        heard = scorers.heard_log_odds(evidence)
        rest = [*evidence.neighbours, scorers.contrast_log_odds(evidence.frames), *evidence.priors]
        for piece, values in zip(self.pieces, (*heard, *rest), strict=True):
            piece.write(first, values)
        if evidence.fold is not None:
            self.fold[first : first + len(given)] = evidence.fold
            confusions.count(label, known, evidence.fold)
            for number, values in enumerate(heard):
                confusions.add(number, values, label, known, evidence.fold)
        cells = label & known
        self._typical += cells.sum(axis=0), np.sum(evidence.clipwise, axis=0, where=cells, dtype=np.float64)
        self._listed += cells.sum(axis=0)
        if self.margin is not None and evidence.dynamics is not None:
            values = evidence.dynamics.margin
            self.margin.write(first, values)
            for side, some in enumerate((given, ~given)):
                cells = some & known & np.isfinite(values)
                self._margin[side] += cells.sum(axis=0), np.sum(values, axis=0, where=cells, dtype=np.float64)

    def _begin(self, evidence: Evidence) -> None:
        empty = np.zeros((0, self.columns), np.float32)
        nothing = FrameSummary(empty, empty, empty.astype(np.int32), evidence.frames.threshold)
        self.like = Evidence(
            empty > 0, empty > 0, empty, nothing,
            others=(empty,) * len(evidence.others), others_highest=(empty,) * len(evidence.others),
            dynamics=None if evidence.dynamics is None else Dynamics(empty, empty, empty),
            neighbours=(empty,) * len(evidence.neighbours), priors=(empty,) * len(evidence.priors),
            fold=None if evidence.fold is None else np.zeros(0, np.int64),
            others_by=evidence.others_by, neighbours_by=evidence.neighbours_by, neighbours_in=evidence.neighbours_in,
        )  # fmt: skip
        self.n_heard, self.n_shares = 2 + 2 * len(evidence.others), len(evidence.neighbours)
        self.pieces = [self.place.array() for _ in range(self.n_heard + self.n_shares + 1 + len(evidence.priors))]
        self.margin = None if evidence.dynamics is None else self.place.array()

    def _explain(self, confusions: ConfusionSums) -> None:
        """Turn shares into log odds, and take off what another listed class explains, in the files."""
        usual = (self._listed / max(1, self.count)).clip(1e-4, 1 - 1e-4).astype(np.float32)
        shares = range(self.n_heard, self.n_heard + self.n_shares)
        with_fold = self.like is not None and self.like.fold is not None
        for number in shares:
            for block in self.blocks():
                values = share_log_odds(self._piece(number, block), usual)
                self.pieces[number].write(block.first, values)
                if with_fold:
                    confusions.add(number, values, block.label, block.known, block.fold)
        if not with_fold:
            return
        for number in (*range(self.n_heard), *shares):
            higher = confusions.higher(number)
            for block in self.blocks():
                taken = explained(higher, block.label, block.known, block.fold)
                self.pieces[number].write(block.first, self._piece(number, block) - taken)

    # ---------------------------------------------------------------------------------------------- reading

    def blocks(self) -> Iterator[BlockOfCells]:
        """The labels of each block in turn."""
        for first in range(0, self.count, self.step):
            last = min(self.count, first + self.step)
            packed = self.kept["labels"].read(first, last)
            given, known = (packed & 1) > 0, (packed & 2) > 0
            verdict = (packed >> 2).astype(np.int8) - np.int8(1)
            label = np.where(verdict >= 0, verdict > 0, given)
            yield BlockOfCells(first, given, known, verdict, label, self.fold[first:last])

    def _piece(self, number: int, block: BlockOfCells) -> Floats:
        return self.pieces[number].read(block.first, block.first + len(block.given))

    def features(self, block: BlockOfCells) -> list[Floats]:
        """What the noise model weighs, of a block."""
        return [self._piece(number, block) for number in range(len(self.pieces))]

    def read(self, name: str, block: BlockOfCells) -> NDArray[np.generic]:
        """Something kept of a block: clipwise, highest, share, runs, against."""
        return self.kept[name].read(block.first, block.first + len(block.given))

    def typical(self) -> Floats:
        """Typical confidence of each class (C,), as `class_confidence` has it."""
        count, total = self._typical
        whole = float(total.sum() / count.sum()) if count.any() else 0.5
        return ((total + BORROWED * whole) / (count + BORROWED)).astype(np.float32)

    # --------------------------------------------------------------------------------------------- learning

    def learn(self) -> Learned:
        """Fit the default scorer."""
        choice, spread = FitChoice(), _Spread(len(self.pieces))
        for block in self.blocks():
            choice.look(self._piece(0, block), block.given, block.known, self._verdict(block))
            spread.add(self.features(block), block.known)
        for block in self.blocks():
            choice.take(self.features(block), block.given, block.known, self._verdict(block))
        noise = fit_chosen(choice.chosen(), self.columns)
        steepness = noise.coefficients[:, 1:].mean(axis=0).tolist()
        weights = tuple(steep * apart for steep, apart in zip(steepness, spread.values(), strict=True))
        if self.margin is None:
            return Learned(self, Fitted(noise, None), weights, None)
        surprise = self._surprise()
        margins = self._margins(noise, surprise)
        return Learned(self, Fitted(noise, margins), weights, surprise)

    def _verdict(self, block: BlockOfCells) -> NDArray[np.int8] | None:
        return block.verdict if self.any_verdict else None

    def _surprise(self) -> Callable[[BlockOfCells], Floats]:
        """`training_dynamics.surprise`, by block."""
        usual, squared, counts = [], np.zeros(2), np.zeros(2)
        for count, total in self._margin:
            whole = float(total.sum() / max(1.0, count.sum()))
            usual.append(((total + BORROWED * whole) / (count + BORROWED)).astype(np.float32))
        assert self.margin is not None
        margin = self.margin

        def sides(block: BlockOfCells) -> Iterator[tuple[int, NDArray[np.bool_], Floats]]:
            values = margin.read(block.first, block.first + len(block.given))
            there = block.known & np.isfinite(values)
            for side, some in enumerate((block.given, ~block.given)):
                yield side, there & some, np.where(there & some, values - usual[side], np.float32(0))

        for block in self.blocks():
            for side, cells, apart in sides(block):
                squared[side] += np.sum(apart**2, dtype=np.float64)
                counts[side] += cells.sum()
        spread = np.sqrt(squared / np.maximum(counts, 1))

        def of(block: BlockOfCells) -> Floats:
            out = np.zeros(block.given.shape, np.float32)
            for side, cells, apart in sides(block):
                if counts[side] and spread[side] > 1e-6:
                    out[cells] = np.clip(apart / np.float32(spread[side]), -FARTHEST, FARTHEST)[cells]
            return out

        return of

    def _margins(self, noise: NoiseModel, surprise: Callable[[BlockOfCells], Floats]) -> tuple[MarginFit, MarginFit]:
        """What surprises are worth where the label is not listed, and where it is."""
        assert self.margin is not None
        totals = [int(self._margin[side, 0].sum()) for side in (1, 0)]
        drawn = [drawn_cells(total) for total in totals]
        order = [None if one is None else np.sort(one) for one in drawn]
        seen = [0, 0]
        taken: tuple[list[Floats], list[Floats]] = [], []
        for block in self.blocks():
            features, values = self.features(block), surprise(block)
            held_out, p_wrong = log_odds(noise.p_present(features)), noise.p_wrong(features, block.given)
            p_wrong = np.where(block.verdict >= 0, (block.verdict > 0) != block.given, p_wrong)
            there = block.known & np.isfinite(self.margin.read(block.first, block.first + len(block.given)))
            for place, cells in enumerate((there & ~block.given, there & block.given)):
                part = np.stack([one[cells] for one in (values, held_out, p_wrong)])
                own = order[place]
                if own is not None:
                    low, high = np.searchsorted(own, (seen[place], seen[place] + part.shape[1]))
                    part, of_all = part[:, own[low:high] - seen[place]], part.shape[1]
                else:
                    of_all = part.shape[1]
                seen[place] += of_all
                taken[place].append(part)
        fits = []
        for place, parts in enumerate(taken):
            cells = np.concatenate(parts, axis=1)
            own = drawn[place]
            if own is not None:
                cells = cells[:, np.argsort(np.argsort(own))]  # in the order in which they were drawn
            fits.append(fit_margin(*cells.astype(np.float32), listed=place == 1))
        return fits[0], fits[1]


class _Spread:
    """Standard deviations of pieces over known cells, summed block by block."""

    def __init__(self, pieces: int) -> None:
        self.sums = np.zeros((pieces, 2))
        self.count = 0

    def add(self, features: list[Floats], known: NDArray[np.bool_]) -> None:
        self.count += int(known.sum())
        for sums, values in zip(self.sums, features, strict=True):
            inside = values[known].astype(np.float64)
            sums += inside.sum(), inside @ inside

    def values(self) -> list[float]:
        if not self.count:
            return [0.0] * len(self.sums)
        mean, square = (self.sums / self.count).T
        return [float(value) for value in np.sqrt(np.maximum(0, square - mean**2))]


@dataclass(frozen=True)
class Learned:
    """The fitted scorer, and the blocks that it scores. ``weights`` as `Scores` has them; ``surprise`` (n, C) of a
    block, None where no training was followed."""

    of: Blocks
    fitted: Fitted
    weights: tuple[float, ...]
    surprise: Callable[[BlockOfCells], Floats] | None

    def scores(self, block: BlockOfCells) -> Scores:
        """`scorers.earmark` of a block's cells."""
        like, margin = self.of.like, self.of.margin
        assert like is not None
        features = self.of.features(block)
        weighed = Weighed(features, None if self.surprise is None else self.surprise(block))
        clipwise = np.asarray(self.of.read("clipwise", block), np.float32)
        dynamics = None
        if margin is not None:
            values = margin.read(block.first, block.first + len(block.given))
            dynamics = Dynamics(values, values, values)
        nothing = FrameSummary(clipwise, clipwise, np.zeros(clipwise.shape, np.int32), like.frames.threshold)
        evidence = Evidence(
            block.given, block.known, clipwise, nothing, verdict=block.verdict if self.of.any_verdict else None,
            dynamics=dynamics,
        )  # fmt: skip
        return replace(scorers.scored(self.fitted, weighed, evidence), weights=self.weights)
