"""The queue's order "next": the suspects of a run that would teach a head on a space most come first.

Of all cells the queue holds the suspects of a run, so these are what the order is of: cells of clips that nobody
predicted are asked for by `questions` alone. The first FIRST come one after the other as `orders` has them, the others
by how unsure the head is; then, as the scorer ranks them, those that were decided by then or that the space lacks.

An order is drawn at a place of the journal, as the queue's others are: what is decided afterwards moves no row until it
is drawn anew. The head has learned what was decided up to the last full LEARNS_EVERY entries before that place, always
from nothing on: so an order drawn anew changes by whole batches, and is the same in each process. It learns from all
clips that were decided, and from others with labels, picked by chance, as far as they are LEARNS_FROM together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.active.head import Head, blank, fit, stretches_of
from labeling.active.known import known_labels
from labeling.active.orders import Cells, ask
from labeling.active.questions import mean_vectors
from labeling.cells import SALT, cell_keys, mixed
from labeling.disagreement.stored_ranking import Ranking
from labeling.embeddings.space import Space, list_spaces, open_space
from labeling.errors import DataError
from labeling.logistic import sigmoid
from labeling.quality.scored_run import ScoredRun, Turns
from labeling.storage.kept import Kept
from labeling.suspects.filter import QueueFilter
from labeling.suspects.worth import entropy
from labeling.workspace import Workspace

FIRST = 200
LEARNS_EVERY = 20
LEARNS_FROM = 2_000

# a key that names a space by id() keeps it beside the value: one that changed is read anew
_heads: Kept[tuple[Space, Head]] = Kept(2)
_turns: Kept[tuple[Space, Turns]] = Kept(4)  # each 4 MB a million suspects
_runs: Kept[tuple[Turns, ScoredRun]] = Kept(8)


def in_turn(workspace: Workspace, connection: Connection, run: ScoredRun, wanted: QueueFilter) -> ScoredRun:
    """The run with its `Turns` where the order ``next`` is wanted, on the space that is named (the first by name).

    Raises DataError where there is no space, UnknownName for one that is not there, ArtefactError for a damaged one.

    Examples
    --------
    >>> from labeling.active.teaching import in_turn
    >>> from labeling.example import example_workspace
    >>> from labeling.quality.scored_run import read_scored_run
    >>> from labeling.suspects.filter import QueueFilter
    >>> workspace = example_workspace()
    >>> with workspace.read() as connection:
    ...     run = read_scored_run(connection, "001-demo", "earmark")
    ...     in_turn(workspace, connection, run, QueueFilter()) is run
    True
    """
    if wanted.order != "next":
        return run
    name = wanted.space or next((facts.name for facts in list_spaces(workspace)), "")
    if not name:
        raise DataError("there is no space to learn on; hear the collection with a frozen model first: earmark embed")
    space, position = open_space(workspace, name), run.position // LEARNS_EVERY * LEARNS_EVERY
    key = run.ranking, id(space), wanted.taught, position
    turns = _turns.get(key, lambda: (space, _turns_of(connection, run.ranking, space, wanted.taught, position)))[1]
    return _runs.get((run, id(turns)), lambda: (turns, replace(run, turns=turns)))[1]


def _turns_of(connection: Connection, ranking: Ranking, space: Space, order: str, position: int) -> Turns:
    labels = known_labels(connection, position)
    stretches, held = stretches_of(space, labels.clip_id)
    clip_id, known, present = labels.clip_id[held], labels.known[held], labels.present[held]
    row, column = _places(clip_id, ranking.clip_id), _places(labels.class_id, ranking.class_id)
    there = (row >= 0) & (column >= 0)
    undecided = np.zeros(len(there), bool)
    undecided[there] = labels.undecided[held][row[there], column[there]]
    asked = np.flatnonzero(undecided)
    if not len(asked):
        return Turns(np.arange(len(ranking.clip_id), dtype=np.int32), space.facts.name, len(there) - int(there.sum()))

    def fitted() -> tuple[Space, Head]:
        learned = known & _some_of(clip_id, known, labels.undecided[held])[:, None]
        head = blank(space, len(labels.classes))
        return space, fit(stretches, present & learned, learned, head) if learned.any() else head

    head = _heads.get((ranking, id(space), position), fitted)[1]
    probability = sigmoid(head.logits(stretches)[0])
    may_ask = np.zeros(known.shape, bool)
    may_ask[row[asked], column[asked]] = True
    cells = Cells(probability, known, present, may_ask, mean_vectors(space, stretches), clip_id, labels.class_id)
    chosen = ask(cells, order, FIRST)
    place = np.full(known.shape, -1, np.int64)
    place[row[asked], column[asked]] = asked
    first = place[chosen.clip, chosen.class_]
    value = np.full(len(there), -1.0)  # those that are not asked come last, as they are ranked
    value[asked] = entropy(probability[row[asked], column[asked]]) * cells.need[column[asked]]
    value[first] = np.inf
    rest = np.argsort(-value, kind="stable")[len(first) :]
    turn = np.empty(len(there), np.int32)
    turn[np.concatenate([first, rest])] = np.arange(len(there))
    return Turns(turn, space.facts.name, len(there) - int(there.sum()))


def _some_of(clip_id: NDArray[np.int64], known: NDArray[np.bool_], undecided: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which clips (N,) a head learns from: those that were decided, and of the others with labels so many by chance."""
    heard: NDArray[np.bool_] = np.any(known & ~undecided, axis=1)
    others = np.flatnonzero(known.any(axis=1) & ~heard)
    chance = mixed(cell_keys(clip_id[others], np.zeros(len(others), np.int64)), SALT)
    heard[others[np.argsort(chance)[: max(LEARNS_FROM - int(heard.sum()), 0)]]] = True
    return heard


def _places(known: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of ``ids`` (M,) stands among ``known`` (n,), -1 where it does not."""
    order = np.argsort(known)
    at = np.searchsorted(known, ids, sorter=order)
    at = order[np.minimum(at, len(known) - 1)] if len(known) else np.zeros(len(ids), np.int64)
    return np.where(known[at] == ids, at, -1) if len(known) else at - 1
