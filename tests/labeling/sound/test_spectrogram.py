"""Levels of a spectrogram: against librosa's STFT and PCEN, maxima worked by hand, dB of a full-scale sine."""

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labeling.errors import ConfigError, DataError
from labeling.sound.frequency import AXES, row_edges
from labeling.sound.spectrogram import (
    KNEE_DB,
    LOW_DB,
    WINDOWS,
    Frames,
    SpectrogramSettings,
    decibels,
    denoised,
    levels_of,
    pcen,
    taps,
)

RATE = 32_000


def noise(seconds: float, rate: int = RATE, level: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(round(seconds * rate)) * level).astype(np.float32)


def frames_of(samples: np.ndarray, settings: SpectrogramSettings, rate: int = RATE, hop: int | None = None) -> Frames:
    chosen = settings.for_sample_rate(rate)
    assert chosen.hop_length is not None
    return Frames(lambda a, b: samples[a:b], len(samples), rate, chosen, hop or chosen.hop_length)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("window", ["hann", "blackman"])
def test_a_cell_is_the_maximum_of_librosas_stft_over_its_time_and_band(axis, window):
    samples = noise(1.0)
    settings = SpectrogramSettings(n_fft=1024, window=window, axis=axis, low_hz=200, high_hz=11_000, height_px=40)
    hop, per_column = 256, 5
    shown = frames_of(samples, settings, hop=hop).maxima(0, np.arange(125) // per_column)
    stft = librosa.stft(samples, n_fft=1024, hop_length=hop, window=window, pad_mode="constant")
    level = 20 * np.log10(np.abs(stft) / (scipy.signal.get_window(window, 1024).sum() / 2))
    hz, edges = librosa.fft_frequencies(sr=RATE, n_fft=1024), row_edges(axis, 200, 11_000, 40)
    edges[-1] += 1e-6  # the bin at 11 kHz belongs to the highest row
    for row in range(40):
        inside = (hz >= edges[row]) & (hz < edges[row + 1])
        if not inside.any():
            inside[np.argmin(np.abs(hz - (edges[row] + edges[row + 1]) / 2))] = True
        expected = level[inside, :125].max(axis=0).reshape(25, per_column).max(axis=1)
        np.testing.assert_allclose(shown[:, row], expected, atol=2e-3)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_full_scale_sine_is_0_db_in_every_window_and_axis(window):
    samples = np.sin(2 * np.pi * 4000 * np.arange(RATE) / RATE).astype(np.float32)
    for axis in AXES:
        values = frames_of(samples, SpectrogramSettings(window=window, axis=axis)).maxima(10, np.arange(20))
        np.testing.assert_allclose(values.max(axis=1), 0.0, atol=0.01)
    if window != "rectangular":
        expected = scipy.signal.get_window(window, 512)
        np.testing.assert_allclose(taps(window, 512), expected * 2 / expected.sum(), atol=1e-7)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_pcen_agrees_with_librosa(rate):
    bands = frames_of(noise(2.0, rate), SpectrogramSettings(height_px=40, high_hz=4000), rate)
    power = 10 ** (bands.maxima(0, np.arange(100)) / 10) * np.linspace(0.01, 1, 100, dtype=np.float32)[:, None]
    t = 0.4 * rate / bands.hop_length
    b = (np.sqrt(1 + 4 * t**2) - 1) / (2 * t**2)
    scaled = power.T * 2.0**31
    start = scipy.signal.lfilter_zi([b], [1, b - 1]) * scaled[:, :1]
    expected = librosa.pcen(scaled, sr=rate, hop_length=bands.hop_length, zi=start).T
    np.testing.assert_allclose(pcen(power, rate, bands.hop_length)[0], expected, rtol=2e-3, atol=2e-3)
    first, state = pcen(power[:33], rate, bands.hop_length)
    rest, _ = pcen(power[33:], rate, bands.hop_length, state)  # in two blocks as in one
    np.testing.assert_allclose(np.concatenate([first, rest]), pcen(power, rate, bands.hop_length)[0], rtol=1e-5)


@given(
    hnp.arrays(np.float32, (30, 8), elements=st.floats(-120, 20, width=32)),
    st.sampled_from([SpectrogramSettings(), SpectrogramSettings(scale="pcen")]),
)
def test_denoising_keeps_the_order_so_that_a_maximum_stays_one(values, settings):
    floor = np.median(values, axis=0)
    whole = denoised(values, floor, settings).reshape(10, 3, 8).max(axis=1)
    coarse = denoised(values.reshape(10, 3, 8).max(axis=1), floor, settings)
    np.testing.assert_array_equal(whole, coarse)
    if settings.scale == "db":
        out = denoised(values, floor, settings)
        loud = values - floor >= KNEE_DB
        np.testing.assert_array_equal(out[loud], values[loud])
        assert (out <= values).all()


def test_what_is_as_loud_as_the_median_sinks_by_30_db():
    values, floor = np.array([[-60.0, -50.0, -40.0]], np.float32), np.array([-60.0] * 3, np.float32)
    assert denoised(values, floor, SpectrogramSettings()).tolist() == [[-90.0, -60.0, -40.0]]
    assert denoised(values, floor, SpectrogramSettings(scale="pcen")).tolist() == [[0.0, 10.0, 20.0]]


@pytest.mark.parametrize("n_fft", [64, 1024, 65_536])
def test_memory_stays_bounded_whatever_the_window(n_fft):
    asked = []

    def read(start: int, stop: int) -> np.ndarray:
        asked.append(stop - start)
        return np.zeros(stop - start, np.float32)

    chosen = SpectrogramSettings(n_fft=n_fft).for_sample_rate(RATE)
    assert chosen.hop_length is not None
    frames = Frames(read, 1200 * RATE, RATE, chosen, chosen.hop_length)
    count = 60 * RATE // chosen.hop_length
    assert frames.maxima(0, np.arange(count) * 50 // count).shape == (50, 160)
    assert max(asked) <= 2**19


def test_silence_and_short_sounds_have_levels_and_the_range_is_fixed():
    settings = SpectrogramSettings()
    silent = frames_of(np.zeros(100, np.float32), settings).maxima(0, np.zeros(1, np.int64))
    np.testing.assert_allclose(silent, LOW_DB, atol=1e-4)
    assert levels_of(silent, settings).shape == (160, 1)
    assert decibels(np.array([0, 1, 1e-3], np.float32)).tolist() == pytest.approx([-120, 0, -30], abs=1e-4)
    values = np.array([[-130.0, -120.0, -60.0, 0.0, 6.0]], np.float32)
    assert levels_of(values, settings)[:, 0].tolist() == [255, 255, 128, 0, 0]
    assert levels_of(np.array([[0.0, 4.0, 99.0]], np.float32), SpectrogramSettings(scale="pcen"))[:, 0].tolist() == [
        255, 128, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axis": "bark"}, "unknown axis 'bark'; choose from mel, log, linear"),
        ({"scale": "sone"}, "unknown scale 'sone'"),
        ({"window": "boxcar"}, "unknown window 'boxcar'; choose from hann, hamming, blackman, "),
        ({"n_fft": 2}, "n_fft 2 must be 64 to 65536"),
        ({"hop_length": 0}, "hop_length 0 must be 1 to 32768"),
        ({"height_px": 100_000}, "height_px 100000 must be 8 to 1024"),
        ({"low_hz": 9000, "high_hz": 8000}, "low_hz 9000 must be below high_hz 8000"),
        ({"low_hz": float("nan")}, "low_hz nan must be"),
        ({"low_hz": 0, "axis": "log"}, "low_hz 0 must be 1 to"),
        ({"high_hz": 300_000}, "high_hz 300000 must be 1 to 250000"),
    ],
)
def test_settings_out_of_bounds_say_so(change, message):
    with pytest.raises(ConfigError, match=message):
        SpectrogramSettings(**change)


def test_what_does_not_fit_the_sound_says_so():
    with pytest.raises(DataError, match="low_hz 9000 is not below half the sample rate"):
        SpectrogramSettings(low_hz=9000).for_sample_rate(16_000)
    with pytest.raises(ConfigError, match="hop_length 600 must be at most half of n_fft 1024"):
        SpectrogramSettings(hop_length=600).for_sample_rate(RATE)
    assert SpectrogramSettings(hop_length=512).for_sample_rate(RATE).hop_length == 512
