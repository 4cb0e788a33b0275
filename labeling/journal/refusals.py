"""Why an entry is refused before it reaches the journal; pure, beside entries.py."""

from __future__ import annotations

from labeling.errors import DataError, StaleDecision
from labeling.records import MOST_ID, VERDICTS, CellState, Decision, is_machine
from labeling.storage.text import not_a_persons


def check(decision: Decision, by_machine: bool) -> None:
    """Raise DataError where an entry lacks what each has, or says what its author may not."""
    if not decision.reviewer.strip():
        raise DataError("a decision needs a reviewer's name; sign in first")
    if is_machine(decision.reviewer) != by_machine:
        raise DataError(not_a_persons(decision.reviewer) if not by_machine else f"{decision.reviewer!r} is no machine")
    if by_machine and (decision.verdict == "unsure" or decision.region is not None):
        raise DataError(f"a machine says present or absent of a whole clip, not {decision.verdict!r} of a region")
    for name in ("event_id", "batch_id", "reviewer", "class_code", "note", "run_id"):
        if "\0" in getattr(decision, name):
            raise DataError(f"the decision's {name} holds a NUL; leave it out")
    if decision.seen_position is not None and not 0 <= decision.seen_position <= MOST_ID:
        raise DataError(f"seen_position {decision.seen_position} is no position of the journal; reload the page")
    if not decision.event_id:
        raise DataError("a decision needs an event_id; make one with journal.new_event_id()")
    if decision.undoes is None and decision.verdict not in VERDICTS:
        raise DataError(f"unknown verdict {decision.verdict!r}; choose from {', '.join(VERDICTS)}")
    if decision.role not in ("", "primary", "secondary"):
        raise DataError(f"unknown role {decision.role!r}; choose from primary, secondary")


def refuse_reused(stored: Decision, said: Decision) -> None:
    """Raise DataError where an event id that is stored comes again for something else: that one would be lost."""
    if _what(stored) != _what(said):
        raise DataError(
            f"event {said.event_id} is stored already as {stored.verdict} of {stored.class_code} in clip "
            f"{stored.clip_id} by {stored.reviewer}; give {said.verdict} of {said.class_code} in clip {said.clip_id} "
            "an event id of its own"
        )


def _what(said: Decision) -> tuple[object, ...]:
    return said.reviewer.strip(), said.clip_id, said.class_code, said.verdict, said.region, said.note, said.undoes


def is_stale(state: CellState, seen_position: int | None) -> bool:
    """Whether a cell changed after the reviewer's screen was drawn (None: whatever it is now).

    What a machine changed makes no screen stale: a person's verdict is of what they hear, and wins.
    """
    by_machine = not state.verdict and is_machine(state.reviewer)
    return seen_position is not None and state.position > seen_position and not by_machine


def refuse_stale(state: CellState, seen_position: int | None, filename: str) -> None:
    """Raise StaleDecision where `is_stale` says so."""
    if is_stale(state, seen_position):
        raise StaleDecision(
            f"{state.class_code} in {filename} was set to {state.verdict or 'undecided'} by {state.reviewer} in the "
            "meantime; look again"
        )
