"""How good predictions are against given labels: per class and overall, over cells that are known.

Every number is a plain float or None (where it is not defined), so that the result goes into JSON as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError

FloatArray = NDArray[Any]
BoolArray = NDArray[np.bool_]

PADDED_ROWS = 5  # of BirdCLEF 2023


def score(
    scores: FloatArray, present: BoolArray, classes: Sequence[str], *, known: BoolArray | None = None
) -> dict[str, Any]:
    """Measure predictions against given labels: per class and overall, over the cells that are known.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
        Probabilities.
    present : ndarray of bool, shape (N, C)
        The labels.
    classes : sequence of str, length C
    known : ndarray of bool, shape (N, C), optional
        Cells that are False (unsure ones) are left out.

    Returns
    -------
    dict
        ``{"overall": {...}, "per_class": {code: {...}}}`` of floats, and None where a number is not defined. Overall:
        ``macro_ap`` and ``macro_auc`` over the classes where they are defined (BirdCLEF 2024, too, drops classes
        without positives); ``micro_f1`` and ``macro_f1`` at the one threshold that gives the highest
        (``*_threshold``); ``macro_f1_best``, where each class has its own; ``lwlrap``; ``padded_cmap``.

    Raises
    ------
    DataError
        The shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import score
    >>> scores = np.array([[0.9, 0.2], [0.8, 0.7], [0.1, 0.6]])
    >>> present = np.array([[True, False], [True, True], [False, False]])
    >>> measured = score(scores, present, ["amecro", "balori"])
    >>> measured["overall"]["macro_ap"], measured["per_class"]["balori"]["threshold"]
    (1.0, 0.7)
    """
    scores = np.asarray(scores, dtype=np.float64)
    present = np.asarray(present, dtype=bool)
    known = np.ones_like(present) if known is None else np.asarray(known, dtype=bool)
    if not (scores.shape == present.shape == known.shape == (len(scores), len(classes))):
        raise DataError(
            f"scores {scores.shape}, labels {present.shape} and known cells {known.shape} must all have the shape "
            f"(clips, {len(classes)} classes)"
        )
    ranked = _ranked_classes(scores, present, known)
    per_class = {code: _of_class(ranked_class) for code, ranked_class in zip(classes, ranked, strict=True)}
    micro_f1, micro_threshold = best_f1(scores[known], present[known])
    macro_f1, macro_threshold = _macro_f1(ranked)
    overall = {
        "macro_ap": _mean([row["ap"] for row in per_class.values()]),
        "macro_auc": _mean([row["auc"] for row in per_class.values()]),
        "micro_f1": micro_f1,
        "micro_f1_threshold": micro_threshold,
        "macro_f1": macro_f1,
        "macro_f1_threshold": macro_threshold,
        "macro_f1_best": _mean([row["f1"] for row in per_class.values()]),
        "lwlrap": lwlrap(scores, present & known),
        "padded_cmap": _padded(ranked, PADDED_ROWS) if ranked else None,
        "n_clips": len(scores),
        "n_positive": int((present & known).sum()),
    }
    return {"overall": overall, "per_class": per_class}


@dataclass(frozen=True)
class _Ranked:
    """Scores (n,) and those of the positives (P,), both sorted upwards: all that the metrics of a class look at."""

    scores: FloatArray
    positives: FloatArray

    def curve(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Distinct scores of positives, highest first, with the true positives and the predicted ones at each.

        Between two of them precision and F1 only fall, and recall stays.
        """
        thresholds, first = np.unique(self.positives, return_index=True)
        reached = len(self.scores) - np.searchsorted(self.scores, thresholds)
        true_positives = len(self.positives) - first
        return thresholds[::-1], true_positives[::-1].astype(np.float64), reached[::-1].astype(np.float64)


def _ranked(scores: FloatArray, present: BoolArray) -> _Ranked:
    return _Ranked(np.sort(scores), np.sort(scores[present]))


def _ranked_classes(scores: FloatArray, present: BoolArray, known: BoolArray) -> list[_Ranked]:
    """Each class's known cells; all arrays (N, C)."""
    columns = (np.ascontiguousarray(array.T) for array in (scores, present, known))
    return [_ranked(values[use], truth[use]) for values, truth, use in zip(*columns, strict=True)]


def _of_class(ranked: _Ranked) -> dict[str, Any]:
    """One class: ``ap``, ``auc``, ``f1`` and the ``threshold`` that gives it, ``n_positive``; None where undefined."""
    f1, threshold = _best_f1(ranked)
    return {
        "ap": _average_precision(ranked),
        "auc": _auc(ranked),
        "f1": f1,
        "threshold": threshold,
        "n_positive": len(ranked.positives),
    }


def average_precision(scores: FloatArray, present: BoolArray) -> float | None:
    """Sum over the distinct thresholds of (gain in recall) x precision, as scikit-learn has it.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    present : ndarray of bool, shape (n,)

    Returns
    -------
    float or None
        None without positives.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import average_precision
    >>> average_precision(np.array([0.9, 0.8, 0.3]), np.array([True, False, True]))
    0.8333333333333333
    """
    return _average_precision(_ranked(scores, present))


