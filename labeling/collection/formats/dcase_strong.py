"""DCASE's strong labels (DESED and after): one row an event. Clips without any have no row, or one with empty cells.

A second table of durations (``validation_durations.tsv`` beside ``validation.tsv``, or ``durations.tsv``) names all
clips that somebody listened to; those without a row have no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    Format,
    ImportedClip,
    ImportedTable,
    NotHeld,
    Problem,
    TableLabels,
    Written,
)
from labeling.collection.annotation.bundle import pack, unpack
from labeling.collection.annotation.paths import Finder, plain_name
from labeling.collection.tabular.base import NewRow
from labeling.collection.tabular.preset import Preset
from labeling.collection.tabular.reading import header, load, read_table
from labeling.errors import FormatError
from labeling.storage.files import write_atomically

PRESET = Preset(
    name="dcase_strong",
    about="Strong labels of the DCASE challenges (DESED): one row an event; a table of durations names all clips.",
    needs="a .tsv with filename, onset, offset and event_label",
    columns=("filename", "onset", "offset", "event_label"),
    options={
        "path_column": "filename",
        "label_column": "event_label",
        "labels_column": "",
        "onset_column": "onset",
        "offset_column": "offset",
    },
    tables=("strong.tsv", "*.tsv"),
    sounds=("../../audio/validation/{stem}", "../../audio/train/{stem}", "../../../audio/train/{stem}", "../audio"),
    words=True,
)
DURATIONS = {"filename", "duration"}


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read the events, and from the durations which clips have none."""
    table = PRESET.read(path, audio, options)
    beside = _durations(path)
    if beside is None:
        return table
    data = load(beside)
    known = {plain_name(clip.filename) for clip in table.clips}
    names = [name for name in _names(data, beside.name) if plain_name(name) not in known]
    finder = Finder(table.audio_root, names)
    last = max((row for clip in table.clips for row in clip.rows), default=1)
    silent: list[ImportedClip] = []
    problems: list[Problem] = []
    for row, name in enumerate(names, start=last + 1):
        file = finder.path(name)
        if file is None:
            problems.append(Problem(0, name, f"{name!r} of {beside.name} points outside the audio folder; skipped"))
        else:
            silent.append(ImportedClip(name, file, (), "", row, rows=(row,)))
    return replace(
        table,
        table_bytes=pack({path.name: table.table_bytes, beside.name: data}),
        clips=(*table.clips, *silent),
        options={**table.options, "durations": beside.name},
        problems=(*table.problems, *problems, *finder.problems()),
    )


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the tables say of each filename."""
    events, durations = _parts(data, options)
    said = PRESET.labels(events, options)
    if durations is not None:
        known = set(map(plain_name, said))
        names = _names(durations, str(options["durations"]))
        said |= {name: TableLabels("", ()) for name in names if plain_name(name) not in known}
    return said


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The same tables; clips that had no event get rows for what was added, with its times where it was drawn."""
    events, durations = _parts(data, options)
    written = PRESET.write(events, options, corrections, out_dir)
    if durations is None:
        return written
    beside = Path(str(options["durations"])).name
    if options.get("source") and (out_dir / beside).resolve() == Path(str(options["source"])).resolve().parent / beside:
        raise FormatError(f"{out_dir / beside} was imported and is never changed; choose another folder (--out)")
    with_rows = set(PRESET.labels(events, options))
    silent = [own for name, own in corrections.items() if name not in with_rows]
    silent = [own for own in silent if own.filename in set(_names(durations, beside))] if silent else []
    content, not_held = _with_rows(written.files[0].read_bytes(), written.files[0].name, silent)
    files = [write_atomically(written.files[0], content) if silent else written.files[0]]
    files.append(write_atomically(out_dir / beside, durations))
    return Written(tuple(files), (*written.not_held, *not_held), written.notes)


def _with_rows(data: bytes, name: str, corrections: list[Correction]) -> tuple[bytes, list[NotHeld]]:
    """A table with rows at its end for the labels of clips that had none."""
    table = read_table(data, name)
    at = {heading: place for place, heading in enumerate(table.columns)}
    last = max(table.rows, default=1)
    added: list[NewRow] = []
    not_held: list[NotHeld] = []
    for correction in corrections:
        for code in correction.labels:
            if why := table.refusal(at["event_label"], code):
                not_held.append(NotHeld(correction.filename, code, "secondary", why))
                continue
            times = [
                (f"{own.onset_s:.10g}", f"{own.offset_s:.10g}") for heard, own in correction.regions if heard == code
            ]
            for onset, offset in times or [("", "")]:
                cells = dict.fromkeys(range(len(table.columns)), "")
                cells |= {at["filename"]: correction.filename, at["event_label"]: code}
                cells |= {at["onset"]: onset, at["offset"]: offset}
                added.append(NewRow(last, last, cells))
    return table.changed({}, (), added), not_held


def _parts(data: bytes, options: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
    """The table of events and that of durations, where one came with it."""
    if "durations" not in options:
        return data, None
    files = unpack(data)
    return files[str(options["table"])], files[str(options["durations"])]


def _durations(path: Path) -> Path | None:
    """The table of durations that goes with one of events."""
    names = (f"{path.stem}_durations{path.suffix}", f"durations{path.suffix}")
    files = (path.parent / name for name in names)
    return next((file for file in files if file.is_file() and set(header(file)) >= DURATIONS), None)


def _names(data: bytes, name: str) -> list[str]:
    table = read_table(data, name)
    at = table.columns.index("filename")
    return list(dict.fromkeys(text for cells in table.rows.values() if (text := cells[at].strip())))


FORMAT: Format = replace(PRESET.format(), read=read, labels=labels, write=write)
