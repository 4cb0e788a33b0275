"""Annotations in a database of Perch Hoplite, which BirdNET-Analyzer and OpenSoundscape write too.

A positive annotation is an event; one as long as the recording's windows reach is a label without a time, a negative
one as long says that the class is not there, an uncertain one that somebody could not tell. Only some windows of a
recording are annotated, so all other classes are not known. What is uncertain or negative in a part alone stays in the
database and is told.

A database that is written anew has no windows and no vectors: Hoplite makes them when it embeds the recordings into it
(a dataset called as the collection, duplicates skipped). So two columns of our own tell what windows cannot: how long a
recording is, and whether all classes that it is not annotated with are absent.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Attribution,
    Correction,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    LabelledClip,
    Labelling,
    NotHeld,
    Problem,
    StatedVerdict,
    TableLabels,
    Written,
    label,
)
from labeling.collection.annotation.naming import relative_name, suffixed
from labeling.collection.annotation.paths import Finder, choose_root, found_table, join
from labeling.errors import DataError, FormatError, WorkspaceReadOnly
from labeling.records import Region

NEEDS = "a hoplite.sqlite of Perch Hoplite with the tables recordings and annotations"
DATABASE = "hoplite.sqlite"
NEGATIVE, POSITIVE, UNCERTAIN = 0, 1, 2
OWN_COLUMNS = {"duration_s": "REAL", "complete": "INTEGER"}
"""Columns of recordings in a database that was written here, and their types; Hoplite takes any of such types."""
SCHEMA = """
CREATE TABLE hoplite_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE deployments (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, project TEXT NOT NULL,
    latitude REAL, longitude REAL, UNIQUE (name, project));
CREATE TABLE recordings (id INTEGER PRIMARY KEY AUTOINCREMENT, filename TEXT NOT NULL, datetime TEXT,
    deployment_id INTEGER REFERENCES deployments(id) ON DELETE CASCADE,
    UNIQUE (id, deployment_id), UNIQUE (filename, deployment_id));
CREATE TABLE windows (id INTEGER PRIMARY KEY AUTOINCREMENT,
    recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,
    offsets FLOAT_LIST NOT NULL, UNIQUE (id, recording_id, offsets));
CREATE TABLE annotations (id INTEGER PRIMARY KEY AUTOINCREMENT,
    recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,
    offsets FLOAT_LIST NOT NULL, label TEXT NOT NULL, label_type INTEGER NOT NULL, provenance TEXT NOT NULL,
    UNIQUE (id, recording_id, offsets));
CREATE INDEX idx_annotations ON annotations(recording_id, offsets, label, label_type, provenance);
CREATE INDEX idx_labels ON annotations(label, label_type, provenance);
CREATE INDEX idx_recordings_deployment_id ON recordings(deployment_id);
CREATE INDEX idx_windows_recording_id ON windows(recording_id);
"""
INSERT = "INSERT INTO annotations (recording_id, offsets, label, label_type, provenance) VALUES (?, ?, ?, ?, ?)"
WHO = "earmark"
NOBODY = "Hoplite"
"""Who could not tell, where an annotation does not say whose it is."""
NO_WINDOWS = "Hoplite holds no label without a time, and the recording has no windows"
POINT_S = 0.001


@dataclass
class _Recording:
    number: int
    name: str
    end_s: float = 0.0
    complete: bool = False
    annotations: list[tuple[str, float, float, int, str]] = field(default_factory=list)

    def is_whole(self, onset: float, offset: float) -> bool:
        """Whether a stretch is all that its windows reach over."""
        return onset <= POINT_S and bool(self.end_s) and offset >= self.end_s - POINT_S

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(code for code, _, _, kind, _ in self.annotations if kind == POSITIVE))


def find(path: Path) -> Path | None:
    """The database itself, or the one of a folder, or None."""
    file = path if path.is_file() else path / DATABASE
    if not file.is_file() or file.suffix.lower() not in (".sqlite", ".db", ".sqlite3"):
        return None
    try:
        with closing(_opened(file)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.Error, FormatError):
        return None
    return file if {"recordings", "annotations", "hoplite_metadata"} <= names else None


def _opened(path: Path) -> sqlite3.Connection:
    """A database that is only read; without its log, so that nothing is written beside it."""
    try:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as problem:
        raise FormatError(f"{path} cannot be read as a database ({problem})") from problem


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read the annotations. They are kept as JSON; the database is copied when corrected labels are written."""
    if path.is_dir():
        path = path / DATABASE
    problems: list[Problem] = []
    log = path.with_name(path.name + "-wal")
    if log.is_file() and log.stat().st_size:
        problems.append(Problem(0, "", f"{log.name} holds changes that are not in the database yet; close Hoplite"))
    data = json.dumps(_rows(path), ensure_ascii=False).encode()
    recordings = _recordings(data, problems)
    root = choose_root(path, audio, list(recordings))
    finder = Finder(root, recordings)
    clips = [_clip(own, finder, problems) for own in recordings.values()]
    return found_table("hoplite", path, data, finder, clips, problems, options, {})


