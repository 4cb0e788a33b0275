"""panels/embedding.py: the button queues what is asked for, a licence that asks is shown and accepted first."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling import runs
from labeling.embeddings.space import SpaceFacts, append
from labeling.workspace import open_workspace
from models import worker
from models.frozen import jobs
from pages.ui import session
from pages.ui.panels import embedding
from tests.support.app.pages import errors, show
from tests.support.workspaces.making import add_clips


def test_the_button_queues_an_embedding_and_shows_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    monkeypatch.setattr(embedding, "is_installed", lambda found: True)
    monkeypatch.setattr(jobs, "check_installed", lambda found: None)
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace)
    append(workspace, SpaceFacts("old", "imported:perch", "CC0", "", 0, 5.0, 5.0, 4), [])
    app = show(tmp_path / "w", "retrain", monkeypatch)
    assert app.selectbox(key="embed:model").options == ["aisfx", "birdnet"]  # what was made elsewhere is not made here
    app.selectbox(key="embed:model").set_value("birdnet").run()
    assert "CC BY-NC-SA 4.0: no commercial use" in app.checkbox(key="embed:accept").label
    assert app.button(key="embed:start").disabled
    app.checkbox(key="embed:accept").check().run()
    asked: list[str] = []
    monkeypatch.setattr(session, "check_typed", asked.append)  # what is chosen may be typed
    app.button(key="embed:start").click().run()
    assert errors(app) == ""
    assert asked == ["birdnet"]
    (job,) = jobs.embedding_jobs(workspace)
    assert (job.id, job.status, jobs.request_of(job).accepted) == ("embed-birdnet", "queued", True)
    assert "**embed\\-birdnet**" in [one.value for one in app.markdown]

    claimed = runs.claim(workspace, "me")
    assert claimed is not None
    runs.heartbeat(
        workspace, job.id, "me", {"clips": 3, "total": 4, "stretches": 9, "audio_s_per_s": 80, "fraction": 0.7}
    )
    assert jobs.words(jobs.embedding_jobs(workspace)[0]) == "3 of 4 new clips, 9 stretches, 80 s of sound a second"
    app.button(key="stop:embed-birdnet").click().run()
    assert jobs.embedding_jobs(workspace)[0].stop_requested

    app.selectbox(key="embed:model").set_value("aisfx").run()
    assert any("Weights: CC BY 4.0" in one.value for one in app.caption)
    workspace.close()
