"""Machine labels: labels changed by a rule on a run's predictions, with nobody listening.

They are journal entries whose reviewer begins with ``auto:``. They change labels and never count as reviewed, never
touch a cell that a person decided, give way to whatever a person says later, and are taken back as the batch they
came in.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection.table_entries import TABLE
from labeling.errors import DataError
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import FrameBlock, Oof, for_each_block
from labeling.records import MACHINE, CellState, Decision, Labels, Shown, is_machine
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

ADD_ABOVE = 0.9
READ_TOGETHER = 500
WORDS = {"stage1": "stage 1", "iterate": "rounds", "table": "the imported table"}
"""Machines as the screens call them, by their name without ``auto:``."""


@dataclass(frozen=True)
class MachineLabel:
    """One change: the verdict ``present`` or ``absent`` on a cell, and the probability that speaks for it."""

    clip_id: int
    class_code: str
    verdict: str
    probability: float


@dataclass(frozen=True)
class MachineReport:
    """What one application stored, as entries of the batch ``batch_id`` ("" where it stored nothing).

    ``taken_back`` counts earlier changes of the same machine that it took back; ``decided`` the cells passed over as a
    person decided them, ``standing`` those whose label said so already.
    """

    batch_id: str = ""
    added: int = 0
    removed: int = 0
    taken_back: int = 0
    decided: int = 0
    standing: int = 0

    @property
    def changed(self) -> int:
        """Cells whose label changed."""
        return self.added + self.removed + self.taken_back


@dataclass(frozen=True)
class MachineBatch:
    """One application, as the journal has it. ``standing`` counts its entries that were not taken back.

    ``what`` is the machine without ``auto:``; ``entries`` counts its changes, ``added``, ``removed`` and
    ``taken_back`` by kind.
    """

    batch_id: str
    what: str
    run_id: str
    created_at: str
    added: int
    removed: int
    taken_back: int
    standing: int

    @property
    def entries(self) -> int:
        """All changes of the batch."""
        return self.added + self.removed + self.taken_back


def machine_name(what: str) -> str:
    """The reviewer under whose name the machine ``what`` writes: ``auto:stage1``."""
    return MACHINE + what.strip()


def machine_text(what: str) -> str:
    """A machine as the screens call it: ``stage 1`` of ``stage1`` or ``auto:stage1``."""
    what = what.removeprefix(MACHINE)
    return WORDS.get(what, what)


def who(reviewer: str) -> str:
    """Whose entry it is, for people: their name as it is, or ``the model (stage 1)``."""
    if reviewer == TABLE:
        return machine_text(reviewer)
    return f"the model ({machine_text(reviewer)})" if is_machine(reviewer) else reviewer


def highest(oof: Oof) -> NDArray[np.float32]:
    """The highest probability of each class anywhere in a clip, (N, C) float32: of its frames and clipwise."""
    maxima = oof.clipwise.astype(np.float32, copy=True)

    def work(block: FrameBlock) -> None:
        bits = block.values.view(np.uint16)  # float16 from 0 to 1 is ordered as its bits, which compare faster
        for row in range(block.first, block.last):
            first, last = block.offsets[row - block.first : row - block.first + 2]
            if first < last:
                np.maximum(maxima[row], bits[first:last].max(axis=0).view(np.float16), out=maxima[row])

    for_each_block(oof, work)
    return maxima


def find_missing(
    oof: Oof, labels: Labels, *, threshold: float = ADD_ABOVE, single_label_only: bool = True
) -> list[MachineLabel]:
    """Labels to add: unlisted classes above ``threshold`` (0..1) anywhere in the clip, likeliest first.

    The rule of stage 1 of the Cornell Birdcall challenge's 6th place (2020; github.com/koukyo1994/
    kaggle-birdcall-6th-place, find_missing_label.py): the maximum over frames and windows, and, with
    ``single_label_only``, only in clips with exactly one label. Cells that a person decided are left out. Raises
    ArtefactError where frames cannot be read.
    """
    _check_threshold(threshold)
    aligned, probability = align_labels(oof, labels), highest(oof)
    wanted = aligned.open & ~aligned.given & (probability > threshold)
    if single_label_only:
        wanted &= (aligned.given.sum(axis=1) == 1)[:, None]
    cells = _cells(oof, wanted, probability, "present")
    return sorted(cells, key=lambda cell: (-cell.probability, cell.clip_id, cell.class_code))


def find_false(oof: Oof, labels: Labels, *, threshold: float, primary: bool = False) -> list[MachineLabel]:
    """Labels to take off: listed classes below ``threshold`` (0..1) in all of the clip, least likely first.

    Primary labels stay unless ``primary``, and of a clip that would lose all its labels the likeliest stays. Cells
    that a person decided are left out.
    """
    _check_threshold(threshold)
    aligned, probability = align_labels(oof, labels), highest(oof)
    wanted = aligned.open & aligned.given & (probability < threshold)
    if not primary:
        rows = np.flatnonzero(aligned.primary >= 0)
        wanted[rows, aligned.primary[rows]] = False
    bare = np.flatnonzero(wanted.any(axis=1) & ~(aligned.given & ~wanted).any(axis=1))
    wanted[bare, np.where(aligned.given[bare], probability[bare], -1).argmax(axis=1)] = False
    cells = _cells(oof, wanted, probability, "absent")
    return sorted(cells, key=lambda cell: (cell.probability, cell.clip_id, cell.class_code))


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise DataError(f"threshold {threshold} is no probability; give 0 to 1, such as {ADD_ABOVE}")


def _cells(oof: Oof, wanted: NDArray[np.bool_], probability: NDArray[np.float32], verdict: str) -> list[MachineLabel]:
    return [
        MachineLabel(int(oof.clip_ids[row]), oof.classes[column], verdict, float(probability[row, column]))
        for row, column in np.argwhere(wanted).tolist()
    ]


def apply_machine_labels(
    workspace: Workspace,
    cells: Sequence[MachineLabel],
    *,
    what: str,
    run_id: str,
    only_these: bool = False,
) -> MachineReport:
    """Store changes as one batch of the machine ``auto:what``, in one transaction.

    A cell that a person decided, or whose label says so already, gets no entry: a second application adds nothing.
    With ``only_these``, earlier changes of this machine that are not among ``cells`` are taken back in the same
    batch, but for cells that a person decided. Raises DataError for an unknown clip, class or verdict, and where a
    cell is given twice.
    """
    keys = [(cell.clip_id, cell.class_code) for cell in cells]
    for key, times in Counter(keys).items():
        if times > 1:
            raise DataError(f"class {key[1]!r} of clip {key[0]} is given {times} times; give each cell once")
    for cell in cells:
        if cell.verdict not in ("present", "absent"):
            raise DataError(f"a machine says present or absent, not {cell.verdict!r}; leave the cell to a person")
    name = machine_name(what)
    with workspace.write() as connection:
        db.lock_journal(connection)
        end = journal.position(connection)
        batch_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}\n{run_id}\n{end}"))
        earlier = _standing(connection, name) if only_these else []
        states = _states(connection, {*keys, *((decision.clip_id, decision.class_code) for decision in earlier)})
        entries: list[Decision] = []
        counted = Counter[str]()
        for key, label in zip(keys, cells, strict=True):
            if states[key].verdict:
                counted["decided"] += 1
            elif states[key].present == (label.verdict == "present"):
                counted["standing"] += 1
            else:
                counted["added" if label.verdict == "present" else "removed"] += 1
                entries.append(_entry(label, name, run_id, batch_id))
        wanted = set(keys)
        for decision in earlier:
            key = (decision.clip_id, decision.class_code)
            if key not in wanted and not states[key].verdict:
                counted["taken_back"] += 1
                event_id = _event_id(batch_id, f"undo {decision.position}")
                entries.append(
                    replace(journal.undo_of(decision, name, event_id, None), run_id=run_id, batch_id=batch_id)
                )
        journal.append_within(connection, entries, by_machine=True)
    return MachineReport(batch_id if entries else "", **counted)


def _entry(label: MachineLabel, name: str, run_id: str, batch_id: str) -> Decision:
    return Decision(
        event_id=_event_id(batch_id, f"{label.verdict} {label.clip_id} {label.class_code}"),
        reviewer=name,
        clip_id=label.clip_id,
        class_code=label.class_code,
        verdict=label.verdict,
        run_id=run_id,
        shown=Shown(probability=round(label.probability, 4)),
        batch_id=batch_id,
    )


def _event_id(batch_id: str, words: str) -> str:
    return str(uuid.uuid5(uuid.UUID(batch_id), words))


def _states(connection: Connection, cells: Iterable[tuple[int, str]]) -> dict[tuple[int, str], CellState]:
    """These cells at the journal's end, by (clip id, class code)."""
    cells = set(cells)
    clip_ids = sorted({clip_id for clip_id, _ in cells})
    decisions_of: dict[tuple[int, str], list[Decision]] = {cell: [] for cell in cells}
    roles: dict[tuple[int, str], str] = {}
    labels, classes = tables.imported_labels, tables.classes
    listed = sa.select(labels.c.clip_id, classes.c.code, labels.c.role).join(classes, classes.c.id == labels.c.class_id)
    for first in range(0, len(clip_ids), READ_TOGETHER):
        part = clip_ids[first : first + READ_TOGETHER]
        rows = db.fetch(connection, listed.where(labels.c.clip_id.in_(part)))
        roles |= {(clip_id, code): role for clip_id, code, role in rows}
        for decision in journal.decisions_where(connection, tables.decisions.c.clip_id.in_(part)):
            if (decision.clip_id, decision.class_code) in decisions_of:
                decisions_of[decision.clip_id, decision.class_code].append(decision)
    return {cell: journal.fold_cell(*cell, roles.get(cell, ""), entries) for cell, entries in decisions_of.items()}


