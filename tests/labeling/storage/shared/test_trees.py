"""Folders on a real S3 server: what goes up, what comes down, and what faults and other machines do to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labeling.errors import WorkspaceCorrupt, WorkspaceError, WorkspaceUnreachable
from labeling.storage import remote
from labeling.storage.shared import trees
from labeling.storage.shared.records import files_of
from labeling.storage.shared.trees import MANIFEST, Shared
from tests.support import ROOT
from tests.support.servers.faults import Faults

URL = "s3://birds/team"
RUN = "runs/001-quick"
Machine = Callable[[str], Shared]


@pytest.fixture
def machine(s3: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Machines by name, each with a folder of its own; all see what is new at once."""
    monkeypatch.setattr(trees, "FRESH_S", 0.0)
    monkeypatch.setattr(trees, "DOWN_S", 0.0)
    return lambda name: Shared(tmp_path / name, URL, 1e9)


def write(shared: Shared, tree: str = RUN, **contents: str) -> None:
    """Files of a tree: ``a__b="x"`` is the file ``a/b``."""
    for name, text in contents.items():
        path = shared.root / tree / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def contents(shared: Shared, tree: str = RUN) -> dict[str, str]:
    return {name: (shared.root / tree / name).read_text() for name in files_of(shared.root / tree)}


def test_what_one_machine_publishes_another_has(machine: Machine, s3: Faults) -> None:
    here, there = machine("a"), machine("b")
    write(here, log="begun", checkpoints__fold0="weights", empty="")
    (here.root / RUN / ".log.5f.part").write_text("half")
    assert here.publish(RUN) == 12
    assert there.trees() == [RUN]
    there.bring(RUN, lambda name: "checkpoints" not in name)
    assert contents(there) == {"log": "begun", "empty": ""}
    assert contents_of(there.bring(RUN)) == {"log": "begun", "empty": "", "checkpoints/fold0": "weights"}
    write(here, log="done")
    (here.root / RUN / "empty").unlink()
    s3.forget()
    assert here.publish(RUN) == 4  # what is there already is not sent again
    there.bring(RUN)
    assert contents(there) == {"log": "done", "checkpoints/fold0": "weights"}
    s3.forget()
    there.bring(RUN)
    assert [one.method for one in s3.asked] == ["HEAD"]  # nothing is new
    # who has only a part of a tree takes nothing away from the rest
    third = machine("c")
    third.bring(RUN, lambda name: name == "log")
    write(third, log="and more")
    third.publish(RUN)
    here.bring(RUN)
    assert contents(here) == {"log": "and more", "checkpoints/fold0": "weights"}


def contents_of(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in files_of(folder)}


@pytest.mark.parametrize("fault", [403, 503, "gone"])
@pytest.mark.parametrize("at", ["files", MANIFEST])
def test_a_publication_that_is_cut_short_changes_nothing_and_goes_on(
    machine: Machine, s3: Faults, fault: int | str, at: str
) -> None:
    here, there = machine("a"), machine("b")
    write(here, one="1", two="2", three="3")
    here.publish(RUN)
    there.bring(RUN)
    write(here, one="one", two="two", three="three", four="four")
    left = [2]

    def broken(method: str, path: str) -> int | str | None:
        if method == "PUT" and at in path:
            left[0] -= 1
            return fault if at == MANIFEST or left[0] < 0 else None
        return None

    s3.fault = broken
    with pytest.raises(WorkspaceUnreachable, match=r"could not write runs/001-quick/.*birds/team") as caught:
        here.publish(RUN)
    assert "a-secret-of-tests" not in str(caught.value)
    s3.forget()
    there.bring(RUN)
    assert contents(there) == {"one": "1", "two": "2", "three": "3"}
    third = machine("c")
    third.bring(RUN)
    assert contents(third) == contents(there)
    s3.forget()
    here.publish(RUN)
    sent = [one for one in s3.asked if one.method == "PUT" and "/files/" in one.path]
    assert len(sent) == (2 if at == "files" else 0)  # the rest was there
    there.bring(RUN)
    assert contents(there) == contents(here)


@pytest.mark.parametrize("fault", [500, 503, "cut", "gone", "slow"])
def test_a_store_that_stumbles_is_asked_again(machine: Machine, s3: Faults, fault: int | str) -> None:
    here, there = machine("a"), machine("b")
    write(here, one="1" * 1000, two="2")
    s3.first(fault, times=2)
    here.publish(RUN)
    s3.first(fault, times=2)
    there.bring(RUN)
    assert contents(there) == contents(here)


