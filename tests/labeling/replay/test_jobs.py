"""labeling/replay/jobs.py and the command: queued, watched, stopped, kept."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from labeling import runs
from labeling.__main__ import main
from labeling.errors import ArtefactError, DataError
from labeling.records import Run
from labeling.replay import jobs
from labeling.replay.jobs import StoredReplay
from labeling.replay.simulation import Plan, plan_of
from labeling.replay.training import Retraining
from labeling.storage import tables
from labeling.workspace import Workspace
from models import worker
from tests.support.workspaces.ranked import RANKING, make_queue, store_ranking
from tests.support.workspaces.replaying import PERFECT, TRUTH, truth_file

OLD = {
    "name": "001", "status": "done", "created_at": "2026-01-02T03:04:05", "beat_at": "2026-01-02T03:05:05", "done": 6,
    "total": 6, "text": "", "error": "", "asked": {}, "facts": {"errors": 3, "run_id": "001-demo"}, "curves": [],
}  # fmt: skip


@pytest.fixture
def six(workspace: Workspace) -> Workspace:
    """Four clips and six suspects, and the truth in its place."""
    make_queue(workspace)
    store_ranking(workspace, "001-demo", rows=RANKING[:6])
    (workspace.root / "truth").mkdir()
    truth_file(workspace.root / "truth").rename(workspace.root / "truth" / "truth_labels.csv")
    return workspace


def plan_for(workspace: Workspace, **changes: Any) -> Plan:
    return replace(Plan(jobs.truth_files(workspace)[0], orders=("rank",), reviewer=PERFECT), **changes)


def claimed(workspace: Workspace) -> Run:
    job = runs.claim(workspace, "w")
    assert job is not None
    return job


def test_a_replay_is_a_job_that_a_worker_does_and_keeps(six: Workspace) -> None:
    assert jobs.truth_files(six)[0].read_text(encoding="utf-8") == TRUTH
    queued = jobs.enqueue(six, plan_for(six))
    assert (queued.id, queued.kind, queued.status, queued.label_version) == ("replay-001", "replay", "queued", 1)
    waiting = jobs.get(six, "001")
    assert waiting is not None
    assert (waiting.status, waiting.lives, jobs.csv_of(six, "001")) == ("queued", True, b"")
    assert worker.run_job(six, claimed(six), "w").status == "done"
    (stored,) = jobs.kept(six)
    assert stored == jobs.get(six, "001")
    assert (stored.name, stored.status, stored.lives, stored.created_at) == ("001", "done", False, queued.created_at)
    assert stored.facts["errors"] == 3
    assert [curve["order"] for curve in stored.curves] == ["rank", "random", "best possible"]
    assert stored.curves[0]["points"]["found"] == [0, 1, 1, 1, 2, 3, 3]
    assert stored.curves[0]["summary"]["decisions_50"] == 4
    assert stored.asked["reviewer"] == {"miss": 0, "false_alarm": 0, "unsure": 0, "seed": 0}
    assert jobs.csv_of(six, "001").startswith(b"scorer,order,decisions,seconds,found,spoiled,errors,share_found")
    assert jobs.next_name(six) == "002"


def test_a_replay_is_no_run(six: Workspace) -> None:
    jobs.enqueue(six, plan_for(six), "mine")
    worker.run_job(six, claimed(six), "w")
    with six.read() as connection:
        assert [run.id for run in runs.all_runs(connection)] == ["001-demo"]
        newest = runs.newest_done(connection)
        assert newest is not None
        assert newest.id == "001-demo"
        with pytest.raises(DataError, match="no run 'replay-mine'; choose from 001-demo"):
            runs.get_run(connection, "replay-mine")
    assert runs.enqueue(six, "quick", 1).id == "002-quick"


def test_a_plan_is_kept_whole() -> None:
    training = Retraining(2, "demo", 20, ("train.epochs=1",), 3, "cpu")
    reviewer = replace(PERFECT, unsure=0.1, seed=3)
    plan = Plan(Path("/t.csv"), "001-demo", ("earmark",), ("rank", "worth"), reviewer, 50, 5, training)
    assert plan_of(json.loads(json.dumps(plan.as_json()))) == plan
    assert plan_of(json.loads(json.dumps(Plan(Path("/t.csv")).as_json()))) == Plan(Path("/t.csv"))


def test_what_cannot_be_replayed_is_refused_before_there_is_a_row(six: Workspace, tmp_path: Path) -> None:
    for plan, text in (
        (plan_for(six, truth=tmp_path / "none.csv"), "cannot read"),
        (plan_for(six, run_id="009"), "no run '009'"),
        (plan_for(six, scorers=("nope",)), "unknown scorer 'nope'"),
    ):
        with pytest.raises(DataError, match=text):
            jobs.enqueue(six, plan, "mine")
    for name in ("../up", "a b", "x" * 61):
        with pytest.raises(DataError, match="is not a plain name"):
            jobs.enqueue(six, plan_for(six), name)
    assert jobs.kept(six) == []
    assert not (six.root / "replays").exists()


def test_one_that_fails_on_the_way_says_why(six: Workspace) -> None:
    jobs.enqueue(six, plan_for(six, retraining=Retraining(3, "demo", 5)))
    with pytest.raises(DataError, match="the last training would come after 15 decisions, and there are 6 in all"):
        worker.run_job(six, claimed(six), "w")
    (stored,) = jobs.kept(six)
    assert (stored.status, stored.asked["retraining"]["rounds"]) == ("failed", 3)
    assert stored.error.startswith("--retrain 3 --every 5: the last training")


def test_what_nobody_foresaw_leaves_its_traceback(six: Workspace) -> None:
    queued = jobs.enqueue(six, plan_for(six))
    with six.write() as connection:
        connection.execute(sa.update(tables.runs).where(tables.runs.c.id == queued.id).values(request={}))
    with pytest.raises(ArtefactError, match=r"KeyError: 'retraining'; the traceback is in the log, 001\.log"):
        worker.run_job(six, claimed(six), "w")
    assert "Traceback" in (six.root / "replays" / "001.log").read_text(encoding="utf-8")


def test_one_is_stopped_and_its_name_is_free_again(six: Workspace) -> None:
    jobs.enqueue(six, plan_for(six, every=2), "mine")
    with pytest.raises(DataError, match="replay-mine is queued or runs; wait for its end"):
        jobs.enqueue(six, plan_for(six), "mine")

    def ask(progress: Any) -> None:
        if progress["done"] >= 2:
            jobs.stop(six, "mine")
            while not stopping():
                pass

    def stopping() -> bool:  # the worker's heart has heard of it
        stored = jobs.get(six, "mine")
        return stored is not None and stored.done >= 2

    assert worker.run_job(six, claimed(six), "w", report=ask).status == "stopped"
    stored = jobs.get(six, "mine")
    assert stored is not None
    assert (stored.status, stored.error, stored.total, stored.lives) == ("stopped", "", 6, False)
    jobs.enqueue(six, plan_for(six), "mine")
    assert worker.run_job(six, claimed(six), "w").status == "done"  # an old wish stops no new one
    with pytest.raises(DataError, match="no run 'replay-none'"):
        jobs.stop(six, "none")


def test_replays_kept_before_they_were_jobs_are_listed(six: Workspace) -> None:
    folder = six.root / "replays"
    folder.mkdir()
    cut = OLD | {"name": "002", "status": "running", "created_at": "2026-01-03T00:00:00"}
    texts = {"001": json.dumps(OLD), "002": json.dumps(cut), "bad": "{", "list": "[]", "other": '{"x": 1}'}
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    newer, older = jobs.kept(six)
    assert (newer.name, newer.status, newer.error) == ("002", "failed", "it was cut short")
    assert older == jobs.get(six, "001")
    facts = {"errors": 3, "run_id": "001-demo"}
    assert older == StoredReplay("001", "done", "2026-01-02T03:04:05", 6, 6, facts=facts, curves=[])
    assert jobs.next_name(six) == "003"


def command(workspace: Workspace, *words: str) -> int:
    truth = str(jobs.truth_files(workspace)[0])
    return main(["replay", "--workspace", str(workspace.root), "--truth", truth, *words])


def test_the_command_prints_a_line_a_curve_and_writes_a_csv(
    six: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "curves.csv"
    assert command(six, "--order", "rank", "--order", "class", "--miss", "0", "--false-alarm", "0", "--step", "2",
                   "--csv", str(target)) == 0  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("run 001-demo: 3 wrong labels, 3 of them among the 6 suspects")
    assert lines[1].split() == [
        "scorer",
        "order",
        "50",
        "%",
        "90",
        "%",
        "90",
        "%,",
        "h",
        "first",
        "3",
        "area",
        "spoiled",
        "missed",
        "again",
    ]
    assert lines[2].split()[:4] == ["earmark", "rank", "4", "5"]
    assert [line.split()[1] for line in lines[2:6]] == ["rank", "class", "random", "best"]
    with open(target, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["found"] for row in rows if row["order"] == "rank"] == ["0.0", "1.0", "1.0", "1.0", "2.0", "3.0", "3.0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reviewer-error", "0.6"), "--reviewer-error 0.6 is outside 0 to 0.5"),
        (("--miss", "-1"), "--miss -1 is outside 0 to 0.5"),
        (("--unsure", "nan"), "--unsure nan is outside 0 to 0.5"),
        (("--retrain", "1", "--recipe", "demo"), "--retrain needs --every N"),
        (("--retrain", "1", "--every", "5"), "--retrain needs --recipe NAME"),
        (("--recipe", "demo"), "say how to retrain; add --retrain ROUNDS"),
        (("--name", "a/b"), "--name 'a/b' is not a plain name"),
        (("--order", "likly"), "Did you mean 'likely'"),
        (("--scorer", "nope"), "unknown scorer 'nope'"),
    ],
)
def test_flags_that_cannot_be_used(
    words: tuple[str, ...], said: str, six: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(six, *words) == 1
    assert said in capsys.readouterr().err
    assert jobs.kept(six) == []
