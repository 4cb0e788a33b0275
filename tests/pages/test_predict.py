"""pages/predict.py: what is asked for is queued as said, and what cannot be is said by the button."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.records import Run
from labeling.workspace import open_workspace
from models import worker
from models.prediction import jobs
from tests.support.app.pages import errors, show


@pytest.fixture
def root(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trained workspace and a folder of recordings beside it; no worker starts."""
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    (own_copy.parent / "field").mkdir()
    soundfile.write(own_copy.parent / "field" / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(32000), 32000)
    return own_copy


def text(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.markdown, *app.caption, *app.info]).replace("\\", "")


def asked(root: Path) -> list[Run]:
    return list(jobs.predictions(open_workspace(root)))


def test_a_prediction_is_queued_as_the_page_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "predict", monkeypatch)
    assert errors(app) == ""
    assert app.button(key="predict").disabled
    app.text_input(key="predict:path").set_value(str(root.parent / "field")).run()
    app.selectbox(key="predict:rule").set_value("clip_and_frame").run()
    app.number_input(key="predict:clip_and_frame:FRAME").set_value(0.45).run()
    app.number_input(key="predict:segment").set_value(2.0).run()
    app.multiselect(key="predict:post").set_value(["cooccurrence"]).run()
    app.number_input(key="predict:strength").set_value(0.5).run()
    app.button(key="predict").click().run()
    assert errors(app) == ""
    (job,) = asked(root)
    request = jobs.request_of(job)
    assert (request.run, request.audio) == ("001-demo", (str(root.parent / "field"),))
    assert str(root) in request.below
    settings = request.settings
    assert (settings.threshold, settings.segment_s) == ("clip_and_frame:0.3,0.45", 2.0)
    assert (settings.post, settings.strength, settings.classes) == (("cooccurrence",), 0.5, None)
    assert "Prediction **001** by 001-demo" in text(app)
    app.button(key="stop:predict-001").click().run()
    assert asked(root)[0].status == "stopped"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc", "/etc is not in a folder that the app may use"),
        ("{field}/../../../etc/*", "is not in a folder that the app may use"),
        ("{field}/none", "is no file, folder or pattern to predict"),
        ("{field}/link.wav", "is not in a folder that the app may use"),
        ("{field}/l*.wav", "is a link out of the folders that the app may use"),
    ],
)
def test_paths_obey_the_folders_that_the_owner_allows(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, path: str, words: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.wav"
    shutil.copy(root.parent / "field" / "a.wav", outside)
    (root.parent / "field" / "link.wav").symlink_to(outside)
    app = show(root, "predict", monkeypatch)
    app.text_input(key="predict:path").set_value(path.format(field=root.parent / "field")).run()
    app.button(key="predict").click().run()
    assert words in errors(app).replace("\\", "")
    assert asked(root) == []
    assert list((root / jobs.FOLDER).iterdir()) == [], "nothing stays behind"


def test_the_thresholds_and_what_they_decide_are_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "predict", monkeypatch)
    app.session_state["predict:thresholds"] = True
    app.selectbox(key="predict:rule").set_value("global").run()
    assert "for every class (best F1 out of fold)" in text(app)
    app.number_input(key="predict:global:P").set_value(1.0).run()
    table = next(one.value for one in app.dataframe if "threshold" in one.value)
    assert (table["threshold"] == 1).all()
    assert table["clips decided"].sum() == 0
    assert table["precision"].isna().all(), "of nothing"
    assert (table["recall"] == 0).all()
    app.number_input(key="predict:global:P").set_value(0.0).run()
    table = next(one.value for one in app.dataframe if "threshold" in one.value)
    assert (table["recall"] == 1).all()
    np.testing.assert_allclose(table["precision"], table["clips that list it"] / table["clips decided"])


def test_what_became_of_a_prediction_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(root)
    job = jobs.enqueue_prediction(workspace, jobs.PredictionRequest("001-demo", (str(root.parent / "field"),)))
    runs.claim(workspace, "me", job.id)
    runs.finish(workspace, job.id, "me", "failed", error="no recording could be read; the first: *a*")
    app = show(root, "predict", monkeypatch)
    app.session_state["ended:predict-001"] = True
    app.run()
    assert "no recording could be read; the first: *a*" in " ".join(one.value for one in app.error).replace("\\", "")
    app.button(key="again:predict-001").click().run()
    assert asked(root)[0].status == "queued"
    runs.request_stop(workspace, job.id)
    app = show(root, "predict", monkeypatch)
    app.session_state["ended:predict-001"] = True
    app.run()
    app.button(key="remove:predict-001").click().run()
    assert asked(root) == []


def test_without_a_run_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_workspace(tmp_path / "w", create=True).close()
    app = show(tmp_path / "w", "predict", monkeypatch)
    assert errors(app) == ""
    assert "train one first" in text(app)
