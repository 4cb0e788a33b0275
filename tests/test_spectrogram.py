"""The picture: right against librosa, nothing lost between columns, bounded memory."""

import io
import json

import librosa
import numpy as np
import pytest
import soundfile
from PIL import Image

from labeling.errors import AudioError, ConfigError, DataError
from labeling.spectrogram import (
    AXES,
    SpectrogramSettings,
    axis_edges,
    draw,
    filterbank,
    frequency_ticks,
    from_axis,
    peaks_of_file,
    picture,
    picture_of_file,
    png_bytes,
    to_axis,
    waveform_peaks,
)

RATE = 32_000


def noise(seconds: float, rate: int = RATE, level: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(round(seconds * rate)) * level).astype(np.float32)


def tone(hz: float, seconds: float, onset_s: float, offset_s: float, rate: int = RATE) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * t) * ((t >= onset_s) & (t < offset_s))).astype(np.float32)


def decibels(shown) -> np.ndarray:
    return shown.low_db + shown.levels[::-1].astype(float) / 255 * (shown.high_db - shown.low_db)


def test_agrees_with_librosa_frame_by_frame():
    samples = noise(1.0)
    settings = SpectrogramSettings(n_fft=1024, hop_length=320, n_mels=64, low_hz=50, high_hz=11_000, width_px=4000)
    shown = picture(samples, RATE, settings)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=1024, hop_length=320, n_mels=64, fmin=50, fmax=11_000
    )
    expected = librosa.power_to_db(mel, ref=1.0, amin=1e-12, top_db=None)
    # the last columns see zeros past the end, as librosa's do; it has one frame more, centred on the end itself
    assert shown.levels.shape == (64, 100)
    quantum = (shown.high_db - shown.low_db) / 255
    assert np.abs(decibels(shown) - expected[:, :100]).max() <= 0.51 * quantum


def test_a_column_is_the_maximum_of_its_frames():
    samples = noise(3.0)
    fine = picture(samples, RATE, SpectrogramSettings(n_fft=512, hop_length=160, width_px=8000))
    coarse = picture(samples, RATE, SpectrogramSettings(n_fft=512, hop_length=160, width_px=60))
    assert fine.levels.shape[1] == 600
    assert coarse.levels.shape[1] == 60
    np.testing.assert_array_equal(coarse.levels, fine.levels.reshape(160, 60, 10).max(axis=2))


@pytest.mark.parametrize("scale", ["db", "pcen"])
def test_no_click_is_lost_however_wide_the_clip(scale):
    samples = noise(60.0, level=1e-4)
    for onset_s in (0.011, 7.3, 29.9987, 59.99):
        samples[round(onset_s * RATE) : round(onset_s * RATE) + 3] = 1.0
    shown = picture(samples, RATE, SpectrogramSettings(width_px=300, scale=scale))
    assert shown.levels.shape == (160, 300)
    brightness = shown.levels.astype(float).mean(axis=0)
    found = set(np.flatnonzero(brightness > 2 * np.median(brightness) + 5))
    for onset_s in (0.011, 7.3, 29.9987, 59.99):
        column = int(onset_s / 60 * 300)
        assert {column - 1, column, column + 1} & found, f"the click at {onset_s} s is not drawn"


@pytest.mark.parametrize("axis", AXES)
def test_a_tone_is_drawn_at_its_time_and_frequency(axis):
    shown = picture(tone(4000, 6.0, 2.0, 3.0), RATE, SpectrogramSettings(axis=axis, width_px=600))
    bright = shown.levels > 255 - 255 * 10 / 90  # within 10 dB of the loudest
    columns = np.flatnonzero(bright.any(axis=0))
    assert abs(columns.min() / 100 - 2.0) < 0.03
    assert abs((columns.max() + 1) / 100 - 3.0) < 0.03
    row = np.argmax(shown.levels[:, 250])
    low, high = to_axis(shown.bottom_hz, axis), to_axis(shown.top_hz, axis)
    hz = from_axis(low + (1 - (row + 0.5) / 160) * (high - low), axis)
    assert hz == pytest.approx(4000, rel=0.04)


def test_mel_weights_are_librosas():
    settings = SpectrogramSettings(n_mels=64, low_hz=50, high_hz=11_000, n_fft=2048).for_sample_rate(44_100)
    expected = librosa.filters.mel(sr=44_100, n_fft=2048, n_mels=64, fmin=50, fmax=11_000)
    np.testing.assert_allclose(filterbank(44_100, settings), expected, atol=1e-8)


def test_no_band_is_empty_where_triangles_are_narrower_than_a_bin():
    settings = SpectrogramSettings(n_fft=256, n_mels=256).for_sample_rate(RATE)
    assert (filterbank(RATE, settings).sum(axis=1) > 0).all()


def test_pcen_agrees_with_librosa():
    import scipy.signal

    samples = noise(2.0) * np.linspace(0.1, 1, 2 * RATE, dtype=np.float32)
    settings = SpectrogramSettings(n_fft=1024, hop_length=512, n_mels=40, scale="pcen", width_px=8000, high_hz=11_000)
    shown = picture(samples, RATE, settings)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=1024, hop_length=512, n_mels=40, fmin=60, fmax=11_000
    )
    scaled = mel * 2.0**31
    t = 0.4 * RATE / 512
    b = (np.sqrt(1 + 4 * t**2) - 1) / (2 * t**2)
    start = scipy.signal.lfilter_zi([b], [1, b - 1]) * scaled[:, :1]
    expected = librosa.pcen(scaled, sr=RATE, hop_length=512, zi=start)
    drawn = shown.levels[::-1].astype(float) / 255 * 8
    assert np.abs(drawn - np.minimum(expected[:, : drawn.shape[1]], 8)).max() < 0.02


