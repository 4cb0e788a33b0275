"""Sound files put into the folders of an export: as hard links, which take no space, or as copies."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.naming import free_name
from labeling.errors import FormatError, WorkspaceFull, WorkspaceReadOnly
from labeling.registry import unknown_name
from labeling.storage.remote import is_url

CHOICES = ("link", "copy")


def place(
    wanted: Iterable[tuple[str, str]], out_dir: Path, options: Mapping[str, Any]
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Put files (path, relative place) below a folder; returns their places and what to tell.

    ``options["files"]`` is "link" (hard links; copies where the disk is another) or "copy". A name that is taken gets a
    number. A file that is there already is replaced, and never written into: a link shares its bytes with the original.
    Raises WorkspaceFull and WorkspaceReadOnly.
    """
    how = str(options.get("files") or CHOICES[0])
    if how not in CHOICES:
        raise FormatError(unknown_name("way to put files (--files)", how, list(CHOICES)))
    placed: list[Path] = []
    taken: set[str] = set()
    made: set[Path] = set()
    absent: list[str] = []
    remote: list[str] = []
    copied = 0
    target = out_dir
    try:
        for source, relative in wanted:
            if is_url(source):
                remote.append(source)
                continue
            target = out_dir / free_name(relative, taken)
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            if not os.path.isfile(source):
                absent.append(source)
                continue
            if not (target.exists() and os.path.samefile(source, target)):
                copied += _put(os.path.realpath(source), target, how)
            placed.append(target)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(f"no space left to copy to {target}; free some, or give --files link") from problem
        raise WorkspaceReadOnly(f"cannot write {target}: {problem.strerror}; choose another folder") from problem
    notes = []
    if absent:
        notes.append(f"{len(absent):,} sound files are not at their place and were left out, such as {absent[0]}.")
    if remote:
        notes.append(f"{len(remote):,} sound files are at a URL and were left out, such as {remote[0]}.")
    if copied and how == "link":
        notes.append(f"{copied:,} sound files lie on another disk, so they were copied and not linked.")
    return tuple(placed), tuple(notes)


def _put(source: str, target: Path, how: str) -> bool:
    """Link or copy a file, beside its place first; whether it was copied."""
    beside = target.with_name(f".{target.name[:60]}.part")
    beside.unlink(missing_ok=True)
    copied = how == "copy"
    if not copied:
        try:
            os.link(source, beside)
        except OSError:  # another disk, or one that knows no links
            copied = True
    if copied:
        shutil.copyfile(source, beside)
    os.replace(beside, target)
    return copied
