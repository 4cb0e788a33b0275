"""Where the curves of a training go besides history.csv: TensorBoard, MLflow, Weights & Biases.

Each is imported only where ``[track]`` switches it on, and only MLflow and Weights & Biases may send anything to other
machines. A tracker that fails is said once and left out from then on; it never ends a training.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from labeling.errors import ConfigError
from models.config import TrackConfig

FOLDER = "tensorboard"
"""Event files lie in this folder of the run, one folder a fold, so that the folds' curves lie over each other."""
LONGEST_VALUE = 500
"""MLflow refuses longer settings."""


class Sink(Protocol):
    """One place that curves go to. Whatever it raises is caught by the Tracker."""

    def log(self, fold: int, step: int, values: Mapping[str, float]) -> None:
        """Note the values of one fold at one step."""

    def close(self) -> None:
        """Write what is left, and end."""


class Tracker:
    """All places that the recipe asks for. ``log`` and ``close`` never raise."""

    def __init__(self, sinks: Mapping[str, Sink], say: Callable[[str], None] = lambda line: None) -> None:
        self._sinks = dict(sinks)
        self._say = say

    def log(self, fold: int, step: int, values: Mapping[str, float | None]) -> None:
        """Note the values of a fold at an optimiser step; those that are None are left out."""
        known = {name: float(value) for name, value in values.items() if value is not None}
        for name, sink in list(self._sinks.items()):
            try:
                sink.log(fold, step, known)
            except Exception as error:  # a service that is away must not cost a training
                self._drop(name, error)

    def close(self) -> None:
        """End every tracker. To call it again does nothing."""
        for name, sink in list(self._sinks.items()):
            try:
                sink.close()
            except Exception as error:
                self._drop(name, error)
        self._sinks.clear()

    def _drop(self, name: str, error: Exception) -> None:
        self._sinks.pop(name, None)
        why = " ".join(str(error).split()) or type(error).__name__
        self._say(f"{name} failed and is left out from here on, the training goes on: {why}")


def open_trackers(
    track: TrackConfig,
    run_dir: Path,
    run_name: str,
    settings: Mapping[str, Any],
    say: Callable[[str], None] = lambda line: None,
) -> Tracker:
    """Open what ``track`` switches on. ``settings`` (the recipe, nested or flat) are shown beside the curves.

    ``say`` gets a line where a tracker fails. Raises ConfigError where a package is switched on but not installed.
    """
    opened: dict[str, Sink] = {}
    kinds: tuple[tuple[bool, str, str, Callable[..., Sink]], ...] = (
        (track.tensorboard, "tensorboard", "torch.utils.tensorboard", TensorBoard),
        (track.mlflow, "mlflow", "mlflow", MLflow),
        (track.wandb, "wandb", "wandb", Wandb),
    )
    modules = {name: _imported(name, module) for wanted, name, module, _ in kinds if wanted}
    for _, name, _, make in kinds:
        if name not in modules:
            continue
        try:
            opened[name] = make(modules[name], Path(run_dir), track.project, run_name, flat(settings))
        except Exception as error:  # no disk, no network, no login
            Tracker({}, say)._drop(name, error)
    return Tracker(opened, say)


def check_trackers(track: TrackConfig) -> None:
    """Raise ConfigError where a package is switched on but not installed; nothing is imported."""
    for name in ("tensorboard", "mlflow", "wandb"):
        if getattr(track, name) and name not in sys.modules and importlib.util.find_spec(name) is None:
            raise _not_installed(name, f"No module named {name!r}")


def _imported(name: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _not_installed(name, str(error)) from error


def _not_installed(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"track.{name} = true needs {name}, which is not installed ({why}); "
        f"run: pip install {name}, or set track.{name} = false"
    )


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested settings as ``section.key`` -> text."""
    texts: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            texts |= flat(value, f"{before}{key}.")
        else:
            texts[f"{before}{key}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return texts


class TensorBoard:
    """Event files under ``tensorboard/fold{k}``, on this disk only."""

    def __init__(self, module: Any, run_dir: Path, project: str, run_name: str, settings: Mapping[str, str]) -> None:
        self._module, self._folder = module, run_dir / FOLDER
        self._writers: dict[int, Any] = {}
        rows = [f"| {key} | {value} |" for key, value in sorted(settings.items())]
        with module.SummaryWriter(str(self._folder)) as writer:
            table = "\n".join(["| setting | value |", "| --- | --- |", *rows])
            writer.add_text(f"{project}/{run_name}", table.replace("\r", " "))

    def log(self, fold: int, step: int, values: Mapping[str, float]) -> None:
        """One point a value, on disk within two minutes at most."""
        if fold not in self._writers:
            self._writers[fold] = self._module.SummaryWriter(str(self._folder / f"fold{fold}"))
        for name, value in values.items():
            self._writers[fold].add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close each fold's file."""
        for writer in self._writers.values():
            writer.close()


class MLflow:
    """One MLflow run, on the server that MLFLOW_TRACKING_URI names, else where MLflow keeps runs by default."""

    def __init__(self, module: Any, run_dir: Path, project: str, run_name: str, settings: Mapping[str, str]) -> None:
        self._client = module.MlflowClient()
        stored = self._client.get_experiment_by_name(project)
        experiment = stored.experiment_id if stored else self._client.create_experiment(project)
        self._run: str = self._client.create_run(experiment, run_name=run_name).info.run_id
        for key, value in settings.items():
            self._client.log_param(self._run, key, value[:LONGEST_VALUE])

    def log(self, fold: int, step: int, values: Mapping[str, float]) -> None:
        """Metrics ``fold{k}/name``."""
        for name, value in values.items():
            self._client.log_metric(self._run, f"fold{fold}/{name}", value, step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


class Wandb:
    """One Weights & Biases run; set WANDB_MODE=offline to keep it on this disk."""

    def __init__(self, module: Any, run_dir: Path, project: str, run_name: str, settings: Mapping[str, str]) -> None:
        self._run = module.init(project=project, name=run_name, config=dict(settings), dir=str(run_dir))
        self._folds: set[int] = set()

    def log(self, fold: int, step: int, values: Mapping[str, float]) -> None:
        """Metrics ``fold{k}/name`` over ``fold{k}/step``: each fold counts its steps from the start."""
        if fold not in self._folds:
            self._folds.add(fold)
            self._run.define_metric(f"fold{fold}/*", step_metric=f"fold{fold}/step")
        named = {f"fold{fold}/{name}": value for name, value in values.items()}
        self._run.log({**named, f"fold{fold}/step": step})

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()
