"""models/correcting/stages.py"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from labeling import journal, machine_labels, runs
from labeling.errors import ArtefactError, ConfigError, DataError, UnknownName
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.records import Decision
from labeling.workspace import Workspace, open_workspace
from models.config import load_recipe
from models.correcting import stages
from models.correcting.stage_notes import NOTES
from tests.support.training.refused import REFUSED, stored
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.synthetic_oof import finish, finished_run

HEARD = {(2, "balori"): 0.95, (2, "daejun"): 0.97, (4, "balori"): 0.92, (1, "daejun"): 0.99}


@pytest.fixture
def heard(any_collection: Workspace) -> Workspace:
    """Clips 2 and 4 have one label; run 001-demo hears three more in them, and one in clip 1, which has two."""
    assert finished_run(any_collection, HEARD) == "001-demo"
    return any_collection


def test_a_preview_counts_and_stores_nothing_and_the_stage_adds_what_it_said(heard: Workspace) -> None:
    preview = stages.stage1(heard, "001-demo", reviewer="ann", dry_run=True)
    assert (preview.labels, preview.clips, preview.single_label_clips, preview.standing) == (3, 2, 2, 0)
    assert list(preview.by_class.items()) == [("balori", 2), ("daejun", 1)]
    assert preview.text == "3 labels in 2 clips would be added, of 2 of 4 classes (p > 0.9; 2 clips with one label)"
    assert (preview.version, preview.batch_id) == (None, "")
    with heard.read() as connection:
        assert journal.position(connection) == 0
    report = stages.stage1(heard, "001-demo", reviewer="ann")
    assert (report.labels, report.by_class) == (3, preview.by_class)
    assert report.version is not None
    assert (report.version.number, report.version.created_by) == (2, "ann")
    assert "3 labels in 2 clips added" in report.version.note
    assert "by machine from run 001-demo, heard by nobody" in report.version.note
    with heard.read() as connection:
        labels = versions.labels_of_version(connection, 2)
    assert labels.present[1].tolist() == [True, True, False, True]
    assert not labels.reviewed.any()
    again = stages.stage1(heard, "001-demo", reviewer="ann")
    assert (again.labels, again.standing, again.version, again.batch_id) == (0, 3, report.version, "")
    lower = stages.stage1(heard, "001-demo", threshold=0.05, reviewer="ann", dry_run=True)
    assert (lower.labels, lower.standing) == (3, 3)  # clip 2 still counts as one with a single label
    machine_labels.undo_machine(heard, report.batch_id, "ann")
    assert stages.stage1(heard, "001-demo", reviewer="ann", dry_run=True).labels == 3


def test_what_a_person_decided_is_left_alone(heard: Workspace) -> None:
    journal.append(heard, [Decision("e1", "ann", 2, "balori", "absent")])
    assert stages.stage1(heard, "001-demo", reviewer="ann").by_class == {"balori": 1, "daejun": 1}


def test_stage_2_is_queued_on_the_labels_that_stage_1_added(heard: Workspace) -> None:
    with pytest.raises(DataError, match=r"no label that stage 1 of run 001-demo added stands.* `stage1 001-demo`"):
        stages.stage2(heard, "001-demo", recipe="demo")
    added = stages.stage1(heard, "001-demo", reviewer="ann")
    run = stages.stage2(heard, "001-demo", recipe="demo", settings=["epochs=3"], reviewer="ann", folds=2)
    assert run.status == "queued"
    assert (run.recipe, run.folds, run.label_version) == ("demo", 2, 2)
    assert run.settings == ("epochs=3", "targets.rule=clip")
    assert dict(run.request) == {"stage": 2, "after": "001-demo"}
    with heard.read() as connection:
        labels = versions.labels_of_version(connection, run.label_version)
        assert stages.stage2_runs(runs.all_runs(connection)) == [], "it is not done"
    assert labels.present[1].tolist() == [True, True, False, True], "what stage 1 added is among them"
    birdclef = load_recipe("birdclef21", stages.stage2_settings())
    assert not birdclef.targets.reads_teacher, "no rule of a teacher is kept"
    machine_labels.undo_machine(heard, added.batch_id, "ann")
    with pytest.raises(DataError, match="no label that stage 1"):
        stages.stage2(heard, "001-demo", recipe="demo")


def test_stage_3_doubts_the_run_that_stage_1_read(heard: Workspace) -> None:
    assert stages.doubt_of_teacher(heard, "001-demo") == ""
    stages.stage1(heard, "001-demo", reviewer="ann")
    assert stages.doubt_of_teacher(heard, "001-demo").endswith("stage 2's run: train it with `stage2 001-demo`")
    second = stages.stage2(heard, "001-demo", recipe="demo")
    finish(heard, second.id, {})
    assert stages.doubt_of_teacher(heard, "001-demo").endswith("stage 2's run: take 002-demo")
    assert stages.doubt_of_teacher(heard, second.id) == ""


def test_stage_3_is_one_run_of_a_member_a_threshold_on_all_data(heard: Workspace) -> None:
    run = stages.stage3(heard, "001-demo", recipe="demo", settings=["train.ema_decay=0"])
    recipe = load_recipe(run.recipe, run.settings)
    assert recipe.targets.thresholds == (0.3, 0.4, 0.5, 0.6, 0.7)
    assert (recipe.train.members, recipe.train.all_data) == (5, True)
    run = stages.stage3(heard, "001-demo", recipe="demo", thresholds=(0.4, 0.5), members=4)
    recipe = load_recipe(run.recipe, run.settings)
    assert (recipe.targets.thresholds, recipe.train.members, recipe.train.ema_decay) == ((0.4, 0.5), 4, 0.99)


def test_averaged_weights_are_on_in_stage_3_unless_the_user_says_no(tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text('title = "Plain"\n[train]\nema_decay = 0.0\n', encoding="utf-8")
    assert "train.ema_decay=0.999" in stages.stage3_settings("001-demo", recipe=str(plain))
    assert "train.ema_decay=0.999" not in stages.stage3_settings("001-demo", recipe="demo")
    chosen = stages.stage3_settings("001-demo", ["ema_decay=0"], recipe="demo")
    assert load_recipe("demo", chosen).train.ema_decay == 0


def test_what_contradicts_a_stage_is_refused_before_anything_is_stored(heard: Workspace) -> None:
    with pytest.raises(ConfigError, match=r"targets\.rule = mix is not stage 2's, which sets it to clip; leave it out"):
        stages.stage2(heard, "001-demo", recipe="demo", settings=["rule=mix"])
    stages.stage1(heard, "001-demo", reviewer="ann")
    chosen = stages.stage3_settings("001-demo", ["rule='and'", "members=5"], recipe="demo")
    assert chosen.count("targets.rule=and") == 1
    with pytest.raises(ConfigError, match="2 members leave out some of 5 thresholds"):
        stages.stage3(heard, "001-demo", recipe="demo", members=2)
    with pytest.raises(ConfigError, match=r"targets.thresholds entry = 1\.5 must lie between 0 and 1"):
        stages.stage3(heard, "001-demo", recipe="demo", thresholds=[1.5])
    with pytest.raises(UnknownName, match="unknown recipe 'demmo'"):
        stages.stage2(heard, "001-demo", recipe="demmo")
    with pytest.raises(DataError, match="no run '009-x'; choose from 001-demo"):
        stages.stage2(heard, "009-x", recipe="demo")
    with pytest.raises(DataError, match=r"threshold 2 is no probability"):
        stages.stage1(heard, "001-demo", threshold=2, reviewer="ann")
    queued = runs.enqueue(heard, "demo", 1)
    with pytest.raises(DataError, match=f"run {queued.id} is queued; a stage needs one that is done"):
        stages.stage1(heard, queued.id, reviewer="ann")
    with heard.read() as connection:
        assert [run.id for run in runs.all_runs(connection)] == ["001-demo", queued.id]


@pytest.mark.parametrize(("settings", "message"), REFUSED[1:])
def test_what_cannot_be_trained_leaves_nothing_behind(
    heard: Workspace, settings: tuple[str, ...], message: str
) -> None:
    stages.stage1(heard, "001-demo", reviewer="ann")
    for queue in (stages.stage2, stages.stage3):
        with pytest.raises(ConfigError, match=message):
            queue(heard, "001-demo", recipe="demo", settings=settings)
    assert stored(heard) == (["001-demo"], [1, 2])


def test_a_run_of_another_collection_is_refused(workspace: Workspace, own_copy: Path) -> None:
    add_clips(workspace, (("other.ogg", ("amecro",)),))
    run_id = finished_run(workspace, {})
    with closing(open_workspace(own_copy)) as birds, birds.read() as connection:
        labels = versions.labels_at(connection)
    shutil.rmtree(workspace.run_dir(run_id))
    shutil.copytree(own_copy / "runs" / "001-demo", workspace.run_dir(run_id))
    assert not set(labels.classes) & {"amecro"}
    with pytest.raises(ArtefactError, match="predicts none of this workspace's clips or classes"):
        stages.stage1(workspace, run_id, reviewer="ann")


def test_a_trained_run_is_found_to_miss_what_a_plain_loop_finds(own_copy: Path) -> None:
    with closing(open_workspace(own_copy)) as workspace:
        report = stages.stage1(workspace, "001-demo", threshold=0.5, reviewer="ann")
        with workspace.read() as connection:
            before = versions.labels_of_version(connection, 1)
        oof = read_oof(workspace.run_dir("001-demo") / "oof.zarr")
        expected = 0
        for row, clip_id in enumerate(oof.clip_ids.tolist()):
            listed = before.present[before.clip_ids.tolist().index(clip_id)]
            top = [max(oof.clipwise[row, c], oof.frames(row)[:, c].max()) for c in range(len(oof.classes))]
            if listed.sum() == 1:
                names = {before.classes[c] for c in listed.nonzero()[0]}
                expected += sum(p > 0.5 and code not in names for p, code in zip(top, oof.classes, strict=True))
        assert report.labels == expected > 0


def test_the_notes_say_what_came_of_it() -> None:
    assert "2,529 labels to 2,084 clips, in 259 classes" in NOTES["stage1"]
    assert "hardly changed" in NOTES["stage3"]
