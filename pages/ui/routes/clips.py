"""One clip as somebody asks for it: in the list of a run, for a second look, for an adjudication."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from labeling.agreement import disagreements
from labeling.errors import EarmarkError
from labeling.people import roles
from labeling.records import WORTH_HEARING
from labeling.review import second_looks
from labeling.review.clip_view import clip_view
from labeling.reviewer import marks, mentions
from pages.ui.player import events
from pages.ui.routes.asked import Asked, NotFound
from pages.ui.routes.clip_json import clip_json
from pages.ui.shared import shapes

_log = logging.getLogger(__name__)


def scored_of(view: Mapping[str, Any]) -> tuple[str, str] | None:
    """The run and the scorer of a list; None where it names none."""
    run_id, scorer = events.text_of(view, "run", 200), events.text_of(view, "scorer", 200)
    return (run_id, scorer) if run_id and scorer else None


def calibrated_at(view: Mapping[str, Any]) -> int | None:
    """The journal position that this list's likelihoods stand on; None where it names none that there could be."""
    text = str(view.get("at") or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def read_clip(asked: Asked, clip_id: int, view: Mapping[str, Any]) -> shapes.Clip:
    """The clip as the player shows it. ``view`` says of which run, from what likelihood on, and how it is asked."""
    p = events.share_of(view, "p") or WORTH_HEARING
    mode, class_code = events.one_of(view, "mode", events.MODES), events.text_of(view, "class", 500)
    shown_clip = clip_view(
        asked.workspace,
        clip_id,
        scored_of(view),
        min_p_wrong=p,
        reviewer=asked.reviewer,
        compare=events.text_of(view, "compare", 200),
        unseen=class_code if mode == "again" else "",
        calibrated_at=calibrated_at(view),
    )
    if shown_clip is None:
        raise NotFound(f"there is no clip {clip_id} in this workspace")
    if mode == second_looks.ADJUDICATE:
        roles.check(asked.person, "adjudicate")
    with asked.workspace.read() as connection:
        hides = shown_clip.independent and mode != second_looks.ADJUDICATE
        left_here = marks.of_clip(connection, clip_id, asked.reviewer, only_own=hides)
        sides = disagreements.sides(connection, clip_id, class_code) if mode == second_looks.ADJUDICATE else None
        names = mentions.names_in(connection, [mark.text for mark in left_here], asked.reviewer)
    return clip_json(
        shown_clip, left_here, asked.secret, asked.reviewer, mode=mode, class_code=class_code, sides=sides, names=names
    )


def clip_after(asked: Asked, clip_id: int, view: object) -> shapes.WithClip:
    """The clip, once something is stored; nothing where it cannot be read now, and the player asks for it anew.

    What is stored is acknowledged whatever fails here: a press called "not saved" would be made once more.
    """
    try:
        return {"clip": read_clip(asked, clip_id, view if isinstance(view, Mapping) else {})}
    except Exception as failed:
        _log.warning("clip %s after a change: %s", clip_id, failed, exc_info=not isinstance(failed, EarmarkError))
        return {}
