"""labeling/runs/jobs.py"""

from __future__ import annotations

import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from labeling import runs
from labeling.errors import DataError
from labeling.journal import versions
from labeling.records import Run
from labeling.storage import tables
from labeling.workspace import Workspace


@pytest.fixture
def frozen(any_collection: Workspace) -> Workspace:
    """A workspace with label version 1."""
    versions.freeze(any_collection, "ann")
    return any_collection


def get(workspace: Workspace, run_id: str) -> Run:
    with workspace.read() as connection:
        return runs.get_run(connection, run_id)


def fall_silent(workspace: Workspace, run_id: str, seconds: float = runs.STALE_AFTER_S + 1) -> None:
    then = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")
    with workspace.write() as connection:
        connection.execute(sa.update(tables.runs).where(tables.runs.c.id == run_id).values(heartbeat_at=then))


def test_a_queued_run_comes_back_as_it_was_asked_for(frozen: Workspace) -> None:
    queued = runs.enqueue(frozen, "quick", 1, settings=["epochs=3", "name=a,b"], folds=3, device="cpu")
    assert get(frozen, queued.id) == queued
    assert (queued.id, queued.status, queued.settings, queued.folds) == (
        "001-quick",
        "queued",
        ("epochs=3", "name=a,b"),
        3,
    )
    with frozen.read() as connection:
        assert runs.all_runs(connection) == [queued]
        with pytest.raises(DataError, match="no run 'nope'; choose from 001-quick"):
            runs.get_run(connection, "nope")
    with pytest.raises(DataError, match="no label version 7; choose from 1 to 1"):
        runs.enqueue(frozen, "quick", 7)


@pytest.mark.parametrize(
    "recipe", ["demo", "../../etc/passwd", "/a/b c.toml", "C:\\x\\..", "=cmd()", "", "🦉", "x" * 300]
)
def test_an_id_is_a_plain_name_whatever_the_recipe(collection: Workspace, recipe: str) -> None:
    versions.freeze(collection, "ann")
    run = runs.enqueue(collection, recipe, 1)
    assert re.fullmatch(r"001-[A-Za-z0-9_-]{1,40}", run.id)
    assert collection.run_dir(run.id).parent == collection.runs


def test_ids_are_unique_when_many_queue_at_once(frozen: Workspace) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: runs.enqueue(frozen, "demo", 1), range(12)))
    assert sorted(run.id for run in made) == [f"{number:03d}-demo" for number in range(1, 13)]


def test_the_oldest_is_claimed_first_and_only_once(frozen: Workspace) -> None:
    queued = [runs.enqueue(frozen, name, 1) for name in ("b", "a")]
    first, second = runs.claim(frozen, "w1"), runs.claim(frozen, "w2")
    assert first is not None
    assert second is not None
    assert [first.id, second.id] == [run.id for run in queued]
    assert (first.status, first.worker) == ("running", "w1")
    assert runs.is_alive(first)
    assert first.started_at
    assert runs.claim(frozen, "w3") is None


def test_several_workers_get_each_job_once(frozen: Workspace) -> None:
    wanted = {runs.enqueue(frozen, "demo", 1).id for _ in range(10)}

    def work(worker: int) -> list[str]:
        mine = []
        while run := runs.claim(frozen, f"w{worker}"):
            mine.append(run.id)
        return mine

    with ThreadPoolExecutor(6) as pool:
        taken = [run_id for mine in pool.map(work, range(6)) for run_id in mine]
    assert sorted(taken) == sorted(wanted)


@pytest.mark.postgres
def test_postgresql_skips_a_job_that_another_is_just_taking(postgres_workspace: Workspace) -> None:
    from tests.support.workspaces.making import add_clips

    add_clips(postgres_workspace)
    versions.freeze(postgres_workspace, "ann")
    first, second = (runs.enqueue(postgres_workspace, "demo", 1) for _ in range(2))
    held = sa.select(tables.runs.c.id).where(tables.runs.c.id == first.id).with_for_update()
    with ThreadPoolExecutor(1) as pool, postgres_workspace.write() as connection:
        connection.execute(held)
        claimed = pool.submit(runs.claim, postgres_workspace, "w").result(timeout=10)  # it does not wait
        assert claimed is not None
        assert claimed.id == second.id
        assert runs.claim(postgres_workspace, "w2") is None


