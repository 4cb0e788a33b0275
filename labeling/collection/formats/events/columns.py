"""Event tables of many recordings that are only read: rows by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.collection.tabular.delimited import CsvTable
from labeling.errors import FormatError
from labeling.registry import some_of


@dataclass(frozen=True)
class Row:
    """A row of a table: its number, as a spreadsheet shows it, and its cells by the lower-cased column."""

    number: int
    cells: Mapping[str, str]

    def first(self, *columns: str) -> str:
        """What it has in the first of some columns in which it has something."""
        return next((text for column in columns if (text := self.cells.get(column, "").strip())), "")


def columns_of(data: bytes, name: str) -> list[str]:
    """The lower-cased columns of a table, by its first line; [] for what is none."""
    try:
        return [column.lower() for column in CsvTable(data, name, header_only=True).columns]
    except FormatError:
        return []


def rows_of(data: bytes, name: str) -> list[Row]:
    """The rows of a table. Raises FormatError for what is none."""
    table = CsvTable(data, name)
    columns = [column.lower() for column in table.columns]
    return [Row(number, dict(zip(columns, cells, strict=False))) for number, cells in table.rows.items()]


def label_column(options: Mapping[str, Any], data: bytes, name: str) -> tuple[str, ...]:
    """The column that ``--label-column`` names, () for none. Raises FormatError where the table has it not."""
    wanted = str(options.get("label_column") or "").lower()
    if wanted and wanted not in columns_of(data, name):
        raise FormatError(f"{name} has no column {wanted!r} (--label-column); it has {some_of(columns_of(data, name))}")
    return (wanted,) if wanted else ()
