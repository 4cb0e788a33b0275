"""Short sounds are decoded once: their picture, their waveform and what is heard of them are made of the same samples.

A clip that comes on the screen is asked for by its tiles, its waveform and its sound, all within a moment. To decode
it for each of them was most of what a step cost.
"""

from __future__ import annotations

import os
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from labeling.errors import AudioError
from labeling.sound import ranges
from labeling.sound.decoding import AudioInfo, mixed, read_window
from labeling.storage.kept import Kept
from labeling.storage.remote import is_url

LONGEST_BYTES = 1 << 24  # of a sound's samples: two minutes at 32 kHz
HELD_BYTES = 1 << 25  # of all that are kept
WORTH_IT = 0.1  # a window of this share of a sound is not the last that is asked for

_kept: Kept[NDArray[np.float32] | None] = Kept(16, lambda samples: 0 if samples is None else samples.nbytes, HELD_BYTES)


def window(
    path: str,
    sound: AudioInfo,
    onset_s: float,
    offset_s: float,
    *,
    mono: bool = True,
    channel: int = 0,
    of_s: float | None = None,
) -> NDArray[np.float32]:
    """`decoding.read_window` of a file that is asked for again at once: of a short sound all is decoded, and kept.

    Parameters
    ----------
    path : str
        Local path, or any fsspec URL.
    sound : AudioInfo
        What it holds, as `decoding.probe` gives it.
    onset_s, offset_s : float
        The stretch, in seconds from the start of the file.
    mono, channel
        As for `decoding.read_window`.
    of_s : float, optional
        How long a stretch is asked for altogether, where this is a part of it.

    Returns
    -------
    ndarray of float32, shape (n,), or (channels, n) without ``mono``

    Raises
    ------
    AudioError
        The file is missing, or nothing of the stretch can be decoded.
    """
    wanted_s = offset_s - onset_s if of_s is None else of_s
    # of a damaged file a window may hold what is lost on the way through the whole
    if not sound.note and sound.frames * sound.channels * 4 <= LONGEST_BYTES:
        key = _key(path)
        samples = None
        if key in _kept or wanted_s >= WORTH_IT * sound.duration_s:
            samples = _kept.get(key, lambda: _decoded(path, sound))
        if samples is not None:
            first, stop = (max(0, round(at_s * sound.sample_rate)) for at_s in (onset_s, offset_s))
            part = samples[:, first:stop]
            return np.ascontiguousarray(mixed(part.T, channel) if mono else part)
    return read_window(path, onset_s, offset_s, mono=mono, channel=channel)[0]


def forget() -> None:
    """Keep nothing."""
    _kept.clear()


def _key(path: str) -> Hashable:
    if is_url(path):
        return ranges.state(path)
    try:
        state = os.stat(path)
    except OSError:
        raise AudioError(f"{os.path.basename(path)}: no such file ({path})", "missing") from None
    return path, state.st_mtime_ns, state.st_size


def _decoded(path: str, sound: AudioInfo) -> NDArray[np.float32] | None:
    """All samples (channels, n); None where they are not those that the file told of."""
    try:
        samples, rate = read_window(path, mono=False)
    except AudioError:
        return None
    return samples if (rate, samples.shape) == (sound.sample_rate, (sound.channels, sound.frames)) else None
