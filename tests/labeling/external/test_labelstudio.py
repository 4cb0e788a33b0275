"""Predictions in a JSON export of Label Studio, as a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeling.errors import FormatError
from labeling.external import detect_reader
from labeling.external.importing import ImportRequest, import_predictions
from labeling.predictions.oof import read_oof
from labeling.workspace import Workspace


def region(onset: float, offset: float, *codes: str, score: float | None = None) -> dict[str, Any]:
    own = {"type": "labels", "value": {"start": onset, "end": offset, "labels": list(codes)}}
    return own if score is None else {**own, "score": score}


def choice(*codes: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": list(codes)}}


def task(name: str, *predictions: dict[str, Any]) -> dict[str, Any]:
    sound = f"/data/local-files/?d={name}"
    return {"data": {"audio": sound}, "annotations": [{"result": []}], "predictions": list(predictions)}


TASKS = [
    task(
        "amecro/XC1.ogg",
        {"model_version": "m1", "score": 0.4, "result": [region(0, 10, "amecro"), region(0, 10, "balori", score=0.8)]},
        {"model_version": "m2", "score": 0.6, "result": [region(0, 10, "amecro"), choice("cangoo"), choice("cangoo")]},
    ),
    task("amecro/XC2.ogg", {"result": [region(10, 20, "amecro")]}),
    task("balori/XC3.ogg", {"result": []}),
    task("cangoo/XC4.ogg"),
]


def test_what_a_model_found_becomes_a_run(collection: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(TASKS))
    assert detect_reader(path) == "labelstudio"
    report = import_predictions(collection, ImportRequest(path))
    oof = read_oof(collection.run_dir(report.run_id) / "oof.zarr")
    assert oof.filenames == ("amecro/XC1.ogg", "amecro/XC2.ogg", "balori/XC3.ogg")  # the last one was not predicted
    assert oof.classes == ("amecro", "balori", "cangoo")
    floor = 0.3  # half of the lowest that it lists
    wanted = [[0.6, 0.8, 0.6], [1.0, floor, floor], [floor, floor, floor]]
    np.testing.assert_allclose(oof.clipwise, wanted, atol=1e-6)
    np.testing.assert_allclose(oof.frames(1)[:, 0], [floor, 1.0], atol=1e-3)
    assert "1 predictions have no score and count as certain." in report.notes
    assert "2 models are taken together: m1, m2." in report.notes


def test_an_export_without_predictions_is_a_collection(collection: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task("amecro/XC1.ogg")]))
    with pytest.raises(FormatError, match="has no predictions, only annotations; import it as a collection"):
        import_predictions(collection, ImportRequest(path))
