"""Labels that a table says otherwise than the import before: keep those of before, take the new ones, or ask.

Imported labels stay as they came in. What is taken is entries of the table in the journal (table_entries.py), which
give way to what people say; what is asked is a contested cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import table_entries
from labeling.collection.formats import ImportedClip, Problem
from labeling.collection.report import LabelChange
from labeling.collection.store import KnownClip
from labeling.storage import database as db
from labeling.storage import tables

KEEP, TAKE, SUSPECTS = "keep", "take", "suspects"
CHOICES = (KEEP, TAKE, SUSPECTS)
Roles = Mapping[str, str]  # class code to role, primary first


@dataclass(frozen=True)
class Changed:
    """A clip of which a table says other labels than before: role by class code, on both sides."""

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


def find_changed(connection: Connection, pairs: Iterable[tuple[ImportedClip, KnownClip]]) -> list[Changed]:
    """Clips of which a table says something else than the last table that was believed.

    A table without primaries leaves open which label is it, and contradicts none.
    """
    pairs = list(pairs)
    if not pairs:
        return []
    before = _believed(connection)
    changed = []
    for clip, known in pairs:
        roles = {code: "primary" if code == clip.primary else "secondary" for code in clip.labels}
        old = before.get(known.id, {})
        primaries = {code for side in (old, roles) for code, role in side.items() if role == "primary"}
        both = all("primary" in side.values() for side in (old, roles))
        if set(roles) != set(old) or (both and len(primaries) > 1):
            changed.append(Changed(known.id, known.filename, clip.row, old, roles))
    return changed


def new_times(connection: Connection, pairs: Iterable[tuple[ImportedClip, KnownClip]]) -> list[Problem]:
    """Clips that were there and of whose labels a table says times that nobody said before: they are not taken."""
    timed = [(clip, known) for clip, known in pairs if clip.regions]
    if not timed:
        return []
    decisions, classes = tables.decisions, tables.classes
    query = (
        sa.select(decisions.c.clip_id, classes.c.code, decisions.c.onset_s, decisions.c.offset_s)
        .join(classes, classes.c.id == decisions.c.class_id)
        .where(decisions.c.onset_s.is_not(None))
    )
    said = {(clip_id, code, _ms(on), _ms(off)) for clip_id, code, on, off in db.fetch(connection, query)}
    length_of = dict(db.fetch(connection, sa.select(tables.clips.c.id, tables.clips.c.duration_s)))
    problems = []
    for clip, known in timed:
        end_s = length_of[known.id] or float("inf")
        new = [
            f"{code} at {region.onset_s:g} to {region.offset_s:g} s"
            for code, region in clip.regions
            if region.offset_s <= end_s and (known.id, code, _ms(region.onset_s), _ms(region.offset_s)) not in said
        ]
        if new:
            more = f" and {len(new) - 1:,} more" if len(new) > 1 else ""
            what = f"{new[0]}{more}: times that are new in the table are not taken for a clip that was there already"
            problems.append(Problem(clip.row, known.filename, what))
    return problems


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _believed(connection: Connection) -> dict[int, dict[str, str]]:
    """Labels of every clip as imported, with what was taken of later tables since."""
    labels, classes, decisions = tables.imported_labels, tables.classes, tables.decisions
    query = sa.select(labels.c.clip_id, classes.c.code, labels.c.role).join(classes, classes.c.id == labels.c.class_id)
    roles: dict[int, dict[str, str]] = {}
    for clip_id, code, role in db.fetch(connection, query.order_by(labels.c.clip_id, labels.c.place)):
        roles.setdefault(clip_id, {})[code] = role
    columns = (decisions.c.clip_id, classes.c.code, decisions.c.verdict, decisions.c.role)
    undone = sa.select(decisions.c.undoes).where(decisions.c.undoes.is_not(None))
    taken = (
        sa.select(*columns)
        .join(classes, classes.c.id == decisions.c.class_id)
        .where(decisions.c.reviewer == table_entries.TABLE, decisions.c.onset_s.is_(None))
        .where(decisions.c.undoes.is_(None), decisions.c.position.not_in(undone))
        .order_by(decisions.c.position)
    )
    for clip_id, code, verdict, role in db.fetch(connection, taken):
        own = roles.setdefault(clip_id, {})
        if verdict == "present":
            own[code] = role or own.get(code, "secondary")
        else:
            own.pop(code, None)
    return roles


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
