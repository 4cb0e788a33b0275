"""What clips that sound alike are labelled: the share of a stretch's nearest neighbours whose clip lists a class.

The neighbours are found once, in the space of the network that never saw the clip
(models/evidence/embeddings.py); what they are labelled is looked up anew at every scoring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Evidence, Floats, Scores, known_mean, scores_of_evidence
from labeling.predictions.training_evidence import RunEvidence

_BLOCK_BYTES = 64 << 20


def neighbour_share(evidence: RunEvidence, label: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    """Share (N, C) of the neighbours of a clip's stretches whose clip lists the class; NaN without neighbours.

    A cell speaks through the stretch where the network hears its class most, else through the stretch of the clip with
    the highest share. ``label`` and ``known`` are (N, C) in the evidence's rows; a masked cell lists nothing.
    """
    from scipy.sparse import csr_array

    out = np.full(label.shape, np.nan, np.float32)
    stretches, k = evidence.neighbour.shape
    if not stretches or not k:
        return out
    there = evidence.neighbour >= 0
    count = there.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(count)])
    weights = np.repeat(1 / np.maximum(count, 1), count).astype(np.float32)
    shape = (stretches, len(label))
    similar = csr_array((weights, evidence.neighbour[there], starts), shape=shape)
    listed = csr_array((label & known).astype(np.float32))
    offsets = evidence.stretch_offsets
    rows = max(1, _BLOCK_BYTES // max(1, 4 * label.shape[1] * max(1, stretches // max(1, len(label)))))
    for first in range(0, len(label), rows):
        last = min(first + rows, len(label))
        start, stop = int(offsets[first]), int(offsets[last])
        share = (similar[start:stop] @ listed).toarray()
        heard = count[start:stop] > 0
        share, owner = share[heard], np.repeat(np.arange(first, last), np.diff(offsets[first : last + 1]))[heard]
        if not len(share):
            continue
        begins = np.flatnonzero(np.diff(owner, prepend=-1))
        turn = np.arange(len(owner)) - np.repeat(begins, np.diff(begins, append=len(owner)))  # of its clip's stretches
        for number in range(int(turn.max()) + 1):  # many times faster than maximum.reduceat along rows
            at = turn == number
            out[owner[at]] = np.fmax(out[owner[at]], share[at])
        peak = evidence.stretch_class[start:stop][heard]
        own = np.flatnonzero(peak >= 0)
        out[owner[own], peak[own]] = share[own, peak[own]]
    return out


def mean_share(evidence: Evidence) -> Floats:
    """The mean (N, C) of what the models say that looked for neighbours; NaN where none knows any."""
    return known_mean(evidence.neighbours, evidence.given.shape)


def neighbours(evidence: Evidence) -> Scores:
    """By the share of similar stretches whose clip lists the class, against the share of clips that do."""
    evidence.needed("neighbours")
    return scores_of_evidence(neighbour_log_odds(evidence, mean_share(evidence)), evidence.given)


def neighbour_log_odds(evidence: Evidence, share: Floats) -> Floats:
    """Log odds (N, C) of the neighbours' ``share``, drawn towards the class's share of clips as if one more neighbour
    of sixteen said that; 0 where nothing is known. The class's own log odds are taken off."""
    usual = (evidence.label & evidence.known).mean(axis=0).clip(1e-4, 1 - 1e-4).astype(np.float32)
    drawn = (np.nan_to_num(share) * 16 + usual) / 17
    shift = np.log(drawn / (1 - drawn)) - np.log(usual / (1 - usual))
    return np.where(np.isfinite(share), shift, np.float32(0)).astype(np.float32)
