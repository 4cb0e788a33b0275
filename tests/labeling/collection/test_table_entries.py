"""Times of labels, as a table gives them, are boxes that people can move."""

from __future__ import annotations

from pathlib import Path

from labeling import journal
from labeling.collection.importing import import_collection
from labeling.collection.table_entries import TABLE
from labeling.journal import boxes, versions
from labeling.journal.exporting import export_labels
from labeling.machine_labels import batches, who
from labeling.records import Decision, Region
from labeling.review.overview import overview
from labeling.workspace import Workspace
from tests.support.workspaces.recorders import sound

ROWS = "file,onset,offset,label\n1.wav,0.5,1,owl\n1.wav,1,1.5,owl\n1.wav,1,9,jay\n2.wav,,,\n"


def test_times_of_a_table_are_boxes_that_give_way_to_people(any_workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "x"
    for name in "12":
        sound(root / f"{name}.wav", int(name), 2.0)
    (root / "labels.csv").write_text(ROWS)
    report = import_collection(any_workspace, root)
    assert (report.added, report.joined, report.regions, report.classes) == (2, 2, 2, 2)
    assert "jay at 1 to 9 s is after the end of the clip (2.00 s)" in report.problems[-1].reason
    with any_workspace.read() as connection:
        labels = versions.labels_at(connection)
        assert [event.region for event in labels.events] == [Region(0.5, 1), Region(1, 1.5)]
        assert (labels.present.sum(), labels.reviewed.sum()) == (2, 0)
        owl = journal.cell_state(connection, 1, "owl")
        assert batches(connection) == []  # no change of a label, so that nothing is to take back
    assert (owl.verdict, owl.machine, who(owl.boxes[0].reviewer)) == ("", "", "the imported table")
    assert (overview(any_workspace)["decisions"], overview(any_workspace)["machine_cells"]) == (0, {})
    moved = Decision("", "", 1, "owl", "present", region=Region(0.25, 1))
    boxes.change_box(any_workspace, moved, owl.boxes[0].position, reviewer="ann", event_id="m")
    export_labels(any_workspace, tmp_path / "out")
    assert (tmp_path / "out" / "strong_labels.csv").read_text().splitlines()[1:] == [
        f"1.wav,1.0,1.5,,,owl,{TABLE}",
        "1.wav,0.25,1.0,,,owl,ann",
    ]
    journal.append(any_workspace, [Decision("e", "ann", 1, "owl", "absent")])
    with any_workspace.read() as connection:
        assert versions.labels_at(connection).events == ()
