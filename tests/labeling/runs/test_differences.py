"""labeling/runs/differences.py"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labeling.predictions.oof import Oof, read_oof
from labeling.runs.differences import differences
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace
from tests.support.workspaces.gain_case import add_run, collect, write_recipe


@pytest.fixture
def two(workspace: Workspace) -> tuple[Path, Path]:
    """The folders of two runs that are alike but for their folds' names."""
    collect(workspace)
    first = add_run(workspace)
    return workspace.run_dir(first), workspace.run_dir(add_run(workspace, like=first))


def told(two: tuple[Path, Path], changed: Oof | None = None) -> list[str]:
    oofs = [read_oof(folder / "oof.zarr") for folder in two]
    return differences(*two, oofs[0], changed or oofs[1])


def test_alike_but_for_labels_and_names(two: tuple[Path, Path]) -> None:
    assert told(two) == []


def test_settings_are_named_with_both_values(two: tuple[Path, Path]) -> None:
    write_recipe(two[1], ["train.epochs=7", "train.seed=4", "iterate.rounds=2", "track.tensorboard=false"])
    epochs = next(line for line in (two[0] / "recipe.toml").read_text().splitlines() if line.startswith("epochs"))
    found = told(two)
    assert f"train.epochs {epochs.partition(' = ')[2]} and 7" in found
    assert any(line.startswith("train.seed 0 and 4") for line in found)
    assert len(found) == 2, found


def test_a_setting_that_is_new_and_a_recipe_that_is_lost(two: tuple[Path, Path]) -> None:
    lines = (two[0] / "recipe.toml").read_text().splitlines()
    (two[0] / "recipe.toml").write_text("\n".join(line for line in lines if not line.startswith("like")))
    assert told(two) == []
    (two[1] / "recipe.toml").unlink()
    assert told(two) == ["no recipe is kept of 002-demo"]
    (two[0] / "recipe.toml").write_text("= broken")
    assert told(two) == ["no recipe is kept of 001-demo and 002-demo"]


def test_folds_clips_and_classes(two: tuple[Path, Path]) -> None:
    oof = read_oof(two[1] / "oof.zarr")
    fold = oof.fold.copy()
    fold[:3] = 1 - fold[:3]
    assert told(two, replace(oof, fold=fold)) == ["3 of 24 clips lie in other folds"]
    fewer = replace(oof, clip_ids=oof.clip_ids[1:], fold=oof.fold[1:])
    assert told(two, fewer) == ["1 clip in one of them alone"]
    assert told(two, replace(oof, classes=("a", *oof.classes[1:]))) == ["2 classes in one of them alone"]
    assert np.array_equal(read_oof(two[0] / "oof.zarr").fold, oof.fold)


def test_device_libraries_and_code(two: tuple[Path, Path]) -> None:
    def facts(place: int, **said: object) -> None:
        write_atomically(two[place] / "run.json", json.dumps(said).encode())

    facts(0, device="cpu", versions={"torch": "2.1", "old": "1"}, git_commit="")
    facts(1, device="cuda:1", versions={"torch": "2.2", "new": "1"}, git_commit="0123456789")
    assert told(two) == [
        "trained on cpu and cuda",
        "torch 2.1 and 2.2",
        "trained by other code of Earmark (commit unknown and 01234567)",
    ]
    facts(1, device="cpu")
    assert told(two) == []
