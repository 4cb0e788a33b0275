"""When and where a recorder recorded, by names as recorders give them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.activity.starts import (
    NO_DATE,
    NO_SUCH_DAY,
    NO_TIME,
    NOT_SET,
    Start,
    recorder_of,
    site_of,
    start_of,
)

DAWN = datetime(2024, 6, 12, 5, 30)


@pytest.mark.parametrize(
    ("name", "offset_min"),
    [
        ("20240612_053000.WAV", None),  # AudioMoth
        ("20240612_053000T.WAV", None),  # triggered
        ("24E144085F256E2D_20240612_053000.WAV", None),
        ("site/2024-06-12/20240612_053000", None),
        ("MEADOW_20240612_053000.wav", None),  # Song Meter
        ("MEADOW_0+1_20240612_053000_000.wav", None),
        ("MEADOW_20240612$053000.wav", None),
        ("MEADOW_20240612_053000-0400.wav", -240),
        ("20240612T053000+1000_REC.flac", 600),  # BAR-LT
        ("20240612T053000+0545_REC.flac", 345),
        ("20240612T053000Z.flac", 0),
        ("2024-06-12T05:30:00+02:00.flac", 120),
        ("2024-06-12_05-30-00.mp3", None),
        ("2024-06-12-birdnet-05:30:00.mp3", None),  # BirdNET-Pi
        ("2024-06-12 05:30", None),  # a cell of a table
        ("5147.240612053000.wav", None),  # SoundTrap
        ("20240612_0530.wav", None),
        ("20240612_053000-1234.wav", None),  # a number, and no offset
    ],
)
def test_names_of_recorders_say_when(name: str, offset_min: int | None) -> None:
    assert start_of(name) == Start(DAWN, offset_min)


def test_parts_of_a_second_and_seconds_since_1970() -> None:
    assert start_of("S20240612T053000.25+1000_E1.wav") == Start(datetime(2024, 6, 12, 5, 30, 0, 250_000), 600)
    assert start_of("66692F48.WAV") == Start(datetime(2024, 6, 12, 5, 16, 56), 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("XC123456.ogg", NO_DATE),
        ("7019_COR_20190904.ogg", NO_TIME),
        ("20240612.wav", NO_TIME),
        ("20240631_053000.wav", NO_SUCH_DAY),
        ("19700101_000012.WAV", NOT_SET),
        ("20241312_053000.wav", NO_DATE),
        ("20240612_253000.wav", NO_TIME),
        ("120240612_053000.wav", NO_DATE),  # not a year
        ("12/06/2024 05:30", NO_DATE),  # whose day comes first is not known
        ("", NO_DATE),
    ],
)
def test_what_says_no_time_says_why(name: str, reason: str) -> None:
    assert start_of(name) == reason


@given(st.datetimes(datetime(2000, 1, 1), datetime(2089, 12, 31)), st.sampled_from(["", "POND_", "a/b-3_", "4E5_"]))
def test_every_moment_comes_back(moment: datetime, before: str) -> None:
    moment = moment.replace(microsecond=0)
    assert start_of(f"{before}{moment:%Y%m%d_%H%M%S}.wav") == Start(moment)


@given(st.text(max_size=40))
def test_no_name_is_too_odd(name: str) -> None:
    assert isinstance(start_of(name), (Start, str))
    assert isinstance(site_of(name), str)


@pytest.mark.parametrize(
    ("name", "group", "site"),
    [
        ("pond/20240612_053000.WAV", "", "pond"),
        ("2024-06-12/pond/20240612_053000.WAV", "", "pond"),
        ("data/MEADOW-2_20240612_053000.wav", "", "MEADOW-2"),
        ("20240612T053000+1000_MEADOW.flac", "", "MEADOW"),
        ("20240612_053000_000.wav", "", ""),
        ("S20240612T053000.25+1000_E1.wav", "", "E1"),
        ("20240612_053000.WAV", "card 7", "card 7"),
        ("5147.240612053000.wav", "", "5147"),
    ],
)
def test_sites(name: str, group: str, site: str) -> None:
    assert site_of(name, group) == site


def test_two_recorders_of_a_site() -> None:
    names = ["pond/A/20240612_053000.WAV", "pond/B/20240612_053000.WAV", "pond/A/20240613_053000.WAV"]
    assert [recorder_of(name) for name in names] == ["pond/A", "pond/B", "pond/A"]
