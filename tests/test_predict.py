import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import tiny_collection, tiny_recipe

from labeling.records import FrameGrid
from models import build_network
from models.data import AudioStore, Stopped
from models.features import FrontEnd
from models.heads import Network, Output, frame_grid
from models.predict import n_output_frames, precision_context, predict_clips, windows_of


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
    from dataclasses import replace

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
