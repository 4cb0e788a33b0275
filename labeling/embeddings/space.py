"""A space on disk, ``embeddings/NAME.zarr``: one frozen model's vectors of all stretches of a workspace.

The group's attributes say which model made it. Each part in it is a group of its own, written beside and renamed when
whole, so that a job that is killed loses only the part in hand:

========= ================= ====================================================================
array     shape             content
========= ================= ====================================================================
vectors   (n, D) float16    unit vectors, zeros where the model gave none; the rows of one clip
                            adjacent and in time order
onset_s   (n,) float32      where each stretch begins in its clip, and where it ends
offset_s  (n,) float32
clips     (m,) int64        ids of the clips that the part holds, also of those that gave no stretch
counts    (m,) int64        how many rows each has, one clip after the other
sounds    (m,) string       which sound of the clip was embedded: `sound_of`
========= ================= ====================================================================

Where two parts hold a clip the newer one counts. The vectors are one chunk that is not compressed, so that a space of
one part is not read but mapped: a million stretches are open at once.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.errors import ArtefactError, DataError, UnknownName
from labeling.registry import unknown_name
from labeling.storage import tables
from labeling.storage.arrays import create_array, open_folder, read_array, written_beside
from labeling.storage.files import write_atomically
from labeling.storage.kept import Kept
from labeling.workspace import Workspace

FORMAT_VERSION = 1
FOLDER = "embeddings"
SUFFIX = ".zarr"
IMPORTED = "imported:"
"""What the model of a space begins with whose vectors were made elsewhere."""
PARTS = 4
"""More parts than this are joined when a job ends: several have to be copied into one array to be searched."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_PART = re.compile(r"\d{6,}-[0-9a-f]{8}")
_KEPT_BYTES = 4 << 30


@dataclass(frozen=True)
class SpaceFacts:
    """Which model made a space, and how.

    ``name`` is the space's, ``model`` the frozen model's (``aisfx``, ``run:003-quick``). ``licence`` is that of its
    weights, and holds for everything that is made from the vectors; ``weights_sha256`` their hash. ``sample_rate`` in
    Hz is what the model hears, ``window_s`` a stretch's length, ``hop_s`` from one stretch to the next, ``size`` the
    number of values a vector.
    """

    name: str
    model: str
    licence: str
    weights_sha256: str
    sample_rate: int
    window_s: float
    hop_s: float
    size: int


@dataclass(frozen=True)
class Space:
    """All of a space, in memory and not to be written to.

    ``vectors`` (N, D) float16 are unit rows (zeros where the model gave none); ``clip_ids`` (N,) int64 rise, and the
    rows of one clip are in time order; ``onset_s`` and ``offset_s`` (N,) float32 are seconds from the clip's start.
    """

    facts: SpaceFacts
    vectors: NDArray[np.float16]
    clip_ids: NDArray[np.int64]
    onset_s: NDArray[np.float32]
    offset_s: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.clip_ids)

    def rows_of(self, clip_id: int) -> slice:
        """The rows of one clip; an empty slice where it has none."""
        first, last = np.searchsorted(self.clip_ids, [clip_id, clip_id + 1])
        return slice(int(first), int(last))


@dataclass(frozen=True)
class ClipVectors:
    """What a model gave of one clip: ``vectors`` (n, D) of any float and any length, ``onset_s`` and ``offset_s`` (n,)
    in time order. ``sound`` is `sound_of` the clip. A clip without a stretch is known to be done all the same."""

    clip_id: int
    sound: str
    vectors: NDArray[Any]
    onset_s: NDArray[Any]
    offset_s: NDArray[Any]


# ------------------------------------------------------------------------------------------------- which there are


def tree_of(name: str) -> str:
    """The folder of a space, as a part of the workspace; raises DataError for a name that is not plain."""
    if not _NAME.fullmatch(name):
        raise DataError(
            f"space {name[:100]!r} is not a plain name; use up to 80 letters, digits, '-', '_' and '.', "
            "a letter or digit first"
        )
    return f"{FOLDER}/{name}{SUFFIX}"


def space_path(workspace: Workspace, name: str) -> Path:
    """The folder of a space on this machine; raises DataError for a name that is not plain."""
    return workspace.tree(tree_of(name))


def list_spaces(workspace: Workspace) -> tuple[SpaceFacts, ...]:
    """The facts of every space by name; a folder that is no space is passed over, and `open_space` says why."""
    found = []
    if workspace.shared is not None:
        workspace.shared.bring_each(FOLDER, _is_about_it)
    for path in sorted((workspace.root / FOLDER).glob(f"*{SUFFIX}")):
        if _NAME.fullmatch(path.name.removesuffix(SUFFIX)):
            try:
                found.append(_facts(path))
            except ArtefactError:
                continue
    return tuple(found)


