from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from labeling.errors import ArtefactError
from labeling.predictions.oof import read_oof, write_oof
from labeling.records import Event, FrameGrid, Region
from labeling.runs import run_folder
from models.config import recipe_to_toml
from models.networks.checkpoints import save_tensors
from models.runfolder.folder import (
    RunFolder,
    by_fold,
    identity_of,
    keep_teacher,
    kept_teacher,
    networks_of,
    oof_hash,
    read_inputs,
    write_inputs,
)
from tests.support.training.tiny import tiny_collection, tiny_recipe


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    clips, labels = tiny_collection(tmp_path_factory.mktemp("audio"), 4)
    clips[1] = replace(clips[1], metadata={"set": "cürated\u2028"}, group="")
    events = (Event(0, 2, Region(0.1, 0.5)), Event(1, 0, Region(0.0, 1.0, 100.0, 900.0), present=False))
    return clips, replace(labels, events=events, position=7, classes=("löw", "middle", "high"))


def oof_at(folder, clips, value=0.25):
    write_oof(
        folder / "oof.zarr", clip_ids=[clip.id for clip in clips], filenames=[clip.filename for clip in clips],
        classes=["a", "b"], clipwise=np.full((len(clips), 2), value), framewise=[np.full((3, 2), value)] * len(clips),
        fold=[0] * len(clips), grid=FrameGrid(0.0, 0.1, 0.1), label_version=1, label_hash="x",
    )  # fmt: skip
    return read_oof(folder / "oof.zarr")


def test_labels_and_clips_are_kept_whole(collection, tmp_path):
    clips, labels = collection
    assert read_inputs(tmp_path) is None
    write_inputs(tmp_path, clips, labels)
    found = read_inputs(tmp_path)
    assert found is not None
    assert found[0] == clips
    for item in fields(labels):
        mine, theirs = getattr(found[1], item.name), getattr(labels, item.name)
        np.testing.assert_array_equal(mine, theirs) if isinstance(theirs, np.ndarray) else None
        assert isinstance(theirs, np.ndarray) or mine == theirs, item.name
        assert type(mine) is type(theirs)
    whole = (tmp_path / "labels.npz").read_bytes()
    (tmp_path / "labels.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtefactError, match="cannot be read"):
        read_inputs(tmp_path)


def test_all_that_decides_the_result_is_in_the_identity(collection):
    clips, labels = collection
    recipe = tiny_recipe()
    reviewed = labels.reviewed.copy()
    reviewed[0, 0] = True
    same = identity_of(recipe, clips, labels, 1, "t")
    assert same == identity_of(tiny_recipe(), list(clips), replace(labels, position=8), 1, "t")
    others = {
        identity_of(tiny_recipe("epochs=4"), clips, labels, 1, "t"),
        identity_of(recipe, clips[:3], labels, 1, "t"),
        identity_of(recipe, [replace(clips[0], group="z"), *clips[1:]], labels, 1, "t"),
        identity_of(recipe, clips, replace(labels, reviewed=reviewed), 1, "t"),
        identity_of(recipe, clips, labels, 2, "t"),
        identity_of(recipe, clips, labels, 1, "u"),
    }
    assert len(others | {same}) == 7


def test_the_teacher_is_copied_with_the_run(collection, tmp_path):
    clips, labels = collection
    recipe, run = tiny_recipe(), RunFolder(tmp_path / "007-run")
    teacher = oof_at(tmp_path / "003-teacher", clips)
    assert not run.begin(recipe, clips, labels, 2, teacher)
    assert run.facts()["teacher"] == {"run": "003-teacher", "hash": oof_hash(teacher)}
    kept = kept_teacher(run.root)
    assert kept is not None
    assert oof_hash(kept) == oof_hash(teacher) != oof_hash(oof_at(tmp_path / "004-other", clips, 0.5))
    assert run.begin(recipe, clips, labels, 2, kept), "the copy is the same teacher"
    assert run.facts()["teacher"]["run"] == "003-teacher"
    with pytest.raises(ArtefactError, match="teacher"):
        run.begin(recipe, clips, labels, 2, read_oof(tmp_path / "004-other" / "oof.zarr"))
    assert keep_teacher(run.root, teacher) == "003-teacher", "what is there is kept"


def test_a_run_goes_on_though_recipes_have_a_new_setting_since(collection, tmp_path):
    recipe, run = tiny_recipe(), RunFolder(tmp_path / "007-run")
    file = run.root / "recipe.toml"
    old = recipe_to_toml(recipe).replace("deterministic = false\n", "")
    run.checkpoints.mkdir(parents=True)
    file.write_text(old)
    assert not run.begin(recipe, *collection, 2, None)
    file.write_text(old)  # as an Earmark without that setting wrote it
    assert run.begin(recipe, *collection, 2, None)
    with pytest.raises(ArtefactError, match="another recipe"):
        run.begin(tiny_recipe("epochs=4"), *collection, 2, None)


def test_history_is_in_the_order_of_folds_and_readable_by_the_screens(tmp_path):
    names = ["fold10.m0", "all.m0", "fold2.m1", "fold2.m0"]
    assert sorted(names, key=by_fold) == ["fold2.m0", "fold2.m1", "fold10.m0", "all.m0"]
    row = {"fold": 2, "member": 1, "stage": "pretrain", "epoch": 1, "step": 4, "lr": 0.1, "train_loss": 0.5}
    RunFolder(tmp_path).write_history({"fold2.m1": [row], "fold0.m0": [row | {"fold": 0, "valid_loss": 0.25}]})
    found = run_folder.history(tmp_path)
    assert [(one["fold"], one["epoch"], one["train_loss"]) for one in found] == [(0, 1, 0.5), (2, 1, 0.5)]
    assert found[0]["valid_loss"] == 0.25
    assert "stage" in (tmp_path / "history.csv").read_text()


@pytest.mark.parametrize("settings", [(), ("all_data=true", "members=2")])
def test_networks_that_predict_other_recordings(tmp_path, settings):
    recipe = tiny_recipe(*settings)
    (tmp_path / "recipe.toml").write_text(recipe_to_toml(recipe))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    meta = {"classes": ["a", "b"], "grid": {"start_s": 0.0, "step_s": 0.1, "native_step_s": 0.2}}
    members = range(recipe.train.members)
    names = [f"fold{k}.m{m}.s0" for k in (0, 1) for m in members] + (["all.m0.s0", "all.m1.s0"] if settings else [])
    with pytest.raises(ArtefactError, match="resume the run"):
        networks_of(tmp_path)
    for name in names:
        save_tensors(folder / f"{name}.safetensors", {"w": torch.zeros(1)}, meta)
    found = networks_of(tmp_path)
    assert found[:3] == (recipe, ("a", "b"), FrameGrid(0.0, 0.1, 0.2))
    expected = [name for name in names if name.startswith("all")] or names
    assert [path.name.removesuffix(".safetensors") for path in found[3]] == expected
    found[3][0].unlink()
    with pytest.raises(ArtefactError, match="resume the run"):
        networks_of(tmp_path)


def test_a_recipe_of_an_older_earmark_says_so(tmp_path):
    (tmp_path / "recipe.toml").write_text('name = "x"\ntitle = "x"\n[augment]\nmixup_probability = 0.5\n')
    with pytest.raises(ArtefactError, match=r"does not know \(unknown setting of \[augment\] 'mixup_probability'"):
        networks_of(tmp_path)
