"""On what a training runs, and with which versions: what a run records about its surroundings."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import torch

from labeling.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``; raises ConfigError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name != "cpu" and not name.startswith("cuda"):
        raise ConfigError(f"unknown device {name!r}; choose from auto, cpu, cuda")
    if name != "cpu" and not torch.cuda.is_available():
        raise ConfigError(f"device {name!r}: this machine or this PyTorch has no CUDA; use --device cpu or auto")
    try:
        return torch.device(name)
    except RuntimeError:
        raise ConfigError(f"unknown device {name!r}; choose from auto, cpu, cuda, cuda:N") from None


def device_name(device: torch.device) -> str:
    """What the device is called, for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    import importlib.metadata

    names = ("torch", "timm", "librosa", "numpy", "scikit-learn", "safetensors", "zarr", "soundfile", "soxr")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


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
