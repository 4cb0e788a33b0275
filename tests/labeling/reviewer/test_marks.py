"""labeling/reviewer/marks.py"""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from labeling.errors import DataError, WorkspaceError
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace


def add(workspace: Workspace, kind: str, clip_id: int = 1, reviewer: str = "ann", text: str = "") -> Mark:
    number = len(rows(workspace))
    return marks.add(workspace, Mark(f"e{number}", reviewer, clip_id, kind, text))


def rows(workspace: Workspace) -> list[Any]:
    with workspace.read() as connection:
        return db.fetch(connection, sa.select(tables.marks).order_by(tables.marks.c.id))


def seen(workspace: Workspace, reviewer: str, clip_id: int = 1) -> list[tuple[str, str, str]]:
    with workspace.read() as connection:
        return [(one.kind, one.reviewer, one.text) for one in marks.of_clip(connection, clip_id, reviewer)]


def standing(workspace: Workspace, *kinds: str, reviewer: str = "ann") -> list[int]:
    with workspace.read() as connection:
        return sorted(marks.standing(connection, kinds, reviewer))


def test_notes_and_flags_are_everybodys_later_and_skip_ones_own(any_collection: Workspace) -> None:
    add(any_collection, "note", text="two birds")
    add(any_collection, "flag", reviewer="bob")
    add(any_collection, "later", reviewer="bob")
    add(any_collection, "skip")
    shared = [("note", "ann", "two birds"), ("flag", "bob", "")]
    assert seen(any_collection, "ann") == [*shared, ("skip", "ann", "")]
    assert seen(any_collection, " bob ") == [*shared, ("later", "bob", "")]
    assert seen(any_collection, "cyd") == shared
    assert seen(any_collection, "ann", clip_id=2) == []


def test_the_clips_that_carry_a_kind(any_collection: Workspace) -> None:
    for clip_id, kind, reviewer in ((1, "flag", "ann"), (2, "flag", "bob"), (2, "skip", "bob"), (3, "skip", "ann")):
        add(any_collection, kind, clip_id, reviewer)
    add(any_collection, "flag", 1, "bob")
    assert standing(any_collection, "flag") == [1, 2]
    assert standing(any_collection, "skip") == [3]
    assert standing(any_collection, "skip", reviewer="bob") == [2]
    assert standing(any_collection, "flag", "skip") == [1, 2, 3]
    assert standing(any_collection) == []
    with any_collection.read() as connection:
        assert marks.kinds_of(connection, [1, 2, 4], "bob") == {1: ("flag",), 2: ("flag", "skip")}
        assert marks.kinds_of(connection, [1, 2, 4] * 500, "bob") == {1: ("flag",), 2: ("flag", "skip")}


def test_a_mark_is_taken_back_by_another_entry_and_may_come_again(any_collection: Workspace) -> None:
    flag = add(any_collection, "flag", text="which owl?")
    gone = marks.remove(any_collection, flag.id, "bob", "gone")
    assert (gone.removes, gone.reviewer, gone.clip_id, gone.kind, gone.text) == (flag.id, "bob", 1, "flag", "")
    assert seen(any_collection, "ann") == []
    assert standing(any_collection, "flag") == []
    assert marks.remove(any_collection, flag.id, "cyd", "gone too") == gone
    assert len(rows(any_collection)) == 2
    again = add(any_collection, "flag")
    assert seen(any_collection, "ann") == [("flag", "ann", "")]
    with pytest.raises(DataError, match=f"no mark {gone.id} in this workspace"):  # it is no mark itself
        marks.remove(any_collection, gone.id, "ann", "x")
    assert again.id > gone.id


def test_ones_own_mark_is_nobody_elses_to_take_back(any_collection: Workspace) -> None:
    for kind in marks.OWN:
        mine = add(any_collection, kind)
        with pytest.raises(DataError, match=rf"mark {mine.id} \({kind}\) belongs to 'ann'"):
            marks.remove(any_collection, mine.id, "bob", f"x{kind}")
        marks.remove(any_collection, mine.id, "ann", f"x{kind}")
    assert seen(any_collection, "ann") == []


def test_undo_goes_back_through_marks_and_what_took_them_back(any_collection: Workspace) -> None:
    def undo(event_id: str) -> Mark | None:
        with any_collection.read() as connection:
            last = marks.last_undoable(connection, "ann")
        return marks.undo(any_collection, last, event_id) if last else None

    theirs = add(any_collection, "note", reviewer="bob", text="an owl")
    flag = add(any_collection, "flag")
    marks.remove(any_collection, flag.id, "ann", "r1")
    gone = marks.remove(any_collection, theirs.id, "ann", "r2")
    assert seen(any_collection, "ann") == []
    back = undo("u1")
    assert back is not None
    assert (back.removes, back.reviewer) == (gone.id, "ann")
    assert seen(any_collection, "ann") == [("note", "bob", "an owl")]
    assert marks.undo(any_collection, gone, "u1") == back, "sent again"
    with pytest.raises(DataError, match="the note was taken back already; nothing was undone"):
        marks.undo(any_collection, gone, "from another tab")
    with any_collection.read() as connection:
        assert marks.undone_by(connection, "u1") == gone
        assert marks.undone_by(connection, "r1") is None
    assert undo("u2")
    assert seen(any_collection, "ann") == [("note", "bob", "an owl"), ("flag", "ann", "")]
    assert undo("u3")
    assert seen(any_collection, "ann") == [("note", "bob", "an owl")]
    assert undo("u4") is None
    assert marks.remove(any_collection, theirs.id, "ann", "r3").removes == theirs.id, "once more"
    assert seen(any_collection, "ann") == []


