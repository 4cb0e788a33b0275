"""labeling/journal/entries.py: many reviewers, many processes, and a process that is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from labeling import journal
from labeling.journal import versions
from labeling.records import Decision
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from tests.support import ROOT
from tests.support.workspaces.making import add_clips

CODES = ("amecro", "balori", "cangoo", "daejun")


def decide(clip_id: int = 1, code: str = "amecro", verdict: str = "absent", **more: object) -> Decision:
    """A decision by ann, with a fresh event id unless one is given."""
    values = {"event_id": journal.new_event_id(), "reviewer": "ann"} | more
    return Decision(clip_id=clip_id, class_code=code, verdict=verdict, **values)  # type: ignore[arg-type]


def rows(workspace: Workspace, table: sa.Table) -> list[tuple[object, ...]]:
    with workspace.read() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(table)))


def test_twenty_reviewers_at_once_lose_and_double_nothing(any_collection: Workspace) -> None:
    def review(reviewer: int) -> list[Decision]:
        mine = []
        for number in range(4):
            one = decide(
                1 + (reviewer + number) % 4, CODES[number], reviewer=f"r{reviewer}", event_id=f"{reviewer}-{number}"
            )
            mine += journal.append(any_collection, [one])
            mine += journal.append(any_collection, [one])  # a retry, as after a lost answer
        return mine

    with ThreadPoolExecutor(20) as pool:
        acknowledged = [one for mine in pool.map(review, range(20)) for one in mine]
    with any_collection.read() as connection:
        stored = journal.decisions_where(connection)
    assert {one.event_id for one in stored} == {f"{r}-{n}" for r in range(20) for n in range(4)}
    assert len(stored) == 80
    assert {one.position for one in acknowledged} == {one.position for one in stored}
    check_cells(any_collection)


def check_cells(workspace: Workspace) -> None:
    """``cells`` equals the fold of the whole journal."""
    with workspace.read() as connection:
        folded = {
            (clip_id, one.class_code, one.verdict, one.position)
            for clip_id, states_of_clip in versions.corrected_clips(connection, journal.position(connection))
            for one in states_of_clip
            if one.verdict
        }
        query = sa.select(
            tables.cells.c.clip_id, tables.classes.c.code, tables.cells.c.verdict, tables.cells.c.position
        ).join(tables.classes, tables.classes.c.id == tables.cells.c.class_id)
        assert {tuple(row) for row in connection.execute(query)} == folded


def _append_in_a_process(root: str, reviewer: int, count: int) -> None:
    workspace = open_workspace(root)
    for number in range(count):
        one = decide(1 + number % 4, CODES[reviewer % 4], reviewer=f"r{reviewer}", event_id=f"{reviewer}-{number}")
        journal.append(workspace, [one])
    workspace.close()


def test_processes_at_once_lose_nothing(collection: Workspace) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_in_a_process, args=(str(collection.root), i, 15)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(rows(collection, tables.decisions)) == 45
    check_cells(collection)


@pytest.mark.postgres
def test_postgresql_shows_positions_in_the_order_of_commits(
    postgres_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clips(postgres_workspace)
    insert = db.insert_one

    def slow_insert(connection: sa.Connection, table: sa.Table, values: dict[str, object]) -> int:
        key = insert(connection, table, values)
        if table is tables.decisions and key % 3 == 0:
            time.sleep(0.02)  # its id is given, it is not yet committed: others would overtake it here
        return key

    monkeypatch.setattr(db, "insert_one", slow_insert)
    writing = threading.Event()
    views: list[list[int]] = []
    frozen: list[tuple[int, str]] = []

    def watch() -> None:
        while not writing.is_set():
            with postgres_workspace.read() as connection:
                views.append([one.position for one in journal.decisions_where(connection)])

    def freeze() -> None:
        while not writing.is_set():
            version = versions.freeze(postgres_workspace, "ann")
            frozen.append((version.number, version.content_hash))

    def write(reviewer: int) -> None:
        for number in range(8):
            verdict = ("present", "absent", "unsure")[number % 3]
            journal.append(postgres_workspace, [decide(1 + reviewer % 4, CODES[number % 4], verdict)])

    with ThreadPoolExecutor(8) as pool:
        watchers = [pool.submit(watch), pool.submit(freeze)]
        for done in [pool.submit(write, reviewer) for reviewer in range(6)]:
            done.result()
        writing.set()
        for watcher in watchers:
            watcher.result()
    assert len(rows(postgres_workspace, tables.decisions)) == 48
    assert len(views) > 3
    final = views[-1]
    for view in views:  # who saw position p saw all that will ever be at or below p
        assert view == [position for position in final if not view or position <= view[-1]][: len(view)]
        assert set(view) == {position for position in final if position <= max(view, default=0)}
    assert len({number for number, _ in frozen}) > 1
    with postgres_workspace.read() as connection:
        for number, content_hash in frozen:
            assert versions.labels_of_version(connection, number).content_hash == content_hash
    check_cells(postgres_workspace)


def test_kill_9_loses_nothing_that_was_acknowledged(collection: Workspace) -> None:
    script = f"""
        from labeling import journal
        from labeling.records import Decision
        from labeling.workspace import open_workspace
        workspace = open_workspace({str(collection.root)!r})
        number = 0
        while True:
            event_id, number = f"burst-{{number}}", number + 1
            verdict = ("present", "absent", "unsure")[number % 3]
            journal.append(workspace, [Decision(event_id, "ann", 1 + number % 4, "amecro", verdict)])
            print(event_id, flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        acknowledged = [child.stdout.readline().strip() for _ in range(40)]
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += child.stdout.read().split()
    stored = {one[1] for one in rows(collection, tables.decisions)}
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + 1  # one may have been on the disk, its answer not yet out
    assert "burst-39" in acknowledged
    check_cells(collection)
    journal.append(collection, [decide()])
