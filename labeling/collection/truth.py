"""What the labels of a collection truly are, from a CSV: all labels of its clips, or the cells that are wrong.

``truth_labels.csv`` has a row a clip: ``filename`` and ``labels`` (';' between them), or ``primary_label`` and
``secondary_labels``. ``truth_noise.csv`` has a row a wrong cell, ``filename`` and ``label``: imported and not there,
or there and not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.collection.tabular.lists import parse_list
from labeling.errors import FormatError
from labeling.storage.csvsafe import read_csv

Bools = NDArray[np.bool_]
EVENT_COLUMNS = {"onset", "onset_s", "offset", "offset_s"}


@dataclass(frozen=True)
class Truth:
    """True labels in the rows and columns of a collection: ``present`` (N, C) where ``covered`` (N,), else False.

    ``unknown`` are labels of the file that are no class.
    """

    present: Bools
    covered: Bools
    unknown: tuple[str, ...] = ()


def read_truth(path: Path, filenames: Sequence[str], classes: Sequence[str], imported: Bools) -> Truth:
    """The truth of these clips and classes, from either kind of file; ``imported`` (N, C) are the labels as they came.

    A file of wrong cells covers every clip: what it does not name is right. Raises FormatError for a file that is
    neither kind, cannot be read, or names no clip or no class of the collection.
    """
    lines = read_csv(path, ("filename",))
    if not lines:
        raise FormatError(f"{path} has no rows under its column names; give a file that tells the truth of some clips")
    columns = set(lines[0])
    if columns & {"labels", "primary_label"}:
        present, rows, unknown = read_labels(path, filenames, classes, of="the collection")
        whole, covered = np.zeros(imported.shape, bool), np.zeros(len(filenames), bool)
        whole[rows], covered[rows] = present, True
        return Truth(whole, covered, tuple(unknown))
    if "label" not in columns or columns & EVENT_COLUMNS:  # events say what is there, and not which labels are wrong
        raise FormatError(
            f"{path} tells no truth: it has {', '.join(sorted(columns))}; give filename and labels (';' between them), "
            "or filename and label with a row for each wrong cell"
        )
    row_of = {name: row for row, name in enumerate(filenames)}
    column_of = {code: column for column, code in enumerate(classes)}
    wrong = np.zeros(imported.shape, bool)
    unknown_codes = set()
    for line in lines:
        row, column = row_of.get(line["filename"]), column_of.get(line["label"].strip())
        if column is None:
            unknown_codes.add(line["label"].strip())
        elif row is not None:
            wrong[row, column] = True
    if not wrong.any():
        raise FormatError(
            f"{path} names no cell of the collection's {len(filenames)} clips and {len(classes)} classes; check its "
            "filename and label columns"
        )
    return Truth(imported ^ wrong, np.ones(len(filenames), bool), tuple(sorted(unknown_codes)))


def read_labels(
    path: Path, filenames: Sequence[str], classes: Sequence[str], of: str = "the run"
) -> tuple[Bools, NDArray[np.int64], list[str]]:
    """True labels (M, C) of the clips that a file names, their places in ``filenames``, and labels that are no class.

    ``of`` says whose clips and classes they are, for messages. Raises FormatError where the file has not the columns,
    names a clip twice, or no clip or no class.
    """
    row_of = {name: row for row, name in enumerate(filenames)}
    column_of = {code: column for column, code in enumerate(classes)}
    rows: dict[int, None] = {}
    present = []
    unknown: set[str] = set()
    lines = read_csv(path, ("filename",))
    codes_of = _reader(path, set(lines[0]) if lines else set())
    for line in lines:
        if line["filename"] not in row_of:
            continue
        if row_of[line["filename"]] in rows:
            raise FormatError(f"{path} names {line['filename']!r} twice; keep one of the two rows")
        presence = np.zeros(len(classes), bool)
        for code in codes_of(line):
            if code in column_of:
                presence[column_of[code]] = True
            else:
                unknown.add(code)
        rows[row_of[line["filename"]]] = None
        present.append(presence)
    if not rows:
        raise FormatError(f"{path} names none of {of}'s {len(filenames)} clips; check its filename column")
    if unknown and not np.any(present):
        raise FormatError(
            f"{path}: {min(unknown)!r} and all its other labels are no class of {of} ({', '.join(classes[:5])}, "
            "...); put ';' between labels"
        )
    return np.array(present), np.array(list(rows)), sorted(unknown)


def _reader(path: Path, columns: set[str]) -> Callable[[dict[str, str]], list[str]]:
    """How the codes of a row are read."""
    if "labels" in columns or "primary_label" not in columns:
        if "labels" not in columns:
            read_csv(path, ("filename", "labels"))  # raises, and names what is missing
        return lambda line: [code for text in line["labels"].split(";") if (code := text.strip())]

    def primary_first(line: dict[str, str]) -> list[str]:
        others = parse_list(line.get("secondary_labels", ""))
        if others is None:
            raise FormatError(f"{path}: secondary_labels {line['secondary_labels']!r} is no list; write ['a', 'b']")
        return [*filter(None, [line["primary_label"].strip()]), *others]

    return primary_first
