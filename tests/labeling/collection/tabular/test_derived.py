"""labeling/collection/formats/derived.py: columns that follow the labels."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from labeling.collection.annotation.base import Written
from labeling.collection.formats import Correction, find_table, formats
from labeling.collection.tabular.derived import words


def written(path: Path, out: Path, *corrections: Correction, format: str = "table", **options: str) -> Written:
    table = formats.get(format).read(find_table(path, format), None, options)
    write = formats.get(format).write
    assert write is not None
    return write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out)


def after(tmp_path: Path, text: str, *corrections: Correction, **options: str) -> tuple[str, tuple[str, ...]]:
    """The table after the corrections, without its header, and the notes."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    done = written(path, tmp_path / "out", *corrections, **options)
    return done.files[0].read_text().split("\n", 1)[1], done.notes


def test_headings_by_word() -> None:
    assert {"scientific", "name"} <= words("scientific_name")
    assert {"class", "id", "classid"} <= words("classID")
    assert {"species", "bird", "code"} <= words("Species eBird Code")


def test_names_follow_a_swapped_primary(tmp_path: Path) -> None:
    head = "filename,label,scientific_name,Common Name,site\n"
    body = "1.wav,a,Formica,Ant,S1\n2.wav,b,Apis,Bee,S2\n3.wav,a,Formica,Ant,S1\n"
    text, notes = after(tmp_path, head + body, Correction("3.wav", "b", ("b",)))
    assert text == body.replace("3.wav,a,Formica,Ant,S1", "3.wav,b,Apis,Bee,S1")  # a site is nobody's name
    assert notes == ()


def test_what_no_row_shows_is_named_as_stale(tmp_path: Path) -> None:
    head = "filename,label,scientific_name,genus\n"
    body = "1.wav,a,Formica,F\n2.wav,b,Apis,A\n3.wav,a,Formica,F\n4.wav,b,Apis mellifera,A\n"
    text, notes = after(tmp_path, head + body, Correction("3.wav", "c", ("c",)), Correction("1.wav", "b", ("b",)))
    assert text == body.replace("3.wav,a,Formica,F", "3.wav,c,Formica,F").replace(
        "1.wav,a,Formica,F", "1.wav,b,Formica,A"
    )
    assert len(notes) == 1  # half of the classes have two names: that column follows no label
    assert notes[0].startswith(
        "t.csv: the column 'genus' goes with the labels and still says what they were in 1 changed"
    )
    assert "'c'" in notes[0]


def test_a_column_of_zeros_and_ones_a_class(tmp_path: Path) -> None:
    head = "filename,labels,a,b,c\n"
    body = "1.wav,a b,1.0,1.0,\n2.wav,b,0.0,1.0,\n3.wav,a,1.0,0.0,\n"
    text, notes = after(tmp_path, head + body, Correction("3.wav", "", ("a", "b")), separator="space")
    assert text == body.replace("3.wav,a,1.0,0.0,", "3.wav,a b,1.0,1.0,")
    assert notes == ()


def test_numbers_and_flags_of_a_parquet_keep_their_types(tmp_path: Path) -> None:
    columns = {
        "filename": ["1.wav", "2.wav", "3.wav"],
        "label": ["a", "b", "a"],
        "classID": pa.array([7, 8, 7], pa.int16()),
        "a": [True, False, True],
        "b": pa.array([0, 1, 0], pa.uint8()),
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    done = written(tmp_path / "t.parquet", tmp_path / "out", Correction("3.wav", "b", ("b",)))
    back = parquet.read_table(done.files[0])
    assert back.schema == parquet.read_schema(tmp_path / "t.parquet")
    assert back.slice(2).to_pylist() == [{"filename": "3.wav", "label": "b", "classID": 8, "a": False, "b": 1}]
    assert back.slice(0, 2) == pa.table(columns).slice(0, 2)


def test_lists_that_go_with_the_labels(tmp_path: Path) -> None:
    """As FSD50K has them: the machine identifier of each label, in the same order."""
    head = "fname,labels,mids,split\n"
    body = '1,"Bark,Dog","/m/1,/m/2",train\n2,Dog,/m/2,val\n3,"Meow,Dog","/m/3,/m/2",train\n'
    text, notes = after(
        tmp_path, head + body, Correction("1", "", ("Dog",), ("Bark",)), Correction("2", "", ("Dog", "Meow"))
    )
    assert text == '1,"Dog","/m/2",train\n2,"Dog,Meow","/m/2,/m/3",val\n3,"Meow,Dog","/m/3,/m/2",train\n'
    assert notes == ()
    text, notes = after(tmp_path, head + body, Correction("2", "", ("Dog", "Frog")))
    assert text == body.replace("2,Dog,", '2,"Dog,Frog",')
    assert "'mids'" in notes[0]


@pytest.mark.parametrize("heading", ["site", "author", "license", "order_id"])
def test_a_column_that_happens_to_go_with_the_label_is_left_alone(tmp_path: Path, heading: str) -> None:
    body = "1.wav,a,x\n2.wav,b,y\n3.wav,a,x\n4.wav,b,y\n"
    text, notes = after(tmp_path, f"filename,label,{heading}\n{body}", Correction("3.wav", "b", ("b",)))
    assert text == body.replace("3.wav,a,x", "3.wav,b,x")
    assert notes == ()
