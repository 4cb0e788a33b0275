"""Kaggle's windows by row_id: found, read, corrected and made anew."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from labeling.collection.annotation.base import Correction, Labelling, Written
from labeling.collection.formats import detect_format, find_table, formats
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

ROWS = formats.get("row_id")
BIRDS = (
    "row_id,site,audio_id,seconds,birds\n"
    "7019_COR_5,COR,7019,5,nocall\n7019_COR_10,COR,7019,10,rucwar grycat\n7019_COR_15,COR,7019,15,rucwar\n"
    "7954_COR_5,COR,7954,5,nocall\n8_SSW_5,SSW,8,5,\n"
)


def written_to(data: bytes, options: Mapping[str, Any], fixed: Mapping[str, Correction], out: Path) -> Written:
    assert ROWS.write is not None
    return ROWS.write(data, options, fixed, out)


def test_windows_of_birds(tmp_path: Path) -> None:
    (tmp_path / "train_soundscapes").mkdir()
    for name in ("7019_COR_20190904.ogg", "7954_COR_20190923.ogg", "8_SSW_1.ogg", "8_SSW_2.ogg"):
        (tmp_path / "train_soundscapes" / name).write_bytes(b"x")
    (tmp_path / "train_soundscape_labels.csv").write_text(BIRDS)
    (tmp_path / "sample_submission.csv").write_text("row_id,birds\n1_COR_5,nocall\n")
    assert detect_format(tmp_path) == "row_id"
    table = ROWS.read(find_table(tmp_path, "row_id"), None, {})
    first, second, third = table.clips
    assert first.path == str(tmp_path / "train_soundscapes" / "7019_COR_20190904.ogg")
    assert (first.labels, first.partial, first.group) == (("rucwar", "grycat"), False, "COR")
    assert table.by_part == 2
    assert "found by a part of its name as 7019_COR_20190904.ogg" in table.problems[-1].reason
    assert first.regions == (
        ("rucwar", Region(5, 10)),
        ("grycat", Region(5, 10)),
        ("rucwar", Region(10, 15)),
    )
    assert (second.labels, second.partial) == ((), False)  # nocall: listened, nothing there
    assert (third.labels, third.partial, third.absent) == ((), True, ())
    fixed = {
        "7019_COR": Correction(
            "7019_COR", "", ("grycat", "sonspa"), ("rucwar",), ("sonspa",), regions=(("sonspa", Region(1, 2)),)
        ),
        "7954_COR": Correction("7954_COR", "", ("sonspa", "two words"), (), ("sonspa", "two words")),
    }
    assert written_to(table.table_bytes, table.options, {}, tmp_path / "o").files[0].read_bytes() == BIRDS.encode()
    written = written_to(table.table_bytes, table.options, fixed, tmp_path / "out")
    after = BIRDS.replace("R,7019,5,nocall", "R,7019,5,sonspa").replace("rucwar grycat", "grycat")
    after = after.replace("15,rucwar", "15,nocall").replace("7954,5,nocall", "7954,5,sonspa")
    assert written.files[0].read_text() == after
    # of a window that nobody listened to it stays unknown what else is there
    gone = {"7019_COR": Correction("7019_COR", "", ("grycat",), ("rucwar",))}
    half = BIRDS.replace("7019,5,nocall", "7019,5,").encode()
    told = written_to(half, table.options, gone, tmp_path / "half")
    assert told.files[0].read_text().splitlines()[1:4] == [
        "7019_COR_5,COR,7019,5,", "7019_COR_10,COR,7019,10,grycat", "7019_COR_15,COR,7019,15,nocall"
    ]  # fmt: skip
    empty = "an empty cell was not annotated, and can say of no one class that it is absent"
    assert [(held.class_code, held.now, held.why) for held in told.not_held] == [("rucwar", "absent", empty)]
    unheard = {"8_SSW": Correction("8_SSW", "", (), absent=("grycat",), relabelled=False)}
    told = written_to(table.table_bytes, table.options, unheard, tmp_path / "unheard")
    assert [(held.class_code, held.now, held.why) for held in told.not_held] == [("grycat", "absent", empty)]
    assert told.files[0].read_bytes() == BIRDS.encode()
    assert [(held.class_code, held.why) for held in written.not_held] == [
        ("two words", "codes are parted by blanks, so 'two words' is none")
    ]


def test_columns_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("row_id,a,b\nx_y_5,1,0\nx_y_10,,0\nbad,1,1\n")
    assert detect_format(path) == "row_id"
    table = ROWS.read(path, None, {})
    assert (table.clips[0].labels, table.clips[0].absent, table.clips[0].partial) == (("a",), (), False)
    assert [problem.reason for problem in table.problems] == ["row_id is no name with a second at its end; skipped"]
    found = {"x_y": Correction("x_y", "", ("a",), absent=("b",)), "z": Correction("z", "", (), absent=("a",))}
    data = b"row_id,a,b\nx_y_5,1,\nx_y_10,,NaN\nz_5,,0\n"
    told = written_to(data, table.options, found, tmp_path / "out")
    assert told.files[0].read_text() == "row_id,a,b\nx_y_5,1,0\nx_y_10,,0\nz_5,0,0\n"
    assert told.not_held == ()
    path.write_text("row_id,a,b\nx_y_5,0.31,0.2\n")  # what a model predicts
    with pytest.raises(FormatError, match="no format fits"):
        detect_format(path)
    with pytest.raises(FormatError, match="no column of zeros and ones"):
        ROWS.read(path, None, {})
    path.write_text("a,b\nx_y_5,0.31\n")
    with pytest.raises(FormatError, match="no column row_id; it has a, b"):
        ROWS.read(path, None, {})


@examples(15)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "row_id", Path(folder))
