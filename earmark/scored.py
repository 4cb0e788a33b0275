"""The scored run that a question is about: the one that is named, else the newest."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.registry import some_of
from labeling.suspects import queue


def scored_run(connection: Connection, run: str = "", scorer: str = "") -> ScoredRun:
    """Read it. Raises DataError where nothing was scored, and for a run that was not."""
    chosen = queue.current(connection, run, scorer)
    if chosen is None or (run and chosen[0] != run):
        known = [name for name, _, _ in queue.scored(connection)]
        raise DataError(
            f"no scored run {run!r}; choose from {some_of(known)}"
            if known
            else "nothing was scored yet; w.train() trains a run, w.add_predictions(...) brings one's own"
        )
    return read_scored_run(connection, *chosen)
