from dataclasses import replace

import numpy as np
import pytest
import torch

from models.config import AugmentConfig
from models.config.augment import CoarseDropout, Cutout, FlipFrequency, FlipTime, ResizedCrop, SpecAugment
from models.inputs import augment
from models.inputs.augment import Batch

B, MELS, T = 64, 16, 50


@pytest.fixture
def planes():
    return torch.randn(B, 2, MELS, T, generator=torch.Generator().manual_seed(0)) + 3


def changed(planes, seed=0, **table):
    config = AugmentConfig(**table)
    drawn = augment.draw(np.random.default_rng(seed), config, Batch(len(planes), MELS, T, 16000, 16000, 0.02))
    (values,) = drawn.values.values()
    return augment.apply_to_planes(planes, drawn, config), values


def widths(hidden):
    """Lengths of the runs of True in each row."""
    edges = np.diff(np.pad(hidden.astype(int), ((0, 0), (1, 1))), axis=1)
    return np.flatnonzero(edges.ravel() == -1) - np.flatnonzero(edges.ravel() == 1)


def test_masks_set_stripes_to_the_mean(planes):
    setting = SpecAugment(1.0, time_masks=1, time_mask_s=0.4, frequency_masks=1, frequency_mask_bands=4)
    masked, values = changed(planes, spec_augment=setting)
    for b in range(B):
        expected = planes[b].clone()
        for plane in expected:
            mean = plane.mean().clone()
            plane[:, values["time"][b]] = mean
            plane[values["bands"][b]] = mean
        torch.testing.assert_close(masked[b], expected)


def test_each_mask_is_one_stripe_of_any_width_up_to_the_longest(planes):
    setting = SpecAugment(1.0, time_masks=1, time_mask_s=0.2, frequency_masks=2, frequency_mask_bands=3)
    many = planes.repeat(16, 1, 1, 1)
    _, values = changed(many, spec_augment=setting)
    assert set(widths(values["time"])) == set(range(1, 11))  # 0.2 s are ten frames
    assert (~values["time"].any(1)).mean() == pytest.approx(1 / 11, abs=0.03)
    assert values["bands"].sum(1).max() == 6
    assert values["time"].any(0).all()
    assert values["bands"].any(0).all()


@pytest.mark.parametrize(
    "table", [{"spec_augment": SpecAugment(1.0, fill="zero")}, {"cutout": Cutout(1.0, fill="zero")}]
)
def test_zero_hides_with_zeros(planes, table):
    masked, _ = changed(planes, **table)
    same = masked == planes
    assert (masked[~same] == 0).all()
    assert 0.3 < same.float().mean() < 0.99


def test_random_hides_with_noise_like_the_plane(planes):
    planes = planes * torch.tensor([1.0, 5.0])[None, :, None, None]
    masked, _ = changed(planes, cutout=Cutout(1.0, area=(0.4, 0.5), fill="random"))
    for channel in (0, 1):
        hidden = masked[:, channel][masked[:, channel] != planes[:, channel]]
        assert float(hidden.mean()) == pytest.approx(float(planes[:, channel].mean()), rel=0.02)
        assert float(hidden.std()) == pytest.approx(float(planes[:, channel].std()), rel=0.05)


def test_cutout_hides_the_drawn_rectangles(planes):
    masked, values = changed(planes, cutout=Cutout(1.0, holes=3, area=(0.01, 0.1)))
    for b in range(B):
        expected = planes[b].clone()
        for band, bands, frame, frames in values["holes"][b]:
            expected[:, band : band + bands, frame : frame + frames] = planes[b].mean((1, 2))[:, None, None]
            assert 0 <= band <= band + bands <= MELS
            assert 0 <= frame <= frame + frames <= T
        torch.testing.assert_close(masked[b], expected)


def test_a_rectangle_has_the_drawn_area_and_aspect():
    config = AugmentConfig(cutout=Cutout(1.0, area=(0.1, 0.1), aspect=(2.0, 2.0)))
    drawn = augment.draw(np.random.default_rng(0), config, Batch(50, 1000, 2000, 16000, 16000, 0.02))
    _, bands, _, frames = drawn.values["cutout"]["holes"][:, 0].T
    np.testing.assert_allclose(bands / 1000 * frames / 2000, 0.1, rtol=0.005)
    np.testing.assert_allclose((bands / 1000) / (frames / 2000), 2, rtol=0.005)


