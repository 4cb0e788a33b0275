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
from labeling.collection.formats import ImportedClip
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
