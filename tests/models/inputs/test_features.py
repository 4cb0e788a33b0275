import warnings
from dataclasses import replace

import librosa
import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from models.config import FeatureConfig
from models.inputs.features import FrontEnd, decaying_sum, mel_edges, mel_filters, pcen, reduce_noise

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
@pytest.mark.parametrize(
    ("config", "sound"),
    [
        (config, sound)
        for config in CONFIGS
        for sound in ("noise", "tones", "click", "short")
        if (config.pad_mode, sound) != ("reflect", "short")  # librosa reflects nothing shorter than half a frame
    ],
)
def test_agrees_with_librosa(config, sound):
    y = sounds(config.sample_rate)[sound].astype(np.float32)
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


@pytest.mark.parametrize("config", [*CONFIGS, FeatureConfig(n_fft=512, n_mels=128)])  # the last has bands without a bin
def test_bands_are_librosas(config):
    given = {"fmin": config.fmin_hz, "fmax": config.fmax_hz}
    with warnings.catch_warnings(action="ignore"):  # it says so of bands without a bin
        expected = librosa.filters.mel(sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels, **given)
    np.testing.assert_allclose(mel_filters(config), expected, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(mel_edges(config), librosa.mel_frequencies(config.n_mels + 2, **given), atol=1e-9)


def test_a_sound_too_short_to_reflect_is_filled_up():
    front_end = FrontEnd(FeatureConfig(pad_mode="reflect"))
    assert torch.isfinite(front_end.db(front_end.power(torch.ones(1, 40)))).all()


@pytest.mark.parametrize("frames", [1, 60, 128, 129, 2000])
def test_pcen_agrees_with_librosa(frames):
    power = np.random.default_rng(0).exponential(1.0, (2, 8, frames)).astype(np.float32)
    expected = librosa.pcen(power, sr=32000, hop_length=512)
    got = pcen(torch.from_numpy(power), 512 / 32000).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_pcen_of_ten_minutes():
    """60,000 frames: as one product over time, the smoother would take 14 GB."""
    power = np.random.default_rng(0).exponential(1e-4, (1, 2, 60000)).astype(np.float32)
    expected = librosa.pcen(power, sr=32000, hop_length=320)
    got = pcen(torch.from_numpy(power), 0.01).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 1e-9, 0.9, 0.9999, 1.0])
def test_decaying_sum_agrees_with_scipys_filter(decay):
    values = np.random.default_rng(1).random((2, 3, 1001))
    expected = lfilter([1], [1, -decay], values)
    for block in (3, 128, 2000):
        got = decaying_sum(torch.from_numpy(values), decay, block).numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-9)


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


def test_noise_reduction_by_hand():
    # less once the median, but no less than a tenth of it, and nothing gets louder
    power = torch.tensor([[9.0, 4.0, 4.2, 2.0, 0.1, 20.0]])
    noise = 4.1
    expected = [9 - noise, 0.41, 0.41, 0.41, 0.1, 20 - noise]
    torch.testing.assert_close(reduce_noise(power, 1.0, 0.5, 0.1), torch.tensor([expected]))


@pytest.mark.parametrize("quantile", [0.0, 0.2, 0.5, 1.0])
def test_noise_is_each_bands_own_quantile(quantile):
    power = torch.from_numpy(np.random.default_rng(0).exponential(1.0, (2, 5, 37)))
    noise = np.quantile(power.numpy(), quantile, axis=-1, keepdims=True)
    expected = np.maximum(power.numpy() - 0.7 * noise, np.minimum(power.numpy(), 0.01 * noise))
    np.testing.assert_allclose(reduce_noise(power, 0.7, quantile, 0.01).numpy(), expected, rtol=1e-12)


def test_noise_reduction_uncovers_a_call_in_steady_noise():
    config = FeatureConfig(noise_reduction=1.0)
    t = np.arange(2 * config.sample_rate) / config.sample_rate
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(t))
    call = 0.2 * np.sin(2 * np.pi * 4000 * t) * ((t > 0.9) & (t < 1.0))
    power = FrontEnd(config).power(torch.from_numpy((noise + call).astype(np.float32))[None])

    def contrast_db(front_end):
        plane = front_end.planes(power)[0, 0]
        band = plane[int(plane[:, 95].argmax())]
        return float(band[91:99].mean() - band[:80].mean())

    assert contrast_db(FrontEnd(config)) > contrast_db(FrontEnd(FeatureConfig())) + 3


