"""Effort and activity by hour, by hand; and that nothing is lost or counted twice."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.activity.hours import activity, hours, strongest
from labeling.activity.placing import Clock
from tests.support.workspaces.field import windows_of_names


def test_a_recording_over_the_hour_and_over_midnight_is_split() -> None:
    windows = windows_of_names(["pond/20240612_055000.WAV", "pond/20240612_235930.WAV"], 1200.0, 300.0,
                               np.array([0.2, 0.9, 0.7, 0.6, 0.1, 0.2, 0.3, 0.4]))  # fmt: skip
    rows = activity(hours(windows, Clock()), windows.of("frog"), 0.6)
    assert rows[["site", "date", "hour"]].values.tolist() == [
        ["pond", "2024-06-12", 5], ["pond", "2024-06-12", 6], ["pond", "2024-06-12", 23], ["pond", "2024-06-13", 0],
    ]  # fmt: skip
    assert rows["recorded_s"].tolist() == [600, 600, 30, 1170]
    assert rows["windows"].tolist() == [2, 2, 1, 3]
    assert rows["above"].tolist() == [1, 2, 0, 0]
    assert rows["share"].tolist() == [0.5, 1, 0, 0]
    np.testing.assert_allclose(rows["highest"], [0.9, 0.7, 0.1, 0.4], rtol=1e-6)


def test_an_hour_without_recording_is_no_row_and_one_without_a_window_has_no_share() -> None:
    windows = windows_of_names(
        ["pond/20240612_045950.WAV", "pond/20240612_080000.WAV"], 60.0, 60.0, np.array([0.5, 0.0])
    )
    rows = activity(hours(windows, Clock()), windows.of("frog"), 0.5)
    assert rows["hour"].tolist() == [4, 5, 8]
    assert rows["recorded_s"].tolist() == [10, 50, 60]
    assert rows["share"].tolist()[0::2] == [1, 0]
    assert np.isnan(rows["share"][1])
    assert np.isnan(rows["highest"][1])


def test_two_recorders_at_a_site_add_up() -> None:
    windows = windows_of_names(["pond/A/20240612_050000.WAV", "pond/B/20240612_050000.WAV"], 3600.0, 60.0)
    (row,) = hours(windows, Clock()).table.itertuples()
    assert (row.recorders, row.recorded_s) == (2, 7200)


def test_an_hour_that_there_is_twice_holds_two() -> None:
    windows = windows_of_names(["20241027_000000.WAV"], 3 * 3600.0, 600.0)
    rows = activity(hours(windows, Clock("Europe/Berlin")), windows.of("frog"), 0.0)
    assert rows[["hour", "recorded_s", "windows"]].values.tolist() == [[2, 7200, 12], [3, 3600, 6]]


def test_half_an_hour_from_utc_the_hours_lie_elsewhere() -> None:
    windows = windows_of_names(["20240612_000000.WAV"], 3600.0, 900.0)
    rows = hours(windows, Clock("Asia/Kolkata")).table
    assert rows[["hour", "recorded_s"]].values.tolist() == [[5, 1800], [6, 1800]]


def test_what_has_no_time_is_in_no_hour() -> None:
    windows = windows_of_names(["pond/XC1.wav", "pond/20240612_050000.WAV"], 6.0)
    found = hours(windows, Clock())
    assert found.hour.tolist() == [-1, -1, 0, 0]
    assert hours(windows_of_names(["XC1.wav"], 6.0), Clock()).table.empty


def test_the_strongest_of_an_hour() -> None:
    windows = windows_of_names(["a/20240612_050000.WAV", "b/20240612_050000.WAV"], 9.0, 3.0,
                               np.array([0.1, 0.5, 0.3, 0.9, 0.2, 0.5]))  # fmt: skip
    found, scores = hours(windows, Clock()), windows.of("frog")
    assert strongest(found, scores, None, "2024-06-12", 5, 4).tolist() == [3, 1, 5, 2]
    assert strongest(found, scores, "b", "2024-06-12", 5, 4).tolist() == [3, 5, 4]
    assert strongest(found, scores, "b", "2024-06-12", 6, 4).tolist() == []


@settings(deadline=None)
@given(
    st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2089, 12, 31)), min_size=1, max_size=6).map(
        lambda moments: [f"s{k % 2}/{m:%Y%m%d_%H%M%S}.wav" for k, m in enumerate(moments)]
    ),
    st.floats(1, 200_000),
    st.sampled_from(["", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
    st.floats(0, 1),
)
def test_all_that_was_recorded_is_somewhere_once(names: list[str], duration_s: float, zone: str, least: float) -> None:
    windows = windows_of_names(names, duration_s, max(1.0, duration_s / 50))
    found = hours(windows, Clock(zone))
    rows = activity(found, windows.of("frog"), least)
    assert rows["recorded_s"].sum() == pytest.approx(duration_s * len(names), abs=0.01 * len(rows))
    assert rows["windows"].sum() == len(windows)
    assert rows["above"].sum() == (windows.of("frog") >= np.float32(least)).sum()
    assert (rows["recorded_s"] <= 2 * 3600 * rows["recorders"] * len(names) + 1e-6).all()
    assert not rows.duplicated(["site", "date", "hour"]).any()
