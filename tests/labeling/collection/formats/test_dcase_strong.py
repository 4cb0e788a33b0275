"""DCASE's strong labels: events, clips without any by the table of durations, and what is added to these."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from labeling.collection.annotation.base import Correction, Labelling, TableLabels
from labeling.collection.formats import dcase_strong as dcase
from labeling.collection.formats import detect_format, find_table
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

EVENTS = (
    "filename\tonset\toffset\tevent_label\nc1.wav\t0.30\t1.10\tdog_bark\nc1.wav\t2.50\t3.00\tcar_horn\nc2.wav\t\t\t\n"
)
BOTH = ("siren", "dog_bark")
DURATIONS = "filename\tduration\nc1.wav\t10.0\nc2.wav\t10.0\nc3.wav\t9.5\nc4.wav\t9.5\n"


def laid(root: Path) -> Path:
    (root / "metadata" / "validation").mkdir(parents=True)
    (root / "audio" / "validation" / "validation").mkdir(parents=True)
    for name in ("c1.wav", "c3.wav"):
        (root / "audio" / "validation" / "validation" / name).write_bytes(b"x")
    folder = root / "metadata" / "validation"
    (folder / "validation.tsv").write_text(EVENTS)
    (folder / "validation_durations.tsv").write_text(DURATIONS)
    return folder


def test_clips_without_an_event_are_known_by_their_durations(tmp_path: Path) -> None:
    folder = laid(tmp_path)
    assert detect_format(folder) == "dcase_strong"
    table = dcase.read(find_table(folder, "dcase_strong"), None, {})
    assert {clip.filename: (clip.labels, clip.partial) for clip in table.clips} == {
        "c1.wav": (("dog_bark", "car_horn"), False),
        "c2.wav": ((), False),
        "c3.wav": ((), False),
        "c4.wav": ((), False),
    }
    assert table.clips[0].regions[0] == ("dog_bark", Region(0.3, 1.1))
    assert table.clips[2].path == str(tmp_path / "audio/validation/validation/c3.wav")
    assert dcase.labels(table.table_bytes, table.options)["c3.wav"] == TableLabels("", ())
    (folder / "validation_durations.tsv").unlink()
    alone = dcase.read(find_table(folder, "dcase_strong"), None, {})
    assert [clip.filename for clip in alone.clips] == ["c1.wav", "c2.wav"]
    assert alone.table_bytes == EVENTS.encode()


def test_events_are_added_to_clips_that_had_none(tmp_path: Path) -> None:
    folder = laid(tmp_path)
    table = dcase.read(folder / "validation.tsv", None, {})
    same = dcase.write(table.table_bytes, table.options, {}, tmp_path / "same")
    assert [file.read_text() for file in same.files] == [EVENTS, DURATIONS]
    corrections = {
        "c1.wav": Correction("c1.wav", "", ("dog_bark",), ("car_horn",)),
        "c2.wav": Correction("c2.wav", "siren", ("siren",), (), ("siren",)),
        "c3.wav": Correction(
            "c3.wav", "", ("siren", "dog_bark"), (), ("siren", "dog_bark"), (("siren", Region(1, 2)),)
        ),
    }
    written = dcase.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    assert written.files[0].read_text() == (
        "filename\tonset\toffset\tevent_label\nc1.wav\t0.30\t1.10\tdog_bark\nc2.wav\t\t\tsiren\n"
        "c3.wav\t1\t2\tsiren\nc3.wav\t\t\tdog_bark\n"
    )
    assert not written.not_held
    for options in (table.options, {**table.options, "source": str(tmp_path / "x" / "other.tsv")}):
        out = folder if options is table.options else tmp_path / "x"
        with pytest.raises(FormatError, match="never changed"):
            dcase.write(table.table_bytes, options, {}, out)
    # a table that has no event at all yet
    (folder / "validation.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    table = dcase.read(folder / "validation.tsv", None, {})
    written = dcase.write(table.table_bytes, table.options, {"c3.wav": corrections["c3.wav"]}, tmp_path / "out")
    assert written.files[0].read_text().splitlines()[1:] == ["c3.wav\t1\t2\tsiren", "c3.wav\t\t\tdog_bark"]


@examples(15)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "dcase_strong", Path(folder))
