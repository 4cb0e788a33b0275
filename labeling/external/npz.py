"""Arrays in an .npz: filenames (N), classes (K), clipwise (N, K), and optionally framewise, step_s, start_s, fold.

``framewise`` is (N, T, K), or (sum T, K) with ``offsets`` (N + 1); ``step_s``, the seconds from one frame to the next,
is then needed, and clipwise may be left out: the highest frame takes its place. Nothing in it is ever unpickled, and
all is unpacked to the disk and read from there: a few megabytes of zeros, packed, may be gigabytes.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import FormatError
from labeling.external.base import ImportedPredictions, Reader, ReadRequest
from labeling.external.frames import LaterFrames
from labeling.external.wide import merged
from labeling.records import FrameGrid

KNOWN = ("filenames", "classes", "clipwise", "framewise", "offsets", "step_s", "start_s", "fold")
MOST_NAMES = 1_000_000  # of clips, or of classes: they are held in memory
LONGEST_NAME = 10_000  # signs
BLOCK = 1 << 16


def fits(path: Path) -> bool:
    """A file that ends in .npz."""
    return path.is_file() and path.suffix.lower() == ".npz"


def read(request: ReadRequest) -> ImportedPredictions:
    """Read such a file; raises FormatError."""
    path, matcher, values = request.path, request.matcher, request.values
    arrays, framewise = _load(path, request.scratch)
    for name in ("filenames", "classes"):
        if name not in arrays:
            raise FormatError(f"{path} has no array {name!r}; it has {', '.join(arrays) or 'none'}; add it")
    names, classes = _texts(arrays, "filenames", path), _texts(arrays, "classes", path)
    if "clipwise" not in arrays and framewise is None:
        raise FormatError(f"{path} has neither clipwise nor framewise; it has {', '.join(arrays)}; add one")
    rows, columns = matcher.rows(names), matcher.columns([(label_class,) for label_class in classes])
    matcher.require(str(path), int((rows >= 0).sum()), "clips")
    matcher.require(str(path), int((columns >= 0).sum()), "classes")
    for what, texts in (("filenames", names), ("classes", classes)):
        if len(set(texts)) < len(texts):
            double = Counter(texts).most_common(1)[0][0]
            raise FormatError(f"{path}: {what} has {double!r} twice; keep one")
    use, chosen = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    if len(np.unique(rows[use])) < len(use):
        again = int(np.flatnonzero(np.bincount(rows[use]) > 1)[0])
        raise FormatError(f"{path} gives {matcher.clips[again].filename!r} under several names; keep one of them")
    place = columns[chosen]
    shape = (len(names), len(classes))
    clipwise: NDArray[np.float32] | None = None
    if "clipwise" in arrays:
        given = _numbers(arrays, "clipwise", path)
        if given.shape != shape:
            raise FormatError(f"{path}: clipwise has shape {given.shape} where {shape} is needed")
        clipwise = values.take(given[np.ix_(use, chosen)])
        values.check(f"{path}, clipwise")
    frames: LaterFrames | None = None
    grid, own = None, np.unique(place)
    if framewise is not None:
        offsets = _offsets(arrays, framewise, shape, path)
        flat = framewise.reshape(-1, shape[1])
        grid = _grid(arrays, path)

        def make(index: int) -> NDArray[Any]:
            clip = use[index]
            raw = np.asarray(flat[offsets[clip] : offsets[clip + 1]])[:, chosen]
            return merged(values.applied(raw), place)[0]

        peaks = np.zeros((len(use), len(own)), np.float32)
        for k, clip in enumerate(use.tolist()):
            raw = np.asarray(flat[offsets[clip] : offsets[clip + 1]])[:, chosen]
            probabilities = merged(values.take(raw), place)[0]
            if len(raw):
                peaks[k] = probabilities.max(axis=0)
            elif clipwise is None:
                raise FormatError(f"{path}: {names[clip]!r} has no frames, and there is no clipwise; leave it out")
        values.check(f"{path}, framewise")
        frames = LaterFrames(np.diff(offsets)[use], len(own), make)
        if clipwise is None:
            clipwise, place = peaks, own
    assert clipwise is not None
    clipwise, own = merged(clipwise, place)
    fold = np.array(_texts(arrays, "fold", path), dtype=np.str_)[use] if "fold" in arrays else None
    return ImportedPredictions(rows[use], own, clipwise, frames, grid, fold)


def _load(path: Path, scratch: Path) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    """All arrays but framewise, and framewise; each unpacked to the disk and mapped, so that none fills the memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
            given = [name for name in sizes if name in KNOWN]
            unpacked, free = sum(sizes[name] for name in given), shutil.disk_usage(scratch).free
            if unpacked > free // 2:  # framewise is written once more as half floats
                raise FormatError(
                    f"{path}: its arrays take {unpacked / 1e9:.1f} GB unpacked, and {scratch} has {free / 1e9:.1f} GB "
                    "free; free some, or leave frames out"
                )
            arrays = {name: _mapped(archive, name, scratch) for name in given}
    except FormatError:
        raise
    except Exception as problem:  # a damaged file fails in many ways
        reason = str(problem).split("\n")[0] or type(problem).__name__
        if "Python objects" in reason or "allow_pickle" in reason:
            reason = "an array holds Python objects, which are never unpickled; save names as text (dtype str)"
        raise FormatError(
            f"{path} is not a whole .npz of plain arrays ({reason}); write it again with np.savez"
        ) from problem
    framewise = arrays.pop("framewise", None)
    if framewise is not None and (framewise.dtype.kind not in "fiu" or framewise.ndim not in (2, 3)):
        raise FormatError(
            f"{path}: framewise is {framewise.dtype} of shape {framewise.shape}; give numbers (N, T, K), or (sum T, K) "
            "with offsets"
        )
    return arrays, framewise