def test_the_job_of_a_silent_worker_is_claimed_again(frozen: Workspace) -> None:
    run = runs.enqueue(frozen, "demo", 1)
    first = runs.claim(frozen, "w1")
    assert first is not None
    fall_silent(frozen, run.id, runs.STALE_AFTER_S - 20)
    assert runs.claim(frozen, "w2") is None
    fall_silent(frozen, run.id)
    assert not runs.is_alive(get(frozen, run.id))
    taken = runs.claim(frozen, "w2")
    assert taken is not None
    assert (taken.worker, taken.started_at) == ("w2", first.started_at)
    assert not runs.heartbeat(frozen, run.id, "w1", {"epoch": 9})
    assert runs.heartbeat(frozen, run.id, "w2", {"epoch": 1})
    runs.finish(frozen, run.id, "w1", "failed", error="late")  # nobody listens to it any more
    assert (get(frozen, run.id).status, get(frozen, run.id).progress) == ("running", {"epoch": 1})


def test_a_dead_workers_job_is_claimed_though_the_clock_was_set_back(
    frozen: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.enqueue(frozen, "demo", 1)
    runs.claim(frozen, "w1")
    runs.worker_seen(frozen, "w1", "cpu")
    fall_silent(frozen, run.id, -3600)  # its last word, an hour from now
    with frozen.write() as connection:
        connection.execute(sa.update(tables.workers).values(heartbeat_at=get(frozen, run.id).heartbeat_at))
    with frozen.read() as connection:
        assert not runs.is_alive(get(frozen, run.id))
        assert runs.live_workers(connection) == {}
    assert runs.claim(frozen, "w2") is None  # from here on its silence counts
    assert runs.heartbeat(frozen, run.id, "w1", {})  # had it lived, it would keep its job
    monkeypatch.setattr("labeling.runs.jobs.STALE_AFTER_S", 0.05)
    time.sleep(0.1)
    taken = runs.claim(frozen, "w2")
    assert taken is not None
    assert taken.id == run.id


def test_a_job_whose_worker_died_before_the_clock_was_set_back_can_be_stopped(
    frozen: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.enqueue(frozen, "demo", 1)
    runs.claim(frozen, "w1")
    fall_silent(frozen, run.id, -3600)
    runs.request_stop(frozen, run.id)
    assert get(frozen, run.id).status == "running"
    monkeypatch.setattr("labeling.runs.jobs.STALE_AFTER_S", 0.05)
    time.sleep(0.1)
    assert runs.claim(frozen, "w2") is None
    assert get(frozen, run.id).status == "stopped"


def test_a_heartbeat_says_when_to_stop(frozen: Workspace) -> None:
    run = runs.enqueue(frozen, "demo", 1, worker="w1")
    assert run.status == "running"
    assert runs.heartbeat(frozen, run.id, "w1", {"loss": math.nan})
    assert get(frozen, run.id).progress == {"loss": None}
    runs.request_stop(frozen, run.id)
    assert get(frozen, run.id).status == "running"
    assert not runs.heartbeat(frozen, run.id, "w1", {})
    runs.finish(frozen, run.id, "w1", "stopped")
    assert get(frozen, run.id).status == "stopped"
    assert not runs.heartbeat(frozen, run.id, "w1", {})


def test_a_run_that_nobody_works_on_stops_at_once(frozen: Workspace) -> None:
    waiting = runs.enqueue(frozen, "demo", 1)
    runs.request_stop(frozen, waiting.id)
    silent = runs.enqueue(frozen, "demo", 1, worker="dead")
    fall_silent(frozen, silent.id)
    runs.request_stop(frozen, silent.id)
    for run in (waiting, silent):
        assert get(frozen, run.id).status == "stopped"
        assert get(frozen, run.id).ended_at
    assert runs.claim(frozen, "w") is None


def test_a_stop_that_the_worker_did_not_live_to_hear_is_kept(frozen: Workspace) -> None:
    given_back, died, released = (runs.enqueue(frozen, "demo", 1, worker="w") for _ in range(3))
    for run in (given_back, died, released):
        runs.request_stop(frozen, run.id)
    runs.finish(frozen, given_back.id, "w", "queued")
    runs.release(frozen, released.id, "w")
    fall_silent(frozen, died.id)
    assert runs.claim(frozen, "w2") is None
    assert {get(frozen, run.id).status for run in (given_back, died, released)} == {"stopped"}


def test_a_job_given_back_is_queued_for_another(frozen: Workspace) -> None:
    run = runs.enqueue(frozen, "demo", 1, worker="w1")
    runs.finish(frozen, run.id, "w1", "queued")
    assert (get(frozen, run.id).status, get(frozen, run.id).ended_at) == ("queued", "")
    taken = runs.claim(frozen, "w2")
    assert taken is not None
    runs.release(frozen, run.id, "w1")  # not its job any more
    assert get(frozen, run.id).worker == "w2"
    runs.release(frozen, run.id, "w2")
    assert get(frozen, run.id).status == "queued"


def test_only_a_stopped_or_failed_run_is_queued_again(frozen: Workspace) -> None:
    run = runs.enqueue(frozen, "demo", 1)
    for status in ("queued", "running", "done"):
        with frozen.write() as connection:
            connection.execute(sa.update(tables.runs).values(status=status))
        with pytest.raises(DataError, match=f"run 001-demo is {status}; only a stopped or failed one can be resumed"):
            runs.requeue(frozen, run.id)
        assert get(frozen, run.id).status == status
    for status in ("stopped", "failed"):
        with frozen.write() as connection:
            connection.execute(sa.update(tables.runs).values(status=status, error="boom", stop_requested=True))
        runs.requeue(frozen, run.id)
        again = get(frozen, run.id)
        assert (again.status, again.error, again.stop_requested) == ("queued", "", False)
    with pytest.raises(DataError, match="no run 'nope'"):
        runs.requeue(frozen, "nope")


def test_a_named_run_is_resumed_also_when_it_was_stopped(frozen: Workspace) -> None:
    older, run = runs.enqueue(frozen, "demo", 1), runs.enqueue(frozen, "demo", 1)
    runs.request_stop(frozen, run.id)
    taken = runs.claim(frozen, "w", run.id)
    assert taken is not None
    assert (taken.id, taken.status, taken.stop_requested) == (run.id, "running", False)
    assert runs.claim(frozen, "w2", run.id) is None  # it is alive
    assert get(frozen, older.id).status == "queued"


def test_a_job_that_ended_is_forgotten_but_no_training(frozen: Workspace) -> None:
    job = runs.enqueue_job(frozen, runs.PREDICTION, "predict-001", {"run": "001-demo"})
    with pytest.raises(DataError, match="predict-001 is queued; stop it first"):
        runs.forget_job(frozen, job.id)
    runs.request_stop(frozen, job.id)
    training = runs.enqueue(frozen, "demo", 1, request={"stage": 2, "after": "001-demo"})
    runs.request_stop(frozen, training.id)
    for job_id in (job.id, training.id, "predict-002"):
        runs.forget_job(frozen, job_id)
    with frozen.read() as connection:
        assert [one.id for one in runs.all_jobs(connection)] == [training.id]
    assert dict(get(frozen, training.id).request) == {"stage": 2, "after": "001-demo"}


def test_the_newest_finished_run(frozen: Workspace) -> None:
    with frozen.read() as connection:
        assert runs.newest_done(connection) is None
    first, second, third = (runs.enqueue(frozen, "demo", 1, worker="w") for _ in range(3))
    runs.finish(frozen, second.id, "w", "done", metrics={"macro_ap": 0.5, "absent": math.nan})
    runs.finish(frozen, first.id, "w", "done", metrics={"macro_ap": 0.6})
    runs.finish(frozen, third.id, "w", "failed", error="x" * 9000)
    with frozen.read() as connection:
        newest = runs.newest_done(connection)
    assert newest is not None
    assert newest.id == first.id
    assert get(frozen, second.id).metrics == {"macro_ap": 0.5, "absent": None}
    assert len(get(frozen, third.id).error) == 4000
    runs.set_metrics(frozen, first.id, {"macro_ap": 0.7})
    assert get(frozen, first.id).metrics == {"macro_ap": 0.7}


def test_workers_that_wait_are_known_while_they_are_heard_of(frozen: Workspace) -> None:
    runs.worker_seen(frozen, "host:1", "cpu")
    runs.worker_seen(frozen, "host:1", "cuda")
    runs.worker_seen(frozen, "host:2", "cpu")
    with frozen.read() as connection:
        assert runs.live_workers(connection) == {"host:1": "cuda", "host:2": "cpu"}
    then = (datetime.now(UTC) - timedelta(seconds=runs.STALE_AFTER_S + 1)).isoformat(timespec="microseconds")
    with frozen.write() as connection:
        connection.execute(sa.update(tables.workers).where(tables.workers.c.name == "host:1").values(heartbeat_at=then))
    runs.worker_gone(frozen, "host:2")
    with frozen.read() as connection:
        assert runs.live_workers(connection) == {}
