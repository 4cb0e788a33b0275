"""The ranking of a scored run as the database keeps it: all suspects, best first, a column an array.

What was read is kept in memory.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys, find_cells
from labeling.disagreement.columns import COLUMNS, RankingColumns, dtype_of, typed, whole
from labeling.disagreement.voices import Voice
from labeling.errors import ArtefactError
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

_rankings: Kept[Ranking] = Kept(3)  # about 60 MB a million suspects
_SCORED_AT = sa.select(tables.rankings.c.scored_at).where(
    tables.rankings.c.run_id == sa.bindparam("run_id"), tables.rankings.c.scorer == sa.bindparam("scorer")
)


@dataclass(frozen=True)
class Past:
    """Cells (P,) that people had decided before the scoring: what the scorer says of the label that they judged.

    ``given``: that label said present. ``p_wrong``: how likely wrong the scorer finds it. ``wrong``: people found it
    wrong. From these the calibration learns although the cells are no suspects any more. ``covariates`` (P, F) are as
    those of suspects.
    """

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    given: NDArray[np.bool_]
    p_wrong: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    covariates: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.clip_id)


@dataclass(frozen=True)
class LeftOut:
    """What a ranking has no room for: undecided unlisted cells, counted by class id in ``count``.

    Random looks go through all cells in one fixed order (`random_order.turns`). Every cell whose turn is lower than
    ``below`` is in the ranking, so that draws up to there are fair; the cells that were left out all come later.
    """

    count: NDArray[np.int64]
    below: int


@dataclass(frozen=True, eq=False)
class Ranking(RankingColumns):
    """One stored ranking: its columns, best first; ``place`` finds cells in it. Equal to itself alone."""

    past: Past
    sorted_cells: NDArray[np.int64]
    sorted_index: NDArray[np.int32]
    left_out: LeftOut | None = None
    voices: tuple[Voice, ...] = ()

    def part(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Its columns at these places."""
        return {name: getattr(self, name)[keep] for name in COLUMNS}

    def place(self, cells: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
        """Where (clip id, class id) cells stand in the ranking; those that are not in it are left out."""
        if not cells:
            return np.zeros(0, np.int64)
        clip_ids, class_ids = zip(*cells, strict=True)
        keys = cell_keys(np.array(clip_ids, np.int64), np.array(class_ids, np.int64))
        places = find_cells(self.sorted_cells, self.sorted_index, keys)
        return places[places >= 0]


PAST = {name: dtype_of(array) for name, array in get_type_hints(Past).items()}


def store_ranking(
    connection: Connection,
    run_id: str,
    scorer: str,
    columns: Mapping[str, NDArray[Any]],
    past: Mapping[str, NDArray[Any]] | None = None,
    left_out: LeftOut | None = None,
    voices: Sequence[Voice] = (),
) -> None:
    """Put a ranking, best first and a column an array, in the place of the one that this scorer gave before.

    Columns that have a default (columns.COLUMNS) may be left out; ``past`` holds those of `Past`, ``left_out`` what
    found no room, ``voices`` what the scorer listened to.
    """
    packed = io.BytesIO()
    order = np.argsort(cell_keys(columns["clip_id"], columns["class_id"]), kind="stable").astype(np.int32)
    kept = typed(columns)
    kept |= {f"past_{name}": np.asarray(values) for name, values in (past or {}).items()}
    if left_out is not None:
        kept |= {"left_out": left_out.count, "left_out_below": np.array(left_out.below, np.uint64)}
    if voices:
        kept["voices"] = np.array([(voice.run_id, voice.what) for voice in voices])
        kept["voice_weights"] = np.array([voice.weight for voice in voices])
    np.savez(packed, allow_pickle=False, sorted_index=order, **kept)
    here = (tables.rankings.c.run_id == run_id) & (tables.rankings.c.scorer == scorer)
    connection.execute(sa.delete(tables.rankings).where(here))
    connection.execute(
        sa.insert(tables.rankings).values(
            run_id=run_id,
            scorer=scorer,
            scored_at=db.now(),
            suspects=len(columns["clip_id"]),
            columns=packed.getvalue(),
        )
    )


def when_scored(connection: Connection, run_id: str, scorer: str) -> str:
    """The moment of the newest scoring of a run by this scorer, "" for none: another ranking has another one."""
    return connection.scalar(_SCORED_AT, {"run_id": run_id, "scorer": scorer}) or ""


def read_ranking(connection: Connection, run_id: str, scorer: str) -> Ranking:
    """The stored ranking, read once a process; an empty one where the run was not scored."""
    table = tables.rankings
    scored_at = when_scored(connection, run_id, scorer)
    if not scored_at:
        return _unpack(None, run_id)
    here = (table.c.run_id == run_id) & (table.c.scorer == scorer)
    return _rankings.get(
        (engine_key(connection), run_id, scorer, scored_at),
        lambda: _unpack(connection.scalar(sa.select(table.c.columns).where(here)), run_id),
    )


def _unpack(packed: bytes | None, run_id: str) -> Ranking:
    if packed is None:
        needed = [name for name, column in COLUMNS.items() if column.meaning.default is None]
        stored: dict[str, NDArray[Any]] = dict.fromkeys((*needed, "sorted_index"), np.zeros(0, np.int32))
        columns = whole(stored)
    else:
        try:
            with np.load(io.BytesIO(packed), allow_pickle=False) as file:
                stored = {name: file[name] for name in file.files}
                if "sorted_index" not in stored:
                    raise KeyError("no column sorted_index")
                columns = whole(stored)
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as problem:
            raise ArtefactError(
                f"the suspects of run {run_id} cannot be read ({problem}); score it again: `python -m labeling score`"
            ) from problem
    count, below = stored.get("left_out"), stored.get("left_out_below")
    sorted_index = stored["sorted_index"]
    named, weights = stored.get("voices", np.zeros((0, 2))).tolist(), stored.get("voice_weights", np.zeros(0)).tolist()
    past = {name: np.asarray(stored.get(f"past_{name}", ()), dtype) for name, dtype in PAST.items()}
    if past["covariates"].ndim < 2:
        past["covariates"] = np.zeros((len(past["clip_id"]), columns["covariates"].shape[1]), np.float16)
    return Ranking(
        **columns,
        past=Past(**past),
        sorted_cells=cell_keys(columns["clip_id"], columns["class_id"])[sorted_index],
        sorted_index=sorted_index,
        left_out=None if count is None or below is None else LeftOut(count, int(below)),
        voices=tuple(Voice(by, what, weight) for (by, what), weight in zip(named, weights, strict=True)),
    )
