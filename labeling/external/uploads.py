"""Files that a browser sent, laid into a folder so that the readers find them as they find a user's own.

A zip is unpacked, within bounds and never outside the folder. Of the tables, one with the columns ``theirs, code`` is
the names of classes, and one with ``filename, fold`` and no more the folds; what is left are the predictions.
"""

from __future__ import annotations

import errno
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from labeling.collection.tabular.reading import header
from labeling.errors import DataError, WorkspaceFull, WorkspaceReadOnly

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".npz", ".json", ".zip")
MOST_MB = 500  # of one file: it is in the server's memory while it comes
MOST_FILES = 50_000
MOST_UNPACKED_BYTES = 8 << 30
_JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True)
class Uploaded:
    """Where the predictions lie, a file or a folder, and the tables that say more of them. ``name`` is the user's."""

    path: Path
    name: str
    classes: Path | None = None
    folds: Path | None = None


def lay_out(files: Iterable[tuple[str, IO[bytes]]], folder: Path) -> Uploaded:
    """Write files, as (name, content), into an empty folder, and say what each is.

    Raises DataError for a file that is nothing that predictions lie in, a damaged or too large zip, and where no
    predictions are among them; WorkspaceFull and WorkspaceReadOnly where the disk refuses.
    """
    inside = folder / "files"
    return _sorted(inside, write_files(files, inside, SUFFIXES, "table, .npz, .json or .zip"))


def write_files(files: Iterable[tuple[str, IO[bytes]]], inside: Path, suffixes: Sequence[str], what: str) -> list[str]:
    """Write files, as (name, content), into a new folder, zips unpacked; returns their names.

    Raises DataError for a file of another suffix (it is no ``what``), a damaged or too large zip; WorkspaceFull and
    WorkspaceReadOnly where the disk refuses.
    """
    names: list[str] = []
    try:
        inside.mkdir(parents=True)
        for given, content in files:
            name = PurePosixPath(given.replace("\\", "/")).name
            if PurePosixPath(name).suffix.lower() not in suffixes:
                raise DataError(f"{name!r} is no {what}; give one of {', '.join(suffixes)}")
            size = content.seek(0, 2)
            if size > MOST_MB << 20:
                raise DataError(
                    f"{name} has {size / 2**20:,.0f} MB; at most {MOST_MB} MB can be sent, or put it on the server and "
                    "give its path"
                )
            content.seek(0)
            names.append(name)
            if name.lower().endswith(".zip"):
                _unpack(name, content, inside)
            else:
                _write(_free(inside / name, name), content)
    except OSError as problem:
        kind = WorkspaceFull if problem.errno in (errno.ENOSPC, errno.EDQUOT) else WorkspaceReadOnly
        raise kind(f"the files cannot be kept in {inside}: {problem.strerror}; see to that and try again") from problem
    return names


def _free(path: Path, name: str) -> Path:
    if path.exists():
        raise DataError(f"two of the files are called {name!r}; rename one, or put them into folders of one zip")
    return path


def _write(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)


def _unpack(name: str, content: IO[bytes], folder: Path) -> None:
    try:
        with zipfile.ZipFile(content) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MOST_FILES:
                raise DataError(f"{name} holds {len(members):,} files; at most {MOST_FILES:,} can be brought at once")
            size = sum(member.file_size for member in members)
            if size > MOST_UNPACKED_BYTES:
                raise DataError(
                    f"{name} unpacks to {size / 2**30:.1f} GB; at most {MOST_UNPACKED_BYTES / 2**30:.0f} GB can be "
                    "brought, or put the files on the server and give their path"
                )
            for member in members:
                place = PurePosixPath(member.filename.replace("\\", "/"))
                if any(part in _JUNK for part in place.parts):
                    continue
                if place.is_absolute() or ".." in place.parts or any(":" in part for part in place.parts):
                    raise DataError(f"{name} holds {member.filename!r}, which leads out of it; pack it anew")
                with archive.open(member) as inner:
                    _write(_free(folder / place, str(place)), inner)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as problem:
        # RuntimeError: it is encrypted
        raise DataError(f"{name} cannot be unpacked: {problem}; pack it anew as a plain zip") from problem


def _sorted(folder: Path, names: list[str]) -> Uploaded:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    classes: Path | None = None
    folds: Path | None = None
    for path in files if len(files) > 1 else []:
        columns = set(header(path)) if path.suffix.lower() in (".csv", ".tsv", ".txt") and len(files) < 100 else set()
        if {"theirs", "code"} <= columns:
            classes = path
        elif columns == {"filename", "fold"}:
            folds = path
    left = [path for path in files if path not in (classes, folds)]
    if not left:
        raise DataError("no predictions are among the files; add the table, the .npz or the zip that holds them")
    if len(left) == 1:
        return Uploaded(left[0], left[0].name, classes, folds)
    # a reader of the folder must not take them for results
    beside = [path and path.rename(folder.parent / path.name) for path in (classes, folds)]
    return Uploaded(folder, names[0] if len(names) == 1 else f"{len(left)} files", *beside)
