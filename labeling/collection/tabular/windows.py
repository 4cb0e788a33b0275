"""Tables with a row a window of a file, or a row a file: each says of every class whether it is there.

Rows are never added or taken away: a label that was drawn is set in the rows that its region touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from labeling.collection.annotation.base import (
    MISSING_WORDS,
    Correction,
    ImportedClip,
    NotHeld,
    TableLabels,
    Written,
)
from labeling.collection.tabular.base import Table
from labeling.collection.tabular.derived import FALSE, TRUE
from labeling.collection.tabular.writing import target_of
from labeling.records import Region
from labeling.storage.files import write_atomically

UNKNOWN = MISSING_WORDS | {"NAN", "?"}


class LabelCells(Protocol):
    """How the labels of a window stand in its row."""

    def read(self, cells: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """The classes that are there, and those of which the row does not say."""
        ...

    def written(self, cells: Sequence[str], code: str, there: bool) -> tuple[dict[int, str], str]:
        """New texts by column with a class there or not, and why that cannot be said ("")."""
        ...


@dataclass(frozen=True)
class Window:
    """A row: its number and file, and the stretch that it is about (None = the whole file)."""

    number: int
    filename: str
    region: Region | None


@dataclass(frozen=True)
class Windows:
    """All windows of a table, by the name of their file."""

    table: Table
    of_file: Mapping[str, Sequence[Window]]
    cells: LabelCells

    def labels(self) -> dict[str, TableLabels]:
        """The labels of each file: those of any of its windows."""
        return {name: TableLabels("", self._labels(own)) for name, own in self.of_file.items()}

    def clip(self, own: Sequence[Window], path: str, codes: Sequence[str], **more: Any) -> ImportedClip:
        """One file as a clip. ``codes`` are all that the table can tell of; ``more`` are fields of the clip.

        Of a file with a cell that says nothing other classes are unknown, but for those that no window has.
        """
        said = [(window, *self.cells.read(self.table.rows[window.number])) for window in own]
        labels = tuple(dict.fromkeys(code for _, present, _ in said for code in present))
        unknown = {code for _, _, left in said for code in left}
        regions = [(code, window.region) for window, present, _ in said if window.region for code in present]
        absent = [code for code in codes if code not in unknown and code not in labels]
        return ImportedClip(
            filename=own[0].filename,
            path=path,
            labels=labels,
            primary="",
            row=own[0].number,
            rows=tuple(window.number for window in own),
            regions=tuple(dict.fromkeys(regions)),
            partial=bool(unknown - set(labels)),
            absent=tuple(absent) if unknown - set(labels) else (),
            **more,
        )

    def write(
        self, data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path
    ) -> Written:
        """The table with corrected labels; every other byte stays."""
        target = target_of(options, out_dir)
        changes: dict[int, dict[int, str]] = {}
        not_held: list[NotHeld] = []
        for name, correction in corrections.items():
            own = self.of_file.get(name, ())
            before = self._labels(own)
            for code in [code for code in before if code not in correction.labels]:
                not_held += self._set(changes, self._not_absent(own, code), name, code, there=False)
            for code in [code for code in correction.labels if code not in before] if own else ():
                drawn = [region for heard, region in correction.regions if heard == code]
                touched = [window for window in own if _touches(window, drawn)] if drawn else own
                if (len(own) > 1 and not drawn) or not touched:
                    why = "the table does not say it of the whole file, and where it is heard was not drawn"
                    not_held.append(NotHeld(name, code, "secondary", why))
                else:
                    not_held += self._set(changes, touched, name, code, there=True)
            for code in correction.absent:
                not_held += self._set(changes, self._not_absent(own, code) or own[:1], name, code, there=False)
        return Written((write_atomically(target, self.table.changed(changes) if changes else data),), tuple(not_held))

    def _not_absent(self, own: Sequence[Window], code: str) -> list[Window]:
        """The windows of a file that say that a class is there, or nothing of it."""
        said = ((window, self.cells.read(self.table.rows[window.number])) for window in own)
        return [window for window, (present, unknown) in said if code in present or code in unknown]

    def _set(
        self, changes: dict[int, dict[int, str]], windows: Sequence[Window], name: str, code: str, there: bool
    ) -> list[NotHeld]:
        """Say it in each window that can; one cell is told of where any cannot."""
        told = ""
        for window in windows:
            own = changes.get(window.number, {})
            cells = [own.get(at, text) for at, text in enumerate(self.table.rows[window.number])]
            new, why = self.cells.written(cells, code, there)
            why = why or next(filter(None, (self.table.refusal(at, text) for at, text in new.items())), "")
            told = told or why
            changed = {at: text for at, text in new.items() if cells[at] != text and not why}
            if changed:
                changes[window.number] = {**own, **changed}
        return [NotHeld(name, code, "secondary" if there else "absent", told)] if told else []

    def _labels(self, own: Sequence[Window]) -> tuple[str, ...]:
        said = (self.cells.read(self.table.rows[window.number])[0] for window in own)
        return tuple(dict.fromkeys(code for present in said for code in present))


def _touches(window: Window, drawn: Sequence[Region]) -> bool:
    own = window.region
    return own is None or any(region.onset_s < own.offset_s and own.onset_s < region.offset_s for region in drawn)


class Flags:
    """A column a class that says yes, no, or nothing."""

    def __init__(self, table: Table, columns: Mapping[str, int]) -> None:
        self.columns = columns
        seen = {at: _texts(table, at) for at in columns.values()}
        every = sum(seen.values(), Counter[str]())
        self._words = {at: (_usual(own, every, FALSE, "0"), _usual(own, every, TRUE, "1")) for at, own in seen.items()}

    def read(self, cells: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """As `LabelCells` has it; what is no flag says nothing."""
        states = [(code, _state(cells[at])) for code, at in self.columns.items()]
        return tuple(code for code, there in states if there), frozenset(
            code for code, there in states if there is None
        )

    def written(self, cells: Sequence[str], code: str, there: bool) -> tuple[dict[int, str], str]:
        """As `LabelCells` has it; a table gets no new column, as who reads it counts on those that it has."""
        if code not in self.columns:
            return {}, "the table has no column for it"
        at = self.columns[code]
        text = cells[at]
        blanks = text[: len(text) - len(text.lstrip())]
        return {at: blanks + self._words[at][there]}, ""


@lru_cache(1 << 12)
def _state(cell: str) -> bool | None:
    text = cell.strip()
    return None if text in UNKNOWN or not is_flag(text) else text in TRUE


def _texts(table: Table, at: int) -> Counter[str]:
    texts = Counter[str]()
    for text, count in Counter(cells[at] for cells in table.rows.values()).items():
        texts[text.strip()] += count
    return texts


def is_flag(text: str) -> bool:
    """Whether a cell says yes, no, or nothing."""
    return text in TRUE or text in FALSE or text in UNKNOWN


def _usual(own: Counter[str], every: Counter[str], words: frozenset[str], default: str) -> str:
    """How a column writes a yes or a no, or else the table."""
    for counts in (own, every):
        known = [(count, word) for word, count in counts.items() if word in words and word]
        if known:
            return max(known)[1]
    other = next((word for word in every if word in TRUE | FALSE and word), "")
    if "." in other:
        return f"{default}.0"
    return {"0": "False", "1": "True"}[default] if other.isalpha() else default
