"""labeling/storage/csvsafe.py"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeling.errors import FormatError
from labeling.storage.csvsafe import csv_bytes, guard, read_csv, read_sheet, unguard

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("'=+-@\t\r\n\", a", max_size=6)


@given(TEXTS)
@example("'=1")
@example("''=1")
@example("'s")
def test_guard_and_back(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1"])
def test_a_formula_is_marked(text: str) -> None:
    assert guard(text) == "'" + text


@pytest.mark.parametrize("text", ["", "amecro", "a=b", "'tis", "🦉", "<b>"])
def test_other_text_stays(text: str) -> None:
    assert guard(text) == text == unguard(text)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
@example([("a\rb", "c")])
@example([("", "")])
def test_a_table_and_back(rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(csv_bytes(("one", "two"), rows))
        assert [(row["one"], row["two"]) for row in read_csv(path, ("one", "two"))] == rows


def test_numbers_are_no_formulas_and_none_is_empty() -> None:
    assert csv_bytes(("a", "b", "c"), [(-1.5, None, "-x")]) == b"a,b,c\n-1.5,,'-x\n"


def test_what_a_spreadsheet_reads() -> None:
    data = csv_bytes(("class",), [("=cmd()",), ('a, "b"',), ("🦉",)]).decode()
    assert [row[0] for row in csv.reader(io.StringIO(data))] == ["class", "'=cmd()", 'a, "b"', "🦉"]


def test_a_mark_of_byte_order_and_spaces_in_the_header(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbf filename , class\r\na.ogg,x\r\n")
    assert read_csv(file, ("filename", "class")) == [{"filename": "a.ogg", "class": "x"}]


def test_rows_too_short_or_too_long(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1\n1,2,3\n")
    assert read_csv(file, ("a",)) == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]
    sheet = read_sheet(file, ("a",))
    assert (sheet.numbers, sheet.too_long) == ([2, 3], {3})
    assert read_csv(file, ("b",)) == read_csv(file, ("a",))


def test_a_sheet_knows_its_delimiter_and_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes('sep=\t\r\nFile\tA,b\r\n\r\n"x\ny"\t\'=1\r\n\t\r\nz\t\r\n'.encode("utf-16"))
    sheet = read_sheet(file, ("file",))
    assert sheet.rows == [{"file": "x\ny", "A,b": "=1"}, {"file": "", "A,b": ""}, {"file": "z", "A,b": ""}]
    assert (sheet.numbers, sheet.delimiter, sheet.guessed) == ([4, 5, 6], "\t", "")
    assert (sheet.number(" 1,5 "), sheet.number("1.5"), sheet.number("-3")) == (1.5, 1.5, -3.0)
    for text in ("1,234,567", "1.234,5", "x", ""):
        with pytest.raises(ValueError, match="could not convert"):
            sheet.number(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"filename,verdict\n", "has no column class; it has filename, verdict; needed are filename, class"),
        (b"", "bad.csv is empty; it needs a line with the columns filename, class, and rows below it"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "bad.csv holds NUL bytes, so it is no text table; save it as CSV"),
        (b",".join(b"c%d" % n for n in range(264)), r"it has c0, .*c9, … \(264 in all\); needed are"),
        (b"filename,class\n\xff\xfe,x\n", "not UTF-8 at byte 15"),
        (b'filename,class\n"open,x\n', "not a CSV"),
        (b'filename,class\n"a"b,x\n', "not a CSV"),
        (b"filename,class\n" + b"x" * 200_000, "not a CSV"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    with pytest.raises(FormatError, match=said):
        read_csv(file, ("filename", "class"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        read_csv(tmp_path / "none.csv", ())
    with pytest.raises(FormatError, match="directory"):
        read_csv(tmp_path, ())
