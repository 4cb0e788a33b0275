"""Praat's TextGrid: tiers of intervals and of points, in the long and the short form, as UTF-8, UTF-16 or older text.

Both forms are one sequence of numbers, quoted texts and flags; all else is there for people. Empty texts are silence.
All tiers are read, or the one that ``--label-column`` names. Intervals of a tier do not overlap, so new events go into
tiers of their own, after the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.collection.annotation.base import Holds, LabelledClip, Problem, label
from labeling.collection.formats.events.base import Edit, EventFiles, FileEvent, Parsed, TableEvent, events_of
from labeling.collection.formats.events.per_recording import format_of
from labeling.errors import FormatError
from labeling.registry import some_of
from labeling.storage.delimited import decoded

NEEDS = "Praat's *.TextGrid files saved as text, each called after its recording; --label-column takes one tier alone"
TIER = "events"
_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|<(exists|absent)>|(?<!\S)(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)|(?<!\S)![^\r\n]*'
)
_LONG = re.compile(r'"TextGrid"\s+xmin\b')
INTERVALS, POINTS = "IntervalTier", "TextTier"
SLACK_S = 1e-9


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str | None = None  # of a quoted text
    number: float = 0.0


class _Tokens:
    """The free-standing numbers and texts of a TextGrid, one after the other."""

    def __init__(self, text: str, name: str) -> None:
        self.name, self._all, self._at = name, list(self._found(text)), 0

    @staticmethod
    def _found(text: str) -> Iterator[_Token]:
        for match in _TOKEN.finditer(text):
            if match[1] is not None:
                yield _Token(match.start(), match.end(), match[1].replace('""', '"'))
            elif match[3] is not None:
                yield _Token(match.start(), match.end(), None, float(match[3]))
            elif match[2] is not None:
                yield _Token(match.start(), match.end(), None, float(match[2] == "exists"))

    def next(self, what: str) -> _Token:
        """The next one of a kind, ``number`` or ``text``."""
        token = self._all[self._at] if self._at < len(self._all) else None
        self._at += 1
        if token is None or (token.text is None) != (what == "number"):
            where = (
                "it ends there"
                if token is None
                else f"there is {token.text if token.text is not None else token.number!r}"
            )
            raise FormatError(f"{self.name} is no whole TextGrid: a {what} is missing, {where}; save it again in Praat")
        return token


class _Grid:
    """A TextGrid: its tiers' names and events, and where in its text the marks and the number of tiers stand."""

    def __init__(self, data: bytes, name: str) -> None:
        if data.startswith(b"ooBinaryFile"):
            raise FormatError(f"{name} is a binary TextGrid; save it as a text file in Praat")
        read = decoded(data, name)
        self.bom, self.encoding, self.text, self.warning = read.bom, read.encoding, read.text, read.guessed
        tokens = _Tokens(self.text, name)
        if tokens.next("text").text != "ooTextFile" or tokens.next("text").text != "TextGrid":
            raise FormatError(f"{name} is no TextGrid; it needs {NEEDS}")
        self.start_s, self.end_s = tokens.next("number").number, tokens.next("number").number
        self.tiers: list[str] = []
        self.events: list[FileEvent] = []
        self.marks: dict[tuple[int, ...], _Token] = {}
        self.size: _Token | None = None
        if tokens.next("number").number:  # <exists>
            self.size = tokens.next("number")
            for tier in range(int(min(self.size.number, len(self.text)))):
                self._tier(tier + 1, tokens)

    def _tier(self, tier: int, tokens: _Tokens) -> None:
        kind = tokens.next("text").text
        if kind not in (INTERVALS, POINTS):
            raise FormatError(f"{tokens.name}: tier {tier} is a {kind!r}, and should be {INTERVALS} or {POINTS}")
        self.tiers.append(tokens.next("text").text or "")
        tokens.next("number"), tokens.next("number")
        for item in range(int(min(tokens.next("number").number, len(self.text)))):
            begin = tokens.next("number").number
            end = tokens.next("number").number if kind == INTERVALS else begin
            place = (item + 1, tier)
            self.marks[place] = mark = tokens.next("text")
            if code := label(mark.text or ""):
                self.events.append(FileEvent(place, code, begin - self.start_s, end - self.start_s))


