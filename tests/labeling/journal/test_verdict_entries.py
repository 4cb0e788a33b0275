"""labeling/journal/verdict_entries.py; what they say of cells is in test_verdicts.py and test_audit_journal.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.journal import verdict_entries
from labeling.quality import verdicts
from labeling.quality.decided_cells import decided_cells
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.deciding import say_asked
from tests.support.workspaces.making import CLIPS, add_clips, undo_at


def standing(workspace: Workspace, position: int | None = None, clip_id: int | None = None) -> list[tuple[int, str]]:
    with workspace.read() as connection:
        entries = verdict_entries.read_entries(connection, position, clip_id=clip_id)
        return [(one.clip_id, one.verdict) for one in entries]


def test_an_entry_stands_from_its_position_until_it_is_taken_back(any_collection: Workspace) -> None:
    first = say_asked(any_collection, 1, "amecro", "absent")
    second = say_asked(any_collection, 2, "amecro", "present")
    undo_at(any_collection, first, "ann", "u1")
    assert standing(any_collection) == [(2, "present")]
    assert standing(any_collection, second) == [(1, "absent"), (2, "present")]
    assert standing(any_collection, 0) == []
    assert [standing(any_collection, clip_id=clip_id) for clip_id in (1, 2, 3)] == [[], [(2, "present")], []]
    assert standing(any_collection, second, 1) == [(1, "absent")]


def test_the_journal_is_read_once(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    say_asked(collection, 1, "amecro")
    reads: list[int] = []
    real = verdict_entries._read
    monkeypatch.setattr(
        verdict_entries, "_read", lambda connection, after, to: reads.append(after) or real(connection, after, to)
    )
    for _ in range(2):
        with collection.read() as connection:
            verdicts.counted(connection)
            decided_cells(connection)
    assert reads == [0]
    say_asked(collection, 2, "amecro")
    assert len(standing(collection)) == 2
    assert reads == [0, 1]


def test_another_journal_under_the_same_name_is_read_anew(tmp_path: Path) -> None:
    def fresh() -> Workspace:
        workspace = open_workspace(tmp_path / "birds", create=True)
        add_clips(workspace, CLIPS)
        return workspace

    first = fresh()
    say_asked(first, 1, "amecro", "present")
    say_asked(first, 1, "balori", "present")
    assert len(standing(first)) == 2
    first.close()
    (tmp_path / "birds").rename(tmp_path / "gone")
    second = fresh()
    say_asked(second, 2, "balori", "absent")
    say_asked(second, 2, "amecro", "absent")
    say_asked(second, 2, "cangoo", "absent")
    assert standing(second) == [(2, "absent")] * 3
    second.close()
