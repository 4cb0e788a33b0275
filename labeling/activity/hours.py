"""A class's activity by site, day and hour, beside the time that was recorded in it.

An hour in which nothing was recorded is no row: it is not known whether the class was there. A window counts in the
hour in which it begins; what was recorded is split at the hour to the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labeling.activity.placing import Clock, Placed, placed, shown_s
from labeling.activity.windows import Windows

COLUMNS = ("site", "date", "hour", "recorders", "recorded_s", "windows", "above", "share", "highest")
QUARTER_S = 900
"""All time zones of today are whole quarters of an hour from UTC, so that no quarter lies in two hours."""


@dataclass(frozen=True)
class Hours:
    """The hours (K,) in which something was recorded, and in which of them each window (N,) begins, -1 where nothing
    says when. ``table`` has the first five of COLUMNS, a row an hour, by site, date and hour."""

    table: pd.DataFrame
    hour: NDArray[np.int32]


def hours(windows: Windows, clock: Clock, where: Placed | None = None) -> Hours:
    """Sort windows into hours of the day.

    Parameters
    ----------
    windows : Windows
    clock : Clock
        Whose time of day.
    where : Placed, optional
        By default by the names of the recordings.

    Returns
    -------
    Hours

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.hours import activity, hours
    >>> from labeling.activity.placing import Clock
    >>> from labeling.activity.windows import Recording, Windows
    >>> onset_s = np.arange(0, 1200, 300.0, np.float32)
    >>> scores = np.array([[0.1, 0.9, 0.2, 0.8]], np.float32)
    >>> windows = Windows((Recording("pond/20240612_055000.WAV", "", 1200.0),), ("frog",),
    ...                   np.zeros(4, np.int32), onset_s, onset_s + 300, scores)
    >>> rows = activity(hours(windows, Clock()), windows.of("frog"), 0.5)
    >>> rows[["hour", "windows", "above"]].values.tolist(), rows["recorded_s"].tolist()
    ([[5, 2, 1], [6, 2, 1]], [600.0, 600.0])
    """
    where = where or placed(windows.recordings)
    names = sorted(set(where.site))
    site = np.array([names.index(one) for one in where.site], np.int64)
    recorder = np.unique(np.array([*where.recorder, ""]), return_inverse=True)[1][:-1]
    pieces, piece_s = _pieces(windows, where, clock)
    key_of_piece = _keys(site[pieces.recording], pieces.shown_s)
    window_s = shown_s(where, clock, windows.recording, windows.onset_s)
    known = np.isfinite(window_s)
    key_of_window = np.full(len(windows), -1, np.int64)
    key_of_window[known] = _keys(site[windows.recording[known]], window_s[known])
    every = np.unique(np.concatenate([key_of_piece, key_of_window[known]]))
    at = np.searchsorted(every, key_of_piece)
    recorded = np.bincount(at, piece_s, len(every))
    pairs = np.unique(np.stack([at, recorder[pieces.recording]]), axis=1)
    hour = np.full(len(windows), -1, np.int32)
    hour[known] = np.searchsorted(every, key_of_window[known])
    table = pd.DataFrame(
        {
            "site": np.array([*names, ""], object)[every // _DAYS // 24],
            "date": ((every // 24) % _DAYS).astype("datetime64[D]").astype(str),
            "hour": every % 24,
            "recorders": np.bincount(pairs[0], minlength=len(every)),
            "recorded_s": np.round(recorded, 3),
        }
    )
    return Hours(table, hour)


_DAYS = 1 << 20  # days since 1970 that a key has room for


def _keys(site: NDArray[np.int64], moment_s: NDArray[np.float64]) -> NDArray[np.int64]:
    hour = np.floor(moment_s / 3600 + 1e-9).astype(np.int64)
    return np.asarray(site * _DAYS * 24 + hour, np.int64)


@dataclass(frozen=True)
class _Pieces:
    recording: NDArray[np.int64]
    shown_s: NDArray[np.float64]


def _pieces(windows: Windows, where: Placed, clock: Clock) -> tuple[_Pieces, NDArray[np.float64]]:
    """What was recorded, cut at each quarter of an hour: the pieces, and how long each is."""
    length_s = np.array([one.duration_s for one in windows.recordings], np.float64)
    known = np.flatnonzero(np.isfinite(where.clock_s) & (length_s > 0))
    begin = where.clock_s[known]
    first = np.floor(begin / QUARTER_S + 1e-9).astype(np.int64)
    count = np.maximum(1, np.ceil((begin + length_s[known]) / QUARTER_S - 1e-9).astype(np.int64) - first)
    of = np.repeat(np.arange(len(known)), count)
    place = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    edge = (first[of] + place) * float(QUARTER_S)
    from_s = np.maximum(edge, begin[of]) - begin[of]
    to_s = np.minimum(edge + QUARTER_S, begin[of] + length_s[known][of]) - begin[of]
    recording = known[of]
    return _Pieces(recording, shown_s(where, clock, recording, from_s)), to_s - from_s


def activity(found: Hours, scores: NDArray[np.float32], least: float) -> pd.DataFrame:
    """A class's activity in each hour that was recorded.

    Parameters
    ----------
    found : Hours
    scores : ndarray of float32, shape (N,)
        Of the windows that ``found`` was made of.
    least : float
        From which score on a window counts.

    Returns
    -------
    DataFrame
        COLUMNS, a row an hour: ``windows`` were scored, ``above`` of them at least ``least``, which is the ``share`` of
        them, and ``highest`` is the highest score; NaN both where no window begins in it.
    """
    count = len(found.table)
    known = found.hour >= 0
    hour, value = found.hour[known], scores[known]
    scored = np.bincount(hour, minlength=count)
    above = np.bincount(hour[value >= np.float32(least)], minlength=count)
    highest = np.full(count, -np.inf, np.float32)
    if len(hour):
        order = np.argsort(hour, kind="stable")
        starts = np.flatnonzero(np.diff(hour[order], prepend=-1))
        highest[hour[order][starts]] = np.maximum.reduceat(value[order], starts)
    share = np.divide(above, scored, out=np.full(count, np.nan), where=scored > 0)
    highest = np.where(scored > 0, highest, np.nan)
    return found.table.assign(windows=scored, above=above, share=share, highest=highest)


def strongest(
    found: Hours, scores: NDArray[np.float32], site: str | None, date: str, hour: int, count: int
) -> NDArray[np.int64]:
    """The windows of an hour with the highest scores, highest first; of all sites where ``site`` is None."""
    rows = (found.table["date"] == date) & (found.table["hour"] == hour)
    if site is not None:
        rows &= found.table["site"] == site
    there = np.flatnonzero(np.isin(found.hour, np.flatnonzero(rows.to_numpy())))
    return np.asarray(there[np.argsort(-scores[there], kind="stable")[:count]], np.int64)
