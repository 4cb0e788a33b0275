"""Several runs' out-of-fold predictions made into one: weighted averages, votes, and weights fitted to the labels.

Only numpy and scipy. Clips are matched by id and classes by code; what one run lacks is left out, and said. The
clipwise probabilities of all runs are held in memory, framewise ones pass clip by clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.errors import ConfigError, DataError
from labeling.predictions.metrics import macro_average_precision
from labeling.predictions.oof import FrameBlock, Oof
from labeling.records import FrameGrid
from labeling.registry import unknown_name

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

OBJECTIVES = ("log_loss", "macro_ap")
SELECTION_STEPS = 20  # weights of the ensemble selection are multiples of 1/20 at most
_SMALLEST = 1e-6  # a probability is taken no closer to 0 in a log loss
_BLOCK_CELLS = 1 << 18


@dataclass(frozen=True)
class Shared:
    """The clips and classes that all runs predict: rows and columns of each run's arrays, in the first run's order.

    ``fold`` (N,) is the fold where all runs part the clips alike (whatever their numbers), else -1 throughout.
    ``words`` say what was left out and what to bear in mind.
    """

    clip_ids: NDArray[np.int64]
    filenames: tuple[str, ...]
    classes: tuple[str, ...]
    rows: tuple[NDArray[np.int64], ...]
    columns: tuple[NDArray[np.int64], ...]
    fold: NDArray[np.int32]
    words: tuple[str, ...] = ()


def share(oofs: Sequence[Oof], names: Sequence[str]) -> Shared:
    """What runs have in common; raises DataError where that is no clip or no class."""
    first = oofs[0]
    everywhere = set.intersection(*(set(oof.clip_ids.tolist()) for oof in oofs))
    in_every = set.intersection(*(set(oof.classes) for oof in oofs))
    ids = [clip_id for clip_id in first.clip_ids.tolist() if clip_id in everywhere]
    classes = tuple(code for code in first.classes if code in in_every)
    if not ids or not classes:
        raise DataError(f"runs {', '.join(names)} have no {'clip' if not ids else 'class'} in common; choose others")
    rows, columns = [], []
    for oof in oofs:
        row_of = {clip_id: row for row, clip_id in enumerate(oof.clip_ids.tolist())}
        column_of = {code: column for column, code in enumerate(oof.classes)}
        rows.append(np.array([row_of[clip_id] for clip_id in ids], np.int64))
        columns.append(np.array([column_of[code] for code in classes], np.int64))
    words = []
    for what, kept, sizes in (
        ("clips", len(ids), [len(oof) for oof in oofs]),
        ("classes", len(classes), [len(oof.classes) for oof in oofs]),
    ):
        if max(sizes) > kept:
            own = ", ".join(f"{size} of {name}" for name, size in zip(names, sizes, strict=True))
            words.append(f"only the {kept} {what} that every run predicts are combined ({own})")
    folds = [oof.fold[own] for oof, own in zip(oofs, rows, strict=True)]
    fold = folds[0].astype(np.int32)
    if any(not same_parts(fold, other) for other in folds[1:]):
        words.append(
            "the runs part the clips into different folds: each member's prediction is out of its own fold, but no one "
            "fold is left out of the whole; the fold is stored as -1"
        )
        fold = np.full(len(ids), -1, np.int32)
    filenames = tuple(first.filenames[row] for row in rows[0].tolist())
    return Shared(np.array(ids, np.int64), filenames, classes, tuple(rows), tuple(columns), fold, tuple(words))


def same_parts(one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]]) -> bool:
    """Whether two fold columns part the clips alike, whatever the folds are called; -1 belongs to no fold."""
    if min(one.min(), other.min()) < 0:
        return False
    pairs = len(np.unique(np.stack([one, other]), axis=1).T)
    return pairs == len(np.unique(one)) == len(np.unique(other))


def clipwise(oofs: Sequence[Oof], shared: Shared) -> Floats:
    """Clipwise probabilities (K, N, C) float32 of K runs over the shared clips and classes."""
    parts = zip(oofs, shared.rows, shared.columns, strict=True)
    return np.stack([oof.clipwise[np.ix_(rows, columns)] for oof, rows, columns in parts])


# ------------------------------------------------------------------------------------------- average and vote


def checked_weights(weights: ArrayLike, count: int) -> NDArray[np.float64]:
    """Weights (K,), at least 0, scaled to sum 1; raises ConfigError."""
    values = np.asarray(weights, np.float64)
    if values.shape != (count,):
        raise ConfigError(f"{values.size} weights for {count} runs; give one a run")
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise ConfigError(f"weights {values.tolist()} must be at least 0, and one above it")
    return np.asarray(values / values.sum())


def weighted_mean(stack: NDArray[Any], weights: NDArray[np.floating[Any]]) -> Floats:
    """Weighted average of the probabilities of K runs.

    Parameters
    ----------
    stack : ndarray, shape (K, ..., C)
    weights : ndarray, shape (K,)
        Of sum 1.

    Returns
    -------
    ndarray of float32, shape (..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from models.combining.ensemble import weighted_mean
    >>> weighted_mean(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.75, 0.25])).tolist()
    [0.875, 0.125]
    """
    mean = np.tensordot(weights.astype(np.float32), stack, axes=1)
    return np.clip(mean, 0, 1).astype(np.float32, copy=False)


def vote_share(stack: NDArray[Any], threshold: float) -> Floats:
    """Hard vote: the share of the K runs whose probability reaches a threshold.

    The 1st place of the 2020 Cornell birdcall challenge kept a class with 4 of 13 votes, each at 0.3.

    Parameters
    ----------
    stack : ndarray, shape (K, ..., C)
    threshold : float

    Returns
    -------
    ndarray of float32, shape (..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from models.combining.ensemble import vote_share
    >>> vote_share(np.array([[0.9, 0.1], [0.4, 0.2], [0.6, 0.5], [0.1, 0.1]]), 0.3).tolist()
    [0.75, 0.25]
    """
    return np.asarray(np.mean(stack >= np.float32(threshold), axis=0, dtype=np.float32))


# ------------------------------------------------------------------------------------------------ fitted weights


def log_loss(stack: Floats, present: Bools, known: Bools, weights: ArrayLike) -> float:
    """Mean over known cells of -log of the probability that the weighted average gives the label."""
    return _log_loss(_agreement(stack, present, known), np.asarray(weights, np.float64))[0]


def _agreement(stack: Floats, present: Bools, known: Bools) -> Floats:
    """The probability that each run gives the label of each known cell, (K, cells)."""
    truth = present[known]
    out = np.empty((len(stack), len(truth)), np.float32)
    for row, probability in zip(out, stack, strict=True):
        row[:] = probability[known]
        np.subtract(1, row, out=row, where=~truth)
    return out


def _log_loss(agreed: Floats, weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Log loss and its gradient (K,); a block of cells at a time."""
    total, gradient, count = 0.0, np.zeros(len(agreed)), agreed.shape[1]
    for start in range(0, count, _BLOCK_CELLS):
        block = agreed[:, start : start + _BLOCK_CELLS].astype(np.float64)
        mixed = np.maximum(weights @ block, _SMALLEST)
        total -= float(np.log(mixed).sum())
        gradient -= block @ (1 / mixed)
    return total / max(1, count), gradient / max(1, count)


def fit_weights(stack: Floats, present: Bools, known: Bools, objective: str = "log_loss") -> NDArray[np.float64]:
    """Fit the weights of runs to labels.

    Parameters
    ----------
    stack : ndarray of float32, shape (K, N, C)
        Probabilities of K runs.
    present, known : ndarray of bool, shape (N, C)
        The labels, and the cells that count.
    objective : {"log_loss", "macro_ap"}
        ``log_loss`` is convex in the weights, and solved by sequential quadratic programming. ``macro_ap`` is a sum of
        steps, so searched by ensemble selection (Caruana et al., "Ensemble selection from libraries of models", ICML
        2004): runs are added to a bag, with repetition, each time the one that raises macro-AP most; the best bag wins,
        or equal weights where they are better.

    Returns
    -------
    ndarray of float64, shape (K,)
        At least 0 and of sum 1.

    Raises
    ------
    ConfigError
        There is no such objective.

    Examples
    --------
    >>> import numpy as np
    >>> from models.combining.ensemble import fit_weights
    >>> present = np.array([[True], [False]])
    >>> stack = np.array([[[0.9], [0.1]], [[0.5], [0.5]]], np.float32)
    >>> fit_weights(stack, present, np.ones_like(present)).round(2).tolist()
    [1.0, 0.0]
    """
    if objective == "log_loss":
        return _least_log_loss(stack, present, known)
    if objective == "macro_ap":
        return _select(stack, present, known)
    raise ConfigError(unknown_name("objective", objective, list(OBJECTIVES)))


def _least_log_loss(stack: Floats, present: Bools, known: Bools) -> NDArray[np.float64]:
    from scipy.optimize import minimize

    count = len(stack)
    equal = np.full(count, 1 / count)
    if count == 1 or not known.any():
        return equal
    agreed = _agreement(stack, present, known)
    solution = minimize(
        lambda weights: _log_loss(agreed, weights),
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)},
        options={"ftol": 1e-9, "maxiter": 100},
    )
    weights = np.clip(solution.x, 0, None)
    weights = weights / weights.sum() if np.isfinite(weights).all() and weights.sum() > 0 else equal
    return weights if _log_loss(agreed, weights)[0] <= _log_loss(agreed, equal)[0] else equal


