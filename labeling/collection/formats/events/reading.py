"""Files of events become clips: found below a folder, read, linked with their recordings, and kept as one.

A recording may have several files, a file several recordings. Recordings of a folder without a file of events were not
listened to; those with one that has no event were, and nothing was heard. What a file says of which recording is kept
beside the files (LINKS), so that labels can be read and written without the disk.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Attribution,
    ImportedClip,
    ImportedTable,
    Problem,
    TableLabels,
)
from labeling.collection.annotation.bundle import pack, unpack
from labeling.collection.annotation.paths import MOST_AROUND, MOST_LISTED, choose_root
from labeling.collection.formats.events.base import EventFiles, FileEvent, Parsed
from labeling.collection.formats.events.linking import Recordings, audio_below, bare
from labeling.errors import DataError, FormatError
from labeling.file_names import SEVERAL
from labeling.records import Region
from labeling.storage.remote import is_url

LINKS = ".earmark/links.json"
HEAD_BYTES = 1 << 16
SAMPLE = 50
MOST_TRIED = 500
MOST_LOOKED_AT = 200_000  # files below a folder, until it is said that none is of this kind


@dataclass
class Own:
    """What files say of one recording: (file, event)…, in their order; ``files`` are all that go with it.

    ``unnamed``: something was heard that has no name.
    """

    files: dict[str, None] = field(default_factory=dict)
    events: list[tuple[str, FileEvent]] = field(default_factory=list)
    unnamed: bool = False


def find(kind: EventFiles, place: Path) -> Path | None:
    """The file, or the folder that holds some of this kind, or None. Looks at the beginnings of a few hundred files."""
    if place.is_file():
        return place if place.name.lower().endswith(kind.suffixes) and kind.is_one(place.name, _head(place)) else None
    some = islice(_files_below(kind, place, MOST_LOOKED_AT), MOST_TRIED)
    return place if any(kind.is_one(path.name, _head(path)) for path in some) else None


def _files_below(kind: EventFiles, place: Path, most: int = MOST_LISTED) -> Iterator[Path]:
    listed = 0
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(kind.suffixes) and not name.startswith("."):
                yield Path(folder, name)
        listed += len(names)
        if listed > most:
            break


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except OSError:
        return b""


def read(kind: EventFiles, path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a file of events, or all of a folder, with their recordings. Raises FormatError where none can be read."""
    if not path.exists():
        raise FormatError(f"nothing at {path}")
    problems: list[Problem] = []
    files = _loaded(kind, path, problems)
    folder = path if path.is_dir() else path.parent
    parsed = _parsed(kind, files, options, problems)
    if kind.dated is not None:
        parsed = kind.dated(parsed, folder, audio)
    problems += [problem for its in parsed.values() for problem in its.problems]
    recordings = _recordings(folder, audio, parsed)
    rows: dict[str, dict[str, str]] = {}
    linked = _linked(parsed, folder, recordings, rows, problems)
    points = Counter[str]()
    clips = [_clip(name, own, recordings, row, problems, points)
             for row, (name, own) in enumerate(linked.items(), start=2)]  # fmt: skip
    if points:
        first, total = next(iter(points)), points.total()
        told = "1 event without a length was" if total == 1 else f"{total:,} events without a length were"
        problems.append(Problem(0, first, f"{told} read as 1 ms from its point on"))
    if path.is_dir():
        unheard = [name for name in recordings.names if name not in linked]
        clips += [ImportedClip(name, recordings.path(name), (), "", 0, partial=True) for name in unheard]
    links = {
        "recordings": {name: {"files": list(own.files), "labels": _codes(own)} for name, own in linked.items()},
        "unheard": [clip.filename for clip in clips[len(linked) :]],
        "rows": rows,
    }
    kept = {name: files[name] for name in parsed}
    return ImportedTable(
        format=kind.name,
        table_name=path.name or path.resolve().name,
        table_bytes=pack({**kept, LINKS: json.dumps(links, ensure_ascii=True, sort_keys=True).encode()}),
        audio_root=recordings.root,
        clips=tuple(clips),
        class_names={},
        options={**options, "table": path.name, "source": str(path.resolve())},
        problems=tuple(problems),
        events_only=True,
    )


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the files say of each recording; of one without a file, nothing."""
    links = json.loads(unpack(data)[LINKS])
    said = {name: TableLabels("", tuple(own["labels"])) for name, own in links["recordings"].items()}
    return said | {name: TableLabels("", ()) for name in links["unheard"]}


# ------------------------------------------------------------------------------------------------------------- files


def _loaded(kind: EventFiles, path: Path, problems: list[Problem]) -> dict[str, bytes]:
    """The files of this kind by their paths below the folder; what only has the suffix is told of."""
    files: dict[str, bytes] = {}
    others: list[str] = []
    for one in _files_below(kind, path) if path.is_dir() else [path]:
        name = one.relative_to(path).as_posix() if path.is_dir() else one.name
        try:
            name.encode()
            with one.open("rb") as handle:
                data = handle.read(HEAD_BYTES)
                is_one = kind.is_one(name, data) or (kind.empty_is_one and not data.strip()) or not path.is_dir()
                if is_one:
                    files[name] = data + handle.read()
                elif one.name not in kind.also:
                    others.append(name)
        except UnicodeEncodeError:
            readable = os.fsencode(name).decode("utf-8", "replace")
            problems.append(Problem(0, readable, "its name is not UTF-8; rename the file; skipped"))
        except OSError as problem:
            problems.append(Problem(0, name, f"cannot be read: {problem.strerror}; skipped"))
    if others:
        more = f" (nor are {len(others) - 1:,} more)" if len(others) > 1 else ""
        problems.append(Problem(0, others[0], f"is no file of {kind.name} events{more}; left out"))
    return files


def _parsed(
    kind: EventFiles, files: Mapping[str, bytes], options: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Parsed]:
    parsed: dict[str, Parsed] = {}
    wrong: list[str] = []
    for name, data in files.items():
        try:
            parsed[name] = kind.parse(data, name, options)
        except FormatError as problem:
            wrong.append(str(problem))
            problems.append(Problem(0, name, f"{problem}; skipped"))
    if not parsed:
        raise FormatError(wrong[0] if wrong else f"no {kind.name} events there; it needs {kind.needs}")
    return parsed


# ------------------------------------------------------------------------------------------------------------ linking


def _recordings(folder: Path, audio: str | None, parsed: Mapping[str, Parsed]) -> Recordings:
    """The recordings below the folder that is given, else that of the events, else around it, as far as needed."""
    if audio:
        root = choose_root(folder / "events", audio, [])
        return Recordings(root, () if is_url(root) else audio_below(root))
    here = folder.resolve()
    own = Recordings(str(here), audio_below(str(here)))
    sample = list(parsed)[:: max(1, len(parsed) // SAMPLE)][:SAMPLE]
    if any(_meant(own, name, parsed[name]) for name in sample):
        return own
    beside = audio_below(str(here.parent), MOST_AROUND)
    around = Recordings(str(here.parent), beside)
    meant = [place for name in parsed for place in _meant(around, here.name + "/" + name, parsed[name])]
    if not meant:
        return own
    root = os.path.commonpath([os.path.dirname(around.path(around.names[place])) for place in meant])
    return Recordings(root, audio_below(root))


def _meant(recordings: Recordings, name: str, its: Parsed) -> list[int]:
    """The places of the recordings that a file's rows and its name mean, of those that are there."""
    called = [recordings.called(row) for row in its.recordings[:SAMPLE]]
    return [place for place in (*called, recordings.of_file(os.path.splitext(name)[0])) if place >= 0]


