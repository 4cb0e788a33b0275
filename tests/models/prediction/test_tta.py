import numpy as np
import pytest
import torch

from labeling.errors import ConfigError, DataError, UnknownName
from models.config import PredictConfig
from models.prediction.tta import (
    View,
    apply_view,
    coverage,
    coverage_text,
    draw_views,
    frame_places,
    frames_shown,
    part_shown,
    shift_frames,
    to_grid,
)
from tests.support.training.tiny import tiny_recipe


def test_coverage_is_that_of_the_seti_notebook():
    assert round(coverage(0.5, 16, 4), 5) == 0.99994
    assert round(coverage(0.5, 4, 4), 4) == 0.7725
    assert coverage(0.5, 1, 2) == 0.25  # by hand: one view must show both
    with pytest.raises(DataError, match=r"give p in 0\.\.1"):
        coverage(1.5, 4, 4)


def test_coverage_text_names_its_numbers():
    text = coverage_text(16)
    assert "16 views" in text
    assert "0.99994" in text


def test_coverage_agrees_with_counting():
    rng = np.random.default_rng(0)
    seen = (rng.random((20000, 6, 3)) < 0.3).any(1).all(1).mean()  # 6 views of 3 sounds
    assert abs(seen - coverage(0.3, 6, 3)) < 0.01


def test_views_begin_plain_take_turns_and_depend_on_the_seed_only():
    config = PredictConfig(tta_views=7, tta=("shift", "flip_time", "gain"), tta_gain_db=4)
    views = draw_views(config, 5)
    assert [view.kind for view in views] == ["plain", "shift", "flip_time", "gain", "shift", "gain", "shift"]
    assert views == draw_views(config, 5)
    assert views != draw_views(config, 6)
    assert len({view.amount for view in views if view.kind == "shift"}) == 3
    assert all(abs(view.amount) <= 4 for view in views if view.kind == "gain")
    assert draw_views(PredictConfig(), 5) == (View(),)
    flips = PredictConfig(tta_views=3, tta=("flip_time", "flip_frequency"))
    assert [view.kind for view in draw_views(flips, 5)] == ["plain", "flip_time", "flip_frequency"]


def test_settings_that_say_nothing_are_refused():
    with pytest.raises(ConfigError, match="a flip gives only one other view"):
        tiny_recipe("tta_views=3", "tta=['flip_time']")
    with pytest.raises(ConfigError, match=r"set predict.tta_views = 3 or add"):
        tiny_recipe("tta_views=4", "tta=['flip_time', 'flip_frequency']")
    with pytest.raises(ConfigError, match="name at least one view"):
        tiny_recipe("tta_views=3", "tta=[]")
    with pytest.raises(UnknownName, match="Did you mean 'flip_time'"):
        tiny_recipe("tta=['flip_tim']")


@pytest.mark.parametrize("kind", ["shift", "flip_time"])
def test_a_network_that_gives_back_its_input_gives_the_plain_frames(kind):
    """Stride 1: whatever goes in comes out, so that frames moved back must be the plain ones to the last bit."""
    rng = np.random.default_rng(1)
    planes = torch.from_numpy(rng.standard_normal((3, 1, 1, 40)).astype(np.float32))
    for amount in (0.0, 0.3, 0.99):
        view = View(kind, amount)
        frames = apply_view(planes, view, [0, 0, 0], 0.1)[:, 0].transpose(1, 2)
        assert not torch.equal(frames, planes[:, 0].transpose(1, 2))
        back = to_grid(frames, frame_places(view, 40, 40, 1, 0.0))
        assert torch.equal(back, planes[:, 0].transpose(1, 2))