def _select(stack: Floats, present: Bools, known: Bools) -> NDArray[np.float64]:
    count = len(stack)
    bag = np.zeros(count)
    total = np.zeros(stack.shape[1:], np.float32)
    best_weights = np.full(count, 1 / count)
    best = macro_average_precision(weighted_mean(stack, best_weights), present, known) or 0.0
    since = 0
    for _ in range(SELECTION_STEPS):
        values = [macro_average_precision(total + member, present, known) or 0.0 for member in stack]
        chosen = int(np.argmax(values))
        total, bag[chosen] = total + stack[chosen], bag[chosen] + 1
        since += 1
        if values[chosen] > best:
            best, best_weights, since = values[chosen], bag / bag.sum(), 0
        if since > count:  # a bag that grew by one of each and gained nothing
            break
    return best_weights


@dataclass(frozen=True)
class Fitted:
    """Weights fitted on all clips (K,), and those of each fold, fitted on the other folds only.

    ``clipwise`` (N, C) is the weighted average by the weights of each clip's fold. ``gain`` holds the objective of
    ``equal`` weights, of ``each_run`` alone, of ``fitted`` (of ``clipwise``, the honest figure), and in sample.
    """

    weights: NDArray[np.float64]
    of_fold: dict[int, NDArray[np.float64]]
    clipwise: Floats
    gain: dict[str, Any]


