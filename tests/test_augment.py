from dataclasses import replace

import numpy as np
import pytest
import torch

from models import augment
from models.config import AugmentConfig

ALL = AugmentConfig(
    gain_probability=1,
    mixup_probability=1,
    tilt_probability=1,
    noise_probability=1,
    time_masks=2,
    frequency_masks=2,
)
B, MELS, T = 6, 16, 50


def draw(config, seed=0, batch=B):
    return augment.draw(np.random.default_rng(seed), config, batch, MELS, T, 0.02)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    power = torch.rand(B, MELS, T, generator=generator) + 0.1
    targets = torch.eye(B, 4)
    return power, targets, torch.ones(B, 4)


def test_the_same_generator_draws_and_applies_the_same(batch):
    results = [augment.apply(*batch, draw(ALL), ALL) for _ in range(2)]
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(augment.apply(*batch, draw(ALL, seed=1), ALL)[0], results[0][0])


def test_off_changes_nothing(batch):
    off = AugmentConfig()
    drawn = draw(off)
    for before, after in zip(batch, augment.apply(*batch, drawn, off), strict=True):
        assert torch.equal(before, after)
    planes = torch.randn(B, 1, MELS, T)
    assert torch.equal(augment.apply_masks(planes, drawn), planes)


def test_gain_is_a_factor_of_power_within_its_range(batch):
    config = AugmentConfig(gain_probability=1, gain_db=(-6, 3))
    power, _, _ = augment.apply(*batch, draw(config), config)
    gain_db = 10 * torch.log10(power / batch[0])
    assert torch.allclose(gain_db, gain_db[:, :1, :1].expand_as(gain_db), atol=1e-3)
    assert gain_db.min() >= -6.001
    assert gain_db.max() <= 3.001
    assert len({round(float(g), 3) for g in gain_db[:, 0, 0]}) == B


def test_a_chunk_is_never_mixed_with_itself():
    for seed in range(20):
        assert (draw(ALL, seed).partner != np.arange(B)).all()
    assert draw(ALL, batch=1).partner.tolist() == [0]


def test_mixing_adds_power_at_the_drawn_level(batch):
    config = AugmentConfig(mixup_probability=1, mixup_db=(-3, -3))
    drawn = draw(config)
    power, targets, weight = augment.apply(*batch, drawn, config)
    added = power - batch[0]
    ratio_db = 10 * torch.log10(added.mean((1, 2)) / batch[0].mean((1, 2)))
    torch.testing.assert_close(ratio_db, torch.full((B,), -3.0), atol=1e-3, rtol=0)
    shape = added / batch[0][torch.from_numpy(drawn.partner)]
    torch.testing.assert_close(shape, shape[:, :1, :1].expand_as(shape))
    partner = torch.from_numpy(drawn.partner)
    assert torch.equal(targets, torch.maximum(batch[1], batch[1][partner]))
    assert torch.equal(weight, torch.ones(B, 4))


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        ((1, 1), (0, 0), (1, 1)),  # known present here: known present, whatever the other
        ((0, 0), (1, 1), (1, 1)),
        ((0, 1), (0, 0), (0, 0)),  # absent here, unknown there: unknown
        ((0, 1), (0, 1), (0, 1)),
        ((1, 0), (0, 1), (0, 0)),  # a masked 1 tells nothing
    ],
)
def test_union_of_known_and_unknown_cells(mine, other, expected):
    config = AugmentConfig(mixup_probability=1)
    power = torch.ones(2, MELS, T)
    targets = torch.tensor([[float(mine[0])], [float(other[0])]])
    weight = torch.tensor([[float(mine[1])], [float(other[1])]])
    drawn = draw(config, batch=2)
    _, new_targets, new_weight = augment.apply(power, targets, weight, drawn, config)
    assert (float(new_targets[0]), float(new_weight[0])) == expected


def test_mixed_labels_follow_the_share_of_power(batch):
    config = AugmentConfig(mixup_probability=1, mixup_labels="mixed", mixup_db=(-3, -3))
    drawn = draw(config)
    _, targets, _ = augment.apply(*batch, drawn, config)
    share = 1 / (1 + 10**-0.3)
    partner = torch.from_numpy(drawn.partner)
    torch.testing.assert_close(targets, share * batch[1] + (1 - share) * batch[1][partner])


def test_unmixed_rows_stay(batch):
    config = AugmentConfig(mixup_probability=0.5)
    drawn = draw(config, seed=3)
    still = torch.from_numpy(drawn.mix_gain == 0)
    assert 0 < int(still.sum()) < B
    for before, after in zip(batch, augment.apply(*batch, drawn, config), strict=True):
        assert torch.equal(before[still], after[still])


def test_tilt_is_smooth_and_bounded(batch):
    config = AugmentConfig(tilt_probability=1, tilt_db=6)
    power, _, _ = augment.apply(*batch, draw(config), config)
    tilt_db = 10 * torch.log10(power / batch[0])[:, :, 0]
    assert tilt_db.abs().max() <= 6.001
    assert tilt_db.diff(dim=1).abs().max() <= 12 / (MELS - 1) * (augment.TILT_POINTS - 1) + 1e-3
    assert tilt_db.std(0).min() > 0


def test_noise_lies_at_its_level_below_the_chunk(batch):
    config = AugmentConfig(noise_probability=1, noise_snr_db=(10, 10))
    power, _, _ = augment.apply(batch[0] * 100, *batch[1:], draw(config), config)
    added = power - batch[0] * 100
    snr_db = 10 * torch.log10(100 * batch[0].mean((1, 2)) / added.mean((1, 2)))
    torch.testing.assert_close(snr_db, torch.full((B,), 10.0), atol=0.6, rtol=0)
    assert (added >= 0).all()


def test_masks_set_stripes_to_the_mean():
    config = AugmentConfig(time_masks=1, time_mask_s=0.4, frequency_masks=1, frequency_mask_bands=4)
    planes = torch.randn(64, 2, MELS, T)
    drawn = draw(config, batch=64)
    masked = augment.apply_masks(planes, drawn)
    for b in range(64):
        (t, dt), (f, df) = drawn.time_masks[b, 0], drawn.frequency_masks[b, 0]
        expected = planes[b].clone()
        for plane in expected:
            mean = plane.mean().clone()
            plane[:, t : t + dt] = mean
            plane[f : f + df] = mean
        torch.testing.assert_close(masked[b], expected)
    assert drawn.time_masks[:, 0, 1].max() == 20
    assert drawn.frequency_masks[:, 0, 1].max() == 4
    assert (drawn.time_masks.sum(-1) <= T).all()
    never = draw(replace(config, mask_probability=0.0), batch=64)
    assert torch.equal(augment.apply_masks(planes, never), planes)
