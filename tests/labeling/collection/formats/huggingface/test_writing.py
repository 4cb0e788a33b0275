"""labeling/collection/formats/huggingface/writing.py"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as parquet

from labeling.collection.annotation.base import Correction, Written
from labeling.collection.formats import formats
from labeling.records import Region
from tests.support.formats.parquet_sound import parquet_with_sound

FORMAT = formats.get("huggingface")


def written(path: Path, out: Path, *corrections: Correction) -> Written:
    table = FORMAT.read(path, None, {})
    assert FORMAT.write is not None
    return FORMAT.write(table.table_bytes, table.options, {own.filename: own for own in corrections}, out)


def test_parquet_gets_its_sound_again_and_other_files_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    first, second = (parquet_with_sound(tmp_path / "data" / f"{number}.parquet") for number in range(2))
    say = Correction("x/b.wav", "owl", ("owl",), removed=("jay",), added=("owl",), swapped=(("jay", "owl"),))
    new = Correction("000002.wav", "", ("tit",), added=("tit",))
    done = written(tmp_path, tmp_path / "out", say, new)
    assert [file.name for file in done.files] == ["0.parquet", "1.parquet"]
    assert done.files[1].read_bytes() == second.read_bytes()
    before, after = parquet.read_table(first), parquet.read_table(done.files[0])
    assert after.schema.equals(before.schema, check_metadata=True)
    changed = [(was, now) for was, now in zip(before.to_pylist(), after.to_pylist(), strict=True) if was != now]
    ((was, now),) = changed
    assert (now["label"], now["birds"]) == (0, [0])
    assert {**was, "label": 0, "birds": [0]} == now
    assert [(held.class_code, held.now) for held in done.not_held] == [("tit", "secondary")]  # no class of the file
    first.unlink()
    alone = written_without(tmp_path, say)
    assert "without sound" in alone.notes[0]


def written_without(tmp_path: Path, say: Correction) -> Written:
    table = FORMAT.read(tmp_path, None, {})
    assert FORMAT.write is not None
    options = {**table.options, "shards": [str(tmp_path / "gone.parquet")]}
    return FORMAT.write(table.table_bytes, options, {say.filename: say}, tmp_path / "alone")


def test_lines_keep_their_bytes_and_events_follow_labels(tmp_path: Path) -> None:
    lines = [
        {"file_name": "a.wav", "label": "owl", "labels": ["owl", "jay"],
         "events": [{"class": "owl", "onset_s": 0.5, "offset_s": 1.0}, {"class": "jay", "onset_s": 1, "offset_s": 2}]},
        {"file_name": "b.wav", "label": "jay", "labels": ["jay"], "events": []},
    ]  # fmt: skip
    path = tmp_path / "metadata.jsonl"
    path.write_bytes("\r\n".join(map(json.dumps, lines)).encode())
    region = Region(2.0, 3.0, 100.0, 200.0)
    say = Correction("a.wav", "tit", ("tit", "elk"), removed=("owl", "jay"), added=("tit", "elk"),
                     swapped=(("owl", "tit"),), regions=(("elk", region),))  # fmt: skip
    same = written(path, tmp_path / "same")
    assert same.files[0].read_bytes() == path.read_bytes()
    done = written(path, tmp_path / "out", say)
    content = done.files[0].read_bytes()
    assert content.split(b"\r\n")[1] == path.read_bytes().split(b"\r\n")[1]
    clip = FORMAT.read(done.files[0], None, {}).clips[0]
    assert (clip.primary, set(clip.labels)) == ("tit", {"tit", "elk"})
    assert clip.regions == (("tit", Region(0.5, 1.0)), ("elk", region))