def test_a_copy_does_where_the_store_does_not_answer(machine: Machine, s3: Faults) -> None:
    here, there = machine("a"), machine("b")
    write(here, one="1")
    here.publish(RUN)
    there.bring(RUN)
    for fault in (403, 503, "gone"):
        s3.first(fault, times=99)
        there.bring(RUN)
        assert contents(there) == {"one": "1"}
        with pytest.raises(WorkspaceUnreachable, match="could not read runs/001-quick"):
            machine(f"c{fault}").bring(RUN)
        with pytest.raises(WorkspaceUnreachable):  # to go on with a run, the newest of it is needed
            there.bring(RUN, take_over=True)


def test_a_store_that_is_down_is_not_asked_at_each_look(
    machine: Machine, s3: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine("a")
    write(here, one="1")
    here.publish(RUN)
    monkeypatch.setattr(trees, "DOWN_S", 60.0)
    s3.first("gone", times=99)
    here.bring(RUN)
    asked = len(s3.asked)
    s3.fault = lambda method, path: 503
    here.bring(RUN)
    here.bring_each("embeddings", trees.everything)
    with pytest.raises(WorkspaceUnreachable, match="could not read runs/001-quick"):
        here.bring("runs/002-other")
    assert len(s3.asked) == asked


PUBLISH = """
import sys; from pathlib import Path; from labeling.storage.shared.trees import Shared
import labeling.storage.shared.trees as trees
trees.AT_ONCE = 1
Shared(Path(sys.argv[1]), sys.argv[2], 1e9).publish(sys.argv[3])
"""


def test_a_program_that_is_killed_while_it_publishes_leaves_what_was_there(machine: Machine, s3: Faults) -> None:
    here, there = machine("a"), machine("b")
    write(here, one="1", two="2")
    here.publish(RUN)
    write(here, **{f"part{number}": f"{number}" * 100 for number in range(9)}, one="other")
    s3.forget()
    enough, hold = threading.Event(), threading.Event()

    def held(method: str, path: str) -> None:
        if method == "PUT" and sum(one.method == "PUT" for one in s3.asked) == 4:
            enough.set()
            hold.wait(30)

    s3.fault = held
    process = subprocess.Popen([sys.executable, "-c", PUBLISH, str(here.root), URL, RUN], cwd=ROOT)
    assert enough.wait(60)
    process.kill()
    process.wait()
    hold.set()
    s3.fault = lambda method, path: None
    assert contents_of(there.bring(RUN)) == {"one": "1", "two": "2"}
    done = sum(one.method == "PUT" for one in s3.asked)
    here.publish(RUN)
    sent = sum(one.method == "PUT" and "/files/" in one.path for one in s3.asked)
    assert 4 <= done <= 5
    assert sent <= 11  # ten files, of which one may have been under way
    assert contents_of(there.bring(RUN)) == contents(here)


def test_what_is_damaged_on_the_store_is_not_taken_for_whole(machine: Machine, s3: Faults) -> None:
    here, there = machine("a"), machine("b")
    write(here, one="1", two="22")
    here.publish(RUN)
    there.bring(RUN)
    write(here, one="other")
    here.publish(RUN)
    system, path = remote.filesystem(f"{URL}/{RUN}/files")
    (damaged,) = [name for name, info in system.find(path, detail=True).items() if info["size"] == 5]
    system.pipe_file(damaged, b"OTHER")
    with pytest.raises(WorkspaceCorrupt, match=r"is damaged: .* store push"):
        there.bring(RUN)
    assert contents(there) == {"one": "1", "two": "22"}
    assert not list((there.root / "runs").glob(".*"))
    system.pipe_file(f"birds/team/{RUN}/{MANIFEST}", b'{"format": 1, "files": {"../../x": ["' + b"0" * 64 + b'", 1]}}')
    with pytest.raises(WorkspaceCorrupt, match="is no file of a tree"):
        there.bring(RUN)


def test_a_run_has_one_writer_and_who_takes_it_over_goes_on_with_what_is_there(machine: Machine) -> None:
    first, second = machine("a"), machine("b")
    write(first, log="1", checkpoints__resume="epoch 1")
    first.publish(RUN)
    write(first, log="1 2", checkpoints__resume="epoch 2")  # and then nobody hears of this machine
    second.bring(RUN, take_over=True)
    assert contents(second) == {"log": "1", "checkpoints/resume": "epoch 1"}
    write(second, log="1 b", checkpoints__resume="epoch 2 of b")
    second.publish(RUN)
    with pytest.raises(WorkspaceError, match="published by another machine since this one brought it"):
        first.publish(RUN)
    first.bring(RUN)
    assert contents(first)["log"] == "1 2"  # what it wrote stays until it takes the run over
    first.bring(RUN, take_over=True)
    assert contents(first) == contents(second)


def test_what_is_only_this_machine_s_is_neither_sent_nor_lost(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    write(here, log="1", ranks__rank0="at work")
    write(here, "predictions/001", tables__events="e", recordings__sent="sound")
    for tree in (RUN, "predictions/001"):
        here.publish(tree)
        there.bring(tree)
    assert contents(there) == {"log": "1"}
    assert contents(there, "predictions/001") == {"tables/events": "e"}
    assert not (there.root / "predictions" / "001" / "recordings").exists()
    assert (set(here.held_bytes()), set(there.held_bytes())) == (set(), {RUN, "predictions/001"})
    write(there, log="2")
    there.publish(RUN)
    here.bring(RUN)
    assert contents(here) == {"log": "2"}
    assert (here.root / RUN / "ranks" / "rank0").read_text() == "at work"


def test_another_workspace_s_run_is_not_written_over(machine: Machine) -> None:
    here, other = machine("a"), machine("b")
    write(here, log="mine")
    here.publish(RUN)
    write(other, log="of another workspace")
    with pytest.raises(WorkspaceError, match=r"holds another runs/001-quick \(log differs\)"):
        other.publish(RUN)
    write(other, log="mine")  # the same is no other
    other.publish(RUN)


def test_several_machines_add_to_a_space(machine: Machine) -> None:
    tree = "embeddings/birds.zarr"
    here, there = machine("a"), machine("b")
    write(here, tree, facts="f", one="1")
    here.publish(tree)
    there.bring(tree)
    write(here, tree, two="2")
    write(there, tree, three="3")
    (there.root / tree / "one").unlink()
    here.publish(tree)
    there.publish(tree)
    for shared in (here, there, machine("c")):
        shared.bring(tree)
    assert contents(here, tree) == {"facts": "f", "two": "2", "three": "3"} == contents(machine("c"), tree)
    assert set(contents(there, tree)) >= {"facts", "three"}


def test_a_manifest_that_comes_in_between_is_not_lost(machine: Machine, s3: Faults) -> None:
    tree = "exports/version-1"
    here, there = machine("a"), machine("b")
    write(here, tree, one="1")
    write(there, tree, two="2")
    done = []

    def in_between(method: str, path: str) -> None:
        if method == "PUT" and MANIFEST in path and not done:
            done.append(path)
            there.publish(tree)

    s3.fault = in_between
    here.publish(tree)
    assert done
    assert contents_of(machine("c").bring(tree)) == {"one": "1", "two": "2"}


def test_copies_are_removed_for_room_and_what_was_never_sent_stays(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "IN_USE_S", 0.0)
    here = machine("a")
    for number in range(4):
        write(here, f"runs/{number}", oof="x" * 1000)
        if number != 1:
            here.publish(f"runs/{number}")
        os.utime(here._place(f"runs/{number}"), (number, number)) if number != 1 else None
    here.most_bytes = 2000
    here.bring("runs/0")  # used just now
    assert here.make_room() == ["runs/2"]
    assert here.local_trees() == ["runs/0", "runs/1", "runs/3"]
    here.most_bytes = 0
    here.make_room()
    assert here.local_trees() == ["runs/1"]
    here.most_bytes = 1e9
    assert contents_of(here.bring("runs/2")) == {"oof": "x" * 1000}
    monkeypatch.setattr(trees, "IN_USE_S", 600.0)
    here.most_bytes = 0
    assert here.make_room() == []  # somebody may be reading it


def test_a_lost_record_is_made_anew_from_the_files(machine: Machine, s3: Faults) -> None:
    here = machine("a")
    write(here, one="1" * 500, two="2")
    here.publish(RUN)
    here._place(RUN).unlink()
    s3.forget()
    here.bring(RUN)
    assert not [one for one in s3.asked if "/files/" in one.path]
    assert here.unpublished(RUN) == []
    here._place(RUN).write_text("{torn")
    write(here, two="changed")
    here.bring(RUN)
    assert contents(here)["two"] == "changed"


def test_objects_that_nobody_names_go_after_a_day(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine("a")
    for text in ("1", "2", "3"):
        write(here, log=text)
        here.publish(RUN)
    assert len(here.objects.sizes(f"{RUN}/files")) == 3
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + trees.KEPT_S + 60)
    write(here, log="4")
    here.publish(RUN)
    assert len(here.objects.sizes(f"{RUN}/files")) == 2  # that of the one before too: somebody may be reading it
    here.remove(RUN)
    assert here.objects.sizes("") == {}


def test_a_large_file_goes_and_comes_in_parts(machine: Machine, s3: Faults) -> None:
    here, there = machine("a"), machine("b")
    (here.root / RUN).mkdir(parents=True)
    (here.root / RUN / "weights").write_bytes(os.urandom(20 << 20))
    here.publish(RUN)
    s3.first("cut", times=1, method="GET", part="/files/")
    there.bring(RUN)
    assert (there.root / RUN / "weights").read_bytes() == (here.root / RUN / "weights").read_bytes()
    assert s3.served < 32 << 20  # a piece that was cut off came twice, and not all of it
