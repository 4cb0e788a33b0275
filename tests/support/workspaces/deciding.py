"""Verdicts on cells, said in a line."""

from __future__ import annotations

from typing import Any

from labeling import journal
from labeling.records import Decision, Shown
from labeling.workspace import Workspace


def say(workspace: Workspace, clip_id: int, code: str, verdict: str, *, audit: bool = False, **more: object) -> int:
    one = {"event_id": journal.new_event_id(), "reviewer": "ann", "shown": Shown(audit=audit)} | more
    stored = journal.append(workspace, [Decision(clip_id=clip_id, class_code=code, verdict=verdict, **one)])  # type: ignore[arg-type]
    return stored[0].position


ASKED = Shown(kind="missing", p_wrong=0.8, asked=True)


def say_asked(workspace: Workspace, clip_id: int, code: str, verdict: str = "absent", **more: Any) -> int:
    one = {"event_id": journal.new_event_id(), "reviewer": "ann", "shown": ASKED} | more
    return journal.append(workspace, [Decision(clip_id=clip_id, class_code=code, verdict=verdict, **one)])[0].position


def says(workspace: Workspace, who: str, verdict: str, clip_id: int = 1, code: str = "amecro", **more: Any) -> int:
    """One of several people."""
    one = Decision(journal.new_event_id(), who, clip_id, code, verdict, **more)
    return journal.append(workspace, [one])[0].position
