"""BirdCLEF training tables, 2020 to 2026: one primary label and a list of secondary labels a recording.

What differs by year: the column order; 2020 has the code in ``ebird_code`` while ``primary_label`` and the secondary
labels are long names (``Empidonax alnorum_Alder Flycatcher``); 2020 and 2021 leave the folder out of ``filename``
(it is the code); 2025 has numbers as codes and ``['']`` for an empty list; 2022 repeats some primaries among the
secondaries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    MISSING_WORDS,
    Correction,
    Format,
    ImportedClip,
    ImportedTable,
    Labelling,
    Problem,
    TableLabels,
    Written,
    label,
)
from labeling.collection.annotation.paths import Finder, choose_root
from labeling.collection.tabular.anew import NewTable, write_new
from labeling.collection.tabular.base import Table, column
from labeling.collection.tabular.derived import RowLabels
from labeling.collection.tabular.joining import by_file, joined_table, time_columns, united
from labeling.collection.tabular.lists import ListStyle, parse_list, style_of
from labeling.collection.tabular.reading import header, load, read_table
from labeling.collection.tabular.writing import LabelCells, has_joined, write_corrected
from labeling.errors import FormatError
from labeling.registry import some_of

NEEDS = (
    "a folder with train_metadata.csv or train.csv that has the columns filename, primary_label "
    "(2020: ebird_code) and secondary_labels; sound under train_audio/ or train_short_audio/"
)
TABLE_NAMES = ("train_metadata.csv", "train.csv")


@dataclass(frozen=True)
class _Columns:
    """Where things stand in one table; ``long_name`` is 2020's primary_label."""

    filename: int
    code: int
    secondary: int
    long_name: int | None
    group: int | None
    fold: int | None


@dataclass(frozen=True)
class _Row:
    number: int
    cells: list[str]
    filename: str
    relative: str
    primary: str
    inferred: bool  # the folder is not in the table: it is the code
    listed: list[str] | None  # the texts of secondary_labels as they stand there
    labels: tuple[str, ...] = ()


def find(path: Path) -> Path | None:
    """The BirdCLEF table at a folder or file, or None."""
    candidates = [path] if path.is_file() else [path / name for name in TABLE_NAMES]
    if path.is_dir():
        candidates += sorted(csv_path for csv_path in path.glob("*.csv") if csv_path.name not in TABLE_NAMES)
    for candidate in candidates:
        names = set(header(candidate)) if candidate.is_file() else set()
        if {"filename", "secondary_labels"} <= names and names & {"primary_label", "ebird_code"}:
            return candidate
    return None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a BirdCLEF table. ``options``: ``group_column`` (default: ``group``, else ``author``), ``fold_column``."""
    data = load(path)
    table = read_table(data, path.name)
    columns = _columns(table, path.name, options)
    rows, problems = _rows(table, columns)
    root = choose_root(path, audio, [row.relative for row in rows])
    finder = Finder(root, (row.relative for row in rows))
    codes = _codes_by_long_name(rows, columns)
    one_file = _one_file(rows, finder)
    rows = _named(rows, one_file)
    times = time_columns(table, path.name, options, has_joined(by_file(rows)))
    clips: list[ImportedClip] = []
    for row in rows:
        file = finder.path(row.relative, anywhere=row.inferred)
        if file is None:
            problems.append(
                Problem(row.number, row.filename, f"{row.relative!r} points outside the audio folder; skipped")
            )
            continue
        metadata = _metadata(table, row, columns)
        secondary, wrong = _secondary(row, row.cells[columns.secondary], codes)
        if wrong:
            problems.append(Problem(row.number, row.filename, wrong.reason))
            metadata[wrong.column] = wrong.text
        labels = tuple(dict.fromkeys(([row.primary] if row.primary else []) + secondary))
        group = "" if columns.group is None else _word(row.cells[columns.group])
        fold = "" if columns.fold is None else _word(row.cells[columns.fold])
        clips.append(
            ImportedClip(
                row.filename,
                file,
                labels,
                row.primary,
                row.number,
                group,
                fold,
                metadata,
            )
        )
    options = {**options, **({"one_file": sorted(one_file)} if one_file else {})}
    names = _class_names(table, rows, path.parent)
    return joined_table("birdclef", path, data, table, clips, times, finder, problems, options, names)


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the table says of each filename."""
    table = read_table(data, str(options.get("table", "table")))
    columns = _columns(table, table_name(options), options)
    return {filename: united(rows) for filename, rows in _of_file(table, columns, options).items()}


