"""Changes to samples (B, n) other than pitch: noise, backgrounds, a room, fades."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import ConfigError
from models.config.augment import Background, Fade, GaussianNoise, PinkNoise, Reverb
from models.inputs.augment.background import Backgrounds
from models.inputs.augment.change import Arrays, Batch, Context, generator, on_device, seeds, uniform


def draw_noise(rng: np.random.Generator, setting: GaussianNoise | PinkNoise, batch: Batch) -> Arrays:
    """Each chunk's signal-to-noise ratio, or the noise's standard deviation."""
    drawn: dict[str, NDArray[Any]] = {"snr_db": uniform(rng, setting.snr_db, batch.size), "seed": seeds(rng, batch)}
    if isinstance(setting, GaussianNoise) and setting.by == "deviation":
        drawn["deviation"] = uniform(rng, setting.deviation, batch.size)
    return drawn


def gaussian_noise(samples: Tensor, values: Arrays, setting: GaussianNoise, context: Context) -> Tensor:
    """Add white Gaussian noise at the drawn ratio, as :func:`add_at` has it, or of the drawn deviation."""
    noise = torch.randn(samples.shape, generator=generator(values, samples), device=samples.device)
    if setting.by == "deviation":
        return samples + on_device(values["deviation"], samples)[:, None] * noise
    return add_at(samples, noise, values["snr_db"], peak=setting.by == "peak")


def pink_noise(samples: Tensor, values: Arrays, setting: PinkNoise, context: Context) -> Tensor:
    """Add noise whose power density goes as 1 / f, at the drawn ratio, as :func:`add_at` has it."""
    n = samples.shape[-1]
    source = generator(values, samples)
    white = torch.randn((samples.shape[0], n // 2 + 1, 2), generator=source, device=samples.device)
    frequency = torch.arange(n // 2 + 1, device=samples.device).clamp_min(1)
    spectrum = torch.view_as_complex(white) * frequency.rsqrt()
    spectrum[:, 0] = 0
    return add_at(samples, torch.fft.irfft(spectrum, n=n), values["snr_db"], peak=setting.by == "peak")


def draw_background(rng: np.random.Generator, setting: Background, batch: Batch) -> Arrays:
    """Which file and which of its stretches, as shares of what there is, and the signal-to-noise ratio."""
    return {
        "file": rng.random(batch.size),
        "place": rng.random(batch.size),
        "snr_db": uniform(rng, setting.snr_db, batch.size),
    }


def background(samples: Tensor, values: Arrays, setting: Background, context: Context) -> Tensor:
    """Add the drawn stretches at the drawn ratio of powers; a silent stretch adds nothing. Raises ConfigError where
    none were read."""
    if "sound" not in values:
        raise ConfigError("augment.background is on but no backgrounds were opened; open them with Backgrounds(...)")
    return add_at(samples, on_device(values["sound"], samples), values["snr_db"])


def read_stretches(backgrounds: Backgrounds, values: Arrays, n: int) -> NDArray[np.float32]:
    """The drawn stretches (k, n). Raises ConfigError where no file can be read."""
    pairs = zip(values["file"], values["place"], strict=True)
    return np.stack([backgrounds.stretch(file, place, n) for file, place in pairs])


def add_at(samples: Tensor, other: Tensor, snr_db: NDArray[np.float32], *, peak: bool = False) -> Tensor:
    """``samples`` (B, n) plus ``other`` scaled so that the ratio of their mean powers is ``snr_db`` (B,); with ``peak``
    that of the squares of their loudest samples."""
    ratio = on_device(10 ** (snr_db / 10), samples)
    mine, theirs = (x.square().amax(-1) if peak else x.square().mean(-1) for x in (samples, other))
    scale = (mine / ratio / theirs.clamp_min(1e-20)).sqrt()
    return samples + scale[:, None] * other


def draw_reverb(rng: np.random.Generator, setting: Reverb, batch: Batch) -> Arrays:
    """Each room's RT60 and level."""
    return {
        "rt60_s": uniform(rng, setting.rt60_s, batch.size),
        "wet_db": uniform(rng, setting.wet_db, batch.size),
        "seed": seeds(rng, batch),
    }


def reverb(samples: Tensor, values: Arrays, setting: Reverb, context: Context) -> Tensor:
    """Add to each chunk what its room answers: Gaussian noise that decays by 60 dB in RT60 (Polack 1988).

    The room's impulse response has the energy ``wet_db`` against the direct sound's 1. Its tail past the chunk's
    end is cut off.
    """
    n = samples.shape[-1]
    rt60 = on_device(values["rt60_s"], samples)[:, None] * context.batch.sample_rate
    length = min(n, math.ceil(float(values["rt60_s"].max()) * context.batch.sample_rate))
    response = torch.randn((samples.shape[0], length), generator=generator(values, samples), device=samples.device)
    response = response * torch.pow(10.0, -3 * torch.arange(length, device=samples.device) / rt60)
    energy = on_device(10 ** (values["wet_db"] / 10), samples)[:, None]
    response = response * (energy / response.square().sum(-1, keepdim=True)).sqrt()
    size = fast_size(n + length - 1)
    answer = torch.fft.irfft(torch.fft.rfft(samples, n=size) * torch.fft.rfft(response, n=size), n=size)
    wet: Tensor = samples + answer[:, :n]
    return wet


def fast_size(n: int) -> int:
    """The least size of at least ``n`` of which an FFT is quick."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, real=True))


def draw_fade(rng: np.random.Generator, setting: Fade, batch: Batch) -> Arrays:
    """The shares of the chunk that the fade in and the fade out take."""
    return {"fade_in": uniform(rng, setting.share, batch.size), "fade_out": uniform(rng, setting.share, batch.size)}


def fade(samples: Tensor, values: Arrays, setting: Fade, context: Context) -> Tensor:
    """Fade in and out along a quarter of a sine, as SoX's ``fade q`` does."""
    n = samples.shape[-1]
    place = (torch.arange(n, device=samples.device) + 0.5) / n

    rising = place / on_device(values["fade_in"], samples).clamp_min(1e-6)[:, None]
    falling = (1 - place) / on_device(values["fade_out"], samples).clamp_min(1e-6)[:, None]
    gain = torch.sin(torch.pi / 2 * rising.clamp_max(1)) * torch.sin(torch.pi / 2 * falling.clamp_max(1))
    return samples * gain
