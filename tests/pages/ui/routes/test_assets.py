"""pages/ui/routes/assets.py: the components' scripts, fetched once a version."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.ui.player.component import PLAYER
from pages.ui.routes.assets import asset_routes
from pages.ui.shared import assets
from pages.ui.shared.component import Component
from pages.ui.wall.component import WALL
from tests.support.app.client import client_of


@pytest.fixture
def client() -> TestClient:
    return client_of(Starlette(routes=asset_routes()))


@pytest.mark.parametrize("component", [PLAYER, WALL])
def test_a_script_comes_compressed_and_is_kept_for_good(client: TestClient, component: Component) -> None:
    asset, script = component.script_asset(), component.read_script()
    with client.stream("GET", f"/{asset.path}", headers={"accept-encoding": "gzip"}) as answer:
        sent = b"".join(answer.iter_raw())
    assert gzip.decompress(sent).decode() == script
    assert len(sent) < len(script) / 3
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = client.get(f"/{asset.path}", headers={"accept-encoding": ""})
    assert plain.text == script
    assert "content-encoding" not in plain.headers


def test_another_script_has_another_address_and_one_that_is_not_there_says_so(client: TestClient) -> None:
    first, second = assets.publish("a.js", "let a = 1;\n"), assets.publish("a.js", "let a = 2;\n")
    assert first is assets.publish("a.js", "let a = 1;\n")
    assert first.path != second.path
    assert [client.get(f"/{one.path}").text for one in (first, second)] == ["let a = 1;\n", "let a = 2;\n"]
    for path in ("assets/0/a.js", "assets/", "assets/../app.py", f"{first.path}/"):
        assert client.get(f"/{path}").status_code == 404


def test_a_component_sends_streamlit_the_address_alone() -> None:
    asset = PLAYER.script_asset()
    loaded = assets.loader(asset)
    assert len(loaded) < 300
    assert json.loads(re.findall(r'".*?"', loaded)[0]) == asset.path
    assert "\n" in loaded.strip()  # else Streamlit takes it for the path of a file
