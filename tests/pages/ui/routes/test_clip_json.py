"""pages/ui/routes/clip_json.py"""

import json
from pathlib import Path

import numpy as np
import pytest

from labeling import journal
from labeling.errors import DataError
from labeling.machine_labels import MachineLabel, apply_machine_labels
from labeling.records import Decision, FrameGrid
from labeling.review.clip_view import clip_view
from labeling.review.pooling import POOL, first_level, pooled
from labeling.suspects import queue
from labeling.workspace import Workspace, open_workspace
from pages.ui.routes.clip_json import clip_json, lanes_bytes, native_frames, packed
from tests.support.browser.player_page import unpacked

SECRET = b"s" * 32
HOSTILE = '<img src=x onerror=alert(1)> "=cmd()" 🐦'


def test_native_frames_show_no_more_than_the_network_knows():
    known = np.array([0.1, 0.9, 0.4], np.float32)
    repeated = np.repeat(known, 32)
    grid = FrameGrid(0.0, 0.01, 0.32)
    np.testing.assert_array_equal(native_frames(repeated, grid), known)
    both = native_frames(np.stack([repeated, 1 - repeated], axis=1), FrameGrid(0.5, 0.01, 0.32))
    np.testing.assert_array_equal(both, np.stack([known, 1 - known], axis=1))
    np.testing.assert_array_equal(native_frames(known, FrameGrid(0.1, 0.5, 0.5)), known)
    uneven = native_frames(np.arange(10, dtype=np.float32), FrameGrid(0.0, 0.02, 0.05))  # 2.5 frames a step
    np.testing.assert_array_equal(uneven, [1, 4, 6, 9])
    assert native_frames(np.zeros(0, np.float32), FrameGrid(0.0, 1.0, 1.0)).shape == (0,)


def test_probabilities_are_packed_to_the_last_place_that_is_shown():
    values = np.array([0.12345, np.nan, 1.0, np.inf, -1.0], np.float32)
    np.testing.assert_allclose(unpacked(packed(values)), [0.12345, 0.0, 1.0, 1.0, 0.0], atol=1e-5)
    assert packed(values[:0]) == ""


def test_what_a_machine_changed_is_told_as_such_until_a_person_speaks(collection: Workspace) -> None:
    added = [MachineLabel(2, "balori", "present", 0.93)]
    apply_machine_labels(collection, added, what="stage1", run_id="001-demo")

    def shown() -> tuple[dict[str, object], list[dict[str, object]]]:
        view = clip_view(collection, 2, None, min_p_wrong=0.3, reviewer="rita")
        assert view
        told = clip_json(view, [], SECRET, "rita")
        return next(lane for lane in told["lanes"] if lane["class"] == "balori"), told["history"]

    lane, history = shown()
    assert (lane["machine"], lane["reviewer"], lane["verdict"]) == ("present", "stage 1", "")
    assert (history[0]["text"], history[0]["reviewer"], history[0]["can_undo"]) == (
        "added, probability 0.93", "stage 1 by run 001-demo, heard by nobody", False,
    )  # fmt: skip
    journal.append(collection, [Decision("e1", "rita", 2, "balori", "absent")])
    lane, history = shown()
    assert (lane["machine"], lane["reviewer"], lane["verdict"]) == ("", "rita", "absent")
    assert [row["reviewer"] for row in history] == ["rita", "stage 1 by run 001-demo, heard by nobody"]


def test_a_tile_of_the_lanes_is_what_comes_with_a_clip_that_is_sent_whole(trained: Path) -> None:
    workspace = open_workspace(trained)
    with workspace.read() as connection:
        scored = queue.current(connection)
        assert scored
    view = clip_view(workspace, 5, scored, min_p_wrong=0.0, reviewer="rita")
    assert view
    lanes = clip_json(view, [], SECRET, "rita")["lanes"]
    asked = {"run": scored[0], "codes": json.dumps([lane["class"] for lane in lanes])}
    fine = np.frombuffer(lanes_bytes(workspace, 5, asked | {"spread": "1"}), "<u2").reshape(3, len(lanes), -1)
    np.testing.assert_array_equal(fine[0], [np.round(unpacked(lane["values"]) * 65_535) for lane in lanes])
    coarse = np.frombuffer(lanes_bytes(workspace, 5, asked | {"level": "1"}), "<u2").reshape(len(lanes), -1)
    np.testing.assert_array_equal(coarse, pooled(fine[0].T, 1).T)
    assert lanes_bytes(workspace, 5, asked | {"index": "7"}) == b""
    for wrong in ({"level": "9"}, {"index": "x"}, {"codes": "[]"}, {"codes": "["}, {"codes": "[1]"}, {"run": "none"}):
        with pytest.raises(DataError, match="reload the page"):
            lanes_bytes(workspace, 5, asked | wrong)
    workspace.close()


def test_a_long_recording_comes_with_its_coarse_curves() -> None:
    values = np.random.default_rng(0).random(40_000).astype(np.float32)
    told, lowest = unpacked(packed(values)), unpacked(packed(values, lowest=True))
    assert len(told) <= 4_096
    each = POOL ** first_level(len(values))
    np.testing.assert_allclose(told, [values[at : at + each].max() for at in range(0, len(values), each)], atol=1e-5)
    np.testing.assert_allclose(lowest, [values[at : at + each].min() for at in range(0, len(values), each)], atol=1e-5)
