"""Train in this process, as the command line does. Loads torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from labeling.errors import DataError
from labeling.records import Run
from labeling.runs.execution import worker_name
from labeling.storage.text import user_name
from labeling.workspace import Workspace
from models import worker
from models.commands.base import progress_bar
from models.enqueueing import enqueue_training


def train(workspace: Workspace, recipe: str, settings: Sequence[str], *, folds: int | None, device: str) -> Run:
    """A finished training; see `earmark.Workspace.train`. One that is interrupted can be gone on with."""
    run = enqueue_training(
        workspace,
        recipe,
        reviewer=user_name(),
        note=f"training {recipe}",
        settings=settings,
        folds=folds,
        device=device,
        worker=worker_name(),
        load_torch=True,
    )
    with _main_left_alone():
        ended = worker.run_job(
            workspace,
            run,
            worker_name(),
            report=progress_bar(),
            interrupted=threading.Event(),
            when_interrupted="stopped",
        )
    if ended.status != "done":
        raise DataError(f"run {ended.id} was {ended.status}; go on with `earmark train --resume {ended.id}`")
    return ended


@contextmanager
def _main_left_alone() -> Iterator[None]:
    """Processes that are started in here do not run the user's own script again, which may have no guard for that."""
    main = sys.modules["__main__"]
    kept = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    vars(main).pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(kept)
