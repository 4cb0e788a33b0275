"""models/prediction/jobs.py: what is asked for is checked before it is stored, and done as the command does it."""

from __future__ import annotations

import csv
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling import runs
from labeling.collection.importing import import_collection
from labeling.errors import ConfigError, DataError, EarmarkError, UnknownName
from labeling.workspace import open_workspace
from models import worker
from models.__main__ import main
from models.prediction import jobs
from models.prediction.jobs import PredictionRequest
from models.prediction.sources import BatchSettings
from tests.support.training.tiny import RATE, tiny_recipe, tiny_workspace
from tests.support.training.untrained import untrained_run


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run, and recordings beside it, one of them a link out of their folder."""
    root = tmp_path_factory.mktemp("jobs")
    with closing(open_workspace(tiny_workspace(root / "w"))) as workspace:
        untrained_run(workspace, tiny_recipe())
    rng = np.random.default_rng(0)
    for name in ("field/a.wav", "field/b.flac", "elsewhere/c.wav"):
        (root / name).parent.mkdir(exist_ok=True)
        soundfile.write(root / name, 0.1 * rng.standard_normal(3 * RATE), RATE)
    (root / "field" / "broken.wav").write_bytes(b"RIFF nothing of a sound at all")
    (root / "field" / "link.wav").symlink_to(root / "elsewhere" / "c.wav")
    return root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "root", symlinks=False, ignore=lambda *_: ["field", "elsewhere"]))


@pytest.fixture
def workspace(root: Path) -> Any:
    with closing(open_workspace(root / "w")) as opened:
        yield opened


def summary(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "recordings.csv", newline="", encoding="utf-8") as lines:
        return {row["recording"]: row for row in csv.DictReader(lines)}


def test_a_job_writes_what_the_command_writes_and_can_be_removed(kept: Path, workspace: Any, tmp_path: Path) -> None:
    field = kept / "field"
    settings = BatchSettings(segment_s=2.0, threshold="global:0.4", classes=("high", "low"), post=("cooccurrence",))
    asked = PredictionRequest("001-demo", (str(field),), settings, (str(field),))
    job = jobs.enqueue_prediction(workspace, asked)
    assert (job.id, job.kind, job.label_version) == ("predict-001", runs.PREDICTION, 0)
    assert jobs.request_of(job) == asked
    with pytest.raises(DataError, match="predict-001 is queued; stop it first"):
        jobs.remove(workspace, "001")
    told: list[float] = []
    assert worker.work(workspace, once=True, report=lambda state: told.append(float(state["fraction"]))) == 1
    (ended,) = jobs.predictions(workspace)
    assert ended.status == "done", ended.error
    assert {name: ended.metrics[name] for name in ("recordings", "failed", "in_collection")} == {
        "recordings": 4, "failed": 2, "in_collection": 0,
    }  # fmt: skip
    assert ended.metrics["lines"][0] == "threshold global:0.4: 0.4 for every class"
    assert told[-1] == 1
    out = jobs.folder_of(workspace, "001") / jobs.TABLES
    rows = summary(out)
    assert {name: row["status"] for name, row in rows.items()} == {
        "a": "done", "b": "done", "broken": "failed", "link": "failed",
    }  # fmt: skip
    assert "is a link out of the folders that the app may use" in rows["link"]["reason"]
    words = ["predict", "001-demo", "-w", str(workspace.root), "--audio", str(field), "--out", str(tmp_path / "out")]
    words += ["--segment", "2", "--threshold", "global:0.4", "--classes", "high,low", "--post", "cooccurrence"]
    assert main(words) == 0
    for name in ("a", "b"):
        for part in (".segments.csv", ".selections.txt", ".labels.txt"):
            assert (out / f"{name}{part}").read_bytes() == (tmp_path / "out" / f"{name}{part}").read_bytes()
    assert jobs.new_name(workspace) == "002"
    jobs.remove(workspace, "001")
    assert jobs.predictions(workspace) == []
    assert not out.parent.exists()


def test_a_job_that_was_stopped_goes_on_where_it_was(kept: Path, workspace: Any) -> None:
    job = jobs.enqueue_prediction(workspace, PredictionRequest("001-demo", (str(kept / "field"),)))
    out = jobs.folder_of(workspace, jobs.name_of(job)) / jobs.TABLES
    claimed = runs.claim(workspace, "me", job.id)
    assert claimed is not None

    def report(state: Any) -> None:
        if state["fraction"] >= 0.2 and (out / "a.segments.csv").exists():
            runs.request_stop(workspace, job.id)
            asked.set()

    import threading

    asked = threading.Event()
    worker.run_job(workspace, claimed, "me", report=report, interrupted=asked, when_interrupted="stopped")
    (stopped,) = jobs.predictions(workspace)
    assert stopped.status == "stopped"
    before = (out / "a.segments.csv").stat().st_mtime_ns
    assert not (out / "link.segments.csv").exists()
    runs.requeue(workspace, job.id)
    worker.work(workspace, once=True)
    (ended,) = jobs.predictions(workspace)
    assert ended.status == "done", ended.error
    assert (out / "a.segments.csv").stat().st_mtime_ns == before
    assert (out / "link.segments.csv").exists(), "no bounds were given"


@pytest.mark.parametrize(
    ("run", "audio", "settings", "error", "words"),
    [
        ("009-x", "field", {}, DataError, "no run '009-x'"),
        ("001-demo", "none", {}, DataError, "is no file, folder or pattern"),
        ("001-demo", "field", {"threshold": "globl"}, UnknownName, "Did you mean 'global'"),
        ("001-demo", "field", {"threshold": "global:2"}, ConfigError, "must be a number from 0 to 1"),
        ("001-demo", "field", {"classes": ("hgh",)}, UnknownName, "Did you mean 'high'"),
        ("001-demo", "field", {"post": ("place_date",)}, ConfigError, "needs --about"),
        ("001-demo", "field", {"strength": 2.0}, ConfigError, "--strength 2 scales post-processors"),
        ("001-demo", "field/link.wav", {}, DataError, "c.wav is a link out of the folders"),
    ],
)
def test_what_cannot_be_predicted_is_said_and_nothing_is_queued(
    kept: Path, workspace: Any, run: str, audio: str, settings: dict[str, Any], error: type[EarmarkError], words: str
) -> None:
    field = kept / "field"
    asked = PredictionRequest(run, (str(kept / audio),), BatchSettings(**settings), (str(field),))
    with pytest.raises(error, match=words):
        jobs.enqueue_prediction(workspace, asked)
    assert jobs.predictions(workspace) == []
    assert not (workspace.root / jobs.FOLDER).exists()


def test_recordings_that_cannot_be_read_fail_the_job(kept: Path, workspace: Any) -> None:
    asked = PredictionRequest("001-demo", (str(kept / "field" / "broken.wav"),))
    jobs.enqueue_prediction(workspace, asked)
    worker.work(workspace, once=True)
    (ended,) = jobs.predictions(workspace)
    assert ended.status == "failed"
    assert "no recording could be read; the first: broken.wav" in ended.error


def test_recordings_that_were_sent_and_imported_since_stay_when_a_prediction_is_removed(workspace: Any) -> None:
    name = jobs.new_name(workspace)
    sent = jobs.folder_of(workspace, name) / jobs.SENT
    sent.mkdir()
    soundfile.write(sent / "a.wav", np.zeros(RATE), RATE)
    jobs.enqueue_prediction(workspace, PredictionRequest("001-demo", (str(sent),)), name)
    runs.request_stop(workspace, f"predict-{name}")
    import_collection(workspace, sent, format="recordings")
    (sent.parent / "log.txt").write_text("what was done")
    jobs.remove(workspace, name)
    assert [path.name for path in sent.parent.iterdir()] == [jobs.SENT]
    assert (sent / "a.wav").is_file()
    assert jobs.predictions(workspace) == []
