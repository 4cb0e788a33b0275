"""Tables with a path column and a label or labels column, mapped by options or by guessing: what many formats are.

Options (each is also a flag, ``--path-column`` for ``path_column``): ``path_column``, ``label_column``,
``labels_column``, ``separator``, ``group_column``, ``fold_column``, ``onset_column``, ``offset_column``,
``low_column``, ``high_column``, ``number_column`` (a number of the class, that follows the label), ``texts`` (by
column, what it shows of classes that the table has not), ``kept_columns`` (which go with no label). A file may have
several rows (joining.py).

Sets whose columns are known are this format with a `Layout` of their own (layout.py, preset.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    MISSING_WORDS,
    Correction,
    ImportedClip,
    ImportedTable,
    Problem,
    TableLabels,
    Written,
    label,
)
from labeling.collection.annotation.paths import Finder, choose_root
from labeling.collection.tabular.base import Table, column
from labeling.collection.tabular.beside import is_beside
from labeling.collection.tabular.derived import Lists, RowLabels
from labeling.collection.tabular.joining import by_file, joined_table, time_columns, united
from labeling.collection.tabular.layout import ANY, Layout, numbers_of
from labeling.collection.tabular.lists import bracketed, parse_list, style_of
from labeling.collection.tabular.reading import SUFFIXES, load, read_table
from labeling.collection.tabular.writing import LabelCells, has_joined, write_corrected
from labeling.errors import FormatError
from labeling.registry import some_of

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

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them, the primary first."""
        return tuple(dict.fromkeys(([self.primary] if self.primary else []) + (self.listed or [])))


