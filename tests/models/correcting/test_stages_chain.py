"""models/correcting/stages.py: the three stages of the Cornell solution, one after the other, each by its command."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from labeling import runs
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.runs import run_folder
from labeling.workspace import open_workspace
from models.__main__ import main
from models.config import load_recipe, recipe_of
from models.runfolder.folder import kept_teacher
from models.targets.rules import make_rule, truths_of
from tests.support.training.tiny import SETTINGS, tiny_workspace

THRESHOLDS = (0.3, 0.6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tiny_workspace(tmp_path / "w")


def command(root: Path, *words: str, train: bool = True) -> None:
    settings = [word for setting in SETTINGS for word in ("--set", setting)] if train else []
    assert main([*words, *settings, "--workspace", str(root)]) == 0


def test_each_stage_takes_the_run_that_the_source_gives_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """train -> 001; stage1 001; stage2 001 -> 002; stage3 002 -> 003."""
    command(root, "train", "demo", "--device", "cpu")
    command(root, "stage1", "001-demo", "--threshold", "0.2", "--any-clip", train=False)
    command(root, "stage2", "001-demo", "--recipe", "demo", "--device", "cpu", "--train-now")
    thresholds = [f"{threshold:g}" for threshold in THRESHOLDS]
    capsys.readouterr()
    command(root, "stage3", "002-demo", "--recipe", "demo", "--device", "cpu", "--train-now",
            "--thresholds", *thresholds)  # fmt: skip
    assert "warning" not in capsys.readouterr().err
    with closing(open_workspace(root)) as workspace, workspace.read() as connection:
        first, second, third = runs.all_runs(connection)
        before, after = (versions.labels_of_version(connection, run.label_version) for run in (first, second))
        folders = [workspace.run_dir(run.id) for run in (first, second, third)]
    assert [run.status for run in (first, second, third)] == ["done"] * 3

    # Stage 2 learns from the clips' labels and what the frames and clips of stage 1's run say above the threshold.
    oof = read_oof(folders[0] / "oof.zarr")
    highest = np.maximum(oof.clipwise, [oof.frames(row).max(0) for row in range(len(oof))])
    wanted = before.present | (highest > 0.2)
    assert (after.present == wanted).all()
    assert wanted.sum() > before.present.sum()
    assert run_folder.facts(folders[1])["teacher"] is None, "it reads no frames"
    clip_rule = make_rule(recipe_of(folders[1]).targets)
    for row, truth in enumerate(truths_of(after, range(len(after.clip_ids)))):
        assert clip_rule(truth, 0.1, 0.9)[0].tolist() == after.present[row].astype(float).tolist()

    # Stage 3 keeps a label on a chunk where a frame of stage 2's run reaches the threshold: by hand, each chunk.
    assert third.label_version == second.label_version
    teacher = kept_teacher(folders[2])
    assert teacher is not None
    stage2 = read_oof(folders[1] / "oof.zarr")
    assert run_folder.facts(folders[2])["teacher"]["run"] == "002-demo"
    np.testing.assert_array_equal(teacher.framewise[:], stage2.framewise[:])
    assert (teacher.framewise[:] != oof.framewise[:]).any(), "and not stage 1's"
    recipe = load_recipe(str(folders[2] / "recipe.toml"))
    assert (recipe.targets.thresholds, recipe.train.members, recipe.train.all_data) == (THRESHOLDS, 2, True)
    truths = truths_of(after, range(len(after.clip_ids)), teacher, recipe.targets)
    step_s, kept, dropped = stage2.grid.step_s, 0, 0
    for member, threshold in enumerate(THRESHOLDS):
        rule = make_rule(recipe.targets, member)
        for row, truth in enumerate(truths):
            frames = stage2.frames(row)
            for onset_s in (0.0, 0.2):
                offset_s = onset_s + 0.8
                starts_s = stage2.grid.start_s + step_s * np.arange(len(frames))
                meets = (starts_s < offset_s - 1e-6) & (starts_s + step_s > onset_s + 1e-6)
                heard = frames[meets].max(0) >= np.float32(threshold)
                label_and_heard = after.present[row] & heard
                targets, weight = rule(truth, onset_s, offset_s)
                assert targets.tolist() == label_and_heard.astype(float).tolist()
                assert weight.tolist() == [1, 1, 1]
                kept += int(label_and_heard.sum())
                dropped += int((after.present[row] & ~heard).sum())
    assert kept > 0
    assert dropped > 0, "both outcomes came to pass"
