"""pages/ui/clip_json.py"""

import numpy as np

from labeling.records import FrameGrid
from pages.ui.clip_json import native_frames, rounded

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
