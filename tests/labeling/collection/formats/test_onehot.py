"""One column a class: zeros, ones, and cells that were not annotated."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given

from labeling.collection.annotation.base import Correction, LabelledClip, Labelling, TableLabels
from labeling.collection.formats import detect_format
from labeling.collection.formats import onehot as one_hot
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

WINDOWS = (
    "file,start_time,end_time,zeep,owl,new\r\n"
    "x/a.wav, 0.0, 3.0, 1,,\r\n"
    "x/a.wav, 3.0, 6.0, 0,0,\r\n"
    "x/b.wav, 0.0, 3.0, 0,0,0\r\n"
    "x/c.wav, 0.0, 3.0,,NaN,\r\n"
)


def test_windows_with_cells_that_nobody_annotated(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(WINDOWS.encode())
    assert detect_format(tmp_path) == "onehot"
    table = one_hot.read(path, None, {})
    first, second, third = table.clips
    assert (first.labels, first.partial, first.absent) == (("zeep",), True, ())
    assert first.regions == (("zeep", Region(0, 3)),)
    assert (second.labels, second.partial, second.absent) == ((), False, ())  # listened, nothing there
    assert (third.labels, third.partial, third.absent) == ((), True, ())  # not listened to
    assert one_hot.labels(table.table_bytes, table.options)["x/a.wav"] == TableLabels("", ("zeep",))
    assert (
        one_hot.write(table.table_bytes, table.options, {}, tmp_path / "o").files[0].read_bytes() == path.read_bytes()
    )


def test_corrections_touch_their_own_cells(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(WINDOWS.encode())
    table = one_hot.read(path, None, {})
    corrections = {
        "x/a.wav": Correction(
            "x/a.wav", "", ("owl", "new"), ("zeep",), ("owl", "new"), regions=(("owl", Region(4, 5)),)
        ),
        "x/b.wav": Correction("x/b.wav", "", ("new", "fox"), (), ("new", "fox")),
        "gone.wav": Correction("gone.wav", "", ("owl",)),
    }
    written = one_hot.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    after = WINDOWS.replace("3.0, 1,,", "3.0, 0,,").replace("6.0, 0,0,", "6.0, 0,1,").replace("0,0,0\r", "0,0,1\r")
    assert written.files[0].read_bytes().decode() == after
    assert [(held.filename, held.class_code, held.why) for held in written.not_held] == [
        ("x/a.wav", "new", "the table does not say it of the whole file, and where it is heard was not drawn"),
        ("x/b.wav", "fox", "the table has no column for it"),
    ]
    with pytest.raises(FormatError, match="never changed"):
        one_hot.write(table.table_bytes, table.options, corrections, tmp_path)
    # who reads it counts on its types
    assert pd.read_csv(path).dtypes.to_dict() == pd.read_csv(written.files[0]).dtypes.to_dict()


def test_what_was_found_absent_goes_into_cells_that_said_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(WINDOWS.encode())
    table = one_hot.read(path, None, {})
    corrections = {
        "x/a.wav": Correction("x/a.wav", "", ("zeep",), absent=("owl", "fox"), relabelled=False),
        "x/c.wav": Correction("x/c.wav", "", ("zeep",), added=("zeep",), absent=("owl",)),
    }
    written = one_hot.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    after = (
        WINDOWS.replace("3.0, 1,,", "3.0, 1,0,")
        .replace(",NaN,", ",0,")
        .replace("c.wav, 0.0, 3.0,,", "c.wav, 0.0, 3.0,1,")
    )
    assert written.files[0].read_bytes() == after.encode()
    assert [(held.class_code, held.now) for held in written.not_held] == [("fox", "absent")]
    # a label that was taken away is not there in any window, whether it was said of that one or not
    gone = {"x/a.wav": Correction("x/a.wav", "", (), ("zeep",))}
    path.write_bytes(WINDOWS.replace("6.0, 0,0,", "6.0,,0,").encode())
    table = one_hot.read(path, None, {})
    written = one_hot.write(table.table_bytes, table.options, gone, tmp_path / "out")
    assert written.files[0].read_text().splitlines()[1:3] == ["x/a.wav, 0.0, 3.0, 0,,", "x/a.wav, 3.0, 6.0,0,0,"]


def test_what_nobody_could_tell_is_an_empty_cell(tmp_path: Path) -> None:
    clip = LabelledClip("a.wav", "", 4.0, 8000, 1, labels=("owl",), unsure=("jay",))
    one_hot.export(Labelling("x", 1, "", (clip,), dict.fromkeys(("owl", "jay", "tit"), "")), tmp_path, {})
    assert (tmp_path / "labels.csv").read_text() == "file,owl,jay,tit\na.wav,1,,0\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("file,0,1,2\na,1,0,0\nd,0,1,0\n", {"a": ("0",), "d": ("1",)}),
        ("filename,dog,cat,fold\na.wav,True,False,1\nb.wav,False,True,0\n", {"a.wav": ("dog",), "b.wav": ("cat",)}),
        ("filename,dog,cat,minutes\na.wav,1.0,0.0,3.5\n", {"a.wav": ("dog",)}),
    ],
)
def test_classes_are_columns_of_flags(tmp_path: Path, text: str, wanted: dict[str, tuple[str, ...]]) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert detect_format(path) == "onehot"
    table = one_hot.read(path, None, {})
    assert {clip.filename: clip.labels for clip in table.clips} == wanted
    swap = {name: Correction(name, "", ("cat",), codes, ("cat",)) for name, codes in wanted.items()}
    after = one_hot.write(table.table_bytes, table.options, swap, tmp_path / "out").files[0]
    if "cat" in table.class_names:
        assert one_hot.labels(after.read_bytes(), table.options)["a.wav"].labels == ("cat",)


@pytest.mark.parametrize(
    "text",
    [
        "file,start_time,end_time,spinet1,babwar\na.wav,0,3,2.1,-3.2\n",  # scores of a model
        "file,start_time,end_time,a\nx.wav,0,3,0\n",  # nothing is there, so it may be anything
        "file,seconds,count\nx.wav,0.5,7\n",
        "Destination,NumericLabels\nx.wav,0\n",
        "file,label,a\nx.wav,dog,1\n",
        "file,a,b\n",
    ],
)
def test_other_tables_are_not_taken(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert one_hot.find(path) is None


def test_bad_input_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("file,start,end,a,b\na.wav,0,x,1,0.4\n,0,1,1,1\n../../z.wav,0,1,1,0\n")
    table = one_hot.read(path, None, {"class_columns": "a,b"})
    assert [clip.filename for clip in table.clips] == ["a.wav"]
    assert (table.clips[0].labels, table.clips[0].partial, table.clips[0].regions) == (("a",), True, ())
    reasons = [problem.reason for problem in table.problems]
    assert reasons[:3] == [
        "'x' is no number of seconds or Hz; its labels are kept without a time",
        "no file name; skipped",
        "b is '0.4', not 0 or 1; taken as not annotated",
    ]
    assert "points outside" in reasons[3]
    for options, why in (
        ({"class_columns": "q"}, r"no column 'q' \(class_columns\)"),
        ({"path_column": "q"}, "no column q"),
        ({"onset_column": "q"}, "name both"),
    ):
        with pytest.raises(FormatError, match=why):
            one_hot.read(path, None, options)
    path.write_text("file,x\na.wav,hm\n")
    with pytest.raises(FormatError, match="no column of zeros and ones"):
        one_hot.read(path, None, {})
    (tmp_path / "p").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "p" / name).write_text("file,x\na.wav,1\n")
    with pytest.raises(FormatError, match="holds 2 tables that could be the one"):
        detect_format(tmp_path / "p")


def test_a_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a.wav", "b.wav"], "dog": [True, False], "cat": [0, 1], "owl": [1.0, None]})
    frame.to_parquet(tmp_path / "x.parquet")
    assert detect_format(tmp_path) == "onehot"
    table = one_hot.read(tmp_path / "x.parquet", None, {})
    assert [clip.labels for clip in table.clips] == [("dog", "owl"), ("cat",)]
    fixed = {"b.wav": Correction("b.wav", "", ("dog", "owl"), ("cat",), ("dog", "owl"))}
    after = pd.read_parquet(one_hot.write(table.table_bytes, table.options, fixed, tmp_path / "o").files[0])
    assert after.dtypes.to_dict() == frame.dtypes.to_dict()
    assert after.iloc[1].tolist() == ["b.wav", True, 0, 1.0]


@examples(25)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    options = {"class_columns": list(labelling.classes), "path_column": "file"}
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "onehot", Path(folder), options=options)
