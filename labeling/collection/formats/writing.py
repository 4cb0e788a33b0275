"""The last step of every export: only the cells that changed, beside the original, whole or not at all.

What a row says after it was written is read again by the format's own reader, and compared with what it should say: the
difference is what the table's columns cannot hold, whatever the reason, and goes back to the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from labeling.collection.formats.base import Correction, NotHeld, Written
from labeling.collection.formats.derived import Derived, Lists, RowLabels, derived_columns
from labeling.collection.formats.tables import Table
from labeling.errors import FormatError
from labeling.storage.files import write_atomically


class _Numbered(Protocol):
    @property
    def number(self) -> int: ...


R = TypeVar("R", bound=_Numbered)


@dataclass(frozen=True)
class LabelCells(Generic[R]):
    """How a format's labels stand in a row.

    Attributes:
        own: the columns that hold the clip's name and its labels.
        read: (row, its cells) -> what they say.
        write: (row, correction) -> new texts by column; they may leave out what cannot be written.
        limit: (row, class) -> why a label cannot be written in this row, in words.
        lists: how the row's list of labels is written, where other columns may hold lists that go with it.
    """

    own: frozenset[int]
    read: Callable[[R, Sequence[str]], RowLabels]
    write: Callable[[R, Correction], dict[int, str]]
    limit: Callable[[R, str], str]
    lists: Lists | None = None


def write_corrected(
    table: Table,
    rows: Mapping[str, R],
    cells: LabelCells[R],
    corrections: Mapping[str, Correction],
    options: Mapping[str, Any],
    data: bytes,
    out_dir: Path,
) -> Written:
    """Write ``table`` with each corrected row's labels, as far as its columns hold them; other cells stay untouched.

    Corrections of clips that this table lacks are left to the other tables of the workspace. Raises FormatError where
    the original would be overwritten, WorkspaceFull and WorkspaceReadOnly where the folder cannot be written.
    """
    name = Path(str(options.get("table", "table.csv"))).name
    target = Path(out_dir) / name
    if options.get("source") and target.resolve() == Path(str(options["source"])).resolve():
        raise FormatError(
            f"{target} is the table that was imported, which is never changed; choose another folder (--out)"
        )
    here = [(rows[filename], correction) for filename, correction in corrections.items() if filename in rows]
    changes: dict[int, dict[int, str]] = {}
    not_held: list[NotHeld] = []
    stale: Counter[tuple[int, str]] = Counter()
    derived = _derived(table, rows, cells) if here else None
    for row, correction in here:
        before = table.rows[row.number]
        changed = _new(before, cells.write(row, correction))
        refused = next(filter(None, (table.refusal(at, text) for at, text in changed.items())), "")
        changed = {} if refused else changed
        says = cells.read(row, _applied(before, changed))
        wrong = _wrong(correction, says)
        not_held += [NotHeld(correction.filename, code, now, refused or cells.limit(row, code)) for code, now in wrong]
        if derived is not None:
            follows, left = derived.follow(before, cells.read(row, before), says)
            for at, text in _new(before, follows).items():
                if why := table.refusal(at, text):
                    left[at] = why
                else:
                    changed[at] = text
            stale.update(left.items())
        if changed:
            changes[row.number] = changed
    files = (write_atomically(target, table.changed(changes) if changes else data),)
    return Written(files, tuple(not_held), tuple(_stale_words(name, table, stale)))


def _derived(table: Table, rows: Mapping[str, R], cells: LabelCells[R]) -> Derived:
    said = {row.number: cells.read(row, table.rows[row.number]) for row in rows.values()}
    return derived_columns(table, cells.own, said, cells.lists)


def _new(before: Sequence[str], texts: Mapping[int, str]) -> dict[int, str]:
    """Those of some texts that are not in the row yet."""
    return {at: text for at, text in texts.items() if at >= len(before) or before[at] != text}


def _applied(before: Sequence[str], changed: Mapping[int, str]) -> list[str]:
    return [changed.get(at, text) for at, text in enumerate(before)]


def _wrong(correction: Correction, says: RowLabels) -> list[tuple[str, str]]:
    """The classes of a clip of which its row says something else than it should, and what they are now."""
    wanted = {code: "primary" if code == correction.primary else "secondary" for code in correction.labels}
    wrong = {code: now for code, now in wanted.items() if code not in says.labels}
    if says.primary is not None and correction.primary and says.primary != correction.primary:
        wrong[correction.primary] = "primary"
    wrong |= {code: "absent" for code in says.labels if code not in wanted}
    return list(wrong.items())


def _stale_words(name: str, table: Table, stale: Mapping[tuple[int, str], int]) -> list[str]:
    """One sentence a column that could not be kept in step."""
    of_column: dict[int, list[tuple[str, int]]] = {}
    for (column, why), count in stale.items():
        of_column.setdefault(column, []).append((why, count))
    return [
        f"{name}: the column {table.columns[column]!r} goes with the labels and still says what they were in "
        f"{sum(count for _, count in reasons):,} changed {'row' if sum(c for _, c in reasons) == 1 else 'rows'} "
        f"({reasons[0][0]}); mend it by hand"
        for column, reasons in sorted(of_column.items())
    ]
