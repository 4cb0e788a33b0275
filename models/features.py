"""Waveform -> power mel -> the planes that a network sees, on whatever device the tensors are on.

The power mel is kept apart from the log because mixing, gain and noise act on power. All axes are as in librosa.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.config import FeatureConfig


class FrontEnd(nn.Module):
    """Log-mel front end; agrees with librosa's melspectrogram and power_to_db within 1e-3 dB."""

    window: Tensor
    mel: Tensor
    frequency: Tensor

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        import librosa

        self.config = config
        mel = librosa.filters.mel(
            sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels, fmin=config.fmin_hz, fmax=config.fmax_hz
        )
        # Rounded once from double precision, as librosa's is: a rougher window leaks audibly far below a loud tone.
        window = torch.hann_window(config.n_fft, dtype=torch.float64).float()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel), persistent=False)
        self.register_buffer("frequency", torch.linspace(-1, 1, config.n_mels)[:, None], persistent=False)

    def power(self, waveform: Tensor) -> Tensor:
        """Mel power spectrogram: waveform (B, samples) -> (B, n_mels, samples // hop_length + 1).

        Frame t is centred on sample ``t * hop_length``; the edges are padded as ``pad_mode`` says.
        """
        short = self.config.n_fft // 2 + 1 - waveform.shape[-1]
        if self.config.pad_mode == "reflect" and short > 0:  # nothing to reflect
            waveform = nn.functional.pad(waveform, (0, short))
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

    def db(self, power: Tensor) -> Tensor:
        """``10 log10(max(power, amin) / ref)``, floored at ``top_db`` below each example's maximum."""
        config = self.config
        level = 10 * torch.log10(power.clamp_min(config.amin)) - 10 * math.log10(max(config.amin, config.ref))
        if config.top_db is not None:
            level = torch.maximum(level, level.amax(dim=(-2, -1), keepdim=True) - config.top_db)
        return level

    def planes(self, power: Tensor) -> Tensor:
        """The network's input: power (B, n_mels, T) -> (B, channels, n_mels, T)."""
        level = self.db(power)
        planes = []
        for channel in self.config.channels:
            if channel == "log":
                plane = level
            elif channel == "log_band":
                plane = level - level.mean(-1, keepdim=True)
            elif channel == "delta":
                plane = nn.functional.pad(level[..., 2:] - level[..., :-2], (1, 1)) / 2
            elif channel == "pcen":
                plane = pcen(power, self.config.hop_length / self.config.sample_rate)
            elif channel == "log_power15":
                plane = self.db(power.pow(1.5))
            else:
                plane = self.frequency.expand_as(level)
            planes.append(plane if channel == "frequency" else self._standardize(plane))
        return torch.stack(planes, dim=1)

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
    # The recursion M[t] = (1 - s) M[t-1] + s P[t], M[-1] = 1 (librosa's unscaled lfilter_zi), as one product.
    step = torch.arange(power.shape[-1], device=power.device)
    age = step[None, :] - step[:, None]
    decay = torch.where(age >= 0, smooth * (1 - smooth) ** age.clamp_min(0).float(), 0.0)
    low_pass = power @ decay + (1 - smooth) ** (step + 1).float()
    ratio = power * torch.exp(-gain * (math.log(eps) + torch.log1p(low_pass / eps)))
    planes: Tensor = bias**exponent * torch.expm1(exponent * torch.log1p(ratio / bias))
    return planes
