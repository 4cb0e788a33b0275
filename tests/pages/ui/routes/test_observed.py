"""pages/ui/routes/observed.py: each request is counted, named and told, and no secret that it came with is."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from labeling.log import lines, redaction
from pages.ui.routes.observed import PAGES, Figures, Observed
from tests.support.app.client import client_of

PLANTED = "pl4nted-s3cret"


async def _clip(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["clip_id"])


async def _fails(request: Request) -> PlainTextResponse:
    body = (await request.body()).decode()
    redaction.keep_out(body)
    raise RuntimeError(f"{request.url} {request.headers.raw} {dict(request.cookies)} {body}")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv(lines.FORMAT, "json")
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    before = list(root.handlers)
    lines.set_up()
    routes = [
        Route("/clips/{clip_id}/audio", _clip),
        Route("/healthz", _clip_of_none),
        Route("/fails", _fails, methods=["POST"]),
    ]
    observed = Middleware(Observed, figures=Figures(registry), routes=routes, says_each=True)
    yield client_of(Starlette(routes=[*routes, WebSocketRoute("/ws", _socket)], middleware=[observed]))
    root.handlers[:] = before
    logging.setLogRecordFactory(factory)


async def _clip_of_none(_: Request) -> PlainTextResponse:
    return PlainTextResponse("")


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    every = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in every if line["logger"] == "earmark.request"]


def test_requests_are_counted_by_route_and_never_by_clip(client: TestClient, registry: CollectorRegistry) -> None:
    for clip_id in range(20):
        client.get(f"/clips/{clip_id}/audio")
        client.get(f"/page-{clip_id}")
        client.request(f"ODD{clip_id}", "/healthz")
    samples = [one for family in registry.collect() for one in family.samples]
    counted = {tuple(one.labels.values()): one.value for one in samples if one.name == "earmark_requests_total"}
    assert counted == {
        ("GET", "/clips/{clip_id}/audio", "200"): 20, ("GET", PAGES, "404"): 20, ("other", "/healthz", "405"): 20,
    }  # fmt: skip
    timed = [one for one in samples if one.name == "earmark_request_duration_seconds_count"]
    assert {one.value for one in timed} == {20}


def test_an_id_goes_in_comes_out_and_stands_in_the_log(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    given = client.get("/clips/7/audio", headers={"x-request-id": "of-the-proxy-1"})
    made = client.get("/clips/7/audio", headers={"x-request-id": "<script>"})
    twice = client.get(
        "/clips/7/audio", headers=[("x-request-id", "of-the-proxy-1"), ("x-request-id", "of-the-proxy-2")]
    )
    assert given.headers["x-request-id"] == "of-the-proxy-1"
    assert re.fullmatch("[0-9a-f]{16}", made.headers["x-request-id"])
    assert re.fullmatch("[0-9a-f]{16}", twice.headers["x-request-id"])
    first = told(capsys)[0]
    assert first["request_id"] == "of-the-proxy-1"
    assert (first["route"], first["path"], first["status"]) == ("/clips/{clip_id}/audio", "/clips/7/audio", 200)
    assert 0 <= first["duration_ms"] < 5000


def test_a_failure_names_the_reference_under_which_the_log_says_why_and_no_secret(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.post(
        f"/fails?token={PLANTED}&expires=7&code={PLANTED}",
        headers={
            "authorization": f"Bearer em_{PLANTED}", "x-earmark": f"179.cml0YQ==.{PLANTED}",
            "cookie": f"earmark_0123456789={PLANTED}; _streamlit_user={PLANTED}2",
        },
        content=f"a body that is a secret as a whole, {PLANTED}",
    )  # fmt: skip
    reference = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert answer.json() == {"error": f"the server failed at this; its log says why (reference {reference})"}
    said = capsys.readouterr().err
    assert PLANTED not in said
    assert "a body that is" not in said
    failed, request = (json.loads(line) for line in said.splitlines())
    assert failed["request_id"] == request["request_id"] == reference
    assert "RuntimeError" in failed["exception"]
    assert (failed["level"], request["status"]) == ("error", 500)


def test_what_machines_ask_all_the_time_leaves_no_line(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert client.get("/healthz").status_code == 200
    assert told(capsys) == []


def test_open_pages_are_counted_while_they_are_open(client: TestClient, registry: CollectorRegistry) -> None:
    with client.websocket_connect("/ws"):
        assert registry.get_sample_value("earmark_open_pages") is not None
    client.get("/healthz")
    assert registry.get_sample_value("earmark_open_pages") == 0
