"""labeling/machine_labels.py"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal, machine_labels
from labeling.errors import DataError
from labeling.journal import versions
from labeling.machine_labels import MachineLabel, apply_machine_labels, batches, find_false, find_missing, undo_machine
from labeling.predictions.oof import read_oof
from labeling.records import CellState, Decision, Labels, Region
from labeling.storage import text
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.making import CLIPS, add_clips, copy_of
from tests.support.workspaces.synthetic_oof import make_oof

CODES = ("amecro", "balori", "cangoo", "daejun")


def labels_of(workspace: Workspace) -> Labels:
    with workspace.read() as connection:
        return versions.labels_at(connection)


def say(workspace: Workspace, clip_id: int, code: str, verdict: str, **more: Any) -> Decision:
    one = Decision(journal.new_event_id(), "ann", clip_id, code, verdict, **more)
    return journal.append(workspace, [one])[0]


def cell(workspace: Workspace, clip_id: int, code: str) -> CellState:
    with workspace.read() as connection:
        return journal.cell_state(connection, clip_id, code)


def cells(found: list[MachineLabel]) -> list[tuple[int, str, str]]:
    return [(one.clip_id, one.class_code, one.verdict) for one in found]


# ---- the rules, by hand: XC2 lists amecro alone, XC4 cangoo alone, the others more


def test_missing_labels_are_those_above_the_threshold_in_clips_with_one_label(
    collection: Workspace, tmp_path: Path
) -> None:
    clipwise = {(2, "balori"): 0.91, (2, "cangoo"): 0.9, (4, "amecro"): 0.2, (1, "daejun"): 0.99, (2, "amecro"): 0.99}
    frames = {(4, "amecro"): 0.97, (4, "daejun"): 0.5}
    oof = read_oof(make_oof(tmp_path / "oof.zarr", labels_of(collection), clipwise, frames))
    labels = labels_of(collection)
    found = find_missing(oof, labels, threshold=0.9)
    # cangoo in clip 2 is not above 0.9; clip 1 has two labels; amecro in clip 4 is heard in a frame alone
    assert cells(found) == [(4, "amecro", "present"), (2, "balori", "present")]
    assert [one.probability for one in found] == pytest.approx([0.97, 0.91], abs=1e-3)
    everywhere = find_missing(oof, labels, threshold=0.9, single_label_only=False)
    assert cells(everywhere) == [(1, "daejun", "present"), *cells(found)]
    say(collection, 4, "amecro", "absent")
    say(collection, 2, "balori", "unsure")
    assert find_missing(oof, labels_of(collection), threshold=0.9) == []


def test_planted_missing_labels_with_precision_and_recall(workspace: Workspace, tmp_path: Path) -> None:
    """60 clips of one label; 20 miss one, 15 of them heard at 0.95; 5 others are wrongly heard: 15/20 and 15/20."""
    rng = np.random.default_rng(4)
    codes = tuple(f"c{number}" for number in range(8))
    add_clips(workspace, tuple((f"{n}.ogg", (codes[n % 8],)) for n in range(60)), names=dict.fromkeys(codes, ""))
    planted = [(n + 1, codes[(n + 3) % 8]) for n in range(20)]
    wrong = [(n + 1, codes[(n + 5) % 8]) for n in range(30, 35)]
    clipwise = dict.fromkeys(planted[:15] + wrong, 0.95) | dict.fromkeys(planted[15:], 0.85)
    labels = labels_of(workspace)
    oof = read_oof(make_oof(tmp_path / "oof.zarr", labels, clipwise, {}, background=rng.uniform(0, 0.6, (60, 8))))
    found = {(one.clip_id, one.class_code) for one in find_missing(oof, labels, threshold=0.9)}
    right = found & set(planted)
    assert (len(right) / len(found), len(right) / len(planted)) == (0.75, 0.75)
    assert len(find_missing(oof, labels, threshold=0.8)) == 25


def test_false_labels_are_secondary_ones_below_the_threshold(collection: Workspace, tmp_path: Path) -> None:
    clipwise = {(3, "balori"): 0.01, (3, "amecro"): 0.02, (3, "cangoo"): 0.03, (1, "balori"): 0.01, (2, "amecro"): 0.0}
    oof = read_oof(make_oof(tmp_path / "oof.zarr", labels_of(collection), clipwise, {(1, "balori"): 0.6}))
    labels = labels_of(collection)
    # a frame hears balori in clip 1; clips 2 and 4 list but their primary
    assert cells(find_false(oof, labels, threshold=0.05)) == [(3, "amecro", "absent"), (3, "cangoo", "absent")]
    asked = find_false(oof, labels, threshold=0.05, primary=True)
    assert cells(asked) == [(3, "balori", "absent"), (3, "amecro", "absent")]  # no clip loses its last label
    with pytest.raises(DataError, match=r"threshold 1\.5 is no probability; give 0 to 1"):
        find_false(oof, labels, threshold=1.5)


# ---- as entries of the journal

FOUND = [
    MachineLabel(2, "balori", "present", 0.95),
    MachineLabel(4, "amecro", "present", 0.92),
    MachineLabel(3, "cangoo", "absent", 0.01),
]


def test_a_batch_changes_labels_counts_as_reviewed_by_nobody_and_is_undone_whole(any_collection: Workspace) -> None:
    before = labels_of(any_collection)
    report = apply_machine_labels(any_collection, FOUND, what="stage1", run_id="001-demo")
    assert (report.added, report.removed, report.decided, report.standing) == (2, 1, 0, 0)
    labels = labels_of(any_collection)
    changed = {tuple(map(int, one)) for one in np.argwhere(labels.present != before.present)}
    assert changed == {(1, 1), (3, 0), (2, 2)}
    assert not labels.reviewed.any()
    assert labels.primary.tolist() == before.primary.tolist()
    assert labels.content_hash != before.content_hash
    state = cell(any_collection, 2, "balori")
    assert (state.present, state.verdict, state.machine, state.role) == (True, "", "present", "secondary")
    assert state.reviewer == "auto:stage1"
    again = apply_machine_labels(any_collection, FOUND, what="stage1", run_id="001-demo")
    assert (again.changed, again.standing, again.batch_id) == (0, 3, "")
    with any_collection.read() as connection:
        assert journal.position(connection) == 3
        (batch,) = batches(connection)
        assert (batch.what, batch.run_id, batch.entries, batch.standing) == ("stage1", "001-demo", 3, 3)
        assert journal.last_undoable(connection, "ann") == []
        with pytest.raises(DataError, match="part of what 'auto:stage1' changed"):
            journal.batch_of(connection, 1, "ann")
    assert len(undo_machine(any_collection, report.batch_id, "ann")) == 3
    assert labels_of(any_collection).content_hash == before.content_hash
    with any_collection.read() as connection:
        assert journal.last_undoable(connection, "ann") == []  # an undo is no decision of hers
        assert [one.standing for one in batches(connection)] == [0]
        assert journal.machine_cells(connection) == {}
    with pytest.raises(DataError, match="the batch of 3 machine labels was taken back already"):
        undo_machine(any_collection, report.batch_id, "ann")
    assert apply_machine_labels(any_collection, FOUND, what="stage1", run_id="001-demo").changed == 3


def test_a_person_is_never_overruled_and_always_wins(any_collection: Workspace) -> None:
    say(any_collection, 2, "balori", "absent")
    report = apply_machine_labels(any_collection, FOUND, what="stage1", run_id="001-demo")
    assert (report.added, report.removed, report.decided) == (1, 1, 1)
    say(any_collection, 4, "amecro", "absent", seen_position=0)  # on a screen drawn before the machine spoke
    say(any_collection, 3, "cangoo", "present")
    for clip_id, code, present in ((2, "balori", False), (4, "amecro", False), (3, "cangoo", True)):
        state = cell(any_collection, clip_id, code)
        assert (state.present, state.machine, state.reviewer) == (present, "", "ann")
    undo_machine(any_collection, report.batch_id, "bob")
    assert [one.verdict for one in (cell(any_collection, 4, "amecro"), cell(any_collection, 3, "cangoo"))] == [
        "absent",
        "present",
    ]
    assert labels_of(any_collection).reviewed.sum() == 3


def test_what_no_longer_holds_is_taken_back_and_what_another_machine_said_stays(any_collection: Workspace) -> None:
    apply_machine_labels(any_collection, FOUND[:1], what="stage1", run_id="001-demo")
    first = apply_machine_labels(any_collection, FOUND[1:], what="iterate", run_id="001-demo", only_these=True)
    assert first.changed == 2
    say(any_collection, 3, "cangoo", "unsure")
    second = apply_machine_labels(any_collection, [], what="iterate", run_id="002-demo", only_these=True)
    assert (second.added, second.removed, second.taken_back) == (0, 0, 1)  # not the cell that ann decided
    labels = labels_of(any_collection)
    assert labels.present[1, 1]
    assert not labels.present[3, 0]
    undo_machine(any_collection, second.batch_id, "ann")  # brings back what it took back
    assert labels_of(any_collection).present[3, 0]
    with any_collection.read() as connection:
        without = versions.labels_at(connection, without="auto:iterate")
        assert [one.taken_back for one in batches(connection, "iterate")] == [1, 0]
    assert not without.present[3, 0]
    assert without.present[1, 1]


@pytest.mark.parametrize(
    ("given_cells", "message"),
    [
        ([MachineLabel(9, "balori", "present", 1)], "no clip 9 in this workspace"),
        ([MachineLabel(1, "balor", "present", 1)], "unknown class 'balor'"),
        ([MachineLabel(1, "daejun", "unsure", 1)], "a machine says present or absent"),
        ([FOUND[0], FOUND[0]], "class 'balori' of clip 2 is given 2 times"),
    ],
)
def test_wrong_machine_labels_store_nothing(
    collection: Workspace, given_cells: list[MachineLabel], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        apply_machine_labels(collection, [*FOUND[1:], *given_cells], what="stage1", run_id="001-demo")
    with collection.read() as connection:
        assert journal.position(connection) == 0
    with pytest.raises(DataError, match="no batch 'b' of machine labels"):
        undo_machine(collection, "b", "ann")


def test_nobody_signs_in_as_a_machine_and_no_machine_takes_back_what_people_said(collection: Workspace) -> None:
    with pytest.raises(DataError, match=r"name .auto:me. begins with .auto:.*sign in under another"):
        text.reviewer_name(" auto:me ")
    said = say(collection, 1, "amecro", "absent")
    for one in (
        Decision("e1", "auto:stage1", 1, "balori", "absent"),
        journal.undo_of(said, "auto:stage1", "e2", None),
    ):
        with pytest.raises(DataError, match="sign in under another"):
            journal.append(collection, [one])
    taking = journal.undo_of(said, "auto:stage1", "e3", None)
    with pytest.raises(DataError, match="a machine never takes one back"), collection.write() as connection:
        journal.append_within(connection, [taking], by_machine=True)
    with pytest.raises(DataError, match="'ann' is no machine"), collection.write() as connection:
        journal.append_within(connection, [Decision("e4", "ann", 1, "balori", "absent")], by_machine=True)


def test_as_many_labels_as_the_source_added_take_seconds(workspace: Workspace) -> None:
    codes = [f"c{number:03d}" for number in range(264)]
    add_clips(
        workspace,
        tuple((f"{n}.ogg", (codes[n % 264],)) for n in range(2084)),
        names=dict.fromkeys(codes, ""),
    )
    found = [MachineLabel(1 + n % 2084, codes[(n % 2084 + 7 + n // 2084) % 264], "present", 0.95) for n in range(2529)]
    start_s = time.process_time()  # of work, however busy the machine
    assert apply_machine_labels(workspace, found, what="stage1", run_id="001-demo").added == 2529
    assert time.process_time() - start_s < 15


# ---- any mix of entries

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("say"),
            st.sampled_from([1, 2]),
            st.sampled_from(CODES[:3]),
            st.sampled_from(["present", "absent", "unsure"]),
        ),
        st.tuples(
            st.just("machine"),
            st.sampled_from([1, 2]),
            st.sampled_from(CODES[:3]),
            st.sampled_from(["present", "absent"]),
            st.booleans(),
        ),
        st.tuples(st.just("undo"), st.integers(0, 20)),
        st.tuples(st.just("undo machine"), st.integers(0, 20)),
        st.tuples(st.just("region"), st.sampled_from([1, 2]), st.sampled_from(CODES[:3])),
    ),
    max_size=12,
)


@examples(10)
@given(steps=STEPS)
def test_after_any_mix_reviewed_is_what_a_person_decided_and_people_win(blank: Path, steps: list[tuple]) -> None:
    with copy_of(blank) as workspace:
        for step in steps:
            _play(workspace, step)
        labels = labels_of(workspace)
        with workspace.read() as connection:
            everything = journal.decisions_where(connection)
            by_machine = journal.machine_cells(connection)
        standing = [
            one
            for one in everything
            if one.undoes is None and not _taken_back(everything, one.position) and one.clip_id <= 2
        ]
        expected: dict[tuple[int, str], str] = {}
        for one in standing:  # oldest first: people's last word on a cell
            if one.reviewer == "ann":
                expected[one.clip_id, one.class_code] = one.verdict
        machine = {(one.clip_id, one.class_code): one.verdict for one in standing if one.reviewer.startswith("auto:")}
        for clip_id in (1, 2):
            for column, code in enumerate(labels.classes):
                key, place = (clip_id, code), (clip_id - 1, column)
                assert labels.reviewed[place] == (key in expected)
                wanted = expected.get(key) or machine.get(key) or ("present" if code in CLIPS[clip_id - 1][1] else "")
                assert labels.present[place] == (wanted == "present")
                assert labels.unsure[place] == (wanted == "unsure")
        assert len(by_machine) == len(set(machine) - set(expected))


def _taken_back(everything: list[Decision], position: int) -> bool:
    return any(one.undoes == position and not _taken_back(everything, one.position) for one in everything)


def _play(workspace: Workspace, step: tuple) -> None:
    if step[0] == "say":
        say(workspace, *step[1:])
    elif step[0] == "region":
        say(workspace, *step[1:], "present", region=Region(0.0, 1.0))
    elif step[0] == "machine":
        one = MachineLabel(*step[1:4], 0.95)
        apply_machine_labels(workspace, [one], what="stage1", run_id="001-demo", only_these=step[4])
    else:
        with workspace.read() as connection:
            found = journal.decisions_where(connection)
            made = batches(connection)
        if step[0] == "undo machine" and made:
            batch = made[step[1] % len(made)]
            if batch.standing:
                undo_machine(workspace, batch.batch_id, "ann")
        elif step[0] == "undo" and found:
            one = found[step[1] % len(found)]
            journal.append(workspace, [journal.undo_of(one, "ann", journal.new_event_id(), None)])


def test_the_name_of_a_machine() -> None:
    assert machine_labels.machine_name(" stage1 ") == "auto:stage1"
