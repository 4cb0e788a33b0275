import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import ConfigError
from labeling.runs.landmarks import Copy
from models.config import FoldConfig
from models.folds.making import TooFewGroups, assign_groups, check_groups, group_counts, make_folds, merge_groups
from tests.support.training.folds import clip


@given(st.lists(st.integers(0, 9), min_size=20, max_size=60), st.integers(2, 4), st.integers(0, 3))
def test_a_group_never_crosses_folds_and_no_fold_is_empty(groups, n_folds, seed):
    clips = [clip(i, f"g{g}") for i, g in enumerate(groups)]
    present = np.random.default_rng(seed).random((len(clips), 5)) > 0.7
    if len(set(groups)) < n_folds:
        with pytest.raises(ConfigError, match="groups"):
            make_folds(clips, present, n_folds, seed)
        return
    plan = make_folds(clips, present, n_folds, seed)
    for g in set(groups):
        assert len(set(plan.fold[np.array(groups) == g])) == 1
    assert set(plan.fold) == set(range(n_folds))
    again = make_folds(clips, present, n_folds, seed)
    assert (again.fold == plan.fold).all()


def test_too_few_groups_name_the_remedies():
    clips = [clip(i, f"g{i % 3}") for i in range(9)]
    with pytest.raises(TooFewGroups, match=r"4 folds need at least 4 groups.* form 3 .*set folds.folds = 3, or set "
                                           r"folds.by = recording") as told:  # fmt: skip
        make_folds(clips, np.ones((9, 1), bool), 4, 0)
    assert (told.value.groups, told.value.fewer, told.value.by_recording) == (3, 3, True)
    with pytest.raises(TooFewGroups, match=r"form 1 .*; set folds.by = recording"):
        make_folds([clip(0, "a"), clip(1, "a")], np.ones((2, 1), bool), 2, 0)
    with pytest.raises(TooFewGroups, match=r"form 1 .*; import more clips"):
        make_folds([clip(0, "a", "h"), clip(1, "b", "h")], np.ones((2, 1), bool), 2, 0)


def test_folds_by_recording_part_a_group_but_no_copies_and_say_so():
    clips = [clip(i, "all", f"h{max(1, i)}") for i in range(8)]
    plan = make_folds(clips, np.ones((8, 1), bool), 4, 0, copies=[(6, 7)], by_recording=True)
    assert set(plan.fold) == {0, 1, 2, 3}
    assert plan.fold[0] == plan.fold[1]
    assert plan.fold[6] == plan.fold[7]
    assert "folds.by = recording" in plan.warnings[0]


def test_what_is_known_before_any_sound_is_read_counts():
    day = {"author": "Ann", "date": "2024-05-01"}
    clips = [dataclasses.replace(clip(i), metadata=day) for i in range(6)]  # one outing
    with pytest.raises(TooFewGroups, match="the 6 clips form 1"):
        check_groups(clips, FoldConfig(folds=3))
    check_groups(clips, FoldConfig(folds=3, same_outing=False))
    check_groups(clips, FoldConfig(folds=3, by="recording"))
    copies = [Copy(i, i + 1, 0.0, 5.0, 1.0) for i in range(4)]
    with pytest.raises(TooFewGroups, match="form 2 "):
        check_groups(clips, FoldConfig(folds=3, by="recording"), copies)


def test_labels_are_spread_evenly_and_better_than_by_chance():
    rng = np.random.default_rng(0)
    n, k = 400, 4
    group = np.arange(n) // 4
    rare = rng.random((n, 20)) < np.linspace(0.03, 0.3, 20)
    counts = group_counts(group, rare, n // 4)

    def spread(fold_of_group):
        share = np.stack([counts[fold_of_group == f].sum(0) for f in range(k)]) / counts.sum(0)
        return np.abs(share - 1 / k).max()

    ours = spread(assign_groups(counts, k, 0))
    chance = [spread(rng.permutation(np.arange(n // 4) % k)) for _ in range(20)]
    assert ours < 0.6 * min(chance)
    assert ours < 0.15


def test_every_class_has_positives_to_train_on_where_it_can():
    clips = [clip(i, f"g{i}") for i in range(12)]
    present = np.zeros((12, 3), bool)
    present[:, 0] = True
    present[[2, 7], 1] = True
    present[[5], 2] = True
    for seed in range(5):
        plan = make_folds(clips, present, 3, seed, classes=("common", "twice", "once"))
        assert plan.fold[2] != plan.fold[7]
        assert ["once" in warning for warning in plan.warnings] == [True]


def test_ungrouped_clips_are_counted_and_warned_of():
    clips = [clip(0, "a"), clip(1, "a"), clip(2), clip(3), clip(4)]
    plan = make_folds(clips, np.ones((5, 1), bool), 2, 0)
    assert plan.n_ungrouped == 3
    assert "3 of 5 clips have no group" in plan.warnings[0]
    assert make_folds([*clips[:2], clip(5, "b")], np.ones((3, 1), bool), 2, 0).warnings == ()


def test_copies_and_equal_content_join_groups_through_chains():
    clips = [clip(0, "a"), clip(1, "a", "h1"), clip(2, "b", "h1"), clip(3, "c"), clip(4), clip(5)]
    assert merge_groups(clips).tolist() == [0, 0, 0, 1, 2, 3]
    assert merge_groups(clips, [(3, 2), (5, 4)]).tolist() == [0, 0, 0, 0, 1, 1]


def test_count_of_copies():
    clips = [dataclasses.replace(clip(i, f"g{i}"), content_hash="same" if i < 3 else f"h{i}") for i in range(6)]
    plan = make_folds(clips, np.ones((6, 1), bool), 2, 0, copies=[(4, 5)])
    assert plan.n_copies == 3  # two of the same bytes, one pair that sounds the same
    assert len(set(plan.fold[:3])) == 1
