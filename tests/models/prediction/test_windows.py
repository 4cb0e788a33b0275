import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import ConfigError, Stopped
from labeling.records import FrameGrid
from models.inputs.clips import AudioStore, Chunks, draw_by_strength
from models.inputs.features import FrontEnd
from models.networks.catalogue import build_network
from models.networks.heads import Network, Output, frame_grid
from models.prediction import windows
from models.prediction.tta import draw_views
from models.prediction.windows import (
    Predictor,
    Shown,
    Window,
    n_output_frames,
    precision_context,
    predict_clips,
    predict_crops,
    windows_of,
    with_context,
)
from tests.support.training.tiny import tiny_collection, tiny_recipe


@given(st.integers(1, 3000), st.integers(16, 600), st.sampled_from([0.0, 0.25, 0.5, 0.9]), st.sampled_from([1, 4, 8]))
def test_windows_cover_the_clip_on_one_grid(length, window, overlap, stride):
    windows = windows_of(7, length, window, overlap, stride)
    whole = max(1, window // stride) * stride
    covered = np.zeros(length + 2 * window + 8 * stride, dtype=int)
    for one in windows:
        assert one.row == 7
        assert one.start % stride == 0
        assert one.n_frames % stride == 0
        covered[one.start : one.start + one.n_frames] += 1
    assert (covered[:length] > 0).all()
    if length > whole:
        assert {one.n_frames for one in windows} == {whole}
        assert windows[-1].start + whole - length < stride
        gaps = np.diff([one.start for one in windows])
        assert gaps.max() <= max(stride, whole * (1 - overlap) + stride)
    else:
        assert len(windows) == 1


def test_frames_are_cut_to_the_duration():
    assert n_output_frames(1.0, FrameGrid(0.0, 0.16, 0.16)) == 7
    assert n_output_frames(0.96, FrameGrid(0.0, 0.16, 0.16)) == 6
    assert n_output_frames(1.0, FrameGrid(-0.05, 0.1, 0.1)) == 11
    assert n_output_frames(0.01, FrameGrid(0.2, 0.5, 0.5)) == 1


class Level(Network):
    """Probability of class 0 = how far the mean level of 4 input frames is above -40 dB: known frame by frame."""

    def forward(self, planes):
        level = planes[:, 0].mean(1).unfold(1, 4, 4).mean(-1, keepdim=True)
        frames = torch.cat([(level + 40) / 5, level * 0], dim=-1)
        return Output(frames.amax(1), frames)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    clips, _ = tiny_collection(tmp_path_factory.mktemp("audio"))
    recipe = tiny_recipe("standardize=none", "window_s=0.8")
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    return recipe, store, FrontEnd(recipe.features), FrameGrid(0.0, 4 * 0.016, 4 * 0.016)


def test_stitched_frames_are_those_of_the_whole_clip(setting):
    """A network without memory gives the same frame whichever window it is seen in, so stitching must not show."""
    recipe, store, front_end, grid = setting
    clipwise, frames = predict_clips(Level(), front_end, store, [3, 9, 0], recipe.predict, grid, "float32")
    for k, row in enumerate([3, 9, 0]):
        length = int(store.n_frames[row])
        assert len(frames[k]) == math.ceil(store.duration_s[row] / grid.step_s)
        whole = store._kept[row].float()
        n = length // 4
        with torch.no_grad():
            output = Level()(whole[None, None, :, : 4 * n])
        expected = torch.sigmoid(output.framewise)[0].numpy()
        np.testing.assert_allclose(frames[k][:n], expected, atol=2e-3)
        assert clipwise[k, 0] >= frames[k][:n, 0].max() - 2e-3
        assert clipwise[k, 1] == 0.5


def test_a_clip_is_predicted_alike_alone_and_among_others(setting):
    recipe, store, front_end, _ = setting
    torch.manual_seed(0)
    network = build_network(recipe, 3)
    grid = frame_grid(network, recipe.features)
    together = predict_clips(network, front_end, store, list(range(12)), recipe.predict, grid, "float32")
    for row in (0, 5, 11):
        alone = predict_clips(network, front_end, store, [row], recipe.predict, grid, "float32")
        np.testing.assert_allclose(alone[0][0], together[0][row], atol=1e-5)
        np.testing.assert_allclose(alone[1][0], together[1][row], atol=1e-5)
    assert ((together[0] > 0) & (together[0] < 1)).all()


def test_clip_pool_mean_lies_below_max(setting):
    recipe, store, front_end, grid = setting
    mean = predict_clips(Level(), front_end, store, [9], replace(recipe.predict, clip_pool="mean"), grid, "float32")
    most = predict_clips(Level(), front_end, store, [9], recipe.predict, grid, "float32")
    assert mean[0][0, 0] < most[0][0, 0]


def test_the_networks_mode_is_kept_and_a_stop_is_heard(setting):
    recipe, store, front_end, grid = setting
    network = Level().train()
    predict_clips(network, front_end, store, [0], recipe.predict, grid)
    assert network.training
    with pytest.raises(Stopped):
        predict_clips(network, front_end, store, [0], recipe.predict, grid, should_stop=lambda: True)


def test_a_clip_that_vanished_gives_nan_and_no_frames(tmp_path):
    clips, _ = tiny_collection(tmp_path, 3)
    recipe = tiny_recipe("precompute=false", "memory_gb=0", "standardize=none")
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    (tmp_path / "clip01.wav").unlink()
    grid = FrameGrid(0.0, 0.064, 0.064)
    clipwise, frames = predict_clips(Level(), FrontEnd(recipe.features), store, [0, 1, 2], recipe.predict, grid)
    assert np.isnan(clipwise).all(1).tolist() == [False, True, False]
    assert [len(one) > 0 for one in frames] == [True, False, True]
    assert "clip01.wav" in store.skipped[1]


def test_a_cpu_computes_in_float32_unless_told_otherwise() -> None:
    """In bfloat16 some CPUs give NaN as the gradient of a convolution whose inputs are finite."""
    for precision, lowered in (("auto", False), ("float32", False), ("bfloat16", True)):
        with precision_context(torch.device("cpu"), precision):
            assert torch.is_autocast_enabled("cpu") is lowered


class Echo(Network):
    """Stride 1: the frames that come out are the input's bands; clipwise is their mean over all that was shown."""

    def forward(self, planes):
        frames = planes[:, 0].transpose(1, 2) / 20 + 2
        return Output(frames.mean(1), frames)


def whole_echo(store, row):
    """What Echo says of a whole clip."""
    with torch.no_grad():
        return torch.sigmoid(Echo()(store._kept[row].float()[None, None]).framewise)[0].numpy()


@pytest.mark.parametrize("settings", [{}, {"overlap": 0.0}, {"context_s": 0.3}, {"context_s": 5.0}])
@pytest.mark.parametrize("kinds", [(), ("shift",), ("flip_time",), ("shift", "flip_time")])
def test_an_echo_comes_back_at_its_place_whatever_the_view(setting, settings, kinds):
    """A network whose output is its input: each frame must be the input's at that very time, in every view."""
    recipe, store, front_end, _ = setting
    grid = FrameGrid(-0.008, 0.016, 0.016)
    views = {"tta_views": 1 + len(kinds), "tta": kinds} if kinds else {}
    config = replace(recipe.predict, window_s=0.48, **settings, **views)
    _, frames = predict_clips(Echo(), front_end, store, [3, 9], config, grid, "float32", seed=4)
    for k, row in enumerate([3, 9]):
        length = int(store.n_frames[row])
        np.testing.assert_allclose(frames[k][:length], whole_echo(store, row), atol=1e-5)


def test_frames_of_a_strided_network_that_saw_the_sound_backwards_land_where_the_plain_ones_do(setting):
    """Level's frame 0 is the mean of input frames 0 to 3: its middle is 1.5 frames of 16 ms after the first."""
    recipe, store, front_end, _ = setting
    grid = FrameGrid(1.5 * 0.016 - 0.032, 0.064, 0.064)
    flipped = replace(recipe.predict, tta_views=2, tta=("flip_time",))
    plain = predict_clips(Level(), front_end, store, [3, 9], recipe.predict, grid, "float32")
    both = predict_clips(Level(), front_end, store, [3, 9], flipped, grid, "float32")
    for k in (0, 1):
        np.testing.assert_allclose(both[1][k], plain[1][k], atol=1e-5)
    np.testing.assert_allclose(both[0], plain[0], atol=1e-5)


def test_context_is_shown_and_its_frames_dropped(setting):
    recipe, store, front_end, _ = setting
    grid = FrameGrid(-0.008, 0.016, 0.016)
    seen = []

    class Nosy(Echo):
        def forward(self, planes):
            seen.append((len(planes), planes.shape[-1]))
            return super().forward(planes)

    config = replace(recipe.predict, window_s=0.48, overlap=0.0, context_s=0.32)  # 30 frames, and 20 on each side
    length = int(store.n_frames[9])
    windows = len(windows_of(9, length, 30, 0.0, 1))
    clipwise, _ = predict_clips(Nosy(), front_end, store, [9], config, grid, "float32")
    # At the clip's edges there is none on one side.
    assert sorted(seen) == sorted([(2, 50), (windows - 2, 70)])
    # The clipwise probability speaks of all that was shown.
    assert clipwise.max() > 0
    assert with_context(Window(0, 30, 30), 1000, 20, 1) == Shown(Window(0, 30, 30), 10, 70)
    assert with_context(Window(0, 0, 32), 100, 22, 8) == Shown(Window(0, 0, 32), 0, 56)  # 22 -> 24: whole strides
    assert with_context(Window(0, 72, 32), 100, 22, 8) == Shown(Window(0, 72, 32), 48, 56)
    assert with_context(Window(0, 0, 32), 20, 22, 8) == Shown(Window(0, 0, 32), 0, 32)


class Constant(Network):
    """The same probability everywhere."""

    def __init__(self, p):
        super().__init__()
        self.logit = math.log(p / (1 - p))

    def forward(self, planes):
        frames = torch.full((len(planes), planes.shape[-1] // 4, 2), self.logit)
        return Output(frames[:, 0], frames)


def test_several_networks_are_averaged_as_probabilities(setting):
    recipe, store, front_end, grid = setting
    networks = [Constant(0.9), Constant(0.2).train(), Constant(0.1)]
    clipwise, frames = predict_clips(networks, front_end, store, [0, 1], recipe.predict, grid, "float32")
    np.testing.assert_allclose(clipwise, 0.4, atol=1e-6)
    np.testing.assert_allclose(frames[1], 0.4, atol=1e-6)
    assert [network.training for network in networks] == [True, True, True]


def test_views_are_drawn_from_the_seed_alone(setting):
    recipe, store, front_end, _ = setting
    torch.manual_seed(0)
    network = build_network(recipe, 3)
    grid = frame_grid(network, recipe.features)
    config = replace(recipe.predict, tta_views=6, tta=("shift", "gain", "spec_augment", "flip_time"))

    def predicted(rows, seed, config=config):
        return predict_clips(network, front_end, store, rows, config, grid, "float32", seed=seed)

    together, again = predicted(range(12), 1), predicted(range(12), 1)
    np.testing.assert_array_equal(together[0], again[0])
    assert np.abs(together[0] - predicted(range(12), 2)[0]).max() > 1e-6
    assert np.abs(together[0] - predicted(range(12), 1, recipe.predict)[0]).max() > 1e-6
    alone = predicted([5], 1)
    np.testing.assert_allclose(alone[0][0], together[0][5], atol=1e-5)
    np.testing.assert_allclose(alone[1][0], together[1][5], atol=1e-5)


def test_a_gain_view_is_louder_or_softer(setting):
    """Echo's logit is dB / 20 + 2: with one gain view the logits' mean moves by half the gain, by hand."""
    recipe, store, front_end, _ = setting
    grid = FrameGrid(-0.008, 0.016, 0.016)
    config = replace(recipe.predict, tta_views=2, tta=("gain",))
    gain_db = draw_views(config, 3)[1].amount
    assert abs(gain_db) > 0.1
    _, frames = predict_clips(Echo(), front_end, store, [4], config, grid, "float32", seed=3)
    level = np.log(whole_echo(store, 4) / (1 - whole_echo(store, 4)))
    wanted = (1 / (1 + np.exp(-level)) + 1 / (1 + np.exp(-(level + gain_db / 20)))) / 2
    # the floor of the log does not move with the gain
    loud = level > (-70 / 20 + 2)
    assert loud.mean() > 0.1
    np.testing.assert_allclose(frames[0][: len(wanted)][loud], wanted[loud], atol=2e-4)


def test_a_clip_is_the_mean_of_crops_where_the_sound_is_strong(tmp_path):
    """By hand: the crops' places are drawn with the seed, each is heard alone, and the frames stay as they were."""
    clips, _ = tiny_collection(tmp_path)
    crop = ("standardize=none", "window_s=0.8", "precompute=false", "crop=strength")
    recipe, plain = tiny_recipe(*crop, "clip_crops=5"), tiny_recipe(*crop)
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    front_end, grid, n = FrontEnd(recipe.features), FrameGrid(0.0, 4 * 0.016, 4 * 0.016), 50
    clipwise, frames = predict_clips(Level(), front_end, store, [3, 9], recipe.predict, grid, "float32", seed=7)
    _, whole = predict_clips(Level(), front_end, store, [3, 9], plain.predict, grid, "float32", seed=7)
    for k, row in enumerate([3, 9]):
        np.testing.assert_array_equal(frames[k], whole[k])
        parts = []
        for position in np.random.default_rng(7).random(5):
            start = draw_by_strength(store.strength(row, n), float(position))
            raw, _ = store.batch(Chunks(np.array([row]), np.array([start]), n))
            parts.append(torch.sigmoid(Level()(front_end.planes(store.power(raw, front_end))).clipwise)[0].numpy())
        np.testing.assert_allclose(clipwise[k], np.mean(parts, axis=0), atol=1e-5)
    alone, _ = predict_clips(Level(), front_end, store, [9], recipe.predict, grid, "float32", seed=7)
    np.testing.assert_allclose(alone[0], clipwise[1], atol=1e-6)


def test_the_kth_crop_is_shown_as_the_kth_view(tmp_path, monkeypatch):
    clips, _ = tiny_collection(tmp_path, 2)
    recipe = tiny_recipe(
        "window_s=0.8", "precompute=false", "crop=strength", "clip_crops=5", "tta_views=3", "tta=['resized_crop']"
    )
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    front_end = FrontEnd(recipe.features)
    predictor = Predictor(Level(), front_end, recipe.predict, FrameGrid(0.0, 0.064, 0.064), store.hop_s, "float32")
    shown = []
    monkeypatch.setattr(windows, "apply_view", lambda planes, view, *rest: shown.append(view) or planes)
    predict_crops(predictor, store, [0, 1], lambda: False)
    assert shown == [predictor.views[k % 3] for k in range(5)]
    with pytest.raises(ConfigError, match=r"data\.crop = 'strength' alone"):
        tiny_recipe("clip_crops=5")


def test_frames_that_a_view_does_not_show_are_those_of_the_others():
    one, other = torch.full((1, 4, 1), 0.2), torch.full((1, 4, 1), 0.6)
    half = np.array([True, True, False, False])
    found = windows._mean([one, other], [np.ones(4, bool), half])
    np.testing.assert_allclose(found[0, :, 0], [0.4, 0.4, 0.2, 0.2], atol=1e-6)
