"""Retraining rounds of a replay: on a copy of the workspace, by ``python -m models train`` as its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling import runs
from labeling.errors import ArtefactError, DataError
from labeling.journal import versions
from labeling.replay.scratch import environment_for
from labeling.workspace import Workspace

LOOK_EVERY_S = 0.5
LAST_WORDS = 600  # signs of what a training said before it failed
END_WITHIN_S = 20.0
MODELS = (sys.executable, "-m", "models")


@dataclass(frozen=True)
class Retraining:
    """``rounds`` trainings of ``recipe``, one after every ``every`` decisions. ``command`` is what runs the models."""

    rounds: int
    recipe: str
    every: int
    settings: tuple[str, ...] = ()
    folds: int | None = None
    device: str = "auto"
    command: tuple[str, ...] = MODELS

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise DataError(f"--retrain {self.rounds} must be at least 1; leave it out to train nothing")
        if self.every < 1:
            raise DataError(f"--every {self.every} must be at least 1 decision")
        if not self.recipe.strip():
            raise DataError("--retrain needs --recipe NAME; see `python -m models recipes`")


def check_retraining(copy: Workspace, plan: Retraining, alive: Callable[[], None]) -> None:
    """Ask the models whether they could train, before hours of decisions. Nothing is trained or stored.

    ``alive`` is as in `retrain`. Raises DataError with what they said.
    """
    status, output = _run_models([*plan.command, *_words(copy, plan), "--dry-run"], alive)
    if status:
        raise DataError(f"{plan.recipe} cannot be trained on the way: {output.removeprefix('error: ')}")


def retrain(copy: Workspace, plan: Retraining, reviewer: str, alive: Callable[[], None]) -> str:
    """Freeze a copy's labels as they are, train on them, and return the run's id.

    ``alive`` is called a few times a second; what it raises ends the training. Raises ArtefactError with the
    training's last words where it fails.
    """
    versions.freeze(copy, reviewer, "replay")
    with copy.read() as connection:
        before = {run.id for run in runs.all_runs(connection)}
    status, last = _run_models([*plan.command, *_words(copy, plan)], alive)
    with copy.read() as connection:
        fresh = [run for run in runs.all_runs(connection) if run.id not in before and run.status == "done"]
    if status or not fresh:
        raise ArtefactError(f"the replay's training of {plan.recipe} ended with {status}: {last}")
    return fresh[0].id


def _run_models(words: Sequence[str], alive: Callable[[], None]) -> tuple[int | None, str]:
    """Run a program to its end; its exit status, and the last of what it said."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            words,
            cwd=Path(__file__).parents[2],
            env=environment_for(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            while process.poll() is None:
                alive()
                try:
                    process.wait(LOOK_EVERY_S)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            _end(process)
        output.seek(0)
        return process.returncode, output.read().decode("utf-8", "replace")[-LAST_WORDS:].strip()


def _words(copy: Workspace, plan: Retraining) -> list[str]:
    """What the models' command line is told."""
    words = ["train", plan.recipe, "--workspace", str(copy.root), "--device", plan.device]
    words += [] if plan.folds is None else ["--folds", str(plan.folds)]
    return words + [word for setting in plan.settings for word in ("--set", setting)]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
