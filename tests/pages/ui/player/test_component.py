"""The player's Python half: what the page tells it, what it may say to the page, and its scripts as texts."""

import json
import re

import pytest

from labeling.errors import DataError
from labeling.review.second_looks import Look
from pages.ui.player.component import PLAYER, PageEvent, Visit, parse_page_event
from pages.ui.shared.scripts import scripts_of


def test_a_visit_becomes_plain_json():
    hostile = '<img src=x onerror=alert(1)> "=cmd()" 🐦'
    shown = Visit(
        id="v1",
        items=(Look(3), Look(4, "blind", hostile), Look(5, "again", "blujay")),
        at=1,
        token="t",
        view={"run": "r1"},
        link={"class": hostile},
        preferences={"look": {"gain": 6}},
        follow=True,
    ).to_json()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert shown["items"] == [3, [4, "blind", hostile], [5, "again", "blujay"]]
    assert (shown["at"], shown["link"], shown["follow"]) == (1, {"class": hostile}, True)


def test_what_the_player_says_to_the_page():
    assert parse_page_event(None) is None
    assert parse_page_event({"action": "moved", "clip_id": 7, "at": "x"}) == PageEvent("moved", 7)
    assert parse_page_event({"action": "moved", "clip_id": 7, "mode": "blind"}) == PageEvent("moved", 7, "blind")
    for raw, message in (
        ({"action": "drop", "clip_id": 7}, "action 'drop'; choose from finished, moved, refresh"),
        ({"action": "moved"}, "clip_id None"),
        ({"action": "moved", "clip_id": 7, "mode": "deaf"}, "mode 'deaf'"),
        ([1], "list, not a mapping"),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            parse_page_event(raw)


def test_labels_never_become_markup():
    for script in (path.read_text() for path in scripts_of(PLAYER.entry)):
        for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert danger not in script


def test_the_player_is_one_module_with_its_styles():
    assert PLAYER.read_script().count("export default") == 1
    assert "</script" not in PLAYER.read_script()
    assert len(PLAYER.style) > 1000


def _page():
    from labeling.review.second_looks import Look
    from pages.ui.player.component import Visit, clip_player

    clip_player(Visit("v1", (Look(41),), 0, "token"), print)


@pytest.mark.parametrize("again", [1, 2])
def test_the_player_is_mounted_in_every_new_session(again):
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_function(_page, default_timeout=30).run()
    assert not at.exception
    (mounted,) = at.get("bidi_component")
    assert json.loads(mounted.proto.json)["items"] == [41]