def _average_precision(ranked: _Ranked) -> float | None:
    if not len(ranked.positives):
        return None
    _, true_positives, predicted = ranked.curve()
    gain = np.diff(true_positives, prepend=0) / true_positives[-1]
    return float((gain * true_positives / predicted).sum())


def macro_average_precision(scores: FloatArray, present: BoolArray, known: BoolArray) -> float | None:
    """Mean average precision over the classes with a positive among their known cells.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    present, known : ndarray of bool, shape (N, C)

    Returns
    -------
    float or None
        None where no class has a positive.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import macro_average_precision
    >>> present = np.array([[True, False], [False, False]])
    >>> macro_average_precision(np.array([[0.9, 0.2], [0.1, 0.6]]), present, np.ones_like(present))
    1.0
    """
    return _mean([_average_precision(label_class) for label_class in _ranked_classes(scores, present, known)])


def padded_cmap(scores: FloatArray, present: BoolArray, known: BoolArray, rows: int = PADDED_ROWS) -> float:
    """Macro average precision after ``rows`` clips that hold every class with score 1 are added ("padded cmAP").

    The metric of BirdCLEF 2023: a class without positives counts too, by how few clips score 1 in it, and a rare one
    weighs less on the whole.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
        At most 1.
    present, known : ndarray of bool, shape (N, C)
    rows : int

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import padded_cmap
    >>> present = np.array([[False], [True]])
    >>> round(padded_cmap(np.array([[0.9], [0.1]]), present, np.ones_like(present)), 4)
    0.9762
    """
    return _padded(_ranked_classes(scores, present, known), rows)


def _padded(ranked: Sequence[_Ranked], rows: int) -> float:
    ones = np.ones(rows)  # no score is above them, so that both stay sorted
    values = [
        _average_precision(_Ranked(np.append(ranked_class.scores, ones), np.append(ranked_class.positives, ones)))
        for ranked_class in ranked
    ]
    return float(np.mean([value for value in values if value is not None]))


def auc(scores: FloatArray, present: BoolArray) -> float | None:
    """Probability that a positive scores above a negative, ties half.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    present : ndarray of bool, shape (n,)

    Returns
    -------
    float or None
        None unless there are both.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import auc
    >>> auc(np.array([0.9, 0.8, 0.3]), np.array([True, False, True]))
    0.5
    """
    return _auc(_ranked(scores, present))


def _auc(ranked: _Ranked) -> float | None:
    n_positive = len(ranked.positives)
    n_negative = len(ranked.scores) - n_positive
    if not n_positive or not n_negative:
        return None
    # Scores below each positive, ties half; the positives themselves count n_positive ** 2 / 2 of them.
    below = np.searchsorted(ranked.scores, ranked.positives, "left")
    up_to = np.searchsorted(ranked.scores, ranked.positives, "right")
    pairs = (float(below.sum()) + float(up_to.sum())) / 2 - n_positive**2 / 2
    return pairs / (n_positive * n_negative)


def best_f1(scores: FloatArray, present: BoolArray) -> tuple[float | None, float | None]:
    """The highest F1 over all thresholds, and the threshold that gives it (predicted = score >= threshold).

    It is found on the cells that it is told of: on others the same threshold does somewhat worse.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    present : ndarray of bool, shape (n,)

    Returns
    -------
    f1, threshold : float or None
        None without positives.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import best_f1
    >>> best_f1(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False]))
    (1.0, 0.8)
    """
    return _best_f1(_ranked(scores, present))


def _best_f1(ranked: _Ranked) -> tuple[float | None, float | None]:
    if not len(ranked.positives):
        return None, None
    thresholds, true_positives, predicted = ranked.curve()
    f1 = 2 * true_positives / (predicted + true_positives[-1])
    best = int(np.argmax(f1))
    return float(f1[best]), float(thresholds[best])


def _macro_f1(ranked: Sequence[_Ranked]) -> tuple[float | None, float | None]:
    """The highest mean of the classes' F1 at one common threshold, of 0.01, 0.02 .. 0.99, and that threshold."""
    thresholds = np.arange(1, 100) / 100
    rows = []
    for ranked_class in ranked:
        if not len(ranked_class.positives):
            continue
        predicted = len(ranked_class.scores) - np.searchsorted(ranked_class.scores, thresholds)
        hits = len(ranked_class.positives) - np.searchsorted(ranked_class.positives, thresholds)
        rows.append(2 * hits / (predicted + len(ranked_class.positives)))
    if not rows:
        return None, None
    mean = np.mean(rows, axis=0)
    best = int(np.argmax(mean))
    return float(mean[best]), float(thresholds[best])


def lwlrap(scores: FloatArray, present: BoolArray) -> float | None:
    """Label-weighted label-ranking average precision (Howard and Ellis, DCASE 2019 task 2).

    The mean over all positive cells of the precision at their rank in their own clip: scikit-learn's
    ``label_ranking_average_precision_score`` weighted by each clip's number of labels, over clips that have any.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    present : ndarray of bool, shape (N, C)

    Returns
    -------
    float or None
        None without positives.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.predictions.metrics import lwlrap
    >>> scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.6]])
    >>> lwlrap(scores, np.array([[True, False, False], [False, False, True]]))
    0.75
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


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(numbers)) if numbers else None
