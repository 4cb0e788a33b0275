"""What changed between two label versions, by kind: the sides of every cell that people corrected or confirmed.

A *missing* label was added, a *false* one removed, or the primary *swapped* (taken away while another class took its
place in the same clip: both classes count). *Confirmed* cells were decided and kept their label. *Other* changes set a
cell unsure, or only its role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.journal import versions
from labeling.journal.rules import LabelRule
from labeling.journal.versions import Change
from labeling.records import is_machine
from labeling.storage import tables

MISSING, FALSE, SWAPPED, CONFIRMED, OTHER = "missing", "false", "swapped", "confirmed", "other"
KINDS = (MISSING, FALSE, SWAPPED, CONFIRMED, OTHER)
PRESENT = ("primary", "secondary")


@dataclass(frozen=True)
class CellCorrection:
    """One cell that was corrected or confirmed between two versions."""

    filename: str
    class_code: str
    kind: str


def between(
    connection: Connection,
    older: int,
    newer: int,
    rules: tuple[LabelRule, LabelRule] = (versions.BY_LATEST, versions.BY_LATEST),
) -> list[CellCorrection]:
    """The corrections from one position of the journal to another, machines' changes included; confirmed cells last.

    ``rules`` are those of the older and the newer version. From a newer one to an older one, a label that had been
    added counts as removed.
    """
    changes = versions.diff(connection, older, newer, rules)
    corrected = by_kind(changes)
    low, high = sorted((older, newer))
    table = tables.decisions
    decisions = journal.decisions_where(connection, table.c.position > low, table.c.position <= high)
    undone_positions = journal.undone(decisions)
    names = {clip_id: filename for filename, clip_id in store.clip_ids_by_filename(connection).items()}
    changed = {(change.filename, change.class_code) for change in changes}
    kept = {
        (names[decision.clip_id], decision.class_code): None
        for decision in decisions
        if decision.undoes is None and decision.position not in undone_positions and not is_machine(decision.reviewer)
    }
    return corrected + [CellCorrection(*cell, CONFIRMED) for cell in kept if cell not in changed]


def by_kind(changes: Sequence[Change]) -> list[CellCorrection]:
    """Changed cells as corrections, in their order."""
    lost = {change.filename for change in changes if change.before == "primary" and change.after == "absent"}
    gained = {change.filename for change in changes if change.before != "primary" and change.after == "primary"}
    swapped = lost & gained
    return [CellCorrection(change.filename, change.class_code, _kind(change, swapped)) for change in changes]


def _kind(change: Change, swapped: set[str]) -> str:
    if change.filename in swapped and "primary" in (change.before, change.after) and change.after != "unsure":
        return SWAPPED
    if change.before == "absent" and change.after in PRESENT:
        return MISSING
    if change.before in PRESENT and change.after == "absent":
        return FALSE
    return OTHER
