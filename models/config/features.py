"""[features]: waveform -> the planes that a network sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from labeling.errors import ConfigError
from models.config.checks import Bound, OneOf, check_fields, one_of, within

CHANNELS = ("log", "log_band", "delta", "pcen", "log_power15", "frequency")


@dataclass(frozen=True)
class FeatureConfig:
    """Waveform -> log-mel. Names and defaults as in librosa; ``channels`` are the network's input planes."""

    sample_rate: Annotated[int, Bound(1000, 384000)] = 32000
    """Hz; every file is resampled to this."""
    n_fft: Annotated[int, Bound(16, 65536)] = 1024
    """Samples of one spectrum: the window of the STFT."""
    hop_length: int = 320
    """Samples from one spectrum to the next."""
    n_mels: Annotated[int, Bound(4, 1024)] = 64
    """Mel bands from fmin_hz to fmax_hz."""
    fmin_hz: Annotated[float, Bound(0)] = 50.0
    """Lower edge of the lowest mel band."""
    fmax_hz: float = 14000.0
    """Upper edge of the highest mel band; at most half of sample_rate."""
    ref: Annotated[float, Bound(1e-30)] = 1.0
    """Power that counts as 0 dB."""
    amin: Annotated[float, Bound(1e-30)] = 1e-10
    """Powers below this count as this, before the log."""
    top_db: Annotated[float | None, Bound(1)] = None
    """Nothing is more than this many dB below a chunk's loudest cell; none = no limit."""
    normalize: Annotated[str, OneOf(("none", "peak"))] = "none"
    """none; peak (each chunk and window is scaled so that its loudest sample is 1, after samples were augmented)."""
    pad_mode: Annotated[str, OneOf(("constant", "reflect"))] = "constant"
    """Edges of the STFT: constant (zeros, as librosa), or reflect (as PANNs' own front end)."""
    channels: tuple[str, ...] = ("log",)
    """Which planes: log (dB), log_band (dB minus each band's mean), delta, pcen, log_power15, frequency."""
    standardize: Annotated[str, OneOf(("none", "example", "center", "image"))] = "none"
    """none; example (each plane to mean 0, deviation 1); center (mean 0, 20 dB = 1); image (each plane to 0..1)."""
    noise_reduction: Annotated[float, Bound(0, 10)] = 0.0
    """How many times each band's steady noise is taken off the power, before the log; 0 = none."""
    noise_quantile: Annotated[float, Bound(0, 1)] = 0.5
    """The quantile of a band's power over time that counts as its steady noise."""
    noise_floor: Annotated[float, Bound(0, 1)] = 0.01
    """No power is brought below this share of its band's noise."""
    precompute: bool = False
    """Compute each clip's mel once and keep it in memory; every fold shares the work."""

    def __post_init__(self) -> None:
        check_fields("features", self)
        within("features.hop_length", self.hop_length, 1, self.n_fft)
        if not self.fmin_hz < self.fmax_hz <= self.sample_rate / 2:
            raise ConfigError(
                f"features.fmax_hz = {self.fmax_hz:g} must lie above fmin_hz = {self.fmin_hz:g} and at most "
                f"half of sample_rate = {self.sample_rate}"
            )
        if not self.channels:
            raise ConfigError(f"features.channels is empty; name at least one of {', '.join(CHANNELS)}")
        for channel in self.channels:
            one_of("features.channels entry", channel, CHANNELS)
