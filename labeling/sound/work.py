"""How much work a picture is, before it is drawn: so that dear ones wait apart, and absurd ones are refused.

Work is counted in samples that are transformed or looked at: about 30 million a second where a file is slow to decode,
up to 200 million where it is not.
"""

from __future__ import annotations

import math

from labeling.errors import ConfigError
from labeling.sound.spectrogram import SpectrogramSettings, settling_frames

VALUE_WORK = 15
"""A value of a row in decibels or PCEN takes as long as so many samples of a transform."""
MOST_WORK = 3_200_000_000
"""What is still drawn at once: a quarter of a minute on one core, longer where several are at work."""


def of_drawing(settings: SpectrogramSettings, sample_rate: int, columns: int, step_s: float, hop_length: int) -> int:
    """Samples transformed, and values drawn: a row has one a frame in PCEN, and one a column in decibels.

    ``settings`` must be those of ``for_sample_rate``.
    """
    assert settings.n_fft is not None
    frames = math.ceil(columns * step_s * sample_rate / hop_length)
    frames += settling_frames(settings, sample_rate, max(hop_length, settings.n_fft // 4))
    return frames * settings.n_fft + (frames if settings.scale == "pcen" else columns) * _of_rows(settings)


def of_floor(settings: SpectrogramSettings, samples: int, most_frames: int) -> int:
    """The same for the floor of noise of a sound, to which each frame, at most so many, adds a value a row."""
    assert settings.n_fft is not None
    frames = min(most_frames, 1 + samples // (settings.n_fft // 2))
    return frames * (settings.n_fft + _of_rows(settings))


def _of_rows(settings: SpectrogramSettings) -> int:
    return settings.height_px * VALUE_WORK


def check(work: int, settings: SpectrogramSettings, level: int) -> None:
    """Raise ConfigError for a picture that would be more work than MOST_WORK."""
    if work > MOST_WORK:
        raise ConfigError(
            f"this picture ({settings.height_px} rows, {settings.scale}, n_fft {settings.n_fft}, hop_length "
            f"{settings.hop_length}, level {level}) is {work / MOST_WORK:.1f} times the most work for one; zoom in, "
            "take fewer rows or decibels, or a longer n_fft and hop_length"
        )
