"""labeling/journal/looks.py: how many looks a cell needs, and what is hidden from who owes one."""

from __future__ import annotations

import pytest

from labeling import journal
from labeling.errors import DataError, StaleDecision
from labeling.journal import looks
from labeling.journal.looks import Hidden, Needed
from labeling.records import Decision, Region, Shown
from labeling.workspace import Workspace

TWO = Needed(missing=2, false=2, audit=2)
ASKED = Shown(kind="missing", asked=True)


def said(position: int, reviewer: str, code: str = "amecro", verdict: str = "present", **more: object) -> Decision:
    entry = {"shown": ASKED, **more}
    return Decision(f"e{position}", reviewer, 1, code, verdict, position=position, **entry)  # type: ignore[arg-type]


def hidden(entries: list[Decision], reviewer: str, wanted: Needed = TWO, **more: object) -> Hidden:
    return looks.hidden_from(entries, more.pop("listed", ()), wanted, reviewer, **more)  # type: ignore[arg-type]


def test_one_look_each_is_what_holds_unless_an_owner_says_otherwise(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        assert looks.needed(connection) == Needed(1, 1, 1)
        assert not looks.needed(connection).is_several
        assert looks.set_needed(connection, "audit", 5) == Needed(audit=5)
        assert looks.set_needed(connection, "audit", 1) == Needed()
        for kind, count, problem in (("odd", 2, "kind of look"), ("false", 0, "1 to 5"), ("false", 6, "1 to 5")):
            with pytest.raises(DataError, match=problem):
                looks.set_needed(connection, kind, count)


def test_others_are_hidden_until_one_has_said_so_oneself_or_the_looks_are_complete() -> None:
    ann = said(1, "ann")
    assert hidden([ann], "bob") == Hidden(frozenset({"amecro"}), beside=True)
    assert hidden([ann], "ann") == looks.NOTHING_HIDDEN
    assert hidden([ann, said(2, "bob")], "bob") == looks.NOTHING_HIDDEN
    assert hidden([ann, said(2, "bob")], "cem") == looks.NOTHING_HIDDEN
    assert hidden([ann], "bob", Needed()) == looks.NOTHING_HIDDEN
    assert hidden([ann, said(2, "ann", verdict="undo", undoes=1)], "bob") == looks.NOTHING_HIDDEN
    assert hidden([said(1, "auto:stage1")], "bob") == looks.NOTHING_HIDDEN
    settled = said(2, "cem", verdict="absent", shown=Shown(adjudication=True))
    assert hidden([ann], "bob", Needed(missing=4)).beside
    assert hidden([ann, settled], "bob", Needed(missing=4)) == looks.NOTHING_HIDDEN
    heard_to_be_absent = said(1, "ann", verdict="absent", region=Region(1.0, 2.0))
    assert hidden([heard_to_be_absent], "bob") == looks.NOTHING_HIDDEN  # no verdict on the clip


def test_the_kind_of_a_cell_is_what_its_table_lists_or_that_chance_drew_it_first() -> None:
    ann = [said(1, "ann")]
    drawn = [said(1, "ann", shown=Shown(audit=True))]
    for entries, listed, kind in ((ann, (), "missing"), (ann, ("amecro",), "false"), (drawn, ("amecro",), "audit")):
        assert hidden(entries, "bob", Needed(**{kind: 2}), listed=listed).beside
        for other in {"missing", "false", "audit"} - {kind}:
            assert not hidden(entries, "bob", Needed(**{other: 2}), listed=listed).beside


def test_what_nobody_was_asked_about_is_hidden_only_beside_what_was() -> None:
    offered = said(1, "ann", "cangoo", shown=Shown())
    assert hidden([offered], "bob") == looks.NOTHING_HIDDEN  # else bob would never see it
    assert hidden([offered], "bob", doubted=["cangoo"]).codes == {"cangoo"}
    assert hidden([offered, said(2, "ann")], "bob").codes == {"amecro", "cangoo"}


def test_one_sees_ones_own_and_what_machines_did() -> None:
    own, other, machine = said(1, "bob"), said(2, "ann"), said(3, "auto:stage1")
    undo = said(4, "ann", verdict="undo", undoes=1)
    assert looks.seen_by([own, other, machine, undo], "bob") == [own, machine, undo]


def test_nobody_is_told_that_another_was_quicker_who_is_to_judge_alone(any_collection: Workspace) -> None:
    def say(name: str, event_id: str) -> None:
        journal.append(any_collection, [Decision(event_id, name, 1, "cangoo", "absent", shown=ASKED, seen_position=0)])

    with any_collection.write() as connection:
        looks.set_needed(connection, "missing", 2)
    say("ann", "e1")
    say("bob", "e2")
    with pytest.raises(StaleDecision, match="by bob"):
        say("cem", "e3")  # it has its looks, so that it is no secret
    with any_collection.read() as connection:
        assert journal.cell_state(connection, 1, "cangoo").reviewer == "bob"  # the last verdict is the label's
