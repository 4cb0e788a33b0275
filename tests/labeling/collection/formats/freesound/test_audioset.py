"""AudioSet's lists: comments, blanks after commas, quoted mids, and files as downloaders name them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given

from labeling.collection.annotation.base import Correction, LabelledClip, Labelling
from labeling.collection.formats import detect_format, find_table
from labeling.collection.formats.freesound import audioset
from labeling.errors import FormatError
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

LIST = (
    "# Segments csv created Sun Mar  5 10:54:25 2017\r\n"
    "# num_ytids=4, num_segs=4, num_unique_labels=3, num_positive_labels=5\r\n"
    "# YTID, start_seconds, end_seconds, positive_labels\r\n"
    '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\r\n'
    'Yabcdefghij, 0.000, 10.000, "/m/09x0r"\r\n'
    'abcdefghi_k, 5.000, 15.000, "/m/0dgw9r"\r\n'
    'abcdefghi_k, 50.000, 60.000, "/m/0dgw9r"'
)


def opened(folder: Path) -> Path:
    (folder / "audio").mkdir(parents=True)
    for name in ("Y--PJHxphWEs_30.000_40.000.wav", "Yabcdefghij.flac", "abcdefghi_k_50000.wav", "abcdefghi_k_5.wav"):
        (folder / "audio" / name).write_bytes(b"x")
    (folder / "eval_segments.csv").write_bytes(LIST.encode())
    (folder / "class_labels_indices.csv").write_text('index,mid,display_name\n0,/m/09x0r,"Speech, human"\n')
    return folder


def test_segments_and_their_files(tmp_path: Path) -> None:
    root = opened(tmp_path)
    assert detect_format(root) == "audioset"
    table = audioset.read(find_table(root, "audioset"), None, {})
    assert {clip.filename: Path(clip.path).name for clip in table.clips} == {
        "--PJHxphWEs": "Y--PJHxphWEs_30.000_40.000.wav",
        "Yabcdefghij": "Yabcdefghij.flac",
        "abcdefghi_k": "abcdefghi_k_5.wav",
        "abcdefghi_k_50.000": "abcdefghi_k_50000.wav",
    }
    assert table.clips[0].labels == ("/m/09x0r", "/t/dd00088")
    assert table.class_names["/m/09x0r"] == "Speech, human"
    assert table.by_part == 3  # all but Yabcdefghij.flac
    assert [problem.reason for problem in table.problems] == [
        "found by a part of its name as Y--PJHxphWEs_30.000_40.000.wav; so were 2 more"
    ]
    elsewhere = audioset.read(find_table(root, "audioset"), "https://x.org/sound", {})
    assert elsewhere.clips[0].path == "https://x.org/sound/--PJHxphWEs.wav"


def test_every_byte_but_corrected_mids_stays(tmp_path: Path) -> None:
    table = audioset.read(opened(tmp_path) / "eval_segments.csv", None, {})
    assert audioset.write(table.table_bytes, table.options, {}, tmp_path / "o").files[0].read_bytes() == LIST.encode()
    corrections = {
        "--PJHxphWEs": Correction("--PJHxphWEs", "", ("/t/dd00088", "/m/0dgw9r", "a,b"), ("/m/09x0r",)),
        "abcdefghi_k_50.000": Correction("abcdefghi_k_50.000", "", (), ("/m/0dgw9r",)),
    }
    written = audioset.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    after = LIST.replace("/m/09x0r,/t/dd00088", "/t/dd00088,/m/0dgw9r").replace('60.000, "/m/0dgw9r"', '60.000, ""')
    assert written.files[0].read_bytes() == after.encode()
    assert [held.class_code for held in written.not_held] == ["a,b"]
    # as the set's users read it
    frame = pd.read_csv(written.files[0], skiprows=3, header=None, sep=", ", engine="python", quotechar='"')
    assert frame.shape == (4, 4)


def test_bad_lines_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('# YTID, start_seconds, end_seconds, positive_labels\na, 1, 2, "/m/1"\nb; 3\n\na, 1, 2, "/m/2"\n')
    table = audioset.read(path, None, {})
    assert [problem.reason for problem in table.problems] == ["is no segment: 'b; 3'"]
    assert [clip.filename for clip in table.clips] == ["a", "a_1"]
    path.write_text("# YTID, positive_labels\n")
    with pytest.raises(FormatError, match="has no segment; an audioset list needs"):
        audioset.read(path, None, {})
    (tmp_path / "y.csv").write_text("# YTID, positive_labels\n")
    with pytest.raises(FormatError, match="holds 2 lists of AudioSet"):
        detect_format(tmp_path)


def test_names_that_break_a_line_are_told(tmp_path: Path) -> None:
    clips = tuple(LabelledClip(name, name, 1, 8000, 1, labels=("dog",)) for name in ("a,b.wav", "#c.wav", "d.wav"))
    written = audioset.export(Labelling("n", 1, "", clips, {"dog": "Dog"}), tmp_path, {})
    assert [held.filename for held in written.not_held] == ["a,b.wav", "#c.wav"]


@examples(15)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "audioset", Path(folder))
