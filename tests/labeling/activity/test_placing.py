"""Recordings in time and place, by names and by columns, and whose clock is read."""

from datetime import UTC, datetime

import numpy as np
import pytest

from labeling.activity.placing import Clock, Columns, placed, shown_s
from labeling.activity.windows import Recording
from labeling.errors import DataError


def at(*numbers: int) -> float:
    return datetime(*numbers, tzinfo=UTC).timestamp()


def shown(name: str, clock: Clock, onset_s: float = 0.0) -> str:
    found = placed([Recording(name, "", 60.0)])
    moment_s = shown_s(found, clock, np.zeros(1, np.int64), np.array([onset_s]))[0]
    return datetime.fromtimestamp(moment_s, UTC).strftime("%m-%d %H:%M")


def test_a_column_goes_before_the_name_and_an_empty_cell_leaves_it_to_the_name() -> None:
    recordings = [
        Recording("a/20240612_053000.WAV", "", 9.0, 1, "", {"when": "2024-06-13 06:00:00", "where": "pond"}),
        Recording("a/20240612_053000.WAV", "", 9.0, 2, "", {"when": " ", "where": ""}),
        Recording("a/20240612_053000.WAV", "", 9.0, 3, "", {"when": "13/06/2024"}),
    ]
    found = placed(recordings, Columns("where", "when"))
    assert found.clock_s[:2].tolist() == [at(2024, 6, 13, 6), at(2024, 6, 12, 5, 30)]
    assert np.isnan(found.clock_s[2])
    assert found.site == ("pond", "a", "a")
    assert found.unplaced == (("a/20240612_053000.WAV", "its when '13/06/2024' is no date with a time of day"),)
    assert found.sites == ["a", "pond"]


def test_as_written_leaves_the_recorders_clock() -> None:
    assert shown("20240612T233000+1000_A.flac", Clock()) == "06-12 23:30"
    assert shown("20240612_233000.WAV", Clock(), 3600) == "06-13 00:30"
    assert placed([Recording("20240612T233000+1000_A.flac", "", 1.0)]).offsets_min == [600]


def test_another_zone_is_reached_by_the_offset_or_by_what_the_clocks_ran_on() -> None:
    assert shown("20240612T233000+1000_A.flac", Clock("UTC")) == "06-12 13:30"
    assert shown("20240612_053000.WAV", Clock("Europe/Berlin")) == "06-12 07:30"  # summer
    assert shown("20240112_053000.WAV", Clock("Europe/Berlin")) == "01-12 06:30"
    assert shown("20240612_053000.WAV", Clock("UTC", "America/New_York")) == "06-12 09:30"
    assert shown("20240612_053000.WAV", Clock("Asia/Kolkata")) == "06-12 11:00"


def test_when_clocks_change() -> None:
    # on 27 October 2024 Berlin has the hour from two to three twice: a recording on UTC goes through both
    berlin = Clock("Europe/Berlin")
    assert [shown("20241027_003000.WAV", berlin, hours * 3600) for hours in range(3)] == [
        "10-27 02:30", "10-27 02:30", "10-27 03:30",
    ]  # fmt: skip
    # and on 31 March it leaves that hour out
    assert [shown("20240331_003000.WAV", berlin, hours * 3600) for hours in range(2)] == ["03-31 01:30", "03-31 03:30"]
    # a clock that ran on Berlin's time: the first of both, and what there is of none, the next that there is
    assert shown("20241027_023000.WAV", Clock("UTC", "Europe/Berlin")) == "10-27 00:30"
    assert shown("20240331_023000.WAV", Clock("UTC", "Europe/Berlin")) == "03-31 01:00"


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "a\0b", "x" * 300])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="there is no time zone"):
        Clock(name)
