"""labeling/collection/formats/huggingface/audiofolder.py"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given

from labeling.collection.annotation.base import LabelledClip, LabelledEvent, Labelling
from labeling.collection.formats import formats
from labeling.journal.exporting import write_anew
from labeling.records import Region
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings, with_sounds

FORMAT = formats.get("huggingface")


@examples(25)
@given(labellings())
def test_any_labels_come_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = assert_comes_back(labelling, "huggingface", Path(folder) / "out")
        assert table.audio_root == str(Path(folder) / "out")


def test_the_sound_lies_where_each_line_says(tmp_path: Path) -> None:
    region = Region(0.5, 1.0)
    clips = (
        LabelledClip("a.wav", "a.wav", 4.0, 8000, 1, labels=("owl",), events=(LabelledEvent("owl", region, ("ann",)),)),
        LabelledClip("b.wav", "b.wav", 4.0, 8000, 1, metadata={"site": "north", "label": "x"}, partial=True),
    )
    made = with_sounds(Labelling("birds", 1, "2026-01-01T00:00:00", clips, {"owl": "Owl"}), tmp_path / "sound")
    written = write_anew(made, "huggingface", tmp_path / "out", {})
    assert written.notes[-1] == "huggingface: the columns label have a _ behind their name."
    table = FORMAT.read(written.files[0], None, {})
    lines = [json.loads(line) for line in (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()]
    assert len({tuple(line) for line in lines}) == 1  # the same columns in each
    for line, clip in zip(lines, made.clips, strict=True):
        assert (tmp_path / "out" / line["file_name"]).samefile(clip.path)
    assert all(Path(clip.path).is_file() for clip in table.clips)
    assert "- data/**" in (tmp_path / "out" / "README.md").read_text()


def test_sound_without_a_suffix_or_with_a_name_in_another_case_is_where_its_line_says(tmp_path: Path) -> None:
    (tmp_path / "in" / "x").mkdir(parents=True)
    for name in ("64760.wav", "a.wav", "x/A.wav"):
        (tmp_path / "in" / name).write_bytes(name.encode())
    clips = tuple(
        LabelledClip(name, str(tmp_path / "in" / path), 4.0, 8000, 1)
        for name, path in (("64760", "64760.wav"), ("a.wav", "a.wav"), ("A.wav", "x/A.wav"))
    )
    write_anew(Labelling("birds", 1, "2026-01-01T00:00:00", clips, {}), "huggingface", tmp_path / "out", {})
    lines = [json.loads(line) for line in (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == ["data/64760.wav", "data/a.wav", "data/A (2).wav"]
    for line, clip in zip(lines, clips, strict=True):
        assert (tmp_path / "out" / line["file_name"]).samefile(clip.path)
