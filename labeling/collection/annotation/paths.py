"""Where a table's sound files lie. A name from a table never leads outside the audio folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import ImportedClip, ImportedTable, Problem
from labeling.errors import FormatError
from labeling.file_names import AUDIO_SUFFIXES, SEVERAL, FileNames, tails
from labeling.storage.remote import is_url

AUDIO_FOLDERS = ("train_audio", "train_short_audio", "audio", "wav", "clips")
LONGEST_NAME = 4000
MOST_LISTED = 1_000_000  # files below a folder: a table in a home folder must not have all of it read
MOST_AROUND = 50_000


def inside(root: str, name: str) -> str | None:
    """``name`` as a relative path with ``/`` that stays below ``root``; None where it leads outside or is no path.

    An absolute path is taken where it lies below ``root``.
    """
    if not name.strip() or "\0" in name or len(name) > LONGEST_NAME:
        return None
    if not is_url(root) and name.startswith("/"):
        base = os.path.abspath(root).rstrip("/") + "/"
        if not name.startswith(base):
            return None
        name = name[len(base) :]
    elif is_url(root) and name.startswith(root.rstrip("/") + "/"):
        name = name[len(root.rstrip("/")) + 1 :]
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or is_url(name) or ".." in parts:
        return None
    return "/".join(part for part in name.split("/") if part not in ("", ".")) or None


def plain_name(name: str) -> str:
    """A file's name so that its spellings are equal: ``./a//b.wav``, ``a\\b.wav`` and other Unicode forms of it."""
    text = unicodedata.normalize("NFC", name).strip()
    if "://" in text:
        return text
    start = "/" if text[:1] in ("/", "\\") else ""
    return start + "/".join(part for part in re.split(r"[/\\]", text) if part not in ("", "."))


def join(root: str, relative: str) -> str:
    """The path or URL of a relative path below ``root``."""
    return f"{root.rstrip('/')}/{relative}" if is_url(root) else os.path.join(root, relative)


