"""Kaggle's tables of soundscapes: `row_id` is a recording and the second at which a window of five ends.

`7019_COR_5` is 0 to 5 s of `7019_COR….ogg`. The classes are in `birds`, parted by blanks (`nocall` = none), or a column
each with 0 and 1. An empty cell was not annotated: among columns of classes one can be said to be absent there, in
`birds` only all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from labeling.collection.annotation.base import Problem, label
from labeling.collection.annotation.paths import Finder
from labeling.collection.tabular.base import Table
from labeling.collection.tabular.codes import WINDOW_S, Codes, NewWindow
from labeling.collection.tabular.windowed import WindowTable
from labeling.collection.tabular.windows import Flags, Window, Windows, is_flag
from labeling.errors import FormatError
from labeling.file_names import without_suffix
from labeling.records import Region
from labeling.registry import some_of

OTHER = frozenset({"row_id", "site", "audio_id", "seconds", "filename", "usage", "date"})
_ROW = re.compile(r"(.+)_(\d+)")


def fits(table: Table) -> bool:
    """Whether a table has its classes in ``birds``, or in columns of nothing but flags."""
    flags = _flag_columns(table)
    others = [name for name in table.columns if label(name) and name.lower() not in OTHER]
    return "birds" in table.columns or (bool(table.rows) and 0 < len(flags) == len(dict.fromkeys(map(label, others))))


def windows_of(table: Table, problems: list[Problem]) -> tuple[Windows, Sequence[str]]:
    """Windows by the recordings as row_id calls them."""
    birds = Codes(table, table.columns.index("birds")) if "birds" in table.columns else None
    columns = _flag_columns(table) if birds is None else {}
    if birds is None and not columns:
        raise FormatError(f"the table has no column of zeros and ones; it has {some_of(table.columns)}")
    at = table.columns.index("row_id")
    ends: dict[str, dict[int, int]] = {}
    for number, row in table.rows.items():
        match = _ROW.fullmatch(row[at].strip())
        if match is None:
            problems.append(Problem(number, row[at].strip(), "row_id is no name with a second at its end; skipped"))
        else:
            ends.setdefault(match[1], {})[number] = int(match[2])
    of_file = {}
    for stem, own in ends.items():
        width = _width(own.values())
        of_file[stem] = [
            Window(number, stem, Region(max(0.0, end - width), end) if end > 0 else None) for number, end in own.items()
        ]
    return Windows(table, of_file, birds or Flags(table, columns)), birds.codes if birds else tuple(columns)


def _flag_columns(table: Table) -> dict[str, int]:
    """The columns of classes."""
    may = {label(name): at for at, name in enumerate(table.columns) if label(name) and name.lower() not in OTHER}
    return {code: at for code, at in may.items() if all(is_flag(cells[at].strip()) for cells in table.rows.values())}


def _width(ends: Iterable[int]) -> float:
    """How long the windows of a recording are: what lies between two ends, five seconds where there is one."""
    gaps = [after - before for before, after in pairwise(sorted(set(ends)))]
    return float(min(gaps, default=WINDOW_S))


def _site(windows: Windows, name: str) -> Mapping[str, Any]:
    table = windows.table
    cells = dict(zip(table.columns, table.rows[windows.of_file[name][0].number], strict=False))
    site = cells.get("site", "")
    return {"group": site, "metadata": {"site": site} if site else {}}


def _beginnings(finder: Finder) -> Mapping[str, str]:
    """The file below the folder whose name begins so, up to an underscore, where it is one."""
    found: dict[str, set[str]] = {}
    for path in finder.files() if os.path.isdir(finder.root) else ():
        parts = without_suffix(os.path.basename(path)).split("_")
        for count in range(1, len(parts)):
            found.setdefault("_".join(parts[:count]), set()).add(path)
    return {name: next(iter(paths)) for name, paths in found.items() if len(paths) == 1}


def _new(window: NewWindow) -> list[str]:
    end = f"{window.offset_s:.0f}"
    return [f"{without_suffix(window.filename)}_{end}", end, window.codes]


FORMAT = WindowTable(
    name="row_id",
    about="Kaggle's soundscapes (BirdCLEF 2021 and after): a row a window of five seconds, named by row_id.",
    needs="a CSV with row_id (7019_COR_5) and birds, or row_id and a column a class with 0 and 1; sound in "
    "train_soundscapes/",
    columns=("row_id",),
    fits=fits,
    windows=windows_of,
    folders=("train_soundscapes", "test_soundscapes", "soundscapes"),
    new=("train_soundscape_labels.csv", ("row_id", "seconds", "birds"), "", _new),
    more=_site,
    files=_beginnings,
).format()
