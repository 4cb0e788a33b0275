"""labeling/journal/strong.py: each event once, whoever drew it."""

from __future__ import annotations

import pytest

from labeling import journal
from labeling.journal.strong import events_of, shared, strong_labels
from labeling.records import Box, Decision, Region
from labeling.workspace import Workspace


def box(position: int, reviewer: str, onset_s: float, offset_s: float, *band_hz: float) -> Box:
    return Box(position, Region(onset_s, offset_s, *band_hz), reviewer)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ((0, 1), (0, 1), 1.0),
        ((0, 2), (1, 3), 1 / 3),
        ((0, 1), (1, 2), 0.0),
        ((0, 1, 1000, 2000), (0, 1), 1.0),  # one of them knows no band
        ((0, 1, 1000, 2000), (0, 1, 1500, 2500), 1 / 3),
    ],
)
def test_how_much_two_regions_share(one: tuple[float, ...], other: tuple[float, ...], wanted: float) -> None:
    assert shared(Region(*one), Region(*other)) == pytest.approx(wanted)
    assert shared(Region(*other), Region(*one)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("boxes", "events"),
    [
        ([box(1, "ann", 0, 1), box(2, "bob", 0, 1)], [[1, 2]]),
        ([box(1, "ann", 0, 1), box(2, "bob", 0.25, 1.25)], [[1, 2]]),  # 0.75 of 1.25
        ([box(1, "ann", 0, 1), box(2, "bob", 0.5, 1.5)], [[1], [2]]),  # a third
        ([box(1, "ann", 0, 1), box(2, "ann", 0.1, 1)], [[1], [2]]),  # ann drew two
        ([box(1, "ann", 0, 1), box(2, "ann", 0, 1)], [[1, 2]]),
        ([box(1, "ann", 0, 1), box(2, "ann", 0.2, 1.2), box(3, "bob", 0.2, 1.25)], [[1], [2, 3]]),  # the nearest
        ([box(1, "ann", 0, 1, 500, 900), box(2, "bob", 0, 1, 4000, 8000)], [[1], [2]]),
        ([], []),
    ],
)
def test_boxes_become_events(boxes: list[Box], events: list[list[int]]) -> None:
    assert [[one.position for one in event] for event in events_of(boxes)] == events


def test_an_event_is_listed_once_as_drawn_last(any_collection: Workspace) -> None:
    for number, (reviewer, onset_s) in enumerate((("ann", 1.0), ("bob", 1.1), ("ann", 5.0))):
        region = Region(onset_s, onset_s + 1)
        journal.append(any_collection, [Decision(f"e{number}", reviewer, 1, "amecro", "present", region=region)])
    journal.append(any_collection, [Decision("q", "bob", 1, "amecro", "absent", region=Region(8, 9))])
    with any_collection.read() as connection:
        events = strong_labels(connection, journal.position(connection))
    assert [(one.row, one.boxes) for one in events] == [
        (("amecro/XC1.ogg", 1.1, 2.1, None, None, "amecro", "ann; bob"), 2),
        (("amecro/XC1.ogg", 5.0, 6.0, None, None, "amecro", "ann"), 1),
    ]