def test_a_resized_crop_is_the_part_resampled_bilinearly(planes):
    cropped, values = changed(planes, resized_crop=ResizedCrop(1.0, scale=(0.08, 1.0)))
    for b in range(B):
        band, bands, frame, frames = values["part"][b]
        part = planes[b : b + 1, :, band : band + bands, frame : frame + frames]
        expected = torch.nn.functional.interpolate(part, size=(MELS, T), mode="bilinear", align_corners=False)
        torch.testing.assert_close(cropped[b], expected[0], atol=1e-4, rtol=1e-4)


def test_a_crop_has_the_drawn_area_and_ratio():
    config = AugmentConfig(resized_crop=ResizedCrop(1.0, scale=(0.25, 0.25), ratio=(0.5, 0.5)))
    drawn = augment.draw(np.random.default_rng(0), config, Batch(50, 1000, 2000, 16000, 16000, 0.02))
    first_band, bands, first_frame, frames = drawn.values["resized_crop"]["part"].T
    np.testing.assert_allclose(bands / 1000 * frames / 2000, 0.25, rtol=0.005)
    np.testing.assert_allclose((frames / 2000) / (bands / 1000), 0.5, rtol=0.005)
    assert (first_band + bands).max() <= 1000
    assert (first_frame + frames).max() <= 2000
    assert len(set(first_band)) > 20
    assert len(set(first_frame)) > 20


def test_flips_turn_the_chosen_planes_round(planes):
    for table, axis in ({"flip_time": FlipTime(0.5)}, 3), ({"flip_frequency": FlipFrequency(0.5)}, 2):
        flipped, values = changed(planes, **table)
        chosen = np.isin(np.arange(B), values["rows"])
        assert 16 < chosen.sum() < 48
        order = [*range(planes.shape[axis])][::-1]
        assert torch.equal(flipped[chosen], planes[chosen].index_select(axis, torch.tensor(order)))
        assert torch.equal(flipped[~chosen], planes[~chosen])


def test_coarse_dropout_hides_one_to_all_of_its_small_holes(planes):
    setting = CoarseDropout(1.0, holes=4, size=(0.125, 0.125))
    masked, values = changed(planes, coarse_dropout=setting)
    hidden = (masked == 0).all(1)
    bands, frames = values["holes"][..., 1], values["holes"][..., 3]
    count = (bands > 0).sum(1)
    assert set(count) == {1, 2, 3, 4}
    assert set(bands[bands > 0]) == {2}  # an eighth of 16 bands, and of 50 frames
    assert set(frames[frames > 0]) == {6}
    for row in range(B):
        expected = torch.zeros(MELS, T, dtype=torch.bool)
        for first, height, start, width in values["holes"][row]:
            expected[first : first + height, start : start + width] = True
        assert torch.equal(hidden[row], expected)


def test_so_many_of_the_changes_to_planes_are_drawn_for_each_chunk():
    on = {"cutout": Cutout(1.0), "flip_time": FlipTime(1.0), "flip_frequency": FlipFrequency(1.0)}
    drawn = augment.draw(
        np.random.default_rng(0), AugmentConfig(**on, planes_drawn=2), Batch(3000, MELS, T, 16000, 16000, 0.02)
    )
    count = sum(np.bincount(values["rows"], minlength=3000) for values in drawn.values.values())
    assert (count == 2).all()
    for name in on:  # each of the three as often
        assert len(drawn.values[name]["rows"]) == pytest.approx(2000, abs=80)
    half = {name: replace(setting, probability=0.5) for name, setting in on.items()}
    drawn = augment.draw(
        np.random.default_rng(0), AugmentConfig(**half, planes_drawn=2), Batch(3000, MELS, T, 16000, 16000, 0.02)
    )
    assert len(drawn.values["cutout"]["rows"]) == pytest.approx(1000, abs=80)