def _of_file(table: Table, columns: _Columns, options: Mapping[str, Any]) -> dict[str, list[_Row]]:
    rows = _named(_rows(table, columns)[0], set(options.get("one_file", ())))
    codes = _codes_by_long_name(rows, columns)

    def labelled(row: _Row) -> _Row:
        known, _ = _secondary(row, row.cells[columns.secondary], codes)
        return replace(row, labels=tuple(dict.fromkeys(([row.primary] if row.primary else []) + known)))

    return by_file(map(labelled, rows))


def table_name(options: Mapping[str, Any]) -> str:
    """The name that the table had when it was read."""
    return Path(str(options.get("table", "train_metadata.csv"))).name


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """Write the table with corrected labels; every other byte is as it came."""
    table = read_table(data, table_name(options))
    columns = _columns(table, table_name(options), options)
    of_file = _of_file(table, columns, options)
    rows = [row for own in of_file.values() for row in own]
    codes = _codes_by_long_name(rows, columns)
    long_names: dict[str, str] = {}
    for long_name, code in codes.items():
        long_names.setdefault(code, long_name)
    style = style_of(row.cells[columns.secondary] for row in rows)

    def read_row(row: _Row, cells: Sequence[str]) -> RowLabels:
        primary = label(cells[columns.code])
        listed = parse_list(cells[columns.secondary]) or []
        known = [codes.get(text, "" if codes else text) for text in listed]
        return RowLabels(primary, tuple(dict.fromkeys(code for code in (primary, *known) if code)))

    def refusal(text: str) -> str:
        """Why secondary_labels cannot hold a label; "" where it can."""
        as_list = style.write([text])
        return table.refusal(columns.secondary, as_list) if parse_list(as_list) == [text] else "no list can hold it"

    def changed(row: _Row, correction: Correction) -> dict[int, str]:
        result: dict[int, str] = {}
        primary = correction.primary or ("" if row.primary else next(iter(correction.labels), ""))
        if primary != row.primary:
            result[columns.code] = primary
            if columns.long_name is not None:
                result[columns.long_name] = long_names.get(primary, primary)
        if row.listed is None:  # what is no list stays as it came
            return result
        own = _own_style(row.cells[columns.secondary], style)
        after = _relisted(row, correction, primary, codes)
        named = after if columns.long_name is None else [long_names.get(text, text) for text in after]
        named = [text for text in named if text in row.listed or not refusal(text)]
        if after != row.listed:
            result[columns.secondary] = own.write(named)
        return result

    def limit(row: _Row, code: str) -> str:
        if row.listed is None:
            return "secondary_labels is no list in this row, and stays as it came"
        if codes and code not in long_names:
            return "secondary_labels of this table are long names, and none is known for it"
        return refusal(code)

    own = frozenset(
        at for at in (columns.filename, columns.code, columns.secondary, columns.long_name) if at is not None
    )
    times = time_columns(table, table_name(options), options, has_joined(of_file))
    cells = LabelCells(own, columns.filename, read_row, changed, limit, several=True, times=times)
    return write_corrected(table, of_file, cells, corrections, options, data, out_dir)


