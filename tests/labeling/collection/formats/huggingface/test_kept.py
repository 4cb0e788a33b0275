"""labeling/collection/formats/huggingface/kept.py: what is absent and unsure stays in the data set, where it can."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.collection.annotation.base import Correction, LabelledClip, LabelledEvent, Labelling
from labeling.collection.formats import find_table, formats
from labeling.collection.importing import import_collection
from labeling.journal import append
from labeling.journal.exporting import export_labels, write_anew
from labeling.records import Decision, Region
from labeling.workspace import Workspace
from tests.support.formats.labelling import with_sounds
from tests.support.formats.parquet_sound import parquet_with_sound

FORMAT = formats.get("huggingface")
OWL = LabelledEvent("owl", Region(0.5, 1.0))
CLIPS = (
    LabelledClip("a.wav", "", 4.0, 8000, 1, labels=("owl", "jay"), events=(OWL,), partial=True, absent=("tit",)),
    LabelledClip("b.wav", "", 4.0, 8000, 1, labels=("jay",), unsure=("tit",)),
)


@pytest.mark.parametrize("layout", ["huggingface", "huggingface_parquet"])
def test_absent_and_unsure_and_events_follow_in_place(layout: str, tmp_path: Path) -> None:
    classes = dict.fromkeys(("owl", "jay", "tit", "elk"), "")
    made = with_sounds(Labelling("birds", 1, "", CLIPS, classes), tmp_path / "sound")
    write_anew(made, layout, tmp_path / "in", {})
    table = FORMAT.read(find_table(tmp_path / "in", "huggingface"), None, {})
    first, second = (clip.filename for clip in table.clips)
    fixed = {
        # somebody heard a tit and no owl, could not tell of elk, and found no cat, which is no class there
        first: Correction(first, "", ("jay", "tit"), ("owl",), ("tit",), absent=("cat",), unsure=("elk",)),
        second: Correction(second, "", ("jay", "tit"), (), ("tit",), (("tit", Region(1.0, 2.0)),)),
    }
    assert FORMAT.write is not None
    written = FORMAT.write(table.table_bytes, table.options, fixed, tmp_path / "out")
    again = FORMAT.read(find_table(tmp_path / "out", "huggingface"), None, {})
    a, b = again.clips
    assert (set(a.labels), a.partial, a.regions) == ({"jay", "tit"}, True, ())
    assert [(said.code, said.verdict) for said in a.verdicts] == [("elk", "unsure")]
    assert (set(b.labels), b.regions, b.verdicts) == ({"jay", "tit"}, (("tit", Region(1.0, 2.0)),), ())
    if layout == "huggingface":
        assert set(a.absent) == {"owl", "cat"}
        assert written.not_held == ()
    else:
        assert a.absent == ("owl",)
        assert [(held.class_code, held.now, held.why) for held in written.not_held] == [
            ("cat", "absent", "it is no class of the data set")
        ]


def test_a_data_set_of_others_has_no_place_for_them(tmp_path: Path) -> None:
    path = parquet_with_sound(tmp_path / "train.parquet")
    lines = tmp_path / "lines" / "metadata.jsonl"
    lines.parent.mkdir()
    lines.write_text('{"file_name": "a.wav", "labels": ["owl"]}\n')
    for place in (path, lines):
        table = FORMAT.read(place, None, {})
        clip = table.clips[0]
        name = clip.filename
        said = Correction(name, clip.primary, clip.labels, absent=("tit",), unsure=("jay",), relabelled=False)
        assert FORMAT.write is not None
        written = FORMAT.write(table.table_bytes, table.options, {name: said}, tmp_path / "out")
        assert written.files[0].read_bytes() == place.read_bytes()
        assert [(held.now, held.why.split(" column ")[0]) for held in written.not_held] == [
            ("absent", "the data set has no"), ("unsure", "the data set has no")
        ]  # fmt: skip


def test_what_came_in_as_unsure_is_not_any_more_once_somebody_heard_it(workspace: Workspace, tmp_path: Path) -> None:
    for number, clip in enumerate(CLIPS):
        soundfile.write(tmp_path / clip.filename, np.random.default_rng(number).normal(0, 0.1, 32_000), 8000)
    clips = tuple(replace(clip, path=str(tmp_path / clip.filename)) for clip in CLIPS)
    made = Labelling("birds", 1, "", clips, dict.fromkeys(("owl", "jay", "tit"), ""))
    write_anew(made, "huggingface", tmp_path / "in", {})
    import_collection(workspace, tmp_path / "in")
    same = export_labels(workspace, tmp_path / "same")
    assert same.files[0].read_bytes() == (tmp_path / "in" / "metadata.jsonl").read_bytes()
    append(workspace, [Decision("e1", "ann", 2, "tit", "absent")])
    written = export_labels(workspace, tmp_path / "out")
    assert written.not_in_table == ()
    line = json.loads(written.files[0].read_text().splitlines()[1])
    assert (line["unsure"], line["labels"], line["absent"]) == ([], ["jay"], [])
