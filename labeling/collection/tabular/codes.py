"""Tables of soundscapes: a row a window of five seconds, with a cell of codes that are parted by a sign.

``nocall`` says that nothing was heard in it, an empty cell that nobody listened.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labeling.collection.annotation.base import MISSING_WORDS, Labelling, NotHeld, label
from labeling.collection.tabular.base import Table

NOTHING = "nocall"
WINDOW_S = 5.0


class Codes:
    """A column of codes that are parted by ``sign`` ("" = by blanks): labels of a window as `LabelCells` has them."""

    def __init__(self, table: Table, at: int, sign: str = "") -> None:
        self.at, self.sign = at, sign
        self.codes = tuple(dict.fromkeys(code for cells in table.rows.values() for code in self._parts(cells)))

    def read(self, cells: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """As `LabelCells` has it: an empty cell says nothing of any class."""
        return self._parts(cells), frozenset(self.codes) if cells[self.at].strip() in MISSING_WORDS else frozenset()

    def written(self, cells: Sequence[str], code: str, there: bool) -> tuple[dict[int, str], str]:
        """As `LabelCells` has it; an empty cell cannot say of one class that it is not there."""
        if not there and cells[self.at].strip() in MISSING_WORDS:
            return {}, "an empty cell was not annotated, and can say of no one class that it is absent"
        if there and (why := refusal(code, self.sign)):
            return {}, why
        after = [other for other in self._parts(cells) if other != code] + [code] * there
        return {self.at: (self.sign or " ").join(after) or NOTHING}, ""

    def _parts(self, cells: Sequence[str]) -> tuple[str, ...]:
        parts = cells[self.at].split(self.sign or None)
        return tuple(dict.fromkeys(code for part in parts if (code := label(part)) not in ("", NOTHING)))


def refusal(code: str, sign: str) -> str:
    """Why a class cannot stand in such a cell ("" = it can)."""
    parted = len(code.split(sign or None)) != 1
    if parted or code == NOTHING or label(code) != code or code in MISSING_WORDS:
        return f"codes are parted by {repr(sign) if sign else 'blanks'}, so {code!r} is none"
    return ""


@dataclass(frozen=True)
class NewWindow:
    """A row to write: the clip's name, the window in seconds, and its cell of codes."""

    filename: str
    onset_s: float
    offset_s: float
    codes: str


def new_windows(labelling: Labelling, sign: str, not_held: list[NotHeld]) -> Iterator[NewWindow]:
    """Windows of five seconds with the classes whose events they touch, of all clips that were listened to.

    ``not_held`` gets the classes that no such cell can hold.
    """
    for clip in labelling.clips:
        timed = dict.fromkeys(event.code for event in clip.events)
        why = {code: words for code in timed if (words := refusal(code, sign))}
        not_held += [NotHeld(clip.filename, code, "present", words) for code, words in why.items()]
        for number in range(max(1, math.ceil(clip.duration_s / WINDOW_S - 1e-6)) if clip.heard else 0):
            start, end = number * WINDOW_S, (number + 1) * WINDOW_S
            heard = [
                event.code
                for event in clip.events
                if event.code not in why and event.region.onset_s < end and start < event.region.offset_s
            ]
            silent = "" if clip.partial or clip.timeless else NOTHING
            yield NewWindow(clip.filename, start, end, (sign or " ").join(dict.fromkeys(heard)) or silent)
