"""Detection, the byte-preserving tables, list cells, and paths that stay inside the audio folder."""

from __future__ import annotations

import csv
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.annotation.paths import inside
from labeling.collection.formats import detect_format, find_table, formats
from labeling.collection.tabular.delimited import CsvTable
from labeling.collection.tabular.mapped import guess_separator
from labeling.collection.tabular.reading import header, read_table
from labeling.errors import EarmarkError, FormatError, UnknownName
from labeling.storage.files import write_atomically
from tests.support.examples import examples

# ---------------------------------------------------------------------------------------------- detection


def test_formats_are_found_by_their_columns(tmp_path: Path) -> None:
    cases = {
        "primary_label,secondary_labels,filename\n": "birdclef",
        "ebird_code,secondary_labels,filename\n": "birdclef",
        "filename,fold,target,category,esc10,src_file,take\n": "esc50",
        "fname,labels\n": "table",
        "filepath;label;site\n": "table",
        "wav\tspecies\n": "table",
    }
    for i, (text, wanted) in enumerate(cases.items()):
        path = tmp_path / f"t{i}.csv"
        path.write_text(text)
        assert detect_format(path) == wanted
    assert {"birdclef", "esc50", "table"} <= set(formats.names())


def test_a_folder_is_found_by_its_conventional_table(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "sample_submission.csv").write_text("row_id,amecro\n")
    (tmp_path / "b" / "train.csv").write_text("primary_label,secondary_labels,filename\n")
    assert find_table(tmp_path / "b", detect_format(tmp_path / "b")).name == "train.csv"
    (tmp_path / "e" / "meta").mkdir(parents=True)
    (tmp_path / "e" / "meta" / "esc50.csv").write_text("filename,fold,target,category\n")
    assert detect_format(tmp_path / "e") == "esc50"
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "train_curated.csv").write_text("fname,labels\n")
    assert detect_format(tmp_path / "k") == "table"
    (tmp_path / "k" / "other.csv").write_text("fname,labels\n")
    with pytest.raises(FormatError, match=r"2 tables .*other.csv, train_curated.csv.*full path"):
        detect_format(tmp_path / "k")


def test_a_long_table_is_known_by_its_first_line_alone(tmp_path: Path) -> None:
    for shift in range(3):  # the first 64 KiB end before, within and after the two bytes of an ü
        path = tmp_path / f"{shift}.csv"
        path.write_bytes("fname,labels,Höhe\n".encode() + b"x" * shift + "ü".encode() * 100_000 + b',a,1\nb,"c')
        assert header(path) == ["fname", "labels", "Höhe"]
        assert detect_format(path) == "table"


def test_what_fits_no_format_is_named_with_what_each_needs(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("alpha,beta\n1,2\n")
    with pytest.raises(FormatError) as caught:
        detect_format(path)
    message = str(caught.value)
    assert "its columns are alpha, beta" in message
    for name in ("birdclef: ", "esc50: ", "table: "):
        assert name in message
    assert "--path-column" in message
    with pytest.raises(FormatError, match=r"x\.csv with alpha, beta"):
        detect_format(tmp_path)
    with pytest.raises(FormatError, match="nothing at"):
        detect_format(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="it holds no table"):
        detect_format(tmp_path / "empty")
    (tmp_path / "a.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    with pytest.raises(FormatError, match=r"a\.wav is no table \(CSV, TSV or Parquet\)"):
        detect_format(tmp_path / "a.wav")
    with pytest.raises(UnknownName, match=r"unknown format 'bridclef'.*Did you mean 'birdclef'"):
        find_table(tmp_path, "bridclef")
    with pytest.raises(FormatError, match="no esc50 collection at"):
        find_table(tmp_path, "esc50")


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (
            b"PK\x03\x04\x14\0",
            r"is a spreadsheet's workbook \(.xlsx, .ods\) or another zip, no text table; save it as CSV",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"is an Excel workbook \(.xls\), no text table; save it as CSV"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"\r\n\n", "is empty: a table has a line of column names, and a row a clip below it"),
        (b"\xef\xbb\xbf", "is empty"),
    ],
)
def test_what_is_no_table_is_named_for_what_it_is(tmp_path: Path, start: bytes, why: str) -> None:
    (tmp_path / "x.xlsx").write_bytes(start)
    with pytest.raises(FormatError, match=rf"x\.xlsx {why}"):
        detect_format(tmp_path / "x.xlsx")
    with pytest.raises(FormatError, match=rf"it holds x\.xlsx, which {why}"):
        detect_format(tmp_path)
    with pytest.raises(FormatError, match=r"empty|no text table"):
        read_table(start, "t.csv")


