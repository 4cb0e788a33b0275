"""labeling/journal/entries.py: the first label of a clip without any."""

from __future__ import annotations

import pytest

from labeling import journal
from labeling.collection import adding
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.making import CLIPS, add_clips, undo_at

BARE = (*CLIPS, ("none/XC9.ogg", ()))


def heard(code: str, event: str, verdict: str = "present", clip_id: int = 5) -> Decision:
    return Decision(event, "ann", clip_id, code, verdict)


def primary(workspace: Workspace, clip_id: int = 5) -> tuple[str, tuple[str, ...]]:
    with workspace.read() as connection:
        return journal.resolve(journal.clip_states(connection, clip_id))


def test_it_becomes_the_primary_and_the_next_does_not(any_workspace: Workspace) -> None:
    add_clips(any_workspace, BARE)
    stored = journal.append(
        any_workspace, [heard("cangoo", "e0", "absent"), heard("balori", "e1"), heard("amecro", "e2")]
    )
    assert [one.role for one in stored] == ["", "primary", ""]
    assert primary(any_workspace) == ("balori", ("balori", "amecro"))
    assert journal.append(any_workspace, [heard("balori", "e1")]) == [stored[1]]
    undo_at(any_workspace, stored[1].position, "ann", "u1")
    undo_at(any_workspace, stored[2].position, "ann", "u2")
    assert journal.append(any_workspace, [heard("cangoo", "e3")])[0].role == "primary"
    assert primary(any_workspace) == ("cangoo", ("cangoo",))


@pytest.mark.parametrize("role", ["secondary", "primary"])
def test_who_names_a_role_is_believed(workspace: Workspace, role: str) -> None:
    add_clips(workspace, BARE)
    assert journal.append(workspace, [Decision("e1", "ann", 5, "amecro", "present", role=role)])[0].role == role


def test_a_clip_with_labels_and_a_table_without_primaries_know_no_such_rule(workspace: Workspace) -> None:
    add_clips(workspace, CLIPS)
    assert journal.append(workspace, [heard("daejun", "e1", clip_id=1)])[0].role == ""
    with workspace.write() as connection:
        clips = [adding.NewClip("x.wav", "/x.wav", 2, (("amecro", "secondary"),)), adding.NewClip("y.wav", "/y.wav", 3)]
        adding.add_collection(
            connection, format="table", source="/y", audio_root="/", options={}, table_name="t.csv",
            table_bytes=b"", clips=clips, class_names={},
        )  # fmt: skip
    assert journal.append(workspace, [heard("amecro", "e2", clip_id=6)])[0].role == ""
