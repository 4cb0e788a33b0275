"""models/enqueueing.py: what cannot be trained is said before anything is stored."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from labeling import runs
from labeling.errors import ConfigError, DataError, EarmarkError
from labeling.storage import tables
from labeling.workspace import Workspace
from models import enqueueing
from models.config import load_recipe, recipe_to_toml
from models.enqueueing import (
    check_recipe,
    check_training,
    claim_again,
    enqueue_again,
    enqueue_like,
    enqueue_training,
)
from models.networks import sed
from tests.support.training.refused import REFUSED, TRACKER, WEIGHTS, run_to_be_like, stored
from tests.support.workspaces.gain_case import write_recipe
from tests.support.workspaces.synthetic_oof import finished_run


def ask(workspace: Workspace, *settings: str, recipe: str = "demo") -> None:
    enqueue_training(workspace, recipe, reviewer="ann", note="training", settings=settings)


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_cannot_be_trained_leaves_nothing_behind(
    collection: Workspace, settings: tuple[str, ...], message: str
) -> None:
    with pytest.raises(EarmarkError, match=message):
        ask(collection, *settings)
    assert stored(collection) == ([], [])


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_was_trained_once_and_cannot_be_now_leaves_nothing_behind(
    collection: Workspace, settings: tuple[str, ...], message: str
) -> None:
    run_id = run_to_be_like(collection, settings)
    before = stored(collection)
    with pytest.raises(EarmarkError, match=message):
        enqueue_like(collection, run_id, "ann")
    assert stored(collection) == before
    with pytest.raises(DataError, match="no label version 9"):
        enqueue_like(collection, run_to_be_like(collection), "ann", version=9)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(("settings", "message"), [WEIGHTS, TRACKER])
def test_what_was_stopped_and_cannot_go_on_stays_as_it_was(
    collection: Workspace, settings: tuple[str, ...], message: str, begun: bool
) -> None:
    ask(collection)
    with collection.write() as connection:
        changed = {"status": "stopped", "settings": list(settings)}
        connection.execute(sa.update(tables.runs).values(changed))
    if begun:
        write_recipe(collection.run_dir("001-demo"), settings)
    with pytest.raises(EarmarkError, match=message):
        enqueue_again(collection, "001-demo")
    with pytest.raises(EarmarkError, match=message):
        claim_again(collection, "001-demo", "w", warn=print)
    with collection.write() as connection:
        assert runs.get_run(connection, "001-demo").status == "stopped"
        connection.execute(sa.update(tables.runs).values(settings=[]))
    write_recipe(collection.run_dir("001-demo"), [])
    enqueue_again(collection, "001-demo")
    with collection.read() as connection:
        assert runs.get_run(connection, "001-demo").status == "queued"


def test_labels_are_frozen_for_a_run_and_its_recipe_kept_by_its_whole_path(
    collection: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(recipe_to_toml(load_recipe("demo")), encoding="utf-8")
    run = enqueue_training(collection, "mine.toml", reviewer="ann", note="mine", folds=2)
    assert (run.recipe, run.folds, run.label_version, run.status) == (str(tmp_path / "mine.toml"), 2, 1, "queued")
    again = enqueue_training(collection, "demo", reviewer="ann", note="", version=1, worker="w")
    assert (again.label_version, again.status) == (1, "running")
    with pytest.raises(DataError, match="no label version 7"):
        enqueue_training(collection, "demo", reviewer="ann", note="", version=7)
    assert stored(collection) == (["001-mine", "002-demo"], [1])


def test_what_a_workspace_lacks(collection: Workspace) -> None:
    with pytest.raises(ConfigError, match="'reviewed' but no clip of the label version is reviewed"):
        ask(collection, "data.clips=reviewed")
    with pytest.raises(ConfigError, match=r"folds\.like = '009-gone'"):
        ask(collection, "folds.like=009-gone")
    with pytest.raises(ConfigError, match="no other run of this workspace is done"):
        ask(collection, "targets.rule=mix", "targets.teacher=newest")
    teacher = finished_run(collection, {})
    assert check_training(collection, "demo", settings=["rule=mix", f"teacher={teacher}"], folds=2).folds.folds == 2


def test_a_package_that_a_network_needs(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"network\.name = 'sed' needs timm, which is not installed; run: pip"):
        ask(collection, recipe="sed_b0")
    with pytest.raises(ConfigError, match=r"AudioSet weights of cnn14_att are not fetched by Earmark; download Cnn14_"):
        ask(collection, recipe="cornell_stage1")
    assert stored(collection) == ([], [])


def test_a_network_that_cannot_be_built_is_refused_by_a_process_of_its_own() -> None:
    """As pages ask, which never load torch; one of Earmark's own recipes needs no try."""
    check_recipe(load_recipe("demo"), "auto")
    strange = load_recipe("demo", ["widths=[4, 8]", "time_pool=[2, 2]"])
    with pytest.raises(ConfigError, match="unknown device 'tpu'; choose from auto, cpu, cuda"):
        check_recipe(strange, "tpu")


def test_a_process_that_breaks_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueueing.sys, "executable", "/bin/false")
    with pytest.raises(ConfigError, match="the recipe's network could not be tried: it ended with 1"):
        check_recipe(load_recipe("demo", ["widths=[4, 8]", "time_pool=[2, 2]"]), "cpu")


def test_a_backbone_is_tried_and_its_weights_must_be_within_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise ConfigError(f"the weights of {name} are out of reach")

    monkeypatch.setattr(sed, "require_weights", none)
    small = ("network.backbone=resnet10t", "network.pretrained=false")
    check_recipe(load_recipe("sed_b0", small), "cpu", load_torch=True)
    with pytest.raises(ConfigError, match="weights of resnet10t are out of reach"):
        check_recipe(load_recipe("sed_b0", small[:1]), "cpu", load_torch=True)
    with pytest.raises(DataError, match="unknown timm backbone 'resnetto'"):
        check_recipe(load_recipe("sed_b0", ["network.backbone=resnetto"]), "cpu", load_torch=True)
