"""labeling/collection/formats/huggingface/packing.py; datasets' own reader is asked by benchmarks/format_readers."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from hypothesis import given

from labeling.collection.annotation.base import LabelledClip, Labelling
from labeling.collection.formats import detect_format, formats
from labeling.collection.formats.huggingface import packing
from labeling.journal.exporting import write_anew
from tests.support.examples import examples
from tests.support.formats.labelling import assert_same, labellings, with_sounds
from tests.support.formats.small_labelling import SMALL

FORMAT = formats.get("huggingface")


@examples(20)
@given(labellings())
def test_any_labels_come_back_with_their_sound(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = with_sounds(labelling, folder / "sound")
        written = write_anew(made, "huggingface_parquet", folder / "out", {})
        assert written.not_held == ()
        assert detect_format(folder / "out") == "huggingface"
        table = FORMAT.read(folder / "out", None, {})
        assert_same(made, table.clips, FORMAT)
        for clip, read in zip(made.clips, table.clips, strict=True):
            assert Path(read.path).read_bytes() == Path(clip.path).read_bytes()


def test_sound_is_written_a_block_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tuple(LabelledClip(f"{number}.wav", "", 1.0, 8000, 1, labels=("owl",)) for number in range(7))
    made = with_sounds(Labelling("birds", 1, "", clips, {"owl": "Owl", "jay": "Jay"}), tmp_path / "sound")
    size = Path(made.clips[0].path).stat().st_size
    monkeypatch.setattr(packing, "FILE_BYTES", 4 * size)
    monkeypatch.setattr(packing, "BLOCK_BYTES", 2 * size)
    written = write_anew(made, "huggingface_parquet", tmp_path / "out", {})
    assert [str(file.relative_to(tmp_path / "out")) for file in written.files] == [
        "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "README.md"
    ]  # fmt: skip
    files = [parquet.ParquetFile(file) for file in written.files[:2]]
    groups = [[file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] for file in files]
    assert groups == [[2, 2], [2, 1]]
    features = json.loads(files[0].schema_arrow.metadata[b"huggingface"])["info"]["features"]
    assert features["labels"] == {"feature": {"names": ["owl", "jay"], "_type": "ClassLabel"}, "_type": "Sequence"}
    assert features["audio"] == {"_type": "Audio"}
    assert files[0].read().column("labels").to_pylist() == [[0]] * 4
    assert len(FORMAT.read(tmp_path / "out", None, {}).clips) == 7


def test_sound_that_is_not_there_is_told(tmp_path: Path) -> None:
    bad = replace(SMALL.clips[0], filename="b\udcff.wav", metadata={"audio": "x\udcff"})  # a name that is no UTF-8
    written = write_anew(replace(SMALL, clips=(bad, *SMALL.clips[1:])), "huggingface_parquet", tmp_path, {})
    assert [(held.filename, held.now) for held in written.not_held] == [
        (name, "sound") for name in ("b\udcff.wav", "site.1/a_b.flac", "c.wav")
    ]
    rows = parquet.read_table(written.files[0]).to_pylist()
    assert [row["audio"]["bytes"] for row in rows] == [None] * 3
    assert (rows[0]["audio"]["path"], rows[0]["audio_"]) == ("b\\udcff.wav", "x\\udcff")
    assert written.notes[-1] == "huggingface_parquet: the columns audio have a _ behind their name."
    empty = write_anew(replace(SMALL, clips=(), classes={}), "huggingface_parquet", tmp_path / "empty", {})
    assert parquet.read_table(empty.files[0]).num_rows == 0
