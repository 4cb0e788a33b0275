"""labeling/backup/rows.py"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from labeling import journal
from labeling.backup.rows import copy_rows, digests
from labeling.errors import WorkspaceError
from labeling.example import example_workspace
from labeling.records import Decision, Region
from labeling.storage.tables import decisions, metadata, preferences
from labeling.workspace import Workspace, open_workspace

ODD = 'née "Ω" 100 % \\ \u2028'


@pytest.fixture
def full() -> Workspace:
    """Clips, labels, a scored run, and decisions with notes of odd signs and regions."""
    workspace = example_workspace()
    with workspace.read() as connection:
        clips = connection.exec_driver_sql("SELECT id FROM clips ORDER BY id").scalars().all()
    made = [
        Decision(f"e{k}", ODD, clip, "amecro", "present", note=ODD, region=Region(0.1 * k, 0.1 * k + 1 / 3))
        for k, clip in enumerate(clips)
    ]
    journal.append(workspace, made)
    return workspace


def test_every_row_comes_out_the_same_in_the_other_database_and_back(
    full: Workspace, postgres_workspace: Workspace, workspace: Workspace
) -> None:
    with full.read() as source, postgres_workspace.write() as target:
        copied = copy_rows(source, target)
    with postgres_workspace.read() as source, workspace.write() as target:
        assert copy_rows(source, target) == copied
    with full.read() as a, postgres_workspace.read() as b, workspace.read() as c:
        assert digests(a) == digests(b) == digests(c)
        for table in metadata.sorted_tables:  # not only by our own digest
            keys = list(table.primary_key.columns)
            rows = [sorted(map(repr, connection.execute(sa.select(table).order_by(*keys)))) for connection in (a, b, c)]
            assert rows[0] == rows[1] == rows[2], table.name
            assert len(rows[0]) == copied[table.name]
    assert copied["decisions"] == copied["clips"] > 0
    assert copied["rankings"] > 0


def test_the_next_entry_of_the_journal_follows_the_last_one(full: Workspace, any_workspace: Workspace) -> None:
    with full.read() as source, any_workspace.write() as target:
        copy_rows(source, target)
    with any_workspace.read() as connection:
        last = connection.scalar(sa.select(sa.func.max(decisions.c.position)))
        clip = connection.exec_driver_sql("SELECT min(id) FROM clips").scalar_one()
    (stored,) = journal.append(any_workspace, [Decision("new", "rita", clip, "amecro", "absent")])
    assert stored.position == last + 1


def test_a_digest_is_the_sum_of_the_rows_own_and_tells_one_changed_sign(workspace: Workspace) -> None:
    row = {"reviewer": "rita", "name": "n", "value": "1", "changed_at": "t"}
    with workspace.write() as connection:
        assert set(digests(connection).values()) == {"0" * 64}
        connection.execute(sa.insert(preferences), [row, {**row, "name": "m"}])
        texts = ['{"changed_at": "t", "name": "n", "reviewer": "rita", "value": "1"}']
        texts.append(texts[0].replace('"n"', '"m"'))
        total = sum(int(hashlib.sha256(text.encode()).hexdigest(), 16) for text in texts) % 2**256
        assert digests(connection, [preferences]) == {"preferences": f"{total:064x}"}
        connection.execute(sa.update(preferences).where(preferences.c.name == "m").values(value="2"))
        assert digests(connection)["preferences"] != f"{total:064x}"


def test_a_database_with_rows_is_not_filled(full: Workspace, tmp_path: Path) -> None:
    target = open_workspace(tmp_path / "other", create=True)
    with target.write() as connection:
        connection.execute(sa.insert(preferences).values(reviewer="rita", name="n", value="1", changed_at="t"))
    with (
        full.read() as source,
        target.write() as connection,
        pytest.raises(WorkspaceError, match="preferences has rows"),
    ):
        copy_rows(source, connection)
    target.close()
