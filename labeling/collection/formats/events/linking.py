"""Which recording a file of events goes with: by its name, whose tails tell the program, or by what its rows say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from labeling.collection.annotation.naming import relative_name
from labeling.collection.annotation.paths import MOST_LISTED
from labeling.file_names import AUDIO_SUFFIXES, NOBODY, FileNames, without_suffix
from labeling.storage.remote import is_url

_WORDS = (
    r"labels?|annotations?|annotated|annots?|selections?|sel|events?|audacity|raven|birdnet|results?|kaleidoscope|"
    r"table(?:[._ -]?\d+)?"
)
_TAIL = re.compile(rf"[._ -]+(?:{_WORDS})$", re.IGNORECASE)
_HEAD = re.compile(r"^(?:soft|hard)[._ -]labels[._ -]+(?=.)", re.IGNORECASE)


def stems(name: str) -> Iterator[str]:
    """What a recording may be called whose file of events is ``name`` without its suffix, the likeliest first.

    >>> list(stems("site/rec.Table.1.selections"))
    ['site/rec.Table.1.selections', 'site/rec.Table.1', 'site/rec']
    """
    folder, slash, whole = name.rpartition("/")
    for base in dict.fromkeys((whole, _HEAD.sub("", whole))):
        while base:
            yield folder + slash + base
            shorter = _TAIL.sub("", base)
            base = shorter if shorter != base else base.rpartition(".")[0]


def bare(name: str) -> str:
    """A name without all the tails, and the beginning, that programs give it; other dots stay."""
    folder, slash, base = name.rpartition("/")
    while (shorter := _TAIL.sub("", base)) != base:
        base = shorter
    return folder + slash + _HEAD.sub("", base)


class Recordings:
    """The sound files below an audio folder, and which of them a name means."""

    def __init__(self, root: str, names: Sequence[str]) -> None:
        self.root = root
        self.names = tuple(names)
        self._found = FileNames(self.names)
        self._folders = {os.path.dirname(name) for name in self.names}
        kinds = [os.path.splitext(name)[1] for name in self.names]
        self._usual = max(dict.fromkeys(kinds), key=kinds.count) if kinds else ".wav"

    def of_file(self, name: str) -> int:
        """The place of the recording that a file of events (a path below the root, without its suffix) goes with.

        NOBODY for none, SEVERAL where it may be more. A recording of that name in another folder is none, where the
        file's own folder holds recordings.
        """
        folder = os.path.dirname(name)
        for stem in stems(name):
            place = self._found.by_part(stem)
            if place >= 0 and folder in self._folders and not self._near(stem, self.names[place]):
                continue
            if place != NOBODY:
                return place
        return NOBODY

    @staticmethod
    def _near(stem: str, name: str) -> bool:
        return os.path.basename(os.path.dirname(name)) == os.path.basename(os.path.dirname(stem))

    def called(self, name: str) -> int:
        """The place of a recording that a row names."""
        return self._found.by_part(name)

    def missing(self, name: str) -> str:
        """What to call a recording that is not there: the name that is given, with a suffix, below the root."""
        whole = relative_name(name)
        return whole if without_suffix(whole) != whole else whole + self._usual

    def path(self, name: str) -> str:
        """The path or URL of one of its names, or of a missing one."""
        return f"{self.root.rstrip('/')}/{name}" if is_url(self.root) else os.path.join(self.root, name)


def audio_below(root: str, most: int = MOST_LISTED) -> list[str]:
    """The sound files below a folder, by their paths below it, sorted; the search ends after ``most`` files."""
    found: list[str] = []
    listed = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(folder, root)
        start = "" if below == "." else below.replace(os.sep, "/") + "/"
        found += [start + name for name in names if name.lower().endswith(AUDIO_SUFFIXES) and name[0] != "."]
        listed += len(names)
        if listed > most:
            break
    return sorted(found)
