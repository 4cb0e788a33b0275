"""What the next hour of listening brings: a reviewer's pace, and what the calibration says of what lies ahead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.quality.scored_run import ScoredRun
from labeling.review import second_looks
from labeling.review.second_looks import Shares
from labeling.reviewer import preferences
from labeling.reviewer.pace import today
from labeling.storage import tables


@dataclass(frozen=True)
class HourYield:
    """What the next hour brings at a reviewer's pace: ``found`` wrong labels, 95 % from ``low`` to ``high``.

    ``decisions`` of the hour are made in ``clips`` clips; those that are random or second looks find nothing here.
    """

    clips: float
    decisions: float
    found: float
    low: float
    high: float
    ends: bool = False  # all that lies ahead takes less than an hour


def next_hour(connection: Connection, run: ScoredRun, reviewer: str, index: NDArray[np.int64]) -> HourYield | None:
    """What an hour of going down ``index`` (places of the ranking, in the order on the screen) brings this reviewer.

    At the pace of the last day on which they worked; None where there is no pace yet, or nothing to go down.
    """
    table = tables.decisions
    last = sa.select(sa.func.max(table.c.created_at)).where(table.c.reviewer == reviewer.strip())
    moment = connection.scalar(last)
    if moment is None or not len(index):
        return None
    pace = today(connection, reviewer, now=datetime.fromisoformat(moment))
    if not (pace.per_minute and pace.seconds_a_clip):
        return None
    ahead = ahead_share(second_looks.shares_of(preferences.get_all(connection, reviewer).get("second_looks")))
    decisions = min(60 * pace.per_minute, len(index) / ahead)
    places = max(1, min(len(index), round(decisions * ahead)))
    ahead_yield = run.next_yield(index[:places])
    clips = 3600 / pace.seconds_a_clip * decisions / (60 * pace.per_minute)
    return HourYield(
        clips, decisions, ahead_yield.expected, float(ahead_yield.low), float(ahead_yield.high), places == len(index)
    )


def ahead_share(shares: Shares) -> float:
    """Which share of a reviewer's decisions answers suspects that are new to them; blind ones are.

    Of looks, ``audit`` are random; each of the others comes in a repeat look as often as ``repeat`` says.
    """
    return (1 - shares.audit) / (1 + (1 - shares.audit) * shares.repeat)
