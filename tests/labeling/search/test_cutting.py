"""cutting.py: what was found in a recording becomes a clip of the same samples, once, and the recording stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling import journal
from labeling.__main__ import main
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.errors import DataError
from labeling.journal import versions
from labeling.records import Decision, Region
from labeling.search.cutting import cut_clips, encoded, uncut
from labeling.workspace import Workspace

RATE = 8000


@pytest.fixture
def recording(workspace: Workspace, tmp_path: Path) -> Path:
    """A stereo recording of 40 s in a folder, clip 1 of a workspace in which ``owl`` is a class of clip 2."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "cards"
    folder.mkdir()
    path = folder / "night one.wav"
    soundfile.write(path, rng.integers(-20000, 20000, (40 * RATE, 2)).astype(np.int16), RATE)
    soundfile.write(folder / "owl.wav", rng.integers(-20000, 20000, 3 * RATE).astype(np.int16), RATE)
    (folder / "t.csv").write_text("filename,labels\nnight one.wav,\nowl.wav,owl\n", encoding="utf-8")
    import_collection(workspace, folder / "t.csv", format="table", audio=str(folder))
    return path


def mark(workspace: Workspace, *stretches: tuple[float, float], verdict: str = "present") -> None:
    journal.append(
        workspace,
        [Decision(journal.new_event_id(), "ann", 1, "owl", verdict, region=Region(*one)) for one in stretches],
    )


def test_each_stretch_becomes_a_clip_of_the_same_samples(workspace: Workspace, recording: Path) -> None:
    before = hashlib.sha256(recording.read_bytes()).hexdigest()
    mark(workspace, (2.5, 4.0), (10.0, 11.25))
    mark(workspace, (20.0, 21.0), verdict="absent")
    cut = cut_clips(workspace, "owl")
    assert (cut.added, dict(cut.failed)) == (2, {})
    assert hashlib.sha256(recording.read_bytes()).hexdigest() == before
    with workspace.read() as connection:
        clips = {clip.id: clip for clip in store.usable_clips(connection)}
        labels = versions.labels_at(connection)
        boxes = [box.region.onset_s for box in journal.cell_state(connection, 1, "owl").boxes]
    assert sorted(boxes) == [2.5, 10.0, 20.0]  # the marks stay
    whole, _ = soundfile.read(recording, dtype="float32")
    for clip_id, begin, end in ((3, 2.5, 4.0), (4, 10.0, 11.25)):
        clip = clips[clip_id]
        assert clip.filename.endswith(f"night_one_1_{begin * 1000:.0f}-{end * 1000:.0f}.flac")
        assert Path(clip.path).is_relative_to(workspace.root / "cuts" / "001")
        samples, rate = soundfile.read(clip.path, dtype="float32")
        assert rate == RATE
        assert np.array_equal(samples, whole[round(begin * RATE) : round(end * RATE)])
        assert clip.group == "night one.wav"  # no fold parts it from its recording's others
        assert clip.metadata["recording"] == "night one.wav"
        assert labels.present[labels.clip_ids.tolist().index(clip_id), labels.classes.index("owl")]


def test_what_is_a_clip_is_not_cut_again_and_what_cannot_be_read_is_named(
    workspace: Workspace, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut_clips(workspace, "owl").text().startswith("nothing is left to cut")
    mark(workspace, (2.5, 4.0))
    words = ["cut", "-w", str(workspace.root), "--class", "owl"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("1 clip cut into ")
    mark(workspace, (38.0, 39.5))
    assert main([*words, "--pad", "1"]) == 0  # with a second more the first is another stretch
    assert capsys.readouterr().out.startswith("2 clips cut into ")
    with workspace.read() as connection:
        assert [part.offset_s for part in uncut(connection, "owl")] == [39.5]
        assert uncut(connection, "owl", 1.0) == []
    recording.rename(recording.with_suffix(".gone"))
    cut = cut_clips(workspace, "owl")
    assert cut.added == 0
    assert "no such file" in cut.text()
    with pytest.raises(DataError, match="0 to 60"):
        cut_clips(workspace, "owl", -1)
    assert main(["cut", "-w", str(workspace.root), "--class", "hoot"]) == 1


def test_samples_beyond_full_scale_stay_as_they_are(tmp_path: Path) -> None:
    loud = np.array([[0.25, 1.5, -2.0]], np.float32)
    ending, data = encoded(loud, RATE)
    assert ending == "wav"
    (tmp_path / "x.wav").write_bytes(data)
    assert np.array_equal(soundfile.read(tmp_path / "x.wav", dtype="float32")[0], loud[0])
