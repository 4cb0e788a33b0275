"""How good predictions are against given labels: per class and overall, over cells that are known.

Every number is a plain float or None (where it is not defined), so that the result goes into JSON as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError

FloatArray = NDArray[Any]
BoolArray = NDArray[np.bool_]


class Predictions(Protocol):
    """What ``evaluate`` needs of OOF predictions: clipwise (N, C) in 0..1, and the class codes of its columns."""

    @property
    def clipwise(self) -> FloatArray: ...

    @property
    def classes(self) -> Sequence[str]: ...


def evaluate(oof: Predictions, truth_present: BoolArray, *, known: BoolArray | None = None) -> dict[str, Any]:
    """Metrics of OOF predictions against ``truth_present`` (N, C); see ``score``."""
    return score(np.asarray(oof.clipwise), truth_present, tuple(oof.classes), known=known)


def score(
    scores: FloatArray, present: BoolArray, classes: Sequence[str], *, known: BoolArray | None = None
) -> dict[str, Any]:
    """``{"overall": {...}, "per_class": {code: {...}}}`` of scores (N, C) in 0..1 against present (N, C).

    ``known`` (N, C) leaves out cells that are False (unsure ones). Overall: ``macro_ap`` and ``macro_auc`` over the
    classes where they are defined; ``micro_f1`` and ``macro_f1`` at the one threshold that gives the highest
    (``*_threshold``); ``macro_f1_best``, where each class has its own threshold; ``lwlrap``.
    Raises DataError if the shapes do not fit.
    """
    scores = np.asarray(scores, dtype=np.float64)
    present = np.asarray(present, dtype=bool)
    known = np.ones_like(present) if known is None else np.asarray(known, dtype=bool)
    if not (scores.shape == present.shape == known.shape == (len(scores), len(classes))):
        raise DataError(
            f"scores {scores.shape}, labels {present.shape} and known cells {known.shape} must all have the shape "
            f"(clips, {len(classes)} classes)"
        )
    per_class = {code: class_metrics(scores[known[:, c], c], present[known[:, c], c]) for c, code in enumerate(classes)}
    micro_f1, micro_threshold = best_f1(scores[known], present[known])
    macro_f1, macro_threshold = best_macro_f1(scores, present, known)
    overall = {
        "macro_ap": _mean([row["ap"] for row in per_class.values()]),
        "macro_auc": _mean([row["auc"] for row in per_class.values()]),
        "micro_f1": micro_f1,
        "micro_f1_threshold": micro_threshold,
        "macro_f1": macro_f1,
        "macro_f1_threshold": macro_threshold,
        "macro_f1_best": _mean([row["f1"] for row in per_class.values()]),
        "lwlrap": lwlrap(scores, present & known),
        "n_clips": len(scores),
        "n_positive": int((present & known).sum()),
    }
    return {"overall": overall, "per_class": per_class}


def class_metrics(scores: FloatArray, present: BoolArray) -> dict[str, Any]:
    """One class: ``ap``, ``auc``, ``f1`` and the ``threshold`` that gives it, ``n_positive``; None where undefined."""
    n_positive = int(present.sum())
    f1, threshold = best_f1(scores, present)
    ap = average_precision(scores, present)
    return {"ap": ap, "auc": auc(scores, present), "f1": f1, "threshold": threshold, "n_positive": n_positive}


def average_precision(scores: FloatArray, present: BoolArray) -> float | None:
    """Sum over distinct thresholds of (gain in recall) x precision; None without positives. As scikit-learn's."""
    if not present.any():
        return None
    _, true_positives, predicted = _curve(scores, present)
    gain = np.diff(true_positives, prepend=0) / true_positives[-1]
    return float((gain * true_positives / predicted).sum())


def auc(scores: FloatArray, present: BoolArray) -> float | None:
    """Probability that a positive scores above a negative, ties half; None unless both exist."""
    n_positive = int(present.sum())
    n_negative = len(present) - n_positive
    if not n_positive or not n_negative:
        return None
    _, true_positives, predicted = _curve(scores, present)
    true_positives = np.concatenate([[0], true_positives])
    false_positives = np.concatenate([[0], predicted]) - true_positives
    area = (np.diff(false_positives) * (true_positives[1:] + true_positives[:-1])).sum() / 2
    return float(area / (n_positive * n_negative))


def best_f1(scores: FloatArray, present: BoolArray) -> tuple[float | None, float | None]:
    """The highest F1 over all thresholds (predicted = score >= threshold) and that threshold; None if undefined."""
    if not present.any():
        return None, None
    thresholds, true_positives, predicted = _curve(scores, present)
    f1 = 2 * true_positives / (predicted + true_positives[-1])
    best = int(np.argmax(f1))
    return float(f1[best]), float(thresholds[best])


def best_macro_f1(scores: FloatArray, present: BoolArray, known: BoolArray) -> tuple[float | None, float | None]:
    """The highest mean of the classes' F1 at one common threshold, of 0.01, 0.02 .. 0.99, and that threshold."""
    thresholds = np.arange(1, 100) / 100
    rows = []
    for c in range(scores.shape[1]):
        truth = present[known[:, c], c]
        if not truth.any():
            continue
        values = np.sort(scores[known[:, c], c])
        positives = np.sort(scores[known[:, c], c][truth])
        predicted = len(values) - np.searchsorted(values, thresholds)
        hits = len(positives) - np.searchsorted(positives, thresholds)
        rows.append(2 * hits / (predicted + len(positives)))
    if not rows:
        return None, None
    mean = np.mean(rows, axis=0)
    best = int(np.argmax(mean))
    return float(mean[best]), float(thresholds[best])


def lwlrap(scores: FloatArray, present: BoolArray) -> float | None:
    """Label-weighted label-ranking average precision: the mean over all positive cells of the precision at their
    rank in their own clip (Howard and Ellis, DCASE 2019 task 2). Equals scikit-learn's
    ``label_ranking_average_precision_score`` weighted by each clip's number of labels, over clips that have any.
    """
    total, count = 0.0, 0
    for row, truth in zip(scores, present, strict=True):
        if not truth.any():
            continue
        positives = np.sort(row[truth])
        rank = len(row) - np.searchsorted(np.sort(row), positives)
        hits = len(positives) - np.searchsorted(positives, positives)
        total += float((hits / rank).sum())
        count += len(positives)
    return total / count if count else None


def _curve(scores: FloatArray, present: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct thresholds, highest first, with the true positives and the predicted positives at each."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return ranked[last], np.cumsum(present[order])[last].astype(np.float64), (last + 1).astype(np.float64)


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(numbers)) if numbers else None
