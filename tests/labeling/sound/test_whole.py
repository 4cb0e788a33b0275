"""A short sound is decoded once for all that is made of it; a long one, and a damaged one, window by window."""

import os

import numpy as np
import pytest
import soundfile

from labeling.errors import AudioError
from labeling.sound import tiles, whole
from labeling.sound.decoding import AudioInfo, probe, read_window
from labeling.sound.spectrogram import SpectrogramSettings

RATE = 32_000


@pytest.fixture
def decoded(monkeypatch) -> list[tuple[float, float | None]]:
    """The windows that are decoded from now on."""
    whole.forget()
    windows = []

    def spy(path, onset_s=0.0, offset_s=None, **named):
        windows.append((onset_s, offset_s))
        return read_window(path, onset_s, offset_s, **named)

    monkeypatch.setattr(whole, "read_window", spy)
    return windows


def written(path, seconds=6.0, channels=2, subtype="VORBIS") -> tuple[str, AudioInfo]:
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * RATE), channels)).astype(np.float32)
    soundfile.write(path, wave, RATE, subtype=subtype)
    return str(path), probe(path)


def test_picture_waveform_and_sound_are_made_of_one_decoding(tmp_path, decoded):
    path, _ = written(tmp_path / "a.ogg")
    source = tiles.Source(path, "a", lambda name, make: make())
    for level in (2, 3, 5):
        tiles.tile(source, SpectrogramSettings(height_px=64), level, 0).make()
        tiles.peaks(source, level, 0).make()
    assert decoded == [(0.0, None)]


@pytest.mark.parametrize(("mono", "channel"), [(True, 0), (True, 2), (False, 0)])
def test_a_window_of_it_is_what_is_decoded_there(tmp_path, decoded, mono, channel):
    path, sound = written(tmp_path / "a.flac", subtype="PCM_16")
    for onset_s, offset_s in ((-1.0, 2.0), (1.0001, 2.50003), (5.0, 9.0), (7.0, 8.0)):
        expected, _ = read_window(path, onset_s, offset_s, mono=mono, channel=channel)
        found = whole.window(path, sound, onset_s, offset_s, mono=mono, channel=channel)
        np.testing.assert_array_equal(found, expected)
        assert found.flags.c_contiguous
    assert len(decoded) == 1


def test_a_moment_of_it_is_decoded_alone_unless_more_is_asked_for(tmp_path, decoded):
    path, sound = written(tmp_path / "a.ogg")
    whole.window(path, sound, 1.0, 1.1)
    assert decoded == [(1.0, 1.1)]
    whole.window(path, sound, 1.0, 1.1, of_s=3.0)
    whole.window(path, sound, 2.0, 2.1)
    assert decoded[1:] == [(0.0, None)]


def test_a_long_sound_is_never_decoded_whole(tmp_path, decoded, monkeypatch):
    path, sound = written(tmp_path / "a.ogg")
    monkeypatch.setattr(whole, "LONGEST_BYTES", sound.frames * sound.channels * 4 - 1)
    whole.window(path, sound, 0.0, 5.0)
    assert decoded == [(0.0, 5.0)]


def test_no_more_is_held_than_its_bound(tmp_path, decoded, monkeypatch):
    monkeypatch.setattr(whole._kept, "total", 2 * 6 * RATE * 2 * 4)
    for name in "abcd":
        path, sound = written(tmp_path / f"{name}.ogg")
        whole.window(path, sound, 0.0, 6.0)
    assert whole._kept.held == whole._kept.total


def test_a_file_that_changes_is_decoded_anew(tmp_path, decoded):
    path, sound = written(tmp_path / "a.flac", subtype="PCM_16")
    before = whole.window(path, sound, 0.0, 6.0)
    soundfile.write(path, np.zeros((6 * RATE, 2), np.float32), RATE, subtype="PCM_16")
    os.utime(path, ns=(1, 1))
    assert before.any()
    assert not whole.window(path, sound, 0.0, 6.0).any()


def test_what_holds_other_samples_than_it_told_is_read_window_by_window(tmp_path, decoded):
    path, _ = written(tmp_path / "a.flac", subtype="PCM_16")
    told = AudioInfo(9.0, RATE, 2, 9 * RATE, "FLAC", "PCM_16")
    found = whole.window(path, told, 0.0, 5.0)
    np.testing.assert_array_equal(found, read_window(path, 0.0, 5.0)[0])
    whole.window(path, told, 0.0, 5.0)
    assert decoded == [(0.0, None), (0.0, 5.0), (0.0, 5.0)]  # tried once as a whole


def test_a_file_that_is_gone_is_said_to_be(tmp_path, decoded):
    path, sound = written(tmp_path / "a.ogg")
    os.unlink(path)
    with pytest.raises(AudioError, match=r"a\.ogg: no such file"):
        whole.window(path, sound, 0.0, 6.0)
