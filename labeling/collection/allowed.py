"""Which folders Earmark may reach into for others: for who types a path in a page, and for a clip whose file is a link.

These are the workspace, the collections that were imported, and what the owner names at the start (``--allow``, or
EARMARK_ALLOW). What counts is where a path really leads: a link in a collection could else show any file to who looks
at its clips.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection.formats import ImportedTable
from labeling.errors import AudioError, DataError
from labeling.records import Clip
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.remote import ALLOW as ALLOW
from labeling.storage.remote import is_url, named, told
from labeling.workspace import Workspace

TABLES = (".csv", ".tsv", ".parquet", ".txt")
MOST_TOLD = 6


def allow(folders: Iterable[str]) -> None:
    """Name more folders (or URLs) for this process and those that it starts, beside those of EARMARK_ALLOW."""
    if folders := list(folders):
        os.environ[ALLOW] = os.pathsep.join(dict.fromkeys((*named_folders(), *map(real, folders))))


def named_folders() -> tuple[str, ...]:
    """What the owner named, as real paths, and URLs. A ``:`` parts them, but not that of a URL."""
    return tuple(map(real, named()))


def folders(workspace: Workspace) -> tuple[str, ...]:
    """Below what a path that was typed in a page must lie: real paths, and URLs."""
    with workspace.read() as connection:
        own = [path for pair in _imports(connection) for path in pair]
    return tuple(dict.fromkeys((real(str(workspace.root)), *named_folders(), *own)))


def of_import(audio_root: str, source: str) -> tuple[str, str]:
    """The folders in which an import's files may lie: that of its audio, and that in which its table was found."""
    return real(audio_root), os.path.dirname(real(source)) if os.path.isfile(source) else real(source)


def of_imports(connection: Connection) -> tuple[str, ...]:
    """`of_import` of all imports of a workspace."""
    return tuple(dict.fromkeys(folder for pair in _imports(connection) for folder in of_import(*pair)))


def _imports(connection: Connection) -> list[tuple[str, str]]:
    """Audio folder and source of each import, as real paths."""
    rows = db.fetch(connection, sa.select(tables.imports.c.audio_root, tables.imports.c.source))
    return [(real(audio_root), real(source)) for audio_root, source in rows]


def real(path: str) -> str:
    """Where a path really leads; a URL as it is. Raises DataError for what no path can be."""
    if is_url(path):
        return path.rstrip("/")
    try:
        return os.path.realpath(os.path.expanduser(path))
    except ValueError:
        raise DataError(f"{path[:80]!r} is no path; it holds a NUL") from None


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a real path or a URL is one of some folders, or lies in one."""
    if is_url(path) and ".." in path.split("/"):
        return False
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


class NotAllowed(DataError):
    """A path that was typed lies in no folder that may be used. ``folder`` is what to name with --allow for it."""

    def __init__(self, message: str, folder: str) -> None:
        super().__init__(message)
        self.folder = folder


def typed(workspace: Workspace, text: str, home: str = "") -> str:
    """Where a path leads that was typed in a page.

    ``home`` is a user's own folder, below which all may be used but what is hidden; "" for none.

    Raises:
        NotAllowed: it is not below a folder that may be used.
    """
    path, known = real(text.strip()), folders(workspace)
    if not is_below(path, known) and not _is_in_home(path, home):
        known = (*known, home) if home else known
        more = f" and {len(known) - MOST_TOLD} more" if len(known) > MOST_TOLD else ""
        folder = os.path.dirname(path) if path.lower().endswith(TABLES) else path  # by its name: no disk is looked at
        raise NotAllowed(
            f"{text.strip()[:200]} is not in a folder that the app may use: {', '.join(known[:MOST_TOLD])}{more}. "
            "Start the app with --allow FOLDER to name another",
            folder,
        )
    return path


def _is_in_home(path: str, home: str) -> bool:
    return bool(home) and is_below(path, [home]) and "/." not in path[len(home) :]


def file_of(connection: Connection, clip: Clip) -> Clip:
    """The clip with the real path of its file. Nothing is asked of a path without links.

    Raises:
        AudioError: it is a link that leads out of the collections' folders, and to none that the owner named; or a URL
            that lies below none of them.
    """
    if is_url(clip.path):
        if not is_below(clip.path, (*named_folders(), *of_imports(connection))):
            raise AudioError(f"{clip.filename}: {_is_elsewhere(clip.path)}")
        return clip
    path = real(clip.path)
    if path != clip.path and not is_below(path, (*of_imports(connection), *named_folders())):
        raise AudioError(f"{clip.filename}: {_leads_out(path)}")
    return replace(clip, path=path)


def _leads_out(path: str) -> str:
    return f"its file is a link to {path}, out of the collection; if that is meant, name its folder with --allow FOLDER"


def _is_elsewhere(url: str) -> str:
    folder = told(url).partition("?")[0].rpartition("/")[0]
    return f"it lies at {told(url)}, which is not below the collection's URL; if that is meant, give --allow {folder}"


@dataclass(frozen=True)
class Links:
    """Paths that lead out of a collection: ``followed`` to the real paths that are read, ``refused`` to the reasons."""

    followed: Mapping[str, str]
    refused: Mapping[str, str]


def links_out(paths: Iterable[str], inside: Sequence[str], others: Sequence[str]) -> Links:
    """Those of some paths that lead out of the folders ``inside``, of which those into ``others`` are followed."""
    followed: dict[str, str] = {}
    refused: dict[str, str] = {}
    real_folders: dict[str, str] = {}
    for path in paths:
        if "\0" in path:
            continue
        if is_url(path):
            if not is_below(path, (*inside, *others)):
                refused[path] = _is_elsewhere(path)
            continue
        folder, name = os.path.split(path)
        if folder not in real_folders:
            real_folders[folder] = real(folder)
        leads_to = os.path.join(real_folders[folder], name)
        if os.path.islink(leads_to):
            leads_to = real(leads_to)
        if is_below(leads_to, inside):
            continue
        if is_below(leads_to, others):
            followed[path] = leads_to
        else:
            refused[path] = _leads_out(leads_to)
    return Links(followed, refused)


def links_followed(
    table: ImportedTable, path: str, below: Sequence[str] | None
) -> tuple[ImportedTable, Mapping[str, str]]:
    """The table with the real paths of files outside the collection that may be read; path to why others may not."""
    inside: Sequence[str] = of_import(table.audio_root, path)
    if below is not None:
        inside = [folder for folder in inside if is_below(folder, below)]
    others = named_folders() if below is None else below
    links = links_out((clip.path for clip in table.clips), inside, others)
    if not links.followed:
        return table, links.refused
    clips = tuple(replace(clip, path=links.followed.get(clip.path, clip.path)) for clip in table.clips)
    return replace(table, clips=clips), links.refused
