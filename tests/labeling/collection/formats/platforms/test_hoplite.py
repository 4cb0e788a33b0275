"""labeling/collection/formats/platforms/hoplite.py"""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings

from labeling.collection.annotation.base import Attribution, Correction, LabelledClip, Labelling, StatedVerdict
from labeling.collection.formats import detect_format
from labeling.collection.formats.platforms.hoplite import FORMAT
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.formats.labelling import assert_comes_back, labellings

SCHEMA = """
CREATE TABLE hoplite_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE recordings (id INTEGER PRIMARY KEY AUTOINCREMENT, filename TEXT NOT NULL, datetime TEXT,
    deployment_id INTEGER);
CREATE TABLE windows (id INTEGER PRIMARY KEY AUTOINCREMENT, recording_id INTEGER NOT NULL, offsets FLOAT_LIST NOT NULL);
CREATE TABLE annotations (id INTEGER PRIMARY KEY AUTOINCREMENT, recording_id INTEGER NOT NULL,
    offsets FLOAT_LIST NOT NULL, label TEXT NOT NULL, label_type INTEGER NOT NULL, provenance TEXT NOT NULL);
"""


def database(folder: Path) -> Path:
    """Two recordings of six seconds, and a third of another deployment that is called as the first."""
    path = folder / "hoplite.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO recordings (filename) VALUES (?)", [("x/a.wav",), ("b.wav",), ("x/a.wav",)])
        windows = [(number, pair(start, start + 3.0)) for number in (1, 2) for start in (0.0, 3.0)]
        connection.executemany("INSERT INTO windows (recording_id, offsets) VALUES (?, ?)", windows)
        annotations = [
            (1, pair(0, 3), "owl", 1, "ann"),
            (1, pair(0, 6), "rain", 1, ""),
            (1, pair(0, 6), "tit", 0, "ann"),
            (1, pair(3, 6), "jay", 0, "ann"),
            (1, pair(3, 6), "jay", 2, "ann"),
            (1, pair(0, 6), "elk", 2, "bob"),
            (9, pair(3, 6), "jay", 1, "ann"),
        ]
        query = "INSERT INTO annotations (recording_id, offsets, label, label_type, provenance) VALUES (?, ?, ?, ?, ?)"
        connection.executemany(query, annotations)
        connection.commit()
    return path


def pair(onset: float, offset: float) -> bytes:
    return struct.pack("<2d", onset, offset)


def test_annotations_are_events_and_all_else_is_not_known(tmp_path: Path) -> None:
    path = database(tmp_path)
    assert detect_format(tmp_path) == "hoplite"
    table = FORMAT.read(path, None, {})
    a, b, again = table.clips
    assert (a.filename, a.labels, a.absent, a.partial) == ("x/a.wav", ("owl", "rain"), ("tit",), True)
    assert a.regions == (("owl", Region(0.0, 3.0)),)
    assert a.said_by[("owl", Region(0.0, 3.0))] == Attribution("ann")
    assert a.verdicts == (StatedVerdict("elk", "unsure", "bob"),)
    assert (b.labels, b.partial, again.filename) == ((), True, "x/a.wav (3)")
    told = " ".join(problem.reason for problem in table.problems)
    for words in ("several deployments", "without a recording", "2 annotations are uncertain or negative in a part"):
        assert words in told


