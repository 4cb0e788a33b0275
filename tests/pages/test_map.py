"""pages/map.py, drawn by Streamlit's own test runner."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.embeddings.space import ClipVectors, append, open_space
from labeling.landscape.projection import keep_projection, space_digest
from labeling.workspace import open_workspace
from models import worker
from tests.support.app.pages import errors, show
from tests.support.workspaces.planted import FACTS, plant
from tests.support.workspaces.ranked import finished_run, store_ranking


@pytest.fixture
def root(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a space, and a run that doubts one class in three clips; no worker is started."""
    plant(workspace, clips=12)
    rows = tuple((rank, rank, "rare", "missing", 0.8, 0.9, 0.9, 0) for rank in (1, 2, 3))
    store_ranking(workspace, finished_run(workspace), rows=rows)
    monkeypatch.setattr(worker, "ensure_worker", lambda *given: None)
    return Path(workspace.root)


def told(app: AppTest) -> dict[str, Any]:
    assert not errors(app)
    (mounted,) = app.get("bidi_component")
    return json.loads(mounted.proto.json)  # type: ignore[no-any-return]


def test_before_any_space_it_says_what_to_do(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_workspace(tmp_path / "new", create=True)):
        app = show(tmp_path / "new", "map", monkeypatch)
    assert "hear the collection with a frozen model first" in app.info[0].value
    assert not errors(app)


def test_at_once_it_shows_the_principal_components(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "map", monkeypatch)
    data = told(app)
    assert (data["method"], data["by"], data["filter"], data["has_queue"]) == ("PCA", "class", None, True)
    assert data["count"] == 12 * 9 + 2 * 99
    names = [name for name, _ in data["choices"]]
    assert names[:6] == ["class", "kind", "p_wrong", "decided", "recordist", "prediction"]
    assert any("first two principal components" in one.value for one in app.caption)


def test_a_press_queues_the_map_and_a_changed_space_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "map", monkeypatch)
    app.number_input(key="map_seed").set_value(5)
    app.button(key="map_make").click().run()
    with closing(open_workspace(root)) as workspace:
        with workspace.read() as connection:
            job = runs.get_job(connection, "map-toy")
        assert job is not None
        assert (job.kind, job.status, job.request["seed"]) == ("map", "queued", 5)
        runs.request_stop(workspace, job.id)
        rows = len(open_space(workspace, "toy"))
        at = np.random.default_rng(0).random((rows, 2))
        keep_projection(workspace, "toy", space_digest(workspace, "toy"), at, np.zeros(rows), {"seed": 5})
    app = show(root, "map", monkeypatch)
    data = told(app)
    assert data["method"] == "UMAP"
    assert "cluster" in [name for name, _ in data["choices"]]
    with closing(open_workspace(root)) as workspace:
        append(workspace, FACTS, [ClipVectors(1, "new", np.ones((1, FACTS.size)), np.zeros(1), np.ones(1))])
    app = show(root, "map", monkeypatch)
    assert told(app)["method"] == "PCA"
    assert "has changed since its map was made" in app.info[0].value


def test_the_filter_is_the_queues(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "map", monkeypatch)
    app.toggle(key="map_filtered").set_value(True).run()
    assert told(app)["filter"] == {}
    app.multiselect(key="queue_classes").set_value(["rare"]).run()
    assert told(app)["filter"] == {"class": "rare"}
    assert dict(app.query_params) == {"filter": "1", "class": "rare", "space": "toy"}
    app.toggle(key="map_filtered").set_value(False).run()
    assert told(app)["filter"] is None
