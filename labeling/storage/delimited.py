"""Text tables as programs and spreadsheets write them: their encoding, and the sign between their cells."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from labeling.errors import FormatError

DELIMITERS = (",", "\t", ";", "|")
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet's workbook (.xlsx, .ods) or another zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed (gzip)",
    b"%PDF": "a PDF",
}
_SEP = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)


@dataclass(frozen=True)
class Decoded:
    """A text and how it was encoded; ``guessed`` is a sentence where its encoding is not certain."""

    bom: bytes
    encoding: str
    text: str
    guessed: str = ""


def decoded(data: bytes, name: str) -> Decoded:
    """By the mark of byte order, else UTF-8, else as Windows writes western text. Raises FormatError for no text."""
    if why := no_text(data):
        raise FormatError(f"{name} {why}")
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                return Decoded(bom, encoding, data[len(bom) :].decode(encoding))
            except UnicodeDecodeError as error:
                raise FormatError(f"{name}: not {encoding} text at byte {error.start}; save it as UTF-8") from None
    try:
        return Decoded(b"", "utf-8", data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        for encoding in ("cp1252", "latin-1"):
            with contextlib.suppress(UnicodeDecodeError):
                guessed = f"{name} is not UTF-8 (line {line}); read as {encoding}, so check names with accents"
                return Decoded(b"", encoding, data.decode(encoding), guessed)
        raise


def no_text(data: bytes) -> str:
    """What is wrong with a file that is no text, and what to do; "" for text. Its beginning is enough."""
    kind = next((kind for start, kind in _NO_TEXT.items() if data.startswith(start)), "")
    return f"is {kind}, no text table; save it as CSV and give that" if kind else ""


def named_delimiter(text: str) -> tuple[str, str]:
    """The delimiter that a first line ``sep=;`` names, as Excel writes and reads it ("" = none), and the text after."""
    match = _SEP.match(text)
    return (match[1], text[match.end() :]) if match else ("", text)


def guess_delimiter(text: str, needed: Sequence[str]) -> str:
    """The delimiter that gives a small table the columns it needs, else the one that gives it most."""

    def columns(delimiter: str) -> tuple[bool, int]:
        names: list[str] = []
        with contextlib.suppress(csv.Error, StopIteration):
            names = [
                name.strip().lower() for name in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
            ]
        return all(name.lower() in names for name in needed), len(names)

    return max(DELIMITERS, key=columns)  # of equals the first
