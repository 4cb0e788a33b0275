"""labeling/journal/corrections.py"""

from __future__ import annotations

from labeling import journal
from labeling.journal import corrections
from labeling.journal.corrections import CellCorrection, between, by_kind
from labeling.journal.versions import Change
from labeling.workspace import Workspace
from tests.support.workspaces.gain_case import CONFIRMED, FALSE, MISSING, SAID, SWAPPED, collect, say


def change(filename: str, code: str, before: str, after: str) -> Change:
    return Change(filename, code, before, after, "ann", "", "")


def test_every_kind_between_two_positions(any_workspace: Workspace) -> None:
    collect(any_workspace)
    say(any_workspace, [(24, "amecro", "present")])  # before the first position
    say(any_workspace, SAID)
    with any_workspace.read() as connection:
        found = between(connection, 1, journal.position(connection))
        back = between(connection, journal.position(connection), 1)
        assert between(connection, 1, 1) == []
    said = {
        kind: {(f"c{clip}.ogg", code) for clip, code, _ in cells}
        for kind, cells in (("missing", MISSING), ("false", FALSE), ("swapped", SWAPPED), ("confirmed", CONFIRMED))
    }
    assert {kind: {(one.filename, one.class_code) for one in found if one.kind == kind} for kind in said} == said
    assert len(found) == len(SAID)
    assert {(one.class_code, one.kind) for one in back if one.kind in ("missing", "false")} == {
        ("cangoo", "missing"), ("balori", "false"),
    }  # fmt: skip


def test_what_was_taken_back_is_nothing(workspace: Workspace) -> None:
    collect(workspace)
    say(workspace, [(1, "balori", "present"), (2, "balori", "present")])
    with workspace.read() as connection:
        made = journal.decisions_where(connection)
    journal.undo_all(workspace, made, "ann", "b")
    with workspace.read() as connection:
        assert between(connection, 0, journal.position(connection)) == []


def test_a_swap_needs_both_sides_in_one_clip() -> None:
    made = by_kind(
        [
            change("a", "x", "primary", "absent"),
            change("a", "y", "absent", "primary"),
            change("a", "z", "absent", "secondary"),
            change("b", "x", "primary", "absent"),
            change("c", "y", "secondary", "primary"),
            change("d", "y", "unsure", "absent"),
            change("d", "x", "absent", "unsure"),
            change("e", "x", "absent", "primary"),
        ]
    )
    assert [(one.filename, one.class_code, one.kind) for one in made] == [
        ("a", "x", "swapped"), ("a", "y", "swapped"), ("a", "z", "missing"), ("b", "x", "false"), ("c", "y", "other"),
        ("d", "y", "other"), ("d", "x", "other"), ("e", "x", "missing"),
    ]  # fmt: skip
    assert {one.kind for one in made} <= set(corrections.KINDS)
    assert made[0] == CellCorrection("a", "x", "swapped")
