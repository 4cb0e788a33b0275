import librosa
import numpy as np
import pytest
import torch
from scipy import signal

from models.config import AugmentConfig, FeatureConfig
from models.config.augment import Equalizer, Gain, Noise, Shelf, Tilt
from models.inputs import augment
from models.inputs.augment import Batch
from models.inputs.augment.power import TILT_POINTS

B, MELS, T, RATE = 6, 40, 50, 32000
FEATURES = FeatureConfig(sample_rate=RATE, n_mels=MELS, fmin_hz=20, fmax_hz=16000)
CENTERS_HZ = librosa.mel_frequencies(MELS + 2, fmin=20, fmax=16000)[1:-1]


@pytest.fixture
def power():
    return torch.rand(B, MELS, T, generator=torch.Generator().manual_seed(0)) + 0.1


def change_db(power, seed=0, features=FEATURES, **table):
    """What a change does to each band in dB, (B, n_mels), which must be the same at all times; and what was drawn."""
    after, values = changed(power, seed, features, **table)
    level = 10 * torch.log10(after / power)
    torch.testing.assert_close(level, level[:, :, :1].expand_as(level), atol=1e-3, rtol=0)
    return level[:, :, 0].numpy(), values


def changed(power, seed=0, features=FEATURES, **table):
    config = AugmentConfig(**table)
    batch = Batch(len(power), MELS, T, 16000, features.sample_rate, 0.01)
    drawn = augment.draw(np.random.default_rng(seed), config, batch)
    labels = torch.eye(len(power), 3), torch.ones(len(power), 3)
    after, *same = augment.apply_to_power(power, *labels, drawn, config, features)
    assert all(torch.equal(one, other) for one, other in zip(labels, same, strict=True))
    (values,) = drawn.values.values()
    return after, values


def freqz_db(b, a):
    """The response at the centres of the bands, by scipy."""
    _, response = signal.freqz(b, a, worN=CENTERS_HZ, fs=RATE)
    return 20 * np.log10(np.abs(response))


def cookbook_shelf(corner_hz, gain_db, slope, high):
    """Coefficients written from Robert Bristow-Johnson's Audio EQ Cookbook."""
    A = 10 ** (gain_db / 40)  # noqa: N806
    w = 2 * np.pi * corner_hz / RATE
    c = np.cos(w)
    k = 2 * np.sqrt(A) * np.sin(w) / 2 * np.sqrt((A + 1 / A) * (1 / slope - 1) + 2)
    if high:
        b = A * ((A + 1) + (A - 1) * c + k), -2 * A * ((A - 1) + (A + 1) * c), A * ((A + 1) + (A - 1) * c - k)
        a = (A + 1) - (A - 1) * c + k, 2 * ((A - 1) - (A + 1) * c), (A + 1) - (A - 1) * c - k
    else:
        b = A * ((A + 1) - (A - 1) * c + k), 2 * A * ((A - 1) - (A + 1) * c), A * ((A + 1) - (A - 1) * c - k)
        a = (A + 1) + (A - 1) * c + k, -2 * ((A - 1) + (A + 1) * c), (A + 1) + (A - 1) * c - k
    return b, a


def test_shelves_are_those_of_the_cookbook(power):
    level, values = change_db(power, shelf=Shelf(1.0, gain_db=(-30.0, 20.0)))
    for row in range(B):
        bass = freqz_db(*cookbook_shelf(100, float(values["bass_db"][row]), 0.5, False))
        treble = freqz_db(*cookbook_shelf(3000, float(values["treble_db"][row]), 0.5, True))
        np.testing.assert_allclose(level[row], bass + treble, atol=2e-3)


def test_a_shelf_reaches_its_gain_at_its_end_and_half_of_it_at_its_corner(power):
    level, values = change_db(power, shelf=Shelf(1.0, gain_db=(12.0, 12.0), treble_hz=float(CENTERS_HZ[25])))
    assert values["treble_db"].tolist() == [12.0] * B
    np.testing.assert_allclose(level[:, -1], 12, atol=0.3)
    np.testing.assert_allclose(level[:, 25], 6, atol=0.05)


