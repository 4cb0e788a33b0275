"""pages/ui/shared/shapes.py: what the browser's scripts are checked against is what Python says."""

from __future__ import annotations

import json

import pytest

from labeling.review.second_looks import Look
from pages.ui.player.component import Visit
from pages.ui.routes.clip_json import blank_lane
from pages.ui.shared import shapes
from tests.support.scripts.typescript import FILE, check, declarations


def test_the_scripts_types_are_those_of_the_server() -> None:
    assert FILE.read_text(encoding="utf-8") == declarations(), "run `make format`"


def test_a_visit_is_told_as_it_is_typed() -> None:
    visit = Visit("v1", (Look(3), Look(4, "blind", "blujay")), 0, "token", {"run": "001"}, {}, {"look": {"gain": 3}})
    check(json.loads(json.dumps(visit.to_json())), shapes.Visit, "the visit")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clipwise": "much"}, "the lane.clipwise is 'much', not float | None"),
        ({"verdict": None}, "the lane.verdict is None, not str"),
        ({"events": [True]}, "the lane.events[0] is no Box: True"),
        ({"likely": 1}, "the lane has ['likely'], unknown to"),
    ],
)
def test_what_is_of_another_type_is_noticed(change: dict[str, object], message: str) -> None:
    lane = blank_lane("blujay", "Blue Jay")
    check(lane, shapes.Lane, "the lane")
    with pytest.raises(AssertionError) as caught:
        check(lane | change, shapes.Lane, "the lane")
    assert message in str(caught.value)
