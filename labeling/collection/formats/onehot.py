"""One column a class with 0 or 1, as OpenSoundscape has it: a row a file, or a row a window with its times.

A cell that is empty or NaN was not annotated: nobody knows whether the class is there. Options: ``path_column``,
``onset_column``, ``offset_column``, ``class_columns`` (a list, or names parted by commas), ``group_column``,
``fold_column``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    MISSING_WORDS,
    Correction,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    LabelledClip,
    Labelling,
    NotHeld,
    Problem,
    TableLabels,
    Written,
    label,
)
from labeling.collection.annotation.paths import Finder, choose_root, found_table, plain_name
from labeling.collection.tabular.base import Table, column
from labeling.collection.tabular.derived import TRUE
from labeling.collection.tabular.joining import OFFSET_COLUMNS, ONSET_COLUMNS, TimeColumns
from labeling.collection.tabular.mapped import (
    FOLD_COLUMNS,
    GROUP_COLUMNS,
    LABEL_COLUMNS,
    LABELS_COLUMNS,
    PATH_COLUMNS,
)
from labeling.collection.tabular.reading import SUFFIXES, head, load, read_table
from labeling.collection.tabular.windows import Flags, Window, Windows, is_flag
from labeling.errors import DataError, FormatError, SeveralTables
from labeling.registry import some_of
from labeling.storage.files import write_atomically

NEEDS = (
    "a CSV, TSV or Parquet table with a column of file names and a column a class that holds 0, 1 or nothing; name "
    "them with --path-column and --option class_columns=A,B where that is not plain"
)
OTHER = frozenset(
    {"", "index", "complete", "verified", "manually_verified", "noisy_small", "split", "subset", "unnamed: 0"}
    | {*GROUP_COLUMNS, *FOLD_COLUMNS, *PATH_COLUMNS, *ONSET_COLUMNS, *OFFSET_COLUMNS}
)
"""Headings of what may hold zeros and ones and is no class."""
MOST_BYTES = 1 << 20  # of a Parquet file, which is read whole to see what it is


def find(path: Path) -> Path | None:
    """The table at a folder or file, or None. Raises FormatError where a folder holds several that fit."""
    if path.is_file():
        return path if _fits(path) else None
    tables = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES and file.is_file()]
    fitting = [file for file in tables if _fits(file)] if len(tables) <= 50 else []
    if len(fitting) > 1:
        raise SeveralTables(path, fitting)
    return fitting[0] if fitting else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a table of zeros and ones."""
    data = load(path)
    table = read_table(data, path.name)
    columns = _class_columns(table, path.name, options)
    at = _path_column(table, path.name, options)
    times = _times(table, path.name, options)
    problems = [Problem(1, "", warning) for warning in table.warnings]
    windows = _windows(table, columns, at, times, problems)
    for code, place in columns.items():
        odd = {text for text in {cells[place] for cells in table.rows.values()} if not is_flag(text.strip())}
        for number, cells in table.rows.items() if odd else ():
            if cells[place] in odd:
                what = f"{code} is {cells[place].strip()!r}, not 0 or 1; taken as not annotated"
                problems.append(Problem(number, cells[at].strip(), what))
    root = choose_root(path, audio, list(windows.of_file))
    finder = Finder(root, windows.of_file)
    group, fold = column(table, GROUP_COLUMNS), column(table, FOLD_COLUMNS)
    used = {at, *columns.values(), *(times.all() if times else ())}
    clips: list[ImportedClip] = []
    for name, own in windows.of_file.items():
        file = finder.path(name)
        cells = table.rows[own[0].number]
        if file is None:
            problems.append(Problem(own[0].number, name, f"{name!r} points outside the audio folder {root}; skipped"))
            continue
        clips.append(
            windows.clip(
                own,
                file,
                list(columns),
                group="" if group is None else label(cells[group]),
                fold="" if fold is None else label(cells[fold]),
                metadata={
                    heading: cells[place]
                    for place, heading in enumerate(table.columns)
                    if place not in used and heading
                },
            )
        )
    options = {
        **options,
        "path_column": table.columns[at],
        "class_columns": list(columns),
        "onset_column": "" if times is None else table.columns[times.onset],
        "offset_column": "" if times is None else table.columns[times.offset],
    }
    return found_table("onehot", path, data, finder, clips, problems, options, dict.fromkeys(columns, ""))


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the table says of each filename."""
    return _of_bytes(data, options).labels()


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The same table with zeros and ones corrected. A label without a column cannot be said."""
    return _of_bytes(data, options).write(data, options, corrections, out_dir)


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """labels.csv with a row a clip and a column for each class; empty where nobody knows."""
    refused = [code for code in labelling.classes if code.lower() in OTHER or label(code) != code]
    codes = [code for code in labelling.classes if code not in refused]
    not_held = [
        NotHeld(clip.filename, code, "present" if code in clip.labels else "absent", "no column may be called so here")
        for clip in labelling.clips
        for code in refused
        if code in clip.labels or code in clip.absent
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *codes])
    for clip in labelling.clips:
        writer.writerow([clip.filename, *(_flag(clip, code) for code in codes)])
    content = text.getvalue().encode(errors="backslashreplace")
    return Written((write_atomically(out_dir / "labels.csv", content),), tuple(not_held))


