import pkgutil
from dataclasses import replace

import numpy as np
import pytest

from labeling.errors import ArtefactError, ConfigError, UnknownName
from labeling.predictions.oof import Oof
from labeling.records import Event, FrameGrid, Labels, Region
from models.config.targets import RULES, RuleEntry, TargetConfig
from models.targets.rules import ClipTruth, Rule, make_rule, truths_of

A, B, C = 0, 1, 2
NONE = np.zeros(3, dtype=bool)
PRESENT = np.array([True, False, True])
UNSURE = np.array([False, True, False])
rule = make_rule(TargetConfig())


def event(column, onset_s, offset_s, present=True, clip=0):
    return Event(clip, column, Region(onset_s, offset_s), present)


def truth(*events, unsure=UNSURE):
    return ClipTruth(PRESENT, unsure, NONE, A, events)


# Clip "a" has four frames of 1 s: the classes w (primary), x (secondary), y (unlisted), z (unlisted).
FRAMES = np.array([[0.25, 0.25, 0.0, 0.125], [0.5, 0.375, 0.0, 0.125], [0.0, 0.75, 1.0, 0.0], [0.25, 0.0, 0.0, 0.0]])


def labels(**changed):
    value = {
        "clip_ids": np.array([7, 9]),
        "filenames": ("a", "b"),
        "classes": tuple("wxyz"),
        "present": np.array([[1, 1, 0, 0], [0, 0, 1, 0]], dtype=bool),
        "unsure": np.zeros((2, 4), dtype=bool),
        "reviewed": np.zeros((2, 4), dtype=bool),
        "primary": np.array([0, 2], dtype=np.int32),
    }
    return Labels(**(value | changed))


def oof(frames=FRAMES, clip_ids=(7,), filenames=("a",), classes="wxyz", clipwise=None):
    clipwise = np.full((len(clip_ids), len(classes)), 0.5) if clipwise is None else clipwise
    return Oof(
        clip_ids=np.array(clip_ids),
        filenames=tuple(filenames),
        classes=tuple(classes),
        clipwise=np.asarray(clipwise, dtype=np.float32),
        offsets=np.array([0] + [len(frames)] * len(clip_ids)),
        fold=np.zeros(len(clip_ids), dtype=np.int32),
        grid=FrameGrid(0, 1, 1),
        label_version=1,
        label_hash="",
        framewise=np.asarray(frames, dtype=np.float16),
    )


def made(config, onset_s, offset_s, given=None, teacher=None, member=0):
    first = truths_of(given or labels(), [0, 1], teacher or oof(), config)[0]
    targets, weight = make_rule(config, member)(first, onset_s, offset_s)
    return targets.tolist(), weight.tolist()


def test_clip_label_as_it_is_with_unsure_masked():
    targets, weight = rule(truth(), 0, 5)
    assert targets.tolist() == [1, 0, 1]
    assert weight.tolist() == [1, 0, 1]
    assert targets.dtype == weight.dtype == np.float32
    assert PRESENT.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"),
    [(0, 2, 0), (0, 2.5, 1), (2, 3, 1), (3.9, 6, 1), (4, 6, 0), (1, 10, 1), (7, 8, 0), (8.5, 9, 1)],
)
def test_events_decide_where_they_lie(onset_s, offset_s, expected):
    targets, weight = rule(truth(event(A, 2, 4), event(A, 8.4, 9)), onset_s, offset_s)
    assert targets[A] == expected
    assert weight[A] == 1
    assert targets[C] == 1


def test_an_event_unmasks_an_unsure_cell():
    targets, weight = rule(truth(event(B, 2, 4)), 1, 3)
    assert (targets[B], weight[B]) == (1, 1)


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"), [(2, 4, 0), (2.5, 3, 0), (1.9, 3, 1), (3, 4.1, 1), (5, 6, 1)]
)
def test_a_region_marked_absent_counts_only_for_chunks_within(onset_s, offset_s, expected):
    targets, _ = rule(truth(event(A, 2, 4, present=False)), onset_s, offset_s)
    assert targets[A] == expected


def test_present_wins_over_absent_in_either_order():
    both = (event(A, 2, 4, present=False), event(A, 3, 3.5))
    for events in (both, both[::-1]):
        assert rule(truth(*events), 2.5, 3.2)[0][A] == 1
        assert rule(truth(*events), 2, 2.9)[0][A] == 0


