"""`activity` and `threshold`: the tables that they write, and what they say where there is nothing to say."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from labeling import journal
from labeling.activity.study import Question, study
from labeling.records import Decision, Region
from labeling.search.standing import NONE
from labeling.workspace import Workspace
from models.__main__ import main
from models.prediction.scored_windows import windows_of
from tests.support.workspaces.predicted import add_prediction


def run(workspace: Workspace, command: str, *more: str, of: str = "001") -> int:
    return main([command, of, "-w", str(workspace.root), "--class", "amecro", *more])


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def listen(workspace: Workspace, right_from: float) -> None:
    """Hear the draw: what scores at least so much holds the class."""
    windows = windows_of(workspace, "001")
    scores = windows.of("amecro")
    drawn = study(windows, Question("amecro"), NONE).drawn
    said = [
        Decision(
            f"e{place}", "ann", int(windows.clip_id[place]), "amecro",
            "present" if scores[place] >= right_from else "absent",
            region=Region(float(windows.onset_s[place]), float(windows.offset_s[place])),
        )
        for places in drawn.places
        for place in places.tolist()
    ]  # fmt: skip
    journal.append(workspace, said)


def test_every_recorded_hour_with_its_effort(collection: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    add_prediction(collection.root)
    path = collection.root / "hours.csv"
    assert run(collection, "activity", "--score", "0.9", "--csv", str(path)) == 0
    assert "not in any hour: meadow/test: no date and time of day in its name" in capsys.readouterr().out
    found = [(row["site"], row["date"], row["hour"], float(row["recorded_s"]), row["windows"], row["above"])
             for row in rows(path)]  # fmt: skip
    assert found == [
        ("meadow", "2024-06-12", "6", 60, "20", "0"),
        ("meadow", "2024-06-13", "23", 30, "10", "0"),
        ("meadow", "2024-06-14", "0", 30, "10", "0"),
        ("pond", "2024-06-12", "5", 20, "7", "0"),  # the seventh begins at 18 s
        ("pond", "2024-06-12", "6", 40, "13", "2"),
        ("pond", "2024-06-12", "7", 60, "20", "2"),
        ("pond", "2024-06-13", "6", 60, "20", "2"),
    ]
    assert run(collection, "activity", "--site", "pond", "--zone", "Europe/Berlin", "--score", "0.9") == 0
    told = capsys.readouterr().out
    assert "times by Europe/Berlin time" in told
    assert "pond  2024-06-12 08:00  2 of 13 windows, highest 0.990" in told


def test_a_threshold_by_what_was_heard(collection: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    add_prediction(collection.root)
    assert run(collection, "threshold") == 0
    assert "not known yet: 0 heard of a draw, and 30 are needed; hear 30 more" in capsys.readouterr().out
    listen(collection, right_from=0.5)
    path = collection.root / "above.csv"
    assert run(collection, "threshold", "--precision", "0.9", "--csv", str(path)) == 0
    told = capsys.readouterr().out
    assert "0.9 to 1: 6 windows, 6 heard, 1.00 right (likely 1.00 to 1.00)" in told
    assert "reach a precision of 0.9" in told
    above = rows(path)
    assert 27 < len(above) < 37
    assert {row["site"] for row in above} == {"pond"}
    assert min(float(row["score"]) for row in above) > 0.35
    (first, *_) = above
    assert (
        first["time"] == "2024-06-12 06:00:04" if first["start_s"] == "24.0" else first["time"].startswith("2024-06-1")
    )


@pytest.mark.parametrize(
    ("command", "more", "words"),
    [
        ("activity", ["--score", "2"], "--score 2 is no score"),
        ("activity", ["--site", "lake"], "no recording is of site 'lake'; there is meadow, pond"),
        ("activity", ["--time-column", "when"], "--time-column 'when' is no column"),
        ("activity", ["--zone", "Mars"], "there is no time zone 'Mars'"),
        ("threshold", ["--precision", "1.5"], "a precision of 1.5 is none to be reached"),
        ("threshold", ["--bands", "1,0"], "edges of bands 1, 0 make none"),
        ("threshold", ["--each", "0"], "0 windows of each band"),
    ],
)
def test_what_cannot_be_is_said(
    collection: Workspace, capsys: pytest.CaptureFixture[str], command: str, more: list[str], words: str
) -> None:
    add_prediction(collection.root)
    listen(collection, right_from=0.5)
    assert run(collection, command, *more) == 1
    assert words in capsys.readouterr().err