def test_hundreds_of_columns_never_flood_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(",".join(f"c{i:03d}" for i in range(264)) + "\n1\n")
    with pytest.raises(FormatError, match=r"its columns are c000, .*c009, … \(264 in all\)"):
        detect_format(path)
    for name in ("birdclef", "esc50", "table"):
        with pytest.raises(FormatError, match=r"has c000, .*c009, … \(264 in all\)"):
            formats.get(name).read(path, None, {})


# ---------------------------------------------------------------------------------------------- CSV tables

text = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=12)
cells = st.one_of(
    text, st.sampled_from(["", 'say "hi"', "a,b", "x\ny", "x\r\ny", "=cmd()", "ü", "🐦", " ", "['a', 'b']"])
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, list[list[str]], str, str]:
    """A written table, its cells, delimiter and encoding."""
    width = draw(st.integers(2, 5))
    rows = [
        [f"c{i}" for i in range(width)],
        *draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8)),
    ]
    delimiter = draw(st.sampled_from(",;\t|"))
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    always = draw(st.booleans())

    def shown(cell: str) -> str:
        quoted = always or any(sign in cell for sign in (delimiter, '"', "\r", "\n"))
        return '"' + cell.replace('"', '""') + '"' if quoted else cell

    whole = "".join(delimiter.join(shown(cell) for cell in row) + ending for row in rows)
    if draw(st.booleans()) and len(rows) > 1:
        whole = whole.removesuffix(ending)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    return whole.encode(encoding), rows, delimiter, encoding


def parsed(data: bytes, delimiter: str, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(encoding), newline=""), delimiter=delimiter))


@examples(100)
@given(tables(), st.data())
def test_a_table_comes_back_byte_for_byte_and_changes_only_where_told(
    table: tuple[bytes, list[list[str]], str, str], data: st.DataObject
) -> None:
    raw, rows, delimiter, encoding = table
    read = read_table(raw, "t.csv")
    assert read.columns == rows[0]
    assert list(read.rows.values()) == rows[1:]
    assert list(read.rows) == list(range(2, len(rows) + 1))
    assert read.changed({}) == raw
    # an empty change takes the long way, by cutting and joining
    assert read.changed({-5: {0: "x"}}) == raw
    if len(rows) == 1:
        return
    row = data.draw(st.integers(2, len(rows)))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    value = data.draw(cells)
    changed = read.changed({row: {column: value}})
    wanted = [list(one) for one in rows]
    wanted[row - 1][column] = value
    assert parsed(changed, delimiter, encoding) == wanted
    assert list(read_table(changed, "t.csv").rows.values()) == wanted[1:]


@examples(100)
@given(st.one_of(st.binary(max_size=80), st.text(st.sampled_from('a,;"\n\r\t |ü')).map(str.encode)))
def test_any_bytes_are_a_table_or_a_clear_error(raw: bytes) -> None:
    try:
        read = read_table(raw, "t.csv")
    except FormatError:
        return
    assert read.changed({-99: {0: "x"}}) == raw


def test_untouched_bytes_stay_whatever_they_are() -> None:
    raw = (
        b'filename,label,note\r\n'
        b'"a.wav",dog,"said ""no"", twice"\r\n'
        b'\r\n'
        b'b.wav,"cat","line one\nline two"\n'
        b'c.wav,  cow ,caf\xc3\xa9\r\n'
        b'd.wav,hen'
    )  # fmt: skip
    table = read_table(raw, "t.csv")
    assert table.rows[4] == ["b.wav", "cat", "line one\nline two"]
    assert table.rows[6] == ["d.wav", "hen", ""]
    changed = table.changed({4: {1: "owl"}, 6: {1: "a,b"}})
    assert changed == raw.replace(b'"cat"', b'"owl"').replace(b"d.wav,hen", b'd.wav,"a,b"')


def test_cells_mean_what_pandas_reads(tmp_path: Path) -> None:
    raw = b'a,b,c\n"x""y",\'q\',"p"tail\n, "z",1\nlast,"",""""\n'
    frame = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False)
    assert list(read_table(raw, "t.csv").rows.values()) == frame.to_numpy().tolist()


