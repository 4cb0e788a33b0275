"""Pitch shift of samples, the duration kept: a phase vocoder whose frames are resampled one by one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from models.config.augment import Pitch
from models.inputs.augment.change import Arrays, Batch, Context, on_device

FRAME_S = 0.064
OVERLAP = 3
"""Frames that cover a sample; with three, squares of Hann windows add up evenly already."""
AT_ONCE = (1 << 20, 1 << 26)
"""Samples of all frames that are worked on together, on a CPU (what its cache holds) and elsewhere (memory)."""


def draw(rng: np.random.Generator, setting: Pitch, batch: Batch) -> Arrays:
    """Each chunk's shift in semitones."""
    low, high = setting.semitones
    if setting.whole:
        semitones = rng.integers(int(np.ceil(low)), int(np.floor(high)) + 1, batch.size).astype(np.float64)
    else:
        semitones = rng.uniform(low, high, batch.size)
    return {"semitones": semitones}


def apply(samples: Tensor, values: Arrays, setting: Pitch, context: Context) -> Tensor:
    """Shift each chunk of samples (B, n); those of one shift together."""
    shifted = samples.clone()
    for semitones in np.unique(values["semitones"]):
        if semitones == 0:
            continue
        place = on_device(np.flatnonzero(values["semitones"] == semitones), samples)
        shifted.index_copy_(
            0, place, pitch_shift(samples.index_select(0, place), float(semitones), context.batch.sample_rate)
        )
    return shifted


def pitch_shift(samples: Tensor, semitones: float, sample_rate: int) -> Tensor:
    """Samples (B, n) with every frequency times ``2 ** (semitones / 12)`` to within 3 cents; same n, same time.

    Each ``hop`` samples a frame of ``3 * reach`` is taken and resampled, in its own spectrum, to ``3 * hop``: that
    alone shifts it by reach / hop. So that frames fit together, the phase of each bin must go on by what it
    goes on within ``reach`` samples of the input, which is measured by a second frame ``reach`` samples before
    the first (the phase vocoder of Flanagan and Golden 1966, with Puckette's two frames for one, 1995, which need no
    unwrapping). Bins that no longer agree make a frame weaker, as with any phase vocoder; it gets its power back.
    """
    hop, reach = hop_and_reach(semitones, sample_rate)
    size, source = OVERLAP * hop, OVERLAP * reach
    n = samples.shape[-1]
    frames = -(-n // hop) + OVERLAP - 1
    if samples.shape[0] > 1 and samples.shape[0] * frames * source > AT_ONCE[samples.device.type != "cpu"]:
        half = samples.shape[0] // 2
        return torch.cat([pitch_shift(part, semitones, sample_rate) for part in (samples[:half], samples[half:])])
    # The first frame of the output ends hop samples after its start; each has its middle where its source has it.
    front = reach + size - hop - (size - source) // 2
    whole = (frames - 1) * hop + reach + source
    padded = torch.nn.functional.pad(samples, (front, whole - front - n))
    window = torch.hann_window(source, device=samples.device)
    # The spectrum of the source will be read as one of a frame; and the windows' squares add up to 3 / 8 OVERLAP.
    scale = size / source / (0.375 * OVERLAP)
    spectrum = torch.fft.rfft(padded[:, reach:].unfold(-1, source, hop) * (window * scale))
    before = torch.fft.rfft(padded[:, :-reach].unfold(-1, source, hop) * window)

    window = torch.hann_window(size, device=samples.device)
    level = torch.linalg.vector_norm(torch.fft.irfft(spectrum, n=size).mul_(window), dim=-1, keepdim=True)
    turn = locked(spectrum[:, :-1] * before[:, 1:].conj())
    turn += 1e-30  # where all is silent, the phase stays
    spectrum[:, 1:] *= turn.sgn_().cumprod_(dim=1)
    output = torch.fft.irfft(spectrum, n=size).mul_(window)
    # Of noise, whose bins agree least, 2.9 dB on average; what loses far more was cut off by the frame's edge.
    weaker = level / torch.linalg.vector_norm(output, dim=-1, keepdim=True).clamp_min(1e-10)
    output *= weaker.clamp_max(2.0)

    parts = output.unflatten(-1, (OVERLAP, hop))
    out = samples.new_zeros(samples.shape[0], frames + OVERLAP - 1, hop)
    for part in range(OVERLAP):
        out[:, part : part + frames] += parts[:, :, part]
    return out.flatten(1)[:, size - hop : size - hop + n]


def locked(step: Tensor) -> Tensor:
    """Each bin's step (B, frames, bins) joined by those of three neighbours on each side.

    The stronger carry the weaker along, so that the bins of one partial stay together (after Puckette 1995).
    """
    for distance in (1, 2):
        joined = step.clone()
        joined[..., distance:] += step[..., :-distance]
        joined[..., :-distance] += step[..., distance:]
        step = joined
    return step


@lru_cache(maxsize=4096)
def hop_and_reach(semitones: float, sample_rate: int) -> tuple[int, int]:
    """``hop`` and ``reach`` whose ratio is ``2 ** (semitones / 12)``, near the wanted frame, of a quick FFT."""
    ratio = 2 ** (semitones / 12)
    middle = max(32.0, FRAME_S * sample_rate / OVERLAP)
    hops = np.array([n for n in range(int(0.7 * middle), int(1.4 * middle) + 1) if is_smooth(n)])
    reaches = np.maximum(np.rint(hops * ratio), 1).astype(int)
    cents = 1200 * np.abs(np.log2(reaches / hops / ratio))
    rough = np.array([not is_smooth(int(reach)) for reach in reaches])
    # Under a cent none is better than another.
    best = np.argmin(np.maximum(cents, 1) + rough + np.abs(np.log2(hops / middle)))
    return int(hops[best]), int(reaches[best])


def is_smooth(number: int) -> bool:
    """Whether no prime factor is above 13, which makes an FFT of that size quick."""
    for prime in (2, 3, 5, 7, 11, 13):
        while number % prime == 0:
            number //= prime
    return number == 1
