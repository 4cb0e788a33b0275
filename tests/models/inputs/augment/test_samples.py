import numpy as np
import pytest
import soundfile
import torch
from scipy import signal

from models.config import AugmentConfig
from models.config.augment import Background, Fade, GaussianNoise, PinkNoise, Reverb
from models.inputs import augment
from models.inputs.augment import Backgrounds, Batch

RATE, N, B = 16000, 32000, 4


def changed(samples, backgrounds=None, seed=0, **table):
    config = AugmentConfig(**table)
    drawn = augment.draw(
        np.random.default_rng(seed), config, Batch(len(samples), 8, 10, N, RATE, 0.01), backgrounds=backgrounds
    )
    (values,) = drawn.values.values()
    return augment.apply_to_samples(samples, drawn, config), values


@pytest.fixture
def samples():
    return 0.1 * torch.randn(B, N, generator=torch.Generator().manual_seed(1)) * torch.tensor([[0.1], [1], [3], [0.5]])


def snr_db(samples, noisy):
    return 10 * torch.log10(samples.square().mean(-1) / (noisy - samples).square().mean(-1)).numpy()


@pytest.mark.parametrize(
    "table", [{"gaussian_noise": GaussianNoise(1.0, (5.0, 20.0))}, {"pink_noise": PinkNoise(1.0, (5.0, 20.0))}]
)
def test_noise_lies_at_the_drawn_ratio(samples, table):
    noisy, values = changed(samples, **table)
    assert ((values["snr_db"] >= 5) & (values["snr_db"] <= 20)).all()
    assert len(set(values["snr_db"])) == B
    np.testing.assert_allclose(snr_db(samples, noisy), values["snr_db"], atol=0.02)


@pytest.mark.parametrize(
    ("table", "slope"),
    [({"gaussian_noise": GaussianNoise(1.0)}, 0.0), ({"pink_noise": PinkNoise(1.0)}, -3.01)],
)
def test_white_is_level_and_pink_falls_by_3_db_an_octave(samples, table, slope):
    noisy, _ = changed(samples.repeat(8, 1), **table)
    added = (noisy - samples.repeat(8, 1)).double().numpy()
    hz, density = signal.welch(added / added.std(1, keepdims=True), RATE, nperseg=1024)
    inside = (hz > 60) & (hz < 7500)
    fitted = np.polyfit(np.log2(hz[inside]), 10 * np.log10(density.mean(0)[inside]), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.15)


def test_silence_gets_no_noise():
    noisy, _ = changed(torch.zeros(2, N), gaussian_noise=GaussianNoise(1.0))
    assert (noisy == 0).all()


def test_backgrounds_are_added_at_the_drawn_ratio(samples, tmp_path):
    t = np.arange(4 * RATE) / RATE
    soundfile.write(tmp_path / "hum.wav", 0.3 * np.sin(2 * np.pi * 1000 * t), RATE)
    noisy, values = changed(
        samples, Backgrounds(str(tmp_path), RATE), background=Background(1.0, str(tmp_path), (3.0, 30.0))
    )
    np.testing.assert_allclose(snr_db(samples, noisy), values["snr_db"], atol=0.02)
    for added in (noisy - samples).double().numpy():
        assert np.abs(np.fft.rfft(added)).argmax() * RATE / N == 1000


def test_a_silent_background_adds_nothing(samples, tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(4 * RATE), RATE)
    noisy, _ = changed(samples, Backgrounds(str(tmp_path), RATE), background=Background(1.0, str(tmp_path)))
    assert torch.equal(noisy, samples)


def test_a_click_in_a_room_decays_by_60_db_in_rt60():
    """RT60 as a room's is measured: Schroeder's backward integral, a line from -5 to -35 dB."""
    click = torch.zeros(6, N)
    click[:, 0] = 1
    wet, values = changed(click, reverb=Reverb(1.0, rt60_s=(0.2, 1.0), wet_db=(-20.0, -6.0)))
    for answer, rt60_s, wet_db in zip(wet.double().numpy(), values["rt60_s"], values["wet_db"], strict=True):
        room = answer.copy()
        room[0] -= 1
        assert 10 * np.log10((room**2).sum()) == pytest.approx(wet_db, abs=0.05)
        left = 10 * np.log10(np.cumsum(room[::-1] ** 2)[::-1] / (room**2).sum())
        part = (left < -5) & (left > -35)
        slope = np.polyfit(np.flatnonzero(part) / RATE, left[part], 1)[0]
        assert -60 / slope == pytest.approx(rt60_s, rel=0.08)


def test_a_room_is_a_convolution(samples):
    table = {"reverb": Reverb(1.0)}
    click = torch.zeros(B, N)
    click[:, 0] = 1
    wet, _ = changed(samples, **table)
    rooms, _ = changed(click, **table)  # the same draw: the same rooms
    for dry, room, answer in zip(samples.numpy(), rooms.numpy(), wet.numpy(), strict=True):
        np.testing.assert_allclose(answer, signal.fftconvolve(dry, room)[:N], atol=1e-5)


def test_a_fade_is_a_quarter_sine_at_each_end():
    faded, values = changed(torch.ones(B, N), fade=Fade(1.0, share=(0.1, 0.4)))
    for gain, fade_in, fade_out in zip(faded.numpy(), values["fade_in"], values["fade_out"], strict=True):
        half_in, half_out = fade_in * N / 2, fade_out * N / 2
        assert gain[int(half_in)] == pytest.approx(np.sqrt(0.5), abs=2e-3)
        assert gain[N - 1 - int(half_out)] == pytest.approx(np.sqrt(0.5), abs=2e-3)
        assert gain[int(half_in * 2 / 3)] == pytest.approx(0.5, abs=2e-3)  # sin 30 degrees
        assert gain[int(2 * half_in) + 1 : int(N - 2 * half_out) - 1] == pytest.approx(1)
        assert max(gain[0], gain[-1]) < 2e-3


@pytest.mark.parametrize(
    "table", [{"gaussian_noise": GaussianNoise(1.0, by="peak")}, {"pink_noise": PinkNoise(1.0, by="peak")}]
)
def test_noise_lies_at_the_drawn_ratio_of_peaks(samples, table):
    noisy, values = changed(samples, **table)
    ratio = samples.abs().amax(-1) / (noisy - samples).abs().amax(-1)
    np.testing.assert_allclose(20 * np.log10(ratio.numpy()), values["snr_db"], atol=0.02)


def test_noise_of_a_deviation_does_not_ask_how_loud_the_sound_is(samples):
    noisy, values = changed(samples, gaussian_noise=GaussianNoise(1.0, by="deviation", deviation=(0.01, 0.04)))
    assert ((values["deviation"] >= 0.01) & (values["deviation"] <= 0.04)).all()
    np.testing.assert_allclose((noisy - samples).std(1).numpy(), values["deviation"], rtol=0.02)
