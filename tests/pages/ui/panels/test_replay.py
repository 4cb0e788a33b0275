"""pages/ui/panels/replay.py: the form, what it starts, and the curves of what ended."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.replay import jobs
from labeling.replay.learning import LearningPlan
from labeling.replay.simulation import Plan
from labeling.workspace import Workspace, open_workspace
from models import worker
from pages.ui import session
from pages.ui.panels import replay
from tests.support import ROOT
from tests.support.workspaces.ranked import RANKING, make_queue, store_ranking
from tests.support.workspaces.replaying import PERFECT, truth_file
from tests.support.workspaces.several_sounds import plant_sounds, write_truth

SCRIPT = "from pages.ui.panels import replay\nreplay.panel()\n"


@pytest.fixture
def six(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    make_queue(workspace)
    store_ranking(workspace, "001-demo", rows=RANKING[:6])
    monkeypatch.setenv(session.WORKSPACE, str(workspace.root))
    monkeypatch.chdir(ROOT)
    return workspace


def with_truth(workspace: Workspace) -> Path:
    (workspace.root / "truth").mkdir()
    return truth_file(workspace.root / "truth").rename(workspace.root / "truth" / "truth_labels.csv")


def drawn() -> AppTest:
    app = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not app.exception, [problem.value for problem in app.exception]
    return app


def test_without_a_truth_it_says_what_to_do(six: Workspace) -> None:
    app = drawn()
    assert "truth/truth_labels.csv" in app.caption[0].value
    assert not app.button


def work_off(workspace: Workspace) -> None:
    job = runs.claim(workspace, "w")
    assert job is not None
    worker.run_job(workspace, job, "w")


def test_a_replay_of_what_to_label_next_is_shown_beside_the_others(six: Workspace, tmp_path: Path) -> None:
    truth = with_truth(six)
    jobs.enqueue(six, Plan(truth, orders=("rank",), reviewer=PERFECT))
    work_off(six)
    (tmp_path / "b").mkdir()
    with closing(open_workspace(tmp_path / "b", create=True)) as other:
        holds = plant_sounds(other, clips=40, labelled=40)
        jobs.enqueue(other, LearningPlan(write_truth(tmp_path / "t.csv", holds), "ears", ("hybrid", "random"),
                                         decisions=20, reviewer=PERFECT))  # fmt: skip
        work_off(other)
        for suffix in ("json", "csv"):
            (six.root / jobs.FOLDER / f"002.{suffix}").write_bytes(
                (other.root / jobs.FOLDER / f"001.{suffix}").read_bytes().replace(b'"name": "001"', b'"name": "002"')
            )
    app = drawn()
    choice = app.selectbox(key="replay:shown")
    assert [word.split(",")[0] for word in choice.options] == ["002: next to label on ears", "001: 001-demo"]
    assert "makes the best model on the way" in app.markdown[0].value
    assert list(app.dataframe[0].value["order"]) == ["Uncertain and varied", "At random"]
    assert app.dataframe[0].value["decisions"].tolist() == [20, 20]
    assert "were held out" in app.caption[-1].value
    choice.set_value("001").run()
    assert not app.exception
    assert "find" in app.markdown[0].value


def test_the_form_queues_what_was_chosen(six: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = with_truth(six)
    runs.worker_seen(six, "elsewhere:1", "CPU")  # one that waits for jobs: the page starts none
    app = drawn()
    app.multiselect(key="replay:orders").set_value(["likely", "rank"])
    app.slider(key="replay:error").set_value(10)
    app.number_input(key="replay:rounds").set_value(1).run()
    assert "2 trainings in all" in " ".join(caption.value for caption in app.caption)
    app.selectbox(key="replay:recipe").set_value("cornell_stage1").run()
    app.button(key="replay:start").click().run()
    assert "AudioSet weights of cnn14" in app.error[0].value.replace("\\", "")  # refused before it begins
    assert jobs.kept(six) == []
    app.selectbox(key="replay:recipe").set_value("demo").run()
    app.button(key="replay:start").click().run()
    (stored,) = jobs.kept(six)
    assert (stored.name, stored.status) == ("001", "queued")
    assert stored.asked == {
        "truth": str(truth),
        "run": "001-demo",
        "scorers": ["earmark"],
        "orders": ["likely", "rank"],
        "reviewer": {"miss": 0.1, "false_alarm": 0.1, "unsure": 0.0, "seed": 0},
        "decisions": 1000,
        "every": None,
        "ask_again": False,
        "retraining": {"rounds": 1, "recipe": "demo", "every": 200, "settings": [], "folds": None, "device": "auto"},
    }
    assert not [button for button in app.button if button.key == "replay:start"]  # it is watched, until it ends
    jobs.stop(six, "001")
    app = drawn()
    app.multiselect(key="replay:orders").set_value([]).run()
    assert app.button(key="replay:start").disabled


def test_a_finished_one_shows_its_curves(six: Workspace) -> None:
    jobs.enqueue(six, Plan(with_truth(six), orders=("rank", "class"), reviewer=PERFECT, every=3))
    work_off(six)
    app = drawn()
    text = " ".join(markdown.value for markdown in app.markdown)
    verdict = (
        "“As the scorer ranks” and “Class by class” find wrong labels soonest: 1 of 3 wrong labels in the first 3 "
    )
    assert verdict in text.replace("\\", "")
    table = app.dataframe[0].value
    assert table["order"].tolist() == [
        "As the scorer ranks", "Class by class", "By chance, on average", "Best possible",
    ]  # fmt: skip
    assert table["90 % found after"].tolist()[0] == 5
    assert table["made wrong"].tolist() == [0, 0, 0, 0]
    app.segmented_control(key="replay:axis").set_value("Hours").run()
    assert not app.exception


def test_one_that_runs_is_watched_and_can_be_stopped(six: Workspace) -> None:
    job = jobs.enqueue(six, Plan(with_truth(six)), "007", worker="w")
    runs.heartbeat(six, job.id, "w", {"done": 3, "total": 12, "phase": "earmark, *likely*: 3 of 6 decisions"})
    app = drawn()
    assert not [button for button in app.button if button.key == "replay:start"]
    app.button(key="replay:stop:007").click().run()
    assert not runs.heartbeat(six, job.id, "w", {})  # its worker hears of it


def test_one_that_failed_says_why(six: Workspace) -> None:
    job = jobs.enqueue(six, Plan(with_truth(six)), "007", worker="w")
    runs.finish(six, job.id, "w", "failed", error="no *clip* fits")
    assert "no \\*clip\\* fits" in drawn().warning[0].value


def test_an_empty_workspace_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_workspace(tmp_path / "empty", create=True).close()
    monkeypatch.setenv(session.WORKSPACE, str(tmp_path / "empty"))
    monkeypatch.chdir(ROOT)
    assert len(drawn().caption) == 1


def test_orders_less_than_half_a_label_apart_are_named_together() -> None:
    def curve(order: str, scorer: str, area: float, first: float) -> dict[str, object]:
        return {"order": order, "scorer": scorer, "summary": {"area": area, "in_first_n": first}}

    curves = [curve("likely", "earmark", 0.69, 7), curve("worth", "earmark", 0.70, 8), curve("random", "", 0.4, 1.25)]
    one = SimpleNamespace(facts={"errors": 21}, curves=curves)  # 0.01 of 21 labels is 0.21 of one
    assert replay.verdict(one) == (  # type: ignore[arg-type]
        "“Most likely wrong” and “Most worth” find wrong labels soonest: 7 and 8 of 21 wrong labels in the first 21 "
        "decisions; by chance it would be about 1.2."
    )
    one.facts["errors"] = 100  # of 100 it is a whole one
    assert replay.verdict(one).startswith("“Most worth” finds wrong labels soonest: 8 of 100")  # type: ignore[arg-type]
