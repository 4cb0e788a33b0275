"""What the wall's scripts ask the server for: the snippets of a class and their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from labeling import journal
from labeling.quality.scored_run import read_scored_run
from labeling.suspects.snippets import MOST_SNIPPETS, Snippet, snippets, verdicts
from labeling.workspace import Workspace
from pages.ui.player import events
from pages.ui.routes.snippet import plain_snippet
from pages.ui.shared import shapes

PATH = "/api/snippets"


@dataclass(frozen=True)
class WallQuery:
    """Which snippets: of which scored run and class, listed or not (snippets.WHICH), decided or not, in what order."""

    run: str
    scorer: str
    class_code: str
    which: str = "all"
    status: str = "all"
    order: str = "rank"
    min_p_wrong: float = 0.0

    def to_json(self) -> dict[str, str]:
        """As the query of a URL."""
        plain = {name: str(value) for name, value in asdict(self).items()}
        return plain | {"class": plain.pop("class_code")}


def query_of(params: Mapping[str, str]) -> WallQuery:
    """The inverse of WallQuery.to_json. Raises DataError for a text or number that is none."""
    return WallQuery(
        run=events.text_of(params, "run", 200),
        scorer=events.text_of(params, "scorer", 200),
        class_code=events.text_of(params, "class", 500),
        which=events.text_of(params, "which", 40) or "all",
        status=events.text_of(params, "status", 40) or "all",
        order=events.text_of(params, "order", 40) or "rank",
        min_p_wrong=events.share_of(params, "min_p_wrong"),
    )


def snippets_json(
    workspace: Workspace, secret: bytes, params: Mapping[str, str], reviewer: str = ""
) -> shapes.Snippets:
    """What `GET /api/snippets` answers: the snippets of a WallQuery, with signed URLs of sound and picture.

    ``reviewer`` is who looks. ``position`` is the journal's end when they were read; ``more`` says that there are
    others after these.
    """
    wanted = query_of(params)
    with workspace.read() as connection:
        position = journal.position(connection)
        shown = snippets(
            connection, workspace, read_scored_run(connection, wanted.run, wanted.scorer), wanted.class_code,
            which=wanted.which, status=wanted.status, order=wanted.order, min_p_wrong=wanted.min_p_wrong,
            limit=MOST_SNIPPETS + 1, reviewer=reviewer,
        )  # fmt: skip
    return {
        "position": position,
        "more": len(shown) > MOST_SNIPPETS,
        "snippets": [_plain(snippet, secret) for snippet in shown[:MOST_SNIPPETS]],
    }


def verdicts_json(workspace: Workspace, params: Mapping[str, str], reviewer: str = "") -> shapes.Verdicts:
    """What `GET /api/snippets/verdicts?class=` answers: the standing verdicts of a class by clip id."""
    with workspace.read() as connection:
        position = journal.position(connection)
        standing = verdicts(connection, events.text_of(params, "class", 500), reviewer)
    return {"position": position, "verdicts": {str(clip_id): verdict for clip_id, verdict in standing.items()}}


def _plain(snippet: Snippet, secret: bytes) -> shapes.Snippet:
    one = snippet.suspect
    sounds_s, shown_s = (one.onset_s, one.offset_s), (snippet.from_s, snippet.to_s)
    return {
        **plain_snippet(secret, one.clip_id, one.filename, snippet.channel, sounds_s, shown_s, snippet.role),
        "kind": one.kind,
        "verdict": snippet.verdict,
        "p_wrong": round(one.p_wrong, 4),
        "clipwise": round(one.clipwise, 4),
        "framewise": round(one.framewise_max, 4),
    }
