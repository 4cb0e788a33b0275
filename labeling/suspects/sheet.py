"""Verdicts from a table that people filled in a spreadsheet, and which of them may teach what likelihoods mean.

``suspects --csv`` writes the queue with a column ``verdict`` to fill. Who goes down that list is asked of each cell as
on the screen: what the scorer doubts, in its own order, and not what happened to be wrong. Such verdicts count as the
app's do. What must not count is a choice by the answer, as where only the wrong labels were written down: so the list
counts as far down as at most one in ten of its rows was passed over (``place`` is a row's place in the list, whether or
not the rows between are still in the file). ``unsure`` is an answer. No verdict from a table is a random look, even of
a cell that chance drew: the list shows what the model thinks.

Verdicts of any other table correct labels, and teach nothing: nobody knows why these cells were picked.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError, EarmarkError, FormatError
from labeling.file_names import NOBODY, SEVERAL, FileNames, same_file
from labeling.quality.scored_run import read_scored_run
from labeling.records import VERDICTS, Decision, Region, Shown
from labeling.registry import some_of, unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.csvsafe import Sheet, read_sheet
from labeling.suspects import queue

QUEUE, NOTHING = "queue", "nothing"
ASKED = (QUEUE, NOTHING)
OF_THE_QUEUE = {"rank", "kind", "label_quality", "p_wrong", "likely_wrong", "framewise_max", "run"}
"""Columns that only the queue's own list has; a file with two of them is that list, whatever was taken out of it."""
MOST_PASSED_OVER = 0.1
SHOWN_PROBLEMS = 20
SHOWN_NAMES = 5
UNASKED = (
    "nobody knows why these cells were picked, so they correct labels and teach nothing else; for a list of "
    "`suspects --csv` that was filled row by row, give --asked queue"
)
REGION = ("onset_s", "offset_s", "low_hz", "high_hz")


@dataclass(frozen=True)
class Filled:
    """What a table says: decisions in its order, and sentences on what counts and what was passed over."""

    decisions: tuple[Decision, ...]
    notes: tuple[str, ...]

    @property
    def counting(self) -> int:
        """How many may teach what likelihoods mean."""
        return sum(decision.shown.was_asked and decision.verdict != "unsure" for decision in self.decisions)


@dataclass(frozen=True)
class _Row:
    number: int
    place: int
    cells: Mapping[str, str]
    verdict: str


def read_filled(connection: Connection, path: Path, reviewer: str, asked: str = "") -> Filled:
    """Read a table with the columns filename, class and verdict, and perhaps a region and a note.

    ``asked``: `QUEUE`, it was filled from the queue's list; `NOTHING`, it was not; "": by its columns. Rows without a
    verdict are passed over. A file may be named by a part that only one clip has (file_names.py). The same table read
    twice gives the same events. Raises FormatError for a file that is no such table, and DataError where a row cannot
    be used, with all such rows.
    """
    if asked not in ("", *ASKED):
        raise DataError(unknown_name("--asked", asked, list(ASKED)))
    sheet = read_sheet(path, ("filename", "class", "verdict"))
    rows = _rows(sheet)
    if not rows:
        raise FormatError(f"{path} has a line of column names and no row below it; it needs a row a verdict")
    columns = set(sheet.rows[0]) if sheet.rows else set()
    is_list = asked == QUEUE or len(columns & OF_THE_QUEUE) > 1
    batch_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{reviewer}\x1f{path.read_bytes().hex()}"))
    clips, codes = _Clips(store.clip_ids_by_filename(connection)), set(store.class_ids(connection))
    decisions: dict[int, Decision] = {}
    problems: dict[str, list[int]] = {}
    for row in rows:
        if not row.verdict and row.number not in sheet.too_long:
            continue
        try:
            if row.number in sheet.too_long:
                raise DataError("there is text beyond the last column; quote the cell that holds a comma")
            # the list's onset and offset are the model's, where it heard something
            region = None if is_list else _region(sheet, row.cells)
            decisions[row.number] = _decision(row, region, reviewer, batch_id, clips, codes)
        except EarmarkError as problem:
            problems.setdefault(str(problem), []).append(row.number)
    if problems:
        lines = [f"  row{'s' * (len(at) > 1)} {some_of(at)}: {what}" for what, at in problems.items()]
        lines[SHOWN_PROBLEMS:] = [f"  … and {len(lines) - SHOWN_PROBLEMS} more"] * (len(lines) > SHOWN_PROBLEMS)
        raise DataError(
            f"{sum(map(len, problems.values()))} of {len(rows)} rows of {path} cannot be used; nothing was stored:\n"
            + "\n".join(lines)
        )
    notes = [sheet.guessed] if sheet.guessed else []
    if by_part := [f"{name} as {found}" for found, name in clips.named.items() if name != found]:
        notes.append(f"{len(by_part):,} clips were found by a part of their name: {some_of(by_part, SHOWN_NAMES)}")
    if not is_list:  # which has the names by which Earmark knows each clip
        notes += _named_elsewhere(connection, {row.cells["filename"].strip() for row in rows if row.verdict})
    if empty := len(rows) - len(decisions):
        notes.append(f"{empty:,} {'row' if empty == 1 else 'rows'} without a verdict passed over")
    if asked == QUEUE or (not asked and is_list and "place" in columns):
        counting, reasons = _shown(connection, sheet, rows, decisions)
        decisions |= counting
        if counting and "place" not in columns:
            reasons.append("rows that were taken out of the file are not seen, as it has no column place")
    else:
        reasons = [UNASKED]
    filled = Filled(tuple(decisions.values()), ())
    count = f"{filled.counting:,} of {len(decisions):,} verdicts count for the likelihoods"
    return replace(filled, notes=(*notes, *([f"{count}: {'; '.join(reasons)}"] if decisions else [])))