def test_three_planes_of_the_birdcall_recipe_agree_with_librosa():
    """Planes power_to_db(S), pcen(S), power_to_db(S^1.5), each standardised, then scaled to whole numbers up to 255."""
    rate = 32000
    y = sounds(rate)["tones"].astype(np.float32)
    mel = librosa.feature.melspectrogram(y=y, sr=rate, n_mels=128, fmin=20, fmax=16000)
    pcen_plane = librosa.pcen(mel, sr=rate, gain=0.98, bias=2, power=0.5, time_constant=0.4, eps=1e-6, hop_length=512)
    config = FeatureConfig(
        sample_rate=rate, n_fft=2048, hop_length=512, n_mels=128, fmin_hz=20, fmax_hz=16000, top_db=80.0,
        channels=("log", "pcen", "log_power15"), standardize="image",
    )  # fmt: skip
    front_end = FrontEnd(config)
    got = front_end.planes(front_end.power(torch.from_numpy(y)[None]))[0].numpy()
    for plane, image in zip((librosa.power_to_db(mel), pcen_plane, librosa.power_to_db(mel**1.5)), got, strict=True):
        scaled = (plane - plane.mean()) / (plane.std() + 1e-6)
        scaled = (scaled - scaled.min()) / (scaled.max() - scaled.min())
        np.testing.assert_allclose(image, scaled, atol=2e-4)
        in_bytes = (255 * scaled).astype(np.uint8) / 255
        assert (image - in_bytes).min() >= -2e-4
        assert (image - in_bytes).max() <= 1 / 255 + 2e-4


def test_a_channel_may_be_named_three_times():
    planes = FrontEnd(FeatureConfig(n_mels=8, channels=("log", "log", "log"))).planes(torch.rand(2, 8, 20) + 0.1)
    assert planes.shape == (2, 3, 8, 20)
    assert torch.equal(planes[:, 0], planes[:, 1])
    assert torch.equal(planes[:, 0], planes[:, 2])


def test_autocast_does_not_touch_the_features():
    front_end = FrontEnd(FeatureConfig(channels=("log", "pcen"), noise_reduction=0.5, standardize="example"))
    wave = torch.from_numpy(sounds(32000)["tones"].astype(np.float32))[None]
    plain = front_end.planes(front_end.power(wave))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = front_end.planes(front_end.power(wave))
    assert inside.dtype == torch.float32
    assert torch.equal(inside, plain)


def test_each_chunk_is_brought_to_its_own_peak():
    """PCEN depends on the level; at one peak a soft chunk looks like a loud one. Silence stays silence."""
    config = FeatureConfig(n_mels=8, channels=("pcen",), normalize="peak")
    front_end, as_it_is = FrontEnd(config), FrontEnd(replace(config, normalize="none"))
    wave = torch.randn(1, 20 * config.hop_length, generator=torch.Generator().manual_seed(0))
    wave = wave / wave.abs().max()
    chunks = torch.cat([wave, 0.02 * wave, -0.5 * wave, 0 * wave])
    power = front_end.power_of_chunks(chunks)
    assert power.shape == (4, 8, 20)
    expected = as_it_is.power(wave)[..., :-1]
    torch.testing.assert_close(power[:3], expected.expand(3, -1, -1), rtol=1e-4, atol=1e-6)
    assert (power[3] == 0).all()
    torch.testing.assert_close(as_it_is.power_of_chunks(chunks)[1:2], 0.02**2 * expected, rtol=1e-4, atol=1e-8)
    planes = front_end.planes(power)
    torch.testing.assert_close(planes[1], planes[0], rtol=1e-3, atol=1e-4)
    assert (front_end.planes(as_it_is.power_of_chunks(chunks))[1] - planes[0]).abs().max() > 0.1