def _linked(
    parsed: Mapping[str, Parsed],
    folder: Path,
    recordings: Recordings,
    rows: dict[str, dict[str, str]],
    problems: list[Problem],
) -> dict[str, Own]:
    """What the files say of each recording. ``rows`` gets, by file, which recording its rows' names mean ("": none)."""
    known: dict[str, Own] = {}
    below = os.path.relpath(folder.resolve(), recordings.root) if not is_url(recordings.root) else "."
    for name, its in parsed.items():
        own_name = os.path.splitext(name)[0]
        place = recordings.of_file(os.path.normpath(f"{below}/{own_name}").replace(os.sep, "/"))
        names: dict[str, str] = {}
        for row in its.recordings:
            of_row = recordings.called(row)
            if of_row < 0 and len(its.recordings) == 1 and place >= 0:
                of_row = place  # the sound was renamed, and the file with it
            if of_row == SEVERAL:
                problems.append(Problem(0, name, f"several recordings may be meant by {row!r}; write its folder"))
            else:
                names[row] = recordings.names[of_row] if of_row >= 0 else recordings.missing(row)
        if not its.recordings or "" in {*its.unnamed, *(event.recording for event in its.events)}:
            if place == SEVERAL:
                problems.append(Problem(0, name, "several recordings go with it by its name; skipped"))
            else:
                names[""] = recordings.names[place] if place >= 0 else recordings.missing(bare(own_name))
        rows[name] = names
        for recording in names.values():
            known.setdefault(recording, Own()).files[name] = None
        for row in its.unnamed & names.keys():
            known[names[row]].unnamed = True
        for event in its.events:
            if event.recording in names:
                known[names[event.recording]].events.append((name, event))
    order = {name: at for at, name in enumerate(recordings.names)}
    return dict(sorted(known.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0])))


def _codes(own: Own) -> list[str]:
    return list(dict.fromkeys(event.code for _, event in own.events))


def _clip(
    name: str, own: Own, recordings: Recordings, row: int, problems: list[Problem], points: Counter[str]
) -> ImportedClip:
    regions: dict[tuple[str, Region], None] = {}
    said: dict[tuple[str, Region | None], Attribution] = {}
    for file, event in own.events:
        region = None
        try:
            region = event.region()
            if event.is_point:
                points[file] += 1
        except DataError as problem:
            what = f"row {event.place[0]}: {problem}; its label {event.code!r} is kept without a time"
            problems.append(Problem(0, file, what))
        if region is not None:
            regions[(event.code, region)] = None
        if event.who or event.confidence is not None:
            said.setdefault((event.code, region), Attribution(event.who, event.confidence))
    return ImportedClip(
        filename=name,
        path=recordings.path(name),
        labels=tuple(_codes(own)),
        primary="",
        row=row,
        regions=tuple(regions),
        said_by=said,
        partial=own.unnamed and not own.events,
    )