def test_the_equaliser_is_that_of_the_cookbook(power):
    """Cookbook's peaking filter, as SoX's ``equalizer 2400 3q 8``."""
    level, values = change_db(power, equalizer=Equalizer(1.0, center_hz=(2400.0, 2400.0), gain_db=(8.0, 8.0), q=3.0))
    np.testing.assert_allclose(values["center_hz"], 2400, rtol=1e-6)
    A, w = 10 ** (8 / 40), 2 * np.pi * 2400 / RATE  # noqa: N806
    alpha = np.sin(w) / 6
    b = 1 + alpha * A, -2 * np.cos(w), 1 - alpha * A
    a = 1 + alpha / A, -2 * np.cos(w), 1 - alpha / A
    np.testing.assert_allclose(level, np.broadcast_to(freqz_db(b, a), level.shape), atol=2e-3)
    assert CENTERS_HZ[level[0].argmax()] == pytest.approx(2400, rel=0.05)


def test_the_equaliser_draws_octaves_evenly_and_both_signs():
    _, values = changed(torch.ones(2000, MELS, T), equalizer=Equalizer(1.0, center_hz=(300.0, 8000.0)))
    assert np.median(values["center_hz"]) == pytest.approx(np.sqrt(300 * 8000), rel=0.1)
    assert values["center_hz"].min() >= 299.9
    assert values["center_hz"].max() <= 8000.1
    assert values["gain_db"].min() == pytest.approx(-8, abs=0.1)
    assert values["gain_db"].max() == pytest.approx(8, abs=0.1)


def test_filters_above_half_the_sample_rate_stay_finite(power):
    low = FeatureConfig(sample_rate=8000, n_mels=MELS, fmax_hz=4000)
    equalizer = Equalizer(1.0, center_hz=(6000.0, 8000.0), gain_db=(8.0, 8.0))
    level, _ = change_db(power, features=low, equalizer=equalizer)
    assert np.isfinite(level).all()
    assert librosa.mel_frequencies(MELS + 2, fmin=50, fmax=4000)[1:-1][level[0].argmax()] == pytest.approx(
        3600, rel=0.05
    )


def test_gain_is_a_factor_of_power_within_its_range(power):
    level, values = change_db(power, gain=Gain(1.0, (-6.0, 3.0)))
    np.testing.assert_allclose(level, np.broadcast_to(values["gain_db"][:, None], level.shape), atol=1e-3)
    assert ((values["gain_db"] >= -6) & (values["gain_db"] <= 3)).all()
    assert len(set(values["gain_db"])) == B


def test_tilt_is_smooth_and_bounded(power):
    level, values = change_db(power, tilt=Tilt(1.0, 6.0))
    assert np.abs(level).max() <= 6.001
    for row in range(B):
        points = np.linspace(0, MELS - 1, TILT_POINTS)
        np.testing.assert_allclose(level[row], np.interp(np.arange(MELS), points, values["points_db"][row]), atol=1e-3)
    assert level.std(0).min() > 0


def test_noise_lies_at_its_level_below_the_chunk(power):
    after, values = changed(power * 100, noise=Noise(1.0, (0.0, 30.0)))
    added = after.double() - 100 * power.double()
    snr_db = 10 * torch.log10(100 * power.double().mean((1, 2)) / added.mean((1, 2)))
    np.testing.assert_allclose(snr_db, values["snr_db"], atol=0.6)
    assert (added > -1e-3).all()


def test_noise_varies_as_the_mean_of_two_bins_of_noise_does():
    """Power of Gaussian noise in a bin is exponential: deviation = mean; of the mean of two, mean / sqrt(2)."""
    after, _ = changed(torch.ones(200, MELS, T), noise=Noise(1.0, (0.0, 0.0)))
    added = after - 1
    ratio = added.std(2) / added.mean(2)
    assert float(ratio.mean()) == pytest.approx(2**-0.5, rel=0.02)


def test_bass_and_treble_move_together_where_asked(power):
    _, values = change_db(power, shelf=Shelf(1.0, together=True))
    assert (values["bass_db"] == values["treble_db"]).all()
    _, apart = change_db(power, shelf=Shelf(1.0))
    assert (apart["bass_db"] != apart["treble_db"]).all()
    assert (apart["bass_db"] == values["bass_db"]).all()
