"""Errors found against decisions made: the curve of one order, what it comes to, and the two it is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.storage.csvsafe import csv_bytes

RANDOM, BEST = "random", "best possible"
MOST_POINTS = 1_000  # of a curve as it is kept: more than a screen is wide
COLUMNS = ("scorer", "order", "decisions", "seconds", "found", "spoiled", "errors", "share_found")


@dataclass(frozen=True)
class Curve:
    """What came of working through one order; arrays (K,), a place a decision, counted from the first.

    ``seconds``: estimated listening. ``corrections``: wrong labels put right; ``spoiled``: right ones made wrong; both
    fall where a second look says otherwise. At the end ``missed`` wrong labels stand that were heard, and ``again``
    decisions were second looks at verdicts that the evidence spoke against. ``scorer`` is "" for the references RANDOM
    and BEST. ``retrained``: (decisions made by then, run that scores from there on).
    """

    scorer: str
    order: str
    seconds: NDArray[np.float64]
    corrections: NDArray[np.float64]
    spoiled: NDArray[np.float64]
    retrained: tuple[tuple[int, str], ...] = ()
    missed: int = 0
    again: int = 0

    def __len__(self) -> int:
        return len(self.corrections)


@dataclass(frozen=True)
class Summary:
    """A curve in numbers; None: not reached. ``in_first_n``: found in as many decisions as there are errors.

    ``area``: mean share of the errors that was found over all ``horizon`` decisions; 1 would be all of them at once.
    ``missed`` and ``again`` are the curve's.
    """

    decisions: int
    found: float
    spoiled: float
    seconds: float
    decisions_50: int | None
    decisions_90: int | None
    seconds_50: float | None
    seconds_90: float | None
    in_first_n: float
    area: float
    missed: int = 0
    again: int = 0


def summarise(curve: Curve, errors: int, horizon: int) -> Summary:
    """Put a curve of found errors into numbers.

    Parameters
    ----------
    curve : Curve
        One that ended earlier than ``horizon`` stays where it was.
    errors : int
        How many labels are wrong, above 0.
    horizon : int
        How many decisions count.

    Returns
    -------
    Summary

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.replay.curves import Curve, summarise
    >>> found = np.array([1.0, 2.0, 2.0, 3.0])
    >>> curve = Curve("earmark", "rank", np.array([5.0, 9.0, 14.0, 20.0]), found, np.zeros(4))
    >>> summary = summarise(curve, errors=4, horizon=4)
    >>> summary.decisions_50, summary.decisions_90, summary.seconds_50, summary.area
    (2, None, 9.0, 0.5)
    """
    errors_found = np.asarray(curve.corrections[:horizon], np.float64)
    length = len(errors_found)

    def reached(share: float) -> tuple[int | None, float | None]:
        at = int(np.searchsorted(np.maximum.accumulate(errors_found), share * errors - 1e-9))
        return (at + 1, float(curve.seconds[at])) if at < length else (None, None)

    last = float(errors_found[-1]) if length else 0.0
    half, most = reached(0.5), reached(0.9)
    return Summary(
        decisions=length,
        found=last,
        spoiled=float(curve.spoiled[length - 1]) if length else 0.0,
        seconds=float(curve.seconds[length - 1]) if length else 0.0,
        decisions_50=half[0],
        decisions_90=most[0],
        seconds_50=half[1],
        seconds_90=most[1],
        in_first_n=float(errors_found[min(errors, length) - 1]) if length else 0.0,
        area=(float(errors_found.sum()) + last * (horizon - length)) / (errors * horizon) if horizon else 0.0,
        missed=curve.missed,
        again=curve.again,
    )


def random_reference(cells: int, catches: int, spoils: int, mean_s: float, horizon: int) -> Curve:
    """What an order by chance finds on average: of ``cells``, ``catches`` would be put right and ``spoils`` spoiled."""
    decisions = np.arange(1, min(horizon, cells) + 1, dtype=np.float64)
    part = decisions / max(1, cells)
    return Curve("", RANDOM, decisions * mean_s, catches * part, spoils * part)


def best_reference(catches: int, costs_s: NDArray[np.float64], horizon: int) -> Curve:
    """What no order can beat: every decision finds an error, the cheapest first, until there is none left.

    ``costs_s`` are the seconds of those whose stretch is known; the others cost what these do on average.
    """
    count = min(horizon, catches)
    known = np.sort(costs_s)[:count]
    rest = np.full(count - len(known), known.mean() if len(known) else 0.0)
    errors_found = np.arange(1, count + 1, dtype=np.float64)
    return Curve("", BEST, np.cumsum(np.concatenate([known, rest])), errors_found, np.zeros(count))


def points(curve: Curve, most: int = MOST_POINTS) -> dict[str, list[float]]:
    """A curve's decisions, seconds, found and spoiled from 0 on, at no more than about ``most`` places."""
    at = np.unique(np.linspace(0, len(curve), min(most, len(curve)) + 1).round().astype(np.int64))
    columns = {"seconds": curve.seconds, "found": curve.corrections, "spoiled": curve.spoiled}
    picked = {name: np.concatenate([[0.0], values])[at].round(4).tolist() for name, values in columns.items()}
    return {"decisions": at.tolist(), **picked}


def curves_csv(curves: Iterable[Curve], errors: int) -> bytes:
    """All curves as one CSV with the columns COLUMNS, a row a place of `points`."""
    rows: list[Sequence[object]] = []
    for curve in curves:
        for decisions, seconds, errors_found, spoiled in zip(*points(curve).values(), strict=True):
            share = round(errors_found / errors, 6)
            rows.append((curve.scorer, curve.order, decisions, seconds, errors_found, spoiled, errors, share))
    return csv_bytes(COLUMNS, rows)


def as_json(curve: Curve, errors: int, horizon: int) -> dict[str, object]:
    """A curve as a replay keeps it: who, its `points`, its summary."""
    return {
        "scorer": curve.scorer,
        "order": curve.order,
        "retrained": [list(retraining) for retraining in curve.retrained],
        "points": points(curve),
        "summary": asdict(summarise(curve, errors, horizon)),
    }
