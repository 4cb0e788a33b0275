"""labeling/replay/scratch.py: a copy that says the same, and an original that nothing reaches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from labeling import journal, runs
from labeling.disagreement.stored_ranking import read_ranking
from labeling.embeddings.space import join_parts, known_clips, open_space, part_names
from labeling.journal import versions
from labeling.replay import scratch
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import DATABASE, Workspace
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import decide, make_queue
from tests.support.workspaces.tiny_space import add_space


def test_a_copy_holds_collection_journal_versions_and_runs(any_workspace: Workspace, tmp_path: Path) -> None:
    make_queue(any_workspace)
    decide(any_workspace, 1, "amecro")
    second = versions.freeze(any_workspace, "ann")
    queued = runs.enqueue(any_workspace, "demo", second.number)
    any_workspace.run_dir("001-demo").mkdir(parents=True)
    copy = scratch.copy_workspace(any_workspace, tmp_path / "copy")
    with any_workspace.read() as source, copy.read() as target:
        assert copy.engine.dialect.name == "sqlite"
        assert versions.labels_at(target).content_hash == versions.labels_at(source).content_hash
        assert versions.labels_at(target, 0).content_hash == versions.labels_at(source, 0).content_hash
        assert versions.all_versions(target) == versions.all_versions(source)
        for table in (tables.clips, tables.imported_labels, tables.cells, tables.decisions, tables.imports):
            assert db.fetch(target, sa.select(table)) == db.fetch(source, sa.select(table))
        states = {run.id: run.status for run in runs.all_runs(target)}
        assert states == {"001-demo": "done", queued.id: "stopped"}
        assert not db.fetch(target, sa.select(tables.rankings))
    assert (copy.root / "runs" / "001-demo").resolve() == any_workspace.run_dir("001-demo").resolve()
    assert scratch.copy_ranking(any_workspace, copy, "001-demo", "earmark")
    assert not scratch.copy_ranking(any_workspace, copy, "001-demo", "nobody")
    with any_workspace.read() as source, copy.read() as target:
        ours, theirs = (read_ranking(one, "001-demo", "earmark") for one in (source, target))
        assert ours.p_wrong.tolist() == theirs.p_wrong.tolist()
    copy.close()


def test_what_is_done_to_a_copy_reaches_neither_the_original_nor_its_twin(
    collection: Workspace, tmp_path: Path
) -> None:
    kept = collection.run_dir("001-demo") / "oof.zarr"
    kept.mkdir(parents=True)
    (kept / "data").write_bytes(b"1")
    copy = scratch.copy_workspace(collection, tmp_path / "copy")
    twin = scratch.duplicate(copy, tmp_path / "twin")
    decide(twin, 1, "amecro")
    for one, expected in ((collection, 0), (copy, 0), (twin, 1)):
        with one.read() as connection:
            assert journal.position(connection) == expected
    with twin.write() as connection, pytest.raises(sa.exc.DBAPIError, match="insert-only"):
        connection.execute(sa.delete(tables.decisions))
    for one in (copy, twin):
        one.close()
        shutil.rmtree(one.root)
    assert (kept / "data").read_bytes() == b"1"


def test_a_copy_reads_the_spaces_and_what_it_embeds_stays_in_it(collection: Workspace, tmp_path: Path) -> None:
    add_space(collection, skip=(1,))
    before, parts = known_clips(collection, "toy"), part_names(collection, "toy")
    copy = scratch.duplicate(scratch.copy_workspace(collection, tmp_path / "first"), tmp_path / "copy")
    assert known_clips(copy, "toy") == before
    assert open_space(copy, "toy").vectors.tolist() == open_space(collection, "toy").vectors.tolist()
    add_space(copy)
    join_parts(copy, "toy", most=1)
    assert len(known_clips(copy, "toy")) == len(before) + 1
    assert known_clips(collection, "toy") == before
    assert part_names(collection, "toy") == parts
    late = scratch.duplicate(scratch.copy_workspace(collection, tmp_path / "second"), tmp_path / "late")
    for one in (copy, late):
        add_space(collection)
        join_parts(collection, "toy", most=1)
        assert known_clips(one, "toy").items() <= known_clips(collection, "toy").items()
        shutil.rmtree(one.root)
    assert known_clips(collection, "toy").items() > before.items()
    assert len(open_space(collection, "toy").vectors)


def test_a_database_that_the_environment_names_is_left_alone(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clips(workspace)
    monkeypatch.setenv("EARMARK_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    copy = scratch.copy_workspace(workspace, tmp_path / "copy")
    assert copy.engine.url.database == str(tmp_path / "copy" / DATABASE)
    assert not (tmp_path / "other.db").exists()
    given = {"EARMARK_DATABASE_URL": "postgresql://x", "PATH": "/bin"}
    assert scratch.environment_for(given) == {"PATH": "/bin"}
