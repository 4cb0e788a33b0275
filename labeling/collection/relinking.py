"""Clips whose files are gone from their place are looked for, by name and by bytes, without any table.

What a file is was read when it came in. An import passes over files that are as they were, so that lengths and channels
which an older Earmark read otherwise stay: `reread` looks at every file again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import allowed, probing, renewing, store, twins
from labeling.collection.annotation.paths import Finder
from labeling.collection.formats import Problem
from labeling.collection.probing import Progress, fingerprint
from labeling.collection.renewing import Renewal
from labeling.collection.store import KnownClip
from labeling.errors import DataError
from labeling.records import USABLE
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.remote import is_url
from labeling.storage.text import printable
from labeling.workspace import Workspace

MOST_SHOWN = 10


@dataclass(frozen=True)
class RelinkReport:
    """Of ``lost`` clips, whose files were not at their place or not readable: how many were found, and what is left.

    ``reread`` counts the files that were looked at again at their place, None where none was asked for, ``changed`` are
    sentences on those of them whose length, rate or channels are other than was stored.
    """

    lost: int
    relinked: int
    problems: tuple[Problem, ...]
    reread: int | None = None
    changed: tuple[Problem, ...] = ()

    def text(self) -> str:
        """The report for a terminal."""
        lines = ["every clip's file is where it was; nothing to relink"]
        if self.lost:
            lines = [f"{self.relinked} of {self.lost} clips relinked; their labels and decisions are as they were"]
        lines += self._some("!", self.problems)
        if self.reread is not None:
            lines.append(
                f"{self.reread} files read again; {len(self.changed)} have another length, rate or channel now"
            )
            lines += self._some("~", self.changed)
        return "\n".join(lines)

    @staticmethod
    def _some(sign: str, told: Sequence[Problem]) -> list[str]:
        lines = [printable(f"  {sign} {one.filename}: {one.reason}") for one in told[:MOST_SHOWN]]
        return lines + [f"  {sign} and {len(told) - MOST_SHOWN} more"] * (len(told) > MOST_SHOWN)


def lost_clips(connection: Connection, collection: str = "") -> list[KnownClip]:
    """Clips without usable sound, or whose file is not at its place; of one collection, or of all ("")."""
    return [
        clip
        for clip in store.known_clips(connection)
        if (not collection or clip.collection == collection)
        and (clip.status not in USABLE or not probing.is_there(clip.path))
    ]


def relink(
    workspace: Workspace,
    audio: str = "",
    *,
    collection: str = "",
    again: bool = False,
    progress: Progress | None = None,
) -> RelinkReport:
    """Find the files of clips that are gone from their place.

    Parameters
    ----------
    workspace : Workspace
    audio : str
        Folder below which to look; "" looks only whether they came back to their place.
    collection : str
        Only clips of this collection; "" takes all.
    again : bool
        Whether the files that are at their place are read again too (`reread`).
    progress : callable, optional
        Called with (files looked at, files in all).

    Returns
    -------
    RelinkReport
        A file is taken by its bytes where those are known, and by its name where they are not.

    Raises
    ------
    DataError
        There is no such folder, or no such collection.

    Examples
    --------
    >>> from labeling.collection.relinking import relink
    >>> from labeling.example import example_workspace
    >>> relink(example_workspace()).text()
    "every clip's file is where it was; nothing to relink"
    """
    root = str(Path(audio).expanduser().resolve()) if audio and not is_url(audio) else ""
    if audio and not os.path.isdir(root):
        raise DataError(f"no folder at {audio}; give the folder that holds the sound files now")
    with workspace.read() as connection:
        known = store.known_clips(connection)
        collections = sorted({clip.collection for clip in known})
        if collection and collection not in collections:
            raise DataError(unknown_name("collection", collection, collections))
        lost = lost_clips(connection, collection)
        own_folders = allowed.of_imports(connection)
    problems: list[Problem] = []
    places = _places(lost, root, known, problems)
    links = allowed.links_out(places.values(), own_folders, (*([root] if root else []), *allowed.named_folders()))
    problems += [
        Problem(0, clip.filename, f"not relinked: {links.refused[places[clip.id]]}")
        for clip in lost
        if places.get(clip.id) in links.refused
    ]
    # real paths, as nothing remembers this folder, and each is to be opened later without asking where it leads
    places = {id: links.followed.get(path, path) for id, path in places.items() if path not in links.refused}
    looked_at = [clip for clip in lost if clip.id in places]
    probed = probing.probe_all([places[clip.id] for clip in looked_at], progress)
    states = [(clip, places[clip.id], state) for clip, state in zip(looked_at, probed, strict=True)]
    renewed = [one for one in renewing.renewals(states, {}, problems) if one.probed.status in USABLE]
    alike = twins.find_twins([], renewed, known)
    with workspace.write() as connection:
        import_ids = _imports_for(connection, alike.renewed)
        for name, import_id in import_ids.items():
            own = [renewal for renewal in alike.renewed if renewal.clip.collection == name]
            renewing.renew(connection, own, import_id)
        for clip_id, content_hash in alike.hashes.items():
            here = tables.clips.c.id == clip_id
            connection.execute(sa.update(tables.clips).where(here).values(content_hash=content_hash))
    report = RelinkReport(len(lost), len(renewed), tuple(problems))
    if not again:
        return report
    gone = {clip.id for clip in lost}
    there = [clip for clip in known if clip.id not in gone and collection in ("", clip.collection)]
    changed, wrong = reread(workspace, there, progress)
    return replace(report, problems=(*problems, *wrong), reread=len(there), changed=tuple(changed))


def reread(
    workspace: Workspace, clips: Sequence[KnownClip], progress: Progress | None = None
) -> tuple[list[Problem], list[Problem]]:
    """Store lengths, rates and channels of files as they are read now; returns what changed, and what could not be.

    A clip whose mix is used gets the channel that an import would choose. A file of other bytes is left to an import.
    """
    changed, wrong = [], []
    values: dict[int, dict[str, float]] = {}
    for clip, now in zip(clips, probing.probe_all([clip.path for clip in clips], progress), strict=True):
        if now.status not in USABLE:
            wrong.append(Problem(0, clip.filename, f"{now.status}: {now.reason}"))
        elif clip.fingerprint and clip.fingerprint != now.fingerprint:
            wrong.append(Problem(0, clip.filename, "its file has other bytes than before; import its table again"))
        else:
            new = {"duration_s": now.duration_s, "sample_rate": now.sample_rate, "channels": now.channels}
            new["channel"] = clip.channel or now.channel
            told = [f"{name} {was:g} -> {new[name]:g}" for name in new if (was := getattr(clip, name)) != new[name]]
            if told:
                values[clip.id] = new
                changed.append(Problem(0, clip.filename, ", ".join(told)))
    with workspace.write() as connection:
        for clip_id, new in values.items():
            connection.execute(sa.update(tables.clips).where(tables.clips.c.id == clip_id).values(**new))
    return changed, wrong


def _places(
    lost: Sequence[KnownClip], root: str, known: Iterable[KnownClip], problems: list[Problem]
) -> dict[int, str]:
    """Where the file of each lost clip may lie now, by id; what cannot be told is in ``problems``."""
    places = {clip.id: clip.path for clip in lost if not is_url(clip.path) and os.path.exists(clip.path)}
    rest = [clip for clip in lost if clip.id not in places and not is_url(clip.path)]
    if root and rest:
        finder = Finder(root)
        for clip in rest:
            path = finder.path(clip.relative)
            fits = path is not None and os.path.isfile(path)
            if fits and path is not None and (not clip.fingerprint or fingerprint(path)[1] == clip.fingerprint):
                places[clip.id] = path
        places |= _by_bytes([clip for clip in rest if clip.id not in places], finder)
    taken = {clip.path for clip in known if clip.status in USABLE and probing.is_there(clip.path)}
    times = Counter(places.values())
    for clip in rest:
        path = places.get(clip.id, "")
        if not path:
            problems.append(Problem(0, clip.filename, f"missing: it was at {clip.path}"))
        elif times[path] > 1 or (path in taken and not clip.fingerprint):
            problems.append(Problem(0, clip.filename, f"{path} may be another clip's; say whose with --collection"))
            del places[clip.id]
    return places


def _by_bytes(clips: Sequence[KnownClip], finder: Finder) -> Mapping[int, str]:
    """Files below a folder that have the bytes of one of these clips, whatever their names."""
    sizes = {clip.size_bytes for clip in clips if clip.fingerprint}
    if not sizes:
        return {}
    path_of: dict[str, str] = {}
    for path in finder.files():
        try:
            fits = os.path.getsize(path) in sizes
        except OSError:
            continue
        if fits:
            path_of.setdefault(fingerprint(path)[1], path)
    return {clip.id: path_of[clip.fingerprint] for clip in clips if clip.fingerprint in path_of}


def _imports_for(connection: Connection, renewed: Sequence[Renewal]) -> dict[str, int]:
    """The import that each collection's clips count as from now on: none where all were heard before.

    It repeats the collection's newest one, so that no label version of before gains a clip.
    """
    import_ids = {renewal.clip.collection: 0 for renewal in renewed}
    imports, of_import = tables.imports, tables.import_clips
    for collection in {renewal.clip.collection for renewal in renewed if renewal.first}:
        db.lock_table(connection, imports)
        newest = sa.select(imports).where(imports.c.collection == collection).order_by(imports.c.id.desc()).limit(1)
        (row,) = db.fetch(connection, newest)
        values = {name: value for name, value in row._mapping.items() if name != "id"} | {"created_at": db.now()}
        import_ids[collection] = db.insert_one(connection, imports, values)
        names = sa.select(sa.literal(import_ids[collection]), of_import.c.name, of_import.c.clip_id)
        connection.execute(
            sa.insert(of_import).from_select(
                ["import_id", "name", "clip_id"], names.where(of_import.c.import_id == row.id)
            )
        )
    return import_ids
