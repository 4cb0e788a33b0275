import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.annotation.base import Holds, LabelledClip, Labelling
from labeling.collection.annotation.whole import within_sound
from labeling.collection.formats import formats
from labeling.collection.importing import import_collection
from labeling.journal import append
from labeling.journal.exporting import export_labels
from labeling.records import Decision
from labeling.workspace import open_workspace
from tests.support.examples import examples
from tests.support.formats.labelling import DURATION_S, SAMPLE_RATE, assert_same, labellings

NAMES = ("site/a.wav", "site/b.wav", "c.wav")
WRITTEN = ("audacity", "avianz", "dcase_soft", "raven", "textgrid")


@cache
def sound_folder() -> Path:
    """The clips of labellings, as files without sound: their names are all that is asked for."""
    folder = Path(tempfile.mkdtemp(prefix="earmark-"))
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name", WRITTEN)
@examples(25)
@given(labellings(most=3, names=NAMES))
def test_what_is_written_anew_says_the_same_when_it_is_read(name: str, labelling: Labelling) -> None:
    kind = formats.get(name)
    assert kind.export is not None
    with tempfile.TemporaryDirectory() as folder:
        written = kind.export(labelling, Path(folder), {})
        assert not written.not_held
        assert len(written.files) == sum(clip.heard for clip in labelling.clips)
        if not written.files:
            return
        table = kind.read(Path(folder), str(sound_folder()), {})
    assert table.problems == ()
    read = [within_sound(clip, DURATION_S, SAMPLE_RATE)[0] for clip in table.clips]
    assert_same(labelling, read, kind)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_file_cannot_say_is_told(name: str, tmp_path: Path) -> None:
    clips = tuple(
        LabelledClip(file, "", duration_s, 8000, 1, labels=("dog", "a\x07b"))
        for file, duration_s in (("a.wav", 2.0), ("b.wav", 0.0))
    )
    kind = formats.get(name)
    assert kind.export is not None
    written = kind.export(Labelling("x", 1, "", clips, {}), tmp_path, {})
    cells = {("b.wav", "dog"), ("b.wav", "a\x07b")}
    assert {(held.filename, held.class_code) for held in written.not_held} - {("a.wav", "a\x07b")} == cells


@examples(5)
@given(st.sampled_from(["../a.wav", "/etc/a.wav", "https://x.org/../a.wav", "a.wav", "A.wav", "a.flac"]), st.data())
def test_nothing_is_written_outside(filename: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(["a.wav", "b.wav", "../A.wav"]))
    names = dict.fromkeys((filename, other))
    clips = tuple(LabelledClip(one, "", 1.0, 8000, 1, labels=("dog",)) for one in names)
    for name in WRITTEN:
        with tempfile.TemporaryDirectory() as folder:
            kind = formats.get(name)
            assert kind.export is not None
            written = kind.export(Labelling("x", 1, "", clips, {}), Path(folder, "out"), {})
            assert len({path.resolve() for path in written.files}) == len(names)
            assert all(path.resolve().is_relative_to(Path(folder, "out").resolve()) for path in written.files)


def test_from_files_to_decisions_and_back(tmp_path: Path) -> None:
    """A label of the whole recording has no time; what was decided is in the file; the rest is as it came."""
    audio = tmp_path / "audio"
    audio.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        soundfile.write(audio / f"{name}.wav", rng.normal(0, 0.1, 16000).astype(np.float32), 8000)
    track = "0.000000\t2.000000\tdog\n0.5\t2.4\tcat\n\\\t100.0\t4000.0\n"
    (audio / "a.txt").write_text(track)
    workspace = open_workspace(tmp_path / "workspace", create=True)
    report = import_collection(workspace, audio)
    assert (report.format, report.added, report.regions, report.joined) == ("audacity", 2, 1, 0)
    assert any("cat at 0.5 to 2.4 s goes on after the end" in problem.reason for problem in report.problems)
    append(workspace, [Decision("e1", "ann", 1, "dog", "absent"), Decision("e2", "ann", 1, "cat", "present")])
    append(workspace, [Decision("e3", "ann", 2, "dog", "present")])
    out = export_labels(workspace, tmp_path / "out", format=("audacity", "textgrid"))
    assert (tmp_path / "out" / "a.txt").read_text() == track.split("\n", 1)[1]
    assert (tmp_path / "out" / "b.txt").read_text() == "0.000000\t2.000000\tdog\n"
    assert {held.now for held in out.not_in_table} == {"not listened for"}
    read = formats.get("textgrid").read(tmp_path / "out" / "textgrid", str(audio), {})
    assert [clip.labels for clip in read.clips] == [("cat",), ("dog",)]
    again = import_collection(workspace, tmp_path / "out", format="audacity", audio=str(audio), labels="take")
    assert again.already_there == 2
    assert Holds.UNHEARD in formats.get("audacity").holds
