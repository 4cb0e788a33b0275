"""One file a format, each reads a collection and most write its labels back; all are found through ``formats``.

To add one: make a module with a ``FORMAT`` (see base.Format) and add it below.
"""

from __future__ import annotations

from pathlib import Path

from labeling.collection.formats import birdclef, esc50, table
from labeling.collection.formats.base import Correction, Format, ImportedClip, ImportedTable, Problem
from labeling.collection.formats.tables import SUFFIXES, header
from labeling.errors import FormatError
from labeling.registry import Registry, some_of
from labeling.storage.delimited import no_text

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")

formats: Registry[Format] = Registry("format")
for _format in (birdclef.FORMAT, esc50.FORMAT, table.FORMAT):
    formats.add(_format.name, _format)

__all__ = [
    "Correction",
    "Format",
    "ImportedClip",
    "ImportedTable",
    "Problem",
    "detect_format",
    "find_table",
    "formats",
]


def detect_format(path: str | Path) -> str:
    """Find out of which format a collection is.

    Parameters
    ----------
    path : str or Path
        The collection's folder, or its table.

    Returns
    -------
    str
        A name in `formats`. Where several fit, the one with the lowest ``rank``.

    Raises
    ------
    FormatError
        Nothing is there, or no format fits. The message says what is there and what each format needs.

    Examples
    --------
    >>> from labeling.collection.formats import detect_format
    >>> from labeling.example import example_collection
    >>> detect_format(example_collection())
    'table'
    """
    place = existing(path)
    for name, collection_format in sorted(formats, key=lambda pair: pair[1].rank):
        if collection_format.find(place) is not None:
            return name
    if place.is_file() and not any(header(place)):
        raise FormatError(f"{place} {_why_no_table(place)}")
    needs = "\n".join(
        f"  {name}: {collection_format.needs}"
        for name, collection_format in sorted(formats, key=lambda pair: pair[1].rank)
    )
    raise FormatError(f"no format fits {place}: {_what_is_there(place)}. Formats, and what each needs:\n{needs}")


def find_table(path: str | Path, name: str) -> Path:
    """Find the table of a collection.

    Parameters
    ----------
    path : str or Path
        The collection's folder, or its table.
    name : str
        The format to read it as.

    Returns
    -------
    Path
        The table that the format reads there. A file is returned as it is, fitting or not: to read it says what is
        wrong.

    Raises
    ------
    FormatError
        Nothing is there, or the folder holds no table of this format.
    UnknownName
        There is no such format.

    Examples
    --------
    >>> from labeling.collection.formats import find_table
    >>> from labeling.example import example_collection
    >>> find_table(example_collection(), "table").name
    'train.csv'
    """
    collection_format = formats.get(name)
    place = existing(path)
    table_path = collection_format.find(place)
    if table_path is None and place.is_dir() and name != "table":
        raise FormatError(
            f"no {name} collection at {place}: {_what_is_there(place)}. It needs {collection_format.needs}"
        )
    return table_path or place  # a file that does not fit is read all the same, for the reader's exact complaint


def existing(path: str | Path) -> Path:
    """The path, if something is there; raises FormatError."""
    place = Path(path).expanduser()
    if not place.exists():
        raise FormatError(f"nothing at {place}; give a collection's folder or its table")
    return place


def _what_is_there(place: Path) -> str:
    if place.is_file():
        return f"its columns are {some_of(header(place))}"
    around = (*place.glob("*.*"), *place.glob("*/*.*"))
    tables = sorted(path for path in around if path.suffix.lower() in (*SUFFIXES, *WORKBOOKS))[:5]
    shown = [(path.relative_to(place), header(path)) for path in tables]
    told = (
        f"{name} with {some_of(columns)}" if any(columns) else f"{name}, which {_why_no_table(place / name)}"
        for name, columns in shown
    )
    return f"it holds {'; '.join(told)}" if shown else "it holds no table (CSV, TSV or Parquet)"


def _why_no_table(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            start = handle.read(1 << 16)
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        return "is empty: a table has a line of column names, and a row a clip below it"
    return no_text(start) or "is no table (CSV, TSV or Parquet)"
