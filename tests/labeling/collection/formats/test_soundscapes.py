"""BirdCLEF 2026's windows with times of day: found, read, corrected and made anew."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from labeling.collection.annotation.base import Correction, Labelling, Written
from labeling.collection.formats import detect_format, find_table, formats
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.formats.labelling import assert_comes_back, labellings

SCAPES = formats.get("soundscapes")
FIRST, SECOND = "BC2026_Train_0001_S08_20250606_030007.ogg", "BC2026_Train_0002_S19_20250606_040007.ogg"
TABLE = (
    "filename,start,end,primary_label\n"
    f"{FIRST},00:00:00,00:00:05,22961;23158\n{FIRST},00:00:05,00:00:10,22961\n"
    f"{FIRST},00:00:00,00:00:05,22961;23158\n{SECOND},00:01:00,00:01:05,\n"
)


def laid(root: Path) -> Path:
    (root / "train_soundscapes").mkdir()
    for name in (FIRST, SECOND):
        (root / "train_soundscapes" / name).touch()
    (root / "train_soundscapes_labels.csv").write_text(TABLE)
    (root / "taxonomy.csv").write_text("primary_label,common_name\n22961,Cuban Frog\n999,Other\n")
    return root


def counted(path: Path) -> dict[tuple[str, int], set[str]]:
    """The classes of each window as solutions of the competition read them: with pandas, without what comes twice."""
    frame = pd.read_csv(path).drop_duplicates()
    return {
        (row.filename, int(pd.Timedelta(row.start).total_seconds())): set(str(row.primary_label).split(";"))
        for row in frame.itertuples()
    }


def written_to(data: bytes, options: Mapping[str, Any], fixed: Mapping[str, Correction], out: Path) -> Written:
    assert SCAPES.write is not None
    return SCAPES.write(data, options, fixed, out)


def test_windows_of_a_clock(tmp_path: Path) -> None:
    table = SCAPES.read(find_table(laid(tmp_path), detect_format(tmp_path)), None, {})
    first, second = table.clips
    assert table.format == "soundscapes"
    assert first.path == str(tmp_path / "train_soundscapes" / FIRST)
    assert (first.labels, first.partial, first.group) == (("22961", "23158"), False, "S08")
    assert first.regions == (("22961", Region(0, 5)), ("23158", Region(0, 5)), ("22961", Region(5, 10)))
    assert (second.labels, second.partial, second.group) == ((), True, "S19")  # nobody listened
    assert table.class_names == {"22961": "Cuban Frog", "23158": ""}
    same = written_to(table.table_bytes, table.options, {}, tmp_path / "same")
    assert same.files[0].read_text() == TABLE


def test_both_rows_of_a_window_are_corrected(tmp_path: Path) -> None:
    table = SCAPES.read(find_table(laid(tmp_path), "soundscapes"), None, {})
    fixed = Correction(FIRST, "", ("23158", "555"), ("22961",), ("555",), (("555", Region(6, 7)),))
    bad = Correction(SECOND, "", ("a;b", "owl"), (), ("a;b", "owl"))
    written = written_to(table.table_bytes, table.options, {FIRST: fixed, SECOND: bad}, tmp_path / "out")
    assert written.files[0].read_text() == (
        TABLE.replace("22961;23158", "23158").replace("10,22961", "10,555").replace("01:05,", "01:05,owl")
    )
    assert counted(written.files[0]) == {(FIRST, 0): {"23158"}, (FIRST, 5): {"555"}, (SECOND, 60): {"owl"}}
    assert [(held.class_code, held.why) for held in written.not_held] == [
        ("a;b", "codes are parted by ';', so 'a;b' is none")
    ]
    gone = written_to(table.table_bytes, table.options, {FIRST: Correction(FIRST, "", ())}, tmp_path / "none")
    assert gone.files[0].read_text() == TABLE.replace("22961;23158", "nocall").replace("22961", "nocall")


def test_it_is_known_by_what_its_times_look_like(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for start, wanted in (("00:00:05", "soundscapes"), ("5.0", "table")):
        path.write_text(f"filename,start,end,primary_label\na.ogg,{start},00:00:10,owl\n")
        assert detect_format(path) == wanted
    path.write_text("filename,start,end,primary_label\na.ogg,00:00:09,00:00:05,owl\n,00:00:00,00:00:05,owl\n")
    assert [problem.reason for problem in SCAPES.read(path, None, {}).problems] == [
        "'00:00:09' to '00:00:05' are no times HH:MM:SS, one after the other; skipped",
        "no file name; skipped",
    ]
    path.write_text("filename,start,label\na.ogg,00:00:09,owl\n")
    with pytest.raises(FormatError, match="no column end, primary_label; it has filename, start, label"):
        SCAPES.read(path, None, {})


@settings(max_examples=15, deadline=None)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "soundscapes", Path(folder))
