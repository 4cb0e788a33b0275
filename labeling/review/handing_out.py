"""Handing out: which place of a reviewer's list comes next, as others work on the same list.

A list is read once and kept (pages/ui/queue/worklist.py). Meanwhile others decide on its clips, and are at some of
them. So the place that comes next is the first at which nobody else is, and where something is to do still for this
reviewer; it is theirs from then on, by a lease (labeling/team/leases.py). What others are at now stays for the next
reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys
from labeling.journal.open_cells import open_to
from labeling.quality.scored_run import ScoredRun
from labeling.review.second_looks import Look, is_open
from labeling.storage import database as db
from labeling.storage import tables
from labeling.team import leases

MOST_PLACES = 100  # of a list that are looked through for the next one
_CELLS = sa.select(tables.cells.c.clip_id, tables.cells.c.class_id).where(
    tables.cells.c.clip_id.in_(sa.bindparam("clip_ids", expanding=True))
)


def free_places(
    connection: Connection,
    run: ScoredRun | None,
    looks: Sequence[Look],
    reviewer: str,
    *,
    min_p_wrong: float,
    now: datetime | None = None,
) -> list[int]:
    """The places of a list at which nobody else is, and that are to do still.

    Parameters
    ----------
    connection : Connection
    run : ScoredRun or None
        Whose suspects are to do in this list; None for a list of other clips: then all that is asked of one is that
        nobody else is there.
    looks : sequence of Look
        A part of a list, in its order; no more than MOST_PLACES.
    reviewer : str
    min_p_wrong : float
        The list's; a suspect below is not to do.
    now : datetime, optional
        In place of the clock.

    Returns
    -------
    list of int
        Places in ``looks``, in order.
    """
    clip_ids = sorted({look.clip_id for look in looks})
    held = leases.of_clips(connection, clip_ids, now=now)
    name = reviewer.strip()
    busy = {clip_id for clip_id, lease in held.items() if lease.reviewer != name}
    open_clips = _with_suspects_to_do(connection, run, clip_ids, name, min_p_wrong) if run else set(clip_ids)
    places = []
    for place, look in enumerate(looks):
        if look.clip_id in busy:
            continue
        if (not look.mode and look.clip_id in open_clips) or (look.mode and is_open(connection, name, look)):
            places.append(place)
    return places


def hand_out(
    connection: Connection,
    run: ScoredRun | None,
    looks: Sequence[Look],
    reviewer: str,
    holder: str,
    *,
    min_p_wrong: float,
    now: datetime | None = None,
) -> list[int]:
    """Lease the first of the `free_places` to a reviewer's window.

    Both in one transaction (``connection`` is from ``workspace.write()``): else somebody could take a clip, decide on
    it and leave it between the two.

    Returns
    -------
    list of int
        The place that is theirs now, and behind it those that are likely next; empty where none is free. Then the
        window gives back what it held: others may wait for it.
    """
    leases.lock(connection)
    places = free_places(connection, run, looks, reviewer, min_p_wrong=min_p_wrong, now=now)
    first = leases.take_first(connection, [looks[place].clip_id for place in places[:1]], reviewer, holder, now=now)
    if first is None:
        leases.give_back(connection, reviewer, holder)
        return []
    return places


def _with_suspects_to_do(
    connection: Connection, run: ScoredRun, clip_ids: Sequence[int], reviewer: str, min_p_wrong: float
) -> set[int]:
    """Those of some clips that hold a suspect that the reviewer has to decide on."""
    ranking = run.ranking
    firsts = cell_keys(np.array(clip_ids, np.int64), np.zeros(len(clip_ids), np.int64))
    ends = cell_keys(np.array(clip_ids, np.int64) + 1, np.zeros(len(clip_ids), np.int64))
    bounds = np.searchsorted(ranking.sorted_cells, firsts), np.searchsorted(ranking.sorted_cells, ends)
    still_open = open_to(connection, reviewer, clip_ids)
    decided = {
        (clip_id << 24) | class_id
        for clip_id, class_id in db.fetch(connection, _CELLS, {"clip_ids": list(clip_ids)})
        if not still_open.holds(clip_id, class_id)
    }
    found = set()
    for clip_id, first, end in zip(clip_ids, *bounds, strict=True):
        likely = run.probability[ranking.sorted_index[first:end]] >= min_p_wrong
        if set(ranking.sorted_cells[first:end][likely].tolist()) - decided:
            found.add(clip_id)
    return found
