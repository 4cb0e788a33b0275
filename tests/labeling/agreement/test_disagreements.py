"""labeling/agreement/disagreements.py: what waits for an adjudication, and what each said."""

from __future__ import annotations

import shutil
from pathlib import Path

from labeling.agreement import disagreements
from labeling.agreement.disagreements import Side
from labeling.collection.importing import import_collection
from labeling.records import Region, Shown
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import says
from tests.support.workspaces.making import undo_at
from tests.support.workspaces.recorders import sound

SETTLES = Shown(adjudication=True)


def waiting(workspace: Workspace) -> list[tuple[int, dict[str, str]]]:
    with workspace.read() as connection:
        return [(one.clip_id, one.votes) for one in disagreements.waiting(connection)]


def sides(workspace: Workspace, clip_id: int = 1) -> list[Side]:
    with workspace.read() as connection:
        return disagreements.sides(connection, clip_id, "amecro")


def test_unlike_verdicts_wait_opposite_ones_first(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present", 1)
    says(any_collection, "bob", "unsure", 1)
    says(any_collection, "ann", "present", 2)
    says(any_collection, "bob", "absent", 2)
    says(any_collection, "ann", "present", 3)
    says(any_collection, "bob", "present", 3)
    says(any_collection, "ann", "absent", 4)
    assert waiting(any_collection) == [
        (2, {"ann": "present", "bob": "absent"}),
        (1, {"ann": "present", "bob": "unsure"}),
    ]


def test_who_comes_to_agree_waits_no_more(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present")
    at = says(any_collection, "bob", "absent")
    undo_at(any_collection, at, "bob", "back")
    assert waiting(any_collection) == []
    says(any_collection, "bob", "absent")
    says(any_collection, "bob", "present")
    assert waiting(any_collection) == []


def test_an_adjudication_settles_until_somebody_says_otherwise(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present")
    says(any_collection, "bob", "absent")
    at = says(any_collection, "zoe", "absent", shown=SETTLES)
    assert waiting(any_collection) == []
    says(any_collection, "cleo", "absent")
    assert waiting(any_collection) == [], "who says the same brings nothing new"
    new = says(any_collection, "dan", "present")
    assert [clip for clip, _ in waiting(any_collection)] == [1]
    says(any_collection, "dan", "absent")
    assert waiting(any_collection) == [], "dan has come round"
    undo_at(any_collection, new + 1, "dan", "no")
    assert [clip for clip, _ in waiting(any_collection)] == [1]
    says(any_collection, "zoe", "present", shown=SETTLES)
    assert waiting(any_collection) == []
    undo_at(any_collection, new + 3, "zoe", "back")
    undo_at(any_collection, at, "zoe", "back too")
    assert waiting(any_collection) == [(1, {"ann": "present", "bob": "absent", "cleo": "absent", "dan": "present"})]


def test_an_adjudicator_may_be_one_of_those_who_disagree(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present")
    says(any_collection, "zoe", "absent")
    says(any_collection, "zoe", "present", shown=SETTLES)
    assert waiting(any_collection) == []


def test_each_side_with_its_boxes_notes_and_whether_it_had_seen_another(any_collection: Workspace) -> None:
    heard = Region(1.0, 2.5, 2000.0, 4000.0)
    says(any_collection, "ann", "present", seen_position=0, region=heard, note="a call")
    says(any_collection, "bob", "absent", shown=Shown(blind=True), seen_position=1)
    says(any_collection, "cleo", "absent", seen_position=2, note="a <b>crow</b>?")
    ann, bob, cleo = sides(any_collection)
    assert (ann.reviewer, ann.verdict, ann.notes, ann.had_seen) == ("ann", "present", ("a call",), False)
    assert [box.region for box in ann.boxes] == [heard]
    assert (bob.verdict, bob.had_seen, bob.boxes) == ("absent", False, ())
    assert (cleo.verdict, cleo.had_seen, cleo.notes) == ("absent", True, ("a <b>crow</b>?",))
    assert ann.created_at <= bob.created_at <= cleo.created_at
    assert sides(any_collection, 2) == []
    says(any_collection, "zoe", "absent", shown=SETTLES)
    assert [one.is_adjudication for one in sides(any_collection)] == [False, False, False, True]


def test_copies_of_a_file_wait_and_are_settled_together(workspace: Workspace, tmp_path: Path) -> None:
    shutil.copy(sound(tmp_path / "birds" / "a.wav", 1, 2.0), tmp_path / "birds" / "b.wav")
    (tmp_path / "birds" / "labels.csv").write_text("filename,label\na.wav,amecro\nb.wav,amecro\n")
    import_collection(workspace, tmp_path / "birds")
    says(workspace, "ann", "present", 1)
    says(workspace, "bob", "absent", 2)
    assert {clip for clip, _ in waiting(workspace)} == {1, 2}
    says(workspace, "zoe", "absent", 1, shown=SETTLES)
    assert waiting(workspace) == []
