from dataclasses import fields, replace

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import ConfigError
from models.config import SAMPLES as SAMPLE_NAMES
from models.config import AugmentConfig, FeatureConfig
from models.config.augment import Augmentation
from models.inputs import augment
from models.inputs.augment import PLANES, POWER, SAMPLES, Backgrounds, Batch
from tests.support.examples import examples

B, MELS, T, N, RATE = 6, 16, 50, 8000, 8000
FEATURES = FeatureConfig(sample_rate=RATE, n_fft=256, hop_length=160, n_mels=MELS, fmax_hz=4000)
BATCH = Batch(B, MELS, T, N, RATE, 0.02)
NAMES = [item.name for item in fields(AugmentConfig) if isinstance(getattr(AugmentConfig(), item.name), Augmentation)]
WITHOUT_FILES = [name for name in NAMES if name != "background"]


def every(probability, *names, folder="noises"):
    """A configuration with the augmentations named, or all, at one probability."""
    default = AugmentConfig()
    changed = {name: replace(getattr(default, name), probability=probability) for name in names or NAMES}
    if "background" in changed:
        changed["background"] = replace(changed["background"], folder=folder)
    return replace(default, **changed)


def draw(config, seed=0, batch=BATCH, **rest):
    return augment.draw(np.random.default_rng(seed), config, batch, **rest)


def batch_of(seed=0):
    generator = torch.Generator().manual_seed(seed)
    samples = 0.1 * torch.randn(B, N, generator=generator)
    power = torch.rand(B, MELS, T, generator=generator) + 0.1
    planes = torch.randn(B, 2, MELS, T, generator=generator)
    return samples, power, torch.eye(B, 4), torch.ones(B, 4), planes


def apply_all(parts, drawn, config):
    samples, power, targets, weight, planes = parts
    return (
        augment.apply_to_samples(samples, drawn, config),
        *augment.apply_to_power(power, targets, weight, drawn, config, FEATURES),
        augment.apply_to_planes(planes, drawn, config),
    )


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noises")
    rng = np.random.default_rng(0)
    for k in range(3):
        soundfile.write(folder / f"{k}.wav", 0.1 * rng.standard_normal(2 * RATE), RATE)
    return Backgrounds(str(folder), RATE)


def test_every_table_is_applied_once_in_the_order_of_the_recipe():
    assert [change.name for change in (*SAMPLES, *POWER, *PLANES)] == NAMES
    assert tuple(change.name for change in SAMPLES) == SAMPLE_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_changes_something_and_keeps_the_shape(name, noises):
    config = every(1.0, name)
    parts = batch_of()
    results = apply_all(parts, draw(config, backgrounds=noises), config)
    assert any(not torch.equal(before, after) for before, after in zip(parts, results, strict=True))
    for before, after in zip(parts, results, strict=True):
        assert after.shape == before.shape
        assert after.dtype == torch.float32
        assert torch.isfinite(after).all()


@examples(12)
@given(
    names=st.sets(st.sampled_from(WITHOUT_FILES)),
    probability=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_any_mixture_keeps_shapes_labels_in_bounds_and_unchosen_chunks(names, probability, seed):
    config = every(probability, *names) if names else AugmentConfig()
    drawn = draw(config, seed)
    parts = batch_of()
    copies = [part.clone() for part in parts]
    results = apply_all(parts, drawn, config)
    chosen = {int(row) for values in drawn.values.values() for row in values["rows"]}
    still = [row for row in range(B) if row not in chosen]
    for before, copy, after in zip(parts, copies, results, strict=True):
        assert torch.equal(before, copy)  # nothing is changed in place
        assert after.shape == before.shape
        assert torch.isfinite(after).all()
        assert torch.equal(before[still], after[still])
    _, power, targets, weight, _ = results
    assert (power >= 0).all()
    assert ((targets >= 0) & (targets <= 1)).all()
    assert ((weight >= 0) & (weight <= 1)).all()


def test_off_draws_nothing_and_changes_nothing():
    rng = np.random.default_rng(0)
    drawn = augment.draw(rng, AugmentConfig(), BATCH)
    assert drawn.values == {}
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    parts = batch_of()
    for before, after in zip(parts, apply_all(parts, drawn, AugmentConfig()), strict=True):
        assert before is after


def test_the_same_generator_draws_and_applies_the_same(noises):
    config = every(0.7)
    parts = batch_of()
    one, other, third = (apply_all(parts, draw(config, seed, backgrounds=noises), config) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert [torch.equal(a, b) for a, b in zip(one, third, strict=True)] == [False, False, False, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_taken_from_the_generator_does_not_depend_on_what_is_chosen(name):
    after = []
    for probability in (0.001, 0.5, 1.0):
        rng = np.random.default_rng(5)
        augment.draw(rng, every(probability, name), BATCH)
        after.append(rng.bit_generator.state)
    assert after[0] == after[1] == after[2]


def test_drawing_is_apart_from_applying(noises):
    """A draw may be applied twice, to any sound: it holds plain arrays and no state."""
    config = every(1.0)
    drawn = draw(config, backgrounds=noises)
    assert all(isinstance(array, np.ndarray) for values in drawn.values.values() for array in values.values())
    first = apply_all(batch_of(0), drawn, config)
    apply_all(batch_of(1), drawn, config)
    again = apply_all(batch_of(0), drawn, config)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_the_share_of_chunks_is_the_probability():
    drawn = draw(every(0.3, "gain"), batch=replace(BATCH, size=10_000))
    assert len(drawn.values["gain"]["rows"]) == pytest.approx(3000, abs=140)  # three deviations


def test_mixing_ends_where_asked_and_needs_two_chunks():
    config = every(1.0, "mixup", "cutmix", "spec_mix", "gain")
    assert set(draw(config).values) == {"mixup", "cutmix", "spec_mix", "gain"}
    assert set(draw(config, mixing=False).values) == {"gain"}
    assert set(draw(config, batch=replace(BATCH, size=1)).values) == {"gain"}


@pytest.mark.parametrize("name", ["mixup", "cutmix", "spec_mix", "time_pad"])
def test_a_chunk_is_never_mixed_with_itself(name):
    for seed in range(20):
        values = draw(every(1.0, name), seed).values[name]
        assert (values["partner"] != values["rows"]).all()


def test_backgrounds_must_be_opened():
    config = every(1.0, "background")
    with pytest.raises(ConfigError, match="no backgrounds were opened"):
        augment.apply_to_samples(batch_of()[0], draw(config), config)
