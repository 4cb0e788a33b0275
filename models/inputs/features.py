"""Waveform -> power mel -> the planes that a network sees, on whatever device the tensors are on.

The power mel is kept apart from the log because mixing, gain and noise act on power. All axes are as in librosa.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from labeling.sound.frequency import row_edges
from models.config import FeatureConfig

SILENT = 1e-8
"""A chunk whose loudest sample is below this is not made louder than this would be."""


def mel_edges(config: FeatureConfig) -> NDArray[np.float64]:
    """Edges in Hz, (n_mels + 2,): band k rises from edge k to edge k + 1, its centre, and falls to edge k + 2."""
    return row_edges("mel", config.fmin_hz, config.fmax_hz, config.n_mels + 1)


def mel_filters(config: FeatureConfig) -> NDArray[np.float32]:
    """Weights (n_mels, n_fft // 2 + 1) of the spectrum's powers in each band: Slaney's triangles, all of one area, as
    librosa's; loading librosa takes seconds."""
    hz = np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate)
    edges = mel_edges(config)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)).clip(0)
    return np.asarray(triangles.astype(np.float32) * (2 / (high - low)), np.float32)


class FrontEnd(nn.Module):
    """Log-mel front end; agrees with librosa's melspectrogram and power_to_db within 1e-3 dB."""

    window: Tensor
    mel: Tensor
    frequency: Tensor

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        # Rounded once from double precision, as librosa's is: a rougher window leaks audibly far below a loud tone.
        window = torch.hann_window(config.n_fft, dtype=torch.float64).float()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel_filters(config)), persistent=False)
        self.register_buffer("frequency", torch.linspace(-1, 1, config.n_mels)[:, None], persistent=False)

    def power(self, waveform: Tensor) -> Tensor:
        """Mel power spectrogram.

        Parameters
        ----------
        waveform : Tensor, shape (B, samples)

        Returns
        -------
        Tensor, shape (B, n_mels, samples // hop_length + 1)
            Frame t is centred on sample ``t * hop_length``; the edges are padded as ``pad_mode`` says.

        Examples
        --------
        >>> import torch
        >>> from models.config import FeatureConfig
        >>> from models.inputs.features import FrontEnd
        >>> front_end = FrontEnd(FeatureConfig(sample_rate=8000, n_fft=512, hop_length=256, n_mels=16, fmax_hz=4000))
        >>> power = front_end.power(torch.zeros(1, 8000))
        >>> power.shape, front_end.planes(power).shape
        (torch.Size([1, 16, 32]), torch.Size([1, 1, 16, 32]))
        """
        short = self.config.n_fft // 2 + 1 - waveform.shape[-1]
        if self.config.pad_mode == "reflect" and short > 0:  # nothing to reflect
            waveform = nn.functional.pad(waveform, (0, short))
        with torch.autocast(waveform.device.type, enabled=False):  # half precision hears no quiet sound
            spectrum = torch.stft(
                waveform.float(),
                self.config.n_fft,
                self.config.hop_length,
                window=self.window,
                center=True,
                pad_mode=self.config.pad_mode,
                return_complex=True,
            )
            return torch.matmul(self.mel, spectrum.real.square() + spectrum.imag.square())

    def power_of_chunks(self, waveform: Tensor) -> Tensor:
        """Samples (B, T * hop_length) of whole chunks -> power mel (B, n_mels, T), each at the level that
        ``features.normalize`` gives it. Silence stays silence."""
        if self.config.normalize == "peak":
            waveform = waveform / waveform.abs().amax(-1, keepdim=True).clamp_min(SILENT)
        return self.power(waveform)[..., :-1]

    def db(self, power: Tensor) -> Tensor:
        """``10 log10(max(power, amin) / ref)``, floored at ``top_db`` below each example's maximum."""
        config = self.config
        level = 10 * torch.log10(power.clamp_min(config.amin)) - 10 * math.log10(max(config.amin, config.ref))
        if config.top_db is not None:
            level = torch.maximum(level, level.amax(dim=(-2, -1), keepdim=True) - config.top_db)
        return level

    def planes(self, power: Tensor) -> Tensor:
        """The network's input: power (B, n_mels, T) -> (B, channels, n_mels, T), in float32 even under autocast."""
        config = self.config
        with torch.autocast(power.device.type, enabled=False):
            power = power.float()
            if config.noise_reduction:
                power = reduce_noise(power, config.noise_reduction, config.noise_quantile, config.noise_floor)
            level = self.db(power)
            planes: dict[str, Tensor] = {}  # a channel named twice is computed once
            for channel in config.channels:
                if channel not in planes:
                    planes[channel] = self._plane(channel, power, level)
            return torch.stack([planes[channel] for channel in config.channels], dim=1)

    def _plane(self, channel: str, power: Tensor, level: Tensor) -> Tensor:
        if channel == "frequency":
            return self.frequency.expand_as(level)
        if channel == "log":
            plane = level
        elif channel == "log_band":
            plane = level - level.mean(-1, keepdim=True)
        elif channel == "delta":
            plane = nn.functional.pad(level[..., 2:] - level[..., :-2], (1, 1)) / 2
        elif channel == "pcen":
            plane = pcen(power, self.config.hop_length / self.config.sample_rate)
        else:
            plane = self.db(power.pow(1.5))
        return self._standardize(plane)

    def _standardize(self, plane: Tensor) -> Tensor:
        how = self.config.standardize
        if how == "example":
            mean = plane.mean((-2, -1), keepdim=True)
            return (plane - mean) / plane.std((-2, -1), keepdim=True).clamp_min(1e-5)
        if how == "center":
            return (plane - plane.mean((-2, -1), keepdim=True)) / 20
        if how == "image":
            low = plane.amin((-2, -1), keepdim=True)
            return (plane - low) / (plane.amax((-2, -1), keepdim=True) - low).clamp_min(1e-5)
        return plane