def _relisted(row: _Row, correction: Correction, primary: str, codes: Mapping[str, str]) -> list[str]:
    """The secondary list after a correction: what stays keeps its place, what is new comes last."""
    after: list[str] = []
    for text in row.listed or []:
        code = codes.get(text, text)
        unknown = bool(codes) and text not in codes  # 2020: a bird outside the vocabulary; nobody decided on it
        repeats_primary = code == primary == row.primary
        if unknown or repeats_primary or (code in correction.labels and code != primary):
            after.append(text)
    there = {codes.get(text, text) for text in after} | {primary}
    return after + [code for code in dict.fromkeys(correction.labels) if code not in there]


def _own_style(cell: str, style: ListStyle) -> ListStyle:
    """The file's style, with the quote and spacing of this very cell where it has some."""
    own = style_of([cell])
    if len(parse_list(cell) or []) > 1:
        return replace(own, empty=style.empty)
    if parse_list(cell):
        return replace(style, quote=own.quote, opening=own.opening, closing=own.closing) if own.opening else style
    return style


def _columns(table: Table, name: str, options: Mapping[str, Any]) -> _Columns:
    old = "ebird_code" in table.columns
    need = ("filename", "ebird_code" if old else "primary_label", "secondary_labels")
    lacking = [heading for heading in need if heading not in table.columns]
    if lacking:
        raise FormatError(
            f"{name} has no column {', '.join(lacking)}; it has {some_of(table.columns)}. A birdclef table needs "
            "filename, primary_label (2020: ebird_code) and secondary_labels; for another layout use --format table"
        )
    where = table.columns.index
    return _Columns(
        filename=where("filename"),
        code=where(need[1]),
        secondary=where("secondary_labels"),
        long_name=where("primary_label") if old and "primary_label" in table.columns else None,
        group=_chosen(table, name, options, "group_column", ("group", "author", "recordist")),
        fold=_chosen(table, name, options, "fold_column", ("fold",)),
    )


def _chosen(table: Table, name: str, options: Mapping[str, Any], option: str, guesses: tuple[str, ...]) -> int | None:
    wanted = options.get(option)
    if wanted:
        if wanted not in table.columns:
            flag = "--" + option.replace("_", "-")
            raise FormatError(f"{name} has no column {wanted!r} ({flag}); it has {some_of(table.columns)}")
        return table.columns.index(wanted)
    return column(table, guesses)


def _rows(table: Table, columns: _Columns) -> tuple[list[_Row], list[Problem]]:
    """The usable rows in order, and what was wrong with the others. The same for read and write."""
    problems = [Problem(1, "", warning) for warning in table.warnings]
    rows: list[_Row] = []
    for number, cells in table.rows.items():
        filename = cells[columns.filename].strip()
        if len(cells) > len(table.columns) and any(cells[len(table.columns) :]):
            what = f"{len(cells)} cells, the header has {len(table.columns)}; skipped (an unquoted comma?)"
            problems.append(Problem(number, filename, what))
            continue
        if filename in MISSING_WORDS:
            problems.append(Problem(number, filename, "no filename; skipped"))
            continue
        primary = label(cells[columns.code])
        inferred = "/" not in filename and "\\" not in filename
        relative = f"{primary}/{filename}" if inferred and primary else filename
        rows.append(_Row(number, cells, filename, relative, primary, inferred, parse_list(cells[columns.secondary])))
    return rows, problems


def _one_file(rows: list[_Row], finder: Finder) -> set[str]:
    """Names without a folder that several codes have, where there is only one such file: its rows are of one file."""
    paths: dict[str, set[str]] = {}
    for row in rows:
        if row.inferred:
            paths.setdefault(row.filename, set()).add(row.relative)
    shared = {filename: relatives for filename, relatives in paths.items() if len(relatives) > 1}
    return {
        filename
        for filename, relatives in shared.items()
        if len({path for name in relatives if (path := finder.there(name, anywhere=True)) is not None}) == 1
    }


