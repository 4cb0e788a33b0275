"""Recordings without labels: every file is a clip that nobody listened to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from labeling.collection.formats import detect_format
from labeling.collection.formats.folders import recordings
from labeling.errors import FormatError


def test_recordings_without_labels(tmp_path: Path) -> None:
    for name in ("site1/20240501_0500.wav", "site2/day/20240501_0500.WAV", "x.flac", "notes.txt", ".hidden.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert detect_format(tmp_path) == "recordings"
    table = recordings.read(tmp_path, None, {})
    assert {clip.filename: clip.group for clip in table.clips} == {
        "x.flac": "",
        "site1/20240501_0500.wav": "site1",
        "site2/day/20240501_0500.WAV": "site2",
    }
    assert all(clip.partial and not clip.labels and not clip.absent for clip in table.clips)
    assert set(recordings.labels(table.table_bytes, table.options)) == {clip.filename for clip in table.clips}
    with pytest.raises(FormatError, match="is no folder"):
        recordings.read(tmp_path / "x.flac", None, {})
    (tmp_path / "none").mkdir()
    with pytest.raises(FormatError, match="holds no sound file"):
        recordings.read(tmp_path / "none", None, {})
    with pytest.raises(FormatError, match="cannot be read; import the folder again"):
        recordings.labels(b"{", {})


def test_a_large_tree_is_found_without_reading_it(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"c{folder}").mkdir()
        for number in range(100):
            (tmp_path / f"c{folder}" / f"{number}.wav").touch()
    began = time.process_time()
    assert detect_format(tmp_path) == "folders"
    assert time.process_time() - began < 1
