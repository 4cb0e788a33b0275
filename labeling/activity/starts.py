"""When and where a recorder recorded, by what its files are called.

Names as these are read, with or without a prefix, wherever the date stands in them::

    20240612_053000.WAV                 AudioMoth (T behind it: triggered)
    5B1F7A10.WAV                        AudioMoth of before 2019: seconds since 1970, UTC
    SITE_20240612_053000.wav            Song Meter, Swift
    SITE_20240612$053000.wav            Song Meter, triggered
    20240612T053000+1000_SITE.flac      BAR-LT, with the offset from UTC
    2024-06-12T05:30:00Z.flac           ISO 8601; also with other signs, and without seconds
    5147.240612053000.wav               SoundTrap
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from labeling.collection.formats.folders.walking import may_be_class
from labeling.file_names import without_suffix

_DAY = r"(?P<year>(?:19[7-9]|20\d)\d)(?P<sign>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=sign)(?P<day>0[1-9]|[12]\d|3[01])"
_TIME = (
    r"(?P<hour>[01]\d|2[0-3])(?P<dots>[-_.:]?)(?P<minute>[0-5]\d)"
    r"(?:(?P=dots)(?P<second>[0-5]\d)(?:[.,](?P<part>\d{1,6}))?)?"
)
_OFFSET = r"(?P<offset>Z|[+-](?:0\d|1[0-4]):?(?:00|15|30|45))?"
_STAMP = re.compile(rf"(?<!\d){_DAY}(?:[T_ $-]|-birdnet-){_TIME}{_OFFSET}(?!\d)")
_ONLY_DAY = re.compile(rf"(?<!\d){_DAY}(?!\d)")
_HEX = re.compile(r"[5-7][0-9A-F]{7}")
_SOUNDTRAP = re.compile(r"(?P<device>\d{3,10})\.(?P<digits>\d{12})")

NO_DATE = "no date and time of day in its name"
NO_TIME = "its name has a day, and no time of day"
NO_SUCH_DAY = "the day in its name is in no calendar"
NOT_SET = "the recorder's clock was not set: its name says 1970"


@dataclass(frozen=True)
class Start:
    """When a recording began: what its recorder's ``clock`` said (naive), and how far that is from UTC in minutes,
    None where the name does not say."""

    clock: datetime
    utc_offset_min: int | None = None


def start_of(name: str) -> Start | str:
    """When a recording began by its file's name (folders and a sound file's suffix may be there), or a cell of a table.

    Parameters
    ----------
    name : str

    Returns
    -------
    Start or str
        In words why there is none.

    Examples
    --------
    >>> from labeling.activity.starts import start_of
    >>> start_of("pond/20240612_053000.WAV")
    Start(clock=datetime.datetime(2024, 6, 12, 5, 30), utc_offset_min=None)
    >>> start_of("20240612T053000+1000_A.flac").utc_offset_min
    600
    >>> start_of("XC1234.ogg")
    'no date and time of day in its name'
    """
    stem = without_suffix(name.rsplit("/", 1)[-1].strip())
    found = _STAMP.search(stem)
    try:
        if found:
            part = (found["part"] or "0").ljust(6, "0")
            numbers = (int(found[key] or 0) for key in ("year", "month", "day", "hour", "minute", "second"))
            clock = datetime(*numbers, int(part))  # type: ignore[arg-type,misc]
            return NOT_SET if clock.year == 1970 else Start(clock, _minutes(found["offset"]))
        if trap := _SOUNDTRAP.fullmatch(stem):
            return Start(datetime.strptime("20" + trap["digits"], "%Y%m%d%H%M%S"))
    except ValueError:
        return NO_SUCH_DAY
    if _HEX.fullmatch(stem):
        return Start(datetime.fromtimestamp(int(stem, 16), UTC).replace(tzinfo=None), 0)
    return NO_TIME if _ONLY_DAY.search(stem) else NO_DATE


def _minutes(offset: str | None) -> int | None:
    if not offset:
        return None
    if offset == "Z":
        return 0
    digits = offset[1:].replace(":", "")
    return (-1 if offset[0] == "-" else 1) * (60 * int(digits[:2]) + int(digits[2:]))


def site_of(name: str, group: str = "") -> str:
    """Where a recording was made: its outermost folder that is no day and no mere "audio"; else what its name says
    beside the date; else the ``group`` that it was imported with; "" where nothing says.

    >>> site_of("pond/2024-06-12/20240612_053000.WAV"), site_of("MEADOW-2_20240612_053000.wav")
    ('pond', 'MEADOW-2')
    >>> site_of("20240612_053000.WAV", "pond")
    'pond'
    """
    folders = name.split("/")[:-1]
    return next((folder for folder in folders if may_be_class(folder)), "") or _beside(name) or group


def recorder_of(name: str) -> str:
    """Which recorder of its site made a recording, as far as its name says: all folders, and what is beside the date.

    >>> recorder_of("pond/north/20240612_053000.WAV"), recorder_of("pond/S2_20240612_053000.wav")
    ('pond/north', 'pond/S2')
    """
    folders = [folder for folder in name.split("/")[:-1] if may_be_class(folder)]
    return "/".join([*folders, *filter(None, [_beside(name)])])


def _beside(name: str) -> str:
    """What a file's name says beside the date: what stands before it, else behind it; a mere number there counts
    channels or files."""
    stem = without_suffix(name.rsplit("/", 1)[-1].strip())
    if trap := _SOUNDTRAP.fullmatch(stem):
        return trap["device"]
    found = _STAMP.search(stem)
    if not found:
        return ""
    before, after = (text.strip(" _-.") for text in (stem[: found.start()], stem[found.end() :]))
    if len(before) > 1:
        return before
    return "" if len(after) < 2 or after.replace("_", "").isdecimal() else after
