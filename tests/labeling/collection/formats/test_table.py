"""Any table, and ESC-50."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from labeling.collection.annotation.base import TableLabels
from labeling.collection.formats import Correction, ImportedTable, detect_format, find_table, formats
from labeling.collection.tabular.reading import read_table
from labeling.errors import FormatError


def read(path: Path, audio: str | None = None, format: str = "table", **options: str) -> ImportedTable:
    return formats.get(format).read(find_table(path, format), audio, options)


def exported(table: ImportedTable, out: Path, *corrections: Correction) -> bytes:
    write = formats.get(table.format).write
    assert write is not None
    written = write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out)
    return written.files[0].read_bytes()


def not_held(table: ImportedTable, out: Path, *corrections: Correction) -> list[tuple[str, str, str]]:
    """File, class and label now of what the table cannot say."""
    write = formats.get(table.format).write
    assert write is not None
    written = write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out)
    assert all(held.why for held in written.not_held)
    return [(held.filename, held.class_code, held.now) for held in written.not_held]


def labels(table: ImportedTable) -> Mapping[str, tuple[str, ...]]:
    return {clip.filename: clip.labels for clip in table.clips}


# ------------------------------------------------------------------------------------------------ table


def test_fsdkaggle_reads_through_the_table(tmp_path: Path) -> None:
    (tmp_path / "train_curated").mkdir()
    (tmp_path / "train_curated" / "0006ae4e.wav").write_bytes(b"x")
    path = tmp_path / "train_curated.csv"
    path.write_text('fname,labels\n0006ae4e.wav,Bark\n0019ef41.wav,"Raindrop,Bathtub_(filling_or_washing)"\n')
    assert detect_format(tmp_path) == "table"
    table = read(tmp_path)
    assert labels(table) == {"0006ae4e.wav": ("Bark",), "0019ef41.wav": ("Raindrop", "Bathtub_(filling_or_washing)")}
    assert {clip.primary for clip in table.clips} == {""}
    assert table.clips[0].path == str(tmp_path / "train_curated" / "0006ae4e.wav")
    after = exported(table, tmp_path / "out", Correction("0006ae4e.wav", "", ("Bark", "Growl"), added=("Growl",)))
    assert after == path.read_bytes().replace(b"wav,Bark\n", b'wav,"Bark,Growl"\n')


def test_columns_are_guessed_and_everything_else_is_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("File\tSpecies\tsite\tfold\tnote\na.wav\tOwl\tS1\t2\t007\nb.wav\t\tS2\tNA\tx\n")
    table = read(path)
    first, second = table.clips
    assert (first.primary, first.labels, first.group, first.fold) == ("Owl", ("Owl",), "S1", "2")
    assert first.metadata == {"site": "S1", "fold": "2", "note": "007"}
    assert (second.primary, second.labels, second.fold) == ("", (), "")
    assert table.options["path_column"] == "File"
    assert table.options["label_column"] == "Species"


def test_columns_by_option(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,where,what,more,who\n1,a.wav,Owl,Fox/Deer,Ann\n2,b.wav,Fox,,Bob\n")
    with pytest.raises(
        FormatError, match=r"looks like a file name; it has id, where, what, more, who. Give --path-column"
    ):
        read(path)
    with pytest.raises(FormatError, match=r"looks like a label; it has .*--label-column NAME .*--labels-column NAME"):
        read(path, path_column="where")
    with pytest.raises(FormatError, match=r"no column 'wer' \(--path-column\); it has id, where"):
        read(path, path_column="wer")
    table = read(
        path, path_column="where", label_column="what", labels_column="more", separator="/", group_column="who"
    )
    assert labels(table) == {"a.wav": ("Owl", "Fox", "Deer"), "b.wav": ("Fox",)}
    assert [clip.primary for clip in table.clips] == ["Owl", "Fox"]
    assert [clip.group for clip in table.clips] == ["Ann", "Bob"]
    after = exported(table, tmp_path / "out", Correction("a.wav", "Fox", ("Fox", "Deer", "Elk")))
    assert after == path.read_bytes().replace(b"Owl,Fox/Deer", b"Fox,Deer/Elk")


def test_read_again_with_the_stored_options(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\na.wav,Owl Fox\nb.wav,Owl\nc.wav,Fox\n")
    table = read(path)
    assert table.options["separator"] == " "
    assert labels(read(path, **table.options)) == labels(table)
    after = exported(table, tmp_path / "out", Correction("b.wav", "", ("Owl", "Deer")))
    assert after == path.read_bytes().replace(b"b.wav,Owl", b"b.wav,Owl Deer")


def test_a_label_that_holds_the_separator_is_kept_beside_the_table(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\na.wav,Owl;Fox\n")
    correction = Correction("a.wav", "", ("Owl", "Elk; red", "Deer"))
    assert exported(read(path), tmp_path / "out", correction) == b"fname,labels\na.wav,Owl;Deer\n"
    assert not_held(read(path), tmp_path / "out", correction) == [("a.wav", "Elk; red", "secondary")]


def test_one_label_column_cannot_take_two(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,label\na.wav,Owl\n")
    table = read(path)
    assert exported(table, tmp_path / "out", Correction("a.wav", "Fox", ("Fox",), ("Owl",), ("Fox",))).endswith(
        b"Fox\n"
    )
    two = Correction("a.wav", "Owl", ("Owl", "Fox"), (), ("Fox",))
    assert exported(table, tmp_path / "out", two) == path.read_bytes()
    assert not_held(table, tmp_path / "out", two) == [("a.wav", "Fox", "secondary")]


def test_the_first_label_of_a_row_without_any_is_its_label(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,label\na.wav,\nb.wav,Owl\n")
    first = Correction("a.wav", "", ("Fox", "Owl"))
    assert exported(read(path), tmp_path / "out", first) == b"fname,label\na.wav,Fox\nb.wav,Owl\n"
    assert not_held(read(path), tmp_path / "out", first) == [("a.wav", "Owl", "secondary")]


def test_a_cell_that_is_no_list_stays_and_all_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\na.wav,['Owl'\nb.wav,['Fox']\nc.wav,['Fox']\n")
    now = Correction("a.wav", "", ("Elk",))
    assert exported(read(path), tmp_path / "out", now) == path.read_bytes()
    assert not_held(read(path), tmp_path / "out", now) == [("a.wav", "Elk", "secondary")]


def test_a_label_that_the_files_encoding_cannot_hold_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("fname,label,site\na.wav,Owl,Höhe\n".encode("cp1252"))
    now = Correction("a.wav", "🐦", ("🐦",), ("Owl",), ("🐦",))
    assert exported(read(path), tmp_path / "out", now) == path.read_bytes()
    assert not_held(read(path), tmp_path / "out", now) == [("a.wav", "🐦", "primary"), ("a.wav", "Owl", "absent")]


def test_absolute_paths_count_when_they_lie_in_the_audio_folder(tmp_path: Path) -> None:
    (tmp_path / "sound").mkdir()
    (tmp_path / "sound" / "a.wav").write_bytes(b"x")
    path = tmp_path / "x.csv"
    path.write_text(f"path,label\n{tmp_path}/sound/a.wav,Owl\n/etc/passwd,Fox\n../up.wav,Fox\n")
    table = read(path)
    assert [clip.path for clip in table.clips] == [f"{tmp_path}/sound/a.wav"]
    assert [one.filename for one in table.problems] == ["/etc/passwd", "../up.wav"]
    assert "--audio" in table.problems[0].reason
    assert [clip.path for clip in read(path, audio=str(tmp_path / "sound")).clips] == [f"{tmp_path}/sound/a.wav"]
    with pytest.raises(FormatError, match=r"no audio folder at .*--audio"):
        read(path, audio=str(tmp_path / "none"))


def test_audio_behind_a_url_and_names_without_suffix(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\n64760,Guitar\nsub/b.wav,Bell\n../c.wav,Bell\n")
    table = read(path, audio="s3://bucket/clips/")
    assert [clip.path for clip in table.clips] == ["s3://bucket/clips/64760", "s3://bucket/clips/sub/b.wav"]
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "64760.wav").write_bytes(b"x")
    assert read(path).clips[0].path == str(tmp_path / "audio" / "64760.wav")


def test_repeated_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,label\na.wav,Owl\nb.wav,Owl\na.wav,Fox\n")
    table = read(path)
    assert labels(table) == {"a.wav": ("Owl", "Fox"), "b.wav": ("Owl",)}
    assert table.problems == ()


def test_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "filename": ["a.wav", "b.wav", "c.wav"],
            "labels": [["Owl", "Fox"], [], ["Deer"]],
            "rating": [1.5, None, 3.0],
            "n": [1, 2, 3],
        }
    )
    path = tmp_path / "x.parquet"
    frame.to_parquet(path)
    assert detect_format(path) == "table"
    table = read(path)
    assert labels(table) == {"a.wav": ("Owl", "Fox"), "b.wav": (), "c.wav": ("Deer",)}
    assert table.clips[0].metadata == {"rating": "1.5", "n": "1"}
    assert table.clips[1].metadata["rating"] == ""
    assert exported(table, tmp_path / "out") == path.read_bytes()
    exported(table, tmp_path / "out", Correction("b.wav", "", ("=cmd()", "🐦, and more")))
    back = pd.read_parquet(tmp_path / "out" / "x.parquet")
    assert [list(one) for one in back["labels"]] == [["Owl", "Fox"], ["=cmd()", "🐦, and more"], ["Deer"]]
    pd.testing.assert_frame_equal(back.drop(columns="labels"), frame.drop(columns="labels"))


def test_parquet_with_one_label_a_row_and_categories(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a.wav", "b.wav"], "label": pd.Categorical(["Owl", "Fox"])})
    path = tmp_path / "x.parquet"
    frame.to_parquet(path)
    table = read(path)
    assert labels(table) == {"a.wav": ("Owl",), "b.wav": ("Fox",)}
    exported(table, tmp_path / "out", Correction("a.wav", "Elk", ("Elk",)))
    back = pd.read_parquet(tmp_path / "out" / "x.parquet")["label"]
    assert list(back) == ["Elk", "Fox"]
    assert list(back.cat.categories) == ["Fox", "Owl", "Elk"]
    many = [f"c{number}" for number in range(127)]  # as many as an int8 counts
    pd.DataFrame({"file": [f"{code}.wav" for code in many], "label": pd.Categorical(many)}).to_parquet(path)
    exported(read(path), tmp_path / "more", *(Correction(f"c{k}.wav", f"new{k}", (f"new{k}",)) for k in range(3)))
    assert list(pd.read_parquet(tmp_path / "more" / "x.parquet")["label"])[:4] == ["new0", "new1", "new2", "c3"]


@pytest.mark.parametrize(
    ("values", "fits", "stored"),
    [
        ([1.0, 2.0, None], "2.0", 2.0),
        ([1, 2, 3], "2", 2),
        ([True, False, True], "False", False),
        ([b"Owl", b"Fox", None], "Fox", b"Fox"),
        ([date(2024, 5, 1), date(2024, 5, 2), None], "2024-05-02", date(2024, 5, 2)),
        ([Decimal("1.50"), Decimal("2.50"), None], "2.50", Decimal("2.50")),
        ([datetime(2024, 5, 1, 12), datetime(2024, 5, 2, 7), None], "2024-05-02 07:00:00", datetime(2024, 5, 2, 7)),
    ],
)
def test_a_column_of_any_type_takes_what_it_can_and_refuses_the_rest(
    tmp_path: Path, values: list[Any], fits: str, stored: object
) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"file": ["a.wav", "b.wav", "c.wav"], "label": values}), path)
    table = read(path)
    first = table.clips[0].primary
    exported(table, tmp_path / "out", Correction("a.wav", fits, (fits,)))
    back = parquet.read_table(tmp_path / "out" / "x.parquet")
    assert back.schema == parquet.read_schema(path)
    assert back["label"].to_pylist() == [stored, *values[1:]]
    other = Correction("a.wav", "crow", ("crow",), (first,), ("crow",))
    if values[0] != b"Owl":
        assert exported(table, tmp_path / "out", other) == path.read_bytes()
        assert not_held(table, tmp_path / "out", other) == [("a.wav", "crow", "primary"), ("a.wav", first, "absent")]
    exported(table, tmp_path / "out", Correction("a.wav", "", (), (first,)))
    assert parquet.read_table(tmp_path / "out" / "x.parquet")["label"].to_pylist()[0] is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"file": ["x" * (68 << 20)]}), "bytes unpacked"),
        (pa.table({"file": ["x" * 100] * 300_000}), "300,000 rows"),
        (pa.table({"file": [[1] * 5_100_000]}), "5,100,000 cells"),
    ],
)
def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path, table: pa.Table, said: str) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(table, path, compression="zstd")
    with pytest.raises(FormatError, match=said):
        read(path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_text_that_stands_in_many_rows_is_kept_once(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "x.parquet"
    labels = ["Owl", None, "Fox"] * 5
    frame = {"file": [f"{n}.wav" for n in range(15)], "label": pa.array(labels, kind)}
    parquet.write_table(pa.table(frame), path, row_group_size=4)
    rows = read_table(path.read_bytes(), path.name).rows
    assert [row[1] for row in rows.values()] == ["Owl", "", "Fox"] * 5
    assert len({id(row[1]) for row in list(rows.values())[:4] if row[1]}) == 2  # those of one part of the file
    exported(read(path), tmp_path / "out", Correction("0.wav", "Fox", ("Fox",)))
    back = parquet.read_table(tmp_path / "out" / "x.parquet")
    assert back.schema == parquet.read_schema(path)
    assert back["label"].to_pylist() == ["Fox", *labels[1:]]


def test_a_column_that_must_not_be_empty_and_lists_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    schema = pa.schema([pa.field("file", pa.string()), pa.field("label", pa.int8(), nullable=False)])
    parquet.write_table(pa.table({"file": ["a.wav", "b.wav"], "label": [1, 2]}, schema), path)
    assert not_held(read(path), tmp_path / "out", Correction("a.wav", "", (), ("1",))) == [("a.wav", "1", "absent")]
    too_large = Correction("a.wav", "300", ("300",))
    assert not_held(read(path), tmp_path / "out", too_large) == [("a.wav", "300", "primary"), ("a.wav", "1", "absent")]
    parquet.write_table(pa.table({"file": ["a.wav", "b.wav"], "labels": [[1, 2], [3]]}), path)
    exported(read(path), tmp_path / "out", Correction("a.wav", "", ("1", "3")))
    assert parquet.read_table(tmp_path / "out" / "x.parquet")["labels"].to_pylist() == [[1, 3], [3]]
    word = Correction("b.wav", "", ("3", "crow"))
    assert not_held(read(path), tmp_path / "out", word) == [("b.wav", "crow", "secondary")]


# ------------------------------------------------------------------------------------------------ ESC-50

ESC = (
    "filename,fold,target,category,esc10,src_file,take\n"
    "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
    "1-100038-A-14.wav,1,14,chirping_birds,False,100038,A\n"
    "5-100032-B-0.wav,5,0,dog,True,100032,B\n"
)


@pytest.fixture
def esc(tmp_path: Path) -> Path:
    (tmp_path / "ESC-50-master" / "meta").mkdir(parents=True)
    (tmp_path / "ESC-50-master" / "audio").mkdir()
    (tmp_path / "ESC-50-master" / "audio" / "1-100032-A-0.wav").write_bytes(b"x")
    (tmp_path / "ESC-50-master" / "meta" / "esc50.csv").write_text(ESC)
    return tmp_path / "ESC-50-master"


def test_esc50_reads(esc: Path) -> None:
    assert detect_format(esc) == "esc50"
    table = read(esc, format="esc50")
    first = table.clips[0]
    assert first.path == str(esc / "audio" / "1-100032-A-0.wav")
    assert (first.primary, first.labels, first.group, first.fold) == ("dog", ("dog",), "100032", "1")
    assert table.class_names == {"dog": "Dog", "chirping_birds": "Chirping birds"}
    assert first.metadata == {"fold": "1", "esc10": "True", "src_file": "100032", "take": "A"}
    said = formats.get("esc50").labels(table.table_bytes, table.options)
    assert said == {clip.filename: TableLabels(clip.primary, clip.labels) for clip in table.clips}


def test_esc50_writes_target_and_category_together(esc: Path, tmp_path: Path) -> None:
    table = read(esc, format="esc50")
    assert exported(table, tmp_path / "out") == ESC.encode()
    after = exported(
        table,
        tmp_path / "out",
        Correction("1-100032-A-0.wav", "chirping_birds", ("chirping_birds",)),
        Correction("5-100032-B-0.wav", "frog", ("frog", "dog")),
    )
    wanted = ESC.replace("A-0.wav,1,0,dog", "A-0.wav,1,14,chirping_birds").replace(
        "B-0.wav,5,0,dog", "B-0.wav,5,15,frog"
    )
    wanted = wanted.replace("chirping_birds,True", "chirping_birds,False")  # as the table's own birds have it
    assert after == wanted.encode()
    more = Correction("5-100032-B-0.wav", "frog", ("frog", "dog"))
    assert not_held(table, tmp_path / "out", more) == [("5-100032-B-0.wav", "dog", "secondary")]


def test_esc50_says_what_is_missing(esc: Path) -> None:
    (esc / "meta" / "esc50.csv").write_text("filename,fold\na.wav,1\n")
    with pytest.raises(FormatError, match="no esc50 collection at"):
        find_table(esc, "esc50")
    with pytest.raises(FormatError, match="no column target, category; it has filename, fold"):
        read(esc / "meta" / "esc50.csv", format="esc50")


def test_corrections_of_other_tables_are_left_alone(esc: Path, tmp_path: Path) -> None:
    table = read(esc, format="esc50")
    elsewhere = Correction("other.wav", "frog", ("frog", "dog"))
    assert exported(table, tmp_path / "out", elsewhere) == ESC.encode()
    assert not_held(table, tmp_path / "out", elsewhere) == []
    assert "frog" not in {row[3] for row in read_table(table.table_bytes, "esc50.csv").rows.values()}


# ------------------------------------------------------------------------------------------------ lists in cells


def test_arrays_printed_by_pandas_are_several_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\na.wav,\"['houspa' 'redava']\"\nb.wav,\"['houspa'\n 'apapan']\"\nc.wav,['redava']\n")
    table = read(path)
    assert labels(table) == {"a.wav": ("houspa", "redava"), "b.wav": ("houspa", "apapan"), "c.wav": ("redava",)}
    after = exported(table, tmp_path / "out", Correction("c.wav", "", ("redava", "houspa")))
    assert after == path.read_bytes().replace(b"['redava']\n", b"['redava' 'houspa']\n")


def test_a_column_label_that_holds_lists_names_no_primary(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,label\na.wav,\"['x', 'y']\"\nb.wav,['x']\n")
    table = read(path)
    assert labels(table) == {"a.wav": ("x", "y"), "b.wav": ("x",)}
    assert {clip.primary for clip in table.clips} == {""}
    assert labels(read(path, **table.options)) == labels(table)


def test_a_list_in_a_column_of_single_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,label\na.wav,x\nb.wav,y\nc.wav,['x']\nd.wav,\"['x', 'y']\"\ne.wav,\"['x'\"\nf.wav,(odd)\n")
    table = read(path)
    assert labels(table) == {
        "a.wav": ("x",), "b.wav": ("y",), "c.wav": ("x",), "d.wav": (), "e.wav": (), "f.wav": ("(odd)",)
    }  # fmt: skip
    assert [one.row for one in table.problems] == [5, 6]
    assert "label holds ['x', 'y'], which is not one label" in table.problems[0].reason
    confirmed = Correction("c.wav", "x", ("x", "y"), (), ("y",))
    assert exported(table, tmp_path / "out", confirmed) == path.read_bytes()


def test_a_list_among_labels_parted_by_a_sign(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\na.wav,x;y\nb.wav,z\nc.wav,\"['x', 'z']\"\nd.wav,['x'\n")
    table = read(path)
    assert labels(table) == {"a.wav": ("x", "y"), "b.wav": ("z",), "c.wav": ("x", "z"), "d.wav": ()}
    assert [(one.row, one.reason) for one in table.problems] == [(5, "labels is no list; kept as metadata")]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_the_line_that_names_the_delimiter_is_read_and_kept(tmp_path: Path, encoding: str) -> None:
    text = "sep=;\r\nfilename;label\r\na,1.wav;Mönch\r\nb.wav;Amsel\r\n"
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    table = read(tmp_path / "labels.csv")
    assert labels(table) == {"a,1.wav": ("Mönch",), "b.wav": ("Amsel",)}
    after = exported(table, tmp_path / "out", Correction("b.wav", "Mönch", ("Mönch",), ("Amsel",), ("Mönch",)))
    assert after == text.replace("Amsel", "Mönch").encode(encoding)
