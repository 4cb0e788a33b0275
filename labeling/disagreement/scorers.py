"""How likely each given label is wrong: from labels and evidence to label quality.

A scorer is a pure function of :class:`labeling.disagreement.evidence.Evidence` that rates every cell at once. Users may
add their own::

    @SCORERS.register("mine")
    def mine(evidence: Evidence) -> Scores: ...

Statistics of a class (its typical confidence, its threshold) are drawn towards those of the whole collection
where the class has few clips, so that a class with no positive, or nothing but positives, is scored like any other.
They are taken from the labels as they are now; what is scored is the label that was given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement import neighbours, several_runs, training_dynamics
from labeling.disagreement.confusions import Confusions
from labeling.disagreement.covariates import highest_other
from labeling.disagreement.evidence import (
    Evidence,
    Floats,
    FrameSummary,
    Scorer,
    Scores,
    as_scores,
    class_confidence,
    log_odds,
    scores_of_evidence,
)
from labeling.disagreement.noise_model import NoiseModel, fit_noise_model
from labeling.disagreement.training_dynamics import MarginFit
from labeling.registry import Registry

DEFAULT_SCORER = "earmark"
_TINY = np.float32(1e-12)

SCORERS = Registry[Scorer]("scorer")


@SCORERS.register("self_confidence")
def self_confidence(evidence: Evidence) -> Scores:
    """Clipwise probability of the given label: p where listed, 1 - p where not.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.evidence import Evidence, FrameSummary
    >>> from labeling.disagreement.scorers import self_confidence
    >>> p, given = np.array([[0.9, 0.2]], np.float32), np.array([[True, True]])
    >>> frames = FrameSummary(p, p, np.zeros((1, 2), np.int32), np.array([0.5, 0.5], np.float32))
    >>> self_confidence(Evidence(given, np.ones((1, 2), bool), p, frames)).label_quality.round(2).tolist()
    [[0.8999999761581421, 0.20000000298023224]]
    """
    return as_scores(_confidence(evidence.clipwise, evidence.given))


@SCORERS.register("frame_max")
def frame_max(evidence: Evidence) -> Scores:
    """As self_confidence, from the highest frame: finds the class that is only heard for a moment."""
    return as_scores(_confidence(evidence.frames.maximum, evidence.given))


@SCORERS.register("relative")
def relative(evidence: Evidence) -> Scores:
    """Self-confidence s relative to what is typical of such labels of the class, t: s / (s + t).

    Below 0.5 where the model is less sure of this label than of the class's labels in general. A network that
    never passes 0.3 on a rare class then no longer makes every label of that class a suspect.
    """
    confidence = _confidence(evidence.clipwise, evidence.given)
    listed = class_confidence(evidence.clipwise, evidence.label, evidence.known).astype(np.float32)
    unlisted = class_confidence(evidence.clipwise, evidence.label, evidence.known, listed=False).astype(np.float32)
    typical = np.where(evidence.given, listed, unlisted)
    return as_scores(confidence / np.maximum(confidence + typical, _TINY))


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
    return as_scores(np.where(given, present, absent) / np.maximum(present + absent, _TINY))


@SCORERS.register("duration")
def duration(evidence: Evidence) -> Scores:
    """How many frames reach half the class's typical confidence, on a logarithmic scale; 3 of them are undecided."""
    reached = np.log1p(evidence.frames.above, dtype=np.float32)
    return scores_of_evidence(reached - np.float32(np.log(4)), evidence.given)


@SCORERS.register("contrast")
def contrast(evidence: Evidence) -> Scores:
    """How far the highest frame stands above the clip's own background, in log odds.

    Undecided is the contrast that lies half way between what is typical where the class is listed and where not.
    """
    values, label, known = contrast_log_odds(evidence.frames), evidence.label, evidence.known
    means = [np.sum(values, axis=0, where=cells) / np.maximum(1, cells.sum(axis=0)) for cells in
             (label & known, ~label & known)]  # fmt: skip
    return scores_of_evidence(values - ((means[0] + means[1]) / 2).astype(np.float32), evidence.given)


