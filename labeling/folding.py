"""Fold decisions into what they make of a cell and of a clip's labels; pure, on what entries.py reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from labeling.records import Box, CellState, Decision, is_machine


def undone(decisions: Iterable[Any]) -> set[int]:
    """Positions that do not count, because an undo that itself counts takes them back.

    Of decisions, or of rows that have their ``position`` and ``undoes``.
    """
    undone_positions: set[int] = set()
    for decision in sorted(decisions, key=lambda decision: -decision.position):
        if decision.undoes is not None and decision.position not in undone_positions:
            undone_positions.add(decision.undoes)
    return undone_positions


def fold_cell(clip_id: int, class_code: str, imported_role: str, decisions: Sequence[Decision]) -> CellState:
    """Work out the state of one cell: its imported label, then its decisions in order.

    A decision without a region sets the verdict, and absent or unsure clears the regions before it. A region marked
    present makes the class present in the clip; a region marked absent says so of that stretch alone. A machine's entry
    changes the label only while no person's verdict stands, whichever came later; a machine's region (a table's time of
    its label) changes none.

    Parameters
    ----------
    clip_id : int
    class_code : str
    imported_role : {"primary", "secondary", ""}
        "" where the class was not listed.
    decisions : sequence of Decision
        All of this cell, with their ``position``; those that were taken back are left out here.

    Returns
    -------
    CellState

    Examples
    --------
    >>> from labeling.journal import fold_cell
    >>> from labeling.records import Decision
    >>> heard = Decision("e1", "ann", 1, "amecro", "absent", position=1)
    >>> fold_cell(1, "amecro", "primary", [heard]).present
    False
    >>> undo = Decision("e2", "ann", 1, "amecro", "undo", undoes=1, position=2)
    >>> fold_cell(1, "amecro", "primary", [heard, undo]).present
    True
    """
    listed = imported_role != ""
    role, verdict, reviewer = imported_role, "", ""
    machine: Decision | None = None
    swapped = False
    boxes: list[Box] = []
    undone_positions = undone(decisions)
    for entry in sorted(decisions, key=lambda entry: entry.position):
        if entry.undoes is not None or entry.position in undone_positions:
            continue
        if is_machine(entry.reviewer):
            if entry.region is None:
                machine = entry
            elif verdict in ("", "present"):  # a table's time of its own label
                boxes.append(Box(entry.position, entry.region, entry.reviewer))
            continue
        if entry.region is None:
            verdict = entry.verdict
            if verdict != "present":
                boxes = []
        elif entry.verdict == "present":
            boxes.append(Box(entry.position, entry.region, entry.reviewer))
            verdict = "present"
        elif entry.verdict == "absent":
            boxes.append(Box(entry.position, entry.region, entry.reviewer, present=False))
            continue
        else:
            continue
        reviewer = entry.reviewer
        swapped = entry.shown.kind == "swapped" and not entry.shown.hidden
        if verdict == "present":
            role = entry.role or role or "secondary"
    machine_verdict = "" if verdict or machine is None else machine.verdict
    if machine_verdict == "present":
        role = role or "secondary"
    if machine_verdict and machine is not None:
        reviewer = machine.reviewer
        role = machine.role or role
        if machine_verdict == "absent":
            boxes = []
    newest = max(decisions, key=lambda entry: entry.position, default=None)
    by_people = [decision.position for decision in decisions if not is_machine(decision.reviewer)]
    return CellState(
        clip_id=clip_id,
        class_code=class_code,
        imported_role=imported_role,
        present=(verdict or machine_verdict) == "present" or (not verdict and not machine_verdict and listed),
        unsure=verdict == "unsure",
        role=role,
        verdict=verdict,
        boxes=tuple(boxes),
        position=max(by_people, default=newest.position if newest else 0),
        reviewer=reviewer or (newest.reviewer if newest else ""),
        machine=machine_verdict,
        swapped=swapped,
    )


def resolve(states: Sequence[CellState]) -> tuple[str, tuple[str, ...]]:
    """Work out the labels of a clip from the states of its cells.

    A cell that is unsure stays as it was imported. Where the primary was found absent, the class that a reviewer named
    primary takes its place; else the first class that a reviewer added; else the first one still listed; else the first
    that a machine added.

    Parameters
    ----------
    states : sequence of CellState
        All cells of the clip that are listed or were decided, as `clip_states` gives them.

    Returns
    -------
    primary : str
        "" for none.
    labels : tuple of str
        All classes that are there, the primary first.

    Examples
    --------
    >>> from labeling.journal import fold_cell, resolve
    >>> from labeling.records import Decision
    >>> absent = Decision("e1", "ann", 1, "amecro", "absent", position=1)
    >>> resolve([fold_cell(1, "amecro", "primary", [absent]), fold_cell(1, "balori", "secondary", [])])
    ('balori', ('balori',))
    """
    stays = [state for state in states if state.present or (state.unsure and state.listed)]
    named = [cell for cell in stays if cell.role == "primary"]
    named.sort(key=lambda cell: -cell.position if cell.verdict else 0)
    added = sorted((cell for cell in stays if not cell.listed and cell.verdict), key=lambda cell: cell.position)
    had_primary = any(state.role == "primary" for state in states)
    primary = ""
    if named:
        primary = named[0].class_code
    elif had_primary and (added or stays):
        primary = (added or stays)[0].class_code
    codes = [cell.class_code for cell in stays]
    if primary:
        codes = [primary] + [code for code in codes if code != primary]
    return primary, tuple(codes)
