"""What scorers may look at: labels, out-of-fold predictions, and what a run, other runs and the collection add.

Every array is (N, C): rows are the clips of the run that is scored, columns its classes. Evidence beside the run's own
predictions may be missing; scorers do without it, or say what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError, DataError
from labeling.logistic import sigmoid
from labeling.predictions.oof import FrameBlock, Oof, for_each_block

BORROWED = 1.0  # a class borrows as much from the whole collection as this many clips of its own would say
SMALLEST = 1e-4  # probabilities are kept this far from 0 and 1 in log odds; float16 knows 1 - p no closer
Floats = NDArray[np.float32]
_LACKS = {
    "others": "there is no other run to compare with; train a second one, with another train.seed",
    "dynamics": "it kept no record of its training; train it anew with train.dynamics = true",
    "neighbours": "its similar stretches were not kept; train it anew with predict.neighbours above 0",
    "priors": "which classes occur together, where and when tells nothing here that the sound does not",
}


@dataclass(frozen=True)
class FrameSummary:
    """What the frames of each clip say of each class.

    ``maximum`` and ``mean`` (N, C) float32 are the highest frame and the mean of all, ``above`` (N, C) int32 is how
    many frames reach ``threshold`` (C,). A clip without frames has its clipwise probability as maximum and mean, and 0
    or 1 frame above.
    """

    maximum: Floats
    mean: Floats
    above: NDArray[np.int32]
    threshold: Floats


@dataclass(frozen=True)
class Dynamics:
    """How the networks that trained on a clip came to see it; NaN where none did, or where the label was another then.

    ``margin``: the logit in training; ``forgotten``: how often the prediction left the label again; ``epoch_spread``:
    how far the probability moved from epoch to epoch (:mod:`labeling.run_evidence`).
    """

    margin: Floats
    forgotten: Floats
    epoch_spread: Floats


@dataclass(frozen=True)
class Evidence:
    """What a scorer may look at.

    ``given``: the label that is doubted says present; where a person decided, that is the label before. ``known``:
    False where the cell is masked (unsure): it takes part in no statistic, and its score means nothing. ``clipwise``:
    out-of-fold probability. ``verdict`` int8: what people said, 1 present, 0 absent, -1 nothing. ``others``: clipwise
    probabilities of other runs, NaN where a run did not predict the clip or lacks the class, and ``others_highest``
    their highest frames. ``neighbours``: of each model that looked for similar stretches, the share of those most alike
    in other clips whose clip lists the class, NaN where it is not known. ``priors``: shifts of the log odds by which
    classes occur together and by place and date. ``fold`` (N,): the part of each clip, which confusions of classes in
    it are not learned from; without it none are learned. ``others_by`` and ``neighbours_by`` name the runs of
    ``others`` and of ``neighbours``, where that is known; ``neighbours_in`` the spaces of the last of these.
    """

    given: NDArray[np.bool_]
    known: NDArray[np.bool_]
    clipwise: Floats
    frames: FrameSummary
    verdict: NDArray[np.int8] | None = None
    others: tuple[Floats, ...] = ()
    others_highest: tuple[Floats, ...] = ()
    dynamics: Dynamics | None = None
    neighbours: tuple[Floats, ...] = ()
    priors: tuple[Floats, ...] = ()
    fold: NDArray[np.integer] | None = None
    others_by: tuple[str, ...] = ()
    neighbours_by: tuple[str, ...] = ()
    neighbours_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.given.shape
        named = [("known", self.known), ("clipwise", self.clipwise), ("frames.maximum", self.frames.maximum)]
        named += [("frames.mean", self.frames.mean), ("frames.above", self.frames.above)]
        for name in ("others", "others_highest", "neighbours", "priors"):
            named += [(name, values) for values in getattr(self, name)]
        if self.verdict is not None:
            named.append(("verdict", self.verdict))
        if self.dynamics is not None:
            named += [(f"dynamics.{name}", value) for name, value in vars(self.dynamics).items()]
        if self.fold is not None and self.fold.shape != shape[:1]:
            raise ArtefactError(f"evidence: {len(self.fold)} folds where the labels have {shape[0]} clips")
        for name, array in named:
            if array.shape != shape:
                raise ArtefactError(f"evidence: {name} has shape {array.shape} where the labels have {shape}")

    def needed(self, name: str) -> Any:
        """The evidence ``name``; raises DataError with what to do where there is none."""
        value = getattr(self, name)
        if value is None or (isinstance(value, tuple) and not value):
            raise DataError(f"this run cannot be scored so: {_LACKS[name]}, or choose --scorer earmark")
        return value

    @property
    def label(self) -> NDArray[np.bool_]:
        """The labels as they are now: a person's verdict, else what is given."""
        if self.verdict is None:
            return self.given
        return np.where(self.verdict >= 0, self.verdict > 0, self.given)


@dataclass(frozen=True)
class Scores:
    """``label_quality`` and ``p_wrong``, (N, C) float32 in 0..1.

    Quality orders the cells, low = suspect. ``p_wrong`` is the scorer's own guess that the label is wrong.
    ``covariates``: evidence (N, C) each, on any scale, that verdicts may weigh anew beside it. ``weights``: what a
    standard deviation of each piece of evidence moves the log odds by, where the scorer learned that; ``margins``: the
    same of the margin in training, of unlisted cells and of listed ones, where training was followed.
    """

    label_quality: Floats
    p_wrong: Floats
    covariates: tuple[Floats, ...] = ()
    weights: tuple[float, ...] = ()
    margins: tuple[float, ...] = ()


Scorer = Callable[[Evidence], Scores]


