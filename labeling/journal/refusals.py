"""Why an entry is refused before it reaches the journal; pure, beside entries.py."""

from __future__ import annotations

from labeling.errors import DataError, StaleDecision
from labeling.records import VERDICTS, CellState, Decision, is_machine
from labeling.storage.text import not_a_persons


def check(decision: Decision, by_machine: bool) -> None:
    """Raise DataError where an entry lacks what each has, or says what its author may not."""
    if not decision.reviewer.strip():
        raise DataError("a decision needs a reviewer's name; sign in first")
    if is_machine(decision.reviewer) != by_machine:
        raise DataError(not_a_persons(decision.reviewer) if not by_machine else f"{decision.reviewer!r} is no machine")
    if by_machine and (decision.verdict == "unsure" or decision.region is not None):
        raise DataError(f"a machine says present or absent of a whole clip, not {decision.verdict!r} of a region")
    if not decision.event_id:
        raise DataError("a decision needs an event_id; make one with journal.new_event_id()")
    if decision.undoes is None and decision.verdict not in VERDICTS:
        raise DataError(f"unknown verdict {decision.verdict!r}; choose from {', '.join(VERDICTS)}")
    if decision.role not in ("", "primary", "secondary"):
        raise DataError(f"unknown role {decision.role!r}; choose from primary, secondary")


def refuse_stale(state: CellState, seen_position: int | None, filename: str) -> None:
    """Raise StaleDecision where a cell changed after the reviewer's screen was drawn (None: whatever it is now).

    What a machine changed makes no screen stale: a person's verdict is of what they hear, and wins.
    """
    by_machine = not state.verdict and is_machine(state.reviewer)
    if seen_position is not None and state.position > seen_position and not by_machine:
        raise StaleDecision(
            f"{state.class_code} in {filename} was set to {state.verdict or 'undecided'} by {state.reviewer} in the "
            "meantime; look again"
        )
