"""labeling/backup/folder.py"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from labeling import journal
from labeling.backup.folder import back_up, restore
from labeling.backup.rows import digests
from labeling.collection import store
from labeling.errors import WorkspaceCorrupt, WorkspaceError, WorkspaceFull
from labeling.example import example_workspace
from labeling.predictions.oof import read_oof
from labeling.storage.database import MIGRATIONS, connect, transaction
from labeling.workspace import DATABASE, Workspace, open_workspace, sqlite_url
from tests.support.workspaces.making import add_clips, decisions_of_clips


def test_a_backup_gives_back_the_journal_and_the_runs_and_no_password(tmp_path: Path) -> None:
    workspace = example_workspace()
    (workspace.root / "earmark.toml").write_text('# database_url = "postgresql://u:secret@h/d"\n')
    kept = back_up(workspace, tmp_path / "monday")
    assert not (tmp_path / "monday" / "earmark.toml").exists()
    assert restore(kept.folder, tmp_path / "again").journal == kept.journal
    with closing(open_workspace(tmp_path / "again")) as again, again.read() as b, workspace.read() as a:
        assert digests(a) == digests(b)
        oofs = [read_oof(one.run_dir("001-demo") / "oof.zarr") for one in (workspace, again)]
    assert oofs[0].clipwise.tobytes() == oofs[1].clipwise.tobytes()
    assert oofs[0].frames(3).tobytes() == oofs[1].frames(3).tobytes()


@pytest.mark.postgres
def test_a_workspace_on_postgresql_is_backed_up_into_a_file_and_restored_into_either(
    postgres_workspace: Workspace, postgres_server, tmp_path: Path
) -> None:
    add_clips(postgres_workspace)
    journal.append(postgres_workspace, decisions_of_clips(postgres_workspace, "rita"))
    kept = back_up(postgres_workspace, tmp_path / "kept")
    assert kept.decisions == 4
    url = postgres_server("restored")
    restore(kept.folder, tmp_path / "file")
    restore(kept.folder, tmp_path / "server", url)
    for name in ("file", "server"):
        with closing(open_workspace(tmp_path / name)) as again, again.read() as b, postgres_workspace.read() as a:
            assert again.engine.dialect.name == ("sqlite" if name == "file" else "postgresql")
            assert digests(a) == digests(b)


def test_a_batch_stored_while_it_copies_is_in_it_whole_or_not_at_all(collection: Workspace, tmp_path: Path) -> None:
    end, stored = threading.Event(), []

    def review() -> None:
        while not end.is_set():
            batch = f"b{len(stored)}"
            journal.append(collection, decisions_of_clips(collection, batch))  # four entries, one transaction
            stored.append(batch)

    reviewer = threading.Thread(target=review)
    reviewer.start()
    try:
        kept = [back_up(collection, tmp_path / f"k{number}") for number in range(5)]
    finally:
        end.set()
        reviewer.join()
    counts = [backup.decisions for backup in kept]
    assert counts == sorted(counts)
    assert all(count % 4 == 0 for count in counts)
    assert counts[-1] <= 4 * len(stored)
    with closing(sqlite3.connect(kept[-1].folder / "earmark.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["earmark.db", "runs/001-demo/oof.zarr/zarr.json", "backup.json"])
def test_a_backup_with_one_changed_byte_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    kept = back_up(example_workspace(), tmp_path / "kept")
    place = kept.folder / name
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 0x80
    place.write_bytes(bytes(content))
    with pytest.raises(WorkspaceCorrupt, match="take another backup"):
        restore(kept.folder, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_it_is_not_made_over_anything(collection: Workspace, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="lies in the workspace"):
        back_up(collection, collection.root / "kept")
    kept = back_up(collection, tmp_path / "kept")
    with pytest.raises(WorkspaceError, match="is there already"):
        back_up(collection, tmp_path / "kept")
    with pytest.raises(WorkspaceError, match="is not empty"):
        restore(kept.folder, collection.root)
    with pytest.raises(WorkspaceError, match=r"no backup at .* has no backup\.json"):
        restore(collection.root, tmp_path / "again")


def test_a_full_disk_leaves_nothing_half(
    collection: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (collection.exports / "labels.csv").write_text("filename,label\n")

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("labeling.backup.folder.os.fsync", full)
    with pytest.raises(WorkspaceFull, match="no space left"):
        back_up(collection, tmp_path / "kept")
    assert list(tmp_path.glob("*kept*")) == []


def test_a_backup_of_an_earlier_earmark_is_brought_up_to_date_and_stays_as_it_is(
    collection: Workspace, tmp_path: Path
) -> None:
    kept = back_up(collection, tmp_path / "kept")
    file = kept.folder / "earmark.db"
    file.unlink()
    file.touch()
    engine, config = connect(sqlite_url(kept.folder / DATABASE)), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with transaction(engine, writes=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")  # before clips could be partial
        connection.exec_driver_sql("INSERT INTO classes (code, name, added_by) VALUES ('ovenbi1', 'Ovenbird', 'rita')")
    engine.dispose()
    manifest = json.loads((kept.folder / "backup.json").read_text())
    manifest["files"]["earmark.db"] = hashlib.sha256((kept.folder / "earmark.db").read_bytes()).hexdigest()
    (kept.folder / "backup.json").write_text(json.dumps(manifest))
    before = (kept.folder / "earmark.db").read_bytes()
    restore(kept.folder, tmp_path / "again")
    with closing(open_workspace(tmp_path / "again")) as again, again.read() as connection:
        assert [known.code for known in store.all_classes(connection)] == ["ovenbi1"]
        assert store.partial_clips(connection) == {}
    assert (kept.folder / "earmark.db").read_bytes() == before


def test_files_of_a_run_that_go_while_it_copies_are_told(
    collection: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (collection.runs / "001").mkdir()
    for name in ("a", "b"):
        (collection.runs / "001" / name).write_text(name)
    real = Path.open

    def removing(self: Path, *args, **options):
        if self == collection.runs / "001" / "a":
            self.unlink(missing_ok=True)
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", removing)
    kept = back_up(collection, tmp_path / "kept")
    assert kept.gone == ("runs/001/a",)
    assert set(kept.files) == {"earmark.db", "runs/001/b"}
