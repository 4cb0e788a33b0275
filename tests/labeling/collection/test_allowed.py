"""labeling/collection/allowed.py: links that lead out of a collection, and paths that are typed in a page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labeling.collection import allowed, store
from labeling.collection.importing import import_collection
from labeling.collection.relinking import relink
from labeling.errors import AudioError, DataError
from labeling.example import example_collection
from labeling.records import Clip
from labeling.workspace import Workspace

SOUND = example_collection() / "amecro" / "1.wav"
NAMES = ["own.wav", "beside.wav", "annex.wav", "out.wav", "folder/out.wav"]


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Audio below a folder: a file, links to it and into the collection, and links to another disk's files."""
    root = tmp_path / "birds"
    for folder in (root / "audio", root / "annex", tmp_path / "disk"):
        folder.mkdir(parents=True)
    for place, path in enumerate((root / "audio" / "own.wav", root / "annex" / "one", tmp_path / "disk" / "out.wav")):
        path.write_bytes(SOUND.read_bytes()[: -2 * place or None])
    (root / "audio" / "beside.wav").symlink_to("own.wav")
    (root / "audio" / "annex.wav").symlink_to("../annex/one")
    (root / "audio" / "out.wav").symlink_to(tmp_path / "disk" / "out.wav")
    (root / "audio" / "folder").symlink_to(tmp_path / "disk")
    (root / "train.csv").write_text("filename,label\n" + "".join(f"{name},amecro\n" for name in NAMES))
    return root


def paths(workspace: Workspace) -> dict[str, str]:
    with workspace.read() as connection:
        return {clip.filename: clip.path for clip in store.usable_clips(connection)}


def test_a_link_that_leads_out_is_reported_and_not_read(workspace: Workspace, collection: Path) -> None:
    report = import_collection(workspace, collection)
    told = {problem.filename: problem.reason for problem in report.problems}
    assert (report.clips, report.unreadable) == (5, 2)
    for name in ("out.wav", "folder/out.wav"):
        where = collection.parent / "disk" / "out.wav"
        assert told[name] == (
            f"unreadable: its file is a link to {where}, out of the collection; "
            "if that is meant, name its folder with --allow FOLDER"
        )
    assert set(paths(workspace)) == {"own.wav", "beside.wav", "annex.wav"}