def _is_about_it(name: str) -> bool:
    """Of a space's files the one that says what it is."""
    return name == "zarr.json"


def has_spaces(workspace: Workspace) -> bool:
    """Whether there is any space, told by the names alone."""
    return any((workspace.root / FOLDER).glob(f"*{SUFFIX}"))


def space_facts(workspace: Workspace, name: str) -> SpaceFacts:
    """The facts of one space; raises UnknownName with those that exist, ArtefactError for a damaged one."""
    path = space_path(workspace, name)
    if not path.is_dir():
        raise UnknownName(unknown_name("space", name, [facts.name for facts in list_spaces(workspace)]))
    return _facts(path)


def sounds_now(connection: Connection) -> dict[int, str]:
    """What stands for each clip's sound now, by clip id: its file's fingerprint (of a URL its address and length) and
    its channel. Another text than a space holds means that the clip is to be embedded again."""
    clips = tables.clips.c
    query = sa.select(clips.id, clips.fingerprint, clips.path, clips.duration_s, clips.channel)
    return {
        row.id: sound_of(row.fingerprint, row.path, row.duration_s, row.channel) for row in connection.execute(query)
    }


def sound_of(fingerprint: str, path: str, duration_s: float, channel: int) -> str:
    """The text that stands for the sound of one clip."""
    return f"{fingerprint or f'{path} {duration_s:.3f}'} {channel}"


def known_clips(workspace: Workspace, name: str) -> dict[int, str]:
    """The clips that a space holds, each with the sound that was embedded; {} where there is no such space.

    Raises ArtefactError for a damaged part.
    """
    path = space_path(workspace, name)
    known: dict[int, str] = {}
    for part in _parts(path) if path.is_dir() else ():
        group, _ = open_folder(part, _remedy(path, part), FORMAT_VERSION)
        clips, sounds = (read_array(group, array, part, _remedy(path, part)) for array in ("clips", "sounds"))
        known.update(zip(clips.tolist(), map(str, sounds), strict=True))
    return known


def part_names(workspace: Workspace, name: str) -> list[str]:
    """The names of a space's parts: others once anything in it changed."""
    return [part.name for part in _parts(space_path(workspace, name))]


# ------------------------------------------------------------------------------------------------- writing


def check_facts(workspace: Workspace, facts: SpaceFacts) -> None:
    """Raise DataError where a space of this name was made by another model or in another way."""
    path = space_path(workspace, facts.name)
    if not path.is_dir():
        return
    old = _facts(path)
    for column in dataclasses.fields(SpaceFacts):
        then, now = getattr(old, column.name), getattr(facts, column.name)
        if then != now:
            raise DataError(
                f"space {facts.name!r} was made with {column.name} = {then!r}, and now it would be {now!r}; "
                f"give a new space another name, or remove {path}"
            )


def append(workspace: Workspace, facts: SpaceFacts, clips: Sequence[ClipVectors]) -> None:
    """Add clips to a space, all of them or none; the space is made where there is none.

    A clip that is there already is replaced. Raises DataError where the space was made in another way or a vector does
    not fit, WorkspaceFull, WorkspaceReadOnly.
    """
    check_facts(workspace, facts)
    for clip in clips:
        _check(clip, facts)
    path = space_path(workspace, facts.name)
    if not path.is_dir():
        attributes = {"format_version": FORMAT_VERSION, "facts": dataclasses.asdict(facts)}
        document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        write_atomically(path / "zarr.json", json.dumps(document, indent=2).encode())
    if clips:
        rows: dict[str, NDArray[Any]] = {
            "vectors": np.concatenate([_unit(clip.vectors).reshape(-1, facts.size) for clip in clips]),
            "onset_s": np.concatenate([np.asarray(clip.onset_s, np.float32) for clip in clips]),
            "offset_s": np.concatenate([np.asarray(clip.offset_s, np.float32) for clip in clips]),
        }
        counts = [len(clip.onset_s) for clip in clips]
        _write_part(path, [clip.clip_id for clip in clips], counts, [clip.sound for clip in clips], rows)


