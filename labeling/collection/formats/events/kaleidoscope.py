"""Kaleidoscope's tables, by Wildlife Acoustics and as BirdNET writes them: a row a detection, with its recording.

``INDIR``, ``FOLDER`` and ``IN FILE`` are the recording, ``OFFSET`` and ``DURATION`` in seconds the time. A person's
``MANUAL ID`` goes before the program's match; BirdNET's tables have common names only, or both. A row without a class,
or of none (NoID, Noise), says that its recording was listened to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.collection.annotation.base import label
from labeling.collection.formats.events.base import EventFiles, FileEvent, Parsed, fraction, number
from labeling.collection.formats.events.columns import columns_of, label_column, rows_of
from labeling.collection.formats.events.per_recording import format_of

NEEDS = (
    "a CSV with the columns IN FILE, OFFSET and DURATION, and MANUAL ID, TOP1MATCH, AUTO ID, scientific_name or "
    "common_name; name another one with --label-column"
)
NEEDED = ("in file", "offset", "duration")
LABEL_COLUMNS = ("manual id", "manual id*", "scientific_name", "common_name", "top1match", "auto id", "auto id*")
NO_CLASS = ("noid", "noise", "no id", "nocall")
BY_PEOPLE = ("manual id", "manual id*")


def is_one(name: str, head: bytes) -> bool:
    """Whether it has the columns of such a table."""
    columns = columns_of(head, name)
    return set(NEEDED) <= set(columns) and bool(set(LABEL_COLUMNS) & set(columns))


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The detections; ``place`` is the row."""
    own = label_column(options, data, name)
    events: list[FileEvent] = []
    recordings: dict[str, None] = {}
    for row in rows_of(data, name):
        recording = "/".join(part for key in ("indir", "folder", "in file") if (part := row.first(key)))
        if not row.first("in file"):
            continue
        recordings[recording] = None
        manual = "" if own else row.first(*BY_PEOPLE)
        code = label(row.first(*own) if own else manual or row.first(*LABEL_COLUMNS))
        if not code or code.lower() in NO_CLASS:
            continue
        onset, length = number(row.first("offset")), number(row.first("duration"))
        end = None if onset is None or length is None else onset + length
        events.append(
            FileEvent(
                (row.number,),
                code,
                None if end is None else onset,
                end,
                number(row.first("fmin")),
                number(row.first("fmax")),
                recording,
                row.first("manual id by", "user") if manual else "",
                None if manual else fraction(row.first("confidence")),
                "" if end is not None else "its times are no numbers",
            )
        )
    return Parsed(tuple(events), (), tuple(recordings))


FILES = EventFiles(
    name="kaleidoscope",
    needs=NEEDS,
    asks={"label_column": "Column with the labels"},
    about="Tables of Kaleidoscope, and BirdNET's of that kind: a row a detection.",
    rank=95,
    suffixes=(".csv",),
    is_one=is_one,
    parse=parse,
)
FORMAT = format_of(FILES)