@SCORERS.register("heads")
def heads(evidence: Evidence) -> Scores:
    """What both heads of the network say: the lower of clipwise and highest frame counts for present, the mean of
    their log odds for how sure."""
    clip, frame = log_odds(evidence.clipwise), log_odds(evidence.frames.maximum)
    return scores_of_evidence(np.where(evidence.given, (clip + frame) / 2, np.minimum(clip, frame)), evidence.given)


@SCORERS.register("priors")
def priors(evidence: Evidence) -> Scores:
    """By the collection alone, without any sound: classes that occur together, and place and date."""
    return scores_of_evidence(np.sum(evidence.needed("priors"), axis=0), evidence.given)


SCORERS.add("runs_mean", several_runs.runs_mean)
SCORERS.add("runs_vote", several_runs.runs_vote)
SCORERS.add("runs_spread", several_runs.runs_spread)
SCORERS.add("margin", training_dynamics.margin)
SCORERS.add("forgetting", training_dynamics.forgetting)
SCORERS.add("epoch_spread", training_dynamics.epoch_spread)
SCORERS.add("neighbours", neighbours.neighbours)

NEEDS = {
    **dict.fromkeys(("runs_mean", "runs_vote", "runs_spread"), "others"),
    **dict.fromkeys(("margin", "forgetting", "epoch_spread"), "dynamics"),
    "neighbours": "neighbours",
    "priors": "priors",
}
"""Scorers that need more than a run's predictions, and which part of Evidence."""


@SCORERS.register(DEFAULT_SCORER)
def earmark(evidence: Evidence) -> Scores:
    """All evidence in one: the probability that the given label is right under a model of label noise.

    Evidence of a cell: log odds of clipwise and of the highest frame, what other runs say, what similar stretches are
    labelled, each less what another listed class explains; how far the highest frame stands above the clip's mean,
    and which classes occur together and here. How much each weighs, what is typical of a class, how common it is, and
    how often labels are missing or spurious are estimated from the collection itself
    (:mod:`labeling.disagreement.noise_model`), with what people decided as the truth. What training says of its label
    (the margin, `training_dynamics.surprise`) is added as far as it parts wrong labels from right ones here
    (`training_dynamics.fit_margin`). Then P(wrong) = P(true label unlike the given one | evidence, given label), and
    quality is 1 - P(wrong): listed and unlisted cells share one scale. A higher probability never makes a class look
    less present.
    """
    weighed = _weighed(evidence)
    return scored(_fitted(weighed, evidence), weighed, evidence)


@dataclass(frozen=True)
class Fitted:
    """The default scorer as a collection taught it: the noise model, and what the margin of unlisted and of listed
    cells is worth (none where no training was followed)."""

    noise: NoiseModel
    margins: tuple[MarginFit, MarginFit] | None


def fit(evidence: Evidence) -> Fitted:
    """Learn how much each piece of evidence is worth."""
    return _fitted(_weighed(evidence), evidence)


def score_with(fitted: Fitted, evidence: Evidence) -> Scores:
    """Scores of evidence by what was learned, of it or of other evidence."""
    return scored(fitted, _weighed(evidence), evidence)


@dataclass(frozen=True)
class Weighed:
    """What fit and scores both look at: the noise model's features, and the surprise of the margin (N, C), None where
    no training was followed."""

    features: list[Floats]
    surprise: Floats | None


def _weighed(evidence: Evidence) -> Weighed:
    features, given, known = noise_model_input(evidence)
    dynamics = evidence.dynamics
    surprise = None if dynamics is None else training_dynamics.surprise(dynamics.margin, given, known)
    return Weighed(features, surprise)


def _fitted(weighed: Weighed, evidence: Evidence) -> Fitted:
    features, surprise, given, known = weighed.features, weighed.surprise, evidence.given, evidence.known
    noise = fit_noise_model(features, given, known, verdict=evidence.verdict)
    if evidence.dynamics is None or surprise is None:
        return Fitted(noise, None)
    held_out, p_wrong = log_odds(noise.p_present(features)), noise.p_wrong(features, given)
    if evidence.verdict is not None:
        p_wrong = np.where(evidence.verdict >= 0, (evidence.verdict > 0) != given, p_wrong)
    there = known & np.isfinite(evidence.dynamics.margin)
    unlisted, listed = (
        training_dynamics.fit_margin(surprise[cells], held_out[cells], p_wrong[cells], listed=side)
        for side, cells in ((False, there & ~given), (True, there & given))
    )
    return Fitted(noise, (unlisted, listed))