def _standing(connection: Connection, name: str) -> list[Decision]:
    """The entries of one machine that changed labels and were not taken back, oldest first."""
    table = tables.decisions
    decisions = journal.decisions_where(connection, table.c.reviewer == name, table.c.undoes.is_(None))
    undone_positions = journal.all_undone(connection, decisions[0].position) if decisions else set()
    return [decision for decision in decisions if decision.position not in undone_positions]


def batches(connection: Connection, what: str = "") -> list[MachineBatch]:
    """Every application of machines (or of ``what`` alone), newest first."""
    table = tables.decisions
    where = table.c.reviewer == machine_name(what)
    if not what:
        where = sa.func.substr(table.c.reviewer, 1, len(MACHINE)) == MACHINE
    where &= table.c.onset_s.is_(None)  # times of labels come with a table, and change no label
    columns = (table.c.position, table.c.batch_id, table.c.reviewer, table.c.run_id, table.c.created_at)
    rows = db.fetch(connection, sa.select(*columns, table.c.verdict).where(where).order_by(table.c.position))
    undone_positions = journal.all_undone(connection, rows[0].position) if rows else set()
    grouped: dict[str, list[sa.Row[tuple[object, ...]]]] = {}
    for row in rows:
        grouped.setdefault(row.batch_id, []).append(row)
    summaries = []
    for batch_id, entries in grouped.items():
        counts = Counter(row.verdict for row in entries)
        first = entries[0]
        summaries.append(
            MachineBatch(
                batch_id=batch_id,
                what=first.reviewer.removeprefix(MACHINE),
                run_id=first.run_id,
                created_at=first.created_at,
                added=counts["present"],
                removed=counts["absent"],
                taken_back=counts["undo"],
                standing=sum(row.position not in undone_positions for row in entries),
            )
        )
    return summaries[::-1]


def undo_machine(workspace: Workspace, batch_id: str, reviewer: str) -> list[Decision]:
    """Take back a whole batch of machine labels in a person's name; what people said of its cells stays.

    Raises DataError where there is no such batch of a machine, or nothing of it stands.
    """
    with workspace.read() as connection:
        decisions = journal.decisions_where(connection, tables.decisions.c.batch_id == batch_id)
        theirs = [decision for decision in decisions if is_machine(decision.reviewer)]
        if not batch_id or not theirs:
            raise DataError(f"no batch {batch_id!r} of machine labels; nothing was undone")
        undone_positions = journal.all_undone(connection, theirs[0].position)
    standing = [decision for decision in theirs if decision.position not in undone_positions]
    if not standing:
        raise DataError(f"the batch of {len(theirs)} machine labels was taken back already; nothing was undone")
    return journal.undo_all(workspace, standing, reviewer, journal.new_event_id())