def join_parts(workspace: Workspace, name: str, most: int = PARTS) -> None:
    """Make one part of a space's parts, where there are more than ``most``. Raises as `append` and `open_space`."""
    path = space_path(workspace, name)
    parts = _parts(path)
    if len(parts) <= most:
        return
    sounds = known_clips(workspace, name)
    space = _read(path, parts)
    ids = np.array(sorted(sounds), dtype=np.int64)
    counts = np.searchsorted(space.clip_ids, ids, "right") - np.searchsorted(space.clip_ids, ids, "left")
    rows: dict[str, NDArray[Any]] = {"vectors": space.vectors, "onset_s": space.onset_s, "offset_s": space.offset_s}
    _write_part(path, ids.tolist(), counts.tolist(), [sounds[clip_id] for clip_id in ids.tolist()], rows)
    for part in parts:  # what is in the new part counts from now on, also where this is cut short
        shutil.rmtree(part, ignore_errors=True)


def remove_space(workspace: Workspace, name: str) -> None:
    """Remove a space and all its vectors. Raises UnknownName."""
    space_facts(workspace, name)
    if workspace.shared is not None:
        workspace.shared.remove(tree_of(name))
    shutil.rmtree(space_path(workspace, name), ignore_errors=True)
    for index in (workspace.root / FOLDER).glob(f"{name}.*.usearch"):
        index.unlink(missing_ok=True)


def _check(clip: ClipVectors, facts: SpaceFacts) -> None:
    vectors, onset_s, offset_s = clip.vectors, np.asarray(clip.onset_s), np.asarray(clip.offset_s)
    what = f"vectors of clip {clip.clip_id} for space {facts.name!r}"
    if vectors.shape != (len(onset_s), facts.size) or onset_s.shape != offset_s.shape:
        raise DataError(
            f"{what} have shape {vectors.shape} with {onset_s.shape} onsets and {offset_s.shape} offsets; "
            f"a row for each stretch and {facts.size} values a row are needed"
        )
    if not np.isfinite(vectors).all():
        raise DataError(
            f"{what}: {int((~np.isfinite(vectors)).sum())} values are not finite; mend the model or drop it"
        )
    in_order = np.isfinite(onset_s).all() and np.all(onset_s[1:] >= onset_s[:-1])
    if not in_order or not np.isfinite(offset_s).all() or np.any(onset_s < 0) or np.any(onset_s >= offset_s):
        raise DataError(f"{what}: stretches must be in time order, from 0 s on, each with its onset before its offset")


def _unit(vectors: NDArray[Any]) -> NDArray[np.float16]:
    """Rows of length 1; rows of zeros stay."""
    rows: NDArray[Any] = np.asarray(vectors, dtype=np.float32)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    rows = rows / np.where(largest > 0, largest, 1)  # squares of large values would overflow
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), dtype=np.float16)


def _write_part(
    path: Path, clips: Sequence[int], counts: Sequence[int], sounds: Sequence[str], rows: Mapping[str, NDArray[Any]]
) -> None:
    import zarr

    newest = max((int(part.name.partition("-")[0]) for part in _parts(path)), default=0)
    with written_beside(path / f"{newest + 1:06d}-{uuid.uuid4().hex[:8]}") as beside:
        group = zarr.open_group(str(beside), mode="w", zarr_format=3)
        numbers = {"clips": np.asarray(clips, np.int64), "counts": np.asarray(counts, np.int64)}
        for name, values in (numbers | dict(rows)).items():
            if name == "vectors" and values.size:
                group.create_array(
                    name, shape=values.shape, dtype="float16", chunks=values.shape, compressors=None, fill_value=np.nan,
                    config={"write_empty_chunks": True},
                )[:] = values  # fmt: skip
            else:
                create_array(group, name, values.shape, values.dtype)[:] = values
        text = group.create_array(
            "sounds", shape=(len(sounds),), dtype=str, chunks=(len(sounds),), config={"write_empty_chunks": True}
        )
        text[:] = np.array(sounds, dtype=object)
        group.attrs.update({"format_version": FORMAT_VERSION})


# ------------------------------------------------------------------------------------------------- reading


_SPACES: Kept[Space] = Kept(8, lambda space: space.vectors.nbytes, _KEPT_BYTES)


def open_space(workspace: Workspace, name: str) -> Space:
    """Read a space, all of it; one that has not changed since is in memory.

    Raises UnknownName with the spaces that exist, ArtefactError for a damaged one.
    """
    facts = space_facts(workspace, name)
    path = space_path(workspace, name)
    parts = _parts(path)
    try:
        return _SPACES.get((facts, *parts), lambda: _read(path, parts))
    except ArtefactError:
        if parts == _parts(path):  # else they were joined meanwhile
            raise
    return _read(path, _parts(path))


