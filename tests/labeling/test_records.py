"""labeling/records.py"""

from __future__ import annotations

import dataclasses
import math

import pytest

from labeling.errors import DataError
from labeling.records import KINDS, VERDICTS, CellState, Clip, FrameGrid, Region, Shown


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1.0, 1.0), r"region 1\.0 to 1\.0 s: onset must be at least 0 and before the offset"),
        ((-0.5, 1.0), r"region -0\.5 to 1\.0 s"),
        ((2.0, 1.0), "before the offset"),
        ((math.nan, 1.0), "not finite"),
        ((0.0, math.inf), "not finite"),
        ((0.0, 1.0, 500.0, None), "one of low_hz and high_hz; give both or neither"),
        ((0.0, 1.0, None, 500.0), "one of low_hz and high_hz"),
        ((0.0, 1.0, 500.0, 500.0), r"500\.0 to 500\.0 Hz"),
        ((0.0, 1.0, -1.0, 500.0), "low_hz must be at least 0"),
        ((0.0, 1.0, 1.0, math.inf), "Hz"),
        ((0.0, 1.0, math.nan, 5.0), "Hz"),
    ],
)
def test_a_region_that_cannot_be_is_refused(values: tuple[float, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Region(*values)


def test_a_region_may_start_at_zero_and_at_zero_hz() -> None:
    assert Region(0.0, 0.001, 0.0, 0.1).offset_s == 0.001
    assert Region(0, 1) == Region(0.0, 1.0)


@pytest.mark.parametrize(
    ("status", "usable"),
    [
        ("ok", True),
        ("silent", True),
        ("duplicate", True),
        ("missing", False),
        ("unreadable", False),
        ("too_short", False),
    ],
)
def test_which_clips_can_be_used(status: str, usable: bool) -> None:
    assert Clip(1, "a", "/a", 1.0, 8000, 1, status=status).usable is usable


def test_frames_stand_for_no_less_time_than_they_cover() -> None:
    FrameGrid(0.0, 0.01, 0.32)
    FrameGrid(0.0, 0.32, 0.32)
    for step_s, native_step_s in ((0.0, 0.32), (-0.1, 0.32), (0.32, 0.01)):
        with pytest.raises(DataError, match=f"step_s {step_s} must be above 0 and at most native_step_s"):
            FrameGrid(0.0, step_s, native_step_s)


def test_nouns_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Region(0.0, 1.0).onset_s = 0.5  # type: ignore[misc]


def test_a_cell_is_listed_where_the_import_had_it() -> None:
    assert CellState(1, "a", "secondary", False, False, "secondary", "absent").listed
    assert not CellState(1, "a", "", True, False, "primary", "present").listed


def test_the_words_of_the_design() -> None:
    assert VERDICTS == ("present", "absent", "unsure")
    assert KINDS == ("missing", "false", "swapped")


SUSPECT = {
    "kind": "false", "rank": 3, "scorer": "earmark", "p_wrong": 0.734, "likely_wrong": 0.61, "label_quality": 0.266,
    "clipwise": 0, "framewise_max": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "stored",
    [
        {},
        SUSPECT | {"asked": True},
        SUSPECT | {"asked": True, "second_look": 12},
        SUSPECT | {"asked": True, "blind": True, "doubted_look": 12},
        {"asked": False},
        {"asked": True, "blind": True},
        {"asked": True, "audit": True},
        {"probability": 0.9712},
        {"kind": "missing", "p_wrong": 0.8},  # before it was kept what a screen asked
        {"kind": "false", "p_wrong": None, "rows": [None, 1.5], "other": {"a": 1}},  # null: it was no finite number
        {"rank": "3", "asked": 1, "kind": 7},  # nothing that we wrote
    ],
)
def test_what_was_shown_is_stored_as_it_was_read(stored: dict[str, object]) -> None:
    shown = Shown.from_json(stored)
    assert shown.to_json() == stored
    assert Shown.from_json(shown.to_json()) == shown
    assert shown.other or list(shown.to_json()) == list(stored)


def test_what_another_version_stored_is_no_field_of_ours() -> None:
    shown = Shown.from_json({"kind": "false", "p_wrong": None, "rank": True, "colour": "red"})
    assert (shown.kind, shown.p_wrong, shown.rank) == ("false", None, None)
    assert shown.other == {"p_wrong": None, "rank": True, "colour": "red"}
    assert Shown.from_json(None) == Shown.from_json(["kind"]) == Shown()
