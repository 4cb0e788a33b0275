"""labeling/collection/formats/huggingface/reading.py, with embedded.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.collection.formats import detect_format, find_table, formats
from labeling.errors import FormatError
from tests.support.formats.parquet_sound import ROWS, parquet_with_sound

FORMAT = formats.get("huggingface")


def test_sound_in_parquet_becomes_files_and_classes_have_their_names(tmp_path: Path) -> None:
    path = parquet_with_sound(tmp_path / "train-00000-of-00001.parquet")
    assert detect_format(tmp_path) == "huggingface"
    assert find_table(tmp_path, "huggingface") == path
    table = FORMAT.read(path, None, {})
    assert [clip.filename for clip in table.clips] == ["a.wav", "x/b.wav", "000002.wav", "000003_a.wav"]
    assert [clip.primary for clip in table.clips] == ["owl", "jay", "", "owl"]
    assert [clip.labels for clip in table.clips] == [("owl", "jay"), ("jay",), (), ("owl",)]
    for clip, (sound, _, _, _) in zip(table.clips, ROWS, strict=True):
        assert Path(clip.path).read_bytes() == sound
        assert Path(clip.path).is_relative_to(tmp_path / "earmark_sound")
        assert clip.metadata == {"site": "north"}
    assert [problem.reason for problem in table.problems] == [
        f"the sound of 4 rows lies in {tmp_path / 'earmark_sound'}"
    ]
    assert len(table.table_bytes) < path.stat().st_size  # the sound is not kept twice
    again = FORMAT.read(path, str(tmp_path / "other"), {})
    assert again.clips[0].path == str(tmp_path / "other" / "a.wav")


def test_several_files_are_one_data_set(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(2):
        parquet_with_sound(tmp_path / "data" / f"train-0000{number}-of-00002.parquet")
    assert detect_format(tmp_path) == "huggingface"
    table = FORMAT.read(tmp_path, None, {})
    names = [clip.filename for clip in table.clips]
    assert len(set(names)) == len(names) == 8
    assert all(Path(clip.path).is_file() for clip in table.clips)


def test_what_is_no_data_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no data set of Hugging Face"):
        FORMAT.read(tmp_path, None, {})
    path = parquet_with_sound(tmp_path / "a.parquet")
    (tmp_path / "file").touch()
    with pytest.raises(FormatError, match="--audio"):
        FORMAT.read(path, str(tmp_path / "file"), {})
    lines = tmp_path / "metadata.jsonl"
    lines.write_text('{"file_name": "a.wav", "labels": ["b"], "events": [{"class": 1}]}\n{"file_name": 3}\n\n[]\n')
    with pytest.raises(FormatError, match=r"metadata\.jsonl: line 4 is no JSON object"):
        FORMAT.read(lines, None, {})
    lines.write_text('{"file_name": "a.wav", "labels": ["b"], "events": [{"class": 1}]}\n')
    table = FORMAT.read(lines, None, {})
    assert (table.clips[0].labels, table.clips[0].metadata["events"]) == (("b",), '[{"class": 1}]')
    assert "events are none that Earmark wrote" in table.problems[0].reason
