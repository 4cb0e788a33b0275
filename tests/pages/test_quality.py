"""pages/quality.py and its short part on the overview, drawn by Streamlit's own test runner."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from labeling import journal, runs
from labeling.collection import store
from labeling.disagreement.scoring import score_run
from labeling.disagreement.stored_ranking import read_ranking
from labeling.quality import audit
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Shown
from labeling.replay import jobs
from labeling.replay.learning import LearningPlan
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from tests.support.app.pages import errors, show
from tests.support.workspaces.making import add_clips, copy_workspace
from tests.support.workspaces.several_sounds import plant_sounds, write_truth


def words(app) -> str:
    return " ".join(one.value for one in (*app.markdown, *app.caption, *app.info, *app.title))


def metrics(app) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


def decide(workspace: Workspace, suspect_rows: int, random_looks: int) -> None:
    """Confirm so many suspects' doubts, and answer so many random looks as the labels have it."""
    with workspace.read() as connection:
        run = queue.current(connection)
        assert run is not None
        rows = queue.rows(connection, read_scored_run(connection, *run), QueueFilter(), limit=suspect_rows)
        ranking = read_ranking(connection, *run)
        codes = {number: code for code, number in store.class_ids(connection).items()}
    made = [
        Decision(
            f"s{k}", "rita", row.suspect.clip_id, row.suspect.class_code,
            "present" if row.suspect.kind == "missing" else "absent", run_id=run[0],
            shown=queue.as_shown(row, run[1]),
        )
        for k, row in enumerate(rows)
    ]  # fmt: skip
    asked = {(one.clip_id, one.class_code) for one in made}
    for place in audit.order(ranking):
        cell = int(ranking.clip_id[place]), codes[int(ranking.class_id[place])]
        if cell not in asked and len(made) < len(rows) + random_looks:
            verdict = "present" if ranking.given[place] else "absent"
            made.append(Decision(f"a{len(made)}", "rita", *cell, verdict, run_id=run[0], shown=Shown(audit=True)))
    journal.append(workspace, made)


@pytest.fixture
def scored(tmp_path: Path, trained: Path) -> Path:
    copy_workspace(trained, tmp_path / "w")
    return tmp_path / "w"


def test_without_clips_and_without_a_run_it_says_what_to_do(tmp_path, monkeypatch):
    for name in ("empty", "untrained"):
        workspace = open_workspace(tmp_path / name, create=True)
        if name == "untrained":
            add_clips(workspace)
        workspace.close()
        app = show(tmp_path / name, "quality", monkeypatch)
        assert errors(app) == ""
        assert "No run is scored yet" in words(app)
        assert metrics(app) == {}


def test_a_replay_of_what_to_label_next_is_shown_before_any_run(tmp_path, monkeypatch):
    with closing(open_workspace(tmp_path / "w", create=True)) as workspace:
        truth = write_truth(tmp_path / "t.csv", plant_sounds(workspace, clips=40, labelled=40))
        jobs.enqueue(workspace, LearningPlan(truth, "ears", ("random",), decisions=20))
        job = runs.claim(workspace, "w")
        assert job is not None
        jobs.run_replay(workspace, job, "w")
    app = show(tmp_path / "w", "quality", monkeypatch)
    assert errors(app) == ""
    assert "No run is scored yet" in words(app)
    assert "“At random” makes the best model on the way" in words(app)


def test_before_any_verdict_each_answer_says_how_to_know_it(scored, monkeypatch):
    app = show(scored, "quality", monkeypatch)
    assert errors(app) == ""
    shown = metrics(app)
    assert shown["Wrong and missing labels"] == shown["Wrong labels left"] == "not known"
    assert "Wrong listed labels left" not in shown  # what is known of nothing is said once
    assert shown["Found in the next hour"] == "not known"
    said = words(app)
    assert "listen to 30 listed labels and to 30 classes that a clip does not list, drawn at random" in said
    assert "So far that is a guess" in said
    assert "0 verdicts" in said
    low, high = next(value for name, value in shown.items() if name.startswith("Wrong among the next")).split(" to ")
    assert 0 <= int(low) <= int(high) <= 20


def test_after_verdicts_the_figures_are_those_of_the_audit(scored, monkeypatch):
    workspace = open_workspace(scored)
    decide(workspace, 20, 70)
    with workspace.read() as connection:
        run = queue.current(connection)
        rates = {
            (one.kind, one.class_id): one for one in audit.noise_rates(connection, read_scored_run(connection, *run))
        }
        left = {one.kind: one for one in audit.remaining(connection, read_scored_run(connection, *run))}
    app = show(scored, "quality", monkeypatch)
    assert errors(app) == ""
    shown = metrics(app)
    listed = rates["false", None]
    assert listed.audited >= 30
    assert float(shown["Listed labels that are wrong"].split()[0]) == pytest.approx(100 * listed.value, abs=0.51)
    assert shown["Wrong labels left"] == f"at most {left['all'].at_most:,}"
    assert f"{listed.audited} random looks say so" in words(app)
    assert len(app.get("plotly_chart")) >= 1
    overview = show(scored, "overview", monkeypatch)
    assert f"At most {left['all'].at_most:,} wrong labels are left" in words(overview)


def test_it_says_which_runs_speak(scored, monkeypatch):
    workspace = open_workspace(scored)
    run_id, _ = score_run(workspace)
    workspace.close()
    app = show(scored, "quality", monkeypatch)
    assert errors(app) == ""
    said = words(app).replace("\\", "")
    assert re.search(rf"changes the odds: .*what run {run_id} hears ×\d+\.\d", said)
    assert f"the neighbours that run {run_id} found ×" in said
    assert "how training took to a listed class ×" in said


def test_names_of_classes_are_data(scored, monkeypatch):
    import sqlalchemy as sa

    from labeling.storage import tables

    workspace = open_workspace(scored)
    with workspace.write() as connection:
        connection.execute(sa.update(tables.classes).values(name="<b>a</b> $x$ [l](u) " + 60 * "long "))
    decide(workspace, 10, 60)
    app = show(scored, "quality", monkeypatch)
    assert errors(app) == ""
    assert "<b>" not in words(app)


def test_the_overview_leads_to_the_page(scored, monkeypatch):
    app = show(scored, "overview", monkeypatch)
    assert errors(app) == ""
    assert "suspects" in words(app)
    assert any("may I stop" in str(one.proto.label) for one in app.get("page_link"))
