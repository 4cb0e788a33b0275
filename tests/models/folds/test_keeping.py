"""models/folds/keeping.py"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal, runs
from labeling.errors import ArtefactError, ConfigError, DataError
from labeling.journal import versions
from labeling.records import Decision
from labeling.workspace import open_workspace
from models.__main__ import main as models
from models.config import load_recipe
from models.folds.keeping import check_like, earlier_folds, keep_folds, recipe_like
from models.folds.making import make_folds
from models.training.crossval import cross_validate
from tests.support.training.folds import clip
from tests.support.training.tiny import CLASSES, SETTINGS, same_oof, tiny_collection, tiny_recipe, tiny_workspace


def plan_of(groups, n_folds=2, seed=0, copies=()):
    clips = [clip(i + 1, group) for i, group in enumerate(groups)]
    present = np.eye(3, dtype=bool)[np.arange(len(clips)) % 3]
    return clips, present, make_folds(clips, present, n_folds, seed, copies)


def test_a_new_clip_joins_its_group_and_a_new_group_the_fold_that_lacks_its_class():
    clips, present, plan = plan_of(["a", "b", "c", "d", "a", "e"])
    present = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1], [0, 1]], dtype=bool)
    # a and b in fold 1, c and d in fold 0; e holds class 1, of which fold 0 has one (c) and fold 1 one (the new of a)
    kept = keep_folds(plan, clips, present, {1: 1, 2: 1, 3: 0, 4: 0}, 2)
    assert kept.fold[:5].tolist() == [1, 1, 0, 0, 1]
    # shares held: fold 0 (1/3, 1/3, 2/6), fold 1 (2/3, 1/3, 3/6); of group e (0, 1/3, 1/6): 0.166… against 0.194…
    assert kept.fold[5] == 0


@given(st.lists(st.integers(0, 9), min_size=12, max_size=40), st.integers(2, 4), st.integers(0, 3), st.data())
def test_nothing_moves_and_groups_stay_whole(groups, n_folds, seed, data):
    if len(set(groups)) < n_folds:
        return
    clips, present, plan = plan_of([f"g{g}" for g in groups], n_folds, seed)
    gone = data.draw(st.sets(st.sampled_from([one.id for one in clips])))
    earlier = {one.id: int(fold) for one, fold in zip(clips, plan.fold, strict=True) if one.id not in gone}
    if max(earlier.values(), default=-1) + 1 != n_folds:
        return
    kept = keep_folds(plan, clips, present, earlier, n_folds)
    assert all(kept.fold[row] == earlier[one.id] for row, one in enumerate(clips) if one.id in earlier)
    for g in set(groups):
        assert len(set(kept.fold[np.array(groups) == g])) == 1
    assert kept.fold.min() >= 0


def test_clips_that_turned_out_to_be_copies_stay_where_they_were_with_a_warning():
    clips, present, plan = plan_of(["a", "b", "c", "d"], copies=[(0, 1)])
    kept = keep_folds(plan, clips, present, {1: 0, 2: 1, 3: 0, 4: 1}, 2, CLASSES)
    assert kept.fold.tolist() == [0, 1, 0, 1]
    assert any("1 group of clips lies in several folds" in line for line in kept.warnings)
    alone = [line for line in kept.warnings if line.startswith("fold ")]
    assert len(alone) == 2  # classes middle (clip 2) and high (clip 3) are in one fold each; low in both
    assert "fold 1 trains without any positive of 1 classes (middle)" in alone[1]


def test_what_cannot_be_kept_says_why(tmp_path):
    clips, present, plan = plan_of(["a", "b", "c"])
    with pytest.raises(ConfigError, match=r"folds.folds = 2, .* has 3; set folds.folds = 3"):
        keep_folds(plan, clips, present, {1: 0, 2: 1, 3: 2}, 2)
    with pytest.raises(ConfigError, match="none of the 3 clips"):
        keep_folds(plan, clips, present, {8: 0, 9: 1}, 2)
    with pytest.raises(ConfigError, match="no clip in any fold"):
        keep_folds(plan, clips, present, {}, 2)
    for name in ("004-gone", "../other", ".."):
        with pytest.raises(ConfigError, match=r"folds\.like"):
            earlier_folds(tmp_path, name)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "folds.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(ArtefactError, match="cannot be read"):
        earlier_folds(tmp_path, "broken")
    check_like(tmp_path, load_recipe("demo").folds)  # asks for none


def test_training_on_the_same_labels_with_the_folds_kept_is_the_same_bit_for_bit(tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    collection = tiny_collection(audio)

    def run(name, recipe, labels):
        cross_validate(recipe, collection[0], labels, tmp_path / name, label_version=1, device="cpu")
        return tmp_path / name

    recipe = tiny_recipe("train.seed=5", "epochs=1")
    first = run("001-first", recipe, collection[1])
    # Other labels alone would give other folds: this is what keeping them is for.
    others = replace(collection[1], present=np.roll(collection[1].present, 1, axis=0), content_hash="other")
    kept = run("002-kept", tiny_recipe("train.seed=5", "epochs=1", "folds.like=001-first"), others)
    folds = [pd.read_parquet(folder / "folds.parquet")["fold"].tolist() for folder in (first, kept)]
    assert folds[0] == folds[1] != make_folds(collection[0], others.present, 2, 5).fold.tolist()
    assert not same_oof(first, kept)
    again = run("003-again", replace(recipe, folds=replace(recipe.folds, like="002-kept")), others)
    assert same_oof(kept, again)


@pytest.fixture(scope="module")
def like(tmp_path_factory):
    """A workspace whose first run was trained with settings of its own, and after a decision another one like it."""
    root = tiny_workspace(tmp_path_factory.mktemp("like") / "w")
    settings = [word for one in (*SETTINGS, "epochs=3", "train.seed=3") for word in ("--set", one)]
    assert models(["train", "demo", "-w", str(root), "--device", "cpu", "--folds", "3", *settings]) == 0
    with closing(open_workspace(root)) as workspace:
        said = [Decision(f"e{i}", "ann", i, CLASSES[(i - 1) % 3], "absent") for i in range(1, 7)]
        journal.append(workspace, said)
    assert models(["train", "--like", "001-demo", "-w", str(root), "--device", "cpu"]) == 0
    return root


def test_a_run_like_another_differs_in_its_labels_alone(like):
    with closing(open_workspace(like)) as workspace, workspace.read() as connection:
        first, second = runs.all_runs(connection)
        numbers = [one.number for one in versions.all_versions(connection)]
    assert (first.label_version, second.label_version) == (1, 2) == tuple(numbers)
    recipes = [load_recipe(str(like / "runs" / one.id / "recipe.toml")) for one in (first, second)]
    assert recipes[1].folds.like == first.id
    assert replace(recipes[1], folds=replace(recipes[1].folds, like="")) == recipes[0]
    folds = [pd.read_parquet(like / "runs" / one.id / "folds.parquet")["fold"].tolist() for one in (first, second)]
    assert folds[0] == folds[1]
    assert json.loads((like / "runs" / second.id / "run.json").read_text())["seed"] == 3
    assert not same_oof(like / "runs" / first.id, like / "runs" / second.id)


def test_like_on_the_old_labels_gives_the_old_predictions(like):
    assert models(["train", "--like", "001-demo", "-w", str(like), "--device", "cpu", "--version", "1"]) == 0
    assert same_oof(like / "runs" / "001-demo", like / "runs" / "003-demo")


def test_a_recipe_that_is_gone_is_taken_from_the_run_and_a_newest_teacher_is_named(like):
    with closing(open_workspace(like)) as workspace, workspace.read() as connection:
        first = runs.get_run(connection, "001-demo")
        name, settings = recipe_like(workspace, replace(first, recipe="/gone/mine.toml"))
        assert name == str(workspace.run_dir("001-demo") / "recipe.toml")
        assert settings == ("folds.like=001-demo",)
        folder = workspace.run_dir("001-demo")
        kept = {path: path.read_text() for path in (folder / "recipe.toml", folder / "run.json")}
        try:
            text = kept[folder / "recipe.toml"].replace('rule = "clip"', 'rule = "mix"')
            (folder / "recipe.toml").write_text(text.replace('teacher = ""', 'teacher = "newest"'))
            facts = json.loads(kept[folder / "run.json"]) | {"teacher": {"run": "009-teacher", "hash": "x"}}
            (folder / "run.json").write_text(json.dumps(facts))
            assert "targets.teacher=009-teacher" in recipe_like(workspace, first)[1]
        finally:
            for path, text in kept.items():
                path.write_text(text)


def test_what_no_training_can_be_like_says_why(like, capsys):
    def fails(*words):
        assert models(["train", "-w", str(like), *words]) == 1
        return capsys.readouterr().err

    assert "choose from 001-demo" in fails("--like", "nope")
    assert "leave out RECIPE, --folds" in fails("demo", "--like", "001-demo", "--folds", "2")
    assert "folds.like = '009-gone'" in fails("demo", "--set", "folds.like=009-gone")
    assert "set folds.folds = 3" in fails("demo", "--set", "folds.like=001-demo", "--set", "folds.folds=2")
    with closing(open_workspace(like)) as workspace:
        with workspace.read() as connection:
            first = runs.get_run(connection, "001-demo")
        with pytest.raises(DataError, match="combines other runs"):
            recipe_like(workspace, replace(first, recipe="ensemble"))
        with pytest.raises(DataError, match="is failed; choose one that is done"):
            recipe_like(workspace, replace(first, status="failed"))
