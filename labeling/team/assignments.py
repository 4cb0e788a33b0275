"""Assignments: whose work is which part of the collection.

A part is a class, a share of all clips, an import, or a folder. What one person is given by several of them is all of
it together. An assignment keeps nobody from anything else: it is what "mine" means in the queue, and what is counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.cells import SALT, mixed
from labeling.collection import store
from labeling.errors import DataError
from labeling.records import MOST_ID
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import checked, reviewer_name

#: name -> what it says on the screen
KINDS = {"class": "Class", "share": "Share of all clips", "import": "Import", "folder": "Folder"}
_SHARE = re.compile(r"(\d{1,3})-(\d{1,3})")


@dataclass(frozen=True)
class Assignment:
    """A part of the collection that is somebody's.

    ``part`` is the code of a class; ``0-25``, the clips that a hash puts into the first quarter; the number of an
    import; or the folder that files lie in, as their collection calls it.
    """

    id: int
    reviewer: str
    kind: str
    part: str
    assigned_by: str
    created_at: str

    @property
    def words(self) -> str:
        """What it is, in a phrase; names in it are data."""
        if self.kind == "share":
            first, end = share_of(self.part)
            return f"{end - first} % of all clips ({first} to {end})"
        return f"{self.kind} {self.part}"


def assign(connection: Connection, reviewer: str, kind: str, part: str, assigned_by: str = "") -> Assignment:
    """Give somebody a part of the collection; one that they have already stays as it is.

    ``part`` of a share may be a number of percent alone: the first ones that nobody has are taken then.

    Raises
    ------
    DataError
        An unknown kind, class or import, a folder without a clip, or more percent than are left.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.team import assignments
    >>> with example_workspace().write() as connection:
    ...     [assignments.assign(connection, name, "share", "40").part for name in ("ann", "bob")]
    ['0-40', '40-80']
    """
    if kind not in KINDS:
        raise DataError(unknown_name("kind of assignment", kind, list(KINDS)))
    reviewer = reviewer_name(reviewer)
    db.lock_table(connection, tables.assignments)
    part = _checked_part(connection, kind, checked(part, "the part to assign", 1000, least=1))
    for known in of_reviewer(connection, reviewer):
        if (known.kind, known.part) == (kind, part):
            return known
    values = {"reviewer": reviewer, "kind": kind, "part": part, "assigned_by": assigned_by, "created_at": db.now()}
    return Assignment(db.insert_one(connection, tables.assignments, values), **values)


def take_away(connection: Connection, number: int) -> Assignment:
    """End an assignment, by its number; raises DataError where there is none of that number."""
    for known in all_assignments(connection):
        if known.id == number:
            connection.execute(sa.delete(tables.assignments).where(tables.assignments.c.id == number))
            return known
    raise DataError(f"no assignment has the number {number}; see `earmark team list`")


def all_assignments(connection: Connection) -> list[Assignment]:
    """All of them, by name, and then as they were made."""
    order = tables.assignments.c.reviewer, tables.assignments.c.id
    return [Assignment(**row._mapping) for row in connection.execute(sa.select(tables.assignments).order_by(*order))]


def of_reviewer(connection: Connection, reviewer: str) -> list[Assignment]:
    """What one person is assigned."""
    own = tables.assignments.c.reviewer == reviewer.strip()
    query = sa.select(tables.assignments).where(own).order_by(tables.assignments.c.id)
    return [Assignment(**row._mapping) for row in connection.execute(query)]


def version(connection: Connection) -> tuple[int, int]:
    """Another whenever the assignments are others."""
    number = tables.assignments.c.id
    row: Any = connection.execute(sa.select(sa.func.count(number), sa.func.max(number))).one()
    return int(row[0]), int(row[1] or 0)


def mine(
    connection: Connection, reviewer: str, clip_id: NDArray[np.int64], class_id: NDArray[Any]
) -> NDArray[np.bool_]:
    """Which of some cells (n,) are a person's; none where nothing is assigned to them."""
    found = np.zeros(len(clip_id), bool)
    for assignment in of_reviewer(connection, reviewer):
        found |= _holds(connection, assignment, clip_id, class_id)
    return found


