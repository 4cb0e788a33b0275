"""labeling/external/adding.py: classes of a file that the workspace lacks, added where they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeling import journal, runs
from labeling.__main__ import main
from labeling.collection import store
from labeling.errors import DataError
from labeling.external.adding import Wish
from labeling.external.importing import ImportRequest, Report, import_predictions
from labeling.journal.new_classes import new_classes
from labeling.predictions.oof import Oof, read_oof
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.making import CLIPS

NAMES = [name for name, _ in CLIPS]
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tCommon Name\tSpecies Code\t"
    "Confidence\tBegin Path\tFile Offset (s)\n"
)
HEARD = (
    (0, 0.0, "American Crow", "amecro", 0.9),
    (0, 3.0, "Eastern Towhee", "eastow", 0.94),
    (1, 6.0, "Eastern Towhee", "eastow", 0.2),
    (2, 0.0, "Fish Crow", "fiscro", 0.31),
    (3, 0.0, "Baltimore Oriole", "balori", 0.5),
)


@pytest.fixture
def birdnet(tmp_path: Path) -> Path:
    """A combined selection table that names two species which the collection lacks."""
    path = tmp_path / "all.txt"
    rows = (
        f"{number}\tSpectrogram 1\t1\t{onset}\t{onset + 3}\t0\t15000\t{name}\t{code}\t{p}\t/rec/{NAMES[clip]}\t{onset}"
        for number, (clip, onset, name, code, p) in enumerate(HEARD, start=1)
    )
    path.write_text(RAVEN + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def bring(workspace: Workspace, path: Path, wish: Wish, **more: Path) -> tuple[Report, Oof]:
    report = import_predictions(workspace, ImportRequest(path, wish=wish, **more), by="ann")  # type: ignore[arg-type]
    return report, read_oof(workspace.run_dir(report.run_id) / "oof.zarr")


def known(workspace: Workspace) -> dict[str, str]:
    with workspace.read() as connection:
        return {label_class.code: label_class.name for label_class in store.all_classes(connection)}


def test_nothing_is_added_unless_it_is_asked_for_and_the_report_says_how(collection: Workspace, birdnet: Path) -> None:
    before = known(collection)
    report, oof = bring(collection, birdnet, Wish())
    assert known(collection) == before
    assert oof.classes == ("amecro", "balori")
    text = "\n".join(report.lines())
    assert "2 classes of the file were passed over: Eastern Towhee (no such class), Fish Crow (no such class)." in text
    assert "--add-class NAME adds one of them, --add-classes P all that reach the probability P" in text


def test_those_that_reach_a_probability_are_added_with_code_and_name(collection: Workspace, birdnet: Path) -> None:
    before = known(collection)
    report, oof = bring(collection, birdnet, Wish(least=0.9))
    assert known(collection) == before | {"eastow": "Eastern Towhee"}
    assert set(oof.classes) == {"amecro", "balori", "eastow"}
    column = oof.classes.index("eastow")
    np.testing.assert_allclose(oof.clipwise[:, column], [0.94, 0.2, 0.1, 0.1], atol=1e-3)
    frames = np.asarray(oof.frames(0))[:, column]
    assert frames.max() == pytest.approx(0.94, abs=1e-3)
    text = "\n".join(report.lines())
    assert "1 classes are new here: eastow (Eastern Towhee)." in text
    assert "1 classes of the file were passed over: Fish Crow (no such class, 0.31 at most)." in text
    assert "eastow" not in report.silent_classes
    assert set(report.silent_classes) == {"cangoo", "daejun"}
    with collection.read() as connection:
        assert new_classes(connection) == {"eastow"}
    said = Decision("e1", "ann", 1, "eastow", "present")
    assert journal.append(collection, [said])[0].position == 1
    again, _ = bring(collection, birdnet, Wish(least=0.9))  # it is known by now
    assert (again.new_classes, again.classes["Eastern Towhee"]) == ({}, "eastow")


def test_one_is_added_by_its_name_whatever_its_probability(collection: Workspace, birdnet: Path) -> None:
    _, oof = bring(collection, birdnet, Wish(names=("fish  crow",)))
    assert set(oof.classes) == {"amecro", "balori", "fiscro"}
    with pytest.raises(DataError, match="names no class 'Dodo', 'amecro' that the workspace lacks"):
        bring(collection, birdnet, Wish(names=("Dodo", "amecro")))
    with collection.read() as connection:
        assert len(runs.all_runs(connection)) == 1


def test_a_mapping_may_name_codes_that_are_not_there(collection: Workspace, birdnet: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "map.csv"
    mapping.write_text("theirs,code,name\nFish Crow,corvus,Corvus ossifragus\nEastern Towhee,,\n")
    with pytest.raises(DataError, match="unknown class 'corvus'"):
        bring(collection, birdnet, Wish(), classes=mapping)
    report, oof = bring(collection, birdnet, Wish(least=0.5), classes=mapping)
    assert set(oof.classes) == {"amecro", "balori", "corvus"}
    assert report.new_classes == {"corvus": "Corvus ossifragus"}
    assert report.unknown_classes == {"Eastern Towhee": "passed over, as asked"}


def test_on_the_command_line(collection: Workspace, birdnet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["predictions", str(birdnet), "--workspace", str(collection.root), "--trained-elsewhere"]
    assert main([*words, "--add-classes", "1.5"]) == 1
    assert "from a probability of 0 to 1 on, not 1.5" in capsys.readouterr().err
    assert main([*words, "--add-class", "Eastern Towhee"]) == 0
    assert "1 classes are new here: eastow (Eastern Towhee)." in capsys.readouterr().out
