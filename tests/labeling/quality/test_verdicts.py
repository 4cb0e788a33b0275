"""labeling/quality/verdicts.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal
from labeling.collection import store
from labeling.disagreement.stored_ranking import read_ranking
from labeling.journal import verdict_entries
from labeling.quality import verdicts
from labeling.records import Decision, Region, Shown
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.deciding import ASKED, say_asked
from tests.support.workspaces.making import copy_of, undo_at
from tests.support.workspaces.ranked import make_queue, store_ranking


def counted(workspace: Workspace, position: int | None = None) -> dict[tuple[int, str], bool]:
    with workspace.read() as connection:
        codes = {number: code for code, number in store.class_ids(connection).items()}
        found = verdicts.counted(connection, position)
    assert found.position.tolist() == sorted(found.position.tolist())
    return {
        (clip_id, codes[class_id]): present
        for clip_id, class_id, present in zip(
            found.clip_id.tolist(), found.class_id.tolist(), found.present.tolist(), strict=True
        )
    }


def test_nothing_was_said(any_collection: Workspace) -> None:
    assert counted(any_collection) == {}


def test_the_last_word_counts_whoever_says_it_and_no_word_later_than_asked_for(any_collection: Workspace) -> None:
    first = say_asked(any_collection, 1, "amecro", "absent")
    second = say_asked(any_collection, 1, "amecro", "present", reviewer="bob")
    third = say_asked(any_collection, 2, "amecro", "present")
    assert counted(any_collection) == {(1, "amecro"): True, (2, "amecro"): True}
    assert counted(any_collection, second) == {(1, "amecro"): True}
    assert counted(any_collection, first) == {(1, "amecro"): False}
    assert counted(any_collection, 0) == {}
    undo_at(any_collection, second, "ann", "u")
    assert counted(any_collection) == {(1, "amecro"): False, (2, "amecro"): True}
    assert counted(any_collection, third) == {(1, "amecro"): True, (2, "amecro"): True}


def test_unsure_is_no_verdict(collection: Workspace) -> None:
    say_asked(collection, 1, "amecro", "present")
    say_asked(collection, 1, "amecro", "unsure")
    assert counted(collection) == {}


@pytest.mark.parametrize(
    ("shown", "counts"),
    [
        ({}, False),
        ({"kind": "missing", "p_wrong": 0.8, "asked": False}, False),
        ({"kind": "missing", "p_wrong": 0.1, "asked": True}, True),
        ({"asked": True}, True),
        ({"asked": False, "blind": True}, True),
        ({"second_look": 3}, True),
        ({"audit": True, "p_wrong": 0.01}, True),
        ({"kind": "false", "p_wrong": 0.3}, True),  # from before it was kept: what the usual screen shows
        ({"kind": "false", "p_wrong": 0.29}, False),
        ({"kind": "", "p_wrong": 0.9}, False),
        ({"kind": "false", "p_wrong": None}, False),
    ],
)
def test_only_what_was_asked_counts(collection: Workspace, shown: dict[str, Any], counts: bool) -> None:
    say_asked(collection, 1, "amecro", shown=Shown.from_json(shown))
    assert bool(counted(collection)) is counts


def test_a_cell_that_was_asked_counts_as_it_was_corrected_later_unasked(collection: Workspace) -> None:
    say_asked(collection, 1, "amecro", "absent")
    say_asked(collection, 1, "amecro", "present", shown=Shown())
    assert counted(collection) == {(1, "amecro"): True}


def test_many_clips_at_once_were_not_listened_to(collection: Workspace) -> None:
    say_asked(collection, 1, "amecro", batch_id="one clip")
    say_asked(collection, 1, "balori", batch_id="one clip")
    say_asked(collection, 2, "amecro", batch_id="two")
    say_asked(collection, 3, "amecro", batch_id="two")
    assert counted(collection) == {(1, "amecro"): False, (1, "balori"): False}
    say_asked(collection, 3, "amecro", "present")
    assert counted(collection)[3, "amecro"] is True


def test_machines_do_not_count_nor_take_back(collection: Workspace) -> None:
    say_asked(collection, 1, "amecro", "absent")
    machine = Decision("m", "auto:stage1", 2, "amecro", "absent", shown=ASKED)
    with collection.write() as connection:
        db.lock_journal(connection)
        journal.append_within(connection, [machine], by_machine=True)
    assert counted(collection) == {(1, "amecro"): False}


def test_a_region_is_present_or_says_nothing_of_the_clip(collection: Workspace) -> None:
    say_asked(collection, 1, "amecro", "present", region=Region(0, 1))
    say_asked(collection, 2, "amecro", "absent", region=Region(0, 1))
    say_asked(collection, 3, "amecro", "absent", region=Region(0, 1))
    say_asked(collection, 3, "amecro", "present")
    assert counted(collection) == {(1, "amecro"): True, (3, "amecro"): True}


@examples(10)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.sampled_from(["amecro", "balori"]),
            st.sampled_from(["present", "absent", "unsure", "undo"]),
            st.booleans(),
            st.integers(0, 5),
        ),
        max_size=12,
    )
)
def test_what_is_asked_counts_as_the_journal_folds_it(blank: Path, said: list[tuple[int, str, str, bool, int]]) -> None:
    with copy_of(blank) as workspace:
        done: list[int] = []
        for clip_id, code, verdict, in_region, back in said:
            if verdict == "undo":
                if back < len(done):
                    done.append(undo_at(workspace, done[back], "ann", journal.new_event_id()).position)
                continue
            done.append(say_asked(workspace, clip_id, code, verdict, region=Region(0, 1) if in_region else None))
        with workspace.read() as connection:
            ids = {number: code for code, number in store.class_ids(connection).items()}
            rows = db.fetch(
                connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id, tables.cells.c.verdict)
            )
        folded = {(row.clip_id, ids[row.class_id]): row.verdict == "present" for row in rows if row.verdict != "unsure"}
        assert counted(workspace) == folded
        verdict_entries._journals.clear()  # read from the start it is the same
        assert counted(workspace) == folded


def test_against_a_ranking_a_verdict_says_whether_the_doubted_label_was_wrong(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    say_asked(any_workspace, 3, "amecro", "present")  # missing
    say_asked(any_workspace, 1, "cangoo", "absent")  # the missing half of a swap
    say_asked(any_workspace, 1, "amecro", "absent")  # its listed half
    say_asked(any_workspace, 1, "balori", "present")  # false
    say_asked(any_workspace, 4, "daejun", "absent")  # not in the ranking
    with any_workspace.read() as connection:
        ranking = read_ranking(connection, "001-demo", "earmark")
        found = verdicts.judged(ranking, verdicts.counted(connection))
        ids = store.class_ids(connection)
    assert found.given.tolist() == [False, False, True, True]
    assert found.wrong.tolist() == [True, False, True, False]
    assert found.p_wrong == pytest.approx([0.95, 0.90, 0.85, 0.60])
    assert found.class_id.tolist() == [ids[code] for code in ("amecro", "cangoo", "amecro", "balori")]
    assert not found.past.any()
    assert len(found.part(slice(1, 3))) == 2


def test_what_was_found_wrong_beside_a_cell_before_it_is_its_last_covariate(workspace: Workspace) -> None:
    make_queue(workspace)
    say_asked(workspace, 1, "balori", "absent")  # a false label; nothing was known of the clip
    say_asked(workspace, 1, "cangoo", "present")  # missing, beside a false one
    say_asked(workspace, 1, "amecro", "absent")  # false, beside a missing one
    say_asked(workspace, 4, "amecro", "absent")  # alone in its clip
    with workspace.read() as connection:
        found = verdicts.judged(read_ranking(connection, "001-demo", "earmark"), verdicts.counted(connection))
    assert found.wrong.all()
    assert found.covariates.tolist() == [[0], [3], [3], [0]]


def test_cells_decided_before_the_scoring_count_by_what_is_said_of_them_now(workspace: Workspace) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        ids = store.class_ids(connection)
    past = {
        "clip_id": np.array([4, 2, 4]),
        "class_id": np.array([ids["daejun"], ids["balori"], ids["cangoo"]]),
        "given": np.array([False, True, False]),
        "p_wrong": np.array([0.7, 0.2, 0.4], np.float32),
        "wrong": np.array([True, True, True]),
    }
    store_ranking(workspace, "001-demo", past=past)
    say_asked(workspace, 2, "balori", "present")  # as the journal has it now, whatever it was
    say_asked(workspace, 4, "daejun", "present")
    say_asked(workspace, 3, "amecro", "present")
    with workspace.read() as connection:
        found = verdicts.judged(read_ranking(connection, "001-demo", "earmark"), verdicts.counted(connection))
    assert found.past.tolist() == [True, True, False]
    assert found.wrong.tolist() == [False, True, True]
    assert found.given.tolist() == [True, False, False]
    assert found.p_wrong == pytest.approx([0.2, 0.7, 0.95])
