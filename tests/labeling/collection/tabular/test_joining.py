"""Rows of one file: read as one clip, written back row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from labeling.collection.annotation.base import TableLabels
from labeling.collection.formats import Correction, ImportedTable, find_table, formats
from labeling.errors import FormatError
from labeling.records import Region

FIVE = "filename,label\n1.wav,owl\n1.wav,jay\n2.wav,owl\n2.wav,crow\n2.wav,jay\n"
TIMED = (
    "file,onset,offset,low_hz,high_hz,label,site\n"
    "1.wav,0.5,1.0,500,900,owl,S1\n"
    "1.wav,2.0,2.5,,,owl,S1\n"
    "1.wav,3,3.25,2000,1000,jay,S1\n"
    "2.wav,,,,,,S2\n"
)


def read(path: Path, text: str, format: str = "table", **options: str) -> ImportedTable:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return formats.get(format).read(find_table(path, format), None, options)


def exported(table: ImportedTable, out: Path, *corrections: Correction) -> bytes:
    write = formats.get(table.format).write
    assert write is not None
    written = write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out)
    return written.files[0].read_bytes()


def test_labels_of_the_rows_of_a_file_are_united(tmp_path: Path) -> None:
    table = read(tmp_path / "labels.csv", FIVE)
    assert [(clip.filename, clip.labels, clip.primary, clip.rows) for clip in table.clips] == [
        ("1.wav", ("owl", "jay"), "", (2, 3)),
        ("2.wav", ("owl", "crow", "jay"), "", (4, 5, 6)),
    ]
    assert table.problems == ()
    assert formats.get("table").labels(table.table_bytes, table.options) == {
        "1.wav": TableLabels("", ("owl", "jay")),
        "2.wav": TableLabels("", ("owl", "crow", "jay")),
    }


def test_one_primary_in_all_rows_stays_it_and_other_columns_are_united(tmp_path: Path) -> None:
    text = "filename,label,rating,author,fold\n./a.wav,owl,4,Ann,1\na.wav,owl,5,Bo,1\n"
    (clip,) = (table := read(tmp_path / "labels.csv", text)).clips
    assert (clip.primary, clip.labels, clip.group, clip.fold) == ("owl", ("owl",), "Ann", "1")
    assert clip.metadata == {"rating": "4; 5", "author": "Ann; Bo", "fold": "1"}
    reasons = [problem.reason for problem in table.problems]
    assert reasons == [
        "is also written 'a.wav'; one file",
        "its rows name several of group: 'Ann', 'Bo'; the first counts",
    ]


def test_times_and_frequencies_become_regions(tmp_path: Path) -> None:
    table = read(tmp_path / "labels.csv", TIMED)
    first, second = table.clips
    assert first.regions == (
        ("owl", Region(0.5, 1.0, 500, 900)),
        ("owl", Region(2.0, 2.5)),
        ("jay", Region(3.0, 3.25)),  # a band turned round bounds nothing
    )
    assert (first.labels, first.metadata, second.labels, second.regions) == (("owl", "jay"), {"site": "S1"}, (), ())
    text = "file;start;end;label\n1.wav;0,5;1,25;owl\n1.wav;x;2;jay\n1.wav;1;1;jay\n1.wav;0,5;1,25;owl\n"
    table = read(tmp_path / "comma" / "labels.csv", text)
    assert table.clips[0].regions == (("owl", Region(0.5, 1.25)),)
    assert table.clips[0].labels == ("owl", "jay")
    assert [problem.row for problem in table.problems] == [3, 4]
    assert "'x' is no number" in table.problems[0].reason


def test_a_start_in_a_table_of_one_row_a_file_is_no_time_in_it(tmp_path: Path) -> None:
    text = "slice_file_name,start,end,class\na.wav,120.5,124.5,dog\nb.wav,0,4,cat\n"  # cut from there
    table = read(tmp_path / "labels.csv", text)
    assert [clip.regions for clip in table.clips] == [(), ()]
    table = read(tmp_path / "labels.csv", text, onset_column="start", offset_column="end")
    assert table.clips[1].regions == (("cat", Region(0, 4)),)
    with pytest.raises(FormatError, match="no column 'begin'"):
        read(tmp_path / "labels.csv", text, onset_column="begin")


def test_every_format_joins(tmp_path: Path) -> None:
    esc = "filename,fold,target,category\n1.wav,1,0,dog\n1.wav,1,3,cow\n2.wav,1,3,cow\n"
    table = read(tmp_path / "esc" / "meta" / "esc50.csv", esc, "esc50")
    assert [clip.labels for clip in table.clips] == [("dog", "cow"), ("cow",)]
    after = exported(table, tmp_path / "out", Correction("1.wav", "", ("dog", "cow", "hen"), added=("hen",)))
    assert after.decode() == esc.replace("3,cow\n2", "3,cow\n1.wav,1,4,hen\n2")
    birds = "primary_label,secondary_labels,filename\nowl,[],x/1.wav\njay,['tit'],x/1.wav\n"
    table = read(tmp_path / "birds" / "train.csv", birds, "birdclef")
    assert [(clip.labels, clip.primary) for clip in table.clips] == [(("owl", "jay", "tit"), "")]
    after = exported(
        table, tmp_path / "out", Correction("x/1.wav", "", ("owl", "jay", "fox"), removed=("tit",), added=("fox",))
    )
    assert after.decode() == birds.replace("['tit']", "[]").replace("owl,[]", "owl,['fox']")  # it joins the first
    after = exported(table, tmp_path / "out", Correction("x/1.wav", "", ("jay", "tit"), removed=("owl",)))
    assert after.decode() == birds.replace("owl,[],x/1.wav\n", "")


def test_a_name_without_a_folder_is_one_file_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "train_audio" / "jay").mkdir(parents=True)
    (tmp_path / "train_audio" / "jay" / "1.ogg").write_bytes(b"x")
    text = "filename,primary_label,secondary_labels\n1.ogg,owl,[]\n1.ogg,jay,[]\n"
    table = read(tmp_path / "train.csv", text, "birdclef")
    assert [(clip.filename, clip.labels) for clip in table.clips] == [("1.ogg", ("owl", "jay"))]
    assert list(formats.get("birdclef").labels(table.table_bytes, table.options)) == ["1.ogg"]
    (tmp_path / "train_audio" / "owl").mkdir()
    (tmp_path / "train_audio" / "owl" / "1.ogg").write_bytes(b"y")
    table = read(tmp_path / "train.csv", text, "birdclef")
    assert [clip.filename for clip in table.clips] == ["owl/1.ogg", "jay/1.ogg"]


@pytest.mark.parametrize(
    ("correction", "rows"),
    [
        # a rejected one vanishes, an added one gets a row, and the others keep theirs
        (Correction("2.wav", "", ("owl", "jay"), removed=("crow",)), "2.wav,owl\n2.wav,jay\n"),
        (
            Correction("2.wav", "", ("owl", "crow", "jay", "tit"), added=("tit",)),
            "2.wav,owl\n2.wav,crow\n2.wav,jay\n2.wav,tit\n",
        ),
        (
            Correction("2.wav", "", ("owl", "tit", "jay"), removed=("crow",), added=("tit",)),
            "2.wav,owl\n2.wav,jay\n2.wav,tit\n",
        ),
        # one that was heard in the place of another lands in its row
        (
            Correction("2.wav", "", ("owl", "tit", "jay"), ("crow",), ("tit",), swapped=(("crow", "tit"),)),
            "2.wav,owl\n2.wav,tit\n2.wav,jay\n",
        ),
        (Correction("2.wav", "", (), removed=("owl", "crow", "jay")), "2.wav,\n"),  # the file stays in the table
        (
            Correction("2.wav", "", ("tit", "hen"), removed=("owl", "crow", "jay"), added=("tit", "hen")),
            "2.wav,tit\n2.wav,hen\n",
        ),
    ],
)
def test_corrections_land_in_the_right_rows(tmp_path: Path, correction: Correction, rows: str) -> None:
    before, _, _ = FIVE.partition("2.wav")
    table = read(tmp_path / "labels.csv", FIVE)
    assert exported(table, tmp_path / "out", correction).decode() == before + rows
    assert exported(table, tmp_path / "out").decode() == FIVE


def test_a_clip_with_one_row_gets_more_in_a_table_of_annotations(tmp_path: Path) -> None:
    table = read(tmp_path / "labels.csv", TIMED)
    heard = Correction(
        "2.wav", "", ("jay", "tit"), added=("jay", "tit"), regions=(("tit", Region(1.5, 1.75, 100, 200)),)
    )
    after = exported(table, tmp_path / "out", heard).decode()
    assert after.splitlines()[4:] == ["2.wav,,,,,jay,S2", "2.wav,1.5,1.75,100,200,tit,S2"]
    rejected = Correction("1.wav", "", ("jay",), removed=("owl",))
    assert exported(table, tmp_path / "out", rejected).decode().splitlines()[1:] == [
        "1.wav,3,3.25,2000,1000,jay,S1",
        "2.wav,,,,,,S2",
    ]
    other = Correction("1.wav", "", ("tit", "jay"), removed=("owl",), added=("tit",))
    assert exported(table, tmp_path / "out", other).decode().splitlines()[1:] == [
        "1.wav,3,3.25,2000,1000,jay,S1",
        "1.wav,,,,,tit,S1",  # nobody said that the tit is heard when the owl was thought to be
        "2.wav,,,,,,S2",
    ]
    same = replace(other, swapped=(("owl", "tit"),))
    assert exported(table, tmp_path / "out", same).decode() == TIMED.replace("owl", "tit")
    drawn = replace(same, regions=(("tit", Region(4, 5)),))
    assert exported(table, tmp_path / "out", drawn).decode().splitlines()[2] == "1.wav,4,5,,,tit,S1"


def test_no_time_or_box_of_a_rejected_label_is_given_to_another(tmp_path: Path) -> None:
    """Nor to the file alone, where it has no label left."""
    for labels, options in (
        ("label", {}),
        ("labels", {}),
        ("label", {"onset_column": "start", "offset_column": "end"}),
    ):
        text = f"file,start,end,{labels}\na.wav,1,2,owl\nb.wav,3,4,jay\n" + ("" if options else "b.wav,5,6,owl\n")
        table = read(tmp_path / f"{labels}{len(options)}" / "t.csv", text, **options)
        none = Correction("a.wav", "", (), removed=("owl",))
        assert exported(table, tmp_path / "out", none).decode() == text.replace("a.wav,1,2,owl", "a.wav,,,")
        tit = Correction("a.wav", "tit", ("tit",), removed=("owl",), added=("tit",))
        assert exported(table, tmp_path / "out", tit).decode() == text.replace("a.wav,1,2,owl", "a.wav,,,tit")
        heard = replace(tit, regions=(("tit", Region(1.5, 1.75)), ("tit", Region(7, 8))))
        rows = "a.wav,1.5,1.75,tit\na.wav,7,8,tit"
        assert exported(table, tmp_path / "out", heard).decode() == text.replace("a.wav,1,2,owl", rows)
        beside = Correction("a.wav", "owl", ("owl", "tit"), added=("tit",))
        assert exported(table, tmp_path / "out", beside).decode() == text.replace("1,2,owl", "1,2,owl\na.wav,,,tit")


def test_an_annotation_without_a_label_stays_and_takes_none(tmp_path: Path) -> None:
    text = "file,onset,offset,label\na.wav,1,2,\na.wav,3,4,owl\n"
    table = read(tmp_path / "t.csv", text)
    heard = Correction("a.wav", "", ("tit",), removed=("owl",), added=("tit",))
    assert exported(table, tmp_path / "out", heard).decode() == text.replace("3,4,owl", ",,tit")


def test_a_label_with_a_time_beside_lists_keeps_the_primary_of_the_file(tmp_path: Path) -> None:
    text = "filename,primary_label,secondary_labels,start,end\nx/a.ogg,owl,['jay'],1,2\nx/a.ogg,owl,[],3,4\n"
    table = read(tmp_path / "train.csv", text, "birdclef")
    heard = Correction("x/a.ogg", "owl", ("owl", "jay", "tit"), added=("tit",), regions=(("tit", Region(5, 6)),))
    after = exported(table, tmp_path / "out", heard).decode()
    assert after == text + "x/a.ogg,,['tit'],5,6\n"
    said = formats.get("birdclef").labels(after.encode(), table.options)
    assert said == {"x/a.ogg": TableLabels("owl", ("owl", "jay", "tit"))}
    other = Correction("x/a.ogg", "tit", ("tit", "jay"), removed=("owl",), added=("tit",))
    after = exported(table, tmp_path / "out", other).decode()
    assert after.splitlines()[1:] == ["x/a.ogg,,['jay'],1,2", "x/a.ogg,tit,[],,"]
    assert formats.get("birdclef").labels(after.encode(), table.options)["x/a.ogg"].primary == "tit"


def test_line_ends_and_a_last_line_without_one_survive(tmp_path: Path) -> None:
    text = 'filename,label,note\r\n"a.wav","owl",x\r\na.wav,jay,y'
    (tmp_path / "labels.csv").write_bytes(text.encode())
    table = formats.get("table").read(tmp_path / "labels.csv", None, {})
    after = exported(table, tmp_path / "out", Correction("a.wav", "", ("owl", "jay", "tit"), added=("tit",)))
    assert after.decode() == text + '\r\n"a.wav","tit",'
    after = exported(table, tmp_path / "out", Correction("a.wav", "owl", ("owl",), removed=("jay",)))
    assert after.decode() == 'filename,label,note\r\n"a.wav","owl",x'


def test_parquet_rows_are_taken_out_and_added(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a", "a", "b"], "onset": [0.0, 1.0, 2.0], "offset": [0.5, 1.5, 2.5],
                          "label": ["owl", "jay", "owl"], "take": [1, 1, 2]})  # fmt: skip
    frame.to_parquet(tmp_path / "labels.parquet")
    table = formats.get("table").read(tmp_path / "labels.parquet", None, {})
    heard = Correction("b", "", ("tit",), removed=("owl",), added=("tit",), regions=(("tit", Region(1.25, 1.5)),))
    gone = Correction("a", "", ("jay",), removed=("owl",))
    exported(table, tmp_path / "out", heard, gone)
    after = pd.read_parquet(tmp_path / "out" / "labels.parquet")
    assert after.to_dict("list") == {
        "file": ["a", "b"], "onset": [1.0, 1.25], "offset": [1.5, 1.5], "label": ["jay", "tit"], "take": [1, 2],
    }  # fmt: skip
    assert dict(after.dtypes) == dict(frame.dtypes)


def test_a_new_row_copies_nothing_that_was_said_of_one_label(tmp_path: Path) -> None:
    text = "id,filename,label,site,sure\n1,a.wav,owl,N,yes\n2,a.wav,jay,N,no\n3,b.wav,owl,S,yes\n"
    table = read(tmp_path / "labels.csv", text)
    after = exported(table, tmp_path / "out", Correction("b.wav", "", ("owl", "tit"), added=("tit",)))
    assert after.decode() == text + ",b.wav,tit,S,\n"


@pytest.mark.parametrize(
    ("column", "kind", "why"),
    [("onset", pa.float64(), "must not be empty"), ("onset", pa.int64(), "cannot hold '0.25'")],
)
def test_parquet_that_cannot_hold_a_new_row_keeps_it_beside(
    tmp_path: Path, column: str, kind: pa.DataType, why: str
) -> None:
    timed = kind == pa.int64()
    fields = [("file", pa.string()), (column, kind), ("offset", kind), ("label", pa.string())]
    schema = pa.schema([pa.field(name, its_kind, nullable=timed) for name, its_kind in fields])
    rows = [["a", "a", "b"], [0, 1, 2], [1, 2, 3], ["owl", "jay", "owl"]]
    parquet.write_table(pa.table(rows, schema=schema), tmp_path / "labels.parquet")
    table = formats.get("table").read(tmp_path / "labels.parquet", None, {})
    regions = (("jay", Region(0.25, 0.5)),) if timed else ()
    heard = Correction("b", "", ("owl", "jay"), added=("jay",), regions=regions)
    write = formats.get("table").write
    assert write is not None
    written = write(table.table_bytes, table.options, {"b": heard}, tmp_path / "out")
    assert [(held.class_code, held.now) for held in written.not_held] == [("jay", "secondary")]
    assert why in written.not_held[0].why
    assert (tmp_path / "out" / "labels.parquet").read_bytes() == table.table_bytes


def test_times_of_a_new_row_are_rounded_as_their_column_rounds(tmp_path: Path) -> None:
    times = {name: pa.array(values, pa.float32()) for name, values in (("onset", [0, 1, 2]), ("offset", [1, 2, 3]))}
    parquet.write_table(
        pa.table({"file": ["a", "a", "b"], **times, "label": ["owl", "jay", "owl"]}), tmp_path / "l.parquet"
    )
    table = formats.get("table").read(tmp_path / "l.parquet", None, {})
    regions = (("jay", Region(0.1, 1)),)
    exported(table, tmp_path / "out", Correction("b", "", ("owl", "jay"), added=("jay",), regions=regions))
    after = pd.read_parquet(tmp_path / "out" / "l.parquet").to_dict("list")
    assert after["label"] == ["owl", "jay", "owl", "jay"]
    assert (after["onset"][3], after["offset"][3]) == (pytest.approx(0.1), 1.0)