def test_a_copy_is_corrected(tmp_path: Path) -> None:
    path = database(tmp_path)
    before = path.read_bytes()
    table = FORMAT.read(path, None, {})
    assert FORMAT.write is not None
    same = FORMAT.write(table.table_bytes, table.options, {}, tmp_path / "same")
    assert same.files[0].read_bytes() == before
    say = (
        Correction("x/a.wav", "", ("jay", "rain"), removed=("owl",), added=("jay",), swapped=(("owl", "jay"),)),
        Correction("b.wav", "", ("owl", "elk"), added=("owl", "elk"), regions=(("owl", Region(1.0, 2.0, 5.0, 9.0)),)),
        Correction("x/a.wav (3)", "", ("elk",), added=("elk",)),
    )
    written = FORMAT.write(table.table_bytes, table.options, {own.filename: own for own in say}, tmp_path / "out")
    assert path.read_bytes() == before
    a, b, third = FORMAT.read(written.files[0], None, {}).clips
    assert (set(a.labels), a.regions) == ({"jay", "rain"}, (("jay", Region(0.0, 3.0)),))
    assert (set(b.labels), b.regions, third.labels) == ({"owl", "elk"}, (("owl", Region(1.0, 2.0)),), ())
    assert [(held.filename, held.class_code) for held in written.not_held] == [("b.wav", "owl"), ("x/a.wav (3)", "elk")]
    with closing(sqlite3.connect(written.files[0])) as connection:
        assert connection.execute(
            "SELECT label_type FROM annotations WHERE label = 'owl' AND recording_id = 1"
        ).fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM windows").fetchone() == (4,)
    heard = {"b.wav": Correction("b.wav", "", (), absent=("tit",), unsure=("elk",), relabelled=False)}
    table = FORMAT.read(path, None, {})
    written = FORMAT.write(table.table_bytes, table.options, heard, tmp_path / "heard")
    b = FORMAT.read(written.files[0], None, {}).clips[1]
    assert (b.absent, b.verdicts) == (("tit",), (StatedVerdict("elk", "unsure", "earmark"),))
    path.unlink()
    with pytest.raises(FormatError, match="not there any more"):
        FORMAT.write(table.table_bytes, table.options, {}, tmp_path / "gone")


@settings(max_examples=15, deadline=None)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = assert_comes_back(labelling, "hoplite", Path(folder))
        # a second time over the first
        assert assert_comes_back(labelling, "hoplite", Path(folder)).table_bytes == table.table_bytes
    read = {clip.filename: clip for clip in table.clips}
    for clip in labelling.clips:
        said = {code: own.who for (code, region), own in read[clip.filename].said_by.items() if region is None}
        assert all(said[code] == own.who for code, own in clip.imported.items() if code in clip.timeless)


def test_a_new_database_is_as_hoplite_makes_one(tmp_path: Path) -> None:
    """Its tables and columns, and our two beside them; deployments are the folders, as its embedding has them."""
    clips = (
        LabelledClip("north/a.wav", "", 6.0, 8000, 1, labels=("owl",), absent=("tit",), unsure=("elk",), partial=True),
        LabelledClip("b.wav", "", 0.0, 8000, 1, labels=("owl",)),
    )
    assert FORMAT.export is not None
    written = FORMAT.export(Labelling("birds", 1, "", clips, {}), tmp_path, {})
    assert [(held.filename, held.class_code, held.now) for held in written.not_held] == [("b.wav", "owl", "present")]
    with closing(sqlite3.connect(written.files[0])) as connection:
        columns = {
            table: [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("deployments", "recordings", "windows", "annotations", "hoplite_metadata")
        }
        assert columns == {
            "deployments": ["id", "name", "project", "latitude", "longitude"],
            "recordings": ["id", "filename", "datetime", "deployment_id", "duration_s", "complete"],
            "windows": ["id", "recording_id", "offsets"],
            "annotations": ["id", "recording_id", "offsets", "label", "label_type", "provenance"],
            "hoplite_metadata": ["key", "value"],
        }
        query = "SELECT name, project, filename FROM recordings JOIN deployments ON deployments.id = deployment_id"
        assert connection.execute(f"{query} ORDER BY recordings.id").fetchall() == [
            ("north", "birds", "north/a.wav"),
            ("birds", "birds", "b.wav"),
        ]
        assert connection.execute("SELECT label, label_type, offsets FROM annotations ORDER BY id").fetchall() == [
            ("owl", 1, pair(0, 6)),
            ("tit", 0, pair(0, 6)),
            ("elk", 2, pair(0, 6)),
        ]


def test_other_databases_are_none(tmp_path: Path) -> None:
    (tmp_path / "hoplite.sqlite").write_bytes(b"no database" * 100)
    assert FORMAT.find(tmp_path) is None
    with pytest.raises(FormatError, match="no database of Hoplite"):
        FORMAT.read(tmp_path / "hoplite.sqlite", None, {})
