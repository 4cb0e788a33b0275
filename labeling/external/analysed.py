"""Which recordings a model listened to, as its owner says: a table of detections is silent about those without any.

A text file with a name a line, a table with a column of file names, or the folder of the recordings themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from labeling.errors import DataError, FormatError
from labeling.external.base import Reader
from labeling.external.matching import Matcher
from labeling.external.tabular import batches, columns_of, is_table
from labeling.external.wide import FILE_COLUMNS, first_of
from labeling.file_names import AUDIO_SUFFIXES
from labeling.storage.delimited import decoded


def analysed_here(path: Path | None, reader: Reader, matcher: Matcher) -> tuple[Sequence[int], Sequence[int]]:
    """The clips that a model listened to and the classes that it knows, beside those that its results name.

    None where there is no list of them (``path``); the classes are those that the user gave names of. Raises DataError
    where the results say all by themselves, FormatError where nothing of the list is a clip here.
    """
    if path is None:
        return (), ()
    if not reader.sparse:
        raise DataError(
            f"--analysed is for tables of detections, and {reader.name} has a value of every clip that it names; leave "
            "it out"
        )
    rows = matcher.rows(names_of(path))
    matcher.require(f"--analysed {path}", int((rows >= 0).sum()), "clips")
    return rows[rows >= 0].tolist(), matcher.given_columns()


def names_of(path: Path) -> list[str]:
    """The names of the recordings, each once; raises FormatError where there are none."""
    if path.is_dir():
        names = [
            Path(folder, name).relative_to(path).as_posix()
            for folder, _, files in sorted(os.walk(path))
            for name in sorted(files)
            if Path(name).suffix.lower() in AUDIO_SUFFIXES
        ]
        lacking = f"the folder holds no recordings ({', '.join(AUDIO_SUFFIXES)}); give the one that was analysed"
    elif not path.is_file():
        raise FormatError(f"--analysed {path}: nothing there; give a list of the analysed recordings, or their folder")
    else:
        column = first_of(columns_of(path), [name for name in FILE_COLUMNS if name]) if is_table(path) else None
        if column is not None:
            names = [word for batch in batches(path, [column], []) for word in batch.text[column].words]
        elif path.suffix.lower() in (".parquet", ".pq"):
            raise FormatError(f"--analysed {path} has no column of file names; call it filename")
        else:
            try:
                names = [line.strip() for line in decoded(path.read_bytes(), str(path)).text.splitlines()]
            except OSError as problem:
                raise FormatError(f"cannot read --analysed {path}: {problem.strerror}") from problem
        lacking = "it names no recording; write one a line, or a column filename"
    names = list(dict.fromkeys(filter(None, names)))
    if not names:
        raise FormatError(f"--analysed {path}: {lacking}")
    return names
