import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from labeling.errors import DataError
from labeling.predictions.metrics import (
    auc,
    average_precision,
    best_f1,
    lwlrap,
    macro_average_precision,
    padded_cmap,
    score,
)
from tests.support.examples import examples

# Few distinct values, so that ties are common.
SCORES = hnp.arrays(np.float64, (12, 3), elements=st.integers(0, 6).map(lambda k: k / 6))
LABELS = hnp.arrays(np.bool_, (12, 3))


@examples(20)
@given(SCORES, LABELS)
def test_agrees_with_scikit_learn(scores, present):
    for c in range(3):
        s, y = scores[:, c], present[:, c]
        if not y.any():
            assert average_precision(s, y) is None
            assert best_f1(s, y) == (None, None)
        else:
            assert average_precision(s, y) == pytest.approx(sk.average_precision_score(y, s))
            value, threshold = best_f1(s, y)
            assert value == pytest.approx(sk.f1_score(y, s >= threshold))
            assert value == pytest.approx(max(sk.f1_score(y, s >= t) for t in np.unique(s)))
        if y.any() and not y.all():
            assert auc(s, y) == pytest.approx(sk.roc_auc_score(y, s))
        else:
            assert auc(s, y) is None
    labelled = present.any(1)
    if labelled.any():
        y, s = present[labelled], scores[labelled]
        expected = sk.label_ranking_average_precision_score(y, s, sample_weight=y.sum(1))
        assert lwlrap(scores, present) == pytest.approx(expected)
    else:
        assert lwlrap(scores, present) is None


def test_overall_by_hand():
    scores = np.array([[0.9, 0.1, 0.3], [0.8, 0.7, 0.2], [0.1, 0.6, 0.4], [0.2, 0.2, 0.1]])
    present = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]], dtype=bool)
    result = score(scores, present, ["a", "b", "c"])
    per_class = result["per_class"]
    # a: ranked 0.9 yes, 0.8 no, 0.2 yes, 0.1 no -> (1 + 2/3) / 2
    assert per_class["a"]["ap"] == pytest.approx(5 / 6)
    assert per_class["a"]["auc"] == pytest.approx(3 / 4)
    assert per_class["b"]["ap"] == 1
    assert per_class["c"] == {"ap": None, "auc": None, "f1": None, "threshold": None, "n_positive": 0}
    overall = result["overall"]
    assert overall["macro_ap"] == pytest.approx((5 / 6 + 1) / 2)
    assert overall["macro_auc"] == pytest.approx((3 / 4 + 1) / 2)
    assert overall["macro_f1_best"] == pytest.approx((4 / 5 + 1) / 2)
    # pooled, best at 0.6: 3 of 4 found, 4 predicted
    assert overall["micro_f1"] == pytest.approx(0.75)
    assert overall["micro_f1_threshold"] == pytest.approx(0.6)
    # rows: rank 1 of 1; rank 2; rank 1; rank 1 (a and b tie: rank 2)
    assert overall["lwlrap"] == pytest.approx((1 + 0.5 + 1 + 0.5) / 4)
    assert overall["n_positive"] == 4


def test_macro_f1_at_one_threshold_is_scikit_learns():
    rng = np.random.default_rng(0)
    scores, present = rng.random((40, 4)), rng.random((40, 4)) > 0.6
    overall = score(scores, present, list("abcd"))["overall"]
    predicted = scores >= overall["macro_f1_threshold"]
    assert overall["macro_f1"] == pytest.approx(sk.f1_score(present, predicted, average="macro"))
    assert overall["micro_f1"] == pytest.approx(
        sk.f1_score(present, scores >= overall["micro_f1_threshold"], average="micro")
    )


def test_unknown_cells_are_left_out():
    rng = np.random.default_rng(1)
    scores, present = rng.random((30, 2)), rng.random((30, 2)) > 0.5
    known = np.ones_like(present)
    known[::3, 0] = False
    result = score(scores, present, ["a", "b"], known=known)
    keep = known[:, 0]
    assert result["per_class"]["a"]["ap"] == pytest.approx(
        sk.average_precision_score(present[keep, 0], scores[keep, 0])
    )
    scrambled = np.where(known, scores, 1 - scores)
    scrambled_result = score(scrambled, present ^ ~known, ["a", "b"], known=known)
    assert scrambled_result["per_class"] == result["per_class"]


def test_result_is_json_even_without_any_label():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = score(np.zeros((3, 2), np.float32), np.zeros((3, 2), dtype=bool), ("a", "b"))
    json.dumps(result, allow_nan=False)
    assert result["overall"]["macro_ap"] is None


def test_shapes_that_do_not_fit():
    with pytest.raises(DataError, match=r"\(3, 2\)"):
        score(np.zeros((3, 2)), np.zeros((3, 3), dtype=bool), ["a", "b"])


@examples(20)
@given(SCORES, LABELS)
def test_padded_cmap_is_scikit_learns_with_five_rows_of_ones(scores, present):
    padded = sk.average_precision_score(
        np.vstack([present, np.ones((5, 3))]), np.vstack([scores, np.ones((5, 3))]), average="macro"
    )
    assert padded_cmap(scores, present, np.ones_like(present)) == pytest.approx(padded)
    overall = score(scores, present, list("abc"))["overall"]
    assert overall["padded_cmap"] == pytest.approx(padded)
    defined = present[:, present.any(axis=0)], scores[:, present.any(axis=0)]
    if present.any():
        expected = np.mean([sk.average_precision_score(y, s) for y, s in zip(defined[0].T, defined[1].T, strict=True)])
        assert macro_average_precision(scores, present, np.ones_like(present)) == pytest.approx(expected)


def test_padded_cmap_by_hand():
    # one positive, ranked second of three behind a 0.9: five ones, then precision 6/7 at the sixth of six
    scores, present = np.array([[0.9], [0.5], [0.1]]), np.array([[False], [True], [False]])
    known = np.ones((3, 1), bool)
    assert padded_cmap(scores, present, known) == pytest.approx((5 + 6 / 7) / 6)
    known[0] = False
    assert padded_cmap(scores, present, known) == 1
    assert padded_cmap(np.array([[1.0], [0.2]]), np.zeros((2, 1), bool), np.ones((2, 1), bool)) == pytest.approx(5 / 6)


def test_macro_auc_leaves_out_classes_without_positives():
    rng = np.random.default_rng(4)
    scores, present = rng.random((50, 4)), rng.random((50, 4)) > 0.7
    present[:, 2] = False
    there = [0, 1, 3]
    expected = sk.roc_auc_score(present[:, there], scores[:, there], average="macro")
    assert score(scores, present, list("abcd"))["overall"]["macro_auc"] == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(sk.roc_auc_score(present, scores, average="macro"))  # why they must go first


def test_lwlrap_is_not_the_unweighted_ranking_precision():
    rng = np.random.default_rng(0)
    present = rng.random((200, 10)) < 0.25
    scores = rng.random((200, 10)) + 0.8 * present
    rows = present.any(axis=1)
    found = lwlrap(scores, present)
    weighted = sk.label_ranking_average_precision_score(present[rows], scores[rows], sample_weight=present[rows].sum(1))
    assert found == pytest.approx(weighted, abs=1e-12)
    assert abs(found - sk.label_ranking_average_precision_score(present[rows], scores[rows])) > 1e-3
