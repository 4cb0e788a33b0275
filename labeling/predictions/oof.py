"""The out-of-fold predictions of a run (``oof.zarr``): write, read, validate.

A Zarr v3 group with

=========== ================ ==================================================================
array       shape            content
=========== ================ ==================================================================
clipwise    (N, C) float32   probability that the class is somewhere in the clip
framewise   (sum T, C) f16   the same per frame, the clips one after the other
offsets     (N + 1) int64    clip i owns the frames ``offsets[i]`` to ``offsets[i + 1]``
fold        (N) int32        the fold that predicted the clip, and never saw it
clip_ids    (N) int64        ids in the workspace's database
filenames   (N) string       names in the imported table
=========== ================ ==================================================================

and, as attributes, the classes, the frame grid, and the number and hash of the label version trained on.
The folder is written beside its final place and renamed when whole. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.errors import ArtefactError, DataError
from labeling.records import FrameGrid
from labeling.storage.arrays import create_array, open_folder, read_array, whole_array, written_beside

FORMAT_VERSION = 1
REMEDY = "resume the run (python -m models train RECIPE --workspace W --resume RUN) or train again"

_HALF_ONE = 0x3C00  # the bits of 1.0 in float16; every finite value in 0..1 has bits at or below it


@dataclass(frozen=True)
class FrameBlock:
    """The frames of clips ``first`` to ``last`` (exclusive): ``values`` (sum T, C) float16, ``offsets`` into it."""

    first: int
    last: int
    values: NDArray[np.float16]
    offsets: NDArray[np.int64]

    def clip(self, index: int) -> NDArray[np.float16]:
        """Frames (T, C) of clip ``index``, counted over the whole collection."""
        k = index - self.first
        return self.values[self.offsets[k] : self.offsets[k + 1]]


@dataclass(frozen=True)
class Oof:
    """Out-of-fold predictions: clipwise in memory, framewise read when asked for.

    ``clipwise`` is (N, C) float32, ``offsets`` (N + 1) int64, ``fold`` (N,) int32 and ``framewise`` anything
    that slices like a (sum T, C) float16 array. A clip may have no frames where a model gives none.
    """

    clip_ids: NDArray[np.int64]
    filenames: tuple[str, ...]
    classes: tuple[str, ...]
    clipwise: NDArray[np.float32]
    offsets: NDArray[np.int64]
    fold: NDArray[np.int32]
    grid: FrameGrid
    label_version: int
    label_hash: str
    framewise: Any = field(repr=False)
    path: str = ""

    def __len__(self) -> int:
        return len(self.clip_ids)

    def frames(self, index: int) -> NDArray[np.float32]:
        """Read the frames of one clip, and nothing else.

        Parameters
        ----------
        index : int
            The clip's row, not its id.

        Returns
        -------
        ndarray of float32, shape (T, C)
            Probabilities; `span_s` gives their seconds.

        Raises
        ------
        ArtefactError
            The frames cannot be read, or are no probabilities.

        Examples
        --------
        >>> from labeling.example import example_workspace
        >>> from labeling.predictions.oof import read_oof
        >>> oof = read_oof(example_workspace().run_dir("001-demo") / "oof.zarr")
        >>> frames = oof.frames(oof.filenames.index("amecro/3.wav"))
        >>> frames.shape, oof.grid.step_s
        ((20, 3), 0.1)
        >>> heard = (frames[:, oof.classes.index("cangoo")] > 0.5).nonzero()[0]
        >>> [float(seconds) for seconds in oof.span_s(heard[0], heard[-1] + 1)]
        [0.5, 1.2000000000000002]
        """
        return self._rows(index, index + 1).astype(np.float32)

    def iter_blocks(self, max_bytes: int = 32 << 20) -> Iterator[FrameBlock]:
        """All frames in blocks of whole clips, each about ``max_bytes`` at most (a longer clip comes alone)."""
        rows = max(1, max_bytes // max(1, 2 * len(self.classes)))
        first, count = 0, len(self)
        while first < count:
            fitting = int(np.searchsorted(self.offsets, self.offsets[first] + rows, side="right")) - 1
            last = min(count, max(first + 1, fitting))
            yield FrameBlock(first, last, self._rows(first, last), self.offsets[first : last + 1] - self.offsets[first])
            first = last

    def span_s(self, first_frame: ArrayLike, end_frame: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Onset and offset in seconds of the frames ``first_frame`` to ``end_frame`` (exclusive)."""
        start, step = self.grid.start_s, self.grid.step_s
        onset = np.maximum(0.0, start + np.asarray(first_frame, dtype=np.float64) * step)
        return onset, np.maximum(onset, start + np.asarray(end_frame, dtype=np.float64) * step)

    def _rows(self, first: int, last: int) -> NDArray[np.float16]:
        start, stop = int(self.offsets[first]), int(self.offsets[last])
        try:
            values = np.ascontiguousarray(self.framewise[start:stop], dtype=np.float16)
        except Exception as error:  # a codec meets any damage it likes
            raise ArtefactError(
                f"{self.path}: the frames of {self.filenames[first]!r} cannot be read ({error}); {REMEDY}"
            ) from error
        if values.size and int(values.view(np.uint16).max()) > _HALF_ONE:
            check_probabilities(values, f"{self.path}: framewise of {self.filenames[first]!r} and the next clips")
            values = values + np.float16(0)  # only -0.0 is left: those who compare the bits rely on 0.0
        return values


