"""Any table with a path column and a label or labels column: CSV, TSV or Parquet, mapped by options or by guessing.

Options (each is also a flag, ``--path-column`` for ``path_column``): ``path_column``, ``label_column``,
``labels_column``, ``separator``, ``group_column``, ``fold_column``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.collection.formats.base import (
    MISSING_WORDS,
    Correction,
    Format,
    ImportedClip,
    ImportedTable,
    Problem,
    label,
)
from labeling.collection.formats.lists import parse_list, style_of
from labeling.collection.formats.paths import Finder, choose_root, inside
from labeling.collection.formats.tables import SUFFIXES, Table, column, header, load, read_table
from labeling.collection.formats.writing import write_corrected
from labeling.errors import FormatError

NEEDS = (
    "a CSV, TSV or Parquet table with a column of file names (filename, file, path, fname, ...) and a column label or "
    "labels; name others with --path-column, --label-column, --labels-column"
)
PATH_COLUMNS = (
    *("filename", "file_name", "fname", "file", "filepath", "file_path", "path", "audio_path", "audio_file", "audio"),
    *("audio_filename", "wav", "wav_path", "slice_file_name", "recording", "clip", "clip_path", "uri", "url"),
)
LABEL_COLUMNS = (
    *("label", "primary_label", "category", "class", "class_name", "species", "species_code", "ebird_code"),
    *("event_label", "common_name", "scientific_name", "target"),
)
LABELS_COLUMNS = ("labels", "tags", "classes", "categories", "birds", "events", "event_labels")
GROUP_COLUMNS = ("group", "recordist", "author", "site", "location", "src_file", "source_file", "freesound_id", "fsid")
FOLD_COLUMNS = ("fold", "folds", "kfold")
SEPARATORS = (";", "|", ",")
SEPARATOR_NAMES = {"space": " ", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
FIRST_TRIED = ("train.csv", "train_metadata.csv", "metadata.csv", "labels.csv")


@dataclass(frozen=True)
class _Columns:
    path: int
    label: int | None
    labels: int | None
    separator: str  # "list" for Python lists, "" for one label a cell
    group: int | None
    fold: int | None


@dataclass(frozen=True)
class _Row:
    number: int
    filename: str
    primary: str
    listed: list[str] | None


def find(path: Path) -> Path | None:
    """The table at a folder or file, or None. Raises FormatError where a folder holds several that fit."""
    if path.is_file():
        return path if _fits(header(path)) else None
    fitting = [
        candidate
        for candidate in sorted(path.iterdir())
        if candidate.is_file() and candidate.suffix.lower() in SUFFIXES and _fits(header(candidate))
    ]
    if len(fitting) > 1:
        first = [candidate for candidate in fitting if candidate.name in FIRST_TRIED]
        if len(first) != 1:
            shown = ", ".join(candidate.name for candidate in fitting[:8])
            raise FormatError(f"{path} holds {len(fitting)} tables that could be the one ({shown}); give its full path")
        fitting = first
    return fitting[0] if fitting else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a table. Without a ``label`` column no class is primary."""
    if path.is_dir():
        tables = sorted(candidate.name for candidate in path.iterdir() if candidate.suffix.lower() in SUFFIXES)
        if len(tables) != 1:
            raise FormatError(f"{path} holds {len(tables)} tables ({', '.join(tables[:8])}); give the path of the one")
        path = path / tables[0]
    data = load(path)
    table = read_table(data, path.name)
    columns = _columns(table, path.name, options)
    rows, problems = _rows(table, columns)
    root = choose_root(path, audio, [row.filename for row in rows])
    finder = Finder(root)
    used = {columns.path, columns.label, columns.labels}
    kept = [(at, name) for at, name in enumerate(table.columns) if at not in used and name]
    clips: list[ImportedClip] = []
    for row in rows:
        cells = table.rows[row.number]
        relative = inside(root, row.filename)
        if relative is None:
            what = f"{row.filename!r} points outside the audio folder {root}; skipped (--audio names another)"
            problems.append(Problem(row.number, row.filename, what))
            continue
        metadata = {name: cells[at] for at, name in kept}
        if row.listed is None and columns.labels is not None:
            text = cells[columns.labels]
            problems.append(Problem(row.number, row.filename, "labels is no list; kept as metadata"))
            metadata[table.columns[columns.labels]] = text
        clips.append(
            ImportedClip(
                filename=row.filename,
                path=finder.path(relative),
                labels=tuple(dict.fromkeys(([row.primary] if row.primary else []) + (row.listed or []))),
                primary=row.primary,
                row=row.number,
                group="" if columns.group is None else label(cells[columns.group]),
                fold="" if columns.fold is None else label(cells[columns.fold]),
                metadata=metadata,
            )
        )
    return ImportedTable(
        format="table",
        table_name=path.name,
        table_bytes=data,
        audio_root=root,
        clips=tuple(clips),
        class_names={},
        # The columns as they were chosen: a later version that guesses otherwise must write to these.
        options={
            **options,
            "table": path.name,
            "source": str(path.resolve()),
            "path_column": table.columns[columns.path],
            "label_column": "" if columns.label is None else table.columns[columns.label],
            "labels_column": "" if columns.labels is None else table.columns[columns.labels],
            "separator": columns.separator,
        },
        problems=tuple(problems),
    )


