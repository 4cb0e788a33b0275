"""Songs of birds in the sound of a place, and what a lossy file gives back of them."""

import io

import numpy as np
import soundfile

from labeling.collection import birdsong

RATE = birdsong.SAMPLE_RATE


def clip(seed, seconds=8.0):
    """Songs of two birds somewhere in the sound of a place."""
    rng = np.random.default_rng(seed)
    who = birdsong.RECORDISTS[seed % len(birdsong.RECORDISTS)]
    wave = birdsong.background(rng, int(seconds * RATE), who)
    for _ in range(4):
        kind = birdsong.SPECIES[int(rng.integers(len(birdsong.SPECIES)))]
        song = kind.sing(rng, birdsong.individual(rng))
        at = int(rng.integers(0, max(1, len(wave) - len(song))))
        wave[at : at + len(song)] += 0.1 * song[: len(wave) - at]
    return wave.astype(np.float32)


def encoded(wave, form="OGG", subtype="VORBIS", strength=0.95):
    content = io.BytesIO()
    soundfile.write(content, wave, RATE, format=form, subtype=subtype, compression_level=strength)
    content.seek(0)
    return soundfile.read(content, dtype="float32")[0]
