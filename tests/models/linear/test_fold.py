"""models/linear/fold.py: a clip's frames on the space's own grid."""

from __future__ import annotations

import numpy as np

from labeling.records import FrameGrid
from models.linear.bags import Bags
from models.linear.fold import frames_of, predict_bags
from models.linear.head import Head


def test_a_stretch_is_drawn_as_long_as_it_is_and_the_higher_of_two_counts() -> None:
    onset_s = np.array([0, 1.5, 3, 3.7], np.float32)
    stretch = np.array([[0.1], [0.9], [0.2], [0.3]], np.float32)
    frames = frames_of(stretch, onset_s, onset_s + 3, 6.7, FrameGrid(0, 1.5, 1.5))
    np.testing.assert_allclose(frames[:, 0], [0.1, 0.9, 0.9, 0.3, 0.3])


def test_a_clip_shorter_than_a_window_has_one_and_is_drawn_whole() -> None:
    one = np.array([[0.4, 0.6]], np.float32)
    frames = frames_of(one, np.zeros(1, np.float32), np.array([0.8], np.float32), 0.8, FrameGrid(0, 1.5, 1.5))
    np.testing.assert_allclose(frames, one)


def test_several_heads_are_averaged_as_probabilities() -> None:
    time_s = np.array([0, 1], np.float32)
    bags = Bags(np.array([[1.0], [-1.0]], np.float32), np.array([0, 2]), time_s, time_s + 1)
    heads = [Head(np.array([[w]], np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32), 1, 0) for w in (0, 2)]
    clipwise, frames = predict_bags(heads, bags, [2.0], FrameGrid(0, 1, 1))
    np.testing.assert_allclose(clipwise, [[0.5]])
    high = 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(frames[0][:, 0], [(0.5 + high) / 2, (1.5 - high) / 2], rtol=1e-6)
