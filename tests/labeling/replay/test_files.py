"""labeling/replay/files.py and the command: kept, watched, stopped, started as a process."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labeling.__main__ import main
from labeling.errors import DataError
from labeling.replay import files
from labeling.replay.files import ReplayStopped, StoredReplay
from labeling.replay.simulation import Plan
from labeling.workspace import Workspace
from tests.support.ranked import RANKING, make_queue, store_ranking
from tests.support.replaying import PERFECT, TRUTH, truth_file


@pytest.fixture
def six(workspace: Workspace) -> Workspace:
    """Four clips and six suspects, and the truth in its place."""
    make_queue(workspace)
    store_ranking(workspace, "001-demo", rows=RANKING[:6])
    (workspace.root / "truth").mkdir()
    truth_file(workspace.root / "truth").rename(workspace.root / "truth" / "truth_labels.csv")
    return workspace


def test_a_replay_is_kept_with_its_curves(six: Workspace, tmp_path: Path) -> None:
    (truth,) = files.truth_files(six)
    assert truth.read_text(encoding="utf-8") == TRUTH
    one, outcome = files.run(six, Plan(truth, orders=("rank",), reviewer=PERFECT))
    assert (one.name, one.status, one.lives) == ("001", "done", False)
    assert files.get(six, "001") == StoredReplay(**json.loads(json.dumps(one.__dict__)))
    assert one.facts["errors"] == outcome.errors == 3
    assert [curve["order"] for curve in one.curves] == ["rank", "random", "best possible"]
    assert one.curves[0]["points"]["found"] == [0, 1, 1, 1, 2, 3, 3]
    assert one.curves[0]["summary"]["decisions_50"] == 4
    assert one.asked["reviewer"] == {"miss": 0, "false_alarm": 0, "unsure": 0, "seed": 0}
    assert files.csv_of(six, "001").startswith(b"scorer,order,decisions,seconds,found,spoiled,errors,share_found")
    assert files.next_name(six) == "002"
    assert files.csv_of(six, "002") == b""


def test_one_that_fails_says_why_where_it_has_a_name(six: Workspace, tmp_path: Path) -> None:
    plan = Plan(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot read"):
        files.run(six, plan)
    assert files.kept(six) == []
    with pytest.raises(DataError):
        files.run(six, plan, "mine")
    (one,) = files.kept(six)
    assert (one.name, one.status) == ("mine", "failed")
    assert "cannot read" in one.error
    for name in ("../up", "a b", "", "x" * 61):
        with pytest.raises(DataError, match="is not a plain name"):
            files.stop(six, name)


def test_one_is_stopped(six: Workspace) -> None:
    def ask(done: int, total: int, text: str) -> None:
        if done >= 2:
            files.stop(six, "mine")

    plan = Plan(files.truth_files(six)[0], orders=("rank",), every=2)
    with pytest.raises(ReplayStopped, match="replay mine was stopped"):
        files.run(six, plan, "mine", ask)
    one = files.get(six, "mine")
    assert one is not None
    assert (one.status, one.error, one.done, one.total) == ("stopped", "", 2, 6)
    assert files.run(six, plan, "mine")[0].status == "done"  # an old wish stops no new one


def test_who_is_silent_is_gone_and_what_is_damaged_is_passed_over(six: Workspace) -> None:
    now = datetime.now(UTC)
    one = StoredReplay("a", "running", "", (now - timedelta(seconds=5)).isoformat())
    assert one.lives
    assert not replace(one, beat_at=(now - timedelta(seconds=60)).isoformat()).lives
    assert not replace(one, beat_at="").lives
    assert not replace(one, status="done").lives
    folder = six.root / "replays"
    folder.mkdir()
    for name, text in (("bad", "{"), ("list", "[]"), ("other", '{"x": 1}')):
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    assert files.kept(six) == []


def test_the_app_starts_one_as_a_process(six: Workspace) -> None:
    flags = ["--truth", str(files.truth_files(six)[0]), "--order", "rank", "--reviewer-error", "0"]
    files.start(six, "001", flags)
    begun = files.get(six, "001")
    assert begun is not None
    assert begun.status in ("running", "done")
    deadline = time.monotonic() + 600
    while (one := files.get(six, "001")) is None or one.status == "running":
        assert time.monotonic() < deadline, files.last_words(six, "001")
        time.sleep(0.2)
    assert one.status == "done", one.error
    assert one.curves[0]["points"]["found"] == [0, 1, 1, 1, 2, 3, 3]
    while not files.last_words(six, "001"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert files.last_words(six, "001").startswith("kept as replay 001 in ")


def command(workspace: Workspace, *words: str) -> int:
    truth = str(files.truth_files(workspace)[0])
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
    assert files.kept(six) == []
