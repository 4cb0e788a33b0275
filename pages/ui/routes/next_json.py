"""What the wall's scripts ask the server for when somebody labels for a model's sake: the next cells, as snippets."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from labeling import journal
from labeling.active.questions import Question, Questions, next_to_label
from labeling.collection import store
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects.snippets import window
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.player import events
from pages.ui.shared import shapes

PATH = "/api/next"
SHOWN = 100
"""The list is made anew after each batch."""
NEEDY = 3
"""So many of the classes that need labels most are named."""


def params_of(space: str, by: str, among: str) -> dict[str, str]:
    """The query of a URL; ``order`` is what the wall calls it, ``by`` one of orders.ORDERS."""
    return {"next": space, "by": by, "among": among, "order": "next", "class": ""}


def next_json(workspace: Workspace, secret: bytes, params: Mapping[str, str]) -> shapes.Snippets:
    """What `GET /api/next` answers: cells to label next, each a snippet that names its class, with signed URLs."""
    with workspace.read() as connection:
        position = journal.position(connection)
        asked = next_to_label(
            workspace, connection, events.text_of(params, "next", 80), events.text_of(params, "by", 40) or "hybrid",
            events.text_of(params, "among", 40) or "unlabelled", SHOWN,
        )  # fmt: skip
        clips = tables.clips.c
        ids = {one.clip_id for one in asked.questions}
        query = sa.select(clips.id, clips.duration_s, clips.channel).where(clips.id.in_(ids))
        about = {clip_id: (duration_s, channel) for clip_id, duration_s, channel in db.fetch(connection, query)}
        names = {known.code: known.name for known in store.all_classes(connection)}
        labels = tables.imported_labels.c
        codes = {number: code for code, number in store.class_ids(connection).items()}
        listed = sa.select(labels.clip_id, labels.class_id, labels.role).where(labels.clip_id.in_(ids))
        roles = {(clip_id, codes[class_id]): role for clip_id, class_id, role in db.fetch(connection, listed)}
    found = [
        _plain(one, *about[one.clip_id], names[one.class_code], roles.get((one.clip_id, one.class_code), ""), secret)
        for one in asked.questions
    ]
    return {"position": position, "more": asked.open > len(found), "snippets": found, "said": in_words(asked, names)}


def in_words(asked: Questions, names: Mapping[str, str]) -> str:
    """What the head learned from, and which classes need labels most."""
    parts = [f"learned from {asked.known:,} known labels"]
    if asked.missing:
        parts.append(f"{asked.missing:,} {'clip is' if asked.missing == 1 else 'clips are'} not in the space yet")
    if len(asked.positives) > 1:
        least = sorted(asked.positives, key=lambda code: (asked.positives[code], code))[:NEEDY]
        parts.append(
            "fewest known: " + ", ".join(f"{names.get(code, code)} {asked.positives[code]:,}" for code in least)
        )
    return " · ".join(parts)


def _plain(
    one: Question, duration_s: float, channel: int, name: str, role: str, secret: bytes
) -> shapes.Snippet:  # fmt: skip
    from_s, to_s = window((one.onset_s + one.offset_s) / 2, duration_s)
    snippet: shapes.Snippet = {
        "id": f"{one.clip_id}:{one.class_code}",
        "clip_id": one.clip_id,
        "title": one.filename,
        "kind": "",
        "role": role,
        "verdict": "",
        "p_wrong": 0.0,
        "clipwise": 0.0,
        "framewise": 0.0,
        "likely": round(one.likely, 4),
        "onset_s": round(one.onset_s, 3),
        "offset_s": round(one.offset_s, 3),
        "from_s": round(from_s, 3),
        "to_s": round(to_s, 3),
        "audio_url": signing.audio_url(secret, one.clip_id, channel),
        "tile_url": signing.tile_url(secret, one.clip_id, channel),
        "asks": one.class_code,
        "asks_name": name,
        "reason": one.why,
    }
    if one.at_random:
        snippet["at_random"] = True
    return snippet
