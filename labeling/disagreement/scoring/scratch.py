"""Arrays (N, C) in files, written and read a block of rows at a time; they are gone with their folder.

Not mapped into memory: pages of a mapped file count as the process's own, and what is bounded here is memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from labeling.errors import WorkspaceFull


class OnDisk:
    """One array (N, C) in a file."""

    def __init__(self, path: Path, columns: int, dtype: DTypeLike) -> None:
        self.path, self.columns, self.dtype = path, columns, np.dtype(dtype)

    def write(self, first: int, values: NDArray[Any]) -> None:
        """Rows from ``first`` on. Raises WorkspaceFull."""
        try:
            with open(self.path, "r+b" if self.path.exists() else "w+b") as file:
                file.seek(first * self.columns * self.dtype.itemsize)
                file.write(np.ascontiguousarray(values, self.dtype).data)
        except OSError as problem:
            raise WorkspaceFull(
                f"{self.path.parent}: no room for what scoring keeps of a large collection ({problem.strerror}), some "
                "40 bytes a clip and class; free some, or set TMPDIR to a larger disk"
            ) from problem

    def read(self, first: int, last: int) -> NDArray[Any]:
        """Rows ``first`` to ``last`` (exclusive)."""
        at = first * self.columns * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, (last - first) * self.columns, offset=at).reshape(-1, self.columns)


class Scratch:
    """A folder of arrays that have ``columns`` columns."""

    def __init__(self, folder: Path, columns: int) -> None:
        self.folder, self.columns, self.count = folder, columns, 0

    def array(self, dtype: DTypeLike = np.float32) -> OnDisk:
        """A new one."""
        self.count += 1
        return OnDisk(self.folder / f"{self.count}.bin", self.columns, dtype)


@contextmanager
def scratch(columns: int, folder: Path | None = None) -> Iterator[Scratch]:
    """A folder beside others of its kind, or in ``folder``; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="earmark-scoring-", dir=folder) as made:
        yield Scratch(Path(made), columns)
