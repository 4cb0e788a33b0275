"""Time of each augmentation, per chunk, beside the features of a chunk and librosa's pitch shift.

    python -m benchmarks.speed.augment [--chunks 16] [--seconds 5] [--rate 32000] [--mels 64] [--repeat 7]

Draws once with probability 1, then applies. Medians: of processor time on the CPU (``--threads`` threads), of wall
time on a CUDA device where there is one. Beside each, its ratio to the time of the log-mel itself.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import AugmentConfig, FeatureConfig
from models.inputs import augment
from models.inputs.augment import PLANES, POWER, SAMPLES, Backgrounds, Batch
from models.inputs.features import FrontEnd

LIBROSA = "pitch, 3 down, librosa"


def medians_ms(works: dict[str, Callable[[], Any]], repeat: int, cuda: bool, chunks: int) -> dict[str, float]:
    """Median time of one chunk's share of each of ``works``; they take turns, so that a busy moment hits all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    clock = time.perf_counter if cuda else time.process_time
    for _ in range(repeat + 1):
        for name, work in works.items():
            if cuda:
                torch.cuda.synchronize()
            started = clock()
            work()
            if cuda:
                torch.cuda.synchronize()
            times[name].append(clock() - started)
    return {name: 1000 * statistics.median(one[1:]) / chunks for name, one in times.items()}


def sure(name: str, **settings: Any) -> AugmentConfig:
    """A configuration in which one augmentation changes every chunk."""
    default = getattr(AugmentConfig(), name)
    return AugmentConfig(**{name: type(default)(probability=1.0, **settings)})


def steps(
    samples: Tensor, features: FeatureConfig, front_end: FrontEnd, backgrounds: Backgrounds
) -> dict[str, Callable[[], Any]]:
    """What is timed, by name: the applying of each augmentation to the same batch, and the log-mel."""
    power = front_end.power(samples)
    planes = front_end.planes(power)
    targets = torch.zeros(len(samples), 100, device=samples.device)
    weight = torch.ones_like(targets)
    batch = Batch(
        len(samples), features.n_mels, power.shape[2], samples.shape[1], features.sample_rate,
        features.hop_length / features.sample_rate,
    )  # fmt: skip

    def on_samples(config: AugmentConfig) -> Callable[[], Any]:
        drawn = augment.draw(np.random.default_rng(0), config, batch, backgrounds=backgrounds)
        return lambda: augment.apply_to_samples(samples, drawn, config)

    def on_power(config: AugmentConfig) -> Callable[[], Any]:
        drawn = augment.draw(np.random.default_rng(0), config, batch)
        return lambda: augment.apply_to_power(power, targets, weight, drawn, config, features)

    def on_planes(config: AugmentConfig) -> Callable[[], Any]:
        drawn = augment.draw(np.random.default_rng(0), config, batch)
        return lambda: augment.apply_to_planes(planes, drawn, config)

    off = AugmentConfig()
    found: dict[str, Callable[[], Any]] = {
        "log-mel": lambda: front_end.planes(front_end.power(samples)),
        "draw, all off": lambda: augment.draw(np.random.default_rng(0), off, batch),
        "pitch, 3 down": on_samples(sure("pitch", semitones=(-3.0, -3.0))),
        "pitch, real semitones": on_samples(sure("pitch", whole=False)),
    }
    for change in SAMPLES:
        given = {"folder": backgrounds.folder} if change.name == "background" else {}
        found[change.name] = on_samples(sure(change.name, **given))
    return (
        found
        | {change.name: on_power(sure(change.name)) for change in POWER}
        | {change.name: on_planes(sure(change.name)) for change in PLANES}
    )


def by_librosa(noise: NDArray[np.float32], rate: int) -> None:
    """The same pitch shift, chunk by chunk."""
    import librosa

    for chunk in noise:
        librosa.effects.pitch_shift(chunk, sr=rate, n_steps=-3)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=int, default=32000)
    parser.add_argument("--mels", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    features = FeatureConfig(sample_rate=given.rate, n_mels=given.mels, fmax_hz=min(14000.0, given.rate / 2))
    noise = np.random.default_rng(0).normal(0, 0.1, (given.chunks, round(given.seconds * given.rate)))
    wave = noise.astype(np.float32)
    devices = [torch.device("cpu")] + [torch.device("cuda")] * torch.cuda.is_available()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for k in range(4):
            soundfile.write(Path(folder) / f"{k}.wav", np.tile(wave[k % len(wave)], 4), given.rate)
        backgrounds = Backgrounds(folder, given.rate)
        for device in devices:
            samples = torch.from_numpy(wave).to(device)
            with torch.no_grad():
                works = steps(samples, features, FrontEnd(features).to(device), backgrounds)
                if device.type == "cpu":
                    works[LIBROSA] = lambda: by_librosa(wave, given.rate)
                for name, ms in medians_ms(works, given.repeat, device.type == "cuda", given.chunks).items():
                    found.setdefault(name, []).append(ms)
    print(f"{given.chunks} chunks of {given.seconds:g} s at {given.rate} Hz, {given.mels} bands; ms a chunk, medians")
    print(f"{'':24}" + "".join(f"{device.type + ' ms':>12}{'of log-mel':>12}" for device in devices))
    base = found["log-mel"]
    for name, times in found.items():
        cells = "".join(f"{ms:12.3f}{ms / base[k]:12.2f}" for k, ms in enumerate(times))
        print(f"{name:24}{cells}")
    ratio = found[LIBROSA][0] / found["pitch, 3 down"][0]
    print(f"pitch, 3 semitones down: librosa takes {ratio:.1f} times as long, on the CPU")


if __name__ == "__main__":
    main()
