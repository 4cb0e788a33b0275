"""Labels that a table says otherwise than the import before: keep those of before, take the new ones, or ask.

Imported labels stay as they came in. What is taken, labels and times of them, is entries of the table in the journal
(table_entries.py), which give way to what people say; what is asked is a contested cell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import table_entries
from labeling.collection.annotation.base import Attribution
from labeling.collection.formats import ImportedClip, Problem
from labeling.collection.report import LabelChange
from labeling.collection.store import KnownClip
from labeling.folding import fold_cell, resolve
from labeling.records import Decision, Region, is_machine
from labeling.storage import database as db
from labeling.storage import tables

KEEP, TAKE, SUSPECTS = "keep", "take", "suspects"
CHOICES = (KEEP, TAKE, SUSPECTS)
Roles = Mapping[str, str]  # class code to role, primary first


@dataclass(frozen=True)
class Changed:
    """A clip of which a table says other labels than before: role by class code, on both sides.

    Where the table agrees with what is known, both sides are as it has them.
    """

    clip_id: int
    filename: str
    row: int
    before: Roles
    after: Roles

    @property
    def told(self) -> LabelChange:
        """As the report has it."""
        return LabelChange(self.row, self.filename, _words(self.before), _words(self.after))

    @property
    def cells(self) -> list[str]:
        """Classes that only one side lists."""
        return [code for code in {**self.before, **self.after} if (code in self.before) != (code in self.after)]


def _words(roles: Roles) -> str:
    return "; ".join(roles) or "no label"


@dataclass(frozen=True)
class NewTimes:
    """A clip that was there and of whose labels a table says times that nobody said before.

    ``regions`` are of cells that the table may still speak of, ``decided`` of those in which people said that the class
    is not there, or marked themselves where it is.
    """

    clip_id: int
    filename: str
    row: int
    regions: tuple[tuple[str, Region], ...]
    decided: tuple[tuple[str, Region], ...]
    said_by: Mapping[tuple[str, Region | None], Attribution] = field(default_factory=dict)

    def told(self, choice: str) -> list[Problem]:
        """What is not taken of them, and why."""
        left = "are not taken for a clip that was there already; --changed-labels take takes them"
        told = [(self.decided, "are not taken, as people decided on that label")]
        told += [] if choice == TAKE else [(self.regions, left)]
        return [
            Problem(self.row, self.filename, f"{_first_of(regions)}: times that are new in the table {why}")
            for regions, why in told
            if regions
        ]


def _first_of(regions: Sequence[tuple[str, Region]]) -> str:
    code, region = regions[0]
    more = f" and {len(regions) - 1:,} more" if len(regions) > 1 else ""
    return f"{code} at {region.onset_s:g} to {region.offset_s:g} s{more}"


def differences(
    connection: Connection, pairs: Iterable[tuple[ImportedClip, KnownClip]]
) -> tuple[list[Changed], list[NewTimes]]:
    """What a table says otherwise of clips that were there, and the times of labels that it adds.

    A label that is as the last table had that was believed, or as it is now by what was decided since, is no change: a
    corrected table that comes back agrees with the corrections. A table without primaries leaves open which label is
    it, and contradicts none.
    """
    pairs = list(pairs)
    if not pairs:
        return [], []
    imported, entries_of = _imported(connection), _entries(connection, {known.id for _, known in pairs})
    changed, times = [], []
    for clip, known in pairs:
        own, entries = imported.get(known.id, {}), entries_of.get(known.id, {})
        by_tables = {code: [entry for entry in said if _is_tables(entry)] for code, said in entries.items()}
        after = {code: "primary" if code == clip.primary else "secondary" for code in clip.labels}
        before = _compared(_labels(own, by_tables), _labels(own, entries), after)
        if before != after:
            changed.append(Changed(known.id, known.filename, clip.row, before, after))
        if clip.regions:
            times.append(_new_times(clip, known, own, entries))
    return changed, [new for new in times if new.regions or new.decided]


def _is_tables(entry: Decision) -> bool:
    return entry.undoes is not None or (entry.reviewer == table_entries.TABLE and entry.region is None)


def _labels(imported: Roles, entries: Mapping[str, Sequence[Decision]]) -> Roles:
    """Labels of one clip as imported, with entries of the journal folded in."""
    codes = dict.fromkeys((*imported, *entries))
    states = [fold_cell(0, code, imported.get(code, ""), entries.get(code, ())) for code in codes]
    primary, labels = resolve(states)
    return {code: "primary" if code == primary else "secondary" for code in labels}


def _compared(believed: Roles, now: Roles, after: Roles) -> Roles:
    """What labels of a table change: as the table has them where it agrees with either side, else as they are."""
    was = {code for side in (believed, now) for code, role in side.items() if role == "primary"}
    named = {code for code, role in after.items() if role == "primary"}
    agrees = not named or "primary" not in believed.values() or named <= was
    before = {}
    for code in {**believed, **now, **after}:
        if code in after and (code in believed or code in now):
            before[code] = after[code] if agrees else believed.get(code) or now[code]
        elif code not in after and code in believed and code in now:
            before[code] = believed[code]
    return before


def _new_times(clip: ImportedClip, known: KnownClip, own: Roles, entries: Mapping[str, Sequence[Decision]]) -> NewTimes:
    said = {
        (code, _ms(entry.region.onset_s), _ms(entry.region.offset_s))
        for code, its in entries.items()
        for entry in its
        if entry.region is not None
    }
    new = [(code, at) for code, at in clip.regions if (code, _ms(at.onset_s), _ms(at.offset_s)) not in said]
    decided = set()
    for code in {code for code, _ in new}:
        state = fold_cell(known.id, code, own.get(code, ""), entries.get(code, ()))
        if state.verdict not in ("", "present") or any(not is_machine(box.reviewer) for box in state.boxes):
            decided.add(code)
    regions = tuple(pair for pair in new if pair[0] not in decided)
    over = tuple(pair for pair in new if pair[0] in decided)
    return NewTimes(known.id, known.filename, clip.row, regions, over, clip.said_by)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _imported(connection: Connection) -> dict[int, dict[str, str]]:
    """Role by class code of every clip's labels as imported, in the row's order."""
    labels, classes = tables.imported_labels, tables.classes
    query = sa.select(labels.c.clip_id, classes.c.code, labels.c.role).join(classes, classes.c.id == labels.c.class_id)
    roles: dict[int, dict[str, str]] = {}
    for clip_id, code, role in db.fetch(connection, query.order_by(labels.c.clip_id, labels.c.place)):
        roles.setdefault(clip_id, {})[code] = role
    return roles


def _entries(connection: Connection, clip_ids: Collection[int]) -> dict[int, dict[str, list[Decision]]]:
    """The journal of some clips by class code, with what the fold asks of an entry."""
    decisions, classes = tables.decisions, tables.classes
    names = ("clip_id", "reviewer", "verdict", "role", "undoes", "position", "onset_s", "offset_s", "low_hz", "high_hz")
    query = sa.select(classes.c.code, *(decisions.c[name] for name in names))
    query = query.join(classes, classes.c.id == decisions.c.class_id).order_by(decisions.c.position)
    entries: dict[int, dict[str, list[Decision]]] = {}
    for code, clip_id, reviewer, verdict, role, undoes, position, onset_s, *rest in db.fetch(connection, query):
        if clip_id in clip_ids:
            region = None if onset_s is None else Region(onset_s, *rest)
            entry = Decision("", reviewer, clip_id, code, verdict, role, region, undoes=undoes, position=position)
            entries.setdefault(clip_id, {}).setdefault(code, []).append(entry)
    return entries


def settle(
    connection: Connection,
    changed: Sequence[Changed],
    agreeing: Iterable[int],
    choice: str,
    import_id: int,
    class_ids: Mapping[str, int],
) -> None:
    """Store what the choice makes of changed labels; of clips ``agreeing`` with the table nothing is contested now."""
    contested = tables.contested_cells
    by_table = contested.c.reason == "table"
    over = set(agreeing) | ({change.clip_id for change in changed} if choice != KEEP else set())
    there: set[int] = set(connection.scalars(sa.select(contested.c.clip_id).where(by_table)))
    for clip_id in sorted(over & there):
        connection.execute(sa.delete(contested).where(by_table, contested.c.clip_id == clip_id))
    if choice == TAKE:
        table_entries.add(connection, [row for change in changed for row in _taken(change, import_id, class_ids)])
    if choice == SUSPECTS:
        rows = [
            {"clip_id": change.clip_id, "class_id": class_ids[code], "reason": "table", "import_id": import_id}
            for change in changed
            for code in change.cells
        ]
        if rows:
            connection.execute(sa.insert(contested), rows)


def _taken(change: Changed, import_id: int, class_ids: Mapping[str, int]) -> list[dict[str, object]]:
    rows = []
    for code in {**change.after, **change.before}:
        before, after = change.before.get(code, ""), change.after.get(code, "")
        if before != after:
            rows.append(
                table_entries.entry(
                    f"{import_id}\n{change.clip_id}\n{code}",
                    change.clip_id,
                    class_ids[code],
                    "present" if after else "absent",
                    role=after,
                    batch_id=f"import-{import_id}-labels",
                )
            )
    return rows
