import numpy as np
import pytest

from labeling.errors import UnknownName
from labeling.records import Event, Labels, Region
from models.targets import TARGET_RULES, ClipTruth, truths_of

A, B, C = 0, 1, 2
PRESENT = np.array([True, False, True])
UNSURE = np.array([False, True, False])
rule = TARGET_RULES.get("clip")


def event(column, onset_s, offset_s, present=True, clip=0):
    return Event(clip, column, Region(onset_s, offset_s), present)


def test_clip_label_as_it_is_with_unsure_masked():
    targets, weight = rule(ClipTruth(PRESENT, UNSURE), 0, 5)
    assert targets.tolist() == [1, 0, 1]
    assert weight.tolist() == [1, 0, 1]
    assert targets.dtype == weight.dtype == np.float32
    assert PRESENT.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"),
    [(0, 2, 0), (0, 2.5, 1), (2, 3, 1), (3.9, 6, 1), (4, 6, 0), (1, 10, 1), (7, 8, 0), (8.5, 9, 1)],
)
def test_events_decide_where_they_lie(onset_s, offset_s, expected):
    truth = ClipTruth(PRESENT, UNSURE, (event(A, 2, 4), event(A, 8.4, 9)))
    targets, weight = rule(truth, onset_s, offset_s)
    assert targets[A] == expected
    assert weight[A] == 1
    assert targets[C] == 1


def test_an_event_unmasks_an_unsure_cell():
    targets, weight = rule(ClipTruth(PRESENT, UNSURE, (event(B, 2, 4),)), 1, 3)
    assert (targets[B], weight[B]) == (1, 1)


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"), [(2, 4, 0), (2.5, 3, 0), (1.9, 3, 1), (3, 4.1, 1), (5, 6, 1)]
)
def test_a_region_marked_absent_counts_only_for_chunks_within(onset_s, offset_s, expected):
    targets, _ = rule(ClipTruth(PRESENT, UNSURE, (event(A, 2, 4, present=False),)), onset_s, offset_s)
    assert targets[A] == expected


def test_present_wins_over_absent_in_either_order():
    both = (event(A, 2, 4, present=False), event(A, 3, 3.5))
    for events in (both, both[::-1]):
        assert rule(ClipTruth(PRESENT, UNSURE, events), 2.5, 3.2)[0][A] == 1
        assert rule(ClipTruth(PRESENT, UNSURE, events), 2, 2.9)[0][A] == 0


def test_truths_follow_rows():
    present = np.eye(3, dtype=bool)
    labels = Labels(
        clip_ids=np.arange(3),
        filenames=("a", "b", "c"),
        classes=("x", "y", "z"),
        present=present,
        unsure=~present,
        reviewed=present,
        primary=np.arange(3, dtype=np.int32),
        events=(event(A, 0, 1, clip=2), event(B, 0, 1, clip=0), event(C, 1, 2, clip=2)),
    )
    first, second = truths_of(labels, [2, 1])
    assert first.present.tolist() == [False, False, True]
    assert [one.class_index for one in first.events] == [A, C]
    assert second.events == ()


def test_unknown_rule():
    with pytest.raises(UnknownName, match="clip"):
        TARGET_RULES.get("clips")
