"""labeling/journal/versions.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal
from labeling.errors import DataError
from labeling.journal import versions
from labeling.records import Decision, Event, Labels, Region
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.making import add_clips, copy_of, undo_at


def decide(workspace: Workspace, clip_id: int, code: str, verdict: str, **more: object) -> Decision:
    one = Decision(journal.new_event_id(), "ann", clip_id, code, verdict, **more)  # type: ignore[arg-type]
    return journal.append(workspace, [one])[0]


def labels_of(workspace: Workspace) -> Labels:
    with workspace.read() as connection:
        return versions.labels_at(connection)


def named(labels: Labels, array: np.ndarray) -> list[tuple[str, str]]:
    return [(labels.filenames[row], labels.classes[column]) for row, column in np.argwhere(array)]


def test_imported_labels_as_arrays(any_collection: Workspace) -> None:
    labels = labels_of(any_collection)
    assert labels.classes == ("amecro", "balori", "cangoo", "daejun")
    assert labels.filenames[2] == "balori/XC3.ogg"
    assert labels.clip_ids.tolist() == [1, 2, 3, 4]
    assert labels.present.tolist() == [
        [True, True, False, False],
        [True, False, False, False],
        [True, True, True, False],
        [False, False, True, False],
    ]
    assert labels.primary.tolist() == [0, 0, 1, 2]
    assert not labels.unsure.any()
    assert not labels.reviewed.any()


def test_decisions_folded_into_the_arrays(any_collection: Workspace) -> None:
    heard = Region(1.0, 2.0)
    decide(any_collection, 1, "amecro", "absent")  # the primary: the added class takes its place
    decide(any_collection, 1, "daejun", "present", region=heard)
    decide(any_collection, 3, "cangoo", "unsure")
    decide(any_collection, 4, "cangoo", "absent", region=Region(3.0, 4.0))
    labels = labels_of(any_collection)
    assert named(labels, labels.present[:1]) == [("amecro/XC1.ogg", "balori"), ("amecro/XC1.ogg", "daejun")]
    assert labels.primary.tolist() == [3, 0, 1, 2]
    assert named(labels, labels.unsure) == [("balori/XC3.ogg", "cangoo")]
    assert not labels.present[2, 2]
    assert named(labels, labels.reviewed) == [
        ("amecro/XC1.ogg", "amecro"),
        ("amecro/XC1.ogg", "daejun"),
        ("balori/XC3.ogg", "cangoo"),
    ]
    assert set(labels.events) == {Event(0, 3, heard, True), Event(3, 2, Region(3.0, 4.0), False)}


def test_a_version_names_the_labels_and_repeats_only_where_they_changed(any_collection: Workspace) -> None:
    first = versions.freeze(any_collection, " ann ", " as imported ")
    assert (first.number, first.position, first.note, first.created_by) == (1, 0, "as imported", "ann")
    assert versions.freeze(any_collection, "bob") == first
    taken = decide(any_collection, 1, "amecro", "absent")
    second = versions.freeze(any_collection, "ann")
    assert (second.number, second.position) == (2, 1)
    undo_at(any_collection, taken.position, "ann", "back")
    third = versions.freeze(any_collection, "ann")
    assert (third.number, third.content_hash) == (3, first.content_hash)
    assert third.content_hash != second.content_hash
    with any_collection.read() as connection:
        assert versions.all_versions(connection) == [first, second, third]
        assert not versions.labels_of_version(connection, 2).present[0, 0]
        with pytest.raises(DataError, match="no label version 9; choose from 1 to 3"):
            versions.labels_of_version(connection, 9)


def test_a_confirmation_makes_a_version_of_the_same_labels(any_collection: Workspace) -> None:
    first = versions.freeze(any_collection, "ann")
    decide(any_collection, 2, "amecro", "present")
    second = versions.freeze(any_collection, "ann")
    assert (second.number, second.content_hash) == (2, first.content_hash)
    with any_collection.read() as connection:
        labels = versions.labels_of_version(connection, 2)
        assert named(labels, labels.reviewed) == [("amecro/XC2.ogg", "amecro")]
        assert not versions.labels_of_version(connection, 1).reviewed.any()
    assert versions.freeze(any_collection, "ann") == second


def test_there_is_nothing_to_freeze_in_an_empty_workspace(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="holds no clips"):
        versions.freeze(workspace, "ann")
    with workspace.read() as connection, pytest.raises(DataError, match="no label version 1; freeze one first"):
        versions.get_version(connection, 1)


def test_a_later_import_adds_no_row_to_a_version(any_collection: Workspace) -> None:
    version = versions.freeze(any_collection, "ann")
    add_clips(any_collection, (("new.ogg", ("aaaaaa", "amecro")),), names={"aaaaaa": "sorts first"})
    with any_collection.read() as connection:
        labels = versions.labels_of_version(connection, version.number)
        assert len(labels.filenames) == 4
        assert labels.content_hash == version.content_hash
        assert len(versions.labels_at(connection).filenames) == 5
    assert versions.freeze(any_collection, "ann").number == 2


def test_whatever_a_training_could_see_is_in_the_hash(any_collection: Workspace) -> None:
    """Each step changes the labels in one way, and the hash with them; a confirmation changes nothing."""
    hashes = [labels_of(any_collection).content_hash]
    for code, verdict, more in (
        ("balori", "present", {"role": "primary"}),
        ("cangoo", "absent", {}),  # heard to be absent, where it was only unlisted
        ("cangoo", "unsure", {}),
        ("cangoo", "present", {}),
        ("cangoo", "present", {"region": Region(1.0, 2.0)}),
        ("cangoo", "present", {"region": Region(1.0, 2.0, 500.0, 900.0)}),
        ("cangoo", "absent", {"region": Region(3.0, 4.0)}),
    ):
        decide(any_collection, 1, code, verdict, **more)
        hashes.append(labels_of(any_collection).content_hash)
    assert len(set(hashes)) == len(hashes)
    decide(any_collection, 2, "amecro", "present")
    assert labels_of(any_collection).content_hash == hashes[-1]


def test_no_label_can_pass_for_two(workspace: Workspace) -> None:
    """The hash of one class whose code holds separators differs from that of several."""
    hashes = []
    for number, codes in enumerate([("a", "b"), ("a\x1f+b",), ("a", "b\n"), ('a", "+b',), ("a+b",)]):
        labels = Labels(
            clip_ids=np.array([1]),
            filenames=("f",),
            classes=codes,
            present=np.ones((1, len(codes)), bool),
            unsure=np.zeros((1, len(codes)), bool),
            reviewed=np.zeros((1, len(codes)), bool),
            primary=np.array([-1], np.int32),
        )
        hashes.append(versions._content_hash(labels))
        assert len(set(hashes)) == number + 1


# ---- what lay between


def words(workspace: Workspace, older: int, newer: int) -> dict[tuple[str, str], tuple[str, str]]:
    with workspace.read() as connection:
        changes = versions.diff(connection, older, newer)
    found = {(one.filename, one.class_code): (one.before, one.after) for one in changes}
    assert len(found) == len(changes)
    return found


def test_the_cells_that_differ_between_two_positions(any_collection: Workspace) -> None:
    decide(any_collection, 1, "amecro", "absent", run_id="001-x")
    decide(any_collection, 1, "balori", "present")  # confirmed, and primary now that amecro is gone
    decide(any_collection, 2, "daejun", "present")
    decide(any_collection, 2, "balori", "absent")  # was not listed: no change
    decide(any_collection, 3, "cangoo", "unsure")
    assert words(any_collection, 0, 5) == {
        ("amecro/XC1.ogg", "amecro"): ("primary", "absent"),
        ("amecro/XC1.ogg", "balori"): ("secondary", "primary"),
        ("amecro/XC2.ogg", "daejun"): ("absent", "secondary"),
        ("balori/XC3.ogg", "cangoo"): ("secondary", "unsure"),
    }
    assert words(any_collection, 5, 0) == {cell: pair[::-1] for cell, pair in words(any_collection, 0, 5).items()}
    assert words(any_collection, 3, 3) == {}
    assert set(words(any_collection, 2, 5)) == {("amecro/XC2.ogg", "daejun"), ("balori/XC3.ogg", "cangoo")}
    with any_collection.read() as connection:
        change = versions.diff(connection, 0, 1)[0]
    assert (change.reviewer, change.run_id) == ("ann", "001-x")
    assert change.created_at


def test_a_class_that_became_primary_without_a_decision_of_its_own_is_a_change(collection: Workspace) -> None:
    decide(collection, 3, "balori", "absent")
    assert words(collection, 0, 1) == {
        ("balori/XC3.ogg", "balori"): ("primary", "absent"),
        ("balori/XC3.ogg", "amecro"): ("secondary", "primary"),
    }


def test_a_listed_secondary_that_is_called_primary_is_a_change(collection: Workspace) -> None:
    decide(collection, 1, "balori", "present", role="primary")
    assert words(collection, 0, 1) == {
        ("amecro/XC1.ogg", "balori"): ("secondary", "primary"),
        ("amecro/XC1.ogg", "amecro"): ("primary", "secondary"),
    }


def test_what_was_undone_is_no_change(collection: Workspace) -> None:
    taken = decide(collection, 1, "amecro", "absent")
    undo_at(collection, taken.position, "ann", "back")
    assert words(collection, 0, 2) == {}
    assert words(collection, 1, 2) == {
        ("amecro/XC1.ogg", "amecro"): ("absent", "primary"),
        ("amecro/XC1.ogg", "balori"): ("primary", "secondary"),
    }


# ---- going back


def test_going_back_to_a_version_undoes_what_came_after_it(any_collection: Workspace) -> None:
    decide(any_collection, 1, "amecro", "absent")
    version = versions.freeze(any_collection, "ann")
    decide(any_collection, 1, "amecro", "present")
    decide(any_collection, 2, "daejun", "present", region=Region(0.0, 1.0))
    undone = versions.revert(any_collection, version.number, "bob")
    assert [one.undoes for one in undone] == [3, 2]
    assert len({one.batch_id for one in undone}) == 1
    assert labels_of(any_collection).content_hash == version.content_hash
    assert versions.revert(any_collection, version.number, "bob") == []
    with any_collection.read() as connection:
        assert len(journal.decisions_where(connection)) == 5


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([1, 3]), st.sampled_from(["amecro", "daejun"]), st.sampled_from(["present", "absent"])
        ),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=9,
)


@examples(30)
@given(before=STEPS, after=STEPS)
def test_going_back_gives_the_versions_labels_after_any_history(blank: Path, before: list, after: list) -> None:
    with copy_of(blank) as workspace:
        _play(workspace, before)
        version = versions.freeze(workspace, "ann")
        _play(workspace, after)
        versions.revert(workspace, version.number, "bob")
        labels = labels_of(workspace)
        assert labels.content_hash == version.content_hash
        with workspace.read() as connection:
            assert versions.diff(connection, version.position, labels.position) == []
        assert versions.revert(workspace, version.number, "bob") == []  # nothing is left to take back


def _play(workspace: Workspace, steps: list) -> None:
    for step in steps:
        with workspace.read() as connection:
            end = journal.position(connection)
        if isinstance(step, tuple):
            decide(workspace, *step)
        elif end:
            undo_at(workspace, step % end + 1, "ann", journal.new_event_id())
