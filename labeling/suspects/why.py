"""Why a cell is a suspect, in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """What speaks for the doubt about one cell, as `stored_ranking.Ranking` has it; None is not known.

    ``given``: the label says present. ``partner`` is the name of a swap's other class, "" for none.
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


def why(name: str, evidence: Evidence) -> str:
    """``cardinal: 0.97 in 3.1 s to 4.4 s, unlisted; typical of listed clips: 0.81; 3 of 3 runs agree``.

    ``name`` is the class's, and data: escape the line as it is shown.
    """
    return f"{name}: {reason(evidence)}"


def reason(evidence: Evidence) -> str:
    """The line without the class's name, for where that stands beside it."""
    return "; ".join(filter(None, (_heard(evidence), support(evidence))))


def support(evidence: Evidence) -> str:
    """What stands behind it: how the class is elsewhere, and who agrees; "" where nothing is known."""
    parts = []
    if evidence.typical is not None:
        parts.append(f"typical of listed clips: {evidence.typical:.2f}")
    if evidence.runs > 1:
        parts.append(f"{evidence.runs_agree} of {evidence.runs} runs agree")
    if evidence.neighbours is not None:
        parts.append(f"{round(10 * evidence.neighbours)} in 10 similar stretches list it")
    return "; ".join(parts)


def _heard(evidence: Evidence) -> str:
    """The highest frame and where, or the clip's probability where no frame is known; and what the label says."""
    stretch = math.isfinite(evidence.offset_s) and evidence.offset_s > evidence.onset_s
    if stretch and math.isfinite(evidence.framewise_max):
        most = "at most " if evidence.given else ""
        heard = f"{most}{evidence.framewise_max:.2f} in {evidence.onset_s:.1f} s to {evidence.offset_s:.1f} s"
    else:
        heard = f"{evidence.clipwise:.2f} in the clip"
    listed = "listed" if evidence.given else "unlisted"
    if not evidence.partner:
        return f"{heard}, {listed}"
    instead = f"{evidence.partner} instead" if evidence.given else f"in place of {evidence.partner}"
    return f"{heard}, {listed}, perhaps {instead}"
