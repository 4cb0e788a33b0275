"""A head for all classes at once on a space's vectors, fitted to the cells that are known, from where it was before.

A stretch x has the logit ``w . (x - centre) / scale + b`` for each class, and a clip the logarithm of the mean of
exponentials of its stretches' logits, ``log(mean(exp(SHARPNESS * s))) / SHARPNESS``, which lies near its best
stretch's. Each class is a logistic regression with a ridge of its own; all are found at once (L-BFGS). Cells that
nobody knows have no part in it. A refit begins with the weights of the one before it, and then takes fewer steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import Space
from labeling.logistic import sigmoid, softplus
from labeling.segments import reduced, soft_highest

Floats = NDArray[np.float32]

SHARPNESS = 3.0
RIDGE = 1.0
"""Strength of the ridge, against a weight of 1 for each known cell."""
PRIOR = 0.5
"""So many known cells of each kind are added to what an intercept is fitted to: one with no positive has odds, too."""
_STEPS = 40
_BLOCK = 100_000
_SAMPLE = 20_000


@dataclass(frozen=True)
class ClipStretches:
    """The stretches of clips (N,): clip i has ``first[i]`` to ``first[i + 1]`` of ``rows``, which are a space's."""

    space: Space
    rows: NDArray[np.int64]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first) - 1

    def take(self, clips: NDArray[np.int64]) -> ClipStretches:
        """Those of the clips at ``clips`` (m,), in that order."""
        counts = np.diff(self.first)[clips]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        within = np.arange(first[-1]) - np.repeat(first[:-1], counts)
        return ClipStretches(self.space, self.rows[within + np.repeat(self.first[clips], counts)], first)

    def means(self) -> Floats:
        """The clips' mean vectors (N, D)."""
        out = np.zeros((len(self), self.space.facts.size), np.float32)
        for begin in range(0, len(self), 4096):
            end = min(begin + 4096, len(self))
            part = np.asarray(self.space.vectors[self.rows[self.first[begin] : self.first[end]]], np.float32)
            first = self.first[begin : end + 1] - self.first[begin]
            out[begin:end] = reduced(np.add, part, first[:-1], first[1:]) / np.diff(first)[:, None]
        return out


def stretches_of(space: Space, clip_ids: NDArray[np.int64]) -> tuple[ClipStretches, NDArray[np.bool_]]:
    """The stretches of those of some clips that the space holds, and which these are (N,)."""
    begin, end = np.searchsorted(space.clip_ids, clip_ids, "left"), np.searchsorted(space.clip_ids, clip_ids, "right")
    held = end > begin
    counts = (end - begin)[held]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.arange(first[-1]) - np.repeat(first[:-1], counts) + np.repeat(begin[held], counts)
    return ClipStretches(space, rows.astype(np.int64), first), held


@dataclass(frozen=True)
class Head:
    """``weight`` (D, C) and ``bias`` (C,) of logits; ``centre`` (D,) and ``scale`` are those of the space."""

    weight: Floats
    bias: Floats
    centre: Floats
    scale: float

    def logits(self, stretches: ClipStretches) -> tuple[Floats, NDArray[np.int64]]:
        """Of each clip and class (N, C): the logit, and the row of the space whose stretch speaks most for it."""
        count, classes = len(stretches), len(self.bias)
        out, best = np.empty((count, classes), np.float32), np.empty((count, classes), np.int64)
        begin = 0
        while begin < count:
            end = int(np.searchsorted(stretches.first, stretches.first[begin] + _BLOCK, "right")) - 1
            end = min(max(end, begin + 1), count)
            rows = stretches.rows[stretches.first[begin] : stretches.first[end]]
            first = stretches.first[begin : end + 1] - stretches.first[begin]
            values = self._of_vectors(np.asarray(stretches.space.vectors[rows], np.float32))
            out[begin:end] = soft_highest(values, first, SHARPNESS)[0]
            best[begin:end] = rows[_first_highest(values, first)]
            begin = end
        return out, best

    def _of_vectors(self, vectors: Floats) -> Floats:
        # (x - centre) / scale @ w, without a copy of x
        shift = self.bias - self.centre @ self.weight / np.float32(self.scale)
        return np.asarray(vectors @ (self.weight / np.float32(self.scale)) + shift, np.float32)