def _mapped(archive: zipfile.ZipFile, name: str, scratch: Path) -> NDArray[Any]:
    target = scratch / f"{name}.npy"
    with archive.open(f"{name}.npy") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, BLOCK)
    array: NDArray[Any] = np.load(target, mmap_mode="r", allow_pickle=False)
    return array


def _texts(arrays: dict[str, NDArray[Any]], name: str, path: Path) -> list[str]:
    array = arrays[name]
    if array.ndim != 1 or (name != "classes" and len(array) != len(arrays["filenames"])):
        raise FormatError(
            f"{path}: {name} has shape {array.shape}; it needs one value a {name.rstrip('s')}, in one row"
        )
    if len(array) > MOST_NAMES or array.dtype.itemsize > LONGEST_NAME * 4:
        raise FormatError(
            f"{path}: {name} has {len(array):,} names of {array.dtype}; at most {MOST_NAMES:,} of {LONGEST_NAME:,} "
            "signs can be read; split it, or check how it was written"
        )
    if array.dtype.kind == "U" and array.dtype.itemsize:
        signs = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view(np.uint32)
        if signs.size and int(signs.max()) > sys.maxunicode:
            raise FormatError(f"{path}: {name} holds a sign {int(signs.max()):#x}, which is none; write it anew")
    if array.dtype.kind == "S":
        return [item.decode("utf-8", "replace") for item in array.tolist()]
    return [str(item) for item in array.tolist()]


def _numbers(arrays: dict[str, NDArray[Any]], name: str, path: Path) -> NDArray[Any]:
    if arrays[name].dtype.kind not in "fiub":
        raise FormatError(f"{path}: {name} is {arrays[name].dtype}, and numbers are needed")
    return arrays[name]


def _offsets(
    arrays: dict[str, NDArray[Any]], framewise: NDArray[Any], shape: tuple[int, int], path: Path
) -> NDArray[np.int64]:
    if framewise.shape[-1] != shape[1]:
        raise FormatError(f"{path}: framewise has {framewise.shape[-1]} columns where there are {shape[1]} classes")
    if framewise.ndim == 3:
        if framewise.shape[0] != shape[0]:
            raise FormatError(f"{path}: framewise has {framewise.shape[0]} clips where there are {shape[0]} filenames")
        return np.asarray(np.arange(shape[0] + 1) * framewise.shape[1], dtype=np.int64)
    if "offsets" not in arrays:
        raise FormatError(f"{path}: framewise of shape {framewise.shape} needs offsets (N + 1), where each clip begins")
    offsets: NDArray[np.int64] = _numbers(arrays, "offsets", path).astype(np.int64)
    if offsets.shape != (shape[0] + 1,) or offsets[0] or (np.diff(offsets) < 0).any() or offsets[-1] != len(framewise):
        raise FormatError(
            f"{path}: offsets must be {shape[0] + 1} numbers that begin at 0, never fall, and end at {len(framewise)}"
        )
    return np.asarray(offsets)


def _grid(arrays: dict[str, NDArray[Any]], path: Path) -> FrameGrid:
    if "step_s" not in arrays:
        raise FormatError(f"{path}: framewise needs step_s, the seconds from one frame to the next; add it")
    try:
        step, start = (
            float(np.asarray(arrays[name]).item()) if name in arrays else 0.0 for name in ("step_s", "start_s")
        )
    except (TypeError, ValueError) as problem:
        raise FormatError(f"{path}: step_s and start_s must be one number each ({problem})") from problem
    if not (np.isfinite(step) and step > 0 and np.isfinite(start)):
        raise FormatError(f"{path}: step_s {step:g} must be above 0, and start_s {start:g} a number; give seconds")
    return FrameGrid(start, step, step)


READER = Reader("npz", "an .npz with filenames, classes and clipwise or framewise", 10, fits, read)