class KnownMean:
    """Mean of arrays that may hold NaN, taken one at a time."""

    def __init__(self) -> None:
        self.total: Floats | None = None
        self.count: NDArray[np.uint8] | None = None

    def add(self, values: Floats, cells: NDArray[np.bool_] | None = None) -> None:
        """Count in the finite ``values``, of ``cells`` alone where they are given."""
        if self.total is None or self.count is None:
            self.total, self.count = np.zeros(values.shape, np.float32), np.zeros(values.shape, np.uint8)
        there = np.isfinite(values) if cells is None else np.isfinite(values) & cells
        np.add(self.total, values, out=self.total, where=there)
        self.count += there

    def value(self) -> Floats | None:
        """The mean, NaN where nothing was counted in; None where nothing ever was added."""
        if self.total is None or self.count is None:
            return None
        return np.where(self.count > 0, self.total / np.maximum(self.count, 1), np.float32(np.nan))


def known_mean(arrays: Iterable[Floats], shape: tuple[int, ...]) -> Floats:
    """The mean of some arrays of this shape over those that know a cell; NaN where none does."""
    mean = KnownMean()
    for values in arrays:
        mean.add(values)
    known = mean.value()
    return np.full(shape, np.nan, np.float32) if known is None else known


def as_scores(quality: NDArray[np.floating[Any]]) -> Scores:
    """Scores of a quality that is a probability itself, cut to 0..1."""
    bounded = np.clip(quality, 0, 1).astype(np.float32, copy=False)
    return Scores(bounded, 1 - bounded)


def scores_of_evidence(present: NDArray[np.floating[Any]], given: NDArray[np.bool_]) -> Scores:
    """Scores of evidence on any scale, as log odds: the more speaks for a class, the better for those that list it."""
    known = np.nan_to_num(present)
    return as_scores(sigmoid(np.where(given, known, -known)))


def log_odds(probability: NDArray[np.floating[Any]]) -> Floats:
    """log p / (1 - p) of probabilities kept SMALLEST away from 0 and 1."""
    p = np.clip(probability, SMALLEST, 1 - SMALLEST).astype(np.float32, copy=False)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)


def summarise_frames(oof: Oof, threshold: NDArray[np.float32]) -> FrameSummary:
    """Maximum, mean, and number of frames at or above ``threshold`` (C,), of every clip and class.

    Reads framewise in blocks of a few MB, some at a time. Raises ArtefactError where it cannot be read.
    """
    shape = (len(oof), len(oof.classes))
    maximum = oof.clipwise.astype(np.float32, copy=True)
    mean = maximum.copy()
    above = (oof.clipwise >= threshold).astype(np.int32)
    # Bits of float16 from 0 to 1 are ordered like the numbers, and integers compare many times faster
    least = np.asarray(threshold, dtype=np.float16)
    bits = np.where(least < threshold, np.nextafter(least, np.float16(2)), least).view(np.uint16)

    def work(block: FrameBlock) -> None:
        values = block.values.view(np.uint16)
        for row in range(block.first, block.last):
            first, last = block.offsets[row - block.first : row - block.first + 2]
            if first == last:
                continue
            frames = values[first:last]
            maximum[row] = frames.max(axis=0).view(np.float16)
            mean[row] = block.values[first:last].astype(np.float32).mean(axis=0)
            reached = (frames >= bits).view(np.uint8)
            count = np.zeros(shape[1], dtype=np.int32)
            for start in range(0, len(reached), 255):  # sums of bytes stay within a byte, which is fast
                count += np.add.reduce(reached[start : start + 255], axis=0, dtype=np.uint8)
            above[row] = count

    for_each_block(oof, work)
    return FrameSummary(maximum, mean, above, np.asarray(threshold, dtype=np.float32))


def highest_frames(oof: Oof) -> Floats:
    """The highest frame of every clip and class (N, C), clipwise where a clip has no frames; see `summarise_frames`."""
    maximum = oof.clipwise.astype(np.float32, copy=True)

    def work(block: FrameBlock) -> None:
        for row in range(block.first, block.last):
            frames = block.clip(row).view(np.uint16)
            if len(frames):
                maximum[row] = frames.max(axis=0).view(np.float16)

    for_each_block(oof, work)
    return maximum


def class_confidence(
    probability: NDArray[np.float32], given: NDArray[np.bool_], known: NDArray[np.bool_], *, listed: bool = True
) -> NDArray[np.float64]:
    """Typical confidence in the given label of each class: the threshold of confident learning, shrunk.

    The mean of p over the clips that list the class, or (``listed=False``) of 1 - p over those that do not (Northcutt
    et al., "Confident Learning", JAIR 2021, eq. 2, for each class as its own yes or no), drawn towards the mean over
    all classes as if BORROWED more clips spoke for that.

    Parameters
    ----------
    probability : ndarray of float32, shape (N, C)
    given, known : ndarray of bool, shape (N, C)
        The labels, and which of them count.
    listed : bool

    Returns
    -------
    ndarray of float64, shape (C,)

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.evidence import class_confidence
    >>> p = np.array([[0.9, 0.3], [0.7, 0.1]], np.float32)
    >>> given = np.array([[True, True], [True, False]])
    >>> class_confidence(p, given, np.ones_like(given)).round(2).tolist()
    [0.74, 0.47]
    """
    cells = (given if listed else ~given) & known
    count = cells.sum(axis=0)
    total = np.sum(probability, axis=0, where=cells, dtype=np.float64)
    if not listed:
        total = count - total
    whole = float(total.sum() / count.sum()) if count.any() else 0.5
    return np.asarray((total + BORROWED * whole) / (count + BORROWED))
