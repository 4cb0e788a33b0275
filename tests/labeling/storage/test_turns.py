"""labeling/storage/turns.py: whoever asked first writes first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from labeling import journal
from labeling.errors import WorkspaceLocked
from labeling.records import Decision
from labeling.storage import turns
from labeling.storage.turns import TurnTimeout, turn
from labeling.workspace import Workspace, open_workspace
from tests.support import ROOT


def queued(line: turns.Line, count: int) -> None:
    """Wait until so many stand in line."""
    give_up = time.monotonic() + 10
    while len(line._waiting) < count:
        assert time.monotonic() < give_up
        time.sleep(0.001)


def test_threads_write_in_the_order_in_which_they_asked(tmp_path: Path) -> None:
    file, order = str(tmp_path / "a.db"), []

    def write(number: int) -> None:
        with turn(file, 10) as begun:
            begun()
            order.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    with turn(file, 10):
        for number, thread in enumerate(threads):
            thread.start()
            queued(turns._lines[file], number + 1)
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order == list(range(12))
    with turn(str(tmp_path / "b.db"), 0.1), turn(file, 0.1):  # of two files none waits for the other
        pass


def test_who_waited_too_long_gives_its_place_up(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    with turn(file, 1), pytest.raises(TurnTimeout), turn(file, 0.05):
        pass
    with turn(file, 0.05):
        pass


def test_a_writer_that_fails_lets_the_next_one_in(collection: Workspace) -> None:
    with pytest.raises(KeyError), collection.write():
        raise KeyError("a bug")
    journal.append(collection, [Decision("e", "ann", 1, "amecro", "absent")])


def test_a_writer_that_waits_for_itself_is_told_so(collection: Workspace) -> None:
    hasty = open_workspace(collection.root, busy_timeout_s=0.1)
    with hasty.write(), pytest.raises(WorkspaceLocked, match="try again in a moment"), hasty.write():
        pass
    hasty.close()


GREEDY = """
    import sys, threading
    from labeling import journal
    from labeling.records import Decision
    from labeling.workspace import open_workspace
    workspace = open_workspace(sys.argv[1])
    def write(writer):
        for number in range(10_000):
            journal.append(workspace, [Decision(f"{writer}-{number}", "ann", 1, "amecro", "absent")])
            if not number:
                print("begun", flush=True)
    for writer in range(4):
        threading.Thread(target=write, args=(writer,)).start()
"""


def test_a_program_with_many_writers_keeps_no_other_out_nor_does_it_when_killed(collection: Workspace) -> None:
    command = [sys.executable, "-c", textwrap.dedent(GREEDY), str(collection.root)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as greedy:
        assert greedy.stdout
        assert greedy.stdout.readline() == "begun\n"
        before, slowest_s = _end(collection), 0.0
        for number in range(8):
            began = time.monotonic()
            journal.append(collection, [Decision(f"mine-{number}", "bob", 2, "amecro", "absent")])
            slowest_s = max(slowest_s, time.monotonic() - began)
        theirs = _end(collection) - before - 8
        os.kill(greedy.pid, signal.SIGKILL)
    assert theirs < 8 * 6, "each of mine waited for more than one of theirs"
    assert slowest_s < 2
    began = time.monotonic()
    journal.append(collection, [Decision("last", "bob", 3, "amecro", "absent")])
    assert time.monotonic() - began < 2


def _end(workspace: Workspace) -> int:
    with workspace.read() as connection:
        return journal.position(connection)


def test_a_program_that_forks_at_the_door_leaves_no_lock_to_its_child(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    with turn(file, 1):
        child = os.fork()
        if not child:
            time.sleep(30)
            os._exit(0)
    try:
        began = time.monotonic()
        with turn(file, 20):
            assert time.monotonic() - began < 15  # the child sleeps for 30
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
