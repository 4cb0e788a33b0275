"""Sound for browsers: which files play as they are, WAVs made as they are read, and time expansion."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.errors import ConfigError
from labeling.sound import decoding, whole
from pages.ui.routes.playable import WavStream, playable_rate, playable_type


def test_rates_that_browsers_play_and_a_wav_header_can_hold():
    assert [playable_rate(rate, rate, 1) for rate in (4000, 22_050, 48_000, 96_000, 88_200, 250_000, 384_000)] == [
        8000, 22_050, 48_000, 48_000, 44_100, 48_000, 48_000,
    ]  # fmt: skip
    hours = 24 * 3600
    rate = playable_rate(250_000, hours * 250_000, 1)
    assert 20_000 < rate < 48_000
    assert hours * rate * 2 < 2**32


def test_only_what_is_asked_for_is_decoded(tmp_path, monkeypatch):
    windows = []
    read_window = decoding.read_window

    def spy(path, onset_s=0.0, offset_s=None, *more, **named):
        windows.append((onset_s, offset_s))
        return read_window(path, onset_s, offset_s, *more, **named)

    monkeypatch.setattr(whole, "read_window", spy)
    soundfile.write(tmp_path / "bat.flac", np.zeros(25_000, np.float32), 250_000)
    hour = decoding.AudioInfo(3600.0, 250_000, 1, 3600 * 250_000, "FLAC", "PCM_16")  # as it seems
    stream = WavStream.of(str(tmp_path / "bat.flac"), hour)
    first = 44 + 2 * 48_000 * 1801
    assert sum(map(len, stream.read(first, first + 1000))) == 1000
    assert windows == [(1799, 1805)]


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype", "expected"),
    [
        ("plain.wav", 32_000, 1, "PCM_16", "audio/wav"),
        ("song.ogg", 48_000, 2, "OPUS", "audio/ogg"),
        ("song.ogg", 32_000, 2, "VORBIS", ""),  # browsers seek in it to a place nearby
        ("song.mp3", 32_000, 1, "MPEG_LAYER_III", ""),
        ("deep.wav", 48_000, 2, "PCM_24", ""),
        ("float.wav", 44_100, 1, "FLOAT", ""),
        ("fast.wav", 96_000, 1, "PCM_16", ""),
        ("array.wav", 32_000, 8, "PCM_16", ""),
        ("bat.flac", 250_000, 1, "PCM_16", ""),
        ("slow.wav", 4000, 1, "PCM_16", ""),
        ("quiet.flac", 44_100, 1, "PCM_24", "audio/flac"),
    ],
)
def test_which_files_play_as_they_are(tmp_path, name, rate, channels, subtype, expected):
    soundfile.write(tmp_path / name, np.zeros((rate, channels), np.float32), rate, subtype=subtype)
    assert playable_type(decoding.probe(tmp_path / name)) == expected


def expanded(path: Path, expand: int) -> WavStream:
    return WavStream.expanded(str(path), decoding.probe(path, shortest_s=0.0), expand)


def heard(wav: WavStream, tmp_path: Path) -> tuple[np.ndarray, int]:
    (tmp_path / "made.wav").write_bytes(b"".join(wav.read(0, wav.size)))
    return soundfile.read(tmp_path / "made.wav", dtype="float32")


@pytest.mark.parametrize("expand", [1, 4, 10, 20])
def test_expansion_keeps_every_sample_and_lowers_the_headers_rate(tmp_path, expand):
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, round(9.3 * 250_000)).astype(np.float32)
    soundfile.write(tmp_path / "bat.wav", samples, 250_000, subtype="PCM_16")
    wave, rate = heard(expanded(tmp_path / "bat.wav", expand), tmp_path)
    assert rate == 250_000 // expand
    assert len(wave) == len(samples)  # across the blocks of a few seconds too
    assert np.abs(wave - samples).max() < 1e-4


def test_a_bat_at_80_khz_is_heard_at_8(tmp_path):
    t = np.arange(250_000) / 250_000
    soundfile.write(tmp_path / "bat.flac", 0.5 * np.sin(2 * np.pi * 80_000 * t), 250_000)
    wave, rate = heard(expanded(tmp_path / "bat.flac", 10), tmp_path)
    assert np.argmax(np.abs(np.fft.rfft(wave))) * rate / len(wave) == pytest.approx(8000, abs=1)
    assert len(wave) / rate == pytest.approx(10.0)


def test_low_rates_are_raised_so_that_browsers_play_them_slowed_down(tmp_path):
    t = np.arange(3 * 22_050) / 22_050
    samples = 0.5 * np.sin(2 * np.pi * 6000 * t).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([samples, -samples], axis=1), 22_050, subtype="PCM_16")
    wave, rate = heard(expanded(tmp_path / "a.wav", 20), tmp_path)
    assert 8000 <= rate <= 11_025
    assert wave.shape[1] == 2
    assert len(wave) / rate == pytest.approx(60.0, abs=0.01)
    middle = wave[len(wave) // 4 : -len(wave) // 4]
    peak_hz = np.argmax(np.abs(np.fft.rfft(middle[:, 0]))) * rate / len(middle)
    assert peak_hz == pytest.approx(300, abs=0.1)
    assert np.abs(middle[:, 0]).max() == pytest.approx(0.5, abs=0.01)


def test_what_cannot_be_expanded_says_why():
    hours = decoding.AudioInfo(12 * 3600.0, 250_000, 1, 12 * 3600 * 250_000, "WAV", "PCM_16")
    for expand in (0, 21):
        with pytest.raises(ConfigError, match=f"expand {expand} must be 1 to 20"):
            WavStream.expanded("a.wav", hours, expand)
    with pytest.raises(ConfigError, match="43200 s; only 8590 s of such a file can be expanded"):
        WavStream.expanded("a.wav", hours, 10)
