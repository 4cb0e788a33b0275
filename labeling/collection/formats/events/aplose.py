"""APLOSE's results: a CSV of many recordings, with times of day.

A box (``is_box`` 1) is an event, a row that is none is about its recordings as a whole. When each recording began is in
``timestamp.csv`` (``filename``, ``timestamp``), beside the table, around it or by the sound, else in the recordings'
names. What goes on into the next recording is an event in each. Newer tables name recordings and seconds themselves.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Problem, label
from labeling.collection.formats.events.base import EventFiles, FileEvent, Parsed, number, without_label
from labeling.collection.formats.events.columns import columns_of, label_column, rows_of
from labeling.collection.formats.events.linking import audio_below
from labeling.collection.formats.events.per_recording import format_of
from labeling.errors import FormatError
from labeling.storage.remote import is_url

NEEDS = (
    "a CSV with the columns annotation, annotator, start_datetime, end_datetime and is_box, and timestamp.csv with the "
    "columns filename and timestamp"
)
NEEDED = ("annotation", "annotator", "start_datetime", "end_datetime")
DATED = "<by its time of day>"
"""What stands for the recording of an event that has times of day, as seconds since 1970."""
TIMES = "timestamp.csv"
_STAMP = re.compile(r"((?:19|20)\d\d)[-_]?(\d\d)[-_]?(\d\d)[T_ -]?(\d\d)[-_:]?(\d\d)[-_:]?(\d\d)")


def is_one(name: str, head: bytes) -> bool:
    """Whether it has the columns of such a table."""
    return set(NEEDED) <= set(columns_of(head, name))


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The annotations; ``place`` is the row."""
    own = label_column(options, data, name) or ("annotation",)
    events: list[FileEvent] = []
    unlabelled: list[int] = []
    recordings: dict[str, None] = {}
    for row in rows_of(data, name):
        code = label(row.first(*own))
        recording = row.first("filename")
        onset, offset = number(row.first("start_time")), number(row.first("end_time"))
        if not recording or onset is None or offset is None:
            recording, onset, offset = DATED, _seconds(row.first("start_datetime")), _seconds(row.first("end_datetime"))
        else:
            recordings[recording] = None
        if not code:
            unlabelled.append(row.number)
            continue
        is_box = row.first("is_box").lower() not in ("0", "false", "0.0") and row.first("type").upper() != "WEAK"
        low, high = number(row.first("start_frequency")), number(row.first("end_frequency"))
        event = FileEvent((row.number,), code, onset, offset, low, high, recording, row.first("annotator"),
                          _level(row.first("confidence_indicator_level")), whole=not is_box)  # fmt: skip
        events.append(event)
    return Parsed(tuple(events), tuple(without_label(name, unlabelled)), tuple(recordings))


def _seconds(text: str) -> float | None:
    """Seconds since 1970 of a time of day; one without a zone is taken as UTC."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _level(text: str) -> float | None:
    """How sure somebody was, of ``level/highest``."""
    level, _, highest = text.partition("/")
    part, whole = number(level), number(highest)
    return part / whole if part is not None and whole and 0 <= part <= whole else None


def dated(parsed: Mapping[str, Parsed], folder: Path, audio: str | None) -> dict[str, Parsed]:
    """The events with their recordings, in seconds from their start. Raises FormatError where no start is known."""
    if not any(event.recording == DATED for its in parsed.values() for event in its.events):
        return dict(parsed)
    starts, told = _starts(folder, audio)
    if not starts:
        raise FormatError(
            f"{next(iter(parsed))} has times of day, and when its recordings began is not known; lay {TIMES} with the "
            "columns filename and timestamp beside it"
        )
    placed: dict[str, Parsed] = {}
    for name, its in parsed.items():
        problems = [*its.problems, *([Problem(0, name, told)] if told else [])]
        events: list[FileEvent] = []
        for event in its.events:
            pieces = list(_pieces(event, starts)) if event.recording == DATED else [event]
            if not pieces:
                problems.append(Problem(event.place[0], name, "no recording has its time; skipped"))
            events += pieces
        names = dict.fromkeys((*its.recordings, *(event.recording for event in events)))
        placed[name] = Parsed(tuple(events), tuple(problems), tuple(names))
    return placed


def _pieces(event: FileEvent, starts: list[tuple[float, str]]) -> Iterator[FileEvent]:
    """An event in each recording that it reaches into; the last one has no known end."""
    if event.onset_s is None or event.offset_s is None:
        return
    first = bisect_right(starts, (event.onset_s, "\U0010ffff")) - 1
    for at in range(max(first, 0), len(starts)):
        begin, recording = starts[at]
        end = starts[at + 1][0] if at + 1 < len(starts) else float("inf")
        if begin >= event.offset_s and begin > event.onset_s:
            break
        if first >= 0 or begin < event.offset_s:
            onset, offset = max(event.onset_s, begin) - begin, min(event.offset_s, end) - begin
            yield replace(event, recording=recording, onset_s=round(onset, 6), offset_s=round(offset, 6))


def _starts(folder: Path, audio: str | None) -> tuple[list[tuple[float, str]], str]:
    """When recordings began, in order, and what to tell of how that is known."""
    around = [folder, *([Path(audio).expanduser()] if audio and not is_url(audio) else [])]
    files = [path for place in around for path in (place / TIMES, *sorted(place.glob(f"*/{TIMES}")))]
    files.append(folder.resolve().parent / TIMES)
    starts: dict[str, float] = {}
    for path in files:
        if path.is_file():
            for row in rows_of(path.read_bytes(), path.name):
                begin = _seconds(row.first("timestamp", "start_datetime", "begin"))
                if begin is not None and (name := row.first("filename", "file")):
                    starts.setdefault(name, begin)
            if starts:
                return sorted((begin, name) for name, begin in starts.items()), ""
    for place in around:
        for name in audio_below(str(place)):
            if stamp := _STAMP.search(Path(name).name):
                begin = _seconds("{}-{}-{}T{}:{}:{}".format(*stamp.groups()))
                if begin is not None:
                    starts[name] = begin
    told = f"there is no {TIMES}; when each recording began was read from its name, as UTC"
    return sorted((begin, name) for name, begin in starts.items()), told


FILES = EventFiles(
    name="aplose",
    needs=NEEDS,
    asks={"label_column": "Column with the labels"},
    about="Results of APLOSE: a row an annotation, with times of day.",
    rank=94,
    suffixes=(".csv",),
    is_one=is_one,
    parse=parse,
    also=(TIMES,),
    dated=dated,
)
FORMAT = format_of(FILES)
