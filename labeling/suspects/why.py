"""Why a cell is a suspect, in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """What speaks for the doubt about one cell, as `stored_ranking.Ranking` has it; None is not known.

    ``given``: the label says present. ``partner`` is the name of a swap's other class, ``contested`` what
    contradicts the label beside any model (contested.py); "" for none.
    """

    given: bool
    clipwise: float
    framewise_max: float
    onset_s: float
    offset_s: float
    runs: int = 1
    runs_agree: int = 1
    neighbours: float | None = None
    typical: float | None = None
    partner: str = ""
    contested: str = ""


def why(name: str, reason: Reason) -> str:
    """``cardinal: 0.97 in 3.1 s to 4.4 s, unlisted; typical of listed clips: 0.81; 3 of 3 runs agree``.

    ``name`` is the class's, and data: escape the line as it is shown.
    """
    return f"{name}: {without_name(reason)}"


def without_name(reason: Reason) -> str:
    """The line without the class's name, for where that stands beside it."""
    return "; ".join(filter(None, (_heard(reason), support(reason))))


def support(reason: Reason) -> str:
    """What stands behind it: what contradicts the label, how the class is elsewhere, who agrees; "" for nothing."""
    parts = [reason.contested] if reason.contested else []
    if reason.typical is not None:
        parts.append(f"typical of listed clips: {reason.typical:.2f}")
    if reason.runs > 1:
        parts.append(f"{reason.runs_agree} of {reason.runs} runs agree")
    if reason.neighbours is not None:
        parts.append(f"{round(10 * reason.neighbours)} in 10 similar stretches list it")
    return "; ".join(parts)


def _heard(reason: Reason) -> str:
    """The highest frame and where, or the clip's probability where no frame is known; and what the label says."""
    stretch = math.isfinite(reason.offset_s) and reason.offset_s > reason.onset_s
    if stretch and math.isfinite(reason.framewise_max):
        most = "at most " if reason.given else ""
        heard = f"{most}{reason.framewise_max:.2f} in {reason.onset_s:.1f} s to {reason.offset_s:.1f} s"
    else:
        heard = f"{reason.clipwise:.2f} in the clip"
    listed = "listed" if reason.given else "unlisted"
    if not reason.partner:
        return f"{heard}, {listed}"
    instead = f"{reason.partner} instead" if reason.given else f"in place of {reason.partner}"
    return f"{heard}, {listed}, perhaps {instead}"