def _read(path: Path, parts: Sequence[Path]) -> Space:
    facts = _facts(path)
    groups, owners, counts = [], [], []
    for part in parts:
        group, _ = open_folder(part, _remedy(path, part), FORMAT_VERSION)
        groups.append(group)
        owners.append(read_array(group, "clips", part, _remedy(path, part)).astype(np.int64))
        counts.append(read_array(group, "counts", part, _remedy(path, part)).astype(np.int64))
    newest = {clip_id: number for number, clips in enumerate(owners) for clip_id in clips.tolist()}
    # where each part's rows go: the clips by id, each from the newest part that holds it
    of_row = [np.repeat(clips, count) for clips, count in zip(owners, counts, strict=True)]
    valid = [
        np.repeat([newest[clip_id] == number for clip_id in clips.tolist()], count).astype(bool)
        for number, (clips, count) in enumerate(zip(owners, counts, strict=True))
    ]
    clip_ids = np.concatenate([rows[keep] for rows, keep in zip(of_row, valid, strict=True)] or [np.zeros(0, np.int64)])
    order = np.argsort(clip_ids, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    if len(parts) == 1 and len(clip_ids) and np.all(order == np.arange(len(order))):
        vectors = _mapped(parts[0], (len(clip_ids), facts.size), _remedy(path, parts[0]))
    else:
        vectors = np.empty((len(clip_ids), facts.size), dtype=np.float16)
    onset_s, offset_s = np.empty(len(clip_ids), np.float32), np.empty(len(clip_ids), np.float32)
    first = 0
    for part, group, rows, keep in zip(parts, groups, of_row, valid, strict=True):
        to = place[first : first + int(keep.sum())]
        first += len(to)
        for name, out in (("vectors", vectors), ("onset_s", onset_s), ("offset_s", offset_s)):
            if not out.flags.writeable:
                continue
            if name == "vectors" and len(rows):
                values = _mapped(part, (len(rows), facts.size), _remedy(path, part))
            else:
                values = read_array(group, name, part, _remedy(path, part))
            if values.shape != (len(rows), *out.shape[1:]):
                raise ArtefactError(
                    f"{part}: {name} has shape {values.shape} where {(len(rows), *out.shape[1:])} is needed; "
                    f"{_remedy(path, part)}"
                )
            out[to] = values if keep.all() else values[keep]
    for array in (vectors, clip_ids := clip_ids[order], onset_s, offset_s):
        array.setflags(write=False)
    return Space(facts, vectors, clip_ids, onset_s, offset_s)


def _mapped(part: Path, shape: tuple[int, int], remedy: str) -> NDArray[np.float16]:
    """A part's vectors as they lie on disk, not to be written to. Raises ArtefactError where they are not whole."""
    file = part / "vectors" / "c" / "0" / "0"
    try:
        size = file.stat().st_size
        if size != 2 * shape[0] * shape[1]:
            raise ArtefactError(
                f"{file} has {size} bytes where {2 * shape[0] * shape[1]} are needed, it was cut short; {remedy}"
            )
        return np.asarray(np.memmap(file, dtype="<f2", mode="r", shape=shape), dtype=np.float16)
    except OSError as problem:
        raise ArtefactError(
            f"{part}: the vectors cannot be read ({problem.strerror}), it was cut short; {remedy}"
        ) from None


def _facts(path: Path) -> SpaceFacts:
    _, attributes = open_folder(path, f"remove {path} and embed again", FORMAT_VERSION)
    try:
        given = dict(attributes["facts"])
        of_type = {"int": int, "float": float, "str": str}
        return SpaceFacts(
            **{item.name: of_type[str(item.type)](given[item.name]) for item in dataclasses.fields(SpaceFacts)}
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise ArtefactError(
            f"{path}: its facts are missing or wrong ({problem!r}); remove {path} and embed again"
        ) from problem


def _parts(path: Path) -> list[Path]:
    """The whole parts, oldest first. One in a copy of a workspace is a link, which leads nowhere once parts were joined
    in the original: its clips are to be embedded again."""
    try:
        found: Iterable[Path] = [part for part in path.iterdir() if _PART.fullmatch(part.name) and part.is_dir()]
    except OSError:
        found = ()
    return sorted(found, key=lambda part: (len(part.name), part.name))


def _remedy(path: Path, part: Path) -> str:
    return f"remove {part} and bring the space up to date: python -m models embed {path.name.removesuffix(SUFFIX)} -w W"