def reduce_noise(power: Tensor, share: float, quantile: float, floor: float) -> Tensor:
    """Spectral subtraction with a floor (Berouti et al. 1979), of power (..., T).

    ``max(power - share * noise, min(power, floor * noise))``, noise the ``quantile`` of each band's power over time.
    Nothing gets louder. The noise is estimated on the frames that are there: those of a chunk, or of a window.
    """
    ordered = power.sort(-1).values  # torch.quantile refuses more than 16 million values
    place = quantile * (power.shape[-1] - 1)
    low, high = math.floor(place), math.ceil(place)
    noise = torch.lerp(ordered[..., low], ordered[..., high], place - low)[..., None]
    return torch.maximum(power - share * noise, torch.minimum(power, floor * noise))


def pcen(
    power: Tensor,
    hop_s: float,
    *,
    gain: float = 0.98,
    bias: float = 2.0,
    exponent: float = 0.5,
    time_constant_s: float = 0.4,
    eps: float = 1e-6,
) -> Tensor:
    """Per-channel energy normalisation (Wang et al. 2017) of power (..., T); the smoother is librosa's.

    ``(power / (eps + M)**gain + bias)**exponent - bias**exponent``, M a first-order low-pass of the power over time
    that starts as ``librosa.pcen`` does.
    """
    frames = time_constant_s / hop_s
    smooth = (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    # The recursion M[t] = (1 - s) M[t-1] + s P[t], M[-1] = 1 (librosa's unscaled lfilter_zi).
    step = torch.arange(1, power.shape[-1] + 1, device=power.device)
    low_pass = smooth * decaying_sum(power, 1 - smooth) + (1 - smooth) ** step.float()
    ratio = power * torch.exp(-gain * (math.log(eps) + torch.log1p(low_pass / eps)))
    planes: Tensor = bias**exponent * torch.expm1(exponent * torch.log1p(ratio / bias))
    return planes


def decaying_sum(values: Tensor, decay: float, block: int = 128) -> Tensor:
    """``out[t] = decay * out[t-1] + values[t]`` over the last axis, ``out[-1] = 0``; 0 <= decay <= 1.

    One product within blocks; what a block hands to the next follows the same recursion over the blocks, so that time
    and memory grow with the length and a GPU sees few, large steps.
    """
    length = values.shape[-1]
    size = min(block, length)
    step = torch.arange(size, device=values.device)
    age = step[None, :] - step[:, None]
    weight = torch.where(age >= 0, torch.pow(decay, age.clamp_min(0).to(values.dtype)), 0.0)
    if length <= block:
        return values @ weight
    count = -(-length // block)
    blocks = nn.functional.pad(values, (0, count * block - length)).reshape(*values.shape[:-1], count, block)
    within = blocks @ weight
    handed = decaying_sum(within[..., -1], decay**block, block)
    carried = nn.functional.pad(handed[..., :-1], (1, 0))[..., None] * torch.pow(decay, (step + 1).to(values.dtype))
    out: Tensor = (within + carried).flatten(-2)[..., :length]
    return out
