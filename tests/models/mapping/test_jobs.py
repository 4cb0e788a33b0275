"""jobs.py: what cannot be made is refused before it is queued."""

from __future__ import annotations

import pytest

from labeling import runs
from labeling.errors import ConfigError, DataError, UnknownName
from labeling.workspace import Workspace
from models.mapping import jobs
from models.mapping.jobs import MapRequest, enqueue_map, map_jobs, request_of, words
from tests.support.workspaces.planted import plant


def test_a_job_says_what_was_asked_and_is_queued_once(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    request = MapRequest("toy", seed=5, neighbours=30, min_dist=0.2)
    job = enqueue_map(workspace, request)
    assert (job.id, request_of(job), words(job)) == ("map-toy", request, "waits for a worker")
    with pytest.raises(DataError, match="map-toy is queued or runs"):
        enqueue_map(workspace, request)
    runs.drop_waiting(workspace, job.id)
    assert enqueue_map(workspace, MapRequest("toy")).status == "queued"
    assert [one.id for one in map_jobs(workspace)] == ["map-toy"]


def test_what_cannot_be_made_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, said in (
        ({"neighbours": 1}, "--neighbours 1 is outside 2 to 200"),
        ({"min_dist": 1.5}, "--min-dist 1.5 is outside"),
        ({"seed": -1}, "--seed -1 is outside"),
    ):
        with pytest.raises(ConfigError, match=said):
            MapRequest("toy", **given)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="unknown space 'toy'"):
        enqueue_map(workspace, MapRequest("toy"))
    plant(workspace, clips=12)
    monkeypatch.setattr(jobs, "is_installed", lambda: False)
    with pytest.raises(ConfigError, match="pip install"):
        enqueue_map(workspace, MapRequest("toy"))
    assert map_jobs(workspace) == []
