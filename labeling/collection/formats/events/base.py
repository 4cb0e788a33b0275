"""What a file of events is, and what a kind of them has to know: to read one, to change it, to write one anew.

A file of events goes with one recording, which it is called after, or its rows name their recordings. All that is not
about the file's own letters is in reading.py and writing.py, so that a new kind is one small module.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Holds, LabelledClip, Problem, label
from labeling.errors import DataError
from labeling.records import Region

POINT_S = 0.001
"""How long an event is that has no length: from its point on, as a region has one."""
UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters, and line and paragraph separators."""

Place = tuple[int, ...]


@dataclass(frozen=True)
class TableEvent:
    """A named stretch of a recording in seconds, with a score in 0..1 and a band in Hz where they are known.

    A point has its offset at its onset.
    """

    onset_s: float
    offset_s: float
    label: str
    score: float | None = None
    low_hz: float | None = None
    high_hz: float | None = None


@dataclass(frozen=True)
class FileEvent:
    """An event as a file has it. ``place`` is where, in the file's own counting; its first number is shown to people.

    Without times (``onset_s`` None), or ``whole``, it is about the recording as a whole. ``recording`` is how its row
    calls the recording ("" = the one that the file goes with), ``doubt`` why its times cannot be used.
    """

    place: Place
    code: str
    onset_s: float | None = None
    offset_s: float | None = None
    low_hz: float | None = None
    high_hz: float | None = None
    recording: str = ""
    who: str = ""
    confidence: float | None = None
    doubt: str = ""
    whole: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it has no length."""
        return not self.whole and self.onset_s is not None and self.onset_s == self.offset_s

    def region(self) -> Region | None:
        """Where it is heard, None for the whole recording. Raises DataError for times that are none."""
        if self.doubt:
            raise DataError(self.doubt)
        if self.whole or self.onset_s is None or self.offset_s is None:
            return None
        end_s = self.onset_s + POINT_S if self.is_point else self.offset_s
        low, high = self.low_hz, self.high_hz
        if low is None or high is None or not 0 <= low < high:
            low = high = None  # as half a band, or one turned round, bounds nothing
        return Region(self.onset_s, end_s, low, high)


@dataclass(frozen=True)
class Parsed:
    """What a file says. ``recordings`` are those that its rows name, also of rows without a label.

    ``unnamed`` are the recordings ("" = the one that the file goes with) in which something was heard that has no name:
    of one with nothing else it is not known what is there.
    """

    events: tuple[FileEvent, ...]
    problems: tuple[Problem, ...] = ()
    recordings: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Edit:
    """What becomes of a file: places whose event goes, places whose event is called otherwise, and new events.

    ``recording`` is how rows call the recording of the new ones ("" = they do not), ``band_hz`` what stands for a whole
    band.
    """

    removed: frozenset[Place]
    renamed: Mapping[Place, str]
    added: tuple[TableEvent, ...]
    recording: str
    filename: str
    duration_s: float
    band_hz: tuple[float, float]


@dataclass(frozen=True)
class EventFiles:
    """A kind of files of events.

    Attributes:
        name, needs, about, rank, holds, asks: as a Format has them.
        suffixes: what its files' names end in.
        is_one: (name, its first bytes) -> whether a file is of this kind.
        parse: (bytes, name, options) -> what it says; raises FormatError where it cannot be read.
        beside: the name of a recording, without its suffix -> that of its file of events; None: files are only read.
        keeps_suffix: whether that is told the suffix too.
        dated: (what files say, their folder, the audio folder that was given) -> the same with each event in its
            recording, where rows have times of day instead; raises FormatError where those say nothing.
        edited: (bytes, name, edit, options) -> the file with every other byte as it was. What cannot be written is
            left out: writing.py reads it again, and tells.
        rendered: (a clip) -> a file of its labels; those without a time over the whole of it.
        also: names of files that are read along, and are no files of events.
        empty_is_one: whether a file without a byte says that nothing was heard.
    """

    name: str
    needs: str
    about: str
    rank: int
    suffixes: tuple[str, ...]
    is_one: Callable[[str, bytes], bool]
    parse: Callable[[bytes, str, Mapping[str, Any]], Parsed]
    beside: Callable[[str], str] | None = None
    edited: Callable[[bytes, str, Edit, Mapping[str, Any]], bytes] | None = None
    rendered: Callable[[LabelledClip], bytes] | None = None
    holds: frozenset[Holds] = frozenset()
    asks: Mapping[str, str] = field(default_factory=dict)
    empty_is_one: bool = False
    keeps_suffix: bool = False
    also: tuple[str, ...] = ()
    dated: Callable[[Mapping[str, Parsed], Path, str | None], dict[str, Parsed]] | None = None


def events_of(clip: LabelledClip) -> list[TableEvent]:
    """All labels of a clip as events, those without a time over the whole of it."""
    events = [
        TableEvent(
            event.region.onset_s,
            event.region.offset_s,
            event.code,
            event.confidence,
            event.region.low_hz,
            event.region.high_hz,
        )
        for event in clip.events
    ]
    for code in clip.timeless if clip.duration_s else ():
        said = clip.imported.get(code)
        events.append(TableEvent(0.0, clip.duration_s, code, said.confidence if said else None))
    return sorted(events, key=lambda event: (event.onset_s, event.offset_s))


def number(text: str) -> float | None:
    """A number of seconds or Hz, also with a decimal comma; None where a text is none."""
    try:
        value = float(text.strip().replace(",", ".") if "," in text and "." not in text else text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def fraction(text: str) -> float | None:
    """How sure somebody was, in 0..1; None where a text tells no such number."""
    value = number(text)
    return value if value is not None and 0 <= value <= 1 else None


def without_label(name: str, rows: list[int]) -> list[Problem]:
    """What to tell of events of a file that name no class."""
    if not rows:
        return []
    what = "an event without a label" if len(rows) == 1 else f"{len(rows):,} events without a label, the first here"
    return [Problem(rows[0], name, f"{what}; skipped")]


def writable(code: str) -> bool:
    """Whether a class can stand in a table of lines and tabs, and be the same when it is read again."""
    return bool(code) and label(one_line(code)) == code


def one_line(text: str) -> str:
    """``text`` without what would break a table of lines and tabs; other control characters are dropped."""
    for sign, written in (("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(sign, written)
    return "".join(sign for sign in text if unicodedata.category(sign) not in UNWRITABLE)
