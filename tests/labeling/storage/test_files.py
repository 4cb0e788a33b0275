"""labeling/storage/files.py"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labeling.errors import WorkspaceFull, WorkspaceReadOnly
from labeling.storage.files import unfinished, write_atomically
from tests.support import ROOT

REFUSED = """
import resource, sys
from pathlib import Path
from labeling.errors import WorkspaceError
from labeling.storage.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), bytes(5000))
except WorkspaceError as problem:
    print(problem)
"""


def test_written_whole_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "a.csv"
    assert write_atomically(file, b"one") == file
    write_atomically(file, b"two")
    assert file.read_bytes() == b"two"
    assert os.listdir(file.parent) == ["a.csv"]


def test_others_may_read_it_as_the_mask_says(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_the_old_file_stays_when_the_disk_refuses(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", REFUSED, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert "File too large; choose another folder" in done.stdout, done.stderr
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.csv").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceFull, match=r"a.csv \(3 bytes\); free some"):
        write_atomically(tmp_path / "a.csv", b"new")
    assert (tmp_path / "a.csv").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "file").write_text("")
    for path, said in (
        (tmp_path / "a.csv", "it is a folder; name a file"),
        (tmp_path / "file" / "a.csv", "another folder"),
    ):
        with pytest.raises(WorkspaceReadOnly, match=said):
            write_atomically(path, b"new")
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "file"]


def test_a_long_name(tmp_path: Path) -> None:
    file = tmp_path / ("é" * 120 + ".csv")
    write_atomically(file, b"x")
    assert file.read_bytes() == b"x"


KILLED = """
import os, signal, sys
from pathlib import Path
from labeling.storage import files
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(Path(sys.argv[1]), b"new")
"""


def test_what_a_killed_process_leaves_is_found_and_nothing_else_is(tmp_path: Path) -> None:
    file, other = tmp_path / "fold[1].bin", tmp_path / "fold1.bin"
    for path in (file, other):
        path.write_bytes(b"old")
        dead = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
        assert dead.returncode == -signal.SIGKILL
    (half,) = unfinished(file)
    assert (half.read_bytes(), half.name[:13], file.read_bytes()) == (b"new", ".fold[1].bin.", b"old")
