"""What a table is that gives every byte back as it came but for the cells that are set anew. Cells are always text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# row -> column -> new text
Changes = Mapping[int, Mapping[int, str]]


@dataclass(frozen=True)
class NewRow:
    """A row to add after row ``after``: a copy of row ``like`` with some cells (column to text) set anew."""

    after: int
    like: int
    cells: Mapping[int, str]


class Table(Protocol):
    """Columns and rows of text. A row's number is what a spreadsheet shows: the header is 1, the first row 2."""

    columns: list[str]
    rows: dict[int, list[str]]
    warnings: list[str]

    def refusal(self, column: int, text: str, *, number: bool = False) -> str:
        """Why a column cannot hold a text; "" where it can, and gives the same text when it is read again.

        ``number``: the text is one, and may be given back in another spelling.
        """
        ...

    def changed(self, changes: Changes, removed: Collection[int] = (), added: Sequence[NewRow] = ()) -> bytes:
        """The table's bytes with some cells set anew, rows taken out and added; without any the bytes that were read.

        A new row follows its ``after`` even where that one is taken out. Raises FormatError for a text that its column
        refuses.
        """
        ...


def column(table: Table, names: Sequence[str]) -> int | None:
    """The index of the first of ``names`` that the table has, case ignored; None where it has none."""
    lowered = [heading.lower() for heading in table.columns]
    for name in names:
        if name in table.columns:
            return table.columns.index(name)
        if name.lower() in lowered:
            return lowered.index(name.lower())
    return None
