"""The stretches of a clip: windows one hop apart, the last one up to the clip's end, read without holding hours."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from labeling.records import Clip
from labeling.sound.decoding import read_window
from models.frozen.contract import FloatArray, FrozenModel, window_samples

WHOLE_S = 300.0
"""A longer clip is read in blocks of about so long."""
MARGIN_S = 0.05
"""Decoded before a block and after it, so that resampling has no edge there."""
REST = 0.01
"""A rest at the end of a clip that is shorter than this share of a window gets no stretch of its own."""


def stretch_starts(length: int, window: int, hop: int) -> NDArray[np.int64]:
    """First samples of the stretches of a clip of ``length`` samples; the last stretch ends where the clip ends.

    A clip shorter than a window has one stretch, which is filled up with silence; one without sound has none.

    >>> stretch_starts(length=1000, window=400, hop=200).tolist()
    [0, 200, 400, 600]
    >>> stretch_starts(length=1050, window=400, hop=200).tolist()
    [0, 200, 400, 600, 650]
    >>> stretch_starts(length=250, window=400, hop=200).tolist(), stretch_starts(0, 400, 200).tolist()
    ([0], [])
    """
    if length <= window:
        return np.zeros(min(1, length), dtype=np.int64)
    starts = np.arange(0, length - window + 1, hop, dtype=np.int64)
    rest = length - window - int(starts[-1])
    return np.append(starts, length - window) if rest > REST * window else starts


def windows_of(clip: Clip, model: FrozenModel, hop_s: float) -> Iterator[tuple[NDArray[np.int64], FloatArray, int]]:
    """A clip's windows in order, in batches: first samples (B,), waves (B, S), and how many samples the clip has.

    Where the sound ends before its header says so the stretches end there. Raises AudioError.
    """
    window, hop = window_samples(model), max(1, round(hop_s * model.sample_rate))
    for first, wave, length in _blocks(clip, model.sample_rate, window, hop):
        if length < 0:  # the end is not reached: only whole hops
            starts = np.arange(first, first + len(wave) - window + 1, hop, dtype=np.int64)
        else:
            starts = stretch_starts(length, window, hop)
            starts = starts[starts >= first]
        if len(wave) < window:
            wave = np.pad(wave, (0, window - len(wave)))
        for begin in range(0, len(starts), model.batch):
            some = starts[begin : begin + model.batch]
            yield some, np.stack([wave[at : at + window] for at in some - first]), length


def _blocks(clip: Clip, rate: int, window: int, hop: int) -> Iterator[tuple[int, FloatArray, int]]:
    """First sample, samples, and the clip's length where this is the last block (else -1)."""
    if clip.duration_s <= WHOLE_S:
        wave, _ = read_window(clip.path, sample_rate=rate, channel=clip.channel)
        yield 0, wave, len(wave)
        return
    common_hz = math.gcd(clip.sample_rate, rate) or rate
    block = max(1, math.ceil((WHOLE_S * rate - window) / hop)) * hop  # hops a block
    first, total = 0, round(clip.duration_s * rate)
    while True:
        # so far back that the samples of one block are those of the next: whole numbers at both rates
        onset_s = max(0.0, math.floor((first / rate - MARGIN_S) * common_hz) / common_hz)
        wanted = block + window
        wave, _ = read_window(clip.path, onset_s, (first + wanted) / rate + MARGIN_S, sample_rate=rate,
                              channel=clip.channel)  # fmt: skip
        wave = wave[round(first - onset_s * rate) :][:wanted]
        last = first + wanted >= total or len(wave) < wanted
        if not last:
            wave = wave[: block + window - hop]  # the next block begins with the window after these
            yield first, wave, -1
            first += block
            continue
        if first and len(wave) < window:  # the last window begins before this block
            back = window - len(wave)
            before, _ = read_window(clip.path, (first - back) / rate, first / rate, sample_rate=rate,
                                    channel=clip.channel)  # fmt: skip
            wave, first = np.concatenate([before[-back:], wave]), first - min(back, len(before))
        yield first, wave, first + len(wave)
        return
