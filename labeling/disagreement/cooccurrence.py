"""Which classes to offer first when a reviewer adds one to a clip.

Three kinds of evidence: what the network heard, which classes are found together in this collection, and which are
found near the clip's place and time of year. What the collection says is gathered once and kept while it holds.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

RADIUS_KM = 50.0
EARTH_KM = 6371.0
SMOOTHING = 5.0  # as if so many further clips had shown nothing but how common each class is
SMALLEST = 1e-4  # a network's probability is taken no closer to 0 or 1
REFRESH_ENTRIES, REFRESH_S = 200, 60.0

_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "lon", "lng", "long")
_DATE, _MONTH = ("date", "recording_date", "recorded_on", "eventdate"), ("month",)
_ELEVATION = ("elevation", "elevation_m", "altitude", "altitude_m")
_METRES = re.compile(r"\s*~?\s*(-?\d+(?:\.\d+)?)(?!.*(?:ft|feet))", re.IGNORECASE)
_DATED = re.compile(r"\s*\d{4}(?:[-/.](\d{1,2})|(\d{2})(?:\d{2})?)(?!\d)")  # 2016-05-12, 2016/5/2, 20160512
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
MONTHS = (*_MONTHS, "November", "December")


@dataclass(frozen=True)
class Company:
    """What a collection says of its labels, of N clips and C classes.

    ``label_row`` and ``label_class`` (L,) pair the row of a clip with the column of a class that is present there.
    ``direction`` (N, 3) is the clip's place as a unit vector, NaN where unknown; ``month`` (N,) 1..12, or 0.
    """

    row_of: Mapping[int, int]
    codes: tuple[str, ...]
    names: tuple[str, ...]
    label_row: NDArray[np.int64]
    label_class: NDArray[np.int64]
    direction: NDArray[np.float64]
    month: NDArray[np.int64]


def offers(
    company: Company,
    clip_id: int,
    present: Collection[str],
    clipwise: Mapping[str, float],
    *,
    without: Collection[str] = (),
    count: int = 20,
) -> list[tuple[str, float | None, str]]:
    """The likeliest further classes of a clip, best first: (code, clipwise, why), ``why`` a phrase or "".

    ``present`` are the clip's labels now, ``without`` what needs no offer. The odds of a class are those that the
    network gives (how common the class is, where it gives none), times how much commoner the class is beside the
    present label that speaks most for it, times how much commoner near by: naive Bayes, as if the three were
    independent. Both shares are drawn towards the class's own (a Dirichlet prior of SMOOTHING clips).
    """
    size, row = len(company.codes), company.row_of.get(clip_id, -1)
    counts = np.bincount(company.label_class, minlength=size)
    usual = np.asarray((counts + 0.5) / (len(company.row_of) + 1.0), np.float64)
    given = np.array([clipwise.get(code, np.nan) for code in company.codes])
    chance = np.clip(np.where(np.isnan(given), usual, given), SMALLEST, 1 - SMALLEST)
    column = {code: index for index, code in enumerate(company.codes)}
    beside, beside_whom = np.zeros(size), np.full(size, -1)
    together = np.zeros(size, np.int64)
    for code in present:
        if code not in column:
            continue
        rows = np.zeros(len(company.row_of), bool)
        rows[company.label_row[company.label_class == column[code]]] = True
        gain, label_count = _gain(company, rows, row, usual)
        better = gain > beside
        beside[better], beside_whom[better], together[better] = gain[better], column[code], label_count[better]
    rows, around = _near(company, row)
    near, nearby = _gain(company, rows, row, usual)
    near = np.maximum(near, 0.0)  # that nobody listed a class near by is no word against it
    score = np.log(chance / (1 - chance)) + beside + near
    left = {*present, *without}
    best = [index for index in np.argsort(-score, kind="stable").tolist() if company.codes[index] not in left]
    found_offers: list[tuple[str, float | None, str]] = []
    for index in best[:count]:
        why = ""
        if near[index] > beside[index]:
            why = f"in {_clips(nearby[index])} {around}"
        elif together[index]:
            why = f"with {company.names[beside_whom[index]]} in {_clips(together[index])}"
        heard = clipwise.get(company.codes[index])
        found_offers.append((company.codes[index], heard, why))
    return found_offers


def _clips(number: int) -> str:
    return f"{number} clip" if number == 1 else f"{number:,} clips"


def _gain(
    company: Company, rows: NDArray[np.bool_], but: int, usual: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How much commoner each class is in these clips than in all, as a logarithm; and in how many it is, (C,).

    The clip at row ``but`` (-1: none) does not speak for itself.
    """
    if but >= 0:
        rows[but] = False
    count = np.bincount(company.label_class[rows[company.label_row]], minlength=len(usual))
    return np.log((count + SMOOTHING * usual) / (rows.sum() + SMOOTHING) / usual), count


def _near(company: Company, row: int) -> tuple[NDArray[np.bool_], str]:
    """The clips near a clip in place, and in time of year where that is known; and what near means, in words."""
    if row < 0 or math.isnan(company.direction[row, 0]):
        return np.zeros(len(company.row_of), bool), ""
    rows = company.direction @ company.direction[row] >= math.cos(RADIUS_KM / EARTH_KM)
    around, month = f"within {RADIUS_KM:.0f} km", int(company.month[row])
    if month:
        apart = np.abs(company.month - month)
        rows &= (company.month > 0) & (np.minimum(apart, 12 - apart) <= 1)
        around += f", {MONTHS[month - 2]} to {MONTHS[month % 12]}"
    return rows, around


