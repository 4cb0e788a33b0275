"""Scored windows of a prediction: read as its tables say, kept as one file, and known as clips."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from labeling import runs
from labeling.errors import DataError, EarmarkError, FormatError, UnknownName
from labeling.workspace import CACHE, Workspace
from models.prediction import jobs, tables
from models.prediction.scored_windows import FOLDER, scored, windows_in, windows_of, windows_of_folder
from tests.support.workspaces.predicted import LENGTH_S, NAMES, ODD, WINDOW_S, add_prediction, loud


def test_a_prediction_becomes_windows_of_clips(collection: Workspace) -> None:
    add_prediction(collection.root)
    windows = windows_of(collection, "001")
    of = {one.name: place for place, one in enumerate(windows.recordings)}
    assert set(of) == {name.rpartition(".")[0] for name in (*NAMES, ODD)}
    assert all(one.clip_id > 0 for one in windows.recordings)
    assert {one.group for one in windows.recordings} == {"pond", "meadow"}
    own = windows.recording == of["pond/20240612_070000"]
    np.testing.assert_allclose(windows.of("amecro")[own], loud("pond/"), atol=1e-5)
    np.testing.assert_allclose(windows.of("balori")[own], 0.5 * loud("pond/"), atol=1e-5)
    assert windows.onset_s[own].tolist() == np.arange(0, LENGTH_S, WINDOW_S).tolist()
    assert windows.offset_s[own][-1] == LENGTH_S
    with pytest.raises(UnknownName, match="unknown class 'frog'"):
        windows.of("frog")


def test_it_is_read_once_and_again_from_the_kept_file(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prediction(collection.root, imported=False)
    first = windows_of(collection, "001")
    assert [one.clip_id for one in first.recordings] == [0] * 6, "no clip of the collection"
    assert windows_of(collection, "001") is first
    (kept,) = (collection.root / CACHE / FOLDER).iterdir()
    out = jobs.folder_of(collection, "001") / jobs.TABLES
    for file in out.rglob("*.segments.csv"):
        file.unlink()
    copy = shutil.copytree(out, collection.root / "copy")
    with pytest.raises(DataError, match="holds no recording that is done"):
        windows_of_folder(collection, copy)
    from models.prediction import scored_windows

    scored_windows._windows.clear()
    again = windows_of(collection, "001")
    np.testing.assert_array_equal(again.of("amecro"), first.of("amecro"))
    assert (again.classes, again.recordings) == (first.classes, first.recordings)
    assert kept.stat().st_size > 4 * len(first) * len(first.classes)


def test_what_is_imported_later_is_known_then(collection: Workspace) -> None:
    from labeling.collection.importing import import_collection

    field = add_prediction(collection.root, imported=False)
    assert not windows_of(collection, "001").clip_id.any()
    import_collection(collection, field, format="recordings")
    assert windows_of(collection, "001").clip_id.all()


def test_what_there_is_to_choose(collection: Workspace) -> None:
    add_prediction(collection.root)
    assert [(one.name, one.title[:42]) for one in scored(collection)] == [
        ("001", "Prediction 001: 6 recordings by 001-demo, ")
    ]


@pytest.mark.parametrize("name", ["7", "nobody", "", "../../etc", "001-none"])
def test_what_is_not_there_is_said(collection: Workspace, name: str) -> None:
    with pytest.raises(EarmarkError):
        windows_of(collection, name)


def test_one_that_is_not_done_is_refused(collection: Workspace) -> None:
    runs.enqueue_job(collection, runs.PREDICTION, "predict-004", {"run": "x"})
    with pytest.raises(DataError, match="prediction 004 is queued; it has windows when it is done"):
        windows_of(collection, "004")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("row_id,filename,start_s,end_s,amecro\na,b,0,3,loud\n", "cannot be read"),
        ("row_id,filename,from,to,amecro\na,b,0,3,0.5\n", "cannot be read"),
        ("row_id,filename,start_s,end_s,another\na,b,0,3,0.5\n", "has other classes"),
    ],
)
def test_a_damaged_table_is_said(collection: Workspace, text: str, words: str) -> None:
    add_prediction(collection.root)
    out = jobs.folder_of(collection, "001") / jobs.TABLES
    (out / "pond" / "20240613_060000.segments.csv").write_text(text)
    with pytest.raises(FormatError, match=words):
        windows_in(out)


def test_a_folder_that_is_none(collection: Workspace, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=tables.SUMMARY_FILE):
        windows_of_folder(collection, tmp_path)