def cross_fit(
    stack: Floats, present: Bools, known: Bools, fold: NDArray[np.integer[Any]], objective: str = "log_loss"
) -> Fitted:
    """Fit weights on all clips and without each fold. Raises DataError where there is but one fold."""
    folds = np.unique(fold).tolist()
    if len(folds) < 2 or min(folds) < 0:
        raise DataError(f"weights cannot be cross-fitted over folds {folds}; at least two are needed, from 0")
    of_fold = {k: fit_weights(stack, present, known & (fold != k)[:, None], objective) for k in folds}
    weights = fit_weights(stack, present, known, objective)
    crossed = np.empty(stack.shape[1:], np.float32)
    for k in folds:
        crossed[fold == k] = weighted_mean(stack[:, fold == k], of_fold[k])

    def value(mixed: Floats) -> float | None:
        if objective == "macro_ap":
            return macro_average_precision(mixed, present, known)
        return log_loss(mixed[None], present, known, [1.0])

    gain = {
        "objective": objective,
        "better": "higher" if objective == "macro_ap" else "lower",
        "equal": value(weighted_mean(stack, np.full(len(stack), 1 / len(stack)))),
        "fitted": value(crossed),
        "fitted_in_sample": value(weighted_mean(stack, weights)),
        "each_run": [value(member_clipwise) for member_clipwise in stack],
    }
    return Fitted(weights, of_fold, crossed, gain)


# ------------------------------------------------------------------------------------------------------ frames