def test_a_clip_is_put_off_once(any_collection: Workspace) -> None:
    first = add(any_collection, "later")
    assert add(any_collection, "later") == first
    assert add(any_collection, "later", reviewer="bob") != first
    marks.remove(any_collection, first.id, "ann", "back")
    assert add(any_collection, "later").id > first.id


def test_a_mark_sent_twice_at_once_is_one(any_collection: Workspace) -> None:
    """Two threads, one event id each for adding and for taking back: one entry, given to both."""

    def together(work: Any) -> list[Mark]:
        found: list[Mark] = []
        start = threading.Barrier(2)

        def one() -> None:
            start.wait()
            found.append(work())

        threads = [threading.Thread(target=one) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return found

    first, second = together(lambda: marks.add(any_collection, Mark("same", "ann", 1, "note", "hm")))
    assert first == second
    assert len(rows(any_collection)) == 1
    first, second = together(lambda: marks.remove(any_collection, first.id, "ann", "back"))
    assert first == second
    assert len(rows(any_collection)) == 2


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (Mark("e", "ann", 99, "flag"), "no clip 99 in this workspace"),
        (Mark("e", "ann", 10**30, "flag"), "no clip 1000000000000000000000000000000 in this workspace"),
        (Mark("e", "ann", -1, "flag"), "no clip -1 in this workspace"),
        (Mark("e", "ann", 1, "flagg"), "unknown kind of mark 'flagg'; choose from flag, note, later, skip"),
        (Mark("e", " ", 1, "flag"), "sign in first"),
        (Mark("", "ann", 1, "flag"), "the event_id has 0 signs"),
        (Mark("e", "ann", 1, "note"), "the note has 0 signs"),
        (Mark("e", "ann", 1, "note", "x" * 2001), "the note has 2,001 signs .*give 1 to 2,000"),
        (Mark("e", "ann", 1, "flag", "a\0"), "the flag holds a NUL"),
        (Mark("e", "ann", 1, "note", "\udfff"), "not valid Unicode"),
        (Mark("e", "ann", 1, "note", "x", removes=1), "call marks.remove"),
    ],
)
def test_a_mark_that_means_nothing_is_refused(any_collection: Workspace, mark: Mark, message: str) -> None:
    with pytest.raises(DataError, match=message):
        marks.add(any_collection, mark)
    assert rows(any_collection) == []


@pytest.mark.parametrize("mark_id", [7, 0, -1, 10**30])
def test_an_unknown_mark_is_not_taken_back(any_collection: Workspace, mark_id: int) -> None:
    with pytest.raises(DataError, match=f"no mark {mark_id} in this workspace"):
        marks.remove(any_collection, mark_id, "ann", "x")


def test_text_is_data(any_collection: Workspace) -> None:
    texts = [
        "'); DROP TABLE marks; --",
        "<script>alert(1)</script>",
        "%s %(x)s :name",
        "🦉\u202e\u0301 \u2028.",
        "x" * 2000,
    ]
    for text in texts:
        add(any_collection, "note", text=text)
    assert [text for _, _, text in seen(any_collection, "'; --")] == texts
    assert standing(any_collection, "note", reviewer='" OR 1=1') == [1]


def test_no_mark_is_changed_or_forgotten(any_collection: Workspace) -> None:
    add(any_collection, "note", text="kept")
    before = rows(any_collection)
    for change in (sa.update(tables.marks).values(text="changed"), sa.delete(tables.marks)):
        with pytest.raises(WorkspaceError, match="marks is insert-only"), any_collection.write() as connection:
            connection.execute(change)
    assert rows(any_collection) == before


def test_a_note_answers_a_note_on_the_same_clip(any_collection: Workspace) -> None:
    first = marks.add(any_collection, Mark("m1", "ann", 1, "note", "a crow?"))
    answer = marks.add(any_collection, Mark("m2", "bob", 1, "note", "yes", reply_to=first.id))
    with any_collection.read() as connection:
        assert marks.of_clip(connection, 1, "cyd") == [first, answer]
    flag = marks.add(any_collection, Mark("m3", "bob", 1, "flag"))
    for number, (clip_id, kind, reply_to) in enumerate([
        (2, "note", first.id), (1, "note", flag.id), (1, "note", 99), (1, "note", 0), (1, "flag", first.id),
    ]):  # fmt: skip
        with pytest.raises(DataError, match=f"mark {reply_to} is no note on clip {clip_id}"):
            marks.add(any_collection, Mark(f"bad{number}", "bob", clip_id, kind, "no", reply_to=reply_to))
    marks.remove(any_collection, first.id, "ann", "back")
    late = marks.add(any_collection, Mark("m4", "cyd", 1, "note", "I think so too", reply_to=first.id))
    with any_collection.read() as connection:
        assert [one.id for one in marks.of_clip(connection, 1, "cyd") if one.kind == "note"] == [answer.id, late.id]
        assert [note.id for note, _ in marks.notes_since(connection, first.id)] == [answer.id, late.id]
        assert marks.ids_of(connection, "bob") == {answer.id, flag.id}
    marks.remove(any_collection, answer.id, "bob", "back too")  # an answer is taken back as any note is
    with any_collection.read() as connection:
        assert [note.id for note, name in marks.notes_since(connection, 0) if name == "amecro/XC1.ogg"] == [late.id]
