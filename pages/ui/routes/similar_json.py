"""What the wall's scripts ask the server for in a search: stretches like some examples, as snippets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.search.finding import Answer, FoundStretch, more_like
from labeling.search.query import Query, read_examples, written
from labeling.search.remaining import left_in_words
from labeling.suspects.snippets import window
from labeling.workspace import Workspace
from pages.ui.player import events
from pages.ui.routes.snippet import clips_of, plain_snippet, roles_of
from pages.ui.shared import shapes

PATH = "/api/similar"
SHOWN = 300
"""A search is answered anew after each batch: no more than anybody decides before the next."""
LONGEST_LIKE = 4_000


def params_of(query: Query) -> dict[str, str]:
    """A query as that of a URL."""
    return {
        "space": query.space, "class": query.class_code, "like": written(query), "which": query.which,
        "among": query.among, "order": query.order,
    }  # fmt: skip


def query_of(params: Mapping[str, str]) -> Query:
    """The inverse of `params_of`. Raises DataError for what is no query."""
    examples, sounds, verified = read_examples(events.text_of(params, "like", LONGEST_LIKE))
    return Query(
        events.text_of(params, "space", 80), events.text_of(params, "class", 500), examples, sounds, verified,
        which=events.text_of(params, "which", 40) or "missing", among=events.text_of(params, "among", 40) or "all",
        order=events.text_of(params, "order", 40) or "alike",
    )  # fmt: skip


def similar_json(workspace: Workspace, secret: bytes, params: Mapping[str, str]) -> shapes.Snippets:
    """What `GET /api/similar` answers: the stretches that a query finds, with signed URLs of sound and picture.

    ``said`` tells in words what the verdicts so far make of what comes next.
    """
    query = query_of(params)
    with workspace.read() as connection:
        position = journal.position(connection)
        if query.class_code not in store.class_ids(connection):  # nothing stands decided of it
            query = replace(query, class_code="")
        answer = more_like(workspace, connection, query, SHOWN)
        found = snippets_of(connection, answer.found, query.class_code, secret)
    if query.order == "random":
        found = [{**one, "at_random": True} for one in found]
    return {"position": position, "more": answer.among > len(found), "snippets": found, "said": in_words(answer)}


def snippets_of(
    connection: Connection, found: Sequence[FoundStretch], class_code: str, secret: bytes
) -> list[shapes.Snippet]:
    """Stretches as the wall shows them, of those clips that are there still."""
    clip_ids = {one.clip_id for one in found}
    clips, roles = clips_of(connection, clip_ids), roles_of(connection, clip_ids)
    return [
        _plain(one, clips[one.clip_id], roles.get((one.clip_id, class_code), ""), secret)
        for one in found
        if one.clip_id in clips
    ]


def in_words(answer: Answer) -> str:
    """What the verdicts say so far, and what they make of the next ones."""
    heard = f"{answer.accepted:,} present, {answer.rejected:,} absent so far"
    if not answer.found:
        return heard
    parts = [heard, f"how many of the next {min(20, len(answer.found))} are it is not known yet"]
    if answer.outlook is not None:
        of, low, high = answer.outlook.of, answer.outlook.low, answer.outlook.high
        interval = f"likely {low} to {high}" if low < high else f"likely {low}"
        parts[1] = f"of the next {of} about {round(answer.outlook.expected)} are it ({interval})"
    if answer.remaining is not None and answer.accepted + answer.rejected + answer.remaining.heard:
        parts.append(left_in_words(answer.remaining))
    return " · ".join(parts)


def _plain(one: FoundStretch, clip: tuple[str, float, int], role: str, secret: bytes) -> shapes.Snippet:
    title, duration_s, channel = clip
    shown_s = window((one.onset_s + one.offset_s) / 2, duration_s)
    snippet: shapes.Snippet = {
        **plain_snippet(secret, one.clip_id, title, channel, (one.onset_s, one.offset_s), shown_s, role),
        "similarity": round(one.similarity, 4),
        "of_stretch": one.of_recording,
    }
    if one.of_recording:
        snippet["id"] = f"{one.clip_id}@{one.onset_s:.3f}"
    if one.likely is not None:
        snippet["likely"] = round(one.likely, 4)
    return snippet