def write_oof(
    path: str | os.PathLike[str],
    *,
    clip_ids: ArrayLike,
    filenames: Sequence[str],
    classes: Sequence[str],
    clipwise: ArrayLike,
    framewise: Sequence[NDArray[Any]],
    fold: ArrayLike,
    grid: FrameGrid,
    label_version: int,
    label_hash: str,
) -> None:
    """Write out-of-fold predictions, replacing what is there once the new folder is whole.

    Parameters
    ----------
    path : str or path-like
        The folder, by custom ``runs/RUN/oof.zarr``.
    clip_ids : array-like of int, shape (N,)
        Ids in the workspace.
    filenames, classes : sequence of str, length N and C
    clipwise : array-like, shape (N, C)
        Probability that the class is somewhere in the clip.
    framewise : sequence of N ndarrays, shape (T_i, C) each
        The same per frame; kept as float16. A clip may have no frames.
    fold : array-like of int, shape (N,)
        The fold that predicted the clip, and never saw it.
    grid : FrameGrid
        Where the frames lie in time.
    label_version : int
    label_hash : str
        What the folds were trained on.

    Raises
    ------
    ArtefactError
        Shapes disagree, a class is named twice, or a value is no probability.
    WorkspaceFull, WorkspaceReadOnly
        The disk refuses.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from labeling.predictions.oof import read_oof, write_oof
    >>> from labeling.records import FrameGrid
    >>> folder = tempfile.mkdtemp() + "/oof.zarr"
    >>> write_oof(
    ...     folder,
    ...     clip_ids=[1, 2],
    ...     filenames=["a.wav", "b.wav"],
    ...     classes=["amecro"],
    ...     clipwise=[[0.9], [0.1]],
    ...     framewise=[np.full((4, 1), 0.9), np.full((2, 1), 0.1)],
    ...     fold=[0, 1],
    ...     grid=FrameGrid(start_s=0.0, step_s=0.5, native_step_s=0.5),
    ...     label_version=1,
    ...     label_hash="",
    ... )
    >>> read_oof(folder).offsets.tolist()
    [0, 4, 6]
    """
    target = Path(path)
    ids = np.asarray(clip_ids, dtype=np.int64)
    names = [str(name) for name in filenames]
    probabilities = np.asarray(clipwise, dtype=np.float32)
    folds = np.asarray(fold, dtype=np.int32)
    shape = (len(ids), len(classes))
    for what, got, wanted in (
        ("clip_ids", ids.shape, (len(ids),)),
        ("filenames", (len(names),), shape[:1]),
        ("clipwise", probabilities.shape, shape),
        ("fold", folds.shape, shape[:1]),
        ("framewise", (len(framewise),), shape[:1]),
    ):
        if got != wanted:
            raise ArtefactError(f"predictions for {target}: {what} has shape {got} where {wanted} is needed")
    if len(set(classes)) != len(classes):
        raise ArtefactError(f"predictions for {target}: a class is named twice; give each class one column")
    check_probabilities(probabilities, f"predictions for {target}: clipwise")
    for name, frames in zip(names, framewise, strict=True):
        if frames.ndim != 2 or frames.shape[1] != shape[1]:
            raise ArtefactError(
                f"predictions for {target}: framewise of {name!r} has shape {frames.shape}, not (T, {shape[1]})"
            )
    offsets = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum([len(frames) for frames in framewise], out=offsets[1:])

    with written_beside(target) as beside:
        _write_group(beside, ids, names, probabilities, framewise, offsets, folds)
        _write_attributes(beside, tuple(classes), grid, label_version, label_hash)


