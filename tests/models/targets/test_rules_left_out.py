"""targets.py: cells that a look at the whole collection leaves out of the loss."""

import numpy as np
import pytest

from labeling.predictions.oof import Oof
from labeling.records import FrameGrid, Labels
from models.config.targets import TargetConfig
from models.targets.rules import confidently_wrong, likely_missing, make_rule, truths_of


def collection(present, clipwise, unsure=None, reviewed=None, known=None):
    """Labels of n clips, and a teacher that knows the clips ``known``, the last one first."""
    n, n_classes = present.shape
    classes = tuple(f"c{i}" for i in range(n_classes))
    none = np.zeros_like(present)
    labels = Labels(
        clip_ids=np.arange(n),
        filenames=tuple(f"{i}.wav" for i in range(n)),
        classes=classes,
        present=present,
        unsure=none if unsure is None else unsure,
        reviewed=none if reviewed is None else reviewed,
        primary=np.full(n, -1, dtype=np.int32),
    )
    rows = np.arange(n)[::-1] if known is None else np.asarray(known)[::-1]
    teacher = Oof(
        clip_ids=rows,
        filenames=tuple(f"{i}.wav" for i in rows),
        classes=classes[::-1],
        clipwise=clipwise[rows][:, ::-1].astype(np.float32),
        offsets=np.zeros(len(rows) + 1, dtype=np.int64),
        fold=np.zeros(len(rows), dtype=np.int32),
        grid=FrameGrid(0, 1, 1),
        label_version=1,
        label_hash="",
        framewise=np.zeros((0, n_classes), dtype=np.float16),
    )
    return labels, teacher


def weights(config, labels, teacher):
    rule = make_rule(config)
    truths = truths_of(labels, range(len(labels.clip_ids)), teacher, config)
    return np.stack([rule(truth, 0, 1)[1] for truth in truths])


def test_the_likeliest_share_of_a_classs_absent_cells_is_masked():
    p = np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3], [0.9, 0.4], [0.95, 0.5], [0.6, 0.1]])
    present = np.zeros((6, 2), dtype=bool)
    present[4, 0] = True
    # class 0: 5 candidates, the likeliest 2 of them rows 3 and 1; class 1: 6 candidates, 2 of them
    labels, teacher = collection(present, p)
    weight = weights(TargetConfig(teacher="t", mask_missing_share=0.4), labels, teacher)
    assert np.flatnonzero(weight[:, 0] == 0).tolist() == [1, 3]
    assert np.flatnonzero(weight[:, 1] == 0).tolist() == [0, 4]
    # a reviewed absence and an unsure cell are no candidates, so that others of 4 and of 5 come in question
    reviewed, unsure = np.zeros_like(present), np.zeros_like(present)
    reviewed[3, 0] = unsure[0, 1] = True
    labels, teacher = collection(present, p, unsure, reviewed)
    weight = weights(TargetConfig(teacher="t", mask_missing_share=0.5), labels, teacher)
    assert np.flatnonzero(weight[:, 0] == 0).tolist() == [1, 2]
    assert np.flatnonzero(weight[:, 1] == 0).tolist() == [0, 3, 4]
    # nor is a clip that the teacher does not know
    labels, teacher = collection(present, p, known=[0, 2, 5])
    weight = weights(TargetConfig(teacher="t", mask_missing_share=0.4), labels, teacher)
    assert np.argwhere(weight == 0).tolist() == [[0, 1], [2, 0]]


def test_a_share_is_rounded_down_and_ties_go_by_row():
    p = np.full((100, 1), 0.5, dtype=np.float32)
    candidates = np.ones((100, 1), dtype=bool)
    for share, count in ((0.009, 0), (0.01, 1), (0.29, 29), (0.299, 29), (1.0, 100)):
        assert np.flatnonzero(likely_missing(p, candidates, share)).tolist() == list(range(count))


def noisy(seed, n=300, n_classes=4):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, n_classes)) < 0.3
    p = np.clip(np.where(truth, 0.75, 0.2) + 0.2 * rng.standard_normal((n, n_classes)), 0.001, 0.999)
    return truth ^ (rng.random((n, n_classes)) < 0.1), p.astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1])
def test_confident_learning_is_cleanlabs(seed):
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    present, p = noisy(seed)
    listed = [np.flatnonzero(row).tolist() for row in present]
    expected = find_multilabel_issues_per_class(listed, p.astype(np.float64), filter_by="confident_learning", n_jobs=1)
    found = confidently_wrong(p, present, np.ones_like(present))
    np.testing.assert_array_equal(found, expected)
    assert 20 < found.sum() < 400


def test_confident_learning_by_hand():
    """Present p 0.9 0.8 0.1, absent p 0.2 0.3 0.85: the mean of p over present is 0.6, of 1 - p over absent 0.55.

    The third is confidently absent (1 - 0.1 >= 0.55, 0.1 < 0.6), the sixth confidently present (0.85 >= 0.6).
    """
    p = np.array([[0.9], [0.8], [0.1], [0.2], [0.3], [0.85]], dtype=np.float32)
    present = np.array([[1], [1], [1], [0], [0], [0]], dtype=bool)
    known = np.ones_like(present)
    assert np.flatnonzero(confidently_wrong(p, present, known)).tolist() == [2, 5]
    for only in (present, ~present):
        assert not confidently_wrong(p, only & present, only).any()


def test_only_listed_cells_that_nobody_reviewed_are_removed():
    present, p = noisy(2)
    unsure = np.zeros_like(present)
    unsure[::7] = True
    present &= ~unsure
    reviewed = np.zeros_like(present)
    reviewed[1::3] = True
    labels, teacher = collection(present, p, unsure, reviewed)
    weight = weights(TargetConfig(teacher="t", remove="confident_learning"), labels, teacher)
    expected = confidently_wrong(p, present, ~unsure) & present & ~reviewed
    np.testing.assert_array_equal(weight == 0, expected | unsure & ~reviewed | unsure)
    assert expected.any(axis=0).all()
