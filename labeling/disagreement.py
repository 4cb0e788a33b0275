"""How likely each given label is wrong: from labels and out-of-fold predictions to label quality.

A scorer is a pure function of :class:`Evidence` that rates every cell at once. Users may add their own::

    @SCORERS.register("mine")
    def mine(evidence: Evidence) -> Scores: ...

Statistics of a class (its typical confidence, its threshold) are drawn towards those of the whole collection
where the class has few clips, so that a class with no positive, or nothing but positives, is scored like any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError
from labeling.noise_model import NoiseModel, fit_noise_model
from labeling.predictions import FrameBlock, Oof
from labeling.registry import Registry

DEFAULT_SCORER = "earmark"

BORROWED = 1.0  # a class borrows as much from the whole collection as this many clips of its own would say
_TINY = np.float32(1e-12)
_SMALLEST = 1e-4  # probabilities are kept this far from 0 and 1 in log odds; float16 knows 1 - p no closer


@dataclass(frozen=True)
class FrameSummary:
    """What the frames of each clip say of each class.

    ``maximum`` (N, C) float32 is the highest frame; ``above`` (N, C) int32 how many frames reach ``threshold``
    (C,). A clip without frames has its clipwise probability as maximum, and 0 or 1 frame above.
    """

    maximum: NDArray[np.float32]
    above: NDArray[np.int32]
    threshold: NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """What a scorer may look at; all arrays are (N, C), rows are clips, columns classes.

    ``given``: the label says present. ``known``: False where the cell is masked (unsure): it takes part in no
    statistic, and its score means nothing. ``clipwise``: out-of-fold probability.
    """

    given: NDArray[np.bool_]
    known: NDArray[np.bool_]
    clipwise: NDArray[np.float32]
    frames: FrameSummary

    def __post_init__(self) -> None:
        shape = self.given.shape
        for name, array in (
            ("known", self.known),
            ("clipwise", self.clipwise),
            ("frames.maximum", self.frames.maximum),
            ("frames.above", self.frames.above),
        ):
            if array.shape != shape:
                raise ArtefactError(f"evidence: {name} has shape {array.shape} where the labels have {shape}")


@dataclass(frozen=True)
class Scores:
    """``label_quality`` and ``p_wrong``, (N, C) float32 in 0..1.

    Quality orders the cells, low = suspect. ``p_wrong`` is the scorer's own guess that the label is wrong; no
    reviewer's verdict has gone into it.
    """

    label_quality: NDArray[np.float32]
    p_wrong: NDArray[np.float32]


Scorer = Callable[[Evidence], Scores]
SCORERS = Registry[Scorer]("scorer")


def gather_evidence(oof: Oof, given: NDArray[np.bool_], known: NDArray[np.bool_]) -> Evidence:
    """Evidence of a run against labels in the same rows and columns; reads every frame once.

    A frame counts as above where it reaches half of the class's typical clipwise confidence.
    """
    threshold = class_confidence(oof.clipwise, given, known) / 2
    return Evidence(given, known, oof.clipwise, summarise_frames(oof, threshold.astype(np.float32)))


def summarise_frames(oof: Oof, threshold: NDArray[np.float32]) -> FrameSummary:
    """Maximum, and number of frames at or above ``threshold`` (C,), of every clip and class.

    Reads framewise in blocks of a few MB, some at a time. Raises ArtefactError where it cannot be read.
    """
    shape = (len(oof), len(oof.classes))
    maximum = oof.clipwise.astype(np.float32, copy=True)
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
            reached = (frames >= bits).view(np.uint8)
            count = np.zeros(shape[1], dtype=np.int32)
            for start in range(0, len(reached), 255):  # sums of bytes stay within a byte, which is fast
                count += np.add.reduce(reached[start : start + 255], axis=0, dtype=np.uint8)
            above[row] = count

    for_each_block(oof, work)
    return FrameSummary(maximum, above, np.asarray(threshold, dtype=np.float32))


def for_each_block(oof: Oof, work: Callable[[FrameBlock], None], max_bytes: int = 8 << 20) -> None:
    """Call ``work`` on every block of frames, in a few threads, with no more than a few blocks in memory."""
    workers = max(1, min(8, os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for block in oof.iter_blocks(max_bytes):
            waiting.append(pool.submit(work, block))
            if len(waiting) > workers:
                waiting.pop(0).result()
        for future in waiting:
            future.result()


def class_confidence(
    probability: NDArray[np.float32], given: NDArray[np.bool_], known: NDArray[np.bool_], *, listed: bool = True
) -> NDArray[np.float64]:
    """Typical confidence (C,) in the given label: the threshold of confident learning, shrunk.

    The mean of p over the clips that list the class, or (``listed=False``) of 1 - p over those that do not
    (Northcutt et al., "Confident Learning", JAIR 2021, eq. 2, for each class as its own yes or no), drawn
    towards the mean over all classes as if BORROWED more clips spoke for that.
    """
    cells = (given if listed else ~given) & known
    count = cells.sum(axis=0)
    total = np.sum(probability, axis=0, where=cells, dtype=np.float64)
    if not listed:
        total = count - total
    whole = float(total.sum() / count.sum()) if count.any() else 0.5
    return np.asarray((total + BORROWED * whole) / (count + BORROWED))


@SCORERS.register("self_confidence")
def self_confidence(evidence: Evidence) -> Scores:
    """Clipwise probability of the given label: p where listed, 1 - p where not."""
    return _as_probability(_confidence(evidence.clipwise, evidence.given))


@SCORERS.register("frame_max")
def frame_max(evidence: Evidence) -> Scores:
    """As self_confidence, from the highest frame: finds the class that is only heard for a moment."""
    return _as_probability(_confidence(evidence.frames.maximum, evidence.given))


@SCORERS.register("relative")
def relative(evidence: Evidence) -> Scores:
    """Self-confidence s relative to what is typical of such labels of the class, t: s / (s + t).

    Below 0.5 where the model is less sure of this label than of the class's labels in general. A network that
    never passes 0.3 on a rare class then no longer makes every label of that class a suspect.
    """
    confidence = _confidence(evidence.clipwise, evidence.given)
    listed = class_confidence(evidence.clipwise, evidence.given, evidence.known).astype(np.float32)
    unlisted = class_confidence(evidence.clipwise, evidence.given, evidence.known, listed=False).astype(np.float32)
    typical = np.where(evidence.given, listed, unlisted)
    return _as_probability(confidence / np.maximum(confidence + typical, _TINY))


@SCORERS.register("cleanlab")
def cleanlab(evidence: Evidence) -> Scores:
    """The score of cleanlab, adjusted for how confident the model is of each class; the reference to compare with.

    Equals ``cleanlab.multilabel_classification.rank.get_label_quality_scores_per_class(labels, clipwise,
    adjust_pred_probs=True)`` (cleanlab 2.9): each class is a yes or no, from both probabilities their
    confident-learning threshold is taken, the larger threshold is added back, and the two are rescaled to
    sum to 1. A side without any clip has threshold 2 there, so here too. Nothing is shrunk, since it is a
    reference. Without the adjustment cleanlab's score is self_confidence.
    """
    p, given = evidence.clipwise.astype(np.float32, copy=False), evidence.given
    thresholds = []
    for cells, probability in ((given & evidence.known, p), (~given & evidence.known, 1 - p)):
        total = np.sum(probability, axis=0, where=cells, dtype=np.float64)
        count = cells.sum(axis=0)
        thresholds.append(np.where(count, total / np.maximum(1, count), 2.0).astype(np.float32))
    high = np.maximum(*thresholds)
    present, absent = p - thresholds[0] + high, (1 - p) - thresholds[1] + high
    return _as_probability(np.where(given, present, absent) / np.maximum(present + absent, _TINY))


@SCORERS.register(DEFAULT_SCORER)
def earmark(evidence: Evidence) -> Scores:
    """All evidence in one: the probability that the given label is right under a model of label noise.

    Evidence of a cell: log odds of clipwise, log odds of the highest frame, and the logarithm of how many
    frames reach half the class's typical confidence. How much each weighs, what is typical of a class, how
    common it is, and how often labels are missing or spurious are estimated from the collection itself
    (:mod:`labeling.noise_model`). Then P(wrong) = P(true label unlike the given one | evidence, given label), and
    quality is 1 - P(wrong): listed and unlisted cells share one scale. More frames, a higher maximum or a higher
    clipwise probability never make a class look less present.
    """
    model = fit_noise_model(*noise_model_input(evidence))
    return score_with(model, evidence)


def score_with(model: NoiseModel, evidence: Evidence) -> Scores:
    """Scores of a fitted noise model."""
    features, given, _ = noise_model_input(evidence)
    p_wrong = model.p_wrong(features, given)
    return Scores(1 - p_wrong, p_wrong)


def noise_model_input(
    evidence: Evidence,
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_], NDArray[np.bool_]]:
    """The evidence that :func:`earmark` weighs, as arrays for the noise model, with the given labels and the mask."""
    features = [
        _log_odds(evidence.clipwise),
        _log_odds(evidence.frames.maximum),
        np.log1p(evidence.frames.above, dtype=np.float32),
    ]
    return features, evidence.given, evidence.known


def _confidence(probability: NDArray[np.float32], given: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(given, probability, 1 - probability)


def _as_probability(quality: NDArray[np.floating[Any]]) -> Scores:
    bounded = np.clip(quality, 0, 1).astype(np.float32, copy=False)
    return Scores(bounded, 1 - bounded)


def _log_odds(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    p = np.clip(probability, _SMALLEST, 1 - _SMALLEST).astype(np.float32, copy=False)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)
