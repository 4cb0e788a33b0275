"""What an export puts beside its tables is no collection, so that an exported folder is found as what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling.collection.annotation.base import LabelledClip, LabelledEvent, Labelling
from labeling.collection.formats import detect_format, find_table, formats
from labeling.collection.tabular.beside import COLUMNS, VERSION, is_beside
from labeling.journal.exporting import write_anew
from labeling.records import Region
from tests.support.formats.labelling import with_sounds

WRITTEN = [name for name, known in formats if known.export is not None and known.reads]
EVENT = LabelledEvent("dog", Region(0.5, 1.25))
CLIPS = (
    LabelledClip("a.wav", "", 4.0, 8000, 1, primary="dog", labels=("dog", "cat"), events=(EVENT,)),
    LabelledClip("b.wav", "", 4.0, 8000, 1, primary="cat", labels=("cat",)),
)


def put_beside(folder: Path) -> None:
    """As an export does, with a row each."""
    for name, columns in COLUMNS.items():
        (folder / name).write_text(f"{','.join(columns)}\r\n{','.join('1' for _ in columns)}\r\n")
    (folder / VERSION).write_text(json.dumps({"number": 1, "content_hash": "abc"}))


@pytest.mark.parametrize("name", WRITTEN)
def test_an_exported_folder_is_found_as_what_it_is(name: str, tmp_path: Path) -> None:
    labelling = with_sounds(Labelling("pets", 1, "", CLIPS, {"dog": "Dog", "cat": "Cat"}), tmp_path / "sound")
    out = tmp_path / "out"
    write_anew(labelling, name, out, {})
    put_beside(out)
    assert detect_format(out) == name
    assert formats.get(name).read(find_table(out, name), None, {}).clips


def test_a_table_of_somebody_else_is_not_passed_over(tmp_path: Path) -> None:
    put_beside(tmp_path)
    assert all(is_beside(path) for path in tmp_path.iterdir())
    (tmp_path / "changes.csv").write_text("filename,label\na.wav,dog\n")
    (tmp_path / VERSION).write_text("{}")
    assert not is_beside(tmp_path / "changes.csv")
    assert not is_beside(tmp_path / VERSION)
    assert find_table(tmp_path, detect_format(tmp_path)).name == "changes.csv"
