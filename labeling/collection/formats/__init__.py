"""One file a format, each reads a collection and most write its labels back; all are found through ``formats``.

To add one: make a module with a ``FORMAT`` (see base.Format) and add it below.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from pathlib import Path

from labeling.collection.annotation.base import Correction, Format, ImportedClip, ImportedTable, Problem
from labeling.collection.formats import birdclef, dcase_strong, huggingface, onehot, presets, row_id, soundscapes, table
from labeling.collection.formats.events import aplose, audacity, avianz, dcase_soft, kaleidoscope, raven, textgrid
from labeling.collection.formats.folders import classes, recordings, segments
from labeling.collection.formats.freesound import audioset, fsd50k, fsdkaggle2019
from labeling.collection.formats.platforms import aoef, hoplite, inaturalist, labelstudio, xenocanto
from labeling.collection.formats.trainers import lhotse, masks, webdataset
from labeling.collection.tabular.beside import is_beside
from labeling.collection.tabular.mapped import PATH_COLUMNS
from labeling.collection.tabular.reading import SUFFIXES, header
from labeling.errors import FormatError
from labeling.registry import Registry, some_of
from labeling.storage.delimited import no_text

MOST_TABLES = 50
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")

formats: Registry[Format] = Registry("format")
for _format in (
    aoef.FORMAT,
    aplose.FORMAT,
    audacity.FORMAT,
    audioset.FORMAT,
    avianz.FORMAT,
    birdclef.FORMAT,
    classes.FORMAT,
    dcase_soft.FORMAT,
    dcase_strong.FORMAT,
    fsd50k.FORMAT,
    fsdkaggle2019.FORMAT,
    hoplite.FORMAT,
    huggingface.over(table.FORMAT),
    huggingface.PACKED,
    inaturalist.FORMAT,
    kaleidoscope.FORMAT,
    labelstudio.FORMAT,
    lhotse.FORMAT,
    masks.FORMAT,
    onehot.FORMAT,
    *(preset.format() for preset in presets.PRESETS),
    raven.FORMAT,
    recordings.FORMAT,
    row_id.FORMAT,
    segments.FORMAT,
    soundscapes.FORMAT,
    table.FORMAT,
    textgrid.FORMAT,
    webdataset.FORMAT,
    xenocanto.FORMAT,
):
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
    "taking",
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
        if collection_format.reads
    )
    raise FormatError(f"no format fits {place}: {_what_is_there(place)}. Formats, and what each needs:\n{needs}")


def taking(path: str | Path, options: Collection[str]) -> str:
    """The format of a collection of which columns were named: one that knows them and finds itself there, or table.

    A folder with a table that names files is one for ``table``, as ever.
    """
    place = existing(path)
    here = sorted(place.iterdir()) if place.is_dir() else ()
    tables = (one for one in here if one.suffix in SUFFIXES[:2] and not is_beside(one))
    if any({name.lower() for name in header(one)} & set(PATH_COLUMNS) for one in islice(tables, MOST_TABLES)):
        return "table"
    for name, other in sorted(formats, key=lambda pair: pair[1].rank):
        if set(options) <= other.asks.keys() and other.find(place) is not None:
            return name
    return "table"


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
    if table_path is None and place.is_dir() and not collection_format.any_folder:
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
