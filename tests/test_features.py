import librosa
import numpy as np
import pytest
import torch

from models.config import FeatureConfig
from models.features import FrontEnd, pcen

CONFIGS = [
    FeatureConfig(),
    FeatureConfig(sample_rate=22050, n_fft=2048, hop_length=512, n_mels=128, fmin_hz=20, fmax_hz=11025, top_db=80.0),
    FeatureConfig(hop_length=512, pad_mode="reflect"),
    FeatureConfig(sample_rate=16000, n_fft=400, hop_length=160, n_mels=40, fmin_hz=0, fmax_hz=8000, amin=1e-6, ref=0.5),
]


def sounds(rate):
    t = np.arange(rate) / rate
    rng = np.random.default_rng(0)
    return {
        "noise": rng.standard_normal(rate) * 0.1,
        "tones": 0.5 * np.sin(2 * np.pi * 440 * t)
        + 0.01 * np.sin(2 * np.pi * 3000 * t)
        + 2e-3 * rng.standard_normal(rate),
        "click": np.eye(1, rate, rate // 2)[0],
        "short": rng.standard_normal(300),
    }


@pytest.mark.filterwarnings("ignore:n_fft")
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("sound", ["noise", "tones", "click", "short"])
def test_agrees_with_librosa(config, sound):
    y = sounds(config.sample_rate)[sound].astype(np.float32)
    if config.pad_mode == "reflect" and len(y) <= config.n_fft // 2:
        pytest.skip("librosa reflects no shorter sound either")
    mel = librosa.feature.melspectrogram(
        y=y,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.fmin_hz,
        fmax=config.fmax_hz,
        pad_mode=config.pad_mode,
    )
    expected = librosa.power_to_db(mel, ref=config.ref, amin=config.amin, top_db=config.top_db)
    front_end = FrontEnd(config)
    got = front_end.db(front_end.power(torch.from_numpy(y)[None]))[0].numpy()
    assert got.shape == expected.shape == (config.n_mels, len(y) // config.hop_length + 1)
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_a_sound_too_short_to_reflect_is_filled_up():
    front_end = FrontEnd(FeatureConfig(pad_mode="reflect"))
    assert torch.isfinite(front_end.db(front_end.power(torch.ones(1, 40)))).all()


def test_pcen_agrees_with_librosa():
    power = np.random.default_rng(0).exponential(1.0, (2, 8, 60)).astype(np.float32)
    expected = librosa.pcen(power, sr=32000, hop_length=512)
    got = pcen(torch.from_numpy(power), 512 / 32000).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_planes_one_by_one():
    config = FeatureConfig(n_mels=8, channels=("log", "log_band", "delta", "frequency", "log_power15"))
    front_end = FrontEnd(config)
    power = torch.rand(3, 8, 40) + 0.1
    log, band, delta, frequency, power15 = front_end.planes(power).unbind(1)
    torch.testing.assert_close(log, 10 * torch.log10(power))
    torch.testing.assert_close(band.mean(-1), torch.zeros(3, 8), atol=1e-4, rtol=0)
    torch.testing.assert_close(delta[..., 5], (log[..., 6] - log[..., 4]) / 2)
    torch.testing.assert_close(power15, 1.5 * log, atol=1e-4, rtol=1e-4)
    assert frequency[0, 0, 0] == -1
    assert frequency[0, -1, 3] == 1


@pytest.mark.parametrize(
    ("how", "mean", "low", "high"),
    [("example", 0, None, None), ("center", 0, None, None), ("image", None, 0, 1), ("none", None, None, None)],
)
def test_standardize(how, mean, low, high):
    plane = FrontEnd(FeatureConfig(n_mels=8, standardize=how)).planes(torch.rand(2, 8, 40) * 5 + 0.01)[:, 0]
    if mean is not None:
        torch.testing.assert_close(plane.mean((1, 2)), torch.zeros(2), atol=1e-5, rtol=0)
    if how == "example":
        torch.testing.assert_close(plane.std((1, 2)), torch.ones(2))
    if low is not None:
        assert plane.amin((1, 2)).tolist() == [low, low]
        assert plane.amax((1, 2)).tolist() == [high, high]


def test_silence_gives_finite_planes():
    for how in ("example", "center", "image"):
        config = FeatureConfig(channels=("log", "pcen", "log_power15", "delta"), standardize=how)
        assert torch.isfinite(FrontEnd(config).planes(torch.zeros(1, 64, 50))).all()


def test_gain_shifts_out_where_each_example_is_centred():
    front_end = FrontEnd(FeatureConfig(n_mels=8, standardize="center"))
    power = torch.rand(1, 8, 40) + 0.1
    torch.testing.assert_close(front_end.planes(power), front_end.planes(power * 37), atol=1e-4, rtol=0)
