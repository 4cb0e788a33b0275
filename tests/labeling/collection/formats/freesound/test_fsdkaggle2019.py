"""FSDKaggle2019: two tables as one collection, each written as it came."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from labeling.collection.annotation.base import Correction, Labelling
from labeling.collection.formats import detect_format, find_table
from labeling.collection.formats.freesound import fsdkaggle2019
from labeling.errors import FormatError
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

CURATED = 'fname,labels\n0006ae4e.wav,Bark\n0019ef41.wav,"Raindrop,Bark"\n'
NOISY = "fname,labels\n00097e21.wav,Bathtub_(filling_or_washing)\n000b6cfb.wav,Motorcycle\n0019ef41.wav,Bark\n"


@pytest.mark.parametrize(
    ("tables", "sounds"),
    [
        (("train_curated.csv", "train_noisy.csv"), ("train_curated", "train_noisy")),
        (
            (
                "FSDKaggle2019.meta/train_curated_post_competition.csv",
                "FSDKaggle2019.meta/train_noisy_post_competition.csv",
            ),
            ("FSDKaggle2019.audio_train_curated", "FSDKaggle2019.audio_train_noisy"),
        ),
    ],
)
def test_both_tables_are_one_collection(tmp_path: Path, tables: tuple[str, str], sounds: tuple[str, str]) -> None:
    root = tmp_path / "in"
    for table, text, sound in zip(tables, (CURATED, NOISY), sounds, strict=True):
        (root / table).parent.mkdir(parents=True, exist_ok=True)
        (root / table).write_text(text)
        (root / sound).mkdir()
        (root / sound / text.splitlines()[1].split(",")[0]).write_bytes(b"x")
    assert detect_format(root) == "fsdkaggle2019"
    read = fsdkaggle2019.read(find_table(root, "fsdkaggle2019"), None, {})
    assert [(clip.filename, clip.labels, clip.metadata["subset"]) for clip in read.clips] == [
        ("0006ae4e.wav", ("Bark",), "curated"),
        ("0019ef41.wav", ("Raindrop", "Bark"), "curated"),
        ("00097e21.wav", ("Bathtub_(filling_or_washing)",), "noisy"),
        ("000b6cfb.wav", ("Motorcycle",), "noisy"),
    ]
    assert read.clips[2].path == str(root / sounds[1] / "00097e21.wav")
    assert [problem.reason for problem in read.problems] == ["is in both tables; what the curated one says counts"]
    assert {name: said.labels for name, said in fsdkaggle2019.labels(read.table_bytes, read.options).items()} == {
        clip.filename: clip.labels for clip in read.clips
    }
    corrections = {
        "000b6cfb.wav": Correction("000b6cfb.wav", "", ("Motorcycle", "Bark"), (), ("Bark",)),
        "0006ae4e.wav": Correction("0006ae4e.wav", "", ("Raindrop",), ("Bark",), ("Raindrop",)),
    }
    written = fsdkaggle2019.write(read.table_bytes, read.options, corrections, tmp_path / "out")
    assert [file.name for file in written.files] == [Path(table).name for table in tables]
    assert written.files[0].read_text() == CURATED.replace("4e.wav,Bark", "4e.wav,Raindrop")
    assert written.files[1].read_text() == NOISY.replace("Motorcycle", '"Motorcycle,Bark"')
    with pytest.raises(FormatError, match="never changed; choose another folder"):
        fsdkaggle2019.write(read.table_bytes, read.options, {}, (root / tables[0]).parent)


def test_one_table_alone_is_not_both(tmp_path: Path) -> None:
    (tmp_path / "train_curated.csv").write_text(CURATED)
    assert detect_format(tmp_path) == "table"
    with pytest.raises(FormatError, match="give the folder that holds both"):
        fsdkaggle2019.read(tmp_path, None, {})


@examples(15)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "fsdkaggle2019", Path(folder))
