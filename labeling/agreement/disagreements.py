"""Cells on which people disagree, until somebody adjudicates; and all that each of them said, side by side.

Each person's last verdict counts, whatever they had seen before. Where these are not all alike the cell waits, as it
does again when somebody says otherwise after an adjudication.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from labeling import journal
from labeling.agreement.looks import independent
from labeling.collection import store
from labeling.folding import fold_cell, undone
from labeling.journal import verdict_entries
from labeling.journal.rules import votes_of
from labeling.journal.verdict_entries import Cell, Entry
from labeling.records import Box, Decision, is_machine

OPPOSITE = {"present", "absent"}


@dataclass(frozen=True)
class Disagreement:
    """A cell that waits: its ``votes`` by reviewer, and the journal's ``position`` since which they are unlike."""

    clip_id: int
    class_id: int
    votes: dict[str, str]
    position: int

    @property
    def is_opposite(self) -> bool:
        """Whether somebody says present and somebody absent; else somebody could tell, and somebody could not."""
        return set(self.votes.values()) >= OPPOSITE


@dataclass(frozen=True)
class Side:
    """What one person says of a cell. ``boxes`` are theirs that stand, ``notes`` theirs on this cell; ``created_at`` is
    when they gave the verdict. ``had_seen``: another's verdict was on their screen. ``is_adjudication``: it settled the
    cell before somebody said otherwise."""

    reviewer: str
    verdict: str
    boxes: tuple[Box, ...]
    notes: tuple[str, ...]
    created_at: str
    had_seen: bool
    is_adjudication: bool


def waiting(connection: Connection) -> list[Disagreement]:
    """The cells that wait, those with opposite verdicts first, then as they came.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.agreement import disagreements
    >>> from labeling.example import example_workspace
    >>> from labeling.records import Decision, Shown
    >>> workspace = example_workspace()
    >>> for who, verdict in (("ann", "present"), ("bob", "absent")):
    ...     _ = journal.append(workspace, [Decision(journal.new_event_id(), who, 3, "cangoo", verdict)])
    >>> with workspace.read() as connection:
    ...     [one.votes for one in disagreements.waiting(connection)]
    [{'ann': 'present', 'bob': 'absent'}]
    >>> settles = Shown(adjudication=True)
    >>> _ = journal.append(workspace, [Decision(journal.new_event_id(), "zoe", 3, "cangoo", "present", shown=settles)])
    >>> with workspace.read() as connection:
    ...     disagreements.waiting(connection)
    []
    """
    return disagreements_of(verdict_entries.read_entries(connection, copies=True))


def disagreements_of(entries: Sequence[Entry]) -> list[Disagreement]:
    """Those of entries that stand, oldest first."""
    found = []
    for (clip_id, class_id), its in _of_several(entries).items():
        settled = max((place for place, one in enumerate(its) if one.adjudication), default=-1)
        votes = {one.reviewer: one.verdict for one in its}
        since = its[-1].position
        if settled >= 0:
            unlike = [one for one in its[settled + 1 :] if one.verdict != its[settled].verdict]
            if not any(votes[one.reviewer] != its[settled].verdict for one in unlike):
                continue
            since = unlike[0].position
        if len(set(votes.values())) > 1:
            found.append(Disagreement(clip_id, class_id, votes, since))
    return sorted(found, key=lambda one: (not one.is_opposite, one.position, one.clip_id, one.class_id))


def adjudicated_cells(entries: Iterable[Entry]) -> dict[Cell, str]:
    """What the last adjudication that stands says of each cell that has one."""
    return {one.cell: one.verdict for one in entries if one.adjudication and one.decides}


def _of_several(entries: Iterable[Entry]) -> dict[Cell, list[Entry]]:
    """The entries that decide each cell of which two people or more spoke."""
    by_cell: dict[Cell, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.decides:
            by_cell[entry.cell].append(entry)
    return {cell: its for cell, its in by_cell.items() if len({one.reviewer for one in its}) > 1}


def sides(connection: Connection, clip_id: int, class_code: str) -> list[Side]:
    """What each says of a cell, in the order in which they first spoke; [] where fewer than two did."""
    class_id = store.class_id(connection, class_code)
    entries = [
        entry
        for entry in verdict_entries.read_entries(connection, copies=True, clip_id=clip_id)
        if entry.class_id == class_id and entry.decides
    ]
    if len({entry.reviewer for entry in entries}) < 2:
        return []
    unseen = {entry.position for entry in independent(entries)}
    history = [one for one in journal.clip_history(connection, clip_id) if one.class_code == class_code]
    undone_positions = undone(history)
    standing = [
        one
        for one in history
        if one.undoes is None and one.position not in undone_positions and not is_machine(one.reviewer)
    ]
    return [_side(clip_id, class_code, name, standing, unseen) for name in votes_of(standing)]


def _side(clip_id: int, class_code: str, name: str, standing: Sequence[Decision], unseen: set[int]) -> Side:
    own = [one for one in standing if one.reviewer == name]
    verdicts = [one for one in own if one.region is None or one.verdict == "present"]
    last = verdicts[-1]
    return Side(
        reviewer=name,
        verdict=last.verdict,
        boxes=tuple(box for box in fold_cell(clip_id, class_code, "", own).boxes if box.present),
        notes=tuple(dict.fromkeys(one.note for one in own if one.note)),
        created_at=last.created_at,
        had_seen=not any(one.position in unseen for one in verdicts if one.verdict == last.verdict),
        is_adjudication=last.shown.adjudication,
    )
