"""Detections from a score on, as a CSV and as selection tables that Raven's reader takes."""

import csv
import io
import zipfile

import numpy as np

from labeling.activity.detections import BAND_HZ, detections, raven_zip, table_bytes
from labeling.activity.placing import Clock, placed
from tests.support.workspaces.field import windows_of_names

SCORES = np.array([0.1, 0.8, 0.9, 0.2, 0.3, 0.85], np.float32)
WINDOWS = windows_of_names(["pond/20240612_235957.WAV", "=x/XC1.wav"], 9.0, 3.0, SCORES)


def test_the_table_says_where_when_and_how_sure() -> None:
    places = detections(SCORES, 0.8)
    assert places.tolist() == [1, 2, 5]
    data = table_bytes(WINDOWS, places, "frog", placed(WINDOWS.recordings), Clock())
    assert list(csv.reader(io.StringIO(data.decode()))) == [
        ["recording", "site", "time", "start_s", "end_s", "class", "score"],
        ["pond/20240612_235957.WAV", "pond", "2024-06-13 00:00:00", "3.0", "6.0", "frog", "0.8"],
        ["pond/20240612_235957.WAV", "pond", "2024-06-13 00:00:03", "6.0", "9.0", "frog", "0.9"],
        ["'=x/XC1.wav", "'=x", "", "6.0", "9.0", "frog", "0.85"],
    ]
    assert detections(SCORES, 0.8, WINDOWS.recording == 1).tolist() == [5]


def test_a_selection_table_for_each_recording() -> None:
    with zipfile.ZipFile(io.BytesIO(raven_zip(WINDOWS, detections(SCORES, 0.8), "frog"))) as archive:
        assert archive.namelist() == ["pond/20240612_235957.WAV.selections.txt", "=x/XC1.wav.selections.txt"]
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [(row["Begin Time (s)"], row["Annotation"], row["Score"]) for row in rows] == [
        ("3.000000", "frog", "0.8000"), ("6.000000", "frog", "0.9000"),
    ]  # fmt: skip
    assert {row["Begin File"] for row in rows} == {"20240612_235957.WAV"}
    assert float(rows[0]["High Freq (Hz)"]) == BAND_HZ[1]
