"""earmark/doctor.py"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from earmark import doctor
from earmark.__main__ import main
from labeling.example import example_workspace
from labeling.storage.tables import runs
from labeling.workspace import Workspace, open_workspace
from tests.support.servers.faults import Faults


@pytest.fixture
def example() -> Iterator[Workspace]:
    with closing(example_workspace()) as workspace:
        yield workspace


def found(root: Path, check: str) -> list[tuple[str, str, str]]:
    return [(one.level, one.said, one.remedy) for one in doctor.look(root) if one.check == check]


def test_a_whole_set_up_is_called_good_and_ends_well(example: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--workspace", str(example.root), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["check"] for row in rows} == set(doctor.CHECKS)
    assert {row["level"] for row in rows if row["check"] != "disk"} == {"good"}
    assert "bad" not in {row["level"] for row in rows}


def test_a_workspace_that_is_none_is_told_and_the_installation_looked_at_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "-w", str(tmp_path / "gone")]) == 1
    said = capsys.readouterr()
    assert f"BAD  workspace  no workspace at {tmp_path / 'gone'}" in said.out
    assert "ok   packages   Python 3" in said.out
    assert "1 of " in said.err


def test_files_that_are_gone_are_told_with_the_command_that_finds_them(example: Workspace) -> None:
    with example.read() as connection:
        path = Path(connection.exec_driver_sql("SELECT path FROM clips ORDER BY id").scalars().first() or "")
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        ((level, said, remedy),) = found(example.root, "sound")
    finally:
        away.rename(path)  # the example's sound is shared
    assert (level, remedy) == ("bad", "relink --audio DIR -w W")
    assert said == f"of 12 files looked at, spread over 12 clips, 1 are gone, the first of them {path}"


def test_jobs_that_nobody_takes_and_workers_that_fell_silent_are_odd(example: Workspace) -> None:
    with example.write() as connection:
        row = dict(connection.execute(sa.select(runs)).mappings().first() or {})
        for name, status in (("7-queued", "queued"), ("8-silent", "running")):
            changed = {"id": name, "status": status, "heartbeat_at": "2020-01-01T00:00:00.000000+00:00"}
            connection.execute(sa.insert(runs).values(**row | changed))
    assert [(level, said) for level, said, _ in found(example.root, "jobs")] == [
        ("odd", "run 8-silent is under way, and its worker is silent"),
        ("odd", "1 jobs wait, and no worker runs"),
    ]


def test_a_password_that_others_can_read_and_a_full_disk_are_odd(
    example: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = example.root / "earmark.toml"
    settings.write_text('# database_url = "postgresql+psycopg://u:secret@h/d"\n')
    settings.chmod(0o644)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=4.9e9))
    monkeypatch.setattr(doctor, "_others_read", lambda path: path.exists() and bool(path.stat().st_mode & 0o044))
    assert [level for level, *_ in found(example.root, "disk")] == ["odd"] * 2
    ((level, _, remedy),) = found(example.root, "secrets")
    assert (level, remedy) == ("odd", f"chmod 600 {settings}")
    assert "u:secret" not in doctor.report(doctor.look(example.root))
    settings.chmod(0o600)
    assert [level for level, *_ in found(example.root, "secrets")] == ["good"]


def test_a_package_that_cannot_be_loaded_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def broken(name: str, *rest: Any) -> Any:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist\nand much more")
        return real(name, *rest)

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    bad = [one for one in doctor.look(None) if one.level == "bad"]
    assert len(bad) == 1
    assert bad[0].said.endswith("nms does not exist (torch and torchvision must be of one build)")


def test_sqlite_on_a_network_disk_is_bad(example: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/w {example.root} nfs4 rw 0 0\n")
    monkeypatch.setattr(doctor, "MOUNTS", mounts)
    assert next(row for row in found(example.root, "disk") if row[0] == "bad")[1].startswith(
        "the database lies on a network disk (nfs4)"
    )


def test_the_longest_mount_point_that_holds_a_path_says_its_kind() -> None:
    mounts = "a / ext4 rw 0 0\nb /mnt/my\\040birds cifs rw 0 0\nc /mnt/my xfs rw 0 0\n"
    kinds = [doctor.file_system(Path(path), mounts) for path in ("/mnt/my birds/w", "/mnt/my", "/mnt/mybirds", "/x")]
    assert kinds == ["cifs", "xfs", "ext4", "ext4"]


@pytest.mark.postgres
def test_a_file_of_before_the_move_is_told(postgres_workspace: Workspace) -> None:
    (postgres_workspace.root / "earmark.db").write_bytes(b"")
    with closing(open_workspace(postgres_workspace.root)) as workspace:
        rows = found(workspace.root, "database")
    assert [level for level, *_ in rows][-1] == "odd"
    assert "is on PostgreSQL" in rows[-1][1]


def test_a_file_is_open_to_others_where_each_folder_above_it_is(tmp_path: Path) -> None:
    file = Path(tempfile.gettempdir()) / f"earmark-{tmp_path.name}-{id(tmp_path)}"
    try:
        file.write_text("secret")
        file.chmod(0o644)
        assert doctor._others_read(file)
        file.chmod(0o600)
        assert not doctor._others_read(file)
    finally:
        file.unlink()
    (tmp_path / "shut").mkdir(mode=0o700)
    (tmp_path / "shut" / "key").write_text("secret")
    assert not doctor._others_read(tmp_path / "shut" / "key"), "nobody gets there"
    assert not doctor._others_read(tmp_path / "none")


def test_a_store_that_cannot_be_written_to_is_bad(s3: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_STORE", "s3://birds/team")
    root = tmp_path / "w"
    open_workspace(root, create=True).close()
    assert found(root, "store") == [("good", "s3://birds/team can be written to and read from", "")]
    (root / "runs" / "001-quick").mkdir()
    (root / "runs" / "001-quick" / "log.txt").write_text("begun")
    assert [level for level, _, _ in found(root, "store")] == ["odd", "good"]
    s3.first(403, times=99, method="PUT")
    ((level, said, _),) = found(root, "store")
    assert level == "bad"
    assert "could not write tried/" in said
    assert "a-secret-of-tests" not in said
