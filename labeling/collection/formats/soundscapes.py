"""BirdCLEF 2026's soundscapes: a row a window, ``filename,start,end,primary_label`` with times as HH:MM:SS.

``primary_label`` holds all classes of the window, parted by semicolons. Rows come twice in the released table, and stay
so. A recording is called after its site (``BC2026_Train_0001_S08_20250606_030007.ogg``), which is its group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from labeling.collection.annotation.base import Problem
from labeling.collection.annotation.paths import plain_name
from labeling.collection.formats.birdclef import taxonomy
from labeling.collection.tabular.base import Table
from labeling.collection.tabular.codes import Codes, NewWindow
from labeling.collection.tabular.windowed import WindowTable
from labeling.collection.tabular.windows import Window, Windows
from labeling.records import Region

COLUMNS = ("filename", "start", "end", "primary_label")
SIGN = ";"
_TIME = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)")
_SITE = re.compile(r"_(S\d+)_\d{8}_")


def seconds(cell: str) -> float | None:
    """Seconds of a time like ``00:01:05``; None for another text.

    >>> seconds("00:01:05"), seconds("1:00:00"), seconds("5")
    (65.0, 3600.0, None)
    """
    match = _TIME.fullmatch(cell.strip())
    return None if match is None else 3600.0 * int(match[1]) + 60.0 * int(match[2]) + float(match[3])


def clock(time_s: float) -> str:
    """Seconds as ``HH:MM:SS``.

    >>> clock(65.0)
    '00:01:05'
    """
    whole = round(time_s)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def fits(table: Table) -> bool:
    """Whether its first start is a time of that kind."""
    first = next(iter(table.rows.values()), None)
    return first is not None and seconds(first[table.columns.index("start")]) is not None


def windows_of(table: Table, problems: list[Problem]) -> tuple[Windows, Sequence[str]]:
    """Windows by the names of their files."""
    filename, start, end, code = (table.columns.index(heading) for heading in COLUMNS)
    of_file: dict[str, list[Window]] = {}
    first: dict[str, str] = {}
    for number, cells in table.rows.items():
        its_name = cells[filename].strip()
        onset, offset = seconds(cells[start]), seconds(cells[end])
        if not its_name or onset is None or offset is None or onset >= offset:
            what = f"{cells[start]!r} to {cells[end]!r} are no times HH:MM:SS, one after the other" if its_name else ""
            problems.append(Problem(number, its_name, f"{what or 'no file name'}; skipped"))
            continue
        its_name = first.setdefault(plain_name(its_name), its_name)
        of_file.setdefault(its_name, []).append(Window(number, its_name, Region(onset, offset)))
    codes = Codes(table, code, SIGN)
    return Windows(table, of_file, codes), codes.codes


def _site(windows: Windows, name: str) -> Mapping[str, Any]:
    site = _SITE.search(name)
    return {"group": site[1] if site else ""}


def _new(window: NewWindow) -> list[str]:
    return [window.filename, clock(window.onset_s), clock(window.offset_s), window.codes]


FORMAT = WindowTable(
    name="soundscapes",
    about="BirdCLEF's soundscapes of 2026: a row a window of five seconds, with all its classes.",
    needs="a CSV with filename, start and end as HH:MM:SS, and primary_label with classes parted by semicolons; sound "
    "in train_soundscapes/",
    columns=COLUMNS,
    fits=fits,
    windows=windows_of,
    folders=("train_soundscapes", "soundscapes", "audio"),
    new=("train_soundscapes_labels.csv", COLUMNS, SIGN, _new),
    more=_site,
    shown=taxonomy,
).format()
