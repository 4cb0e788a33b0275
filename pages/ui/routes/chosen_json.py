"""What the wall's scripts ask the server for where stretches were chosen on the map: those that are to do, as
snippets."""

from __future__ import annotations

from collections.abc import Mapping

from labeling import journal
from labeling.collection import store
from labeling.landscape.sweeping import to_sweep
from labeling.workspace import Workspace
from pages.ui.player import events
from pages.ui.routes.similar_json import snippets_of
from pages.ui.shared import shapes

PATH = "/api/chosen"
SHOWN = 300


def chosen_json(workspace: Workspace, secret: bytes, params: Mapping[str, str]) -> shapes.Snippets:
    """What `GET /api/chosen` answers: chosen stretches that nobody has decided of the class, with signed URLs."""
    code = events.text_of(params, "class", 500)
    with workspace.read() as connection:
        position = journal.position(connection)
        if code not in store.class_ids(connection):  # nothing stands decided of it
            code = ""
        answer = to_sweep(
            workspace, connection, events.text_of(params, "chosen", 40), code,
            which=events.text_of(params, "which", 40) or "all",
            order=events.text_of(params, "order", 40) or "central", count=SHOWN,
        )  # fmt: skip
        found = snippets_of(connection, answer.found, code, secret)
    said = f"{answer.among:,} to do, {answer.decided:,} decided" if code else f"{answer.among:,} clips and stretches"
    return {"position": position, "more": answer.among > len(found), "snippets": found, "said": said}
