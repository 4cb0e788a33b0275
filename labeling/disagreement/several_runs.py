"""What several runs say of one cell together: their mean, their votes, and how far they are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Evidence, Floats, Scores, as_scores, known_mean, log_odds, scores_of_evidence


def mean_log_odds(evidence: Evidence) -> Floats:
    """Mean of the log odds of clipwise over the other runs that know the cell, (N, C); NaN where none does."""
    return known_mean(map(log_odds, evidence.others), evidence.given.shape)


def against(evidence: Evidence) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """How many runs know each cell, this one counted, and how many of them contradict the given label, both (N, C).

    A run contradicts a listed class below 0.5 and an unlisted one from there.
    """
    contradict = ((evidence.clipwise >= 0.5) != evidence.given).astype(np.uint8)
    for other in evidence.others:
        contradict += ((other >= 0.5) != evidence.given) & np.isfinite(other)
    return 1 + _others_that_know(evidence), contradict


def runs_mean(evidence: Evidence) -> Scores:
    """The mean log odds of all runs."""
    evidence.needed("others")
    count = _others_that_know(evidence).astype(np.float32)
    total = log_odds(evidence.clipwise) + np.nan_to_num(mean_log_odds(evidence)) * count
    return scores_of_evidence(total / (1 + count), evidence.given)


def runs_vote(evidence: Evidence) -> Scores:
    """A hard vote: the share of runs that do not contradict the label."""
    evidence.needed("others")
    runs, contradict = against(evidence)
    return as_scores(1 - contradict / runs.astype(np.float32))


def runs_spread(evidence: Evidence) -> Scores:
    """How well runs (each its own seed and folds) agree: 1 less twice the standard deviation of their probabilities."""
    runs = [evidence.clipwise, *evidence.needed("others")]
    count = (1 + _others_that_know(evidence)).astype(np.float32)
    mean = np.sum([np.nan_to_num(run) for run in runs], axis=0) / count
    apart = np.zeros(mean.shape, np.float32)
    for run in runs:
        apart += np.nan_to_num((run - mean) ** 2)
    return as_scores(1 - 2 * np.sqrt(apart / count))


def _others_that_know(evidence: Evidence) -> NDArray[np.uint8]:
    """How many other runs predicted the clip and know the class, (N, C)."""
    count = np.zeros(evidence.given.shape, np.uint8)
    for other in evidence.others:
        count += np.isfinite(other)
    return count
