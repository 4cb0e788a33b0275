"""What a network thought of its training clips while it learned them: running sums over the epochs, clip by clip.

Wrong labels are learned late and forgotten again. Kept for each clip and class are

- the mean logit over the later half of the epochs, from which the area under the margin follows (Pleiss et al. 2020,
  "Identifying mislabeled data using the area under the margin ranking"; with many labels a clip the margin of a class
  is its own logit; they average all epochs of a training that begins at its highest learning rate, while these
  warm up and say little of any class in the beginning),
- how often a prediction that was right was wrong an epoch later (Toneva et al. 2019, "An empirical study of example
  forgetting"),
- the spread of the probability over epochs (Swayamdipta et al. 2020, "Dataset cartography").

All of the predictions that training makes anyway: no further pass over the clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.logistic import sigmoid

HELD_BYTES = 64 << 20
"""Logits wait on the device until they are so many: to fetch them makes the GPU wait, once in hundreds of steps."""
LARGEST_LOGIT = 100.0
"""Beyond it a float32 probability is 0 or 1 whatever the logit; a single endless one must not spoil a mean."""


@dataclass(frozen=True)
class Learned:
    """One network's dynamics of its clips: ``rows`` (n,) of the store, the others (n, C) float32 as in
    ``labeling.run_evidence``. Clips that were never seen unmixed are left out."""

    rows: NDArray[np.int64]
    margin: NDArray[np.float32]
    forgotten: NDArray[np.float32]
    epoch_spread: NDArray[np.float32]


class DynamicsRecorder:
    """Follows the training on ``rows`` (n,) of the store, whose labels are ``present`` (n, C) bool.

    ``add`` takes each step's logits, ``end_epoch`` ends an epoch; a clip's logit of an epoch is the mean over its
    chunks. Memory grows with n x C alone.
    """

    def __init__(self, rows: NDArray[np.int64], present: NDArray[np.bool_]) -> None:
        self.rows = rows
        self.present = present
        self._place = np.full(int(rows.max(initial=-1)) + 1, -1, dtype=np.int64)
        self._place[rows] = np.arange(len(rows))
        self.seen = np.zeros(len(rows), dtype=np.int32)
        """In how many epochs a clip was seen."""
        self.logit_sum = np.zeros(present.shape, dtype=np.float32)
        self.late_seen = np.zeros(len(rows), dtype=np.int32)
        self.late_sum = np.zeros(present.shape, dtype=np.float32)
        self.mean = np.zeros(present.shape, dtype=np.float32)
        self.squares = np.zeros(present.shape, dtype=np.float32)
        """Sum of squared distances of the probability from its mean, updated as Welford (1962) does."""
        self.forgotten = np.zeros(present.shape, dtype=np.int32)
        self.right = np.zeros(present.shape, dtype=bool)
        """Whether the prediction was right when the clip was last seen."""
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget what an epoch that was broken off has left."""
        self._held: list[Tensor] = []
        self._held_rows: list[NDArray[np.int64]] = []
        self._bytes = 0
        self._sum: NDArray[np.float64] | None = None
        self._chunks = np.zeros(len(self.rows), dtype=np.int64)

    def add(self, rows: NDArray[np.int64], counts: NDArray[np.bool_], logits: Tensor) -> None:
        """Take a step's ``logits`` (B, C) of chunks of ``rows`` (B,); those where ``counts`` (B,) is False do not
        count. The logits stay on their device for now."""
        self._held.append(logits.detach())
        self._held_rows.append(np.where(counts, self._place[rows], -1))
        self._bytes += logits.numel() * logits.element_size()
        if self._bytes > HELD_BYTES:
            self._fetch()

    def _fetch(self) -> None:
        """Add up what waits on the device. On the host, one after the other: a GPU adds in any order it likes."""
        if not self._held:
            return
        values = torch.cat(self._held).float().cpu().numpy().astype(np.float64)
        places = np.concatenate(self._held_rows)
        self._held, self._held_rows, self._bytes = [], [], 0
        if self._sum is None:
            self._sum = np.zeros(self.present.shape)
        counted = places >= 0
        np.add.at(self._sum, places[counted], np.clip(values[counted], -LARGEST_LOGIT, LARGEST_LOGIT))
        np.add.at(self._chunks, places[counted], 1)

    def end_epoch(self, late: bool = True) -> None:
        """Add the epoch, one of the ``late`` ones or not, to the running sums."""
        self._fetch()
        if self._sum is not None:
            at = np.flatnonzero(self._chunks)
            logit: NDArray[np.float64] = self._sum[at] / self._chunks[at, None]
            right = (logit >= 0) == self.present[at]
            p: NDArray[np.float32] = sigmoid(logit).astype(np.float32)  # as the mean is kept
            self.forgotten[at] += self.right[at] & ~right
            self.right[at] = right
            self.seen[at] += 1
            self.logit_sum[at] += logit.astype(np.float32)
            if late:
                self.late_seen[at] += 1
                self.late_sum[at] += logit.astype(np.float32)
            before = p - self.mean[at]
            step: NDArray[np.float32] = np.divide(before, self.seen[at, None], dtype=np.float32)
            self.mean[at] += step
            self.squares[at] += before * (p - self.mean[at])
        self.begin_epoch()

    def learned(self) -> Learned:
        """What the epochs so far add up to; the margin of a clip that no late epoch saw is that of all."""
        at = np.flatnonzero(self.seen)
        epochs, late = (seen[at, None].astype(np.float32) for seen in (self.seen, self.late_seen))
        return Learned(
            self.rows[at],
            np.where(late > 0, self.late_sum[at] / np.maximum(late, 1), self.logit_sum[at] / epochs),
            self.forgotten[at].astype(np.float32),
            np.minimum(np.sqrt(np.maximum(self.squares[at], 0) / epochs), np.float32(0.5)),
        )

    def state(self) -> dict[str, Tensor]:
        """What the next epoch depends on, for a resume file; to be asked between epochs."""
        return {name: torch.from_numpy(getattr(self, name)) for name in _STATE}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from ``state``; {} (an older resume file) leaves everything as it is. Raises KeyError, ValueError."""
        if not state:
            return
        for name in _STATE:
            getattr(self, name)[...] = state[name].numpy()


_STATE = ("seen", "logit_sum", "late_seen", "late_sum", "mean", "squares", "forgotten", "right")