def test_encodings(tmp_path: Path) -> None:
    latin = "filename,label\na.wav,Käuzchen\n".encode("latin-1")
    table = read_table(latin, "t.csv")
    assert table.rows[2] == ["a.wav", "Käuzchen"]
    assert "not UTF-8 (line 2)" in table.warnings[0]
    assert table.changed({2: {0: "b.wav"}}) == latin.replace(b"a.wav", b"b.wav")
    with pytest.raises(FormatError, match="cannot hold '🐦'; save it as UTF-8"):
        table.changed({2: {1: "🐦"}})
    with pytest.raises(FormatError, match="NUL bytes"):
        read_table(b"a,b\n\0", "t.csv")
    odd = bytes(range(1, 256)).replace(b'"', b"").replace(b"\n", b"").replace(b"\r", b"")
    assert read_table(b"a,b\n" + odd, "t.csv").changed({9: {}}) == b"a,b\n" + odd


def test_broken_tables_say_where() -> None:
    with pytest.raises(FormatError, match=r"line 3: a quote \(\"\) is opened and never closed"):
        read_table(b'a,b\n1,2\n3,"four\n5,6\n', "t.csv")
    for empty in (b"", b"\n\n", b"\xef\xbb\xbf"):
        with pytest.raises(FormatError, match="the table is empty"):
            read_table(empty, "t.csv")
    with pytest.raises(FormatError, match="not a whole Parquet file"):
        read_table(b"PAR1 and no more", "t.parquet")


def test_a_large_table_is_cut_fast_enough() -> None:
    raw = b"a,b,c,d,e,f,g,h\n" + b'1,"two, too",3,4,5,6,7,"eight"\n' * 50_000
    assert len(CsvTable(raw, "t.csv").rows) == 50_000
    # quotes that never close must not take quadratic time
    with pytest.raises(FormatError):
        CsvTable(b'a,b\n1,"' + b'""' * 500_000, "t.csv")


# ------------------------------------------------------------------------------------ between two labels


def test_separators() -> None:
    assert guess_separator(["a;b,c", "d"]) == ";"
    assert guess_separator(["Bark", "Meow,Purr"]) == ","
    assert guess_separator(["amecro houspa", "amecro", "houspa"]) == " "
    assert guess_separator(["Bass guitar", "Electric guitar"]) == ""
    assert guess_separator(["['a', 'b']", "['c']", ""]) == "list"


# ---------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a/b.ogg", "a/b.ogg"),
        ("./a//b.ogg", "a/b.ogg"),
        ("a/..b.ogg", "a/..b.ogg"),
        ("/data/audio/a/b.ogg", "a/b.ogg"),
        ("../../etc/passwd", None),
        ("a/../../b.ogg", None),
        ("..", None),
        ("..\\..\\b.ogg", None),
        ("/etc/passwd", None),
        ("/data/audio2/b.ogg", None),
        ("/data/audio/../x.ogg", None),
        ("C:\\x.ogg", None),
        ("\\\\server\\x.ogg", None),
        ("s3://elsewhere/x.ogg", None),
        ("file:///etc/passwd", None),
        ("", None),
        (" ", None),
        ("a\0b.ogg", None),
        ("x" * 5000, None),
    ],
)
def test_names_never_lead_outside(name: str, wanted: str | None) -> None:
    assert inside("/data/audio", name) == wanted


@given(st.text(st.sampled_from("./\\a~: C\0")))
def test_no_spelling_leads_outside(name: str) -> None:
    root = "/data/audio"
    relative = inside(root, name)
    if relative is not None:
        assert os.path.normpath(os.path.join(root, relative)).startswith(root + "/")
        assert ".." not in relative.replace("\\", "/").split("/")


# ---------------------------------------------------------------------------------------------- writing


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out" / "t.csv"
    assert write_atomically(path, b"one").read_bytes() == b"one"
    write_atomically(path, b"two")
    assert [one.name for one in path.parent.iterdir()] == ["t.csv"]
    with pytest.raises(EarmarkError, match="choose another folder"):
        write_atomically(path / "below-a-file.csv", b"x")
    # a file-size limit stops a real write midway, like a full disk
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from labeling.errors import EarmarkError\nfrom labeling.storage.files import write_atomically\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "try:\n    write_atomically(Path(sys.argv[1]), b'x' * 5000)\nexcept EarmarkError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    assert "cannot write" in done.stdout, done.stderr
    assert path.read_bytes() == b"two"
    assert [one.name for one in path.parent.iterdir()] == ["t.csv"]