def blank(space: Space, n_classes: int) -> Head:
    """A head that knows nothing yet, centred on a space."""
    if len(space) > _SAMPLE:
        sample = np.asarray(space.vectors[:: -(-len(space) // _SAMPLE)], np.float32)
    else:
        sample = np.asarray(space.vectors, np.float32)
    centre = sample.mean(axis=0) if len(sample) else np.zeros(space.facts.size, np.float32)
    length = float(np.sqrt(np.mean(np.sum((sample - centre) ** 2, axis=1)))) if len(sample) else 1.0
    weight = np.zeros((space.facts.size, n_classes), np.float32)
    return Head(weight, np.zeros(n_classes, np.float32), np.asarray(centre, np.float32), max(length, 1e-6))


def fit(
    stretches: ClipStretches, present: NDArray[np.bool_], known: NDArray[np.bool_], begin: Head, ridge: float = RIDGE
) -> Head:
    """Fit a head to known cells, from another on.

    Parameters
    ----------
    stretches : ClipStretches
        Of N clips.
    present, known : ndarray of bool, shape (N, C)
        The labels, and which of them are known.
    begin : Head
        Where to begin: the head of the batch before, or `blank`.
    ridge : float

    Returns
    -------
    Head

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.active.head import blank, fit, stretches_of
    >>> from labeling.embeddings.space import Space, SpaceFacts
    >>> vectors = np.float16([[1, 0], [0.9, 0.44], [0, 1], [-1, 0]])
    >>> facts = SpaceFacts("toy", "imported:toy", "", "", 8000, 1.0, 1.0, 2)
    >>> space = Space(facts, vectors, np.arange(1, 5), np.zeros(4, np.float32), np.ones(4, np.float32))
    >>> stretches, held = stretches_of(space, np.arange(1, 5))
    >>> present = np.array([[True], [True], [False], [False]])
    >>> head = fit(stretches, present, np.ones((4, 1), bool), blank(space, 1), ridge=0.1)
    >>> (head.logits(stretches)[0][:, 0] > 0).tolist()
    [True, True, False, False]
    """
    from scipy.optimize import minimize

    clips = np.flatnonzero(known.any(axis=1))
    some = stretches.take(clips)
    weight = known[clips].astype(np.float32)
    target = (present[clips] & known[clips]).astype(np.float32)
    x = (np.asarray(some.space.vectors[some.rows], np.float32) - begin.centre) / np.float32(begin.scale)
    size = begin.weight.shape

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w, b = flat[: -size[1]].reshape(size), flat[-size[1] :]
        logit, share = soft_highest(x @ w.astype(np.float32) + b.astype(np.float32), some.first, SHARPNESS)
        value = float(np.sum((softplus(logit) - target * logit) * weight, dtype=np.float64))
        value += float(ridge / 2 * np.sum(w**2) + PRIOR * np.sum(softplus(b) + softplus(-b)))
        back = np.repeat((sigmoid(logit) - target) * weight, np.diff(some.first), axis=0) * share
        of_b = back.sum(axis=0, dtype=np.float64) + PRIOR * (2 * sigmoid(b) - 1)
        return value, np.concatenate([((x.T @ back).astype(np.float64) + ridge * w).ravel(), of_b])

    start = np.concatenate([begin.weight.ravel(), begin.bias]).astype(np.float64)
    options = {"maxiter": _STEPS, "ftol": 1e-4}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.astype(np.float32)
    return Head(found[: -size[1]].reshape(size), found[-size[1] :], begin.centre, begin.scale)


def _first_highest(values: Floats, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each clip and class the first row (N, C) whose value is the clip's highest."""
    top = np.repeat(reduced(np.maximum, values, first[:-1], first[1:]), np.diff(first), axis=0)
    places = np.where(values >= top, np.arange(len(values))[:, None], len(values))
    return reduced(np.minimum, places, first[:-1], first[1:])
