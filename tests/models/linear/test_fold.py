"""models/linear/fold.py: a clip's frames on the space's own grid, and which clips sound alike."""

from __future__ import annotations

import numpy as np

from labeling.records import Clip, FrameGrid
from models.folds.task import Task
from models.linear.bags import Bags, Lesson
from models.linear.fold import LinearData, frames_of, head_neighbours, predict_bags
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


def test_alike_is_what_sounds_alike_and_is_told_alike() -> None:
    """Each clip has a loud recorder, one of two, and a quiet bird, one of two. By the vectors alone a clip is most like
    those of its recorder; with the head's logits it is most like those of its bird, its own recorder's first."""
    recorder, bird = np.divmod(np.arange(16) % 4, 2)
    rng = np.random.default_rng(0)
    sound = np.stack([3.0 * recorder - 1.5, 1.5 - 3.0 * recorder, bird, 1 - bird], axis=1)
    vectors = (sound + 0.01 * rng.standard_normal(sound.shape)).astype(np.float16)
    time_s = np.zeros(16, np.float32)
    bags = Bags(vectors, np.arange(17), time_s, time_s + 1)
    head = Head(np.array([[0, 0], [0, 0], [4, -4], [-4, 4]], np.float32), np.zeros(2, np.float32),
                np.zeros(4, np.float32), 1, 0)  # fmt: skip
    clips = [Clip(100 + k, f"{k}.wav", f"{k}.wav", 1.0, 8000, 1) for k in range(16)]
    present = np.stack([bird == 1, bird == 0], axis=1)
    nothing = np.zeros((16, 2), np.float32)
    lesson = Lesson(bags, nothing, nothing, np.arange(16), np.zeros((16, 2), bool))
    data = LinearData(
        clips, bags, lesson, present, np.ones_like(present), np.arange(16), ("a", "b"), FrameGrid(0, 1, 1)
    )
    task = Task(0, 0, np.arange(4, 16), np.zeros(0, np.int64), np.arange(4))
    found = head_neighbours(head, data, task, 6, 0)
    for clip in range(4):
        first = found.neighbour_ids[found.offsets[clip]] - 100
        assert (bird[first] == bird[clip]).all()
        assert (recorder[first[:3]] == recorder[clip]).all()
        similarity = found.similarity[found.offsets[clip]].astype(float)
        assert (np.diff(similarity) <= 0).all()
        assert similarity[0] > 0.95
        assert similarity[-1] < 0.8
