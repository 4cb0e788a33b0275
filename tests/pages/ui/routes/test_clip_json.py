"""pages/ui/routes/clip_json.py"""

import numpy as np

from labeling import journal
from labeling.machine_labels import MachineLabel, apply_machine_labels
from labeling.records import Decision, FrameGrid
from labeling.review.clip_view import clip_view
from labeling.workspace import Workspace
from pages.ui.routes.clip_json import clip_json, native_frames, rounded

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


def test_probabilities_fit_into_json():
    assert rounded(np.array([0.12345, np.nan, 1.0, np.inf], np.float32)) == [0.123, 0.0, 1.0, 1.0]


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