def read(path: Path, audio: str | None, options: Mapping[str, Any], layout: Layout = ANY) -> ImportedTable:
    """Read a table. Without a ``label`` column no class is primary."""
    if path.is_dir():
        candidates = [candidate for candidate in path.iterdir() if candidate.suffix.lower() in SUFFIXES]
        tables = sorted(candidate.name for candidate in candidates if not is_beside(candidate))
        if len(tables) != 1:
            raise FormatError(f"{path} holds {len(tables)} tables ({', '.join(tables[:8])}); give the path of the one")
        path = path / tables[0]
    data = load(path)
    table = read_table(data, path.name)
    columns = _columns(table, path.name, options)
    rows, problems = _rows(table, columns)
    times = time_columns(table, path.name, options, has_joined(by_file(rows)))
    files = [layout.file(table.columns, table.rows[row.number], row.filename) for row in rows]
    root = choose_root(path, audio, files, more=layout.roots)
    finder = Finder(root, files)
    used = {columns.path, columns.label, columns.labels, _number_column(table, options)}
    kept = [(at, name) for at, name in enumerate(table.columns) if at not in used and name]
    clips: list[ImportedClip] = []
    for row, its_file in zip(rows, files, strict=True):
        cells = table.rows[row.number]
        file = finder.path(its_file)
        if file is None:
            what = f"{row.filename!r} points outside the audio folder {root}, and no file there ends so; skipped"
            problems.append(Problem(row.number, row.filename, f"{what} (--audio names another)"))
            continue
        metadata = {name: cells[at] for at, name in kept}
        if row.listed is None and columns.labels is not None:
            text = cells[columns.labels]
            problems.append(Problem(row.number, row.filename, "labels is no list; kept as metadata"))
            metadata[table.columns[columns.labels]] = text
        clips.append(
            ImportedClip(
                filename=row.filename,
                path=file,
                labels=row.labels,
                primary=row.primary,
                row=row.number,
                group="" if columns.group is None else label(cells[columns.group]),
                fold="" if columns.fold is None else label(cells[columns.fold]),
                metadata=metadata,
            )
        )
    # The columns as they were chosen: a later version that guesses otherwise must write to these.
    options = {
        **options,
        "path_column": table.columns[columns.path],
        "label_column": "" if columns.label is None else table.columns[columns.label],
        "labels_column": "" if columns.labels is None else table.columns[columns.labels],
        "separator": columns.separator,
    }
    names = layout.names(clips)
    return joined_table(layout.format, path, data, table, clips, times, finder, problems, options, names)


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the table says of each filename."""
    name = str(options.get("table", "table.csv"))
    table = read_table(data, name)
    own = by_file(_rows(table, _columns(table, name, options))[0])
    return {filename: united(rows) for filename, rows in own.items()}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """Write the table with corrected label and labels cells. The first label of a clip without any is its primary."""
    name = str(options.get("table", "table.csv"))
    table = read_table(data, name)
    columns = _columns(table, name, options)
    rows = by_file(_rows(table, columns)[0])
    cells_of_labels = () if columns.labels is None else [cells[columns.labels] for cells in table.rows.values()]
    style = style_of(cells_of_labels)
    # No cell had two labels so far, so none shows how they are parted; a comma will, where no label holds one.
    joint = columns.separator or ("" if any("," in cell for cell in cells_of_labels) else ",")
    # signs that must stay out of a label: guess_separator would part by them when the table is read again
    known = SEPARATORS.index(columns.separator) + 1 if columns.separator in SEPARATORS else len(SEPARATORS)
    parting = () if joint == "list" else (joint, *SEPARATORS[:known]) if joint else SEPARATORS

    def read_row(row: _Row, cells: Sequence[str]) -> RowLabels:
        only = None if columns.label is None else _parted(cells[columns.label], "")
        primary = None if columns.label is None else only[0] if only is not None and len(only) == 1 else ""
        listed = () if columns.labels is None else tuple(_parted(cells[columns.labels], joint) or ())
        return RowLabels(primary, tuple(dict.fromkeys(([primary] if primary else []) + [*listed])), listed)

    def joined(codes: Sequence[str]) -> str:
        return style.write(codes) if joint == "list" else (joint or " ").join(codes[: None if joint else 1])

    def refusal(code: str) -> str:
        """Why the labels column cannot hold a label; "" where it can."""
        if columns.labels is None:
            return ""
        if sign := next((sign for sign in parting if sign in code), ""):
            return f"labels of {table.columns[columns.labels]!r} may be parted by {sign!r}, which this one holds"
        if (joint != "list" and bracketed(code)) or _parted(joined([code]), joint) != [code]:
            return f"the column {table.columns[columns.labels]!r} cannot hold it"
        return table.refusal(columns.labels, joined([code]))

    def changed(row: _Row, correction: Correction) -> dict[int, str]:
        result: dict[int, str] = {}
        primary = correction.primary
        if columns.labels is None and not primary:
            primary = next(iter(correction.labels), "")
        if columns.label is not None and primary != row.primary:
            result[columns.label] = primary
        if columns.labels is None or row.listed is None:  # what is no list stays as it came
            return result
        before = row.listed
        # Where the primary stands in its own column it is repeated here only if it was before.
        alone = columns.label is not None and row.primary not in before
        wanted = [code for code in correction.labels if not (alone and code == primary)]
        after = [code for code in before if code in wanted]
        after += [code for code in dict.fromkeys(wanted) if code not in after]
        after = [code for code in after if code in before or not refusal(code)]
        if after != before:
            result[columns.labels] = joined(after)
        return result

    def limit(row: _Row, code: str) -> str:
        if columns.labels is None:
            return f"the column {table.columns[columns.label or 0]!r} holds one label a clip"
        if row.listed is None:
            return f"the column {table.columns[columns.labels]!r} holds no list in this row, and stays as it came"
        return refusal(code) or f"the column {table.columns[columns.labels]!r} cannot hold it beside others"

    kept = [table.columns.index(name) for name in options.get("kept_columns", ()) if name in table.columns]
    own = frozenset(at for at in (columns.path, columns.label, columns.labels, *kept) if at is not None)
    lists = None if columns.labels is None else Lists(lambda cell: _parted(cell, joint), lambda texts, _: joined(texts))
    times = time_columns(table, name, options, has_joined(rows))
    texts = {table.columns.index(name): known for name, known in _texts(options).items() if name in table.columns}
    if (number := _number_column(table, options)) is not None and columns.labels is None:
        here = [correction for name, correction in corrections.items() if name in rows]
        texts[number] = numbers_of(table, rows, here, number)
    several = columns.labels is not None
    cells = LabelCells(own, columns.path, read_row, changed, limit, lists, several, times, texts)
    return write_corrected(table, rows, cells, corrections, options, data, out_dir)


def _number_column(table: Table, options: Mapping[str, Any]) -> int | None:
    name = options.get("number_column")
    return table.columns.index(name) if name in table.columns else None


def _texts(options: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    texts = options.get("texts")
    return texts if isinstance(texts, Mapping) else {}


def _columns(table: Table, name: str, options: Mapping[str, Any]) -> _Columns:
    def chosen(option: str, guesses: Sequence[str]) -> int | None:
        wanted = options.get(option)
        if wanted is None:
            return column(table, guesses)
        if wanted == "":
            return None
        if wanted not in table.columns:
            raise FormatError(f"{name} has no column {wanted!r} ({_flag(option)}); it has {some_of(table.columns)}")
        return table.columns.index(wanted)

    def needed(what: str, flags: str) -> FormatError:
        return FormatError(
            f"{name} has no column that looks like {what}; it has {some_of(table.columns)}. Give {flags}"
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
    guessed = labels is None and options.get("label_column") is None
    if guessed and label_column is not None and _holds_lists(table, label_column):
        labels, label_column = label_column, None  # a column "label" of lists: several a clip, none the primary
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


def _holds_lists(table: Table, at: int) -> bool:
    """Whether most labels of a column are plainly lists; ``[odd]`` alone may be a label."""
    texts = [text for cells in table.rows.values() if (text := cells[at].strip()) not in MISSING_WORDS]
    return 2 * sum(bracketed(text) and any(sign in text for sign in "'\",") for text in texts) > len(texts)


def guess_separator(cells: Sequence[str]) -> str:
    """What stands between two labels: ``list``, ``;``, ``|``, ``,``, a space, or "" where no cell has two.

    A space is taken only where most of the words that it parts also stand alone in a cell: "Bass guitar" is one label.
    """
    every = [text for cell in cells if (text := cell.strip()) not in MISSING_WORDS]
    texts = [text for text in every if not bracketed(text)]
    if len(texts) < len(every) / 2:
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
    kept: list[_Row] = []
    for number, cells in table.rows.items():
        filename = cells[columns.path].strip()
        if len(cells) > len(table.columns) and any(cells[len(table.columns) :]):
            what = f"{len(cells)} cells, the header has {len(table.columns)}; skipped (an unquoted delimiter?)"
            problems.append(Problem(number, filename, what))
        elif filename in MISSING_WORDS:
            problems.append(Problem(number, filename, "no file name; skipped"))
        else:
            only = [] if columns.label is None else _parted(cells[columns.label], "")
            if only is None or len(only) > 1:
                heading = table.columns[columns.label or 0]
                text = cells[columns.label or 0].strip()
                what = f"{heading} holds {text}, which is not one label, so it was left out"
                problems.append(Problem(number, filename, f"{what}; --labels-column {heading} takes several"))
            primary = only[0] if only is not None and len(only) == 1 else ""
            listed = [] if columns.labels is None else _parted(cells[columns.labels], columns.separator)
            kept.append(_Row(number, filename, primary, listed))
    return kept, problems


def _parted(cell: str, separator: str) -> list[str] | None:
    """The labels of a cell; a list among cells that are none is read as one, where it is plainly a list."""
    if separator == "list" or (bracketed(cell) and any(sign in cell for sign in "'\",")):
        return parse_list(cell)
    parts = cell.split(separator) if separator else [cell]
    return list(dict.fromkeys(code for part in parts if (code := label(part))))
