"""pages/ui/player/events.py"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import DataError
from labeling.records import Region
from pages.ui.player.events import MODES, PlayerEvent, parse_event

GOOD = {
    "event_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "clip_id": 7, "class": "amecro", "verdict": "absent",
    "role": "secondary", "kind": "false", "region": {"onset_s": 1.5, "offset_s": 2}, "replaces": 3,
    "seen_position": 12, "note": "far away", "mode": "again",
}  # fmt: skip


def test_a_good_event_is_read():
    assert parse_event(GOOD) == PlayerEvent(
        event_id="0f8fad5b-d9cb-469f-a165-70867728950e", clip_id=7, class_code="amecro", verdict="absent",
        role="secondary", kind="false", region=Region(1.5, 2.0), replaces=3, seen_position=12, note="far away",
        mode="again",
    )  # fmt: skip
    least = {"event_id": "a1", "clip_id": 7, "class": "x", "verdict": "present", "region": None, "seen_position": None}
    assert parse_event(least) == PlayerEvent("a1", 7, "x", "present")
    band = parse_event(GOOD | {"region": {"onset_s": 0, "offset_s": 1, "low_hz": 500, "high_hz": 900.5}})
    assert band.region == Region(0.0, 1.0, 500.0, 900.5)


def test_a_box_that_is_taken_away_needs_no_verdict():
    assert parse_event(GOOD | {"region": None, "verdict": ""}).replaces == 3
    with pytest.raises(DataError, match="verdict ''; choose from present, absent, unsure"):
        parse_event(GOOD | {"region": None, "verdict": "", "replaces": None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_id": ""}, "event_id ''"),
        ({"event_id": "a b"}, "letters, digits and - are expected"),
        ({"event_id": "é"}, "letters, digits and - are expected"),
        ({"event_id": "x" * 81}, "at most 80 signs"),
        ({"event_id": 3}, "a text of at most"),
        ({"clip_id": "7"}, "clip_id '7'"),
        ({"clip_id": True}, "clip_id 'True'"),
        ({"clip_id": -1}, "clip_id '-1'"),
        ({"clip_id": 7.5}, "clip_id '7.5'"),
        ({"clip_id": None}, "clip_id None"),
        ({"verdict": "maybe"}, "verdict 'maybe'; choose from present, absent, unsure"),
        ({"class": ""}, "names no class"),
        ({"class": ["amecro"]}, "class"),
        ({"class": "x" * 501}, "at most 500 signs"),
        ({"role": "tertiary"}, "role 'tertiary'"),
        ({"kind": "odd"}, "kind 'odd'"),
        ({"mode": "odd"}, "mode 'odd'; choose from (none), blind, again, doubted, audit"),
        ({"note": "x" * 2001}, "at most 2000 signs"),
        ({"seen_position": -2}, "seen_position '-2'"),
        ({"replaces": "12"}, "replaces '12'"),
        ({"region": [1, 2]}, "region"),
        ({"region": {"onset_s": 2, "offset_s": 1}}, "before the offset"),
        ({"region": {"onset_s": float("nan"), "offset_s": 1}}, "number"),
        ({"region": {"onset_s": 10**400, "offset_s": 1}}, "number"),
        ({"region": {"onset_s": "0", "offset_s": 1}}, "number"),
        ({"region": {"onset_s": 0}}, "without onset_s or offset_s"),
        ({"region": {"onset_s": 0, "offset_s": 1, "low_hz": 5}}, "low_hz"),
    ],
)
def test_a_bad_event_says_what_is_wrong(change, message):
    with pytest.raises(DataError, match=re.escape(message)):
        parse_event(GOOD | change)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "onset_s"]), json_values, max_size=11), json_values)
def test_no_payload_ends_in_anything_but_an_event_or_a_data_error(change, whole):
    for raw in (GOOD | change, change, whole, GOOD | {"region": whole}):
        try:
            event = parse_event(raw)
        except DataError:
            continue
        assert event.mode in MODES
        assert isinstance(event.clip_id, int)