def scored(fitted: Fitted, weighed: Weighed, evidence: Evidence) -> Scores:
    """Scores of evidence that was weighed; ``weights`` are of these cells alone."""
    shift = None
    if evidence.dynamics is not None and weighed.surprise is not None and fitted.margins is not None:
        held_out = log_odds(fitted.noise.p_present(weighed.features))
        unlisted, listed = (margin.shift(weighed.surprise, held_out) for margin in fitted.margins)
        there = np.isfinite(evidence.dynamics.margin)
        shift = np.where(there, np.where(evidence.given, listed, unlisted), np.float32(0))
    p_wrong = fitted.noise.p_wrong(weighed.features, evidence.given, shift)
    steepness = fitted.noise.coefficients[:, 1:].mean(axis=0).tolist()
    spread = [float(values.std(where=evidence.known)) if evidence.known.any() else 0.0 for values in weighed.features]
    weights = tuple(steep * apart for steep, apart in zip(steepness, spread, strict=True))
    margins = () if shift is None else tuple(margin.steepness for margin in fitted.margins or ())
    return Scores(1 - p_wrong, p_wrong, _covariates(weighed, evidence, p_wrong), weights, margins)


def _covariates(weighed: Weighed, evidence: Evidence, p_wrong: Floats) -> tuple[Floats, ...]:
    """What verdicts may weigh anew: all that was weighed, what another listed class explains of the clip's
    probability, and how likely another class is missing in the clip, which has perhaps taken this one's place."""
    explained = log_odds(evidence.clipwise) - weighed.features[0]
    missing = np.where(evidence.known & ~evidence.given, p_wrong, np.float32(0))
    if evidence.verdict is not None:
        missing = np.where((evidence.verdict >= 0) & ~evidence.given, evidence.verdict > 0, missing)
    beside = [explained, log_odds(highest_other(missing))]
    if evidence.dynamics is not None and weighed.surprise is not None:
        beside.append(np.where(np.isfinite(evidence.dynamics.margin), weighed.surprise, np.float32(0)))
    return (*weighed.features, *beside)


def noise_model_input(
    evidence: Evidence,
) -> tuple[list[Floats], NDArray[np.bool_], NDArray[np.bool_]]:
    """The evidence that :func:`earmark` weighs, as arrays for the noise model, with the given labels and the mask.

    Each run and each model that found neighbours speaks for itself, so that it weighs what it is worth; a cell that
    another run does not know is filled with what this one says. What another listed class explains is taken off
    (:mod:`labeling.disagreement.confusions`).
    """
    heard = heard_log_odds(evidence)
    heard += [neighbours.neighbour_log_odds(evidence, share) for share in evidence.neighbours]
    if evidence.fold is not None:
        confusions = Confusions(evidence.label, evidence.known, evidence.fold)
        heard = [value - confusions.explained(value) for value in heard]
    return [*heard, contrast_log_odds(evidence.frames), *evidence.priors], evidence.given, evidence.known


def heard_log_odds(evidence: Evidence) -> list[Floats]:
    """Log odds (N, C) of what each run hears: clipwise and highest frames of this one, then of all others."""
    heard = [log_odds(evidence.clipwise), log_odds(evidence.frames.maximum)]
    for own, theirs in zip(heard[:2], (evidence.others, evidence.others_highest), strict=True):
        heard += [np.where(np.isfinite(value), log_odds(value), own) for value in theirs]
    return heard


def contrast_log_odds(frames: FrameSummary) -> Floats:
    """Log odds of the highest frame less those of the mean of all frames, (N, C); 0 where all are alike."""
    return log_odds(frames.maximum) - log_odds(frames.mean)


def _confidence(probability: NDArray[np.float32], given: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(given, probability, 1 - probability)
