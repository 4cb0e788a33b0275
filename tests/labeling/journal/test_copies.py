"""One verdict for all copies of a file, whatever is done with it afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import contested, store
from labeling.collection.importing import import_collection
from labeling.journal import boxes, versions
from labeling.journal.exporting import export_labels
from labeling.records import Decision, Region
from labeling.review.overview import overview
from labeling.reviewer import pace
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.workspaces.recorders import sound


@pytest.fixture
def twins(any_workspace: Workspace, tmp_path: Path) -> Workspace:
    """Clips 1 and 2 are one file, labelled owl and jay; clip 3 is another."""
    root = tmp_path / "birds"
    shutil.copy(sound(root / "a.wav", 1, 2.0), root / "b.wav")
    sound(root / "c.wav", 2, 2.0)
    (root / "labels.csv").write_text("filename,label\na.wav,owl\nb.wav,jay\nc.wav,jay\n")
    import_collection(any_workspace, root)
    return any_workspace


def decide(workspace: Workspace, clip_id: int, code: str, verdict: str, **more: object) -> Decision:
    said = Decision(journal.new_event_id(), "ann", clip_id, code, verdict, **more)  # type: ignore[arg-type]
    return journal.append(workspace, [said])[0]


def labels(workspace: Workspace) -> list[tuple[str, ...]]:
    with workspace.read() as connection:
        states = [journal.clip_states(connection, clip_id) for clip_id in (1, 2, 3)]
        for clip_id, own in zip((1, 2, 3), states, strict=True):  # the queue's table follows
            decided = {state.class_code: state.verdict for state in own if state.verdict}
            cells = store.class_ids(connection)
            assert _cells(connection, clip_id, cells) == decided
        return [journal.resolve(own)[1] for own in states]


def _cells(connection: Connection, clip_id: int, ids: dict[str, int]) -> dict[str, str]:
    query = tables.cells.select().where(tables.cells.c.clip_id == clip_id)
    code_of = {class_id: code for code, class_id in ids.items()}
    return {code_of[row.class_id]: row.verdict for row in connection.execute(query)}


def test_a_verdict_reaches_the_copy_at_export_too(twins: Workspace, tmp_path: Path) -> None:
    first = decide(twins, 1, "jay", "absent")
    assert labels(twins) == [("owl",), (), ("jay",)]
    decide(twins, 2, "owl", "present")
    assert labels(twins) == [("owl",), ("owl",), ("jay",)]
    with twins.read() as connection:
        assert journal.position(connection) == 4
        repeated = journal.clip_history(connection, 2)[0]
        assert (repeated.copy_of, repeated.reviewer, repeated.verdict) == (first.position, "ann", "absent")
    export_labels(twins, tmp_path / "out")
    assert (tmp_path / "out" / "labels.csv").read_text() == "filename,label\na.wav,owl\nb.wav,owl\nc.wav,jay\n"


def test_undo_takes_all_of_them_back_from_either_side(twins: Workspace) -> None:
    first = decide(twins, 1, "jay", "absent")
    with twins.read() as connection:
        (undoable,) = journal.last_undoable(connection, "ann")  # the look itself, not what repeats it
        assert undoable.position == first.position
        (repeated,) = journal.clip_history(connection, 2)
    journal.undo_all(twins, [repeated], "ann", "u1")
    assert labels(twins) == [("owl",), ("jay",), ("jay",)]
    again = decide(twins, 2, "jay", "absent")
    journal.undo_all(twins, [again], "ann", "u2")
    assert labels(twins) == [("owl",), ("jay",), ("jay",)]
    with twins.read() as connection:
        assert journal.last_undoable(connection, "ann") == []


def test_going_back_to_a_version_takes_each_back_once(twins: Workspace) -> None:
    version = versions.freeze(twins, "ann")
    decide(twins, 1, "jay", "absent")
    versions.revert(twins, version.number, "ann")
    assert labels(twins) == [("owl",), ("jay",), ("jay",)]
    with twins.read() as connection:
        assert journal.position(connection) == 4


def test_a_retried_entry_is_repeated_once(twins: Workspace) -> None:
    said = Decision("e1", "ann", 1, "jay", "absent")
    assert journal.append(twins, [said]) == journal.append(twins, [said])
    with twins.read() as connection:
        assert journal.position(connection) == 2


def test_what_one_call_decides_on_both_copies_ends_alike(twins: Workspace) -> None:
    journal.append(twins, [Decision("e1", "ann", 1, "owl", "absent"), Decision("e2", "ann", 2, "owl", "present")])
    assert labels(twins) == [("owl",), ("jay", "owl"), ("jay",)]


def test_boxes_are_repeated_moved_and_taken_away(twins: Workspace) -> None:
    box = Decision("", "", 1, "owl", "present", region=Region(0.5, 1))
    drawn = boxes.change_box(twins, box, reviewer="ann", event_id="b1").entries[-1]
    moved = Decision("", "", 1, "owl", "present", region=Region(0.25, 1))
    boxes.change_box(twins, moved, drawn.position, reviewer="ann", event_id="b2")
    with twins.read() as connection:
        states = [journal.cell_state(connection, clip_id, "owl") for clip_id in (1, 2)]
    assert [state.events for state in states] == [(Region(0.25, 1),)] * 2
    boxes.change_box(twins, None, states[0].boxes[0].position, reviewer="ann", event_id="b3")
    with twins.read() as connection:
        assert journal.cell_state(connection, 2, "owl").events == ()


def test_a_look_counts_once(twins: Workspace) -> None:
    decide(twins, 1, "jay", "absent")
    assert overview(twins)["decisions"] == 1
    with twins.read() as connection:
        assert pace.today(connection, "ann").decisions == 1


def test_a_copy_that_comes_in_later_has_the_verdicts_already(twins: Workspace, tmp_path: Path) -> None:
    decide(twins, 3, "jay", "absent")
    decide(twins, 3, "owl", "present")
    root = tmp_path / "later"
    root.mkdir()
    shutil.copy(tmp_path / "birds" / "c.wav", root / "copy.wav")
    (root / "labels.csv").write_text("filename,label\ncopy.wav,jay\n")
    frozen = versions.freeze(twins, "ann")
    assert import_collection(twins, root).duplicates == 1
    with twins.read() as connection:
        assert journal.resolve(journal.clip_states(connection, 4))[1] == ("owl",)
        assert len(versions.labels_of_version(connection, frozen.number).clip_ids) == 3
    decide(twins, 4, "owl", "absent")
    assert labels(twins)[2] == ()


def test_cells_in_which_copies_contradict_each_other_are_contested(twins: Workspace) -> None:
    with twins.read() as connection:
        ids = store.class_ids(connection)
        assert set(contested.cells(connection)) == {(clip, ids[code]) for clip in (1, 2) for code in ("owl", "jay")}
        words = contested.of_clips(connection, [1, 2, 3])
    assert words[1, ids["owl"]] == "labelled owl here, jay in b.wav (the same file)"
    assert words[2, ids["owl"]] == "labelled jay here, owl in a.wav (the same file)"
