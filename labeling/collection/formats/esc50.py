"""ESC-50 and ESC-10: one class a clip, five folds, clips cut from one upload share ``src_file``."""

from __future__ import annotations

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
    TableLabels,
    Written,
    label,
)
from labeling.collection.formats.derived import RowLabels
from labeling.collection.formats.joining import by_file, joined_table, time_columns, united
from labeling.collection.formats.paths import Finder, choose_root
from labeling.collection.formats.tables import Table, header, load, read_table
from labeling.collection.formats.writing import LabelCells, has_joined, write_corrected
from labeling.errors import FormatError
from labeling.registry import some_of

NEEDS = "a folder with meta/esc50.csv that has the columns filename, fold, target and category; sound under audio/"
COLUMNS = ("filename", "fold", "target", "category")


@dataclass(frozen=True)
class _Row:
    number: int
    filename: str
    category: str

    @property
    def primary(self) -> str:
        """The one class of the row."""
        return self.category

    @property
    def labels(self) -> tuple[str, ...]:
        """The same, as all labels."""
        return (self.category,) if self.category else ()


def find(path: Path) -> Path | None:
    """The ESC-50 table at a folder or file, or None."""
    candidates = [path] if path.is_file() else [path / "meta" / "esc50.csv", path / "esc50.csv"]
    for candidate in candidates:
        if candidate.is_file() and set(COLUMNS) <= set(header(candidate)):
            return candidate
    return None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read meta/esc50.csv: the category is the primary label, ``src_file`` the group."""
    data = load(path)
    table = read_table(data, path.name)
    rows, problems = _rows(table, path.name)
    times = time_columns(table, path.name, options, has_joined(by_file(rows)))
    root = choose_root(path, audio, [row.filename for row in rows], more=[path.resolve().parent.parent / "audio"])
    finder = Finder(root, (row.filename for row in rows))
    cell = {name: at for at, name in enumerate(table.columns)}
    clips: list[ImportedClip] = []
    for row in rows:
        cells = table.rows[row.number]
        file = finder.path(row.filename)
        if file is None:
            problems.append(
                Problem(row.number, row.filename, f"{row.filename!r} points outside the audio folder; skipped")
            )
            continue
        clips.append(
            ImportedClip(
                filename=row.filename,
                path=file,
                labels=row.labels,
                primary=row.category,
                row=row.number,
                group=label(cells[cell["src_file"]]) if "src_file" in cell else "",
                fold=label(cells[cell["fold"]]),
                metadata={
                    name: cells[at] for name, at in cell.items() if name not in ("filename", "target", "category")
                },
            )
        )
    names = {row.category: row.category.replace("_", " ").capitalize() for row in rows if row.category}
    return joined_table("esc50", path, data, table, clips, times, finder, problems, options, names)


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the table says of each filename."""
    name = str(options.get("table", "esc50.csv"))
    own = by_file(_rows(read_table(data, name), name)[0])
    return {filename: united(rows) for filename, rows in own.items()}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """Write the table with the corrected primary as target and category: the format holds one class a clip.

    A class that the table had not gets the next free target number.
    """
    name = str(options.get("table", "esc50.csv"))
    table = read_table(data, name)
    rows, _ = _rows(table, name)
    target, category = table.columns.index("target"), table.columns.index("category")
    targets: dict[str, str] = {}
    for cells in table.rows.values():
        targets.setdefault(label(cells[category]), cells[target].strip())
    highest = max((int(number) for number in targets.values() if number.isdecimal()), default=-1)
    of_file = by_file(rows)
    a_row_a_label = has_joined(of_file)
    here = [correction for correction in corrections.values() if correction.filename in of_file]
    needed = {code for own in here for code in (own.labels if a_row_a_label else (_only(own),))}
    new = sorted(needed - {"", *targets})
    targets.update({code: str(number) for number, code in enumerate(new, start=highest + 1)})

    def read_row(row: _Row, cells: Sequence[str]) -> RowLabels:
        primary = label(cells[category])
        return RowLabels(primary, (primary,) if primary else ())

    def changed(row: _Row, correction: Correction) -> dict[int, str]:
        code = _only(correction)
        return {} if code == row.category else {category: code, target: targets[code] if code else ""}

    own = frozenset({table.columns.index("filename"), target, category})
    how = LabelCells(
        own,
        table.columns.index("filename"),
        read_row,
        changed,
        lambda row, code: "the column 'category' holds one class a clip",
        times=time_columns(table, name, options, a_row_a_label),
    )
    return write_corrected(table, of_file, how, corrections, options, data, out_dir)


def _only(correction: Correction) -> str:
    """The one class that the table can name."""
    return correction.primary or next(iter(correction.labels), "")


def _rows(table: Table, name: str) -> tuple[list[_Row], list[Problem]]:
    lacking = [column for column in COLUMNS if column not in table.columns]
    if lacking:
        raise FormatError(
            f"{name} has no column {', '.join(lacking)}; it has {some_of(table.columns)}. An esc50 table needs "
            f"{', '.join(COLUMNS)}; for another layout use --format table"
        )
    problems = [Problem(1, "", warning) for warning in table.warnings]
    filename_at, category_at = table.columns.index("filename"), table.columns.index("category")
    kept: list[_Row] = []
    for number, cells in table.rows.items():
        filename = cells[filename_at].strip()
        if filename in MISSING_WORDS:
            problems.append(Problem(number, filename, "no filename; skipped"))
        else:
            kept.append(_Row(number, filename, label(cells[category_at])))
    return kept, problems


FORMAT = Format("esc50", NEEDS, find, read, labels, write, rank=20)