def names(data: bytes, options: Mapping[str, Any]) -> dict[str, int]:
    """The row of each filename."""
    name = str(options.get("table", "table.csv"))
    table = read_table(data, name)
    return {row.filename: row.number for row in _rows(table, _columns(table, name, options))[0]}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> list[Path]:
    """Write the table with corrected label and labels cells. Raises FormatError where a label holds the separator."""
    name = str(options.get("table", "table.csv"))
    table = read_table(data, name)
    columns = _columns(table, name, options)
    rows, _ = _rows(table, columns)
    style = None if columns.labels is None else style_of(cells[columns.labels] for cells in table.rows.values())

    def changed(row: _Row, correction: Correction) -> dict[int, str]:
        result: dict[int, str] = {}
        if columns.label is not None and correction.primary != row.primary:
            result[columns.label] = correction.primary
        more = [code for code in correction.labels if code != correction.primary]
        if columns.labels is None or style is None:
            if more and columns.label is not None and set(more) & set(correction.added):
                raise FormatError(
                    f"{name} has only one label a clip ({table.columns[columns.label]}), so {more} of "
                    f"{row.filename!r} cannot be written; import a table with a labels column to keep several"
                )
            return result
        before = row.listed or []
        # Where the primary stands in its own column it is repeated here only if it was before.
        alone = columns.label is not None and row.primary not in before
        wanted = more if alone else list(correction.labels)
        after = [code for code in before if code in wanted]
        after += [code for code in dict.fromkeys(wanted) if code not in after]
        if after != before:
            result[columns.labels] = _joined(after, columns.separator, style.write(after), row.filename)
        return result

    return write_corrected(table, {row.filename: row for row in rows}, changed, corrections, options, data, out_dir)


def _joined(codes: Sequence[str], separator: str, as_list: str, filename: str) -> str:
    if separator == "list":
        return as_list
    if not separator and len(codes) > 1:
        separator = ","  # no cell had two labels so far, so none shows how they are parted
    wrong = [code for code in codes if separator and separator in code]
    if wrong and len(codes) > 1:
        raise FormatError(
            f"label {wrong[0]!r} of {filename!r} holds the separator {separator!r} of this table; rename the class"
        )
    return separator.join(codes)


def _fits(names: Sequence[str]) -> bool:
    lowered = {name.lower() for name in names}
    return bool(lowered & set(PATH_COLUMNS)) and bool(lowered & {*LABEL_COLUMNS, *LABELS_COLUMNS})


def _columns(table: Table, name: str, options: Mapping[str, Any]) -> _Columns:
    def chosen(option: str, guesses: Sequence[str]) -> int | None:
        wanted = options.get(option)
        if wanted is None:
            return column(table, guesses)
        if wanted == "":
            return None
        if wanted not in table.columns:
            raise FormatError(f"{name} has no column {wanted!r} ({_flag(option)}); it has {', '.join(table.columns)}")
        return table.columns.index(wanted)

    def needed(what: str, flags: str) -> FormatError:
        return FormatError(
            f"{name} has no column that looks like {what}; it has {', '.join(table.columns)}. Give {flags}"
        )

    path = chosen("path_column", PATH_COLUMNS)
    if path is None:
        raise needed("a file name", "--path-column NAME")
    labels = chosen("labels_column", LABELS_COLUMNS)
    label_column = (
        None if labels is not None and "label_column" not in options else chosen("label_column", LABEL_COLUMNS)
    )
    if labels is not None and label_column is None and options.get("label_column") is None:
        label_column = column(table, ("label", "primary_label"))
    if label_column is None and labels is None:
        raise needed("a label", "--label-column NAME (one a clip) or --labels-column NAME (several)")
    separator = ""
    if labels is not None:
        given = options.get("separator")
        cells = [row[labels] for row in table.rows.values()]
        separator = guess_separator(cells) if given is None else SEPARATOR_NAMES.get(str(given), str(given))
    return _Columns(
        path,
        label_column,
        labels,
        separator,
        chosen("group_column", GROUP_COLUMNS),
        chosen("fold_column", FOLD_COLUMNS),
    )


def guess_separator(cells: Sequence[str]) -> str:
    """What stands between two labels: ``list``, ``;``, ``|``, ``,``, a space, or "" where no cell has two.

    A space is taken only where most of the words that it parts also stand alone in a cell: "Bass guitar" is one label.
    """
    texts = [text for cell in cells if (text := cell.strip()) not in MISSING_WORDS]
    if texts and sum(text.startswith("[") and text.endswith("]") for text in texts) > len(texts) / 2:
        return "list"
    for separator in SEPARATORS:
        if any(separator in text for text in texts):
            return separator
    alone = {text for text in texts if " " not in text}
    words = Counter(word for text in texts if " " in text for word in text.split())
    if words and sum(word in alone for word in words) > len(words) / 2:
        return " "
    return ""


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def _rows(table: Table, columns: _Columns) -> tuple[list[_Row], list[Problem]]:
    problems = [Problem(1, "", warning) for warning in table.warnings]
    kept: dict[str, _Row] = {}
    for number, cells in table.rows.items():
        filename = cells[columns.path].strip()
        if len(cells) > len(table.columns) and any(cells[len(table.columns) :]):
            what = f"{len(cells)} cells, the header has {len(table.columns)}; skipped (an unquoted delimiter?)"
            problems.append(Problem(number, filename, what))
        elif filename in MISSING_WORDS:
            problems.append(Problem(number, filename, "no file name; skipped"))
        elif filename in kept:
            first = kept[filename].number
            problems.append(Problem(number, filename, f"listed already in row {first}; the first one counts"))
        else:
            primary = "" if columns.label is None else label(cells[columns.label])
            listed = [] if columns.labels is None else _parted(cells[columns.labels], columns.separator)
            kept[filename] = _Row(number, filename, primary, listed)
    return list(kept.values()), problems


def _parted(cell: str, separator: str) -> list[str] | None:
    if separator == "list":
        return parse_list(cell)
    parts = cell.split(separator) if separator else [cell]
    return list(dict.fromkeys(code for part in parts if (code := label(part))))


FORMAT = Format("table", NEEDS, find, read, names, write, rank=90)
