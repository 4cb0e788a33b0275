"""models/training/train_run.py and its commands: a run is trained, and repeated from its folder alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from labeling import runs
from labeling.collection import classes
from labeling.errors import ArtefactError
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from models.__main__ import main
from models.runfolder.folder import read_inputs
from models.training.train_run import compare_oof
from tests.support.training.tiny import SETTINGS, same_oof, tiny_workspace
from tests.support.workspaces.making import copy_workspace

SHORT = (*SETTINGS, "epochs=1")
TAUGHT = (*SHORT, "pretrain_epochs=1", "targets.rule=mix", "teacher=newest", "snapshots=1", "clips=half=a")


def sets(settings: tuple[str, ...]) -> list[str]:
    return [word for one in settings for word in ("--set", one)]


def models(workspace: Workspace, command: str, *words: str) -> int:
    return main([command, *words, "--workspace", str(workspace.root)])


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with a run, and one that it taught."""
    root = tiny_workspace(tmp_path_factory.mktemp("tones") / "w")
    for settings in (SHORT, TAUGHT):
        command = ["train", "demo", "--version", "1", "--device", "cpu", "--workspace", str(root)]
        assert main([*command, *sets(settings)]) == 0
    return root


@pytest.fixture
def own(tones: Path, tmp_path: Path) -> Workspace:
    return open_workspace(copy_workspace(tones, tmp_path / "w"))


def ids(workspace: Workspace) -> list[tuple[str, str]]:
    with workspace.read() as connection:
        return [(run.id, run.status) for run in runs.all_runs(connection)]


def facts(workspace: Workspace, run_id: str) -> dict[str, object]:
    found = json.loads((workspace.run_dir(run_id) / "run.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_run_is_repeated_bit_for_bit_from_its_folder_alone(own: Workspace, capsys) -> None:
    """Its teacher is gone, its labels and classes have changed, and its clips' groups too."""
    shutil.rmtree(own.run_dir("001-demo"))
    with own.write() as connection:
        classes.add_class(connection, "aaa-new")
        connection.execute(sa.update(tables.clips).values(group_name="one for all"))
    about = facts(own, "002-demo")
    about["versions"] = {**about["versions"], "torch": "0.1"}  # type: ignore[dict-item]
    (own.run_dir("002-demo") / "run.json").write_text(json.dumps(about))
    assert models(own, "rerun", "002-demo") == 0
    said = capsys.readouterr()
    assert "002-demo and 003-demo: the same bit for bit" in said.out
    assert "warning: torch was 0.1, is " in said.err
    assert same_oof(own.run_dir("002-demo"), own.run_dir("003-demo"))
    now = facts(own, "003-demo")
    assert (now["repeats"], now["repeated_exactly"], now["largest_difference"]) == ("002-demo", True, 0.0)
    assert now["teacher"] == about["teacher"] == {"run": "001-demo", "hash": about["teacher"]["hash"]}  # type: ignore[index]
    log = (own.run_dir("003-demo") / "log.txt").read_text()
    assert "repeats 002-demo" in log
    assert "resumed" not in log
    assert "pretrained on" in log
    own.close()


@pytest.mark.parametrize("spoil", ["labels.npz", "teacher.zarr", "recipe.toml", "run.json"])
def test_a_folder_that_is_not_whole_cannot_be_repeated(own: Workspace, capsys, spoil: str) -> None:
    place = own.run_dir("002-demo") / spoil
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert models(own, "rerun", "002-demo") == 1
    assert f"lacks {spoil}" in capsys.readouterr().err
    assert len(ids(own)) == 2
    own.close()


def test_a_run_of_an_older_earmark_is_not_gone_on_with(own: Workspace, capsys) -> None:
    folder = own.run_dir("002-demo")
    shutil.rmtree(folder / "oof.zarr")
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(recipe.replace("[augment]\n", "[augment]\nmixup_probability = 0.5\n"))
    assert models(own, "train", "--resume", "002-demo", "--device", "cpu") == 1
    said = capsys.readouterr().err
    assert "this Earmark does not know (unknown setting of [augment] 'mixup_probability'" in said
    assert "start a new run" in said
    own.close()


def test_a_run_that_goes_on_keeps_to_its_folder(own: Workspace) -> None:
    """Labels of its version, and its teacher, though the newest run is another by now."""
    before = read_oof(own.run_dir("002-demo") / "oof.zarr").clipwise
    with own.write() as connection:
        classes.add_class(connection, "aaa-new")
        labels = versions.labels_of_version(connection, 1)
    kept = read_inputs(own.run_dir("002-demo"))
    assert kept is not None
    assert set(labels.classes) - set(kept[1].classes) == {"aaa-new"}
    for name in ("oof.zarr", "checkpoints"):
        shutil.rmtree(own.run_dir("002-demo") / name)
    shutil.rmtree(own.run_dir("001-demo"))
    assert models(own, "train", "--resume", "002-demo", "--device", "cpu") == 0
    np.testing.assert_array_equal(read_oof(own.run_dir("002-demo") / "oof.zarr").clipwise, before)
    own.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "cuda"], "no CUDA"),
        (["--set", "network.name=sed", "--set", "backbone=efficientnet_b00"], "efficientnet_b00"),
        (["--set", "network.name=cnnn"], "unknown network 'cnnn'"),
        (["--set", "loss.name=bse"], "unknown loss 'bse'"),
        (["--set", "targets.rule=clipp"], "clipp"),
        (["--set", "widths=[4]"], "time_pool"),
        (["--set", "epoch=3"], "Did you mean 'epochs'"),
        (["--set", "network.weights=/nowhere/w.pth"], "/nowhere/w.pth"),
        (["--set", "data.clips=half=c"], "'half' is one of 'a', 'b'"),
        (["--set", "data.clips=reviewed", "--version", "1"], "no clip of the label version is reviewed"),
        (["--set", "targets.rule=mix", "--set", "teacher=002-deno"], "Did you mean '002-demo'?"),
    ],
)
def test_what_cannot_be_trained_gets_no_row(own: Workspace, capsys, monkeypatch, words, said) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert models(own, "train", "demo", *words) == 1
    assert said in capsys.readouterr().err
    assert len(ids(own)) == 2
    with own.read() as connection:
        assert len(versions.all_versions(connection)) == 1
    own.close()


def test_comparison_by_hand(tones: Path) -> None:
    one = read_oof(tones / "runs" / "001-demo" / "oof.zarr")
    assert compare_oof(one, one).same
    clipwise = one.clipwise.copy()
    clipwise[3, 1] += 0.125
    frames = np.asarray(one.framewise[:]).copy()
    frames[5, 0] = frames[5, 0] / 2
    other = replace(one, clipwise=clipwise, framewise=frames)
    found = compare_oof(one, other)
    assert not found.same
    assert found.clipwise == pytest.approx(0.125, rel=1e-6)
    assert found.framewise == pytest.approx(float(one.framewise[5, 0]) / 2, rel=1e-2)
    assert str(found).startswith("the largest difference is 0.125 (clipwise), ")
    with pytest.raises(ArtefactError, match="same clips"):
        compare_oof(one, replace(one, classes=("a", "b", "c")))


def test_recipes_are_listed_with_their_sources(capsys) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2] != []
    named = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert {"demo", "quick"} <= named
    assert len(lines) == 2 * len(named)