def choose_root(table: Path, given: str | None, relatives: Sequence[str], more: Iterable[Path] = ()) -> str:
    """The audio folder: the one given, else the conventional one that holds most of the first files.

    Raises FormatError where the one given does not exist.
    """
    if given:
        if not is_url(given) and not Path(given).expanduser().is_dir():
            raise FormatError(f"no audio folder at {given}; give the folder that holds the sound files with --audio")
        return given if is_url(given) else str(Path(given).expanduser().resolve())
    folder = table.resolve().parent
    candidates = [folder / name for name in AUDIO_FOLDERS]
    candidates += [folder / table.stem, *more, folder]
    there = [candidate for candidate in candidates if candidate.is_dir()]
    sample = relatives[:: max(1, len(relatives) // 50)][:50]

    def files_there(root: Path) -> int:
        below = (inside(str(root), name) for name in sample)
        return sum(name is not None and find_file(str(root), name) is not None for name in below)

    best = max(there, key=files_there)  # of equals the first
    if sample and not files_there(best):  # not to the letter: the folder that holds some by a part of their names
        finders = {root: Finder(str(root)) for root in dict.fromkeys((best, folder))}
        for finder in finders.values():
            for name in sample:
                finder.path(name)
        best = max(finders, key=lambda root: len(finders[root].by_part))
    return str(best)


def folder_with_some(table: Path, names: Sequence[str]) -> str:
    """The folder around a table that holds the most of these files, "" for none: what to try with --audio."""
    start = table.expanduser().resolve()
    start = start if start.is_dir() else start.parent
    for around in (start, start.parent):
        finder = Finder(str(around), most=MOST_AROUND)
        roots: Counter[str] = Counter()
        for name in names:
            path = finder.path(name)
            parts = tails(plain_name(name))
            if path is not None and os.path.isfile(path):
                below = next((tail for tail in parts if path.endswith("/" + tail)), parts[-1] if parts else "")
                roots[path[: -len(below) - 1] if path.endswith(below) else os.path.dirname(path)] += 1
        if roots:
            return roots.most_common(1)[0][0]
    return ""


def find_file(root: str, relative: str) -> str | None:
    """The path of a file below a local root, also where the table leaves out its suffix or writes ``\\`` for ``/``."""
    for name in dict.fromkeys((relative, relative.replace("\\", "/"))):
        path = os.path.join(root, name)
        if os.path.exists(path):
            return path
        if os.path.splitext(name)[1].lower() not in AUDIO_SUFFIXES:
            for suffix in AUDIO_SUFFIXES:
                if os.path.exists(path + suffix):
                    return path + suffix
    return None


class Finder:
    """Names of a table to paths below one audio folder; ``named`` are all names that the table gives.

    A file is found by a part of its name too (file_names.py), but never one that the table names by itself.
    ``by_part`` keeps what was found so, ``several`` what may mean more than one.
    """

    def __init__(self, root: str, named: Iterable[str] = (), most: int = MOST_LISTED) -> None:
        self.root = root
        self.most = most
        self.by_part: dict[str, str] = {}
        self.several: set[str] = set()
        self._named = {inside(root, name) for name in named}
        self._index: FileNames | None = None
        self._by_name: dict[str, list[str]] | None = None

    def path(self, name: str, anywhere: bool = False) -> str | None:
        """The path or URL of a name; the place where it should be if there is no such file, None where that is outside.

        ``anywhere``: the folder was only inferred, so a file of that name in another folder is taken, if it is the
        only one.
        """
        relative = inside(self.root, name)
        if is_url(self.root):
            return None if relative is None else join(self.root, relative)
        path = None if relative is None else self.there(relative, anywhere)
        if path is None:
            path = self._found_by_part(name)
        return path or (None if relative is None else join(self.root, relative))

    def there(self, relative: str, anywhere: bool = False) -> str | None:
        """The path of a file that is there to the letter; None for one that is not, and for a URL."""
        if is_url(self.root):
            return None
        path = find_file(self.root, relative)
        if path is None and anywhere:
            same = self._called(relative.rsplit("/", 1)[-1])
            path = same[0] if len(same) == 1 else None
        return path

    def taken(self, name: str, path: str) -> str:
        """A file that a format knows a name by in its own way: told of where it is not called so to the letter."""
        relative = path[len(self.root.rstrip("/")) + 1 :]
        if plain_name(name) not in (relative, os.path.splitext(relative)[0]):
            self.by_part[name] = relative
        return path

    def problems(self) -> list[Problem]:
        """What to tell of names that were not found to the letter."""
        told = []
        if self.by_part:
            name, path = next(iter(self.by_part.items()))
            more = f"; so were {len(self.by_part) - 1:,} more" if len(self.by_part) > 1 else ""
            told.append(Problem(0, name, f"found by a part of its name as {path}{more}"))
        told += [Problem(0, name, "several files may be meant; write its folder and suffix") for name in self.several]
        return told

    def _found_by_part(self, name: str) -> str | None:
        if not name.strip() or "\0" in name or len(name) > LONGEST_NAME:
            return None
        if self._index is None:
            start = len(self.root.rstrip("/")) + 1
            below = sorted(path[start:] for path in self.files() if _is_sound(path))
            self._index = FileNames([_readable(other) for other in below if other not in self._named], near=True)
        place = self._index.by_part(name)
        if place == SEVERAL:
            self.several.add(name)
        if place < 0:
            return None
        path = os.path.join(self.root, _bytes_of(self.root, self._index.names[place]))
        self.by_part[name] = self._index.names[place]
        return path

    def files(self) -> Iterator[str]:
        """The path of every file below the root."""
        for paths in self._all().values():
            yield from paths

    def _called(self, name: str) -> list[str]:
        return self._all().get(name, [])

    def _all(self) -> dict[str, list[str]]:
        """Every file below the root, by its name."""
        if self._by_name is None:
            self._by_name = {}
            listed = 0
            for folder, _, names in os.walk(self.root.rstrip("/") or "/"):
                for filename in names:
                    self._by_name.setdefault(filename, []).append(os.path.join(folder, filename))
                listed += len(names)
                if listed > self.most:
                    break
        return self._by_name


def _is_sound(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def _readable(name: str) -> str:
    """A name whose bytes are no UTF-8 as Latin-1, in which most such names were written."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name


def _bytes_of(root: str, readable: str) -> str:
    """The name on the disk of what `_readable` gave."""
    if os.path.exists(os.path.join(root, readable)):
        return readable
    return os.fsdecode(readable.encode("latin-1", "replace"))


def found_table(
    format: str,
    path: Path,
    data: bytes,
    finder: Finder,
    clips: Iterable[ImportedClip],
    problems: Iterable[Problem],
    options: Mapping[str, Any],
    class_names: Mapping[str, str],
) -> ImportedTable:
    """What a format read of one file, whose sound ``finder`` found. ``options`` get the file's name and place."""
    return ImportedTable(
        format=format,
        table_name=path.name,
        table_bytes=data,
        audio_root=finder.root,
        clips=tuple(clips),
        class_names=class_names,
        options={**options, "table": path.name, "source": str(path.resolve())},
        problems=(*problems, *finder.problems()),
        by_part=len(finder.by_part),
    )