def _rows(sheet: Sheet) -> list[_Row]:
    rows = []
    filled = ((number, cells) for number, cells in zip(sheet.numbers, sheet.rows, strict=True) if any(cells.values()))
    for order, (number, cells) in enumerate(filled, start=1):
        try:
            place = int(sheet.number(cells.get("place", "")))
        except (ValueError, OverflowError):
            place = 0
        rows.append(_Row(number, place or order, cells, cells["verdict"].strip().lower()))
    if len({row.place for row in rows}) < len(rows):  # two lists in one file: their places say nothing
        rows = [replace(row, place=order) for order, row in enumerate(rows, start=1)]
    return rows


class _Clips:
    """The workspace's clips by the names of a table, as an import finds files by theirs."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self.ids = ids
        self.named: dict[str, str] = {}
        """Our name of a clip, and the first that the table gives it."""
        self._files = FileNames(tuple(ids), near=True)

    def id_of(self, name: str) -> int:
        """Raises DataError for a name that no clip has, or of which it is not certain which clip it means."""
        name = name if name in self.ids else name.strip()
        place = self._files.exact(name)
        place = self._files.by_part(name) if place == NOBODY else place
        if place == SEVERAL:
            meant = some_of(self._files.candidates(name), SHOWN_NAMES)
            raise DataError(f"{name!r} may be one of several clips: {meant}; write its folder and suffix")
        if place == NOBODY:
            raise DataError(f"no clip {name!r} in this workspace; use the name that its table gives it")
        found = self._files.names[place]
        before = self.named.setdefault(found, name)
        if not same_file(before, name):
            raise DataError(f"{before!r} and {name!r} both look like the clip {found!r}; write it as it is there")
        return self.ids[found]


def _decision(
    row: _Row, region: Region | None, reviewer: str, batch_id: str, clips: _Clips, codes: Collection[str]
) -> Decision:
    cells = row.cells
    clip_id = clips.id_of(cells["filename"])
    code = cells["class"] if cells["class"] in codes else cells["class"].strip()
    if code not in codes:
        raise DataError(f"{unknown_name('class', code, sorted(codes))} (`classes add` adds a new one)")
    if row.verdict not in VERDICTS:
        raise DataError(unknown_name("verdict", row.verdict, list(VERDICTS)))
    return Decision(
        event_id=str(uuid.uuid5(uuid.UUID(batch_id), str(row.number))),
        reviewer=reviewer,
        clip_id=clip_id,
        class_code=code,
        verdict=row.verdict,
        region=region,
        note=cells.get("note", ""),
        batch_id=batch_id,
    )


def _region(sheet: Sheet, cells: Mapping[str, str]) -> Region | None:
    onset_s, offset_s, low_hz, high_hz = (_number(sheet, name, cells.get(name, "")) for name in REGION)
    if onset_s is None and offset_s is None and low_hz is None and high_hz is None:
        return None
    if onset_s is None or offset_s is None:
        raise DataError("a region needs both onset_s and offset_s")
    return Region(onset_s, offset_s, low_hz, high_hz)


def _number(sheet: Sheet, name: str, text: str) -> float | None:
    try:
        return sheet.number(text) if text.strip() else None
    except ValueError:
        raise DataError(f"{name} {text.strip()!r} is not a number") from None


def _named_elsewhere(connection: Connection, names: set[str]) -> list[str]:
    """A line on the names that are decided on and that other collections have for files of their own."""
    clips = tables.clips
    query = sa.select(clips.c.relative, clips.c.filename).where(clips.c.relative != clips.c.filename)
    others = [(name, own) for name, own in db.fetch(connection, query.order_by(clips.c.id)) if name in names]
    if not others:
        return []
    named = ", ".join(f"{own} for {name}" for name, own in others[:3]) + (", ..." if len(others) > 3 else "")
    return [
        f"{len(dict(others)):,} of the names are also those of files of another collection; the first collection's "
        f"were decided on. Where the other is meant, give its name in the queue: {named}"
    ]


def _shown(
    connection: Connection, sheet: Sheet, rows: Sequence[_Row], decisions: Mapping[int, Decision]
) -> tuple[dict[int, Decision], list[str]]:
    """The decisions that count, by row number, with what the list showed of each; and why, or why not."""
    filled = [row for row in rows if row.number in decisions]
    until = _heard_until([row.place for row in filled])
    beyond = sum(row.place > until for row in filled)
    counting: dict[int, Decision] = {}
    by_run: dict[tuple[str, str], list[_Row]] = {}
    for row in filled:
        if row.place <= until:
            by_run.setdefault((row.cells.get("run", "").strip(), row.cells.get("scorer", "").strip()), []).append(row)
    for (run_id, scorer), its_rows in by_run.items():
        scored = queue.current(connection, run_id, scorer)
        if scored is None or run_id not in ("", scored[0]) or scorer not in ("", scored[1]):
            continue
        cells = [(decisions[row.number].clip_id, decisions[row.number].class_code) for row in its_rows]
        suspects = {
            (suspect.suspect.clip_id, suspect.suspect.class_code): queue.as_shown(suspect, scored[1])
            for suspect in queue.of_cells(connection, read_scored_run(connection, *scored), cells)
        }
        for row, cell in zip(its_rows, cells, strict=True):
            if cell in suspects:
                shown = _as_listed(suspects[cell], sheet, row)
                counting[row.number] = replace(decisions[row.number], run_id=scored[0], shown=shown)
    reasons = [f"the queue's own list asked of them, down to its row {until:,}"] if counting else []
    if unsure := sum(decision.verdict == "unsure" for decision in counting.values()):
        reasons.append(f"{unsure:,} are unsure")
    if unknown := len(filled) - beyond - len(counting):
        reasons.append(f"{unknown:,} are no suspects of that run")
    if beyond:
        reasons.append(
            f"{beyond:,} come where more than one in ten rows of the list were passed over, and may have been picked "
            "by the answer: fill in the rows between, with unsure where you cannot tell"
        )
    return counting, reasons


def _heard_until(places: Sequence[int]) -> int:
    """The last place of a list down to which at most MOST_PASSED_OVER of the places have no verdict; 0 for none."""
    in_order = sorted(set(places))
    return max((p for k, p in enumerate(in_order, 1) if p - k <= MOST_PASSED_OVER * p), default=0)


def _as_listed(shown: Shown, sheet: Sheet, row: _Row) -> Shown:
    """A suspect as the list had it; its likelihood may have been another when the list was written."""
    with suppress(ValueError):
        likely_wrong = sheet.number(row.cells.get("likely_wrong", ""))
        if 0 <= likely_wrong <= 1:  # else a spreadsheet took its point for one between thousands
            shown = replace(shown, likely_wrong=round(likely_wrong, 4))
    return replace(shown, asked=True, one_by_one=True)
