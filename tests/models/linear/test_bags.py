"""models/linear/bags.py: which stretches are a clip's, and what clips and stretches are trained towards."""

from __future__ import annotations

import numpy as np

from labeling.embeddings.space import Space
from labeling.records import Event, Region
from models.config import TargetConfig
from models.linear.bags import Bags, bags_of, lesson_of
from models.targets.rules import ClipTruth
from tests.support.workspaces.tiny_space import FACTS


def five_stretches() -> Bags:
    time_s = np.array([0, 1, 2, 3, 0], np.float32)
    return Bags(np.eye(5, dtype=np.float32), np.array([0, 4, 5]), time_s, time_s + 1)


def truth(present: list[bool], unsure: list[bool] | None = None, events: tuple[Event, ...] = ()) -> ClipTruth:
    nothing = np.zeros(len(present), bool)
    return ClipTruth(np.array(present), np.array(unsure or nothing), nothing, events=events)


def test_the_stretches_of_clips_in_any_order_and_of_one_that_is_not_there() -> None:
    ids = np.array([3, 3, 7, 7, 7])
    time_s = np.arange(5, dtype=np.float32)
    space = Space(FACTS, np.eye(5, 8, dtype=np.float16), ids, time_s, time_s + 1)
    bags = bags_of(space, [7, 5, 3])
    assert bags.first.tolist() == [0, 3, 3, 5]
    assert bags.onset_s.tolist() == [2, 3, 4, 0, 1]
    assert bags.take(np.array([2, 0])).onset_s.tolist() == [0, 1, 2, 3, 4]


def test_clips_teach_their_labels_and_unsure_cells_nothing() -> None:
    lesson = lesson_of(five_stretches(), [truth([True, False], [False, True]), truth([False, True])], [4, 1], CONFIG)
    assert lesson.targets.tolist() == [[1, 0], [0, 1]]
    assert lesson.weight.tolist() == [[1, 0], [1, 1]]
    assert len(lesson) == 2


def test_regions_teach_the_stretches_that_they_meet() -> None:
    heard = (Event(0, 0, Region(0.5, 1.5)), Event(0, 1, Region(0.0, 2.0), present=False))
    lesson = lesson_of(five_stretches(), [truth([True, False], events=heard), truth([False, True])], [4, 1], CONFIG)
    stretches = lesson.clip[2:].tolist(), lesson.bags.vectors[5:].argmax(1).tolist()
    assert stretches == ([0, 0, 0, 0], [0, 1, 2, 3])
    assert lesson.targets[2:, 0].tolist() == [1, 1, 0, 0], "0-1 and 1-2 meet the region"
    assert lesson.weight[2:, 0].tolist() == [0.5, 0.5, 0.5, 0.5]
    assert lesson.targets[2:, 1].tolist() == [0, 0, 0, 0]
    assert lesson.weight[2:, 1].tolist() == [0.5, 0.5, 0, 0], "absent within the region alone"
    only_second = lesson.of_clips(np.array([False, True]))
    assert only_second.targets.tolist() == [[0, 1]]
    assert len(lesson.of_clips(np.array([True, False]))) == 5


CONFIG = TargetConfig()