def read_oof(path: str | os.PathLike[str], *, whole: bool = True) -> Oof:
    """Open the predictions of a run. All but the frames is read and checked; frames are read when asked for.

    Parameters
    ----------
    path : str or path-like
        The folder ``oof.zarr``.
    whole : bool
        False leaves clipwise on the disk too: then it only slices by rows, unchecked (`disagreement.rows.rows_of`).

    Returns
    -------
    Oof

    Raises
    ------
    ArtefactError
        The folder is missing, incomplete or damaged; the message says what to do.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.predictions.oof import read_oof
    >>> oof = read_oof(example_workspace().run_dir("001-demo") / "oof.zarr")
    >>> oof.classes, oof.clipwise.shape, oof.fold.tolist()[:5]
    (('amecro', 'balori', 'cangoo'), (12, 3), [0, 1, 2, 3, 0])
    """
    target = Path(path)
    if not target.is_dir():
        raise ArtefactError(f"{target} is missing: the run has no predictions yet; {REMEDY}")
    group, attributes = open_folder(target, REMEDY, FORMAT_VERSION)
    try:
        classes = tuple(str(code) for code in attributes["classes"])
        grid = FrameGrid(*(float(attributes["grid"][name]) for name in ("start_s", "step_s", "native_step_s")))
        label_version, label_hash = int(attributes["label_version"]), str(attributes["label_hash"])
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise ArtefactError(f"{target}: attribute missing or wrong ({error}); {REMEDY}") from error

    offsets = read_array(group, "offsets", target, REMEDY)
    count = len(offsets) - 1
    lazy = whole_array(group, "framewise", target, REMEDY)
    arrays = {name: read_array(group, name, target, REMEDY) for name in ("fold", "clip_ids", "filenames")}
    arrays["clipwise"] = (read_array if whole else whole_array)(group, "clipwise", target, REMEDY)
    wanted = {
        "clipwise": (count, len(classes)),
        "fold": (count,),
        "clip_ids": (count,),
        "filenames": (count,),
        "framewise": (int(offsets[-1]) if count >= 0 else 0, len(classes)),
    }
    for name, shape in wanted.items():
        got = lazy.shape if name == "framewise" else arrays[name].shape
        if tuple(got) != shape:
            raise ArtefactError(f"{target}: {name} has shape {tuple(got)} where {shape} is needed; {REMEDY}")
    if count < 0 or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
        raise ArtefactError(f"{target}: offsets must begin at 0 and never fall; {REMEDY}")
    clipwise = arrays["clipwise"]
    if whole:
        clipwise = np.asarray(clipwise, dtype=np.float32)
        check_probabilities(clipwise, f"{target}: clipwise")
    return Oof(
        clip_ids=np.asarray(arrays["clip_ids"], dtype=np.int64),
        filenames=tuple(str(name) for name in arrays["filenames"]),
        classes=classes,
        clipwise=clipwise,
        offsets=np.asarray(offsets, dtype=np.int64),
        fold=np.asarray(arrays["fold"], dtype=np.int32),
        grid=grid,
        label_version=label_version,
        label_hash=label_hash,
        framewise=lazy,
        path=str(target),
    )