def _flag(clip: LabelledClip, code: str) -> str:
    if code in clip.labels:
        return "1"
    if code in clip.unsure:  # nobody knows
        return ""
    return "0" if not clip.partial or code in clip.absent else ""


def _fits(path: Path) -> bool:
    """Whether a file's first rows are names, perhaps times, and zeros and ones; a table with labels is another kind."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            if path.stat().st_size > MOST_BYTES:
                return False
            first = load(path)
        else:
            first = head(path)
        table = read_table(first, path.name)
    except (FormatError, OSError):
        return False
    names = {name.lower() for name in table.columns}
    if not table.rows or names & {*LABEL_COLUMNS, *LABELS_COLUMNS} or column(table, PATH_COLUMNS) is None:
        return False
    flags = _flag_columns(table)
    others = [name for name in table.columns if name.lower() not in OTHER]
    yes = any(cells[at].strip() in TRUE for cells in table.rows.values() for at in flags.values())
    return 2 * len(flags) > len(others) and yes


def _flag_columns(table: Table) -> dict[str, int]:
    """The columns that hold nothing but flags, and at least one that says something."""
    found: dict[str, int] = {}
    for at, name in enumerate(table.columns):
        texts = {text.strip() for text in {cells[at] for cells in table.rows.values()}}
        if label(name) and name.lower() not in OTHER and all(map(is_flag, texts)) and texts - MISSING_WORDS:
            found.setdefault(label(name), at)
    return found


def _class_columns(table: Table, name: str, options: Mapping[str, Any]) -> dict[str, int]:
    given = options.get("class_columns")
    if given is None:
        found = _flag_columns(table)
        if not found:
            raise FormatError(
                f"{name} has no column of zeros and ones; it has {some_of(table.columns)}. Give "
                "--option class_columns=A,B"
            )
        # a class that nobody annotated has an empty column among the others
        places = found.values()
        for at in range(min(places), max(places)):
            code = label(table.columns[at])
            if code and code.lower() not in OTHER and all(not cells[at].strip() for cells in table.rows.values()):
                found.setdefault(code, at)
        return dict(sorted(found.items(), key=lambda pair: pair[1]))
    wanted = [part.strip() for part in given.split(",")] if isinstance(given, str) else list(given)
    known = {label(heading): at for at, heading in reversed(list(enumerate(table.columns)))}
    if lacking := [code for code in wanted if code not in known]:
        raise FormatError(f"{name} has no column {lacking[0]!r} (class_columns); it has {some_of(table.columns)}")
    return {code: known[code] for code in wanted}


def _path_column(table: Table, name: str, options: Mapping[str, Any]) -> int:
    wanted = options.get("path_column")
    at = column(table, PATH_COLUMNS if wanted is None else (str(wanted),))
    if at is None:
        raise FormatError(
            f"{name} has no column {wanted or 'of file names'}; it has {some_of(table.columns)}. Give "
            "--path-column NAME"
        )
    return at


def _times(table: Table, name: str, options: Mapping[str, Any]) -> TimeColumns | None:
    wanted = [options.get("onset_column"), options.get("offset_column")]
    if wanted == ["", ""]:
        return None
    onset = column(table, ONSET_COLUMNS if wanted[0] is None else (str(wanted[0]),))
    offset = column(table, OFFSET_COLUMNS if wanted[1] is None else (str(wanted[1]),))
    if onset is None or offset is None:
        if any(wanted):
            raise FormatError(f"{name} has no times: name both --onset-column and --offset-column")
        return None
    return TimeColumns(onset, offset)


def _of_bytes(data: bytes, options: Mapping[str, Any]) -> Windows:
    name = str(options.get("table", "labels.csv"))
    table = read_table(data, name)
    at, times = _path_column(table, name, options), _times(table, name, options)
    return _windows(table, _class_columns(table, name, options), at, times, [])


def _windows(
    table: Table, columns: Mapping[str, int], at: int, times: TimeColumns | None, problems: list[Problem]
) -> Windows:
    of_file: dict[str, list[Window]] = {}
    first: dict[str, str] = {}
    for number, cells in table.rows.items():
        filename = cells[at].strip()
        if filename in MISSING_WORDS:
            problems.append(Problem(number, filename, "no file name; skipped"))
            continue
        try:
            region = None if times is None else times.region(cells)
        except DataError as problem:
            problems.append(Problem(number, filename, f"{problem}; its labels are kept without a time"))
            region = None
        name = first.setdefault(plain_name(filename), filename)
        of_file.setdefault(name, []).append(Window(number, name, region))
    return Windows(table, of_file, Flags(table, columns))


FORMAT = Format(
    "onehot",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=92,
    export=export,
    holds=frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.ABSENT, Holds.NOTHING, Holds.PARTIAL}),
    states=frozenset({Holds.ABSENT}),
    about="One column a class with 0, 1 or nothing (not known), a row a file or a window: OpenSoundscape's tables.",
)
