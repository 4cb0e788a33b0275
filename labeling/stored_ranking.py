"""A run's ranking as it is stored: whole, as columns, best first; kept in memory once read."""

from __future__ import annotations

import io
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling.errors import ArtefactError

KEPT_RANKINGS = 3  # about 60 MB a million suspects


@dataclass(frozen=True)
class Ranking:
    """One stored ranking, best first, a column an array (M,); ``place`` finds cells in it."""

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    partner_id: NDArray[np.int64]
    kind: NDArray[np.uint8]
    label_quality: NDArray[np.float32]
    p_wrong: NDArray[np.float32]
    clipwise: NDArray[np.float32]
    framewise_max: NDArray[np.float32]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    fold: NDArray[np.int32]
    sorted_cells: NDArray[np.int64]
    sorted_index: NDArray[np.int32]

    def place(self, cells: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
        """Where (clip id, class id) cells stand in the ranking; those that are not in it are left out."""
        if not cells or not len(self.sorted_cells):
            return np.zeros(0, np.int64)
        clip_ids, class_ids = zip(*cells, strict=True)
        keys = cell_keys(np.array(clip_ids, np.int64), np.array(class_ids, np.int64))
        found = np.minimum(np.searchsorted(self.sorted_cells, keys), len(self.sorted_cells) - 1)
        there = found[self.sorted_cells[found] == keys]
        return np.asarray(self.sorted_index[there], np.int64)


FLOATS = ("label_quality", "p_wrong", "clipwise", "framewise_max")
SECONDS = ("onset_s", "offset_s")
COLUMNS = ("clip_id", "class_id", "partner_id", "kind", *FLOATS, *SECONDS, "fold")
_loaded: OrderedDict[tuple[str, str, str, str], Ranking] = OrderedDict()
_loading = threading.Lock()


def store_ranking(connection: Connection, run_id: str, scorer: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """Put a ranking, best first and a column an array, in the place of the one that this scorer gave before."""
    packed = io.BytesIO()
    order = np.argsort(cell_keys(columns["clip_id"], columns["class_id"]), kind="stable").astype(np.int32)
    np.savez(packed, allow_pickle=False, sorted_index=order, **{name: columns[name] for name in COLUMNS})
    here = (db.rankings.c.run_id == run_id) & (db.rankings.c.scorer == scorer)
    connection.execute(sa.delete(db.rankings).where(here))
    connection.execute(
        sa.insert(db.rankings).values(
            run_id=run_id,
            scorer=scorer,
            scored_at=db.now(),
            suspects=len(columns["clip_id"]),
            columns=packed.getvalue(),
        )
    )


def read_ranking(connection: Connection, run_id: str, scorer: str) -> Ranking:
    """The stored ranking, read once a process; an empty one where the run was not scored."""
    table = db.rankings
    here = (table.c.run_id == run_id) & (table.c.scorer == scorer)
    scored_at = connection.scalar(sa.select(table.c.scored_at).where(here))
    if scored_at is None:
        return _unpack(None, run_id)
    key = (connection.engine.url.render_as_string(hide_password=False), run_id, scorer, scored_at)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _unpack(connection.scalar(sa.select(table.c.columns).where(here)), run_id)
            while len(_loaded) > KEPT_RANKINGS:
                _loaded.popitem(last=False)
        _loaded.move_to_end(key)
        return _loaded[key]


def _unpack(packed: bytes | None, run_id: str) -> Ranking:
    if packed is None:
        columns: dict[str, Any] = {name: np.zeros(0, np.int64) for name in (*COLUMNS, "sorted_index")}
    else:
        try:
            with np.load(io.BytesIO(packed), allow_pickle=False) as file:
                columns = {name: file[name] for name in (*COLUMNS, "sorted_index")}
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as problem:
            raise ArtefactError(
                f"the suspects of run {run_id} cannot be read ({problem}); score it again: `python -m labeling score`"
            ) from problem
    keys = cell_keys(columns["clip_id"], columns["class_id"])
    return Ranking(**columns, sorted_cells=keys[columns["sorted_index"]])


def cell_keys(clip_ids: NDArray[np.int64], class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number a cell, in the order of its clip."""
    return (clip_ids << 24) | class_ids  # class ids count up from 1
