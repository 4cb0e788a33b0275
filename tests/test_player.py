"""The player's Python half: what it is told, and what it may say."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import DataError
from labeling.records import FrameGrid, Region
from labeling.spectrogram import SpectrogramSettings, axis_edges, from_axis, to_axis
from pages.ui import player
from pages.ui.player import (
    ACTIONS,
    FrameSteps,
    Lane,
    PlayerData,
    PlayerEvent,
    Prefetch,
    native_frames,
    parse_event,
    read_script,
)

GOOD = {
    "event_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "clip_id": 7, "action": "decide", "class": "amecro",
    "verdict": "absent", "role": "secondary", "kind": "false", "region": {"onset_s": 1.5, "offset_s": 2},
    "seen_position": 12, "run_id": "r1", "advance": True,
}  # fmt: skip


def test_a_good_event_is_read():
    assert parse_event(GOOD) == PlayerEvent(
        event_id="0f8fad5b-d9cb-469f-a165-70867728950e", clip_id=7, action="decide", class_code="amecro",
        verdict="absent", role="secondary", kind="false", region=Region(1.5, 2.0), seen_position=12, run_id="r1",
        advance=True,
    )  # fmt: skip
    assert parse_event(None) is None
    moved = parse_event({"event_id": "a1", "clip_id": 7, "action": "next", "seen_position": None, "run_id": ""})
    assert moved == PlayerEvent("a1", 7, "next")
    assert parse_event(GOOD | {"region": None}).region is None
    assert parse_event(GOOD | {"advance": "yes"}).advance is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_id": ""}, "event_id ''"),
        ({"event_id": "a b"}, "letters, digits and - are expected"),
        ({"event_id": "é"}, "letters, digits and - are expected"),
        ({"event_id": "x" * 81}, "at most 80 signs"),
        ({"event_id": 3}, "a text of at most"),
        ({"clip_id": "7"}, "clip_id '7'"),
        ({"clip_id": True}, "clip_id True"),
        ({"clip_id": -1}, "clip_id -1"),
        ({"clip_id": 7.5}, "clip_id 7.5"),
        ({"clip_id": None}, "clip_id None"),
        ({"action": "drop"}, "action 'drop'; choose from decide, add, undo, next, previous"),
        ({"verdict": "maybe"}, "verdict 'maybe'; choose from present, absent, unsure"),
        ({"verdict": ""}, "verdict ''"),
        ({"class": ""}, "names no class"),
        ({"class": ["amecro"]}, "class"),
        ({"class": "x" * 501}, "at most 500 signs"),
        ({"role": "tertiary"}, "role 'tertiary'"),
        ({"kind": "odd"}, "kind 'odd'"),
        ({"seen_position": -2}, "seen_position -2"),
        ({"seen_position": "12"}, "seen_position '12'"),
        ({"action": "add"}, "only 'present' can be added"),
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
        assert event is None or (event.action in ACTIONS and isinstance(event.clip_id, int))


def test_data_become_plain_json_and_stay_data():
    hostile = '<img src=x onerror=alert(1)> "=cmd()" 🐦'
    shown = PlayerData(
        clip_id=3,
        revision="5",
        title=hostile,
        duration_s=12.0,
        lanes=(
            Lane("amecro", hostile, "primary", "false", clipwise=float("nan"), values=(0.12345, float("nan"), 1.0)),
        ),
        prefetch=(Prefetch("/a", "/b"),),
        classes=(("amecro", hostile),),
        candidates=(("blujay", 0.98765),),
    ).to_json()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert shown["title"] == hostile
    lane = shown["lanes"][0]
    assert (lane["class"], lane["name"], lane["clipwise"], lane["values"]) == (
        "amecro",
        hostile,
        None,
        [0.123, 0.0, 1.0],
    )
    assert shown["candidates"] == [["blujay", 0.988]]


def test_axes_are_those_of_the_picture():
    settings = SpectrogramSettings(axis="log", high_hz=16_000)
    axis = PlayerData(1, "0", "a", 1.0, settings=settings, sample_rate=22_050).to_json()["axis"]
    assert (axis["kind"], axis["bottom_hz"], axis["top_hz"]) == ("log", 60, 11_025)
    assert (axis["bottom_hz"], axis["top_hz"]) == axis_edges(settings.for_sample_rate(22_050))
    impossible = PlayerData(1, "0", "a", 1.0, settings=SpectrogramSettings(low_hz=8000), sample_rate=8000).to_json()
    assert impossible["axis"] is None
    assert "low_hz 8000" in impossible["error"]


def test_the_browser_has_the_same_mel_scale():
    """player_picture.js repeats three formulas of labeling.spectrogram; its constants must be theirs."""
    script = read_script()
    for text in ("(hz * 3) / 200", "15 + (Math.log(hz / 1000) * 27) / Math.log(6.4)", "Math.log2(hz)"):
        assert text in script
    assert to_axis(500, "mel") == 500 * 3 / 200
    assert from_axis(15, "mel") == pytest.approx(1000)


def test_native_frames_show_no_more_than_the_network_knows():
    known = np.array([0.1, 0.9, 0.4], np.float32)
    repeated = np.repeat(known, 32)
    values, steps = native_frames(repeated, FrameGrid(0.0, 0.01, 0.32))
    np.testing.assert_array_equal(values, known)
    assert steps == FrameSteps(0.0, 0.32)
    both, _ = native_frames(np.stack([repeated, 1 - repeated], axis=1), FrameGrid(0.5, 0.01, 0.32))
    np.testing.assert_array_equal(both, np.stack([known, 1 - known], axis=1))
    same, steps = native_frames(known, FrameGrid(0.1, 0.5, 0.5))
    np.testing.assert_array_equal(same, known)
    assert steps == FrameSteps(0.1, 0.5)
    uneven, _ = native_frames(np.arange(10, dtype=np.float32), FrameGrid(0.0, 0.02, 0.05))  # 2.5 frames a step
    np.testing.assert_array_equal(uneven, [1, 4, 6, 9])
    assert native_frames(np.zeros(0, np.float32), FrameGrid(0.0, 1.0, 1.0))[0].shape == (0,)


def test_every_key_is_free_and_named_once():
    lines = re.findall(r"action: \"\w+\", keys: \[(.*)\], shown:", read_script())
    keys = [key for line in lines for key in re.findall(r"\"(.+?)\"", line)]
    assert len(lines) >= 20
    assert {" ", "1", "y", "[", "?", "ArrowUp"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert not {"r", "c"} & set(keys), "Streamlit's own keys"


def test_labels_never_become_markup():
    script = read_script()
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert danger not in script
    assert script.count("export default") == 1


def test_each_script_is_part_of_the_player():
    folder = Path(player.__file__).parent
    assert {path.name for path in folder.glob("player*.js")} == set(player._SCRIPTS)


def _page():
    import streamlit as st

    from pages.ui.player import Lane, PlayerData, clip_player

    def keep(event):
        st.session_state["seen"] = event.class_code

    clip_player(PlayerData(1, "0", "a.ogg", 2.0, lanes=(Lane("amecro", "Crow", "primary"),)), keep)


@pytest.mark.parametrize("again", [1, 2])
def test_the_player_is_mounted_in_every_new_session(again):
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_function(_page, default_timeout=30).run()
    assert not at.exception
    (mounted,) = at.get("bidi_component")
    assert '"title": "a.ogg"' in mounted.proto.json or '"title":"a.ogg"' in mounted.proto.json
