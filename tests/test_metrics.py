import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from labeling.errors import DataError
from models.metrics import auc, average_precision, best_f1, evaluate, lwlrap, score

# Few distinct values, so that ties are common.
SCORES = hnp.arrays(np.float64, (12, 3), elements=st.integers(0, 6).map(lambda k: k / 6))
LABELS = hnp.arrays(np.bool_, (12, 3))


@settings(max_examples=60, deadline=None)
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
    oof = SimpleNamespace(clipwise=np.zeros((3, 2), np.float32), classes=("a", "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluate(oof, np.zeros((3, 2), dtype=bool))
    json.dumps(result, allow_nan=False)
    assert result["overall"]["macro_ap"] is None


def test_shapes_that_do_not_fit():
    with pytest.raises(DataError, match=r"\(3, 2\)"):
        score(np.zeros((3, 2)), np.zeros((3, 3), dtype=bool), ["a", "b"])
