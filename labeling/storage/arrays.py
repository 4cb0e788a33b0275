"""Folders of arrays (Zarr v3 groups): written beside their place and renamed whole, checked as they are read.

Nothing in them is ever unpickled. ``remedy`` ends the errors: what to do about a folder that is not whole.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError, WorkspaceFull, WorkspaceReadOnly

CHUNK_BYTES = 1 << 20  # small enough that one clip is read in about a millisecond


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """A folder to fill, put in the place of ``target`` once the block ends well; what was there is kept until then.

    Raises WorkspaceFull or WorkspaceReadOnly where the disk refuses.
    """
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        replace_folder(beside, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(f"no space left to write {target}; free some and resume the run") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise WorkspaceReadOnly(f"no right to write {target} ({error.strerror})") from error
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def replace_folder(beside: Path, target: Path) -> None:
    """Put ``beside`` in the place of ``target``; what was there is kept until the new one is in place."""
    if not target.exists():
        beside.rename(target)
        return
    old = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.old")
    target.rename(old)
    try:
        beside.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def create_array(group: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """A compressed array of the group, its chunks of about a megabyte of whole rows.

    A chunk that is lost reads as NaN or -1, and chunks that look empty are written all the same: a folder cut short
    cannot pass for one full of zeros.
    """
    from zarr.codecs import BloscCodec

    kind = np.dtype(dtype)
    row_bytes = kind.itemsize * math.prod(max(1, size) for size in shape[1:])
    rows = max(1, min(max(1, shape[0]), CHUNK_BYTES // row_bytes))
    return group.create_array(
        name,
        shape=shape,
        dtype=kind.name,
        chunks=(rows, *(max(1, size) for size in shape[1:])),
        compressors=BloscCodec(typesize=kind.itemsize, cname="lz4", clevel=3, shuffle="bitshuffle"),
        fill_value=math.nan if kind.kind == "f" else -1,
        config={"write_empty_chunks": True},
    )


def open_folder(target: Path, remedy: str, format_version: int) -> tuple[Any, dict[str, Any]]:
    """The group at ``target`` and its attributes; raises ArtefactError where it is damaged or written by a later
    Earmark."""
    import zarr

    try:
        group = zarr.open_group(os.fspath(target), mode="r", zarr_format=3)
        attributes: dict[str, Any] = dict(group.attrs)
    except Exception as error:  # damaged metadata fails in many ways
        raise ArtefactError(f"{target} is not a whole folder of arrays ({error}); {remedy}") from error
    version = attributes.get("format_version")
    if not isinstance(version, int):
        raise ArtefactError(f"{target} has no format version: it was cut short while written; {remedy}")
    if version > format_version:
        raise ArtefactError(
            f"{target} has format version {version}, and this Earmark reads up to {format_version}; upgrade Earmark"
        )
    return group, attributes


def whole_array(group: Any, name: str, target: Path, remedy: str) -> Any:
    """The Zarr array ``name``, all of whose chunks are on disk; raises ArtefactError."""
    import zarr

    try:
        array = group[name]
    except KeyError:
        raise ArtefactError(f"{target}: array {name!r} is missing; {remedy}") from None
    except Exception as error:  # damaged metadata fails in many ways
        raise ArtefactError(f"{target}: array {name!r} cannot be opened ({error}); {remedy}") from error
    if not isinstance(array, zarr.Array):
        raise ArtefactError(f"{target}: {name!r} is not an array; {remedy}")
    if array.size and array.nchunks_initialized != array.nchunks:
        raise ArtefactError(
            f"{target}: {name!r} has {array.nchunks_initialized} of {array.nchunks} chunks, it was cut short; {remedy}"
        )
    return array


def read_array(group: Any, name: str, target: Path, remedy: str) -> NDArray[Any]:
    """All of the array ``name``; raises ArtefactError."""
    array = whole_array(group, name, target, remedy)
    try:
        return np.asarray(array[...])
    except Exception as error:  # a codec meets any damage it likes
        raise ArtefactError(f"{target}: array {name!r} cannot be read ({error}); {remedy}") from error