@dataclass(frozen=True)
class _Places:
    row_of: Mapping[int, int]
    direction: NDArray[np.float64]
    month: NDArray[np.int64]


@dataclass(frozen=True)
class _Dated:
    position: int
    at_s: float
    company: Company


_places: Kept[_Places] = Kept(4)
_companies: Kept[_Dated] = Kept(4)


def gathered(connection: Connection, position: int) -> Company:
    """What the collection says now, or said up to REFRESH_ENTRIES decisions or REFRESH_S ago."""
    imports = connection.scalar(sa.select(sa.func.max(tables.imports.c.created_at))) or ""
    places = _places.get((engine_key(connection), imports), lambda: _read_places(connection))
    now = time.monotonic()

    def renewed(known: _Dated | None) -> _Dated:
        if known is not None and known.company.row_of is places.row_of:
            moved = position - known.position
            if moved == 0 or (0 < moved < REFRESH_ENTRIES and now - known.at_s < REFRESH_S):
                return known
        return _Dated(position, now, _read_labels(connection, places))

    return _companies.renew(engine_key(connection), renewed).company


def _read_labels(connection: Connection, places: _Places) -> Company:
    classes = store.all_classes(connection)
    column = np.zeros(max((label_class.id for label_class in classes), default=0) + 1, np.int64)
    column[[label_class.id for label_class in classes]] = np.arange(len(classes))
    row = np.full(max(places.row_of, default=0) + 1, -1, np.int64)
    row[list(places.row_of)] = list(places.row_of.values())

    def cells(table: sa.Table, *where: sa.ColumnElement[bool]) -> NDArray[np.int64]:
        key = sa.cast(table.c.clip_id, sa.BigInteger) * (1 << 24) + table.c.class_id
        return np.fromiter(connection.scalars(sa.select(key).where(*where)), np.int64)

    by_machine = journal.machine_cells(connection)

    def machine_keys(verdict: str) -> NDArray[np.int64]:
        return np.array([clip << 24 | code for (clip, code), word in by_machine.items() if word == verdict], np.int64)

    not_present = np.union1d(cells(tables.cells, tables.cells.c.verdict != "present"), machine_keys("absent"))
    imported = np.setdiff1d(cells(tables.imported_labels), not_present)
    now = np.union1d(
        imported, np.union1d(cells(tables.cells, tables.cells.c.verdict == "present"), machine_keys("present"))
    )
    return Company(
        row_of=places.row_of,
        codes=tuple(label_class.code for label_class in classes),
        names=tuple(label_class.name for label_class in classes),
        label_row=row[now >> 24],
        label_class=column[now & 0xFFFFFF],
        direction=places.direction,
        month=places.month,
    )


def _read_places(connection: Connection) -> _Places:
    rows = db.fetch(connection, sa.select(tables.clips.c.id, tables.clips.c.metadata).order_by(tables.clips.c.id))
    places_and_months = [place_and_month(metadata) for _, metadata in rows]
    angles = np.radians(np.array([place for place, _ in places_and_months], np.float64).reshape(-1, 2))
    latitude, longitude = angles[:, 0], angles[:, 1]
    flat = np.cos(latitude)
    return _Places(
        {clip_id: row for row, (clip_id, _) in enumerate(rows)},
        np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1),
        np.array([month for _, month in places_and_months], np.int64),
    )


def place_and_month(metadata: Mapping[str, str]) -> tuple[tuple[float, float], int]:
    """Latitude and longitude in degrees (NaN where unknown or out of bounds), and the month 1..12 (0: unknown).

    Column names may be in any case; a date begins with its year and month, as in 2016-05-12.
    """
    latitudes, longitudes, months, dates = _columns(tuple(metadata))
    latitude = next(_degrees(metadata, latitudes, 90.0), math.nan)
    longitude = next(_degrees(metadata, longitudes, 180.0), math.nan)
    place = (math.nan, math.nan) if math.isnan(latitude) or math.isnan(longitude) else (latitude, longitude)
    numbers = [_month(metadata[name]) for name in months]
    numbers += [int(dated[1] or dated[2]) for name in dates if (dated := _DATED.match(metadata[name]))]
    return place, next((month for month in numbers if 1 <= month <= 12), 0)


def elevation_of(metadata: Mapping[str, str]) -> float:
    """Metres above the sea, NaN where unknown: the first number of what is written, as in ``~120 m``; no feet."""
    for name, text in metadata.items():
        if name.strip().lower() in _ELEVATION and (metres := _METRES.match(text)):
            value = float(metres[1])
            if -500 <= value <= 9000:
                return value
    return math.nan


@lru_cache(maxsize=64)
def _columns(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Which of a table's columns hold latitude, longitude, month and date."""
    return tuple(
        tuple(name for word in words for name in names if name.strip().lower() == word)
        for words in (_LATITUDE, _LONGITUDE, _MONTH, _DATE)
    )


def _degrees(metadata: Mapping[str, str], names: tuple[str, ...], most: float) -> Iterator[float]:
    for name in names:
        try:
            value = float(metadata[name])
        except ValueError:
            continue
        if abs(value) <= most:
            yield value


def _month(text: str) -> int:
    """The month that a number or a name's first letters stand for; 0 for none."""
    text = text.strip().lower()
    if text.isdecimal() and len(text) <= 2:
        return int(text)
    return next((at for at, name in enumerate(MONTHS, start=1) if name[:3].lower() == text[:3]), 0)
