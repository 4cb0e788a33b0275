"""A threshold in sentences."""

from __future__ import annotations

import math

from labeling.activity.threshold import Range, Threshold


def words_of(found: Threshold) -> str:
    """A threshold, in sentences of a line each.

    >>> from labeling.activity.threshold import Range, Threshold
    >>> none = Range(float("nan"), float("nan"), float("nan"))
    >>> words_of(Threshold(0.9, 0.1, 60, none, none, none, 0, none, none))
    'no score reaches a precision of 0.9, by 60 verdicts; hear more, or ask for less'
    """
    if math.isnan(found.score.value):
        lowest = f", though one from {found.score.low:.3f} on may" if not math.isnan(found.score.low) else ""
        return (
            f"no score reaches a precision of {found.wanted:g}, by {found.heard:,} verdicts{lowest}; "
            "hear more, or ask for less"
        )
    lines = [
        f"detections that score {found.score.value:.3f} or more {likely(found.score)} reach a precision of "
        f"{found.wanted:g}, by {found.heard:,} verdicts",
        f"there are {found.detections:,} of them; {found.precision.value:.2f} {likely(found.precision, 2)} are right, "
        f"and they hold {found.recall.value:.2f} {likely(found.recall, 2)} of the windows with the class among those "
        f"that score {found.floor:g} or more",
    ]
    if not math.isnan(found.each.value):
        lines.append(
            f"a single detection is right with a chance of {found.wanted:g} where it scores {found.each.value:.3f} "
            f"{likely(found.each)}"
        )
    return "\n".join(lines)


def likely(found: Range, places: int = 3) -> str:
    """The interval of a number, in words."""
    low = f"{found.low:.{places}f}"
    return f"(likely {low} or more)" if math.isnan(found.high) else f"(likely {low} to {found.high:.{places}f})"