@pytest.mark.parametrize("stride", [2, 4, 5])
@pytest.mark.parametrize("kind", ["shift", "flip_time"])
def test_frames_of_a_strided_network_land_at_their_time(kind, stride):
    """A frame is the mean of ``stride`` input frames of a ramp: its value says where in time it lies."""
    n = 12 * stride
    planes = torch.arange(n, dtype=torch.float32)[None, None, None]
    plain = planes[0, 0, 0].view(12, stride).mean(1)
    for amount in np.linspace(0, 0.999, 13):
        view = View(kind, float(amount))
        seen = apply_view(planes, view, [0], 0.1)[:, 0, 0]
        frames = seen.view(1, 12, stride).mean(2)[:, :, None]
        back = to_grid(frames, frame_places(view, 12, n, stride, (stride - 1) / 2))[0, :, 0]
        off = (back - plain).abs()
        assert off[1:-1].max() < 1e-3
        # At the ends the frame in which both ends of the window meet was left out: its neighbour stands there.
        assert off.max() <= stride
        if kind == "flip_time" or shift_frames(view, n) % stride == 0:
            assert torch.equal(back, plain)


def test_a_network_whose_frames_do_not_lie_in_the_middle_is_flipped_about_the_right_place():
    """Frame t sees input frames 4 t and 4 t + 1 only: centre 0.5, where a symmetric one would have 1.5."""
    planes = torch.arange(48, dtype=torch.float32)[None, None, None]
    view = View("flip_time")
    seen = apply_view(planes, view, [0], 0.1)[0, 0, 0].view(12, 4)[:, :2].mean(1)[None, :, None]
    back = to_grid(seen, frame_places(view, 12, 48, 4, 0.5))[0, :, 0]
    torch.testing.assert_close(back[1:], 4.0 * torch.arange(1, 12) + 0.5)


def test_stripes_hide_what_the_setting_allows_and_depend_on_the_place_only():
    planes = torch.arange(2 * 20 * 30, dtype=torch.float32).view(1, 2, 20, 30)
    widths = []
    for k in range(60):
        view = View("spec_augment", 0.0, (3, k))
        alone = apply_view(planes, view, [7], 0.5)
        pair = apply_view(planes.repeat(2, 1, 1, 1), view, [9, 7], 0.5)
        assert torch.equal(pair[1], alone[0])
        hidden = alone[0, 0] != planes[0, 0]
        bands, frames = int(hidden.all(1).sum()), int(hidden.all(0).sum())
        assert int(hidden.sum()) == 30 * bands + 20 * frames - bands * frames  # one stripe an axis, nothing else
        means = planes.mean((-2, -1))[0]
        assert all(bool((alone[0, c][hidden] == means[c]).all()) for c in (0, 1))
        widths.append((bands, frames))
    # 0 to int(0.5 * size) - 1, as 59th place of SETI drew them
    assert {one for one, _ in widths} == set(range(10))
    assert max(one for _, one in widths) <= 14


def test_high_and_low_are_exchanged_and_frames_stay():
    planes = torch.randn(2, 3, 8, 12)
    view = View("flip_frequency")
    assert torch.equal(apply_view(planes, view, [0, 0], 0.1), planes.flip(2))
    assert frame_places(view, 3, 12, 4, 1.5).tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(6))
def test_frames_of_a_part_stretched_to_the_whole_land_where_the_part_is(seed):
    """A frame is the mean of 4 input frames of a ramp: its value says where in time it lies."""
    n, stride = 96, 4
    planes = torch.arange(n, dtype=torch.float32).expand(1, 1, 8, n).contiguous()
    view = View("resized_crop", 0.0, (3, seed))
    _, _, first, frames = part_shown(view, 8, n)
    seen = apply_view(planes, view, [0], 0.1)[0, 0, 0]
    assert (float(seen.min()), float(seen.max())) == pytest.approx((first, first + frames - 1), abs=1e-3)
    place = frame_places(view, n // stride, n, stride, (stride - 1) / 2)
    back = to_grid(seen.view(1, n // stride, stride).mean(2)[:, :, None], place)[0, :, 0]
    plain = planes[0, 0, 0].view(n // stride, stride).mean(1)
    told = frames_shown(view, place)
    inside = (plain.numpy() > first + stride) & (plain.numpy() < first + frames - stride)
    assert told[inside].all()
    assert not told[(plain.numpy() < first - stride) | (plain.numpy() > first + frames + stride)].any()
    if inside.any():
        assert (back - plain).abs()[torch.from_numpy(inside)].max() < 0.6
    assert frames_shown(View("shift", 0.3), place).all()
