"""A folder a class: found, read, written with what was corrected, and made anew of any labels."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from labeling.collection.annotation.base import Correction, LabelledClip, Labelling
from labeling.collection.formats import detect_format, formats
from labeling.collection.formats.folders import classes
from labeling.errors import FormatError
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings, with_sounds

FILES = ("dog/a.wav", "dog/old/b.wav", "cat/a.wav", "dog+cat/c.wav", "_nothing/d.wav", "e.wav", "AC%2FDC/f.wav")


def collection(root: Path, names: tuple[str, ...] = FILES) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(f"RIFF {name}".encode())
    return root


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_folders_are_read_as_labels(tmp_path: Path) -> None:
    root = collection(tmp_path)
    (root / ".trash").mkdir()
    (root / ".trash" / "x.wav").write_bytes(b"x")
    assert detect_format(root) == "folders"
    table = classes.read(root, None, {})
    assert {clip.filename: (clip.labels, clip.partial) for clip in table.clips} == {
        "dog/a.wav": (("dog",), False),
        "dog/old/b.wav": (("dog",), False),
        "cat/a.wav": (("cat",), False),
        "dog+cat/c.wav": (("dog", "cat"), False),
        "_nothing/d.wav": ((), False),  # listened, nothing there
        "e.wav": ((), True),  # not listened to
        "AC%2FDC/f.wav": (("AC/DC",), False),
    }
    said = classes.labels(table.table_bytes, table.options)
    assert {name: own.labels for name, own in said.items()} == {clip.filename: clip.labels for clip in table.clips}


def test_splits_are_no_classes_and_other_folders_are_not_taken(tmp_path: Path) -> None:
    root = collection(tmp_path / "s", ("train/dog/a.wav", "train/cat/b.wav", "test/dog/a.wav"))
    assert detect_format(root) == "folders"
    table = classes.read(root, None, {})
    assert [(clip.labels, clip.metadata["split"]) for clip in table.clips] == [
        (("dog",), "test"),
        (("cat",), "train"),
        (("dog",), "train"),
    ]
    assert classes.read(root, None, {"level": 1}).clips[0].labels == ("test",)
    with pytest.raises(FormatError, match="level is 'x'; give the depth"):
        classes.read(root, None, {"level": "x"})
    cards = collection(tmp_path / "r", ("site1/20240501_050000.wav", "site2/20240501_050000.wav"))
    assert detect_format(cards) == "recordings"
    assert detect_format(collection(tmp_path / "w", ("audio/a.wav", "wav/b.wav"))) == "recordings"
    (root / "labels.csv").write_text("alpha,beta\n1,2\n")  # a table that nobody can read says more than folders
    with pytest.raises(FormatError, match="no format fits"):
        detect_format(root)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FormatError, match="holds no sound file"):
        classes.read(tmp_path / "nothing", None, {})


def test_a_corrected_file_moves_and_all_others_stay(tmp_path: Path) -> None:
    root = collection(tmp_path / "in", ("train/dog/a.wav", "train/cat/a.wav", "train/cat/old/b.wav", "test/cat/c.wav"))
    table = classes.read(root, None, {})
    assert formats.get("folders").write is classes.write
    corrections = {
        "train/dog/a.wav": Correction("train/dog/a.wav", "", ("cat",), ("dog",), ("cat",)),
        "train/cat/old/b.wav": Correction("train/cat/old/b.wav", "", ("cat", "owl"), (), ("owl",)),
        "test/cat/c.wav": Correction("test/cat/c.wav", "", (), ("cat",)),
    }
    written = classes.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    assert below(tmp_path / "out") == {
        "train/cat/a.wav",
        "train/cat/a (2).wav",  # two of one name meet
        "train/cat+owl/old/b.wav",
        "test/_nothing/c.wav",
    }
    assert {*written.files} == {tmp_path / "out" / name for name in below(tmp_path / "out")}
    assert os.path.samefile(root / "train/cat/a.wav", written.files[1])
    assert (written.not_held, written.notes) == ((), ())
    again = classes.write(table.table_bytes, {**table.options, "files": "copy"}, {}, tmp_path / "copy")
    assert below(tmp_path / "copy") == below(root)
    assert not any(os.path.samefile(root / path.relative_to(tmp_path / "copy"), path) for path in again.files)
    for path in again.files:
        assert path.read_bytes() == (root / path.relative_to(tmp_path / "copy")).read_bytes()
    with pytest.raises(FormatError, match=r"\(--files\) 'move'; choose from link, copy"):
        classes.write(table.table_bytes, {**table.options, "files": "move"}, {}, tmp_path / "no")


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    """A copy over an earlier export's link must not change the original that the link shares its bytes with."""
    root = collection(tmp_path / "in", ("dog/a.wav", "cat/b.wav"))
    table = classes.read(root, None, {})
    classes.write(table.table_bytes, table.options, {}, tmp_path / "out")
    (tmp_path / "other" / "dog").mkdir(parents=True)
    (tmp_path / "other" / "dog" / "a.wav").write_bytes(b"other")
    moved = {**table.options, "audio_root": str(tmp_path / "other"), "files": "copy"}
    written = classes.write(table.table_bytes, moved, {}, tmp_path / "out")
    assert (tmp_path / "out/dog/a.wav").read_bytes() == b"other"
    assert (root / "dog/a.wav").read_bytes() == b"RIFF dog/a.wav"
    assert "1 sound files are not at their place" in written.notes[0]


def test_names_stay_inside_and_what_has_no_room_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    codes = ("..", "/etc", "x" * 227, "dog")
    clips = [LabelledClip("../../a.wav", str(tmp_path / "a.wav"), 1, 8000, 1, labels=(code,)) for code in codes]
    clips.append(LabelledClip("u.wav", "https://x.org/u.wav", 1, 8000, 1, labels=("dog",)))
    clips.append(LabelledClip("b", str(tmp_path / "a.wav"), 1, 8000, 1, labels=("x" * 227, "owls")))
    written = classes.export(Labelling("n", 1, "", tuple(clips), {}), tmp_path / "out", {})
    assert {file.parent.parent for file in written.files} == {tmp_path / "out"}
    assert written.files[-1].name == "b.wav"
    assert [(held.filename, held.class_code) for held in written.not_held] == [("b", "owls")]
    assert "1 sound files are at a URL" in written.notes[0]


@examples(25)
@given(labellings())
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        assert_comes_back(with_sounds(labelling, root / "in"), "folders", root / "out", root / "out")
