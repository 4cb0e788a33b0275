"""The last step of every export: only the cells that changed, beside the original, whole or not at all.

What a row says after it was written is read again by the format's own reader, and compared with what it should say: the
difference is what the table's columns cannot hold, whatever the reason, and goes back to the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

from labeling.collection.annotation.base import Correction, NotHeld, Written
from labeling.collection.tabular.base import NewRow, Table
from labeling.collection.tabular.derived import Derived, Lists, RowLabels, derived_columns
from labeling.collection.tabular.joining import R, TimeColumns, parted
from labeling.errors import FormatError
from labeling.records import Region
from labeling.storage.files import write_atomically


@dataclass(frozen=True)
class LabelCells(Generic[R]):
    """How a format's labels stand in a row.

    Attributes:
        own: the columns that hold the clip's name and its labels.
        path: that of the name.
        read: (row, its cells) -> what they say.
        write: (row, correction) -> new texts by column; they may leave out what cannot be written.
        limit: (row, class) -> why a label cannot be written in this row, in words.
        lists: how the row's list of labels is written, where other columns may hold lists that go with it.
        several: whether a row holds several labels.
        times: its columns of times, where it has some.
        texts: by column, what it shows of a class beyond what its rows tell (derived.py).
    """

    own: frozenset[int]
    path: int
    read: Callable[[R, Sequence[str]], RowLabels]
    write: Callable[[R, Correction], dict[int, str]]
    limit: Callable[[R, str], str]
    lists: Lists | None = None
    several: bool = False
    times: TimeColumns | None = None
    texts: Mapping[int, Mapping[str, str]] | None = None


def write_corrected(
    table: Table,
    rows: Mapping[str, Sequence[R]],
    cells: LabelCells[R],
    corrections: Mapping[str, Correction],
    options: Mapping[str, Any],
    data: bytes,
    out_dir: Path,
) -> Written:
    """Write ``table`` with each corrected row's labels, as far as its columns hold them; other cells stay untouched.

    Where a file has several rows, its correction is parted among them (joining.py), and what was added gets rows of its
    own where a row holds one label, or a time.
    Corrections of clips that this table lacks are left to the other tables of the workspace. Raises FormatError where
    the original would be overwritten, WorkspaceFull and WorkspaceReadOnly where the folder cannot be written.
    """
    target = target_of(options, out_dir)
    here = [(rows[filename], correction) for filename, correction in corrections.items() if rows.get(filename)]
    derived = _derived(table, rows, cells) if here else None
    edit = _Edit(table, rows, cells, derived)
    for own, correction in here:
        edit.correct(own, correction)
    changed = bool(edit.changes or edit.removed or edit.added)
    content = table.changed(edit.changes, edit.removed, edit.added) if changed else data
    files = (write_atomically(target, content),)
    return Written(files, tuple(edit.not_held), tuple(_stale_words(target.name, table, edit.stale)))


def target_of(options: Mapping[str, Any], out_dir: Path) -> Path:
    """Where a corrected table goes; raises FormatError where that is the table that was imported."""
    target = Path(out_dir) / Path(str(options.get("table", "table.csv"))).name
    if options.get("source") and target.resolve() == Path(str(options["source"])).resolve():
        raise FormatError(
            f"{target} is the table that was imported, which is never changed; choose another folder (--out)"
        )
    return target


def has_joined(rows: Mapping[str, Sequence[Any]]) -> bool:
    """Whether some file has several rows, so that a row is an annotation and not a file."""
    return any(len(own) > 1 for own in rows.values())


class _Edit(Generic[R]):
    """What becomes of a table's rows, clip by clip."""

    def __init__(
        self, table: Table, rows: Mapping[str, Sequence[R]], cells: LabelCells[R], derived: Derived | None
    ) -> None:
        self.table, self.cells, self.derived = table, cells, derived
        self.of_annotations = cells.times is not None or (not cells.several and has_joined(rows))
        self.of_one = _differing(table, rows, cells.path) if self.of_annotations and derived else set()
        self.changes: dict[int, dict[int, str]] = {}
        self.removed: list[int] = []
        self.added: list[NewRow] = []
        self.not_held: list[NotHeld] = []
        self.stale: Counter[tuple[int, str]] = Counter()

    def correct(self, own: Sequence[R], correction: Correction) -> None:
        """Give a clip's rows what it is labelled now."""
        if len(own) == 1 and not self.of_annotations:
            says, refused = self._row(own[0], correction)
            wrong = _wrong(correction, says)
        else:
            times = self.cells.times
            timed = {row.number for row in own if times is not None and times.named(self.table.rows[row.number])}
            if times is None:  # where a label was drawn cannot be said here
                correction = replace(correction, regions=())
            parts = parted(own, correction, several=self.cells.several, timed=timed)
            written = [new for code in parts.added for new in self._new_rows(own, code, correction)]
            has_new = any(says.labels for says, _ in written)
            keeps = {
                number: its
                for number, its in parts.corrections.items()
                if its.labels or number in timed or not has_new  # else the file is in the table by its new rows
            }
            written += [self._row(row, keeps[row.number]) for row in own if row.number in keeps]
            if not keeps and not has_new:  # its file stays in the table, with no label
                written.append(self._row(own[0], replace(correction, primary="", labels=()), _blank_times(times)))
                keeps[own[0].number] = correction
            self.removed += [row.number for row in own if row.number not in keeps]
            codes = dict.fromkeys(code for says, _ in written for code in says.labels)
            refused = next(filter(None, (why for _, why in written)), "")
            wrong = _wrong(correction, RowLabels(None, tuple(codes)))
        self.not_held += [
            NotHeld(correction.filename, code, now, refused or self.cells.limit(own[0], code)) for code, now in wrong
        ]

    def _row(self, row: R, correction: Correction, also: Mapping[int, str] | None = None) -> tuple[RowLabels, str]:
        """Change one row; what it says then, and why it could not be changed. ``also``: texts for other columns."""
        before = self.table.rows[row.number]
        changed, says, refused = self._changed(row, correction)
        changed |= {at: text for at, text in (also or {}).items() if not self.table.refusal(at, text)}
        if changed:
            self.changes[row.number] = _new(before, changed)
        return says, refused

    def _changed(self, row: R, correction: Correction) -> tuple[dict[int, str], RowLabels, str]:
        """New texts by column, what the row says with them, and why they cannot be written ("")."""
        before = self.table.rows[row.number]
        changed = _new(before, self.cells.write(row, correction))
        refused = next(filter(None, (self.table.refusal(at, text) for at, text in changed.items())), "")
        changed = {} if refused else changed
        says = self.cells.read(row, _applied(before, changed))
        if self.derived is not None:
            follows, left = self.derived.follow(before, self.cells.read(row, before), says)
            for at, text in _new(before, follows).items():
                if why := self.table.refusal(at, text):
                    left[at] = why
                else:
                    changed[at] = text
            self.stale.update(left.items())
        return changed, says, refused

    def _new_rows(self, own: Sequence[R], code: str, correction: Correction) -> list[tuple[RowLabels, str]]:
        """Add rows for a label, one a region: what is said of the whole file, the label, and the times."""
        times = self.cells.times
        blank = dict.fromkeys(sorted(self.of_one), "") | _blank_times(times)
        primary = code if correction.primary in ("", code) else ""  # that of the file stays the one that its rows name
        changed, says, refused = self._changed(own[0], replace(correction, primary=primary, labels=(code,)))
        regions: list[Region | None] = [region for heard, region in correction.regions if heard == code]
        for region in (regions if times and regions else [None]) if not refused else ():
            heard = _time_cells(times, region)
            cells = blank | changed | heard
            refusals = (self.table.refusal(at, text, number=at in heard) for at, text in cells.items())
            refused = next(filter(None, refusals), "")
            if refused:
                break
            self.added.append(NewRow(own[-1].number, own[0].number, cells))
        return [(RowLabels(None, ()) if refused else says, refused)]


def _differing(table: Table, rows: Mapping[str, Sequence[Any]], path: int) -> set[int]:
    """Columns that say something of one label: the rows of some file differ in them. Numbers of rows are among them."""
    together = [[table.rows[row.number] for row in own] for own in rows.values() if len(own) > 1]
    return {
        at
        for at in range(len(table.columns))
        if at != path and any(len({cells[at] for cells in cells_of}) > 1 for cells_of in together)
    }


def _blank_times(times: TimeColumns | None) -> dict[int, str]:
    return dict.fromkeys(sorted(times.all()), "") if times else {}


def _time_cells(times: TimeColumns | None, region: Region | None) -> dict[int, str]:
    if times is None or region is None:
        return {}
    values = (
        (times.onset, region.onset_s),
        (times.offset, region.offset_s),
        (times.low, region.low_hz),
        (times.high, region.high_hz),
    )
    return {at: f"{value:.10g}" for at, value in values if at is not None and value is not None}


def _derived(table: Table, rows: Mapping[str, Sequence[R]], cells: LabelCells[R]) -> Derived:
    said = {row.number: cells.read(row, table.rows[row.number]) for own in rows.values() for row in own}
    return derived_columns(table, cells.own, said, cells.lists, cells.texts)


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
