"""The songs can be told apart, and distance and noise do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.collection import birdsong


def test_songs_are_told_apart_by_where_and_how_they_sound() -> None:
    """A nearest-centroid rule on (band profile, modulation) tells the seven species apart: they are learnable."""
    rng = np.random.default_rng(0)

    def features(wave: birdsong.Wave) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, 512), 512)[::128] * np.hanning(512)
        power = np.abs(np.fft.rfft(frames)) ** 2
        bands = np.log(power.mean(axis=0)[4:160].reshape(26, 6).mean(axis=1) + 1e-6)
        envelope = np.sqrt(power.sum(axis=1))
        changes = np.abs(np.diff(envelope)).mean() / envelope.mean()
        return np.array([*(bands - bands.mean()), 20 * changes])

    def sing(species: birdsong.Species) -> np.ndarray:
        wave = species.sing(rng, birdsong.individual(rng))
        assert wave.dtype == np.float32
        assert np.abs(wave).max() == pytest.approx(1.0, abs=1e-5)
        assert 0.4 < len(wave) / birdsong.SAMPLE_RATE < 3.5
        return features(wave)

    centres = {one.code: np.mean([sing(one) for _ in range(8)], axis=0) for one in birdsong.SPECIES}
    right = [
        min(centres, key=lambda code: float(np.square(centres[code] - heard).sum())) == one.code
        for one in birdsong.SPECIES
        for heard in [sing(one) for _ in range(8)]
    ]
    assert np.mean(right) > 0.9


def test_distance_takes_level_and_treble() -> None:
    rng = np.random.default_rng(1)
    impulse = np.zeros(64, np.float32)
    impulse[0] = 1
    near = np.abs(np.fft.rfft(birdsong.heard_from(impulse, birdsong.impulse_response(rng, 0.0)), 16_384))
    far = np.abs(np.fft.rfft(birdsong.heard_from(impulse, birdsong.impulse_response(rng, 1.0)), 16_384))
    treble, bass = slice(4096, 5120), slice(512, 1024)  # 8 to 10 kHz, 1 to 2 kHz
    assert np.median(far[treble]) / np.median(far[bass]) < 0.6 * np.median(near[treble]) / np.median(near[bass])


def test_background_noise_has_the_level_it_is_given() -> None:
    size = birdsong._fft_size(100_000)
    noise = birdsong._noise(np.random.default_rng(0), 100_000, np.full(size // 2 + 1, 0.25))
    assert noise.std() == pytest.approx(0.25, rel=0.01)
    assert noise.shape == (100_000,)
