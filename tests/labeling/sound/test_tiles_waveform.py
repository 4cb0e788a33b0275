"""Waveform tiles: every extreme of the sound is kept, at every zoom, and neighbours join."""

import gzip
import json
import math

import numpy as np
import pytest
import soundfile

from labeling.errors import AudioError, ConfigError
from labeling.sound.tiles import LEVELS, Source, parts, peaks, place, tile_count


def keeping():
    kept: dict[str, bytes] = {}
    return lambda name, make: kept[name] if name in kept else kept.setdefault(name, make())


def whole(of: Source, level: int) -> np.ndarray:
    """All tiles of a level: int8 (columns, 2)."""
    pieces = []
    for index in range(tile_count(of.sound, level)):
        job = peaks(of, level, index)
        facts, body = parts(of.keep(job.name, job.make))
        pairs = np.frombuffer(gzip.decompress(body), np.int8).reshape(-1, 2)
        where = place(of.sound, level, index)
        assert json.loads(facts) == {"columns": len(pairs), "onset_s": where.onset_s, "step_s": where.step_s}
        pieces.append(pairs)
    return np.concatenate(pieces)


@pytest.mark.parametrize("rate", [8000, 32_000, 44_100])
def test_each_column_holds_the_lowest_and_highest_of_its_samples(tmp_path, rate):
    samples = np.clip(np.random.default_rng(1).standard_normal(round(3.37 * rate)) * 0.3, -1, 1).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    of = Source(str(tmp_path / "a.wav"), "", keeping())
    for level in range(LEVELS):
        shown = whole(of, level)
        step = rate * 2**level / 2000
        assert len(shown) == math.ceil(len(samples) / step)
        for column in {0, 1, len(shown) // 2, len(shown) - 1}:
            part = samples[math.ceil(column * step) : math.ceil((column + 1) * step)]
            expected = np.round(127 * np.array([part.min(), part.max()]))
            assert np.abs(shown[min(column, len(shown) - 1)] - expected).max() <= 1


def test_no_spike_of_one_sample_is_lost(tmp_path):
    samples = np.zeros(32_000 * 300, np.float32)
    places = (0, 1_234_567, 4_194_303, 8_388_608, len(samples) - 1)
    samples[list(places)] = [1.0, -0.5, 0.25, -1.0, 0.75]
    soundfile.write(tmp_path / "a.wav", samples, 32_000, subtype="FLOAT")
    of = Source(str(tmp_path / "a.wav"), "", keeping())
    for level in (5, 9, 11):
        shown = whole(of, level)
        columns = [int(at / 32_000 / (2**level / 2000)) for at in places]
        assert sorted(set(np.flatnonzero(shown.any(axis=1)))) == sorted(set(columns))
        assert [shown[column].tolist() for column in columns] == [[0, 127], [-64, 0], [0, 32], [-127, 0], [0, 95]]


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_columns_narrower_than_a_sample_show_the_one_before_them(tmp_path, count):
    samples = np.arange(1, count + 1, dtype=np.float32) / 128
    soundfile.write(tmp_path / "a.wav", samples, 1000, subtype="FLOAT")
    shown = whole(Source(str(tmp_path / "a.wav"), "", keeping()), 0)
    np.testing.assert_array_equal(shown, np.round(np.repeat(samples * 127, 2))[:, None].repeat(2, axis=1))


def test_what_cannot_be_drawn_says_why(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100, np.float32), 32_000)
    with pytest.raises(ConfigError, match="index 3 must be 0 to 0 at level 4"):
        peaks(Source(str(tmp_path / "a.wav"), "", keeping()), 4, 3)
    with pytest.raises(AudioError, match="no such file"):
        peaks(Source(str(tmp_path / "gone.wav"), "", keeping()), 4, 0)