def test_a_folder_that_is_named_is_followed_and_needs_no_naming_later(
    workspace: Workspace, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = collection.parent / "disk"
    monkeypatch.setenv(allowed.ALLOW, f"/nowhere{os.pathsep}{disk}")
    report = import_collection(workspace, collection)
    assert (report.unreadable, paths(workspace)["folder/out.wav"]) == (0, str(disk / "out.wav"))
    monkeypatch.delenv(allowed.ALLOW)
    with workspace.read() as connection:
        for clip in store.usable_clips(connection):
            assert os.path.samefile(allowed.file_of(connection, clip).path, clip.path)


def test_an_audio_folder_may_lie_anywhere_and_be_a_link(workspace: Workspace, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(collection / "audio")
    assert import_collection(workspace, collection / "train.csv", audio=str(tmp_path / "link")).unreadable == 2
    (collection / "audio").rename(tmp_path / "moved")
    (collection / "audio").symlink_to(tmp_path / "moved")
    import_collection(workspace, collection)
    assert set(paths(workspace)) == {"own.wav", "beside.wav", "annex.wav"}
    (collection / "audio" / "annex.wav").unlink()  # it led to its neighbour's place
    (collection / "audio" / "annex.wav").symlink_to(collection / "annex" / "one")
    with workspace.read() as connection:
        for clip in store.usable_clips(connection):
            allowed.file_of(connection, clip)


def test_a_file_that_becomes_a_link_is_not_opened(
    workspace: Workspace, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_collection(workspace, collection)
    own = collection / "audio" / "own.wav"
    own.unlink()
    own.symlink_to("/etc/passwd")
    with workspace.read() as connection:
        clip = next(clip for clip in store.usable_clips(connection) if clip.filename == "own.wav")
        with pytest.raises(AudioError, match=r"own.wav: its file is a link to /etc/passwd, .* --allow FOLDER"):
            allowed.file_of(connection, clip)
        url = Clip(9, "a.wav", "https://example.org/a.wav", 1.0, 8000, 1)
        with pytest.raises(AudioError, match=r"not below the collection's URL; .* --allow https://example.org"):
            allowed.file_of(connection, url)
        monkeypatch.setenv("EARMARK_ALLOW", "/data:https://example.org:443/x:https://example.org/")
        assert allowed.file_of(connection, url) is url


def test_relinking_follows_no_link_out_and_keeps_real_paths(
    workspace: Workspace, collection: Path, tmp_path: Path
) -> None:
    (collection / "train.csv").write_text("filename,label\nown.wav,amecro\nannex.wav,amecro\n")
    import_collection(workspace, collection)
    new = tmp_path / "new"
    new.mkdir()
    (collection / "audio" / "own.wav").rename(new / "real.wav")
    (new / "own.wav").symlink_to("real.wav")
    (collection / "annex" / "one").rename(tmp_path / "elsewhere")
    (new / "annex.wav").symlink_to(tmp_path / "elsewhere")
    report = relink(workspace, str(new))
    assert paths(workspace)["own.wav"] == str(new / "real.wav")
    assert any(f"not relinked: its file is a link to {tmp_path / 'elsewhere'}" in one.reason for one in report.problems)
    with workspace.read() as connection:
        clip = next(clip for clip in store.usable_clips(connection) if clip.filename == "own.wav")
        assert allowed.file_of(connection, clip).path == clip.path


def test_what_is_typed_in_a_page_must_lie_in_a_folder_that_may_be_used(
    workspace: Workspace, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_collection(workspace, collection)
    (collection / "audio" / "etc").symlink_to("/etc")
    for good in (workspace.exports / "new", collection, collection / "audio" / "x.csv", workspace.root):
        assert allowed.typed(workspace, f" {good} ") == str(good)
    twisted = f"{collection}/audio/../../../etc/passwd"
    linked = str(collection / "audio" / "etc" / "passwd")
    bad = ["/etc/passwd", twisted, linked, f"{collection}2", "/", "", "~", "a.csv",
           "file:///etc/passwd", f"file://{collection}/x", "https://example.org/a.csv"]  # fmt: skip
    for text in bad:
        with pytest.raises(DataError, match=rf"is not in a folder that the app may use: {workspace.root}, .*--allow"):
            allowed.typed(workspace, text)
    with pytest.raises(DataError, match="holds a NUL"):
        allowed.typed(workspace, "/etc/\0")
    monkeypatch.setenv(allowed.ALLOW, f"s3://birds/2025/{os.pathsep}{tmp_path}{os.pathsep}")
    assert allowed.named_folders() == ("s3://birds/2025", str(tmp_path))
    assert allowed.typed(workspace, "s3://birds/2025/a.csv") == "s3://birds/2025/a.csv"
    assert allowed.typed(workspace, str(tmp_path / "new")) == str(tmp_path / "new")
    for text in ("s3://birds/2025/../a", "s3://birds/20256", "/etc"):
        with pytest.raises(DataError):
            allowed.typed(workspace, text)


def test_a_page_imports_only_from_folders_that_may_be_used(workspace: Workspace, collection: Path) -> None:
    (collection / "audio").rename(collection.parent / "disk" / "audio")
    (collection / "audio").symlink_to(collection.parent / "disk" / "audio")
    assert import_collection(workspace, collection, below=[str(collection)]).unreadable == 5
    assert import_collection(workspace, collection, below=[str(collection.parent)]).unreadable == 0


def test_of_a_home_nothing_that_is_hidden_may_be_used(workspace: Workspace, tmp_path: Path) -> None:
    home = tmp_path / "ann"
    (home / ".ssh").mkdir(parents=True)
    (home / "keys").symlink_to(home / ".ssh")
    for good in (home, home / "birds", home / "birds" / "train.v2.csv"):
        assert allowed.typed(workspace, str(good), str(home)) == str(good)
    for bad in (home / ".ssh" / "x.csv", home / "a" / ".b" / "c", home / "keys" / "id", f"{home}2", tmp_path, "/etc"):
        with pytest.raises(allowed.NotAllowed, match=f"{home}. Start"):
            allowed.typed(workspace, str(bad), str(home))
    with pytest.raises(allowed.NotAllowed) as refused:
        allowed.typed(workspace, "/data/birds/train.csv")
    assert refused.value.folder == "/data/birds"
