"""Frames that are made when they are asked for: what ``write_oof`` takes, with one clip in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray


class LaterFrames(Sequence[NDArray[Any]]):
    """One (T, K) array a clip; ``counts`` (N,) are the T, and ``make(i)`` gives the frames of clip i."""

    def __init__(self, counts: NDArray[np.int64], classes: int, make: Callable[[int], NDArray[Any]]) -> None:
        self.counts, self.classes, self.make = counts, classes, make

    def __len__(self) -> int:
        return len(self.counts)

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

    def taken(self, order: NDArray[np.int64], columns: NDArray[np.int64] | None = None) -> LaterFrames:
        """The same frames with the clips in another order, and only these columns of them."""

        def make(index: int) -> NDArray[Any]:
            frames = self.make(int(order[index]))
            return frames if columns is None else frames[:, columns]

        return LaterFrames(self.counts[order], self.classes if columns is None else len(columns), make)


class _Later:
    """A clip's frames, of known shape, made when numpy asks for them."""

    ndim = 2

    def __init__(self, frames: LaterFrames, index: int) -> None:
        self.frames, self.index = frames, index
        self.shape = (int(frames.counts[index]), frames.classes)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.frames.make(self.index), dtype=dtype)
