"""Channels and their mix: which of them is seen, heard and trained on where they cancel each other out.

A clip is its mix, the mean of its channels. One microphone with its wires swapped gives the other's sound upside down:
then the mix is silence, or what little the two do not share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.sound.decoding import read_frames

MIX = 0
_CANCELLED = 0.125
"""The mix holds less than this share (-9 dB) of the power that it would have of channels with nothing in common.

Between those and equal channels lies every honest recording: wide stereo, rooms, one dead channel of two (exactly the
power of channels with nothing in common). Two equal channels fall below it where their correlation is under -0.875.
"""
_PLACES = (0.1, 0.5, 0.9)
_FRAMES = 4096
_NOTHING = 1e-6  # -60 dB: less than rounding to 16 bits may leave


def channel_name(channel: int, channels: int) -> str:
    """What people call a channel: ``mix`` (0), ``left`` and ``right`` of two, else by its number."""
    if channel == MIX:
        return "mix"
    return ("left", "right")[channel - 1] if channels == 2 else f"channel {channel}"


def channel_to_use(path: str) -> tuple[int, str]:
    """Choose what stands for a sound file: its mix, or its loudest channel where the channels cancel each other out.

    Parameters
    ----------
    path : str
        Local path, or any fsspec URL.

    Returns
    -------
    channel : int
        0 for the mix, else the number of the channel from 1 on.
    reason : str
        Why it is not the mix; "" where it is. The same file always gives the same answer.

    Raises
    ------
    AudioError
        The file cannot be read.

    Examples
    --------
    >>> from labeling.example import example_collection
    >>> from labeling.sound.channels import channel_to_use
    >>> channel_to_use(str(example_collection() / "amecro" / "1.wav"))
    (0, '')
    """
    wave = read_frames(path, _PLACES, _FRAMES)
    n = wave.shape[1]
    if n < 2:
        return MIX, ""
    wave /= max(
        1.0, float(np.abs(wave).max(initial=0.0))
    )  # else the squares of what a damaged file holds may be infinite
    # The differences between neighbouring samples too: rumble and wind, of which each microphone has its own, lie low
    # and would hide that everything above them is lost.
    products, steps = wave.T @ wave, np.diff(wave, axis=0)
    if min(_mix_share(products), _mix_share(steps.T @ steps)) >= _CANCELLED:
        return MIX, ""
    powers = np.diag(products)
    channel = int(np.argmax(powers)) + 1
    name = channel_name(channel, n)
    name = f"the {name} channel" if n == 2 else name
    share = float(products.sum()) / n**2 / float(powers.max())
    level = f"{-10 * np.log10(share):.0f} dB below the loudest" if share > _NOTHING else "silent"
    return channel, f"its channels cancel each other out, their mix is {level}; {name} is used"


def _mix_share(products: NDArray[np.float32]) -> float:
    """The power of the mix, as a share of what it would be had the channels nothing in common.

    ``products`` (n, n) are the sums of each channel times each.
    """
    apart = float(np.trace(products))
    return float(products.sum()) / apart if apart > 0 else 1.0
