"""The tables that predicted recordings become: Raven, Audacity, segments, and a summary of all. Loads no torch.

A recording is done when its segments lie in the folder, so that a folder can be gone on with.
"""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from labeling.collection.formats.events.audacity import audacity_bytes
from labeling.collection.formats.events.raven import raven_bytes
from labeling.errors import DataError, FormatError
from labeling.storage.csvsafe import csv_bytes, guard, read_csv
from labeling.storage.files import write_atomically
from models.prediction.sources import Source

if TYPE_CHECKING:
    from models.prediction.soundscape import Result

SETTINGS_FILE = "prediction.json"
SUMMARY_FILE = "recordings.csv"
SUMMARY_COLUMNS = ("recording", "path", "status", "reason", "duration_s", "segments", "events")
SUMMARY_EVERY_S = 30.0
PARTS = (".selections.txt", ".labels.txt", ".segments.csv")
"""Raven, Audacity, and last the segments: where these are, the recording is done."""


def undone(sources: Sequence[Source], out: Path, overwrite: bool) -> list[Source]:
    """The recordings that are still to be predicted into the folder ``out``."""
    return [source for source in sources if overwrite or not source.file(out, PARTS[-1]).exists()]


def write_result(
    out: Path, source: Source, result: Result, classes: Sequence[str], segment_s: float, band_hz: tuple[float, float]
) -> None:
    """Write a recording's Raven table, Audacity labels, and, when these are whole, its segments."""
    filename = PurePosixPath(source.path.split("?")[0]).name
    stem = PurePosixPath(source.name).name
    rows = []
    for k, values in enumerate(result.segments.tolist()):
        end_s = min((k + 1) * segment_s, result.duration_s) if k + 1 == len(result.segments) else (k + 1) * segment_s
        spans = (f"{stem}_{(k + 1) * segment_s:.10g}", filename, round(k * segment_s, 6), round(end_s, 6))
        rows.append((*spans, *(round(p, 5) for p in values)))
    columns = ("row_id", "filename", "start_s", "end_s", *(guard(code) for code in classes))
    write_atomically(source.file(out, PARTS[0]), raven_bytes(result.events, filename, band_hz))
    write_atomically(source.file(out, PARTS[1]), audacity_bytes(result.events))
    write_atomically(source.file(out, PARTS[2]), csv_bytes(columns, rows))


@dataclass(frozen=True)
class Found:
    """An event of a recording, as its tables say."""

    recording: str
    start_s: float
    end_s: float
    label: str
    score: float


def events_in(out: Path) -> Iterator[Found]:
    """The events of all recordings that are done, recording by recording. Raises FormatError for a damaged table."""
    for source in _done(out):
        file = source.file(out, PARTS[0])
        with _reading(file) as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                times = float(row["Begin Time (s)"]), float(row["End Time (s)"])
                yield Found(source.name, *times, row["Annotation"], float(row["Score"]))


def segments_in(out: Path) -> Iterator[list[str]]:
    """The segments of all recordings that are done as rows of text, the first the header, each with its recording.

    Raises FormatError for a damaged table.
    """
    for place, source in enumerate(_done(out)):
        with _reading(source.file(out, PARTS[-1])) as lines:
            header, *rows = csv.reader(lines)
            if not place:
                yield ["recording", *header[2:]]
            yield from ([source.name, *row[2:]] for row in rows)


def highest_in(out: Path) -> Iterator[list[str]]:
    """A row a recording: the highest probability of each class in any of its segments; the first is the header."""
    name, highest = "", np.zeros(0)
    for place, row in enumerate(segments_in(out)):
        if not place:
            yield ["recording", *row[3:]]
            continue
        values = np.array(row[3:], np.float64)
        if row[0] != name:
            if name:
                yield [name, *(f"{p:.5f}" for p in highest)]
            name, highest = row[0], values
        highest = np.maximum(highest, values)
    if name:
        yield [name, *(f"{p:.5f}" for p in highest)]


def zipped(out: Path) -> bytes:
    """All tables of a folder as a zip, and those of all recordings in one each: clips.csv, segments.csv, events.csv.

    Raises FormatError for a damaged table.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in (("clips", highest_in(out)), ("segments", segments_in(out))):
            header = next(rows, ["recording"])
            archive.writestr(f"{name}.csv", csv_bytes(header, rows))
        events = ((one.recording, one.start_s, one.end_s, one.label, one.score) for one in events_in(out))
        archive.writestr("events.csv", csv_bytes(("recording", "start_s", "end_s", "class", "score"), events))
        for path in (out / SETTINGS_FILE, out / SUMMARY_FILE):
            if path.exists():
                archive.write(path, path.name)
        for source in _done(out):
            for part in PARTS:
                archive.write(source.file(out, part), f"recordings/{source.name}{part}")
    return content.getvalue()


def _done(out: Path) -> list[Source]:
    """The recordings of a folder that are done, by name."""
    rows = Summary(out).rows
    found = [Source(str(row[1]), name) for name, row in sorted(rows.items()) if row[2] == "done"]
    return [source for source in found if source.file(out, PARTS[-1]).exists()]


@contextmanager
def _reading(file: Path) -> Iterator[Iterator[str]]:
    """The lines of a table of ours; what is wrong in it is a FormatError."""
    try:
        with open(file, newline="", encoding="utf-8") as lines:
            yield lines
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as problem:
        raise FormatError(f"{file} cannot be read ({problem}); predict that recording again") from problem


def begin_folder(out: Path, facts: Mapping[str, Any], overwrite: bool) -> None:
    """Write down how the folder's tables are made; raises DataError where it holds others."""
    file = out / SETTINGS_FILE
    if file.exists() and not overwrite:
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = {}
        changed = [key for key in facts if before.get(key) != facts[key]]
        if changed:
            raise DataError(
                f"{out} holds predictions made with {changed[0]} = {before.get(changed[0])!r}, now "
                f"{facts[changed[0]]!r}; give another --out, or --overwrite"
            )
    write_atomically(file, (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())


class Summary:
    """recordings.csv: what became of each recording, those of earlier calls included.

    ``warning`` says why those of earlier calls could not be read, else "".
    """

    def __init__(self, out: Path) -> None:
        self.warning = ""
        self.file = out / SUMMARY_FILE
        self.rows: dict[str, tuple[object, ...]] = {}
        self.reasons: list[str] = []
        self.written_at = time.monotonic()
        try:
            if self.file.exists():
                for row in read_csv(self.file, SUMMARY_COLUMNS):
                    self.rows[row["recording"]] = tuple(row[name] for name in SUMMARY_COLUMNS)
        except FormatError as problem:
            self.warning = f"{problem}; it is written anew"

    def note(self, source: Source, status: str, reason: str, result: Result | None = None) -> None:
        """Add a recording; the file follows within half a minute."""
        counts: tuple[object, ...] = ("", "", "")
        if result is not None:
            counts = (round(result.duration_s, 3), len(result.segments), len(result.events))
        if status == "failed":
            self.reasons.append(reason)
        self.rows[source.name] = (source.name, source.path, status, reason, *counts)
        if time.monotonic() - self.written_at > SUMMARY_EVERY_S:
            self.write()

    def first_reason(self) -> str:
        """Why the first recording failed."""
        return self.reasons[0] if self.reasons else ""

    def write(self) -> None:
        """Write the file."""
        self.written_at = time.monotonic()
        write_atomically(self.file, csv_bytes(SUMMARY_COLUMNS, [self.rows[name] for name in sorted(self.rows)]))
