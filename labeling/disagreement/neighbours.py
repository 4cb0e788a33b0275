"""What clips that sound alike are labelled: the share of a stretch's nearest neighbours whose clip lists a class.

The neighbours are found once, in the space of the network that never saw the clip
(models/evidence/embeddings.py); what they are labelled is looked up anew at every scoring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Evidence, Floats, Scores, known_mean, scores_of_evidence
from labeling.predictions.training_evidence import RunEvidence
from labeling.segments import reduced

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK_BYTES = 64 << 20


def neighbour_share(evidence: RunEvidence, label: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    """Share (N, C) of the neighbours of a clip's stretches whose clip lists the class; NaN without neighbours.

    A cell speaks through the stretch where the network hears its class most, else through the stretch of the clip with
    the highest share. ``label`` and ``known`` are (N, C) in the evidence's rows; a masked cell lists nothing.
    """
    from scipy.sparse import csr_array

    found = NeighbourShares(evidence, csr_array((label & known).astype(np.float32)))
    return found.of(0, len(label))


class NeighbourShares:
    """What `neighbour_share` gives, for some clips at a time; ``listed`` (N, C) is sparse: 1 where listed."""

    def __init__(self, evidence: RunEvidence, listed: csr_array) -> None:
        from scipy.sparse import csr_array

        self.evidence, self.listed = evidence, listed
        there = evidence.neighbour >= 0
        self.count = there.sum(axis=1)
        weights = np.repeat(1 / np.maximum(self.count, 1), self.count).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(self.count)])
        shape = (len(evidence.neighbour), listed.shape[0])
        self.similar = csr_array((weights, evidence.neighbour[there], starts), shape=shape)

    def of(self, first_clip: int, last_clip: int) -> Floats:
        """Shares (n, C) of the clips ``first_clip`` to ``last_clip`` (exclusive)."""
        evidence, offsets = self.evidence, self.evidence.stretch_offsets
        clips, columns = self.listed.shape
        out = np.full((last_clip - first_clip, columns), np.nan, np.float32)
        stretches = len(evidence.neighbour)
        rows = max(1, _BLOCK_BYTES // max(1, 4 * columns * max(1, stretches // max(1, clips))))
        for first in range(first_clip, last_clip, rows) if self.similar.nnz else ():
            last = min(first + rows, last_clip)
            start, stop = int(offsets[first]), int(offsets[last])
            share = (self.similar[start:stop] @ self.listed).toarray()
            heard = self.count[start:stop] > 0
            owner = np.repeat(np.arange(first, last), np.diff(offsets[first : last + 1]))[heard] - first_clip
            share = share[heard]
            if not len(share):
                continue
            begins = np.flatnonzero(np.diff(owner, prepend=-1))
            out[owner[begins]] = reduced(np.fmax, share, begins, np.append(begins[1:], len(owner)))
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
    return share_log_odds(share, (evidence.label & evidence.known).mean(axis=0).clip(1e-4, 1 - 1e-4).astype(np.float32))


def share_log_odds(share: Floats, usual: Floats) -> Floats:
    """The same where each class is listed by the share ``usual`` (C,) of all clips."""
    drawn = (np.nan_to_num(share) * 16 + usual) / 17
    shift = np.log(drawn / (1 - drawn)) - np.log(usual / (1 - usual))
    return np.where(np.isfinite(share), shift, np.float32(0)).astype(np.float32)
