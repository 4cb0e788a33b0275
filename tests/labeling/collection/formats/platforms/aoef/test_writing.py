"""labeling/collection/formats/platforms/aoef/writing.py; soundevent's own reader is the judge."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import pytest

from labeling.collection.annotation.base import Correction, NotHeld
from labeling.collection.formats.platforms.aoef import FORMAT
from labeling.records import Region
from tests.support.formats.aoef import PROJECT, stored

SAY = (
    Correction("x/a.wav", "", ("rain", "Strix"), removed=("Tyto alba",), added=("Strix",),
               regions=(("Strix", Region(0.5, 1.0)),)),
    Correction("x/b.wav", "", ("rain",), added=("rain",)),
    Correction("bat.wav", "", ("Eptesicus", "Nyctalus"), removed=("Myotis",), added=("Eptesicus", "Nyctalus"),
               regions=(("Nyctalus", Region(11.0, 12.0, 3000.0, 5000.0)),), swapped=(("Myotis", "Eptesicus"),)),
)  # fmt: skip


def test_corrections_are_written_and_all_else_keeps_its_bytes(tmp_path: Path) -> None:
    from soundevent import io

    path = stored(tmp_path, PROJECT)
    table = FORMAT.read(path, None, {})
    assert FORMAT.write is not None
    same = FORMAT.write(table.table_bytes, table.options, {}, tmp_path / "same")
    assert same.files[0].read_bytes() == path.read_bytes()
    written = FORMAT.write(table.table_bytes, table.options, {own.filename: own for own in SAY}, tmp_path / "out")
    assert written.not_held == ()
    again = {clip.filename: clip for clip in FORMAT.read(written.files[0], None, {}).clips}
    assert again["x/a.wav"].labels == ("rain", "Strix")
    assert again["x/a.wav"].regions == (("Strix", Region(0.5, 1.0)),)
    assert again["x/b.wav"].labels == ("rain",)
    assert again["bat.wav"].labels == ("Eptesicus", "Nyctalus")
    assert again["bat.wav"].regions == (
        ("Eptesicus", Region(10.0, 20.0, 4000.0, 6000.0)),
        ("Nyctalus", Region(11.0, 12.0, 3000.0, 5000.0)),
    )
    assert (again["c.wav"].labels, again["c.wav"].partial) == ((), True)
    before, after = path.read_text().splitlines(), written.files[0].read_text().splitlines()
    gone = [line for line in difflib.ndiff(before, after) if line.startswith("- ")]
    assert len(gone) < 30  # of the sound event that is no more, and of lists that grew
    loaded = io.load(written.files[0], audio_dir=tmp_path)
    said = {own.clip.recording.path.name: own for own in loaded.clip_annotations}
    (event,) = said["a.wav"].sound_events
    assert ([tag.value for tag in event.tags], event.sound_event.geometry.coordinates) == (["Strix"], [0.5, 1.0])
    assert len(loaded.tasks) == 5


@pytest.mark.parametrize("kind", ["annotation_set", "dataset"])
def test_other_kinds_are_corrected_and_tell_what_they_do_not_hold(tmp_path: Path, kind: str) -> None:
    from soundevent import io

    data = json.loads(json.dumps(PROJECT))
    data["data"]["collection_type"] = kind
    del data["data"]["tasks"], data["data"]["clip_annotations"][2]
    path = stored(tmp_path, data)
    table = FORMAT.read(path, None, {})
    region = Region(0.5, 1.0)
    say = {"c.wav": Correction("c.wav", "dog", ("dog", "rain"), added=("dog", "rain"), regions=(("dog", region),))}
    assert FORMAT.write is not None
    written = FORMAT.write(table.table_bytes, table.options, say, tmp_path / "out")
    clip = FORMAT.read(written.files[0], None, {}).clips[2]
    assert set(clip.labels) == {"dog", "rain"}
    told = [(held.class_code, held.now) for held in written.not_held]
    assert told == ([("dog", "present")] if kind == "dataset" else [("", "not listened for")]) + [("dog", "primary")]
    assert written.not_held[-1] == NotHeld("c.wav", "dog", "primary", "AOEF cannot say which label is the primary")
    assert len(io.load(written.files[0], audio_dir=tmp_path).model_dump()["name"]) > 0
