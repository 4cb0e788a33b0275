"""The strong labels at a position of the journal: each event once, whoever drew it.

Two reviewers who mark one call draw two boxes. Boxes of one class in one clip that different reviewers drew, and that
share at least half of the time (and of the band) that they cover together, are one event: the latest one stands for it,
as the latest verdict does, and bears all their names. Boxes of one reviewer are as many events as that reviewer drew,
but for one drawn twice to the same bounds. Boxes that share less stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.journal import versions
from labeling.journal.rules import LabelRule
from labeling.records import Box, Region

SHARED = 0.5  # intersection over union, as events are usually matched


@dataclass(frozen=True)
class StrongLabel:
    """An event of a class in a clip. ``reviewers`` drew it, first to last, in ``boxes`` boxes."""

    filename: str
    region: Region
    class_code: str
    reviewers: tuple[str, ...]
    boxes: int

    @property
    def row(self) -> tuple[object, ...]:
        """As strong_labels.csv has it."""
        return (self.filename, *astuple(self.region), self.class_code, "; ".join(self.reviewers))


def strong_labels(connection: Connection, position: int, rule: LabelRule = versions.BY_LATEST) -> list[StrongLabel]:
    """All of the workspace, clip by clip; ``rule`` is the label version's."""
    names = {clip_id: filename for filename, clip_id in store.clip_ids_by_filename(connection).items()}
    return [
        StrongLabel(
            names[clip_id],
            boxes[-1].region,
            state.class_code,
            tuple(dict.fromkeys(box.reviewer for box in boxes)),
            len(boxes),
        )
        for clip_id, states in versions.corrected_clips(connection, position, rule=rule)
        for state in states
        for boxes in events_of([box for box in state.boxes if box.present])
    ]


def events_of(boxes: Sequence[Box]) -> list[list[Box]]:
    """The boxes of one cell, oldest first, put together by event; each event's boxes oldest first."""
    events: list[list[Box]] = []
    for box in boxes:
        same = [event for event in events if _joins(box, event)]
        if same:
            max(same, key=lambda event: shared(box.region, event[-1].region)).append(box)
        else:
            events.append([box])
    return events


def _joins(box: Box, event: Sequence[Box]) -> bool:
    if any(box.region == other.region for other in event):
        return True
    return box.reviewer not in {other.reviewer for other in event} and shared(box.region, event[-1].region) >= SHARED


def shared(one: Region, other: Region) -> float:
    """Intersection over union in time, or that of the bands where both have one and it is less."""
    in_time = _overlap(one.onset_s, one.offset_s, other.onset_s, other.offset_s)
    if one.low_hz is None or one.high_hz is None or other.low_hz is None or other.high_hz is None:
        return in_time
    return min(in_time, _overlap(one.low_hz, one.high_hz, other.low_hz, other.high_hz))


def _overlap(first: float, first_end: float, second: float, second_end: float) -> float:
    return max(0.0, min(first_end, second_end) - max(first, second)) / (max(first_end, second_end) - min(first, second))
