"""What a chunk of a clip is trained towards, behind a registry of rules.

A rule maps a clip and a stretch of it to (targets (C,), weight (C,)), both float32; weight 0 masks a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.records import Event, Labels
from labeling.registry import Registry


@dataclass(frozen=True)
class ClipTruth:
    """What is known of one clip: ``present`` and ``unsure`` (C,) bool, and the events heard in it."""

    present: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    events: tuple[Event, ...] = ()


Target = tuple[NDArray[np.float32], NDArray[np.float32]]
TargetRule = Callable[[ClipTruth, float, float], Target]
TARGET_RULES: Registry[TargetRule] = Registry("target rule")


def truths_of(labels: Labels, rows: Sequence[int]) -> list[ClipTruth]:
    """The labels' rows as one ClipTruth each."""
    events: dict[int, list[Event]] = {}
    for event in labels.events:
        events.setdefault(event.clip_index, []).append(event)
    return [ClipTruth(labels.present[row], labels.unsure[row], tuple(events.get(row, ()))) for row in rows]


@TARGET_RULES.register("clip")
def clip_label(truth: ClipTruth, onset_s: float, offset_s: float) -> Target:
    """The clip's label as it is, unsure cells masked; reviewed regions override it in the chunk (seconds)."""
    targets = truth.present.astype(np.float32)
    weight = (~truth.unsure).astype(np.float32)
    return apply_regions(truth, onset_s, offset_s, targets, weight)


def apply_regions(
    truth: ClipTruth, onset_s: float, offset_s: float, targets: NDArray[np.float32], weight: NDArray[np.float32]
) -> Target:
    """Let reviewed regions decide: every rule ends with this.

    A class with events heard present is 1 where the chunk meets one of them and 0 where it meets none. A class
    marked absent in a region is 0 where the chunk lies within it, unless an event says otherwise.
    """
    decided: dict[int, float] = {}
    for event in truth.events:
        region, column = event.region, event.class_index
        if event.present:
            meets = region.onset_s < offset_s and onset_s < region.offset_s
            decided[column] = max(decided.get(column, 0.0), float(meets))
        elif region.onset_s <= onset_s and offset_s <= region.offset_s:
            decided.setdefault(column, 0.0)
    for column, value in decided.items():
        targets[column], weight[column] = value, 1.0
    return targets, weight