@pytest.mark.parametrize("scale", ["db", "pcen"])
def test_a_file_read_in_blocks_gives_the_same_picture(tmp_path, scale):
    samples = noise(7.0)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    settings = SpectrogramSettings(width_px=200, scale=scale)
    whole = picture(samples, RATE, settings)
    blocks = picture_of_file(str(tmp_path / "a.wav"), settings=settings, block_s=0.9)
    np.testing.assert_array_equal(blocks.levels, whole.levels)
    part = picture_of_file(str(tmp_path / "a.wav"), 2.0, 5.0, settings)
    np.testing.assert_array_equal(part.levels, picture(samples[2 * RATE : 5 * RATE], RATE, settings).levels)


def test_memory_stays_bounded_for_a_long_sound():
    asked = []

    def read(start: int, stop: int) -> np.ndarray:
        asked.append(stop - start)
        return np.zeros(stop - start, np.float32)

    shown = draw(read, 1200 * RATE, RATE, SpectrogramSettings(width_px=100))
    assert shown.levels.shape == (160, 100)
    assert max(asked) < 30 * RATE


def test_sixty_seconds_are_quick_enough():
    """Not a budget, which benchmarks/ measures: a guard against work that grows by an order of magnitude."""
    import time

    samples = noise(60.0)
    picture(samples[:RATE], RATE)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        png_bytes(picture(samples, RATE))
        times.append(time.perf_counter() - start)
    assert min(times) < 2.0


@pytest.mark.parametrize("count", [1, 2, 17, 320, 5000])
def test_short_sounds_draw(count):
    shown = picture(noise(1.0)[:count], RATE)
    assert shown.levels.shape[0] == 160
    assert 1 <= shown.levels.shape[1] <= max(1, count // 16)


def test_silence_and_nan_draw_and_nothing_raises_but_no_samples():
    assert picture(np.zeros(RATE, np.float32), RATE).levels.max() == 255  # its own loudest is white: flat
    broken = noise(1.0)
    broken[100:200] = np.nan
    broken[300] = np.inf
    assert np.isfinite([v for v in picture(broken, RATE).facts().values() if not isinstance(v, str)]).all()
    with pytest.raises(DataError, match="no samples"):
        picture(np.zeros(0, np.float32), RATE)


def test_contrast_lies_within_the_range_and_a_reference_makes_windows_comparable():
    quiet, loud = noise(2.0, level=0.001), noise(2.0, level=0.1)
    for samples in (quiet, loud, np.zeros(RATE, np.float32)):
        shown = picture(samples, RATE)
        assert shown.low_db <= shown.floor_db < shown.ceiling_db <= shown.high_db
    fixed = SpectrogramSettings(reference_db=30)
    step = picture(loud, RATE, fixed).levels.mean() - picture(quiet, RATE, fixed).levels.mean()
    assert step == pytest.approx(40 / 90 * 255, abs=1.5)  # a factor of 100 in amplitude is 40 dB


def test_ticks_lie_where_the_axis_has_them():
    for axis in AXES:
        settings = SpectrogramSettings(axis=axis).for_sample_rate(RATE)
        bottom, top = (to_axis(hz, axis) for hz in axis_edges(settings))
        ticks = frequency_ticks(settings)
        assert len(ticks) >= 4
        for hz, fraction in ticks:
            assert 0 <= fraction <= 1
            assert fraction == pytest.approx((to_axis(hz, axis) - bottom) / (top - bottom))
    assert to_axis(5000, "mel") == pytest.approx(librosa.hz_to_mel(5000))
    assert from_axis(to_axis(5000, "mel"), "mel") == pytest.approx(5000)


def test_png_carries_levels_and_facts():
    shown = picture(noise(2.0), RATE)
    image = Image.open(io.BytesIO(png_bytes(shown)))
    np.testing.assert_array_equal(np.asarray(image), shown.levels)
    assert json.loads(image.info["earmark"]) == shown.facts()


def test_peaks_keep_every_extreme(tmp_path):
    samples = np.zeros(10_001, np.float32)
    samples[5003], samples[5004] = 1.0, -0.5
    peaks = waveform_peaks(samples, 100)
    assert peaks.shape == (100, 2)
    assert peaks.dtype == np.int8
    assert (peaks[:, 0].min(), peaks[:, 1].max()) == (-64, 127)
    assert np.count_nonzero(peaks) == 2
    assert waveform_peaks(samples[:3], 100).shape == (3, 2)
    assert waveform_peaks(samples[:0], 100).shape == (0, 2)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(peaks_of_file(str(tmp_path / "a.wav"), 100, block_s=0.05), peaks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axis": "bark"}, "unknown axis 'bark'; choose from mel, log, linear"),
        ({"scale": "sone"}, "unknown scale 'sone'"),
        ({"n_fft": 2}, "n_fft 2 must be 64 to 65536"),
        ({"width_px": 100_000}, "width_px 100000 must be 1 to 8192"),
        ({"low_hz": 9000, "high_hz": 8000}, "low_hz 9000 must be below high_hz 8000"),
        ({"low_hz": float("nan")}, "low_hz nan must be"),
    ],
)
def test_settings_out_of_bounds_say_so(change, message):
    with pytest.raises(ConfigError, match=message):
        SpectrogramSettings(**change)


def test_frequencies_above_what_the_file_holds_say_so():
    with pytest.raises(DataError, match="low_hz 9000 is not below half the sample rate"):
        picture(noise(1.0, 16_000), 16_000, SpectrogramSettings(low_hz=9000))
    with pytest.raises(AudioError):
        picture_of_file("/nowhere/a.wav")
