"""Notes, flags, "later" and "skip" as the player's scripts leave and read them, and who can be called in a note."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from labeling.errors import EarmarkError
from labeling.journal.open_cells import open_to
from labeling.reviewer import marks, mentions
from labeling.reviewer.marks import Mark
from pages.ui.player import events
from pages.ui.routes.asked import Asked
from pages.ui.shared import shapes

_log = logging.getLogger(__name__)


def leave_mark(asked: Asked) -> shapes.Marked:
    """Leave a note, a flag, "later" or "skip" on a clip, or take one back."""
    event_id, clip_id = events.event_id_of(asked.body, "event_id"), events.clip_id_of(asked.body)
    kind = events.one_of(asked.body, "kind", tuple(marks.KINDS))
    removes = events.whole_of(asked.body, "removes")
    if removes is not None:
        marks.remove(asked.workspace, removes, asked.reviewer, event_id)
        notice = f"taken back: {kind}"
    else:
        text = events.text_of(asked.body, "text", marks.MOST_SIGNS)
        answers = events.whole_of(asked.body, "reply_to")
        marks.add(asked.workspace, Mark(event_id, asked.reviewer, clip_id, kind, text, reply_to=answers))
        notice = f"saved: {kind}"
    try:
        with asked.workspace.read() as connection:
            hidden = open_to(connection, asked.reviewer, [clip_id]).hides(clip_id)
            standing = marks.of_clip(connection, clip_id, asked.reviewer, only_own=hidden)
            names = mentions.names_in(connection, [mark.text for mark in standing], asked.reviewer)
    except EarmarkError as failed:
        _log.warning("marks of clip %s after a change: %s", clip_id, failed)
        return {"notice": notice}
    return {"notice": notice, "marks": [mark_json(mark, names) for mark in standing]}


def mark_json(mark: Mark, names: Sequence[str] = ()) -> shapes.Mark:
    """A mark that stands on a clip; ``names`` are those who may be called in it."""
    return {
        "id": mark.id, "kind": mark.kind, "text": mark.text, "reviewer": mark.reviewer, "created_at": mark.created_at,
        "reply_to": mark.reply_to, "calls": [(start, end) for start, end, _ in mentions.mentioned(mark.text, names)],
    }  # fmt: skip


def people_json(asked: Asked) -> shapes.People:
    """What `GET /api/people` answers."""
    with asked.workspace.read() as connection:
        return {"names": mentions.known_names(connection)}
