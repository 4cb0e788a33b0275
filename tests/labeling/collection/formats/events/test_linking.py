import os

import pytest

from labeling.collection.formats.events.linking import Recordings, audio_below, bare, stems
from labeling.file_names import NOBODY, SEVERAL


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("rec.Table.1.selections", "rec.wav"),
        ("rec.BirdNET.selection.table", "rec.wav"),
        ("rec.BirdNET.results", "rec.wav"),
        ("rec.birdnet.results.kaleidoscope", "rec.wav"),
        ("rec", "rec.wav"),
        ("rec.wav", "rec.wav"),
        ("REC_labels", "rec.wav"),
        ("rec.ann", "rec.wav"),
        ("soft_labels_rec", "rec.wav"),
        ("2020.01.02 12.00", "2020.01.02 12.00.WAV"),
        ("2020.01.02 12.00.Table.2.selections", "2020.01.02 12.00.WAV"),
        ("labels/site/deep", "site/deep.flac"),
        ("other/deep", ""),
        ("table", ""),
        ("both", "?"),
    ],
)
def test_a_file_goes_with_the_recording_of_its_name(name: str, recording: str) -> None:
    names = ["rec.wav", "2020.01.02 12.00.WAV", "site/deep.flac", "other/x.wav", "both.wav", "both.flac"]
    place = Recordings("/a", names).of_file(name)
    assert place == {"": NOBODY, "?": SEVERAL}.get(recording, names.index(recording) if recording in names else 0)


def test_names_of_recordings_that_are_not_there_stay_inside():
    recordings = Recordings("/a", ["x.flac"])
    assert recordings.missing("../../etc/y") == "etc/y.flac"
    assert recordings.missing("C:\\r\\z.wav") == "r/z.wav"
    assert recordings.path("r/z.wav") == "/a/r/z.wav"
    assert Recordings("s3://b/c/", []).path("z.wav") == "s3://b/c/z.wav"
    assert bare("a/rec.1.Table.1.selections") == "a/rec.1"
    assert list(stems("labels")) == ["labels"]


def test_sound_is_listed_below_a_folder(tmp_path: os.PathLike[str]) -> None:
    for name in ("b/x.WAV", "a.flac", ".hidden/y.wav", "._a.flac", "c.txt"):
        path = os.path.join(tmp_path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
    assert audio_below(str(tmp_path)) == ["a.flac", "b/x.WAV"]


def test_a_large_folder_is_not_walked_to_its_end(tmp_path: os.PathLike[str]) -> None:
    for folder in ("a", "b"):
        os.makedirs(os.path.join(tmp_path, folder))
        for name in ("x.wav", "1.txt", "2.txt"):
            open(os.path.join(tmp_path, folder, name), "w").close()
    assert audio_below(str(tmp_path), most=2) == ["a/x.wav"]
