"""Does training wait for its data? Steps of the real trainer, beside the same steps on data that are there already.

    python -m benchmarks.speed.training [--recipe sed_b0] [--device cuda] [--clips 256] [--seconds 60] [--json F]

Makes its own sound files (``--format``, ``--file-rate``) and trains on them by ``models.train.FoldTrainer``, with each
way to keep the sound: in memory, decoded from the files, and from the cache of decoded sound. ``resident`` runs the
same trainer on one batch that lies on the device. Then the loader and the features alone, float32 beside bfloat16,
with and without torch.compile, and each augmentation. Figures are medians of ``--repeat`` stretches of ``--steps``
steps, after ``--warmup`` steps; "speed" is against the resident steps. Weights are random: ``network.pretrained`` is
set to false. On a CPU the defaults are small; files that were just written are in the system's page cache, so ``files``
measures decoding, not the disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.records import Clip, Labels
from models.config import Recipe, load_recipe
from models.folds.task import Task, TrainingData
from models.inputs.clips import AudioStore, Chunks, prefetch, training_chunks
from models.inputs.features import FrontEnd
from models.networks.catalogue import build_network
from models.networks.heads import frame_grid
from models.runfolder.provenance import deterministic, device_name, pick_device
from models.targets.rules import truths_of
from models.training.fold import FoldTrainer

DIFFERENT = 16
"""So many files are encoded; the others are copies of them."""
SUBTYPES = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS")}
WAYS = {
    "memory": ("data.memory_gb=1000000",),
    "files": ("data.memory_gb=0", "data.cache_gb=0", "features.precompute=false"),
    "cache": ("data.memory_gb=0", "data.cache_gb=1000000", "features.precompute=false"),
}


# ----------------------------------------------------------------------------------------------------- sound and labels


def make_clips(folder: Path, n: int, seconds: float, rate: int, kind: str) -> list[Clip]:
    """Write ``n`` files of noise and tones, a second at a time."""
    container, subtype = SUBTYPES[kind]

    def write(number: int) -> None:
        rng = np.random.default_rng(number)
        left = round(seconds * rate)
        with soundfile.SoundFile(folder / f"{number}.{kind}", "w", rate, 1, format=container, subtype=subtype) as sound:
            while left > 0:
                t = np.arange(min(rate, left)) / rate
                tone = 0.1 * np.sin(2 * np.pi * rng.uniform(500, rate / 4) * t)
                sound.write((tone + 0.03 * rng.standard_normal(len(t))).astype(np.float32))
                left -= len(t)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(min(n, DIFFERENT))))
    for number in range(DIFFERENT, n):
        shutil.copyfile(folder / f"{number % DIFFERENT}.{kind}", folder / f"{number}.{kind}")
    return [Clip(k + 1, f"{k}.{kind}", str(folder / f"{k}.{kind}"), seconds, rate, 1) for k in range(n)]


def make_labels(clips: Sequence[Clip], n_classes: int) -> Labels:
    """About two random classes a clip."""
    rng = np.random.default_rng(0)
    present = rng.random((len(clips), n_classes)) < 2 / n_classes
    present[:, 0] |= ~present.any(1)
    none = np.zeros_like(present)
    return Labels(
        clip_ids=np.array([clip.id for clip in clips]),
        filenames=tuple(clip.filename for clip in clips),
        classes=tuple(f"class{k}" for k in range(n_classes)),
        present=present,
        unsure=none,
        reviewed=none,
        primary=present.argmax(1).astype(np.int32),
        content_hash="0",
    )


# ------------------------------------------------------------------------------------------------------- what is timed


class Meter:
    """Times stretches of steps; ``tick`` is called as each step begins."""

    def __init__(self, device: torch.device, warmup: int, steps: int) -> None:
        self.device, self.warmup, self.steps = device, warmup, steps
        self.seen = 0
        self.marks: list[float] = []

    def tick(self) -> None:
        """Note the time at the bounds of the stretches, once the device has done what was asked of it."""
        if self.seen >= self.warmup and (self.seen - self.warmup) % self.steps == 0:
            settle(self.device)
            self.marks.append(time.perf_counter())
        self.seen += 1

    def step_s(self) -> float:
        """Median seconds a step."""
        return statistics.median(np.diff(self.marks)) / self.steps


def settle(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class MeteredStore(AudioStore):
    """A store that ticks once a training step; with ``resident`` every batch is that one."""

    meter: Meter | None = None
    resident: Tensor | None = None

    def batch(self, chunks: Chunks) -> tuple[Tensor, NDArray[np.bool_]]:
        """As AudioStore, or what lies on the device."""
        if self.resident is None:
            return super().batch(chunks)
        return self.resident[: len(chunks.rows)], np.ones(len(chunks.rows), dtype=bool)

    def power(self, raw: Tensor, front_end: FrontEnd) -> Tensor:
        """As AudioStore."""
        if self.meter is not None:
            self.meter.tick()
        return super().power(raw, front_end)


class Utilisation:
    """What nvidia-smi says of the GPU while the block runs: mean utilisation in percent, None where it says nothing."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.readings = device, list[float]()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Utilisation:
        if self.device.type == "cuda":
            self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        asked = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        asked.append(f"--id={self.device.index or 0}")
        while not self._done.wait(0.25):
            try:
                said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=5).stdout
                self.readings.append(float(said.strip()))
            except (OSError, ValueError, subprocess.SubprocessError):
                return

    @property
    def percent(self) -> float | None:
        """The mean of the busier half of the readings: start and end of a training hold no steps."""
        busy = sorted(self.readings)[len(self.readings) // 2 :]
        return round(statistics.mean(busy), 1) if busy else None


@dataclasses.dataclass
class Bench:
    """The collection, and how long to measure."""

    clips: list[Clip]
    labels: Labels
    device: torch.device
    folder: Path
    warmup: int
    steps: int
    repeat: int

    def store(self, recipe: Recipe) -> MeteredStore:
        """A store that has read all clips."""
        store = MeteredStore(self.clips, recipe.features, recipe.data, self.folder / "cache")
        store.load(lambda done, total: None, lambda: False)
        if store.skipped:
            sys.exit(f"could not read {store.skipped}")
        return store

    def rows(self, recipe: Recipe) -> NDArray[np.int64]:
        """Rows for exactly the steps to be timed, and one more."""
        steps = self.warmup + self.steps * self.repeat + 1
        return np.resize(np.arange(len(self.clips)), steps * recipe.train.batch_size)

    def first_batch(self, recipe: Recipe, store: AudioStore) -> Tensor:
        """One batch on the device."""
        n_frames = round(recipe.data.chunk_s / store.hop_s)
        chunks = training_chunks(
            np.random.default_rng(0), store, self.rows(recipe)[: recipe.train.batch_size], n_frames, 10**9
        )
        return store.batch(chunks[0])[0].to(self.device)

    def train(self, recipe: Recipe, store: MeteredStore, resident: bool) -> dict[str, Any]:
        """One epoch by the real trainer."""
        store.resident = self.first_batch(recipe, store) if resident else None
        network = build_network(recipe, len(self.labels.classes))
        grid = frame_grid(network, recipe.features)
        rows = range(len(self.clips))
        data = TrainingData(
            store, truths_of(self.labels, rows), self.labels.present, ~self.labels.unsure, self.labels.classes
        )
        nothing = np.zeros(0, dtype=np.int64)
        task = Task(0, 0, self.rows(recipe), nothing, nothing)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        with tempfile.TemporaryDirectory(dir=self.folder) as kept, Utilisation(self.device) as gpu:
            trainer = FoldTrainer(recipe, network, data, task, grid, self.device, Path(kept), print)
            store.meter = meter = Meter(self.device, self.warmup, self.steps)
            with deterministic(self.device, recipe.train.deterministic):
                trainer.run()
        store.meter, store.resident = None, None
        peak = torch.cuda.max_memory_allocated(self.device) / 1e9 if self.device.type == "cuda" else None
        return figures(recipe, meter.step_s()) | {"gpu_percent": gpu.percent, "peak_gb": peak}

    def load_only(self, recipe: Recipe, store: MeteredStore) -> dict[str, Any]:
        """All batches of an epoch, read ahead by threads as the trainer does, and thrown away; median of three."""
        n_frames = round(recipe.data.chunk_s / store.hop_s)
        rows = np.resize(self.rows(recipe), recipe.train.batch_size * max(4 * store.data.workers, self.steps))
        times = []
        for number in range(3):
            chunks = training_chunks(np.random.default_rng(number), store, rows, n_frames, recipe.train.batch_size)
            started = time.perf_counter()
            for _ in prefetch(store.batch, chunks, store.data.workers):
                pass
            times.append((time.perf_counter() - started) / len(chunks))
        return figures(recipe, statistics.median(times))

    def repeated(self, recipe: Recipe, work: Callable[[], Any]) -> dict[str, Any]:
        """Anything that takes a batch."""
        meter = Meter(self.device, self.warmup, self.steps)
        with torch.no_grad():
            for _ in range(self.warmup + self.steps * self.repeat):
                meter.tick()
                work()
            meter.tick()
        return figures(recipe, meter.step_s())


def figures(recipe: Recipe, step_s: float) -> dict[str, Any]:
    """What a step's time means in chunks and in seconds of sound."""
    chunks_per_s = recipe.train.batch_size / step_s
    return {"step_ms": 1000 * step_s, "chunks_per_s": chunks_per_s, "audio_s_per_s": chunks_per_s * recipe.data.chunk_s}


# -------------------------------------------------------------------------------------------------------------- the run


def measure(bench: Bench, given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """All figures by name; each is printed as it comes."""
    found: dict[str, dict[str, Any]] = {}

    def note(name: str, result: dict[str, Any], against: str = "") -> None:
        found[name] = result
        if against in found:
            result["ratio"] = found[against]["step_ms"] / result["step_ms"]
            result["against"] = against
        print(row_of(name, result), flush=True)

    def recipe_with(*settings: str) -> Recipe:
        own = [f"train.batch_size={given.batch_size}"] if given.batch_size else []
        own += [f"data.workers={given.workers}"] if given.workers else []
        fixed = ["network.pretrained=false", "train.epochs=1", "train.pretrain_epochs=0", "train.compile=false"]
        # what needs a teacher's or a reviewer's work is not there
        fixed += ["targets.rule=clip", "data.clips=all", "background.probability=0"]
        return load_recipe(given.recipe, [*fixed, *own, *given.set, *settings])

    print(f"{'':26}{'ms a step':>11}{'chunks/s':>10}{'audio s/s':>12}{'speed':>10}  against", flush=True)
    plain = recipe_with(*WAYS["memory"])
    store = bench.store(plain)
    note("resident", bench.train(plain, store, True))
    note(f"memory ({store.kind})", bench.train(plain, store, False), "resident")
    note(f"  loader, {store.kind}", bench.load_only(plain, store), "resident")
    raw = bench.first_batch(plain, store)
    front_end = FrontEnd(plain.features).to(bench.device)
    note("  features", bench.repeated(plain, lambda: front_end.planes(store.power(raw, front_end))), "resident")
    for way in ("files", "cache"):
        recipe = recipe_with(*WAYS[way])
        started = time.perf_counter()
        other = bench.store(recipe)
        taken = time.perf_counter() - started
        note(way, bench.train(recipe, other, False), "resident")
        note(f"  loader, {way}", bench.load_only(recipe, other), "resident")
        found[way]["first_read_audio_s_per_s"] = sum(clip.duration_s for clip in bench.clips) / taken
    variants = {"float32": ("train.precision=float32",), "bfloat16": ("train.precision=bfloat16",)}
    if given.compile:
        variants["compiled"] = ("train.compile=true",)
    for name, settings in variants.items():
        note(f"resident, {name}", bench.train(recipe_with(*WAYS["memory"], *settings), store, True), "resident")
    if given.augment:
        augmentations(bench, plain, note)
    return found


def augmentations(bench: Bench, recipe: Recipe, note: Callable[..., None]) -> None:
    """Each augmentation on every chunk of a batch."""
    from benchmarks.speed.augment import steps
    from models.inputs.augment import Backgrounds

    n = round(recipe.data.chunk_s / (recipe.features.hop_length / recipe.features.sample_rate))
    size = recipe.train.batch_size, n * recipe.features.hop_length
    samples = 0.1 * torch.randn(size, generator=torch.Generator().manual_seed(0)).to(bench.device)
    front_end = FrontEnd(recipe.features).to(bench.device)
    folder = str(Path(bench.clips[0].path).parent)
    works = steps(samples, recipe.features, front_end, Backgrounds(folder, recipe.features.sample_rate))
    for name, work in works.items():
        note(f"  augment: {name}"[:26], bench.repeated(recipe, work), "resident")


def row_of(name: str, result: dict[str, Any]) -> str:
    """A line of the table."""
    ratio = f"{result['ratio']:10.2f}  {result['against']}" if "ratio" in result else ""
    more = f"  GPU {result['gpu_percent']} %" if result.get("gpu_percent") is not None else ""
    more += f"  peak {result['peak_gb']:.1f} GB" if result.get("peak_gb") else ""
    numbers = f"{result['step_ms']:11.2f}{result['chunks_per_s']:10.1f}{result['audio_s_per_s']:12.0f}"
    return f"{name:26}{numbers}{ratio}{more}"


def main() -> int:
    """Make the clips, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", help="default: sed_b0 on a GPU, quick on a CPU")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a recipe's setting")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clips", type=int, help="default: 256 on a GPU, 16 on a CPU")
    parser.add_argument("--seconds", type=float, help="length of each clip; default: 60 on a GPU, 15 on a CPU")
    parser.add_argument("--classes", type=int, default=264)
    parser.add_argument("--format", choices=tuple(SUBTYPES), default="ogg")
    parser.add_argument("--file-rate", type=int, help="sample rate of the files, if not the recipe's: resampled, then")
    parser.add_argument("--batch-size", type=int, help="default: the recipe's on a GPU, at most 8 on a CPU")
    parser.add_argument("--workers", type=int, help="threads that read; default: the recipe's")
    parser.add_argument("--warmup", type=int, help="default: 10 steps on a GPU, 1 on a CPU")
    parser.add_argument("--steps", type=int, help="steps a stretch; default: 20 on a GPU, 2 on a CPU")
    parser.add_argument("--repeat", type=int, default=5, help="stretches; default 5")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, help="default: on a GPU")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, help="each augmentation; default: on a GPU")
    parser.add_argument("--json", type=Path, help="write all figures there too")
    given = parser.parse_args()
    device = pick_device(given.device)
    gpu = device.type == "cuda"
    small: dict[str, tuple[Any, Any]] = {
        "recipe": ("sed_b0", "quick"), "clips": (256, 16), "seconds": (60.0, 15.0), "warmup": (10, 1), "steps": (20, 2),
        "batch_size": (None, 4), "compile": (True, False), "augment": (True, False),
    }  # fmt: skip
    for name, (on_gpu, on_cpu) in small.items():
        if getattr(given, name) is None:
            setattr(given, name, on_gpu if gpu else on_cpu)
    recipe = load_recipe(given.recipe, given.set)
    rate = given.file_rate or recipe.features.sample_rate
    with tempfile.TemporaryDirectory(prefix="earmark-throughput-") as folder:
        (Path(folder) / "sound").mkdir()
        clips = make_clips(Path(folder) / "sound", given.clips, given.seconds, rate, given.format)
        labels = make_labels(clips, given.classes)
        bench = Bench(clips, labels, device, Path(folder), given.warmup, given.steps, given.repeat)
        about = {
            "device": device_name(device), "torch": torch.__version__, "python": platform.python_version(),
            "cpus": os.cpu_count(), "threads": torch.get_num_threads(), "load_before": os.getloadavg()[0],
            "recipe": given.recipe, "settings": given.set, "clips": given.clips, "seconds": given.seconds,
            "files": f"{given.format} at {rate} Hz", "pretrained": False,
        }  # fmt: skip
        print(", ".join(f"{key} {value}" for key, value in about.items()))
        print("network.pretrained = false: random weights, which train as fast\n")
        found = measure(bench, given)
    if given.json:
        given.json.write_text(json.dumps({"about": about, "figures": found}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
