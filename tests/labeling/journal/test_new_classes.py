"""labeling/journal/new_classes.py: a class is new until an import or a label version holds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labeling import journal
from labeling.collection import classes
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.journal.new_classes import new_classes
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import read_oof
from labeling.quality import audit
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import add_clips


def new(workspace: Workspace) -> set[str]:
    with workspace.read() as connection:
        return set(new_classes(connection))


def add(workspace: Workspace, code: str) -> None:
    with workspace.write() as connection:
        classes.add_class(connection, code, f"The {code}", added_by="ann")


def say(workspace: Workspace, code: str, verdict: str) -> None:
    journal.append(workspace, [Decision(journal.new_event_id(), "ann", 1, code, verdict)])


def test_a_class_is_new_until_a_version_holds_a_label_of_it(any_collection: Workspace) -> None:
    assert new(any_collection) == set(), "the junco came with the import, though no clip has it"
    add(any_collection, "eastow")
    add(any_collection, "norcar")
    assert new(any_collection) == {"eastow", "norcar"}
    say(any_collection, "eastow", "present")
    assert new(any_collection) == {"eastow", "norcar"}
    say(any_collection, "norcar", "absent")
    version = versions.freeze(any_collection, "ann")
    assert new(any_collection) == {"norcar"}, "nowhere present"
    with any_collection.read() as connection:
        labels = versions.labels_of_version(connection, version.number)
        (change,) = [one for one in versions.diff(connection, 0, version.position) if one.class_code == "eastow"]
    assert (change.before, change.after) == ("absent", "secondary")
    column = labels.classes.index("eastow")  # what a training is given
    assert np.flatnonzero(labels.present[:, column]).tolist() == [0]
    assert "norcar" in labels.classes


def test_an_import_that_has_it_makes_it_no_longer_new(any_collection: Workspace) -> None:
    add(any_collection, "eastow")
    assert new(any_collection) == {"eastow"}
    add_clips(any_collection, (("eastow/XC9.ogg", ("eastow",)),), names={"eastow": "Towhee"})
    assert new(any_collection) == set()


def test_a_run_that_does_not_know_it_goes_on_as_before(trained: Path, own_copy: Path) -> None:
    """Queue, filters, scores and quality of an older run; its predictions lack the class."""
    workspace = open_workspace(own_copy)
    with workspace.read() as connection:
        before = queue.rows(connection, read_scored_run(connection, "001-demo", "earmark"), QueueFilter(), limit=None)
    add(workspace, "aaanew")  # sorts before all others
    say(workspace, "aaanew", "present")
    oof = read_oof(workspace.run_dir("001-demo") / "oof.zarr")
    with workspace.read() as connection:
        labels = versions.labels_at(connection)
        run = read_scored_run(connection, "001-demo", "earmark")
        assert queue.rows(connection, run, QueueFilter(), limit=None) == before
        assert queue.rows(connection, run, QueueFilter(classes=("aaanew",)), limit=None) == []
        assert queue.of_cells(connection, run, [(1, "aaanew")]) == []
        assert audit.noise_rates(connection, run)
    assert "aaanew" in labels.classes
    assert "aaanew" not in oof.classes
    aligned = align_labels(oof, labels)
    assert aligned.class_index.tolist() == [labels.classes.index(code) for code in oof.classes]
    _, count = score_run(workspace, "001-demo", "margin")
    assert count
    workspace.close()