def _write_group(
    folder: Path,
    clip_ids: NDArray[np.int64],
    filenames: list[str],
    clipwise: NDArray[np.float32],
    framewise: Sequence[NDArray[Any]],
    offsets: NDArray[np.int64],
    fold: NDArray[np.int32],
) -> None:
    import zarr

    group = zarr.open_group(str(folder), mode="w", zarr_format=3)
    classes = clipwise.shape[1]
    for name, values in (("offsets", offsets), ("fold", fold), ("clip_ids", clip_ids), ("clipwise", clipwise)):
        create_array(group, name, values.shape, values.dtype)[:] = values
    text = group.create_array(
        "filenames",
        shape=(len(filenames),),
        dtype=str,
        chunks=(max(1, len(filenames)),),
        config={"write_empty_chunks": True},
    )
    text[:] = np.array(filenames, dtype=object)

    frames = create_array(group, "framewise", (int(offsets[-1]), classes), "float16")
    rows = frames.chunks[0]
    buffer = np.empty((rows, classes), dtype=np.float16)
    filled = written = 0
    for name, clip in zip(filenames, framewise, strict=True):
        half = np.asarray(clip).astype(np.float16)
        if half.size and int(half.view(np.uint16).max()) > _HALF_ONE:
            check_probabilities(half, f"predictions for {folder.parent}: framewise of {name!r}")
        taken = 0
        while taken < len(half):
            fits = min(rows - filled, len(half) - taken)
            buffer[filled : filled + fits] = half[taken : taken + fits]
            filled, taken = filled + fits, taken + fits
            if filled == rows:
                frames[written : written + rows] = buffer
                written, filled = written + rows, 0
    if filled:
        frames[written : written + filled] = buffer[:filled]


def _write_attributes(
    folder: Path, classes: tuple[str, ...], grid: FrameGrid, label_version: int, label_hash: str
) -> None:
    import zarr

    zarr.open_group(str(folder), mode="r+", zarr_format=3).attrs.update(
        {
            "format_version": FORMAT_VERSION,
            "classes": list(classes),
            "grid": {"start_s": grid.start_s, "step_s": grid.step_s, "native_step_s": grid.native_step_s},
            "label_version": int(label_version),
            "label_hash": str(label_hash),
        }
    )


def check_probabilities(values: NDArray[Any], what: str) -> None:
    """Raise ArtefactError unless all values are finite and within 0..1."""
    if values.size == 0:
        return
    low, high = float(np.min(values)), float(np.max(values))  # NaN wins both
    if math.isnan(low) or math.isnan(high):
        bad = int(np.isnan(values).sum())
        raise ArtefactError(
            f"{what}: {bad} of {values.size} values are NaN where probabilities in 0..1 are needed; {REMEDY}, "
            "with a lower learning rate if the training diverged"
        )
    if low < 0 or high > 1:
        raise ArtefactError(
            f"{what}: values from {low:.4g} to {high:.4g} where probabilities in 0..1 are needed; "
            "write probabilities, not logits"
        )


def for_each_block(oof: Oof, work: Callable[[FrameBlock], None], max_bytes: int = 8 << 20) -> None:
    """Call ``work`` on every block of frames, in a few threads, with no more than a few blocks in memory."""
    workers = max(1, min(8, os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for block in oof.iter_blocks(max_bytes):
            waiting.append(pool.submit(work, block))
            if len(waiting) > workers:
                waiting.pop(0).result()
        for future in waiting:
            future.result()
