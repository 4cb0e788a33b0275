"""labeling/review/digest.py: what changed since somebody was last here."""

from __future__ import annotations

from labeling.journal import versions
from labeling.journal.rules import LabelRule
from labeling.records import Shown
from labeling.review.digest import Digest, Here, digest, last_here, read_until
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import says
from tests.support.workspaces.making import undo_at


def told(workspace: Workspace, reviewer: str = "ann") -> Digest:
    with workspace.read() as connection:
        return digest(connection, reviewer)


def rows(found: Digest) -> list[tuple[str, str, str]]:
    return [(one.kind, one.who, one.text) for one in found.changes]


def test_verdicts_of_others_on_ones_own_cells_alone(any_collection: Workspace) -> None:
    says(any_collection, "bob", "absent", 2)
    says(any_collection, "ann", "present", 1)
    says(any_collection, "bob", "absent", 1)
    says(any_collection, "bob", "present", 1)
    says(any_collection, "cleo", "present", 1, "balori")  # ann has not judged that cell: nothing of it is told
    gone = says(any_collection, "dan", "absent", 1)
    undo_at(any_collection, gone, "dan", "back")
    found = told(any_collection)
    assert rows(found) == [("verdict", "bob", "present, as you said")], "the last verdict of each"
    (change,) = found.changes
    assert (change.clip_id, change.filename, change.class_code) == (1, "amecro/XC1.ogg", "amecro")
    assert found.counts == {"verdict": 1}


def test_adjudications_versions_calls_and_answers(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present", 1)
    mine = marks.add(any_collection, Mark("m1", "ann", 1, "note", "a crow? @bob"))
    says(any_collection, "zoe", "absent", 1, shown=Shown(adjudication=True))
    marks.add(any_collection, Mark("m2", "bob", 1, "note", "no", reply_to=mine.id))
    marks.add(any_collection, Mark("m3", "bob", 2, "note", "@Ann listen"))
    back = marks.add(any_collection, Mark("m4", "bob", 2, "note", "@ann again"))
    marks.remove(any_collection, back.id, "bob", "back")
    versions.freeze(any_collection, "zoe", "for cleo", LabelRule("adjudicated"))
    versions.freeze(any_collection, "ann", rule=LabelRule("any"))
    assert rows(told(any_collection)) == [
        ("mention", "bob", "@Ann listen"),
        ("answer", "bob", "no"),
        ("adjudication", "zoe", "absent; you said present"),
        ("version", "zoe", "version 1, by the rule adjudicated: for cleo"),
    ]
    assert {one.text for one in told(any_collection, "bob").changes} == {
        "version 2, by the rule any", "version 1, by the rule adjudicated: for cleo",
    }, "the note that called bob is older than his own"  # fmt: skip


def test_what_was_read_is_told_no_more(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present", 1)
    says(any_collection, "bob", "absent", 1)
    found = told(any_collection)
    assert len(found.changes) == 1
    assert len(told(any_collection).changes) == 1, "to see it is not to have read it"
    read_until(any_collection, "ann", found.here)
    assert told(any_collection).changes == ()
    says(any_collection, "cleo", "present", 1)
    assert [one.who for one in told(any_collection).changes] == ["cleo"]
    says(any_collection, "ann", "present", 2)  # nor does one's own work stand for having read
    assert [one.who for one in told(any_collection).changes] == ["cleo"]


def test_who_was_never_here_has_missed_nothing(any_collection: Workspace) -> None:
    says(any_collection, "bob", "absent", 1)
    marks.add(any_collection, Mark("m1", "bob", 1, "note", "@ann"))
    versions.freeze(any_collection, "bob")
    found = told(any_collection)
    assert found.changes == ()
    with any_collection.read() as connection:
        assert last_here(connection, "ann") == found.here == Here(1, 1, 1)
