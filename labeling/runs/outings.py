"""Clips of one outing: the same person recorded them on the same day, so that one bird, one place and one microphone
may be in all of them. Told from the columns that came with the clips."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from labeling.collection.annotation.base import MISSING_WORDS
from labeling.records import Clip

DAY, PLACE = "same day", "same place"
RECORDIST = ("author", "recordist", "recorded_by", "rec", "recorder", "observer", "contributor", "uploader", "user",
             "username")  # fmt: skip
DATE = ("date", "day", "recorded", "recorded_on", "recorded_at", "recording_date", "date_recorded", "recording_day",
        "observed_on", "event_date", "eventdate", "datetime", "timestamp", "created")  # fmt: skip
LATITUDE, LONGITUDE = ("latitude", "lat", "decimallatitude"), ("longitude", "lon", "lng", "long", "decimallongitude")
NOBODY = {"unknown", "anonymous", "anon", "various", "not given", "n/a", "?", "-"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PLACE_DIGITS = 3
"""Degrees are compared to so many digits: about a hundred metres, what a walk between two recordings is."""


def outings(clips: Sequence[Clip]) -> list[tuple[str, tuple[int, ...]]]:
    """(reason, places in ``clips``) of each outing of two clips or more, by its first clip.

    One recordist and one day make an outing; where the day is not known, one recordist and one place. A recordist
    alone makes none: one keen person may have recorded half of a collection, and no folds would be left to cut. A clip
    with a group is left out: who gave a group column has said what belongs together.
    """
    clips_of: dict[tuple[str, str, str], list[int]] = {}
    for at, clip in enumerate(clips):
        key = None if clip.group else outing_of(clip.metadata)
        if key:
            clips_of.setdefault(key, []).append(at)
    return [(key[0], tuple(members)) for key, members in clips_of.items() if len(members) > 1]


def outing_of(metadata: Mapping[str, str]) -> tuple[str, str, str] | None:
    """(reason, recordist, day or place) of one clip's columns; None where they do not tell."""
    columns = {_plain(name): str(value) for name, value in metadata.items()}
    who = " ".join(_first(columns, RECORDIST).casefold().split())
    if not who or who in NOBODY:
        return None
    if day := day_of(_first(columns, DATE)):
        return DAY, who, day
    try:
        place = [round(float(_first(columns, names)), PLACE_DIGITS) + 0.0 for names in (LATITUDE, LONGITUDE)]
    except ValueError:
        return None
    if not (abs(place[0]) <= 90 and abs(place[1]) <= 180) or place == [0.0, 0.0]:  # 0, 0 stands for "not known"
        return None
    return PLACE, who, f"{place[0]:.{PLACE_DIGITS}f} {place[1]:.{PLACE_DIGITS}f}"


def day_of(text: str) -> str:
    """The day in a date of any usual form, as ``2021-05-03``; "" where there is none, as in ``2021-05-00`` or ``2021``.

    ``3/5/2021`` may be in May or in March. It stays as it is: in one table it always means the same day.
    """
    text = text.strip().casefold()
    if match := re.match(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", text):
        return _day(*match.groups())
    if match := re.match(r"(\d{4})(\d{2})(\d{2})(?:$|[t_ -])", text):
        return _day(*match.groups())
    if re.fullmatch(r"\d{10}|\d{13}", text):  # seconds, or milliseconds, since 1970
        moment = datetime.fromtimestamp(int(text[:10]), UTC)
        return f"{moment:%Y-%m-%d}"
    if match := re.match(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)", text):
        return _day(*reversed(match.groups()))
    if match := re.match(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(?!\d)", text):
        first, second, year = match.groups()
        if int(first) > 12:
            return _day(year, second, first)
        if int(second) > 12:
            return _day(year, first, second)
        return f"{year}-{int(first)}/{int(second)}" if int(first) and int(second) else ""
    if match := re.search(r"(\d{1,2})(?:st|nd|rd|th)?[ .-]+([a-z]{3})[a-z]*[ .,-]+(\d{4})(?!\d)", text):
        day, month, year = match.groups()
    elif match := re.search(r"([a-z]{3})[a-z]*[ .-]+(\d{1,2})(?:st|nd|rd|th)?[ .,-]+(\d{4})(?!\d)", text):
        month, day, year = match.groups()
    else:
        return ""
    return _day(year, str(MONTHS.index(month) + 1), day) if month in MONTHS else ""


def _day(year: str, month: str, day: str) -> str:
    try:
        return f"{datetime(int(year), int(month), int(day)):%Y-%m-%d}"
    except ValueError:  # day or month 00: not known
        return ""


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _first(columns: Mapping[str, str], names: Sequence[str]) -> str:
    """The first of these columns that holds something."""
    for name in names:
        value = columns.get(name, "").strip()
        if value and value not in MISSING_WORDS:
            return value
    return ""
