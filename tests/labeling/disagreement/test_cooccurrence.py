"""labeling/disagreement/cooccurrence.py"""

from __future__ import annotations

import math

import numpy as np
import pytest

from labeling import journal
from labeling.disagreement import cooccurrence
from labeling.disagreement.cooccurrence import offers, place_and_month
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips

HERE = {"Latitude": "42.0", "LONGITUDE": "-76.0", "Date": "2016-05-12"}
NEAR = {"Latitude": "42.3", "LONGITUDE": "-76.0", "Date": "2016-06-01"}  # 0.3 degrees: 33 km
FAR = {"Latitude": "42.5", "LONGITUDE": "-76.0", "Date": "2016-05-12"}  # 56 km
WINTER = HERE | {"Date": "2016-12-12"}
CLIPS = (
    ("1.ogg", ("amecro",)),
    ("2.ogg", ("amecro", "balori")),
    ("3.ogg", ("amecro", "balori")),
    ("4.ogg", ("cangoo",)),
    ("5.ogg", ("cangoo",)),
    ("6.ogg", ("daejun",)),
    ("7.ogg", ("daejun",)),
    ("8.ogg", ("daejun",)),
)


def gathered(workspace: Workspace, position: int = 0) -> cooccurrence.Company:
    with workspace.read() as connection:
        return cooccurrence.gathered(connection, position)


def with_places(workspace: Workspace, *places: dict[str, str]) -> cooccurrence.Company:
    add_clips(workspace, CLIPS, metadata={clip[0]: place for clip, place in zip(CLIPS, places, strict=False)})
    return gathered(workspace)


def test_the_network_alone_gives_its_own_order(any_workspace: Workspace) -> None:
    company = with_places(any_workspace)
    found = offers(company, 6, (), {"amecro": 0.2, "balori": 0.9, "cangoo": 0.5, "daejun": 0.01})
    assert found == [("balori", 0.9, ""), ("cangoo", 0.5, ""), ("amecro", 0.2, ""), ("daejun", 0.01, "")]
    assert [one[0] for one in offers(company, 6, (), {}, without=["daejun"], count=2)] == ["amecro", "balori"]


def test_what_is_found_together_comes_first(workspace: Workspace) -> None:
    company = with_places(workspace)
    even = dict.fromkeys(("balori", "cangoo", "daejun"), 0.1)
    assert offers(company, 1, ("amecro",), even) == [
        ("balori", 0.1, "with American Crow in 2 clips"),
        ("cangoo", 0.1, ""),
        ("daejun", 0.1, ""),
    ]
    # of its own labels a clip is no proof: one other clip has both
    assert offers(company, 2, ("amecro",), even)[0] == ("balori", 0.1, "with American Crow in 1 clip")


def test_how_much_it_weighs(workspace: Workspace) -> None:
    """By hand: balori is usual in 2.5/9 of the clips; of 2 further clips with amecro 2 have it, so that it is
    (2 + 5 * 2.5/9) / 7 / (2.5/9) = 1.743 times as common. Odds of 0.1 become 0.1937, a chance of 0.1623."""
    company = with_places(workspace)
    for rival, first in ((0.161, "balori"), (0.163, "cangoo")):
        assert offers(company, 1, ("amecro",), {"balori": 0.1, "cangoo": rival, "daejun": 0.0})[0][0] == first


def test_what_is_found_near_by_at_that_time_of_year(workspace: Workspace) -> None:
    company = with_places(workspace, HERE, {}, {}, NEAR, FAR, WINTER, WINTER | {"Date": "unknown"})
    even = dict.fromkeys(("balori", "cangoo", "daejun"), 0.1)
    found = offers(company, 1, (), even, without=("amecro",))
    assert found[0] == ("cangoo", 0.1, "in 1 clip within 50 km, April to June")
    assert {why for _, _, why in found[1:]} == {""}


def test_without_a_date_the_place_alone_speaks(workspace: Workspace) -> None:
    here = {"lat": "42", "lon": "-76"}
    company = with_places(workspace, here, {}, {}, NEAR, FAR, WINTER, WINTER)
    even = dict.fromkeys(("balori", "cangoo", "daejun"), 0.1)
    found = offers(company, 1, (), even, without=("amecro",))
    assert [one[::2] for one in found[:2]] == [
        ("daejun", "in 2 clips within 50 km"),
        ("cangoo", "in 1 clip within 50 km"),
    ]


def test_near_goes_round_the_date_line_and_the_turn_of_the_year(workspace: Workspace) -> None:
    here = {"lat": "-17", "lng": "179.9", "month": "Dec"}
    there = {"lat": "-17", "lng": "-179.9", "month": "1"}
    company = with_places(workspace, here, {}, {}, there)
    found = offers(company, 1, (), dict.fromkeys(("balori", "cangoo", "daejun"), 0.1), without=("amecro",))
    assert found[0] == ("cangoo", 0.1, "in 1 clip within 50 km, November to January")


@pytest.mark.parametrize(
    ("metadata", "place", "month"),
    [
        ({"latitude": "42.5", "longitude": "-76.25", "date": "2016-05-12"}, (42.5, -76.25), 5),
        ({"LAT": " 1 ", "Lon": "2", "Month": "september"}, (1.0, 2.0), 9),
        ({"latitude": "91", "lat": "12", "longitude": "3", "eventDate": "20160512"}, (12.0, 3.0), 5),
        ({"latitude": "42.5"}, None, 0),
        ({"latitude": "north", "longitude": "3", "date": "2016-00-00"}, None, 0),
        ({"latitude": "nan", "longitude": "inf", "date": "2016/7/1"}, None, 7),
        ({"latitude": "", "longitude": "", "date": "12.5.2016", "month": "13"}, None, 0),
        ({"month": "9" * 5000, "date": "x" * 100}, None, 0),
        ({}, None, 0),
    ],
)
def test_metadata_in_any_state(metadata: dict[str, str], place: tuple[float, float] | None, month: int) -> None:
    found, found_month = place_and_month(metadata)
    assert (found == place) if place else all(math.isnan(one) for one in found)
    assert found_month == month


def test_decisions_count_and_are_read_anew_when_there_are_enough(any_workspace: Workspace) -> None:
    add_clips(any_workspace, CLIPS)
    before = gathered(any_workspace)
    added = Decision("e1", "ann", 8, "cangoo", "present")
    journal.append(any_workspace, [added, Decision("e2", "ann", 4, "cangoo", "absent")])
    assert gathered(any_workspace, 2) is before
    after = gathered(any_workspace, cooccurrence.REFRESH_ENTRIES)
    goose = after.codes.index("cangoo")
    assert sorted(after.label_row[after.label_class == goose].tolist()) == [4, 7]
    assert sorted(before.label_row[before.label_class == goose].tolist()) == [3, 4]
    add_clips(any_workspace, (("9.ogg", ("cangoo",)),))
    assert len(gathered(any_workspace, cooccurrence.REFRESH_ENTRIES).row_of) == 9


def test_a_clip_that_came_later_is_offered_what_the_network_heard(workspace: Workspace) -> None:
    company = with_places(workspace, HERE)
    assert offers(company, 99, ("unknown",), {"cangoo": 0.9})[0] == ("cangoo", 0.9, "")


def test_an_empty_collection(workspace: Workspace) -> None:
    company = gathered(workspace)
    assert offers(company, 1, ("amecro",), {}) == []
    assert np.shape(company.direction) == (0, 3)
