"""What several runs say of one cell together: their mean, their votes, and how far they are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.evidence import Evidence, Floats, Scores, as_scores, log_odds, scores_of_evidence


def mean_log_odds(evidence: Evidence) -> Floats:
    """Mean of the log odds of clipwise over the other runs that predicted the clip, (N, C); NaN where none did."""
    total, count = np.zeros(evidence.given.shape, np.float32), np.zeros((len(evidence.given), 1), np.float32)
    for one in evidence.others:
        there = np.isfinite(one[:, :1])
        total += np.where(there, log_odds(np.nan_to_num(one)), np.float32(0))
        count += there
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))


def against(evidence: Evidence) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """How many runs predicted the clip (N,), this one counted, and how many contradict the given label (N, C).

    A run contradicts a listed class below 0.5 and an unlisted one from there.
    """
    runs = np.ones(len(evidence.given), np.uint8)
    contradict = ((evidence.clipwise >= 0.5) != evidence.given).astype(np.uint8)
    for one in evidence.others:
        there = np.isfinite(one[:, 0])
        runs += there
        contradict += ((np.nan_to_num(one) >= 0.5) != evidence.given) & there[:, None]
    return runs, contradict


def runs_mean(evidence: Evidence) -> Scores:
    """The mean log odds of all runs."""
    evidence.needed("others")
    others, own = mean_log_odds(evidence), log_odds(evidence.clipwise)
    count = np.sum([np.isfinite(one[:, :1]) for one in evidence.others], axis=0)
    return scores_of_evidence((own + np.nan_to_num(others) * count) / (1 + count), evidence.given)


def runs_vote(evidence: Evidence) -> Scores:
    """A hard vote: the share of runs that do not contradict the label."""
    evidence.needed("others")
    runs, contradict = against(evidence)
    return as_scores(1 - contradict / runs[:, None].astype(np.float32))


def runs_spread(evidence: Evidence) -> Scores:
    """How well runs (each its own seed and folds) agree: 1 less twice the standard deviation of their probabilities."""
    stack = np.stack([evidence.clipwise, *evidence.needed("others")])
    return as_scores(1 - 2 * np.nanstd(stack, axis=0))
