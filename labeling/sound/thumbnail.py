"""A stretch of sound as one small picture, and as a file to play: for lists, previews and notebooks."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from labeling.sound.spectrogram import Frames, SpectrogramSettings, levels_of

DARKEST, BRIGHTEST = 20, 99.8
"""Percentiles of what is there that become white and black."""


def thumbnail(samples: NDArray[np.float32], sample_rate: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Draw mono samples (n,).

    Returns uint8 (height_px, at most width_px): the highest row first, 0 is quiet, stretched to the loudness that is
    there; a column is the loudest of its frames. One blank column where there are no samples.

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    >>> picture = thumbnail(tone, 8000, 50, 40)
    >>> picture.shape, bool(picture[:, 25].argmax() < 40)
    ((40, 50), True)
    """
    if not len(samples):
        return np.zeros((height_px, 1), np.uint8)
    settings = SpectrogramSettings(height_px=height_px, low_hz=min(60.0, sample_rate / 8)).for_sample_rate(sample_rate)
    assert settings.hop_length is not None
    count = 1 + (len(samples) - 1) // settings.hop_length
    frames = Frames(lambda start, stop: samples[start:stop], len(samples), sample_rate, settings, settings.hop_length)
    owners = np.arange(count) * min(count, width_px) // count
    levels = levels_of(frames.maxima(0, owners), settings).astype(np.float32)
    low, high = np.percentile(levels, (DARKEST, BRIGHTEST))
    return np.asarray(np.clip((levels - low) / max(1.0, high - low), 0, 1) * 255, np.uint8)


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A picture (rows, columns) as a PNG, loud is dark."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(255 - picture).save(buffer, "PNG")
    return buffer.getvalue()


def wav_bytes(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Mono samples as a WAV file of 16 bits."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
