"""On what a training runs, from which seeds, and with which versions: what a run records about its surroundings.

A run takes nothing from what ran before it in the process, and leaves nothing behind: ``deterministic`` sets
PyTorch's switches for its time, ``seeded`` the generators for each epoch. On a CPU the same run, with as many threads,
gives the same bits. On CUDA training steps take the fastest convolutions (``fastest``), so that runs there may differ
in the last digits. With ``train.deterministic`` cuDNN is held to algorithms that repeat their result and does not time
them against each other; a few other kernels still add up in any order.
"""

from __future__ import annotations

import hashlib
import os
import platform
import random
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labeling.errors import ConfigError


def pick_device(name: str, rank: int | None = None) -> torch.device:
    """``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``; raises ConfigError.

    Of several processes on one machine, the one of ``rank`` takes the GPU of its rank.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not name.startswith("cuda"):
        raise ConfigError(f"unknown device {name!r}; choose from auto, cpu, cuda")
    if name != "cpu" and not torch.cuda.is_available():
        raise ConfigError(f"device {name!r}: this machine or this PyTorch has no CUDA; use --device cpu or auto")
    if name == "cuda" and rank is not None:
        name = f"cuda:{rank}"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"unknown device {name!r}; choose from auto, cpu, cuda, cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name!r}: this machine has {torch.cuda.device_count()} GPU(s); start as many processes at most"
        )
    return device


@contextmanager
def deterministic(device: torch.device, on_gpu: bool = False) -> Iterator[None]:
    """PyTorch's deterministic algorithms on a CPU, cuDNN's ``on_gpu``; afterwards as before."""
    backend = torch.backends.cudnn
    before = backend.benchmark, backend.deterministic
    mode = torch.get_deterministic_debug_mode()
    backend.benchmark, backend.deterministic = False, on_gpu or device.type == "cpu"
    if device.type == "cpu":
        torch.set_deterministic_debug_mode("warn")
    try:
        yield
    finally:
        backend.benchmark, backend.deterministic = before
        torch.set_deterministic_debug_mode(mode)


@contextmanager
def fastest(device: torch.device, wanted: bool = True) -> Iterator[None]:
    """cuDNN times its algorithms against each other and keeps the fastest of each shape; afterwards as before.

    For training steps, whose shapes are few: each new one costs a moment. On a CPU nothing happens.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or (wanted and device.type == "cuda")
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def seeded(sequence: np.random.SeedSequence, device: torch.device) -> Iterator[None]:
    """All global generators begin at ``sequence``: PyTorch's (CPU and CUDA), Python's and NumPy's; afterwards as
    before. Earmark itself draws from generators of its own; dropout and libraries take the global ones."""
    number = int(sequence.generate_state(1)[0])
    python, numpy = random.getstate(), np.random.get_state()
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(number)
        if devices:
            torch.cuda.manual_seed_all(number)
        random.seed(number)
        np.random.seed(number)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def file_hash(path: str) -> str:
    """SHA-256 of a file, "" where no file is named or there."""
    if not path or not Path(path).expanduser().is_file():
        return ""
    with open(Path(path).expanduser(), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def surroundings(device: torch.device, weights: str = "") -> dict[str, Any]:
    """What ``run.json`` records of the machine, the libraries, and the file of weights that a run begins with."""
    return {
        "device": str(device),
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "versions": library_versions(),
        "git_commit": git_commit(),
        "weights_hash": file_hash(weights),
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """By name, what two ``surroundings`` do not share; each may change a result in its last digits, or altogether."""
    lines = []
    for key, text in (
        ("device", "device"),
        ("device_name", "device"),
        ("threads", "threads"),
        ("git_commit", "commit"),
    ):
        old, new = then.get(key), now.get(key)
        if (old or "") != (new or "") and not (key == "device_name" and then.get("device") != now.get("device")):
            lines.append(f"{text} was {old or 'unknown'}, is {new or 'unknown'}")
    old_versions, new_versions = then.get("versions") or {}, now.get("versions") or {}
    for name in sorted({*old_versions, *new_versions}):
        if old_versions.get(name) != new_versions.get(name):
            lines.append(f"{name} was {old_versions.get(name, 'absent')}, is {new_versions.get(name, 'absent')}")
    return lines


def device_name(device: torch.device) -> str:
    """What the device is called, for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    import importlib.metadata

    names = ("torch", "timm", "librosa", "numpy", "scikit-learn", "safetensors", "zarr", "soundfile", "soxr")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def git_commit() -> str:
    """The commit of this source tree, or "" where it is no git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
