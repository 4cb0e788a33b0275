"""The light pages without a browser: what is asked of them, and what is made of their answers."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.workspace import Workspace
from pages.ui.light.places import places_json
from pages.ui.light.routes import light_routes
from pages.ui.routes.api import api_routes
from pages.ui.rows.cells_json import decide_cells
from pages.ui.rows.rows_json import queue_json
from tests.support.app.client import client_of

SECRET = b"s" * 32
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028<!--"


def light_client(workspace: Workspace) -> TestClient:
    """A client of the light pages, and of the routes that they ask."""
    more = {"/api/list": places_json, "/api/queue": queue_json}
    routes = [
        *light_routes(lambda: workspace, lambda: SECRET),
        *api_routes(lambda: workspace, lambda: SECRET, more, {"/api/cells": decide_cells}),
    ]
    return client_of(Starlette(routes=routes), follow_redirects=False)


class Page(HTMLParser):
    """What a browser makes of an answer: its elements, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[dict[str, str | None]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        name = self.attributes[-1].get("id") or self.tags[-1] if self.tags else ""
        self.texts[name] = self.texts.get(name, "") + data

    @property
    def given(self) -> Any:
        return json.loads(self.texts["given"])
