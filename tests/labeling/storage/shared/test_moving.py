"""A workspace that moves to a store and back, by its commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from labeling.__main__ import main
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, list_spaces, open_space, remove_space
from labeling.errors import WorkspaceUnreachable
from labeling.example import example_workspace
from labeling.predictions.oof import read_oof
from labeling.storage import remote
from labeling.storage.shared import moving, trees
from labeling.storage.shared.records import digest_of, files_of
from labeling.workspace import Workspace, open_workspace
from tests.support.servers.faults import Faults

RUN = "runs/001-demo"
FACTS = SpaceFacts("birds", "test", "CC0", "0" * 64, 8000, 1.0, 0.5, 4)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is asked anew."""
    monkeypatch.setattr(trees, "FRESH_S", 0.0)
    monkeypatch.setattr(trees, "DOWN_S", 0.0)


def vectors(clip_id: int) -> ClipVectors:
    rows = np.eye(2, 4) + clip_id
    return ClipVectors(clip_id, f"sound {clip_id}", rows, np.array([0.0, 0.5]), np.array([1.0, 1.5]))


def hashes(workspace: Workspace, tree: str = RUN) -> dict[str, str]:
    folder = workspace.root / tree
    return {name: digest_of(folder / name) for name in files_of(folder)}


def test_a_workspace_goes_to_a_store_and_back_with_every_hash_the_same(
    s3: Faults, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    workspace = example_workspace()
    where = ("--workspace", str(workspace.root))
    append(workspace, FACTS, [vectors(1)])
    before, oof = hashes(workspace), read_oof(workspace.run_dir("001-demo") / "oof.zarr")
    assert main(["store", "push", *where]) == 1
    assert "this workspace has no store" in capsys.readouterr().err
    assert main(["store", "set", "s3://birds/team/", *where]) == 0
    said = capsys.readouterr().out
    assert "store s3://birds/team: it can be written to" in said
    assert "database move --to a PostgreSQL" in said
    assert main(["store", "show", *where]) == 0
    assert f"{RUN}: here alone" in capsys.readouterr().out
    assert main(["store", "push", *where]) == 0
    pushed = capsys.readouterr().out
    assert f"{len(before)} files there are as here" in pushed
    assert main(["store", "check", *where]) == 0
    # the machine is lost but for its database; another folder has it all again
    shutil.rmtree(workspace.runs)
    shutil.rmtree(workspace.root / "embeddings")
    assert main(["store", "set", "none", *where]) == 1
    assert "2 folders are whole on the store alone" in capsys.readouterr().err
    again = open_workspace(workspace.root)
    assert main(["backup", str(tmp_path / "kept"), *where]) == 0
    assert "not in it: 2 folders that are whole on the store alone" in capsys.readouterr().out
    assert [facts.name for facts in list_spaces(again)] == ["birds"]
    assert not list((again.root / "embeddings" / "birds.zarr").glob("0*"))  # only what it says of itself came
    assert len(open_space(again, "birds")) == 2
    read = read_oof(again.run_dir("001-demo") / "oof.zarr")
    assert (read.clipwise.tobytes(), read.frames(3).tobytes()) == (oof.clipwise.tobytes(), oof.frames(3).tobytes())
    assert main(["store", "pull", *where]) == 0
    pulled = capsys.readouterr().out
    assert hashes(again) == before
    digest = next(line.rsplit(" ", 1)[1] for line in pushed.splitlines() if line.startswith(RUN))
    assert f"{RUN}: {len(before)} files here are as there; {digest}" in pulled
    assert main(["store", "set", "none", *where]) == 0
    assert open_workspace(workspace.root).shared is None


def test_what_is_damaged_or_not_sent_is_said(s3: Faults, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = example_workspace()
    where = ("--workspace", str(workspace.root))
    main(["store", "set", "s3://birds/team", *where])
    main(["store", "push", *where])
    (workspace.root / RUN / "metrics.json").write_text("{}")
    capsys.readouterr()
    main(["store", "show", *where])
    assert "here and there, 1 files not sent" in capsys.readouterr().out
    system, path = remote.filesystem(f"s3://birds/team/{RUN}/files")
    system.pipe_file(system.find(path)[0], b"other")
    assert main(["store", "check", RUN, *where]) == 1
    assert "Traceback" not in (said := capsys.readouterr().err)
    assert f"{RUN}/files/" in said
    assert main(["store", "push", "runs/none", *where]) == 1
    assert "there is no folder runs/none" in capsys.readouterr().err
    assert main(["store", "pull", "runs/none", *where]) == 1
    assert "has no runs/none; `store show` lists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "words"),
    [("file:///srv/x", "are not read"), ("https://x.org/b", "give s3://BUCKET/FOLDER"), ("s3://", "give s3://BUCKET"),
     ("s3://key:pa55@birds/x", "must not hold a name or password"), ("birds", "are not read")],
)  # fmt: skip
def test_a_store_is_a_place_on_s3_without_a_password(url: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = example_workspace()
    assert main(["store", "set", url, "--workspace", str(workspace.root)]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "pa55" not in said


def test_a_store_that_refuses_is_not_set(s3: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    for fault, words in ((403, "AWS_ACCESS_KEY_ID"), ("gone", "cannot be fetched")):
        s3.first(fault, times=99)
        with pytest.raises(WorkspaceUnreachable, match=words):
            moving.try_store("s3://birds/team")
    s3.forget()
    with pytest.raises(WorkspaceUnreachable, match="could not write tried/"):
        moving.try_store("s3://no-such-bucket/team")
    moving.try_store("s3://birds/team")


def test_settings_that_cannot_be_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.errors import WorkspaceError

    for line, words in (("store_url = 5", "store_url is 5"), ("store_cache_gb = -1", "store_cache_gb is -1"),
                        ('store_url = "s3://a:b@c/d"', "must not hold")):  # fmt: skip
        (tmp_path / "earmark.toml").write_text(line)
        with pytest.raises(WorkspaceError, match=words):
            open_workspace(tmp_path, create=True)
    (tmp_path / "earmark.toml").write_text("store_cache_gb = 2.5")
    monkeypatch.setenv("EARMARK_STORE", "s3://birds/own")
    opened = open_workspace(tmp_path, create=True)
    assert opened.shared is not None
    assert (opened.shared.url, opened.shared.most_bytes) == ("s3://birds/own", 2.5e9)


def test_a_space_that_is_removed_is_gone_for_all(s3: Faults) -> None:
    workspace = example_workspace()
    main(["store", "set", "s3://birds/team", "--workspace", str(workspace.root)])
    workspace = open_workspace(workspace.root)
    append(workspace, FACTS, [vectors(1)])
    workspace.publish("embeddings/birds.zarr")
    remove_space(workspace, "birds")
    assert list_spaces(workspace) == ()
    assert workspace.shared is not None
    assert workspace.shared.trees("embeddings") == []
