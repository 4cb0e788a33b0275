"""labeling/collection/formats/platforms/labelstudio.py"""

from __future__ import annotations

import json
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from labeling.collection.annotation.base import Attribution, Correction, Labelling
from labeling.collection.formats import detect_format
from labeling.collection.formats.platforms.labelstudio import FORMAT
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings


def _labels(name: str, start: Any, end: Any, *labels: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "channel": 0, "labels": list(labels)}
    return {"id": name, "from_name": "tag", "to_name": "snd", "type": "labels", "value": value}


def _choice(*choices: str) -> dict[str, Any]:
    return {"id": "c", "from_name": "all", "to_name": "snd", "type": "choices", "value": {"choices": list(choices)}}


def _task(sound: str, *annotations: Any, predictions: Any = ()) -> dict[str, Any]:
    return {"id": sound, "data": {"audio": sound, "site": 3}, "annotations": list(annotations),
            "predictions": list(predictions)}  # fmt: skip


TASKS = [
    _task(
        "/data/local-files/?d=dog/a%20b.wav",
        {"id": 1, "completed_by": {"id": 4, "email": "ann"}, "result": [_labels("r1", 1, 2.5, "dog"), _choice("rain"),
         {"id": "t", "type": "textarea", "value": {"text": ["loud"]}}]},
        {"id": 2, "was_cancelled": True, "result": [_choice("cat")]},
        predictions=[{"model_version": "m", "result": [_labels("p", 3, 4, "owl")]}],
    ),
    _task("/data/upload/12/1a2b3c4d-c.wav", {"id": 3, "result": []}),
    _task("https://x.org/d.wav?sign=1"),
    _task("e.wav", {"id": 5, "result": [_choice("cat")]}, {"id": 6, "ground_truth": True, "result": [_choice("dog")]}),
]  # fmt: skip


def stored(folder: Path, tasks: Any) -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(tasks, indent=2))
    return path


def test_annotations_are_labels_and_predictions_are_told(tmp_path: Path) -> None:
    (tmp_path / "a b.wav").touch()
    path = stored(tmp_path, TASKS)
    assert detect_format(tmp_path) == detect_format(path) == "labelstudio"
    table = FORMAT.read(path, None, {})
    a, c, d, e = table.clips
    assert (a.filename, a.path) == ("dog/a b.wav", str(tmp_path / "a b.wav"))
    assert (a.labels, a.regions) == (("dog", "rain"), (("dog", Region(1.0, 2.5)),))
    assert a.said_by[("rain", None)] == Attribution("ann")
    assert a.metadata == {"site": "3"}
    assert (c.filename, c.labels, c.partial) == ("c.wav", (), False)
    assert (d.filename, d.labels, d.partial) == (["x.org", "d.wav"][1], (), True)
    assert e.labels == ("dog",)
    told = [problem.reason for problem in table.problems]
    command = f"python -m labeling predictions {path} --workspace W"
    assert told[0] == f"1 tasks have predictions, of 1 classes: they are no labels; {command} makes a run of them"


def test_corrections_keep_what_was_not_corrected(tmp_path: Path) -> None:
    path = stored(tmp_path, TASKS)
    table = FORMAT.read(path, None, {})
    assert FORMAT.write is not None
    same = FORMAT.write(table.table_bytes, table.options, {}, tmp_path / "same")
    assert same.files[0].read_bytes() == path.read_bytes()
    region = Region(4.0, 5.0, 100.0, 200.0)
    say = (
        Correction("dog/a b.wav", "", ("rain", "owl"), removed=("dog",), added=("owl",), swapped=(("dog", "owl"),)),
        Correction("d.wav", "", ("dog", "fly"), added=("dog", "fly"), regions=(("fly", region),)),
        Correction("e.wav", "", (), removed=("dog",)),
    )
    written = FORMAT.write(table.table_bytes, table.options, {own.filename: own for own in say}, tmp_path / "out")
    a, c, d, e = FORMAT.read(written.files[0], None, {}).clips
    assert (a.labels, a.regions) == (("owl", "rain"), (("owl", Region(1.0, 2.5)),))
    assert (c.labels, e.labels, e.partial) == ((), (), False)
    assert (set(d.labels), d.regions) == ({"dog", "fly"}, (("fly", Region(4.0, 5.0)),))
    assert [(held.filename, held.class_code) for held in written.not_held] == [("d.wav", "fly")]
    after = json.loads(written.files[0].read_text())
    assert [one["id"] for one in after[0]["annotations"]] == [1, 2]
    assert after[2]["annotations"][0]["result"][0]["from_name"] == "tag"  # as the export calls it
    unchanged = json.dumps(TASKS[1], indent=2).splitlines()[1:-1]
    assert "\n".join("  " + line for line in unchanged) in written.files[0].read_text()


@pytest.mark.parametrize("tasks", [{}, {"a": 1}, 3, "x"])
def test_what_is_no_list_of_tasks_is_refused(tmp_path: Path, tasks: Any) -> None:
    with pytest.raises(FormatError, match="no list of tasks"):
        FORMAT.read(stored(tmp_path, tasks), None, {})


def test_odd_tasks_stop_nothing(tmp_path: Path) -> None:
    odd = [None, {}, {"data": 3}, _task(""), _task("a.wav", None, {"result": [None, _labels("x", "1", 2, "dog")]}),
           _task("../a.wav"), _task("b.wav", {"result": 3}),
           {"data": {"audio": "f.wav"}, "annotations": 3}]  # fmt: skip
    table = FORMAT.read(stored(tmp_path, odd), None, {})
    assert [(clip.filename, clip.labels) for clip in table.clips] == [("a.wav", ("dog",)), ("b.wav", ()), ("f.wav", ())]
    told = [problem.reason for problem in table.problems]
    assert told.count("a task without sound in its data; skipped") == 4
    assert any("without a start or an end" in reason for reason in told)
    assert any("second task" in reason for reason in told)


@examples(25)
@given(labellings())
def test_any_labels_come_back_with_an_interface_that_has_their_classes(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        assert_comes_back(labelling, "labelstudio", out)
        view = ElementTree.parse(out / "label_config.xml").getroot()
        for tag in ("Label", "Choice"):
            assert [own.get("value") for own in view.iter(tag)] == list(labelling.classes)