def percent_of(clip_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each clip (n,) in 0..99 by which shares are dealt: a hash of its number."""
    return (mixed(clip_ids.astype(np.int64), SALT) % np.uint64(100)).astype(np.int64)


def share_of(part: str) -> tuple[int, int]:
    """The first percent of a share, and the one after its last."""
    found = _SHARE.fullmatch(part)
    first, end = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 <= first < end <= 100:
        raise DataError(f"share {part[:40]!r} is none; give percent, 25, or from and to, 0-25")
    return first, end


def _holds(
    connection: Connection, assignment: Assignment, clip_id: NDArray[np.int64], class_id: NDArray[Any]
) -> NDArray[np.bool_]:
    if assignment.kind == "class":
        return np.asarray(class_id == store.class_ids(connection).get(assignment.part, -1))
    if assignment.kind == "share":
        first, end = share_of(assignment.part)
        percent = percent_of(clip_id)
        return np.asarray((percent >= first) & (percent < end))
    ids = np.fromiter(connection.scalars(sa.select(tables.clips.c.id).where(_in(assignment))), np.int64)
    known = np.zeros(max(int(clip_id.max(initial=0)), int(ids.max(initial=0))) + 1, bool)
    known[ids] = True
    return known[clip_id]


def _in(assignment: Assignment) -> Any:
    """Whether a clip is of an import, or lies in a folder."""
    clips = tables.clips.c
    if assignment.kind == "import":
        return clips.import_id == int(assignment.part)
    return clips.filename.startswith(f"{assignment.part}/", autoescape=True)


def folders(connection: Connection, most: int = 500) -> list[str]:
    """The folders that clips lie in, those above them too, in the order of their names."""
    found: set[str] = set()
    names: sa.ScalarResult[str] = connection.scalars(sa.select(tables.clips.c.filename))
    for filename in names:
        folder = filename.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return sorted(found)[:most]


def _checked_part(connection: Connection, kind: str, part: str) -> str:
    if kind == "class":
        store.class_id(connection, part)  # raises, and names the nearest
        return part
    if kind == "share":
        return _free_share(connection, part)
    if kind == "import":
        known = [str(record.id) for record in store.all_imports(connection)]
        if part not in known:
            raise DataError(f"no import has the number {part[:40]!r}; there are {_some(known)}")
        return part
    folder = part.strip("/")
    holds = sa.select(tables.clips.c.id).where(tables.clips.c.filename.startswith(f"{folder}/", autoescape=True))
    if not folder or connection.scalar(holds.limit(1)) is None:
        raise DataError(f"no clip lies in the folder {part[:200]!r}; there are {_some(folders(connection))}")
    return folder


def _free_share(connection: Connection, part: str) -> str:
    if not part.removesuffix("%").strip().isdecimal():
        first, end = share_of(part.replace(" ", "").removesuffix("%"))
        return f"{first}-{end}"
    wanted = int(part.removesuffix("%"))
    if not 1 <= wanted <= min(100, MOST_ID):
        raise DataError(f"{part} percent are outside 1 to 100; give a number between")
    taken = np.zeros(101, bool)
    taken[100] = True
    for known in all_assignments(connection):
        if known.kind == "share":
            taken[slice(*share_of(known.part))] = True
    for first in range(101 - wanted):
        if not taken[first : first + wanted].any():
            return f"{first}-{first + wanted}"
    raise DataError(
        f"{wanted} percent in one piece are not left, {int(np.count_nonzero(~taken))} are in all; give fewer, or say "
        "from which to which (0-25): two people may have the same"
    )


def _some(names: Collection[str]) -> str:
    return ", ".join(map(repr, list(names)[:12])) + (" …" if len(names) > 12 else "") or "none"
