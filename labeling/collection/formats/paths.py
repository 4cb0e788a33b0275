"""Where a table's sound files lie. A name from a table never leads outside the audio folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from labeling.errors import FormatError
from labeling.sound.files import is_url

AUDIO_FOLDERS = ("train_audio", "train_short_audio", "audio", "wav", "clips")
AUDIO_SUFFIXES = (".ogg", ".wav", ".flac", ".mp3", ".opus", ".m4a", ".aiff", ".aif")


def inside(root: str, name: str) -> str | None:
    """``name`` as a relative path with ``/`` that stays below ``root``; None where it leads outside or is no path.

    An absolute path is taken where it lies below ``root``.
    """
    if not name.strip() or "\0" in name or len(name) > 4000:
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

    return str(max(there, key=files_there))  # of equals the first


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
    """Relative paths to full ones, below one audio folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._by_name: dict[str, list[str]] | None = None

    def path(self, relative: str, anywhere: bool = False) -> str:
        """The path or URL; the place where it should be if there is no such file.

        ``anywhere``: the folder was only inferred, so a file of that name in another folder is taken, if it is the
        only one.
        """
        if is_url(self.root):
            return join(self.root, relative)
        path = find_file(self.root, relative)
        if path is None and anywhere:
            same = self._named(relative.rsplit("/", 1)[-1])
            path = same[0] if len(same) == 1 else None
        return path or join(self.root, relative)

    def _named(self, name: str) -> list[str]:
        if self._by_name is None:
            self._by_name = {}
            for folder, _, names in os.walk(self.root):
                for filename in names:
                    self._by_name.setdefault(filename, []).append(os.path.join(folder, filename))
        return self._by_name.get(name, [])
