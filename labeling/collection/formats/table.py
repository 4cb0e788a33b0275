"""Any table with a path column and a label or labels column: CSV, TSV or Parquet, mapped by options or by guessing.

Its options are those of tabular/mapped.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Format, Labelling, Written
from labeling.collection.tabular.anew import NewTable, write_new
from labeling.collection.tabular.beside import is_beside
from labeling.collection.tabular.mapped import LABEL_COLUMNS, LABELS_COLUMNS, PATH_COLUMNS, labels, read, write
from labeling.collection.tabular.reading import SUFFIXES, header
from labeling.errors import SeveralTables

NEEDS = (
    "a CSV, TSV or Parquet table with a column of file names (filename, file, path, fname, ...) and a column label or "
    "labels; name others with --path-column, --label-column, --labels-column"
)
FIRST_TRIED = ("train.csv", "train_metadata.csv", "metadata.csv", "labels.csv")


def find(path: Path) -> Path | None:
    """The table at a folder or file, or None. Raises FormatError where a folder holds several that fit."""
    if path.is_file():
        return path if _fits(header(path)) else None
    fitting = [
        candidate
        for candidate in sorted(path.iterdir())
        if candidate.is_file()
        and candidate.suffix.lower() in SUFFIXES
        and _fits(header(candidate))
        and not is_beside(candidate)
    ]
    if len(fitting) > 1:
        first = [candidate for candidate in fitting if candidate.name in FIRST_TRIED]
        if len(first) != 1:
            raise SeveralTables(path, fitting)
        fitting = first
    return fitting[0] if fitting else None


def _fits(names: Sequence[str]) -> bool:
    lowered = {name.lower() for name in names}
    return bool(lowered & set(PATH_COLUMNS)) and bool(lowered & {*LABEL_COLUMNS, *LABELS_COLUMNS})


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write labels.csv: the primary and all labels of each clip, its group and fold, and its other columns."""
    return write_new(labelling, NEW, "labels.csv", out_dir)


ASKS = {
    "path_column": "Column of file names",
    "label_column": "Column with one label",
    "labels_column": "Column with several labels",
    "group_column": "Column of groups that no fold parts (recordist, site)",
    "onset_column": "Column of onsets, in seconds",
    "offset_column": "Column of offsets, in seconds",
}
NEW = NewTable(
    columns=("filename", "primary_label", "labels", "group", "fold"),
    path="filename",
    label="primary_label",
    labels="labels",
    group="group",
    fold="fold",
    more=True,
    optional=("primary_label", "group", "fold"),
)
FORMAT = Format(
    "table",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=90,
    export=export,
    holds=NEW.holds,
    about="Any CSV, TSV or Parquet with a row a clip, or several: one label, or a list of them.",
    asks=ASKS,
    any_folder=True,
)
