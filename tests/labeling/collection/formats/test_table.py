"""Any table, and ESC-50."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from labeling.collection.formats import Correction, ImportedTable, detect_format, find_table, formats
from labeling.collection.formats.tables import read_table
from labeling.errors import FormatError


def read(path: Path, audio: str | None = None, format: str = "table", **options: str) -> ImportedTable:
    return formats.get(format).read(find_table(path, format), audio, options)


def exported(table: ImportedTable, out: Path, *corrections: Correction) -> bytes:
    write = formats.get(table.format).write
    assert write is not None
    return write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out)[0].read_bytes()


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


def test_a_label_that_holds_the_separator_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,labels\na.wav,Owl;Fox\n")
    with pytest.raises(FormatError, match=r"'Elk; red' of 'a.wav' holds the separator ';'"):
        exported(read(path), tmp_path / "out", Correction("a.wav", "", ("Owl", "Elk; red")))
    assert not (tmp_path / "out").exists()


def test_one_label_column_cannot_take_two(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("fname,label\na.wav,Owl\n")
    table = read(path)
    assert exported(table, tmp_path / "out", Correction("a.wav", "Fox", ("Fox",), ("Owl",), ("Fox",))).endswith(
        b"Fox\n"
    )
    with pytest.raises(FormatError, match=r"only one label a clip \(label\), so \['Fox'\] of 'a.wav'"):
        exported(table, tmp_path / "out", Correction("a.wav", "Owl", ("Owl", "Fox"), (), ("Fox",)))


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
    assert labels(table) == {"a.wav": ("Owl",), "b.wav": ("Owl",)}
    assert [(one.row, one.reason) for one in table.problems] == [(4, "listed already in row 2; the first one counts")]


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
    assert list(pd.read_parquet(tmp_path / "out" / "x.parquet")["label"]) == ["Elk", "Fox"]


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
    assert formats.get("esc50").names(table.table_bytes, table.options) == {c.filename: c.row for c in table.clips}


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
    assert after == wanted.encode()
    assert (tmp_path / "out" / "esc50_more_labels.csv").read_text() == "filename,label\n5-100032-B-0.wav,dog\n"


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
    assert not (tmp_path / "out" / "esc50_more_labels.csv").exists()
    assert "frog" not in {row[3] for row in read_table(table.table_bytes, "esc50.csv").rows.values()}