def is_one(name: str, head: bytes) -> bool:
    """Whether it begins as a TextGrid does."""
    if head.startswith(b"ooBinaryFile\x08TextGrid"):
        return True
    try:
        start = decoded(head[: len(head) // 2 * 2][:400], name).text
    except FormatError:
        return False
    return bool(re.match(r'\s*(File type\s*=\s*)?"ooTextFile"\s+(Object class\s*=\s*)?"TextGrid"', start))


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The intervals and points that have a text; ``place`` is (number in its tier, tier)."""
    grid = _Grid(data, name)
    events = grid.events
    if wanted := str(options.get("label_column") or ""):
        if wanted not in grid.tiers:
            raise FormatError(f"{name} has no tier {wanted!r} (--label-column); it has {some_of(grid.tiers)}")
        events = [event for event in events if grid.tiers[event.place[1] - 1] == wanted]
    return Parsed(tuple(events), (Problem(0, name, grid.warning),) if grid.warning else ())


def edited(data: bytes, name: str, edit: Edit, options: Mapping[str, Any]) -> bytes:
    """The grid with texts set anew, or to silence where an event goes, and new events in tiers at its end."""
    grid = _Grid(data, name)
    changes: list[tuple[int, int, str]] = []
    for place, mark in grid.marks.items():
        if place in edit.removed or place in edit.renamed:
            code = edit.renamed.get(place, "")
            changes.append((mark.start, mark.end, _quoted(code if _encodable(code, grid.encoding) else "")))
    added = [event for event in edit.added if _encodable(event.label, grid.encoding)]
    shifted = [(event.onset_s + grid.start_s, event.offset_s + grid.start_s, event.label) for event in added]
    tiers = _tiers(shifted, grid.start_s, grid.end_s)
    line = "\r\n" if "\r\n" in grid.text else "\n" if "\n" in grid.text else "\r"
    if tiers and grid.size is not None:
        long = bool(_LONG.search(grid.text))
        taken = set(grid.tiers)
        names = _free_names(str(options.get("label_column") or TIER), taken, len(tiers))
        first = len(grid.tiers) + 1
        new = [_tier_text(long, first + k, name, grid.start_s, grid.end_s, tier)
               for k, (name, tier) in enumerate(zip(names, tiers, strict=True))]  # fmt: skip
        changes.append((grid.size.start, grid.size.end, str(first - 1 + len(tiers))))
        begin = "" if grid.text.endswith(("\n", "\r")) else line
        changes.append((len(grid.text), len(grid.text), begin + "".join(new).replace("\n", line)))
    text = grid.text
    for start, end, instead in sorted(changes, reverse=True):
        text = text[:start] + instead + text[end:]
    return grid.bom + text.encode(grid.encoding)


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _free_names(name: str, taken: set[str], count: int) -> list[str]:
    candidates = (name if k == 1 else f"{name} {k}" for k in range(1, len(taken) + count + 1))
    return [free for free in candidates if free not in taken][:count]


def _tiers(
    events: Sequence[tuple[float, float, str]], start_s: float, end_s: float
) -> list[list[tuple[float, float, str]]]:
    """Events (begin, end, text) in as few tiers as they need, each filled up with silence from start to end."""
    tiers: list[list[tuple[float, float, str]]] = []
    for begin, end, text in sorted(events):
        begin, end = max(begin, start_s), min(end, end_s)
        if begin >= end:
            continue
        tier = next((tier for tier in tiers if tier[-1][1] <= begin + SLACK_S), None)
        if tier is None:
            tiers.append(tier := [(start_s, start_s, "")])
        before = tier[-1][1]
        if before < begin - SLACK_S:
            tier.append((before, begin, ""))
        tier.append((tier[-1][1], end, text))
    for tier in tiers:
        if tier[-1][1] < end_s:
            tier.append((tier[-1][1], end_s, ""))
        del tier[0]
    return tiers


def _tier_text(
    long: bool, number: int, name: str, start_s: float, end_s: float, intervals: Sequence[tuple[float, float, str]]
) -> str:
    if not long:
        head = [f'"{INTERVALS}"', _quoted(name), f"{start_s!r}", f"{end_s!r}", str(len(intervals))]
        return "".join(f"{cell}\n" for cell in head) + "".join(
            f"{begin!r}\n{end!r}\n{_quoted(text)}\n" for begin, end, text in intervals
        )
    head = [
        f"    item [{number}]:",
        f'        class = "{INTERVALS}"',
        f"        name = {_quoted(name)}",
        f"        xmin = {start_s!r}",
        f"        xmax = {end_s!r}",
        f"        intervals: size = {len(intervals)}",
    ]
    for k, (begin, end, text) in enumerate(intervals, start=1):
        head += [f"        intervals [{k}]:", f"            xmin = {begin!r}", f"            xmax = {end!r}"]
        head += [f"            text = {_quoted(text)}"]
    return "".join(f"{cell} \n" for cell in head)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def textgrid_bytes(events: Sequence[TableEvent], duration_s: float) -> bytes:
    """A TextGrid of ``events``, in the long form, as UTF-8; one without any has a tier of silence."""
    end_s = duration_s or max((event.offset_s for event in events), default=1.0)
    tiers = _tiers([(event.onset_s, event.offset_s, event.label) for event in events], 0.0, end_s)
    tiers = tiers or [[(0.0, end_s, "")]]
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0.0 \nxmax = {end_s!r} \ntiers? <exists> \n'
    names = _free_names(TIER, set(), len(tiers))
    body = [_tier_text(True, k, name, 0.0, end_s, tier)
            for k, (name, tier) in enumerate(zip(names, tiers, strict=True), start=1)]  # fmt: skip
    return (head + f"size = {len(tiers)} \nitem []: \n" + "".join(body)).encode()


def rendered(clip: LabelledClip) -> bytes:
    """A TextGrid of a clip's labels."""
    return textgrid_bytes(events_of(clip), clip.duration_s)


FILES = EventFiles(
    name="textgrid",
    needs=NEEDS,
    about="TextGrids of Praat: a file a recording, with tiers of intervals and points.",
    rank=93,
    suffixes=(".textgrid",),
    is_one=is_one,
    parse=parse,
    beside=lambda recording: recording + ".TextGrid",
    edited=edited,
    rendered=rendered,
    holds=frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.TIMES, Holds.NOTHING, Holds.UNHEARD}),
)
FORMAT = format_of(FILES)