def finest_grid(grids: Sequence[FrameGrid]) -> tuple[int, FrameGrid]:
    """The run whose frames lie closest (the first of equals), and its grid with the finest native step of all."""
    chosen = min(range(len(grids)), key=lambda k: grids[k].step_s)
    native = max(grids[chosen].step_s, min(grid.native_step_s for grid in grids))
    return chosen, FrameGrid(grids[chosen].start_s, grids[chosen].step_s, native)


def on_grid(frames: NDArray[Any], own: FrameGrid, wanted: FrameGrid, count: int) -> NDArray[Any]:
    """``count`` frames on another grid: each takes the frame that covers its middle, the ends are held.

    No value is interpolated, so that the highest frame of a clip stays what it was on a grid as fine or finer.
    """
    if own.start_s == wanted.start_s and own.step_s == wanted.step_s and len(frames) == count:
        return frames
    middle_s = wanted.start_s + (np.arange(count) + 0.5) * wanted.step_s
    place = np.floor((middle_s - own.start_s) / own.step_s + 1e-9).astype(np.int64)
    return np.asarray(frames[np.clip(place, 0, len(frames) - 1)])


Combine = Callable[[int, Floats], Floats]
"""``combine(index, stack)``: the frames (T, C) of shared clip ``index`` from those of K runs (K, T, C)."""


class CombinedFrames(Sequence[NDArray[Any]]):
    """The frames of every shared clip, made as they are asked for: what ``write_oof`` takes as ``framewise``.

    Memory holds a block of a few MB a run. They lie on the grid of :func:`finest_grid`. A run without frames in a clip
    speaks there with its clipwise probability; where none has frames, nor has the combination.
    """

    def __init__(self, oofs: Sequence[Oof], shared: Shared, combine: Combine) -> None:
        self.oofs, self.shared, self.combine = oofs, shared, combine
        self.chosen, self.grid = finest_grid([oof.grid for oof in oofs])
        self.readers = [_Reader(oof) for oof in oofs]

    def __len__(self) -> int:
        return len(self.shared.clip_ids)

    @overload
    def __getitem__(self, index: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NDArray[Any]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[Any] | Sequence[NDArray[Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return cast("NDArray[Any]", _Later(self, index))

    def count(self, index: int) -> int:
        """How many frames a clip has."""
        lengths = [
            int(oof.offsets[rows[index] + 1] - oof.offsets[rows[index]])
            for oof, rows in zip(self.oofs, self.shared.rows, strict=True)
        ]
        if lengths[self.chosen] or not any(lengths):
            return lengths[self.chosen]
        other = next(k for k, length in enumerate(lengths) if length)
        return max(1, round(lengths[other] * self.oofs[other].grid.step_s / self.grid.step_s))

    def make(self, index: int) -> Floats:
        """Frames (T, C) float32 of a clip."""
        count = self.count(index)
        stack = np.empty((len(self.oofs), count, len(self.shared.classes)), np.float32)
        if not count:
            return np.zeros((0, len(self.shared.classes)), np.float32)
        for k, (oof, reader) in enumerate(zip(self.oofs, self.readers, strict=True)):
            row, columns = int(self.shared.rows[k][index]), self.shared.columns[k]
            frames = reader.clip(row)
            if len(frames):
                stack[k] = on_grid(frames, oof.grid, self.grid, count)[:, columns]
            else:
                stack[k] = oof.clipwise[row, columns]
        return np.clip(self.combine(index, stack), 0, 1)


class _Later:
    """A clip's frames, of known shape, computed when numpy asks for them."""

    ndim = 2

    def __init__(self, frames: CombinedFrames, index: int) -> None:
        self.frames, self.index = frames, index
        self.shape = (frames.count(index), len(frames.shared.classes))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.frames.make(self.index), dtype=dtype)


class _Reader:
    """Clips of a run, block by block while they are asked for in its own order, else one by one."""

    def __init__(self, oof: Oof) -> None:
        self.oof = oof
        self.blocks: Iterator[FrameBlock] = oof.iter_blocks(8 << 20)
        self.block: FrameBlock | None = None

    def clip(self, row: int) -> NDArray[Any]:
        """Frames (T, C) float16 or float32 of the clip in a row."""
        while self.block is None or row >= self.block.last:
            self.block = next(self.blocks)
        return self.block.clip(row) if row >= self.block.first else self.oof.frames(row)
