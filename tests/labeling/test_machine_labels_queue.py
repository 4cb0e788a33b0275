"""labeling/machine_labels.py: what machines changed stays undecided wherever people's decisions count."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling import journal
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.disagreement import cooccurrence
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.journal.exporting import export_labels
from labeling.machine_labels import MachineLabel, apply_machine_labels
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision
from labeling.review import second_looks
from labeling.review.overview import overview
from labeling.reviewer import pace
from labeling.suspects import bulk, queue, snippets
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import ALL, demo, make_queue, ranks
from tests.support.workspaces.synthetic_oof import finished_run

#: of RANKING's suspects: rank 1 is missing in clip 3, rank 5 false in clip 1
FOUND = [MachineLabel(3, "amecro", "present", 0.97), MachineLabel(1, "balori", "absent", 0.02)]


@pytest.fixture
def queued(any_workspace: Workspace) -> Workspace:
    """The seven suspects of RANKING, of which a machine changed two."""
    made = make_queue(any_workspace)
    apply_machine_labels(made, FOUND, what="stage1", run_id="001-demo")
    return made


def test_the_queue_asks_of_what_a_machine_changed(queued: Workspace) -> None:
    assert ranks(queued, QueueFilter()) == [1, 2, 3, 4, 5, 6, 7]
    assert ranks(queued, QueueFilter(status="decided")) == []
    with queued.read() as connection:
        assert {row.verdict for row in queue.rows(connection, demo(connection), ALL)} == {""}
        assert sum(one.decided for one in queue.progress_by_class(connection, demo(connection), ALL)) == 0
        assert snippets.verdicts(connection, "amecro") == {}
        to_do = second_looks.suspects_to_do(connection, demo(connection), [1, 3], 0.5)
        assert to_do == {3: ["amecro"], 1: ["cangoo", "amecro", "balori"]}


def test_counts_of_decisions_are_of_people(queued: Workspace) -> None:
    journal.append(queued, [Decision("e1", "ann", 4, "amecro", "absent")])
    facts = overview(queued)
    assert (facts["decisions"], facts["decisions_since_version"], facts["decided_cells"]) == (1, 1, {"absent": 1})
    assert facts["machine_cells"] == {"present": 1, "absent": 1}
    with queued.read() as connection:
        assert pace.today(connection, "ann").decisions == 1
        assert second_looks.findings(connection, "ann").shown.of == 0


def test_what_is_suggested_follows_the_label_that_was_scored(queued: Workspace) -> None:
    """A run scored after the machine doubts the added label (kind false): the suggestion is absent."""
    run_id = finished_run(queued, {(3, "amecro"): 0.01})
    score_run(queued, run_id)
    with queued.read() as connection:
        rows = [
            row
            for row in queue.of_clip(connection, read_scored_run(connection, run_id, "earmark"), 3)
            if row.suspect.class_code == "amecro"
        ]
        assert [row.suspect.kind for row in rows] == ["false"]
        planned = bulk.plan(
            connection, rows, "suggested", reviewer="ann", scorer="earmark", batch_id="b", seen_position=99
        )
        listed = snippets.snippets(
            connection, queued, read_scored_run(connection, run_id, "earmark"), "amecro", which="false"
        )
    assert [one.verdict for one in planned.decisions] == ["absent"]
    assert 3 in {one.suspect.clip_id for one in listed}


def test_what_is_listed_together_counts_machine_labels(any_workspace: Workspace) -> None:
    add_clips(any_workspace)

    def labels() -> set[tuple[int, int]]:
        with any_workspace.read() as connection:
            company = cooccurrence.gathered(connection, journal.position(connection))
            return {(int(row), int(column)) for row, column in zip(company.label_row, company.label_class, strict=True)}

    before = labels()
    found = [MachineLabel(2, "balori", "present", 0.95), MachineLabel(3, "cangoo", "absent", 0.01)]
    apply_machine_labels(any_workspace, found, what="stage1", run_id="001-demo")
    cooccurrence._companies.clear()
    assert labels() == before - {(2, 2)} | {(1, 1)}


def test_the_difference_of_versions_names_the_machine_or_the_person_who_won(any_workspace: Workspace) -> None:
    add_clips(any_workspace)
    journal.append(any_workspace, [Decision("e1", "ann", 1, "balori", "absent")])
    found = [MachineLabel(2, "balori", "present", 0.95), MachineLabel(4, "amecro", "present", 0.95)]
    apply_machine_labels(any_workspace, found, what="stage1", run_id="001-demo")
    journal.append(any_workspace, [Decision("e2", "bob", 4, "amecro", "present")])
    apply_machine_labels(any_workspace, [], what="stage1", run_id="002-demo", only_these=True)
    apply_machine_labels(any_workspace, found[:1], what="stage1", run_id="003-demo")
    with any_workspace.read() as connection:
        changes = versions.diff(connection, 0, journal.position(connection))
    assert {(one.filename, one.class_code, one.after, one.reviewer, one.run_id) for one in changes} == {
        ("amecro/XC1.ogg", "balori", "absent", "ann", ""),
        ("amecro/XC2.ogg", "balori", "secondary", "auto:stage1", "003-demo"),
        ("cangoo/XC4.ogg", "amecro", "secondary", "bob", ""),
    }


def test_a_primary_found_absent_gives_way_to_what_people_and_the_table_say_before_a_machine(
    collection: Workspace,
) -> None:
    apply_machine_labels(collection, [MachineLabel(1, "daejun", "present", 0.95)], what="stage1", run_id="r")
    journal.append(collection, [Decision("e1", "ann", 1, "amecro", "absent")])
    with collection.read() as connection:
        assert journal.resolve(journal.clip_states(connection, 1)) == ("balori", ("balori", "daejun"))
    journal.append(collection, [Decision("e2", "ann", 1, "balori", "absent")])
    with collection.read() as connection:
        assert journal.resolve(journal.clip_states(connection, 1)) == ("daejun", ("daejun",))


def test_an_export_says_what_a_machine_changed(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        path = tmp_path / "birds" / "train_audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(1 + (name == "b.wav")).standard_normal(16000), 16000)
    table = "primary_label,secondary_labels,filename\nowl,[],a.wav\njay,[],b.wav\n"
    (tmp_path / "birds" / "train_metadata.csv").write_text(table, encoding="utf-8")
    import_collection(workspace, tmp_path / "birds")
    with workspace.read() as connection:
        clip_id = store.clip_ids_by_filename(connection)["a.wav"]
    apply_machine_labels(workspace, [MachineLabel(clip_id, "jay", "present", 0.95)], what="stage1", run_id="001-demo")
    report = export_labels(workspace, tmp_path / "out")
    assert (report.changes, report.by_machine) == (1, 1)
    with open(tmp_path / "out/changes.csv", newline="", encoding="utf-8") as file:
        (change,) = csv.DictReader(file)
    assert (change["class"], change["to"], change["reviewer"], change["run"]) == (
        *("jay", "secondary", "auto:stage1", "001-demo"),
    )
    assert "owl,['jay'],a.wav" in (tmp_path / "out/train_metadata.csv").read_text(encoding="utf-8")
