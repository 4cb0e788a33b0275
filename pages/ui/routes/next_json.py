"""What the wall's scripts ask the server for when somebody labels for a model's sake: the next cells, as snippets."""

from __future__ import annotations

from collections.abc import Mapping

from labeling import journal
from labeling.active.questions import Question, Questions, next_to_label
from labeling.collection import store
from labeling.suspects.snippets import window
from labeling.workspace import Workspace
from pages.ui.player import events
from pages.ui.routes.snippet import clips_of, plain_snippet, roles_of
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
        names = {known.code: known.name for known in store.all_classes(connection)}
        clip_ids = {one.clip_id for one in asked.questions}
        clips, roles = clips_of(connection, clip_ids), roles_of(connection, clip_ids)
    found = [
        _plain(one, clips[one.clip_id], names[one.class_code], roles.get((one.clip_id, one.class_code), ""), secret)
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


def _plain(one: Question, clip: tuple[str, float, int], name: str, role: str, secret: bytes) -> shapes.Snippet:
    title, duration_s, channel = clip
    shown_s = window((one.onset_s + one.offset_s) / 2, duration_s)
    snippet: shapes.Snippet = {
        **plain_snippet(secret, one.clip_id, title, channel, (one.onset_s, one.offset_s), shown_s, role),
        "id": f"{one.clip_id}:{one.class_code}",
        "likely": round(one.likely, 4),
        "asks": one.class_code,
        "asks_name": name,
        "reason": one.why,
    }
    if one.at_random:
        snippet["at_random"] = True
    return snippet
