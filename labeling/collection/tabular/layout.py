"""What is known of a set's table beforehand: where its sound lies, how its classes are called and numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling.collection.annotation.base import Correction, ImportedClip
from labeling.collection.tabular.base import Table
from labeling.collection.tabular.joining import LabelledRow
from labeling.collection.tabular.writing import has_joined


@dataclass(frozen=True)
class Layout:
    """What is known of a set's table beforehand.

    ``roots`` are where its sound may lie, and ``place`` the path below one, with headings in braces for the cells of a
    row ("" = the file's name). ``words``: whether its codes are words between underscores, shown as text.
    """

    format: str = "table"
    roots: tuple[Path, ...] = ()
    place: str = ""
    words: bool = False

    def file(self, columns: Sequence[str], cells: Sequence[str], filename: str) -> str:
        """Where a row's file lies below the audio folder."""
        return self.place.format_map(dict(zip(columns, cells, strict=False))) if self.place else filename

    def names(self, clips: Sequence[ImportedClip]) -> dict[str, str]:
        """The classes as they are shown, where the codes are words."""
        codes = dict.fromkeys(code for clip in clips if self.words for code in clip.labels)
        shown = {code: code.replace("_", " ") for code in codes}
        return {code: text[:1].upper() + text[1:] for code, text in shown.items()}


ANY = Layout()


def numbers_of(
    table: Table, rows: Mapping[str, Sequence[LabelledRow]], here: Sequence[Correction], at: int
) -> dict[str, str]:
    """The number of each class by the table's rows; a class that it had not gets the next free one."""
    several = has_joined(rows)
    numbers = {"": ""}
    for own in rows.values():
        for row in own:
            numbers.setdefault(row.primary, table.rows[row.number][at].strip())
    highest = max((int(number) for number in numbers.values() if number.isdecimal()), default=-1)
    needed = {code for own in here for code in (own.labels if several else (own.primary, *own.labels[:1])) if code}
    new = sorted(needed - set(numbers))
    return numbers | {code: str(number) for number, code in enumerate(new, start=highest + 1)}
