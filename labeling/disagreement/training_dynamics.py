"""What training says of the labels it was given: the margin, forgetting, and how far a prediction wanders.

A network learns the labels that fit the sound early and well, and wrong ones late and badly (area under the margin:
Pleiss et al. 2020; forgetting: Toneva et al. 2019; dataset cartography: Swayamdipta et al. 2020). These are views of
networks that were shown the label, so on their own they agree with it; what tells is how a cell compares with cells of
the same class and the same label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import BORROWED, Evidence, Floats, Scores, scores_of_evidence

FARTHEST = 4.0  # standard deviations; one cell beyond says no more than one there


def surprise(values: Floats, given: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    """How far ``values`` of cells lie above those of others of their class with the same label, (N, C).

    In standard deviations of all cells with that label about the means of their classes, a class's mean drawn towards
    the collection's as if BORROWED more cells said that; at most FARTHEST. 0 where nothing is known.
    """
    out = np.zeros(values.shape, np.float32)
    there = known & np.isfinite(values)
    for cells in (there & given, there & ~given):
        count = cells.sum(axis=0)
        if not count.any():
            continue
        total = np.sum(values, axis=0, where=cells, dtype=np.float64)
        whole = float(total.sum() / count.sum())
        usual = ((total + BORROWED * whole) / (count + BORROWED)).astype(np.float32)
        apart = np.where(cells, values - usual, np.float32(0))
        spread = float(np.sqrt(np.sum(apart**2, dtype=np.float64) / count.sum()))
        if spread > 1e-6:
            out[cells] = np.clip(apart / np.float32(spread), -FARTHEST, FARTHEST)[cells]
    return out


def margin(evidence: Evidence) -> Scores:
    """Area under the margin, each class by itself: the logit in training, against others with the same label."""
    value = evidence.needed("dynamics").margin
    return scores_of_evidence(surprise(value, evidence.given, evidence.known), evidence.given)


def forgetting(evidence: Evidence) -> Scores:
    """How often training lost the given label again, against others with the same label."""
    return _worse(surprise(evidence.needed("dynamics").forgotten, evidence.given, evidence.known))


def epoch_spread(evidence: Evidence) -> Scores:
    """How far the probability wandered over the epochs, against others with the same label."""
    return _worse(surprise(evidence.needed("dynamics").epoch_spread, evidence.given, evidence.known))


def _worse(values: Floats) -> Scores:
    """Scores of what speaks against a label, whichever it is."""
    return scores_of_evidence(values, np.zeros(values.shape, np.bool_))