def _named(rows: list[_Row], one_file: set[str]) -> list[_Row]:
    """Without a folder in the name two recordings may share it: both are then called by folder and name."""
    folders: dict[str, set[str]] = {}
    for row in rows:
        folders.setdefault(row.filename, set()).add(row.relative)
    return [
        replace(row, filename=row.relative) if len(folders[row.filename]) > 1 and row.filename not in one_file else row
        for row in rows
    ]


def _codes_by_long_name(rows: list[_Row], columns: _Columns) -> dict[str, str]:
    """2020: long names to codes, by the table's own pairs; {} for the other years."""
    if columns.long_name is None:
        return {}
    codes: dict[str, str] = {}
    for row in rows:
        if row.primary:
            codes.setdefault(row.cells[columns.long_name].strip(), row.primary)
    for code in list(codes.values()):
        codes.setdefault(code, code)
    return codes


@dataclass(frozen=True)
class _Wrong:
    column: str
    text: str
    reason: str


def _secondary(row: _Row, cell: str, codes: Mapping[str, str]) -> tuple[list[str], _Wrong | None]:
    if row.listed is None:
        return [], _Wrong("secondary_labels", cell, "secondary_labels is no list; kept as metadata")
    if not codes:
        return row.listed, None
    known = [codes[text] for text in row.listed if text in codes]
    unknown = [text for text in row.listed if text not in codes]
    if not unknown:
        return known, None
    text = "; ".join(unknown)
    return known, _Wrong("other_secondary_labels", text, f"secondary label without a code: {text}; kept as metadata")


def _metadata(table: Table, row: _Row, columns: _Columns) -> dict[str, str]:
    labels = {columns.filename, columns.code, columns.secondary}
    return {name: row.cells[i] for i, name in enumerate(table.columns) if i not in labels and name}


def _class_names(table: Table, rows: list[_Row], folder: Path) -> dict[str, str]:
    """Names to show: from a taxonomy.csv beside the table, else the commonest common name of each primary label."""
    name_counts: dict[str, Counter[str]] = {}
    for guesses in (("common_name", "species"), ("scientific_name", "sci_name")):
        at = column(table, guesses)
        for row in rows:
            if at is not None and row.primary and (name := _word(row.cells[at])):
                name_counts.setdefault(f"{row.primary}\0{guesses[0]}", Counter())[name] += 1
    result: dict[str, str] = {}
    for key, counts in name_counts.items():
        result.setdefault(key.split("\0")[0], counts.most_common(1)[0][0])
    used = {row.primary for row in rows} | {text for row in rows for text in row.listed or []}
    result.update({code: name for code, name in taxonomy(folder).items() if code in used})
    return result


def taxonomy(folder: Path) -> dict[str, str]:
    """The names of a folder's taxonomy.csv by their codes; {} where it has none."""
    path = folder / "taxonomy.csv"
    if not path.is_file():
        return {}
    try:
        table = read_table(load(path), path.name)
    except FormatError:  # a help, not a need
        return {}
    code, names = column(table, ("primary_label",)), column(table, ("common_name", "scientific_name"))
    if code is None or names is None:
        return {}
    return {label(cells[code]): _word(cells[names]) for cells in table.rows.values() if _word(cells[names])}


def _word(cell: str) -> str:
    text = " ".join(cell.split())
    return "" if text in MISSING_WORDS else text


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write train_metadata.csv of any labels. The first label of a clip without a primary is its primary there."""
    return write_new(labelling, NEW, "train_metadata.csv", out_dir)


NEW = NewTable(
    columns=("primary_label", "secondary_labels", "filename", "group", "fold"),
    path="filename",
    label="primary_label",
    labels="secondary_labels",
    separator="list",
    group="group",
    fold="fold",
    apart=True,
    more=True,
    optional=("group", "fold"),
)
FORMAT = Format(
    "birdclef",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=10,
    export=export,
    holds=NEW.holds,
    about="BirdCLEF, 2020 to 2026: a primary label and a list of secondary labels a recording.",
)
