"""Does everything that trains run on this GPU, how fast, and does it say the same as a CPU?

    python -m benchmarks.on_gpu [--device cuda] [--limit-s 340] [--json FILE] [--only PART ...]
    python -m benchmarks.on_gpu --device cpu --tiny

Makes its own sound, needs no network and no weights (``network.pretrained = false``), and ends within six minutes on a
GPU of a data centre. The parts:

networks   the network of every recipe, forward and backward on a batch of the recipe's own size, in the precision that
           the recipe takes on this device; and how far its logits in float32 lie from those of the CPU
training   ``sed_b0`` and ``cnn14_att`` by the real trainer: batches that are read and changed as they come, beside one
           that lies on the device (the rest of the time the device waits), in float32, in bfloat16 and compiled
agreement  a small cross-validation on the device and on the CPU: their out-of-fold predictions beside each other
resume     the same training, killed in the middle and begun again: its predictions beside those of the one that ran on
memory     a batch that the device cannot hold is refused in words

A part that fails is told and the others go on; the exit code is 1 then. What would begin after ``--limit-s`` seconds is
left out, and named. Beyond torch, timm and numpy it needs pandas, SQLAlchemy, soundfile, soxr, zarr, safetensors and
iterative-stratification, all small.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.speed.training import Bench, make_clips, make_labels, settle
from labeling.errors import ConfigError, EarmarkError
from labeling.predictions.oof import read_oof
from labeling.records import Clip, Labels
from models.config import Recipe, load_recipe, recipe_names
from models.inputs.features import FrontEnd
from models.networks.catalogue import build_network
from models.runfolder.provenance import device_name, pick_device
from models.training.crossval import cross_validate

PARTS = ("networks", "training", "agreement", "resume", "memory")
ALONE = (
    "network.pretrained=false", "train.epochs=1", "train.snapshots=1", "train.pretrain_epochs=0", "train.compile=false",
    "targets.rule=clip", "data.clips=all", "background.probability=0", "data.memory_gb=1000",
)  # fmt: skip
"""What needs weights, a teacher's or a reviewer's work is not there."""
SMALL = (
    "network.widths=[4,8]", "network.time_pool=[4,2]", "train.epochs=4", "data.chunk_s=2.0", "predict.window_s=4.0",
    "train.precision=float32", "folds.near_duplicates=false", "track.tensorboard=false", "train.validate_every=4",
)  # fmt: skip
"""``quick`` of a size that a CPU trains in seconds."""
TINY = ("train.batch_size=2",)
SHORT = ("data.chunk_s=2.1", "predict.window_s=2.1")


@dataclass
class Report:
    """Rows of the table, as they come; what failed and what was left out."""

    started: float = field(default_factory=time.monotonic)
    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, part: str, name: str, **figures: float | str | None) -> None:
        """Print a row and keep it; None is what this device cannot tell."""
        shown = ", ".join(f"{key} {_shown(value)}" for key, value in figures.items() if value is not None)
        print(f"{part:10} {name:34} {shown}", flush=True)
        self.rows.append({"part": part, "name": name, **figures})

    @contextmanager
    def trying(self, part: str, name: str) -> Iterator[None]:
        """A part that fails fails alone."""
        try:
            yield
        except (EarmarkError, RuntimeError, OSError, ValueError, AssertionError) as error:
            self.failed.append(f"{part}: {name}")
            self.add(part, name, failed=f"{type(error).__name__}: {str(error)[:300]}")


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}"


@dataclass(frozen=True)
class Machine:
    """Where it runs, and how much of it is asked."""

    device: torch.device
    folder: Path
    tiny: bool
    steps: int

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    def recipe(self, name: str, *settings: str) -> Recipe:
        """A recipe that stands alone, in the size to be tried."""
        tiny = [*TINY, *(() if load_recipe(name).network.resize else SHORT)] if self.tiny else []
        return load_recipe(name, [*ALONE, *tiny, *settings])

    def collection(self, recipe: Recipe, n: int, seconds: float, n_classes: int) -> tuple[list[Clip], Labels]:
        """Clips of noise and tones at the recipe's sample rate."""
        rate = recipe.features.sample_rate
        folder = self.folder / f"{n}-{rate}-{seconds:g}"
        if not folder.exists():
            folder.mkdir()
            make_clips(folder, n, seconds, rate, "wav")
        clips = [Clip(k + 1, f"{k}.wav", str(folder / f"{k}.wav"), seconds, rate, 1) for k in range(n)]
        return clips, make_labels(clips, n_classes)

    def bench(self, recipe: Recipe, n: int, seconds: float, steps: int) -> Bench:
        """The trainer's clock of speed.training: three stretches after the first steps."""
        clips, labels = self.collection(recipe, n, seconds, 8 if self.tiny else 264)
        warmup = 1 if self.tiny else 5
        return Bench(clips, labels, self.device, self.folder, warmup, max(1, steps // 3), 3)

    def peak_gb(self) -> float | None:
        """The most memory that was in use since the last call."""
        if not self.is_gpu:
            return None
        peak = torch.cuda.max_memory_allocated(self.device) / 1e9
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        return peak


# --------------------------------------------------------------------------------------------------------- the parts


def networks(machine: Machine, report: Report, in_time: Callable[[str], bool], names: Sequence[str]) -> None:
    """Every recipe's network, a batch forward and backward."""
    for name in names:
        if not in_time(f"networks: {name}"):
            continue
        with report.trying("networks", name):
            recipe = machine.recipe(name)
            if recipe.linear.space:
                continue  # a head on kept vectors trains no network
            bench = machine.bench(recipe, 4, 1.5 * recipe.data.chunk_s, steps=3 if machine.tiny else 15)
            timed = bench.train(recipe, bench.store(recipe), resident=True)
            report.add(
                "networks", name, network=recipe.network.name, batch=recipe.train.batch_size,
                chunk_s=recipe.data.chunk_s, step_ms=timed["step_ms"], audio_s_per_s=timed["audio_s_per_s"],
                peak_gb=machine.peak_gb(), logits_off_cpu=_off_cpu(machine, recipe),
            )  # fmt: skip


def _off_cpu(machine: Machine, recipe: Recipe) -> float:
    """The same network and sound on both devices, float32: the largest difference of a logit, over their deviation."""
    torch.manual_seed(0)
    network = build_network(recipe, 8).eval()
    front_end = FrontEnd(recipe.features)
    n_frames = round(recipe.data.chunk_s * recipe.features.sample_rate / recipe.features.hop_length)
    power = torch.rand(2, recipe.features.n_mels, n_frames) ** 4
    with torch.no_grad():
        expected = network(front_end.planes(power))
        found = network.to(machine.device)(front_end.to(machine.device).planes(power.to(machine.device)))
    network.cpu()
    pairs = zip(expected, found, strict=True)
    return max(float((b.cpu() - a).abs().max() / a.std().clamp(min=1e-6)) for a, b in pairs if a is not None)


def training(machine: Machine, report: Report, in_time: Callable[[str], bool]) -> None:
    """Two networks by the real trainer, with and without the reading of sound."""
    cases = (("quick", "quick"),) if machine.tiny else (("sed_b0", "sed_b0"), ("cornell_stage1", "cnn14_att"))
    for name, title in cases:
        if not in_time(f"training: {title}"):
            continue
        with report.trying("training", title):
            bench = machine.bench(machine.recipe(name), *((4, 5.0) if machine.tiny else (64, 30.0)), machine.steps)
            store = bench.store(machine.recipe(name))
            resident = bench.train(machine.recipe(name), store, resident=True)
            read = bench.train(machine.recipe(name), store, resident=False)
            waiting = 100 * max(0.0, 1 - resident["step_ms"] / read["step_ms"])
            for way, timed in (("on the device", resident), ("read as they come", read)):
                report.add(
                    "training", f"{title}, {way}", step_ms=timed["step_ms"], clips_per_s=timed["chunks_per_s"],
                    audio_s_per_s=timed["audio_s_per_s"], gpu_percent=timed["gpu_percent"], peak_gb=timed["peak_gb"],
                    waiting_percent=waiting if timed is read else None,
                )  # fmt: skip
            settings = {"float32": "train.precision=float32", "bfloat16": "train.precision=bfloat16"}
            for way, setting in {**settings, "compiled": "train.compile=true"}.items():
                if (machine.is_gpu or way == "float32") and in_time(f"training: {title}, {way}"):
                    timed = bench.train(machine.recipe(name, setting), store, resident=True)
                    report.add(
                        "training", f"{title}, {way}", step_ms=timed["step_ms"], peak_gb=timed["peak_gb"],
                        speed=resident["step_ms"] / timed["step_ms"],
                    )  # fmt: skip
        machine.peak_gb()


def agreement(machine: Machine, report: Report) -> None:
    """Out-of-fold predictions of the device and of the CPU."""
    folders = {name: machine.folder / f"agreement-{name}" for name in ("cpu", "device")}
    for name, folder in folders.items():
        _train_small(machine, folder, "cpu" if name == "cpu" else str(machine.device))
    report.add("agreement", "quick, 2 folds", **_difference(folders["device"], folders["cpu"]))


def resume(machine: Machine, report: Report) -> None:
    """Killed in the middle, and gone on with."""
    whole, killed = machine.folder / "resume-whole", machine.folder / "resume-killed"
    _train_small(machine, whole, str(machine.device))
    process = multiprocessing.get_context("spawn").Process(
        target=_train_small, args=(machine, killed, str(machine.device))
    )
    process.start()
    while process.is_alive() and not list(killed.glob("checkpoints/*.resume.safetensors")):
        time.sleep(0.005)
    was_running = process.is_alive()
    process.kill()
    process.join()
    assert was_running, "the training ended before it could be killed"
    _train_small(machine, killed, str(machine.device))
    resumed = "resumed after epoch" in (killed / "log.txt").read_text(encoding="utf-8")
    assert resumed, "the second process began from the start"
    report.add("resume", "killed after its first epoch", **_difference(killed, whole))


def _train_small(machine: Machine, folder: Path, device: str) -> None:
    recipe = load_recipe("quick", [*ALONE, *SMALL])
    clips, labels = machine.collection(recipe, 8, 4.0, 4)
    cross_validate(recipe, clips, labels, folder, label_version=1, folds=2, device=device)


def _difference(one: Path, other: Path) -> dict[str, float]:
    a, b = (read_oof(folder / "oof.zarr").clipwise for folder in (one, other))
    off = float(np.abs(a - b).max())
    return {"largest_difference": off, "correlation": float(np.corrcoef(a.ravel(), b.ravel())[0, 1])}


def memory(machine: Machine, report: Report) -> None:
    """A batch that does not fit is refused in words."""
    if not machine.is_gpu:
        report.add("memory", "not tried", why="a CPU's memory has no bound that PyTorch would tell")
        return
    recipe = machine.recipe("sed_b0")
    bench = machine.bench(recipe, 4, 2 * recipe.data.chunk_s, steps=3)
    store = bench.store(recipe)
    gb = torch.cuda.get_device_properties(machine.device).total_memory / 1e9
    torch.cuda.set_per_process_memory_fraction(min(1.0, 1.0 / gb), machine.device)
    try:
        bench.train(recipe, store, resident=True)
        said = "nothing: the batch fitted"
    except ConfigError as error:
        said = str(error)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, machine.device)
        machine.peak_gb()
    assert "lower train.batch_size" in said, said
    report.add("memory", "1 GB for sed_b0", said=said[-60:])


# ------------------------------------------------------------------------------------------------------------ the run


def run(machine: Machine, limit_s: float, parts: Sequence[str], recipes: Sequence[str]) -> Report:
    """All parts that can begin within the limit; ``recipes`` are those whose networks are tried."""
    report = Report()

    def in_time(what: str) -> bool:
        if time.monotonic() - report.started < limit_s:
            return True
        report.left_out.append(what)
        return False

    # the short ones, which say whether it is right, before those that say how fast it is
    for name, part in (("agreement", agreement), ("resume", resume), ("memory", memory)):
        if name in parts and in_time(name):
            with report.trying(name, name):
                part(machine, report)
    if "networks" in parts:
        networks(machine, report, in_time, recipes)
    if "training" in parts:
        training(machine, report, in_time)
    settle(machine.device)
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Try, print, write; the exit code is 1 where a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--tiny", action="store_true", help="batches of 2 and chunks of 2 s: for a CPU")
    parser.add_argument("--steps", type=int, help="of each training that is timed; default 120, 3 with --tiny")
    parser.add_argument("--limit-s", type=float, default=340.0, help="nothing begins after so many seconds")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--recipes", nargs="+", default=recipe_names(), help="whose networks; default: all")
    parser.add_argument("--json", type=Path, help="write all figures there too")
    given = parser.parse_args(arguments)
    try:
        device = pick_device(given.device)
    except ConfigError as error:
        parser.error(str(error))
    about = {
        "device": device_name(device), "torch": torch.__version__, "cuda": torch.version.cuda,
        "python": platform.python_version(), "cpus": os.cpu_count(), "tiny": given.tiny,
    }  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    with tempfile.TemporaryDirectory(prefix="earmark-gpu-") as folder:
        machine = Machine(device, Path(folder), given.tiny, given.steps or (3 if given.tiny else 120))
        report = run(machine, given.limit_s, given.only, given.recipes)
    seconds = time.monotonic() - report.started
    print(f"\n{len(report.rows)} rows in {seconds:.0f} s")
    for title, names in (("failed", report.failed), ("left out, as the time was up", report.left_out)):
        if names:
            print(f"{title}: {'; '.join(names)}")
    if given.json:
        found = {"about": about, "seconds": seconds, "rows": report.rows}
        found |= {"failed": report.failed, "left_out": report.left_out}
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
