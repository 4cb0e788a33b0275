"""The whole of what a filter leaves, in order, kept for a while: a screen that scrolls reads it part by part.

What changes while people work makes another listing: entries of the journal, and marks. One that a screen began with is
kept beside it, so that no row is passed over or comes twice while one scrolls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.journal import looks
from labeling.quality.scored_run import ScoredRun
from labeling.storage import tables
from labeling.storage.kept import Kept
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.worth import LOOK_S
from labeling.team import assignments


@dataclass(frozen=True)
class Listing:
    """``places`` (n,) of a ranking that a filter left, in the queue's order, and the `version_of` all at that time."""

    version: str
    places: NDArray[np.int32]

    @property
    def position(self) -> int:
        """The journal's end when it was read."""
        return int(self.version.split(".")[0])


_listings: Kept[Listing] = Kept(8)  # each 4 MB a million suspects


def version_of(connection: Connection) -> str:
    """What all that changes a listing goes by: the journal's end, and the newest mark."""
    newest = connection.scalar(sa.select(sa.func.max(tables.marks.c.id))) or 0
    return f"{journal.position(connection)}.{newest}"


def read_listing(
    connection: Connection, run: ScoredRun, wanted: QueueFilter, version: str = "", *, look_s: float = LOOK_S
) -> Listing:
    """The listing of a filter as it was at a version, where it is kept still; else, and without one, as it is now.

    ``look_s`` is the reviewer's pace, for the order ``worth``.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.quality.scored_run import read_scored_run
    >>> from labeling.suspects.filter import QueueFilter
    >>> from labeling.suspects.listing import read_listing
    >>> with example_workspace().read() as connection:
    ...     run = read_scored_run(connection, "001-demo", "earmark")
    ...     read_listing(connection, run, QueueFilter(order="rank")).places[:3].tolist()
    [0, 1, 2]
    """
    now = version_of(connection)

    def read() -> Listing:
        return Listing(now, queue.places(connection, run, wanted, None, look_s=look_s).astype(np.int32))

    team = looks.needed(connection), assignments.version(connection) if wanted.mine else None
    key = (run, wanted, look_s, team)
    return _listings.get((*key, version if (*key, version) in _listings else now), read)