def _rows(path: Path) -> dict[str, Any]:
    """The recordings (id, name, end of the last window) and annotations (recording, offsets, class, kind, who)."""
    try:
        with closing(_opened(path)) as connection:
            ends: dict[int, float] = {}
            for number, blob in connection.execute("SELECT recording_id, offsets FROM windows"):
                ends[number] = max(ends.get(number, 0.0), *_offsets(blob), 0.0)
            columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(recordings)")}
            own = ", ".join(name if name in columns else "NULL" for name in OWN_COLUMNS)
            recordings = connection.execute(f"SELECT id, filename, {own} FROM recordings ORDER BY id").fetchall()
            query = "SELECT recording_id, offsets, label, label_type, provenance FROM annotations ORDER BY id"
            annotations = [[number, _offsets(blob), *rest] for number, blob, *rest in connection.execute(query)]
    except (sqlite3.Error, FormatError) as problem:
        raise FormatError(f"{path} is no database of Hoplite that can be read ({problem}); it needs {NEEDS}") from None
    return {
        "recordings": [
            [number, str(name), max(ends.get(number, 0.0), _positive(duration_s)), complete == 1]
            for number, name, duration_s, complete in recordings
        ],
        "annotations": annotations,
    }


def _positive(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e9 else 0.0


def _offsets(blob: Any) -> list[float]:
    if not isinstance(blob, bytes) or not blob or len(blob) % 8:
        return []
    return [value for value in struct.unpack(f"<{len(blob) // 8}d", blob) if abs(value) < 1e9]


def _recordings(data: bytes, problems: list[Problem]) -> dict[str, _Recording]:
    stored = json.loads(data)
    found: dict[str, _Recording] = {}
    by_number: dict[int, _Recording] = {}
    for number, filename, end_s, *complete in stored["recordings"]:
        own = _Recording(number, relative_name(filename), end_s, any(complete))
        if own.name in found:  # of another deployment
            own.name = f"{own.name} ({number})"
            problems.append(Problem(number + 1, filename, f"is in several deployments; called {own.name!r}"))
        found[own.name] = by_number[number] = own
    for number, offsets, text, kind, who in stored["annotations"]:
        code = label(str(text))
        if number not in by_number or len(offsets) < 2 or not code:
            problems.append(Problem(0, "", f"an annotation {text!r} without a recording, a time or a class; left out"))
            continue
        by_number[number].annotations.append((code, offsets[0], offsets[1], int(kind), str(who)))
    return found


def _clip(own: _Recording, finder: Finder, problems: list[Problem]) -> ImportedClip:
    regions: dict[tuple[str, Region], None] = {}
    said: dict[tuple[str, Region | None], Attribution] = {}
    absent: dict[str, None] = {}
    verdicts: dict[str, StatedVerdict] = {}
    left = 0
    for code, onset, offset, kind, who in own.annotations:
        whole = own.is_whole(onset, offset)
        if kind == POSITIVE:
            try:
                region = None if whole else Region(onset, max(offset, onset + POINT_S))
            except DataError as problem:
                problems.append(Problem(own.number + 1, own.name, f"{problem}; its label is kept without a time"))
                region = None
            if region is not None:
                regions[(code, region)] = None
            said[(code, region)] = Attribution(who)
        elif kind == NEGATIVE and whole and code not in own.codes:
            absent[code] = None
        elif kind == UNCERTAIN and whole:
            verdicts[code] = StatedVerdict(code, "unsure", who or NOBODY)
        else:
            left += 1
    if left:
        told = f"{left:,} annotations are uncertain or negative in a part; they stay in the database and are no labels"
        problems.append(Problem(own.number + 1, own.name, told))
    return ImportedClip(
        filename=own.name,
        path=finder.path(own.name) or join(finder.root, own.name),
        labels=own.codes,
        primary="",
        row=own.number + 1,
        rows=(own.number + 1,),
        regions=tuple(regions),
        said_by=said,
        partial=not own.complete,
        absent=() if own.complete else tuple(absent),
        verdicts=tuple(verdicts.values()),
    )


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the positive annotations say of each recording."""
    return {name: TableLabels("", own.codes) for name, own in _recordings(data, []).items()}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """A copy of the database with corrected annotations: what was found absent becomes negative, where it was positive.

    What was added is positive, by ``earmark``; a class that had no annotation and was found absent is negative over the
    whole, one of which somebody could not tell uncertain. Vectors are not touched: put the copy beside their
    usearch.index. Raises FormatError where the database is not at its place any more.
    """
    source = Path(str(options["source"]))
    if not source.is_file():
        raise FormatError(f"{source} is not there any more; put it back, for its windows are not kept here")
    recordings = _recordings(data, [])
    not_held: list[NotHeld] = []
    corrected = [(recordings[name], own) for name, own in corrections.items() if name in recordings]

    def fill(beside: Path) -> None:
        shutil.copyfile(source, beside)
        if not corrected:
            return
        with closing(sqlite3.connect(beside)) as connection:
            for recording, correction in corrected:
                _correct(connection, recording, correction, not_held)
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")

    return Written((_placed(out_dir / source.name, fill),), tuple(not_held))


def _placed(target: Path, fill: Callable[[Path], None]) -> Path:
    """A database that is there as a whole or not at all: ``fill`` makes it at a place beside."""
    beside = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        fill(beside)
        os.replace(beside, target)
    except sqlite3.Error as problem:
        raise FormatError(f"{target} could not be written ({problem})") from problem
    except OSError as problem:
        raise WorkspaceReadOnly(f"cannot write {target}: {problem.strerror}; choose another folder") from problem
    return target


def _correct(connection: sqlite3.Connection, own: _Recording, correction: Correction, not_held: list[NotHeld]) -> None:
    gone = [code for code in own.codes if code not in correction.labels]
    new = [code for code in correction.labels if code not in own.codes]
    drawn = {code for code, _ in correction.regions}
    instead = {old: code for old, code in correction.swapped if old in gone and code in new and code not in drawn}

    def add(code: str, onset: float, offset: float, kind: int = POSITIVE) -> None:
        connection.execute(INSERT, (own.number, struct.pack("<2d", onset, offset), code, kind, WHO))

    texts = connection.execute(
        "SELECT DISTINCT label FROM annotations WHERE recording_id = ?", (own.number,)
    ).fetchall()
    for code in gone:
        for text in [text for (text,) in texts if label(str(text)) == code]:
            where = "WHERE recording_id = ? AND label = ? AND label_type = ?"
            connection.execute(
                f"UPDATE annotations SET label_type = ?, provenance = ? {where}",
                (NEGATIVE, WHO, own.number, text, POSITIVE),
            )
        for other, onset, offset, kind, _ in own.annotations:
            if other == code and kind == POSITIVE and code in instead:
                add(instead[code], onset, offset)
    for code, region in correction.regions:
        add(code, region.onset_s, region.offset_s)
        if region.low_hz is not None:
            not_held.append(NotHeld(own.name, code, "present", "Hoplite holds no bands"))
    for code in new:
        if code not in drawn and code not in instead.values():
            if own.end_s:
                add(code, 0.0, own.end_s)
            else:
                not_held.append(NotHeld(own.name, code, "present", NO_WINDOWS))
    for codes, kind, now in ((correction.absent, NEGATIVE, "absent"), (correction.unsure, UNCERTAIN, "unsure")):
        for code in codes:
            if own.end_s:
                add(code, 0.0, own.end_s, kind)
            else:
                not_held.append(NotHeld(own.name, code, now, NO_WINDOWS))
    if correction.primary and len(correction.labels) > 1:
        told = "Hoplite cannot say which label is the primary"
        not_held.append(NotHeld(own.name, correction.primary, "primary", told))


# ------------------------------------------------------------------------------------------------------------- export


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write hoplite.sqlite with the recordings and their annotations, to be opened with
    ``create_new_usearch_db(folder, embedding_dim)``; a recording's deployment is its first folder, as Hoplite has it.
    """
    not_held: list[NotHeld] = []

    def fill(beside: Path) -> None:
        with closing(sqlite3.connect(beside)) as connection:
            connection.executescript(SCHEMA)
            for name, kind in OWN_COLUMNS.items():
                connection.execute(f"ALTER TABLE recordings ADD COLUMN {name} {kind}")
            given = {clip.filename for clip in labelling.clips}
            for number, clip in enumerate(labelling.clips, start=1):
                name = suffixed(clip.filename, clip.path)
                name = clip.filename if name in given else name  # no two recordings may share one
                given.add(name)
                _add(connection, number, clip, name, _stored(labelling.name), not_held)
            connection.commit()

    return Written((_placed(out_dir / DATABASE, fill),), tuple(not_held))


def _add(
    connection: sqlite3.Connection,
    number: int,
    clip: LabelledClip,
    name: str,
    project: str,
    not_held: list[NotHeld],
) -> None:
    filename = _stored(name)
    folder, slash, _ = filename.partition("/")
    deployment = (folder if slash and folder else project, project)
    connection.execute("INSERT OR IGNORE INTO deployments (name, project) VALUES (?, ?)", deployment)
    connection.execute(
        "INSERT INTO recordings (id, filename, deployment_id, duration_s, complete) SELECT ?, ?, id, ?, ? "
        "FROM deployments WHERE name = ? AND project = ?",
        (number, filename, clip.duration_s or None, int(not clip.partial), *deployment),
    )
    whole = (0.0, clip.duration_s)
    rows = [
        (event.code, (event.region.onset_s, event.region.offset_s), POSITIVE, ", ".join(event.who))
        for event in clip.events
    ]
    for codes, kind in ((clip.timeless, POSITIVE), (clip.absent, NEGATIVE), (clip.unsure, UNCERTAIN)):
        rows += [(code, whole, kind, _who(clip, code)) for code in codes]
    for code, stretch, kind, who in rows:
        why = "Hoplite holds no label without a time, and how long the recording is is not known"
        if stretch[1] <= stretch[0] or label(code) != code:
            now = {POSITIVE: "present", NEGATIVE: "absent", UNCERTAIN: "unsure"}[kind]
            not_held.append(NotHeld(clip.filename, code, now, why if label(code) == code else "it is no class there"))
            continue
        connection.execute(INSERT, (number, struct.pack("<2d", *stretch), _stored(code), kind, _stored(who)))


def _who(clip: LabelledClip, code: str) -> str:
    """Who says something of a class of a clip: who decided, else whom the collection names."""
    imported = clip.imported.get(code)
    return clip.who.get(code) or (imported.who if imported else "")


def _stored(text: str) -> str:
    """A text as SQLite can hold it."""
    return text.encode(errors="backslashreplace").decode()


ABOUT = "Annotations in a database of Perch Hoplite."
HOLDS = frozenset(Holds) - {Holds.PRIMARY, Holds.BANDS, Holds.CONFIDENCE, Holds.GROUP, Holds.FOLD, Holds.METADATA}
FORMAT = Format("hoplite", NEEDS, find, read, labels, write, rank=30, export=export, holds=HOLDS, about=ABOUT,
                states=frozenset({Holds.ABSENT, Holds.UNSURE}))  # fmt: skip
