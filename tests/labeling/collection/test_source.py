"""labeling/collection/source.py"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from labeling.collection.source import preview
from labeling.example import example_collection
from tests.support.formats.parquet_sound import parquet_with_sound


def test_a_few_clips_are_looked_at_and_a_link_that_leads_out_is_not(tmp_path: Path) -> None:
    shutil.copytree(example_collection(), tmp_path / "t")
    shutil.copy(tmp_path / "t" / "amecro" / "1.wav", tmp_path / "secret.wav")
    (tmp_path / "t" / "amecro" / "1.wav").unlink()
    os.symlink(tmp_path / "secret.wav", tmp_path / "t" / "amecro" / "1.wav")
    seen = preview(tmp_path / "t", most=3)
    assert [looked.clip.filename for looked in seen.clips] == ["amecro/1.wav", "balori/2.wav", "cangoo/4.wav"]
    assert [looked.status for looked in seen.clips] == ["unreadable", "ok", "ok"]
    assert "out of the collection" in seen.clips[0].reason
    assert seen.found == 2


@pytest.mark.parametrize("rows", ["", "a.wav,owl\n"])
def test_few_rows_or_none(rows: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("filename,label\n" + rows)
    seen = preview(tmp_path / "t.csv")
    assert len(seen.clips) == rows.count("\n")
    assert seen.found == 0


@pytest.mark.parametrize("below", [None, "here"])
def test_sound_in_a_table_is_heard_and_nothing_is_written(below: str | None, tmp_path: Path) -> None:
    path = parquet_with_sound(tmp_path / "train.parquet")
    seen = preview(path, most=2, below=below and [str(tmp_path)])
    assert [(looked.clip.filename, looked.status) for looked in seen.clips] == [("a.wav", "ok"), ("000003_a.wav", "ok")]
    assert [round(float(looked.samples.max()), 2) for looked in seen.clips] == [0.1, 0.4]
    assert len(seen.table.clips) == 4
    assert seen.unpacked_to == str(tmp_path / "earmark_sound")
    assert [file.name for file in tmp_path.iterdir()] == ["train.parquet"]