def test_truths_follow_rows():
    given = labels(
        unsure=np.array([[0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool),
        reviewed=np.array([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=bool),
        events=(event(A, 0, 1, clip=0), event(B, 0, 1, clip=1), event(C, 1, 2, clip=0)),
    )
    first, second = truths_of(given, [1, 0])
    assert (first.primary, second.primary) == (2, 0)
    assert first.present.tolist() == [False, False, True, False]
    assert second.unsure.tolist() == [False, False, False, True]
    assert second.reviewed.tolist() == [True, False, False, False]
    assert [one.class_index for one in second.events] == [A, C]
    assert [one.class_index for one in first.events] == [B]
    assert (first.teacher, first.left_out) == (None, None)


def test_every_rule_is_found():
    assert RULES.names() == ["and", "clip", "mix", "two_way"]
    for _, entry in RULES:
        assert isinstance(pkgutil.resolve_name(entry.function)(TargetConfig(), 0), Rule)


def test_unknown_rule_names_the_known():
    with pytest.raises(UnknownName, match="unknown target rule 'clips'; choose from and, clip, mix, two_way"):
        TargetConfig(rule="clips")


def make_loudest(config, member):
    return Rule(lambda given: (given.heard == given.heard.max()).astype(np.float32) * 2)


def test_a_rule_of_ones_own(monkeypatch):
    monkeypatch.setitem(RULES._things, "loudest", RuleEntry(f"{__name__}:make_loudest"))
    assert made(TargetConfig(rule="loudest", teacher="t"), 2, 3)[0] == [0, 0, 1, 0]
    with pytest.raises(ConfigError, match=r"targets\.rule = 'loudest' reads a teacher"):
        TargetConfig(rule="loudest")


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"),
    [(0, 1, [0, 0, 0, 0]), (0, 2, [1, 0, 0, 0]), (1, 3, [1, 1, 0, 0]), (2.5, 2.6, [0, 1, 0, 0]), (3, 9, [0] * 4)],
)
def test_and_keeps_labels_that_the_teacher_hears_in_the_chunk(onset_s, offset_s, expected):
    assert made(TargetConfig(rule="and", teacher="t"), onset_s, offset_s) == (expected, [1, 1, 1, 1])


def test_each_member_has_the_next_threshold():
    config = TargetConfig(rule="and", teacher="t", thresholds=(0.5, 0.25, 0.75))
    kept = [made(config, 1, 2, member=member)[0][:2] for member in range(5)]
    assert kept == [[1, 0], [1, 1], [0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"),
    [(0, 1, [1, 0, 0, 0]), (0, 2, [1, 1, 0, 0]), (2, 3, [1, 1, 1, 0]), (3, 4, [1, 0, 0, 0])],
)
def test_two_way_drops_and_adds(onset_s, offset_s, expected):
    assert made(TargetConfig(rule="two_way", teacher="t"), onset_s, offset_s)[0] == expected


def test_two_way_is_strict_at_its_bounds():
    config = TargetConfig(rule="two_way", teacher="t", keep_above=0.375, add_above=1)
    assert made(config, 1, 2)[0] == [1, 0, 0, 0]
    assert made(config, 2, 3)[0] == [1, 1, 0, 0]
    half = oof(np.array([[0, 0, 0.5, 0], [0, 0, 0.75, 0]]))
    assert made(replace(config, add_above=0.5), 0, 1, teacher=half)[0] == [1, 0, 0, 0]
    assert made(replace(config, add_above=0.5), 1, 2, teacher=half)[0] == [1, 0, 1, 0]
    assert made(replace(config, keep_above=0.37, add_above=0.1), 1, 2)[0] == [1, 1, 0, 1]


def test_two_way_trusts_no_label_of_a_clip_without_a_primary_class():
    given = labels(primary=np.array([-1, -1], dtype=np.int32))
    assert made(TargetConfig(rule="two_way", teacher="t"), 3, 4, given)[0] == [0, 0, 0, 0]
    assert made(TargetConfig(secondary="mask"), 3, 4, given) == ([1, 1, 0, 0], [1, 1, 1, 1])


def test_mix_is_seven_to_three():
    targets, weight = made(TargetConfig(rule="mix", teacher="t"), 1, 3)
    assert targets == pytest.approx([0.7 + 0.3 * 0.5, 0.7 + 0.3 * 0.75, 0.3, 0.3 * 0.125])
    assert weight == [1, 1, 1, 1]
    assert made(TargetConfig(rule="mix", teacher="t", label_share=1), 1, 3)[0] == [1, 1, 0, 0]
    assert made(TargetConfig(rule="mix", teacher="t", label_share=0), 2, 3)[0] == [0, 0.75, 1, 0]


def test_secondary_labels_kept_masked_or_softened():
    assert made(TargetConfig(), 0, 4) == ([1, 1, 0, 0], [1, 1, 1, 1])
    assert made(TargetConfig(secondary="mask"), 0, 4) == ([1, 1, 0, 0], [1, 0, 1, 1])
    targets, weight = made(TargetConfig(secondary="soft"), 0, 4)
    assert targets == pytest.approx([1, 0.6, 0, 0])
    assert weight == [1, 1, 1, 1]
    soft = {"secondary": "soft", "secondary_target": 0.5, "teacher": "t"}
    assert made(TargetConfig(rule="two_way", **soft), 2, 3)[0] == [1, 0.5, 1, 0]
    assert made(TargetConfig(rule="and", **soft), 0, 1)[0] == [0, 0, 0, 0]
    assert made(TargetConfig(rule="mix", **soft), 2, 3)[0] == pytest.approx([0.7, 0.7 * 0.5 + 0.3 * 0.75, 0.3, 0])


@pytest.mark.parametrize("rule_name", ["clip", "and", "two_way", "mix"])
@pytest.mark.parametrize("secondary", ["keep", "mask", "soft"])
def test_reviewed_cells_and_regions_override_every_rule(rule_name, secondary):
    given = labels(
        reviewed=np.array([[1, 1, 1, 0], [0, 0, 0, 0]], dtype=bool),
        unsure=np.array([[0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool),
    )
    config = TargetConfig(rule=rule_name, teacher="t", secondary=secondary, thresholds=(1,))
    # x was heard in the clip by a person, not in this chunk by the teacher; y was not, though the teacher hears it
    assert made(config, 2, 4, given) == ([1, 1, 0, 0], [1, 1, 1, 0])
    # with a region for x, also its whereabouts are known
    strong = replace(given, events=(event(1, 0, 1), event(2, 3, 4)))
    assert made(config, 2, 4, strong) == ([1, 0, 1, 0], [1, 1, 1, 0])


@pytest.mark.parametrize("rule_name", ["and", "two_way", "mix"])
def test_what_the_teacher_does_not_know_stays_as_labelled(rule_name):
    config = TargetConfig(rule=rule_name, teacher="t", thresholds=(1,))
    unknown_clip = truths_of(labels(), [0, 1], oof(), config)[1]
    assert make_rule(config)(unknown_clip, 0, 1)[0].tolist() == [0, 0, 1, 0]
    # columns are found by code, and x is none of the teacher's
    targets, _ = made(config, 0, 1, teacher=oof(np.array([[0, 0.0]]), classes="zw"))
    assert targets[1] == 1
    assert targets[2:] == [0, 0]
    # behind the teacher's last frame
    assert made(config, 8, 9)[0] == [1, 1, 0, 0]


def test_a_clip_without_frames_is_heard_clipwise():
    teacher = oof(np.zeros((0, 4)), clipwise=[[0.25, 0.75, 1, 0]])
    assert made(TargetConfig(rule="and", teacher="t"), 0, 1, teacher=teacher)[0] == [0, 1, 0, 0]
    assert made(TargetConfig(rule="two_way", teacher="t"), 0, 1, teacher=teacher)[0] == [1, 1, 1, 0]


def test_a_teacher_must_be_there_and_fit():
    config = TargetConfig(rule="and", teacher="t")
    with pytest.raises(ConfigError, match=r"targets\.teacher = 't' was not opened"):
        truths_of(labels(), [0], None, config)
    with pytest.raises(ArtefactError, match=r"none of its 2 classes \(p, q\)"):
        truths_of(labels(), [0], oof(np.zeros((1, 2)), classes="pq"), config)
    with pytest.raises(ArtefactError, match=r"none of its 1 clips \(c\)"):
        truths_of(labels(), [0], oof(filenames=("c",)), config)
    assert truths_of(labels(), [0], oof(filenames=("c",)), TargetConfig())[0].teacher is None


def test_clips_of_another_workspace_are_found_by_name():
    teacher = oof(clip_ids=(9,), filenames=("a",))
    config = TargetConfig(rule="and", teacher="t")
    first, second = truths_of(labels(), [0, 1], teacher, config)
    assert first.teacher.index == 0
    assert second.teacher is None
