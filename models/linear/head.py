"""The head: one weight vector a class on the vectors of stretches, and how a clip's logit is made of its stretches'.

A stretch x has the logit ``w . (x - centre) / scale + b``. A clip's is the logarithm of the mean of exponentials of its
stretches' logits, ``log(mean(exp(sharpness * s))) / sharpness``: with sharpness 0 their mean, which is the logit of the
mean vector; with a high one the best stretch's. Trained as L2-regularised logistic regression on clips, each class by
itself, all at once (L-BFGS). No class is weighted, so that the logits are calibrated log odds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError, Stopped
from labeling.logistic import sigmoid, softplus
from labeling.segments import reduced, soft_highest
from models.linear.bags import Bags, Lesson

Floats = NDArray[np.float32]
MOST_STEPS = 100
BLOCK_STRETCHES = 100_000
PRIOR = 0.5
"""So many clips that list a class and as many that do not are added to what its intercept is fitted to, so that a class
without a positive has log odds too."""


@dataclass(frozen=True)
class Head:
    """``weights`` (D, C), ``bias`` (C,), ``centre`` (D,) float32, ``scale``, and the ``sharpness`` of the pooling."""

    weights: Floats
    bias: Floats
    centre: Floats
    scale: float
    sharpness: float

    def stretch_logits(self, vectors: NDArray[Any]) -> Floats:
        """Logits (n, C) of stretches (n, D)."""
        out = np.empty((len(vectors), len(self.bias)), np.float32)
        for begin in range(0, len(vectors), BLOCK_STRETCHES):
            part = vectors[begin : begin + BLOCK_STRETCHES].astype(np.float32)
            out[begin : begin + len(part)] = (part - self.centre) / np.float32(self.scale) @ self.weights + self.bias
        return out

    def clip_logits(self, bags: Bags) -> Floats:
        """Logits (N, C) of bags; NaN for an empty one."""
        return pooled(self.stretch_logits(bags.vectors), bags.first, self.sharpness)[0]


def pooled(logits: Floats, first: NDArray[np.int64], sharpness: float) -> tuple[Floats, Floats]:
    """A clip's logits (N, C) of its stretches' (n, C), and each stretch's share in them (n, C), the derivative."""
    counts = np.diff(first)
    there = np.flatnonzero(counts)
    out = np.full((len(counts), logits.shape[1]), np.nan, np.float32)
    starts, each = first[:-1][there], counts[there]
    if not len(there):
        return out, np.zeros_like(logits)
    if sharpness == 0:
        out[there] = reduced(np.add, logits, starts, starts + each) / each[:, None]
        equal = np.repeat(1 / each, each).astype(np.float32)[:, None]
        return out, np.broadcast_to(equal, logits.shape)
    out[there], share = soft_highest(logits, np.append(starts, len(logits)), sharpness)
    return out, share


def probability(logits: NDArray[Any]) -> Floats:
    """1 / (1 + exp(-logit))."""
    return sigmoid(logits).astype(np.float32, copy=False)


def log_loss(logits: NDArray[Any], targets: Floats, weight: Floats) -> NDArray[np.float64]:
    """Each class's mean loss (C,), weighted; 0 where nothing is known."""
    cells = (softplus(logits) - targets * logits).astype(np.float64)
    known = weight.sum(0, dtype=np.float64)
    return np.asarray(np.sum(cells * weight, axis=0) / np.maximum(known, 1e-12))


def fit_head(
    lesson: Lesson,
    strength: float,
    sharpness: float,
    begin: Head | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Head:
    """Train a head.

    Minimised is, class by class, the weighted mean of the clips' log loss plus ``strength / 2`` times the squared
    length of its weight vector. With sharpness 0 it is what scikit-learn's LogisticRegression finds with C = 1 /
    (strength * weight in all), but for PRIOR.

    Parameters
    ----------
    lesson : Lesson
        No bag empty.
    strength, sharpness : float
    begin : Head, optional
        Where the search begins; its centre and scale are kept.
    should_stop : callable

    Returns
    -------
    Head

    Raises
    ------
    Stopped
    """
    vectors = lesson.bags.vectors
    begin = begin or first_head(vectors, lesson.targets.shape[1], sharpness)
    first = lesson.bags.first
    x = (vectors.astype(np.float32) - begin.centre) / np.float32(begin.scale)
    if sharpness == 0:  # the mean's logit is the logit of the mean vector
        x = (reduced(np.add, x, first[:-1], first[1:]) / np.diff(first)[:, None]).astype(np.float32)
        first = np.arange(len(lesson) + 1)
    known = lesson.weight.sum(0, dtype=np.float64) + 2 * PRIOR
    weight = (lesson.weight / known).astype(np.float32)
    prior = PRIOR / known
    size = begin.weights.shape

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        if should_stop():
            raise Stopped("stopped while fitting a head")
        weights, bias = flat[: -size[1]].reshape(size), flat[-size[1] :]
        stretch = x @ weights.astype(np.float32) + bias.astype(np.float32)
        logit, share = (stretch, None) if len(stretch) == len(first) - 1 else pooled(stretch, first, sharpness)
        p = probability(logit)
        value = float(np.sum((softplus(logit) - lesson.targets * logit) * weight, dtype=np.float64))
        value += float(strength / 2 * np.sum(weights**2))
        value += float(np.sum(prior * (softplus(bias) + softplus(-bias))))
        back = (p - lesson.targets) * weight
        if share is not None:
            back = np.repeat(back, np.diff(first), axis=0) * share
        of_bias = back.sum(0, dtype=np.float64) + prior * (2 * sigmoid(bias) - 1)
        of_weights = (x.T @ back).astype(np.float64) + strength * weights
        return value, np.concatenate([of_weights.ravel(), of_bias])

    from scipy.optimize import minimize  # takes a while, and whoever predicts needs none of it

    start = np.concatenate([begin.weights.ravel(), begin.bias]).astype(np.float64)
    options = {"maxiter": MOST_STEPS, "ftol": 1e-6, "gtol": 1e-5, "maxcor": 12}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.astype(np.float32)
    return Head(found[: -size[1]].reshape(size), found[-size[1] :], begin.centre, begin.scale, sharpness)


def first_head(vectors: NDArray[Any], n_classes: int, sharpness: float) -> Head:
    """A head that knows nothing yet: the stretches' (n, D) mean is its centre, and their spread in each dimension, the
    mean over dimensions, its scale."""
    centre = vectors.mean(0, dtype=np.float64)
    spread = float(np.sqrt(max(1e-12, float(np.mean(np.square(vectors, dtype=np.float32)) - np.mean(centre**2)))))
    nothing = np.zeros((vectors.shape[1], n_classes), np.float32)
    return Head(nothing, np.zeros(n_classes, np.float32), centre.astype(np.float32), spread, sharpness)


def save_head(path: Path, head: Head, meta: dict[str, Any]) -> None:
    """Write a head as a checkpoint."""
    import torch

    from models.networks.checkpoints import save_tensors

    arrays = {name: torch.from_numpy(getattr(head, name)) for name in ("weights", "bias", "centre")}
    save_tensors(path, arrays, meta | {"scale": head.scale, "sharpness": head.sharpness})


def load_head(path: Path) -> Head:
    """Read what `save_head` wrote. Raises ArtefactError."""
    from models.networks.checkpoints import load_tensors

    tensors, meta = load_tensors(path)
    try:
        weights, bias, centre = (tensors[name].numpy() for name in ("weights", "bias", "centre"))
        return Head(weights, bias, centre, float(meta["scale"]), float(meta["sharpness"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} is no linear head ({error}); resume the run to write it anew") from error
