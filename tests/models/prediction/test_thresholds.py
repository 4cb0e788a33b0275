import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve

from labeling import runs
from labeling.errors import ConfigError, DataError, UnknownName
from labeling.journal import versions
from labeling.predictions.oof import read_oof, write_oof
from labeling.records import FrameGrid, Labels
from labeling.workspace import open_workspace
from models.prediction.thresholds import (
    DecisionRule,
    Evidence,
    best_threshold,
    fitted_rule,
    oof_evidence,
    outcome,
    parse_threshold,
    shrunk_thresholds,
)


def evidence_of(frame, present, known=None, clip=None):
    frame, present = np.asarray(frame, float), np.asarray(present, bool)
    known = np.ones_like(present) if known is None else np.asarray(known, bool)
    classes = tuple("abcdef"[: frame.shape[1]])
    return Evidence(frame, frame if clip is None else np.asarray(clip, float), present, known, classes)


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    present = rng.random((400, 4)) < [0.5, 0.2, 0.05, 0.01]
    frame = 1 / (1 + np.exp(-(rng.standard_normal((400, 4)) + 2.5 * present - 1)))
    return evidence_of(frame, present, rng.random((400, 4)) < 0.9)


def test_best_threshold_has_the_f1_that_sklearn_finds_best(noisy):
    for c in range(4):
        truth, score = noisy.present[:, c], noisy.frame[:, c]
        precision, recall, _ = precision_recall_curve(truth, score)
        best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
        assert f1_score(truth, score >= best_threshold(score, truth)) == pytest.approx(best)


def test_best_threshold_lies_in_the_middle_of_the_gap():
    assert best_threshold(np.array([0.9, 0.6, 0.2, 0.1]), np.array([1, 1, 0, 0], bool)) == pytest.approx(0.4)
    assert best_threshold(np.array([0.9, 0.6]), np.array([1, 1], bool)) == pytest.approx(0.6)
    assert best_threshold(np.array([0.9, 0.6]), np.array([0, 0], bool)) is None


def test_global_without_a_number_is_the_best_micro_f1_over_known_cells(noisy):
    rule = parse_threshold("global").fit(4, noisy)
    truth, score = noisy.present[noisy.known], noisy.frame[noisy.known]
    precision, recall, _ = precision_recall_curve(truth, score)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
    decided = rule.decide(noisy.frame, noisy.clip)
    assert f1_score(truth, decided[noisy.known]) == pytest.approx(best)
    assert len(set(rule.frame_threshold)) == 1


def test_a_fixed_number_needs_nothing():
    for text in ("global:0.3", "0.3"):
        threshold = parse_threshold(text)
        assert not threshold.needs_evidence
        rule = threshold.fit(2)
        assert rule.decide(np.array([[0.3, 0.29]]), np.zeros((1, 2))).tolist() == [[True, False]]


def test_shrinkage_by_hand():
    """Class a: 2 positives, own threshold 0.4. Class b has none. With strength 6 and 0.8 overall, in log odds:
    a = (2 logit 0.4 + 6 logit 0.8) / 8 = (2 * -0.405465 + 6 * 1.386294) / 8 = 0.938354 -> 0.718768."""
    evidence = evidence_of([[0.9, 0.5], [0.6, 0.1], [0.2, 0.7], [0.1, 0.2]], [[1, 0], [1, 0], [0, 0], [0, 0]])
    values = shrunk_thresholds(evidence, 0.8, 6.0)
    assert values == pytest.approx([0.718768, 0.8], abs=1e-5)


def test_per_class_goes_from_the_global_threshold_to_the_classes_own(noisy):
    overall = parse_threshold("global").fit(4, noisy).frame_threshold
    own = parse_threshold("per_class:0").fit(4, noisy).frame_threshold
    far = parse_threshold("per_class:1e6").fit(4, noisy).frame_threshold
    some = parse_threshold("per_class").fit(4, noisy).frame_threshold
    np.testing.assert_allclose(far, overall, atol=1e-3)
    for c in range(4):
        use = noisy.known[:, c]
        assert own[c] == pytest.approx(best_threshold(noisy.frame[use, c], noisy.present[use, c]), abs=1e-6)
        assert min(own[c], overall[c]) - 1e-9 <= some[c] <= max(own[c], overall[c]) + 1e-9
    moved = np.abs(np.log(some / (1 - some)) - np.log(own / (1 - own)))
    gap = np.abs(np.log(overall / (1 - overall)) - np.log(own / (1 - own)))
    assert moved[3] / gap[3] > moved[0] / gap[0]  # 4 positives are drawn further than 200


def test_unknown_cells_do_not_count():
    frame = [[0.9], [0.8], [0.7], [0.1]]
    with_mistake = evidence_of(frame, [[0], [1], [1], [0]], [[False], [True], [True], [True]])
    assert parse_threshold("global").fit(1, with_mistake).frame_threshold[0] == pytest.approx(0.4)


def test_a_class_is_decided_alike_whichever_others_are_asked_for(noisy):
    whole = parse_threshold("per_class").fit(len(noisy.classes), noisy)
    frame = np.random.default_rng(1).random((50, len(noisy.classes)))
    np.testing.assert_array_equal(
        whole.select([1, 0]).decide(frame[:, [1, 0]], frame), whole.decide(frame, frame)[:, [1, 0]]
    )
    both = parse_threshold("two:0.5,0.2").fit(3).select([2])
    np.testing.assert_array_equal(both.decide(np.array([0.3, 0.3]), np.array([0.6, 0.4])), [True, False])


def test_quantile_lets_through_its_share(noisy):
    rule = parse_threshold("quantile:0.25").fit(4, noisy)
    assert rule.decide(noisy.frame, noisy.clip).mean() == pytest.approx(0.25, abs=1e-3)
    by_hand = evidence_of([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.zeros((3, 2)))
    # (1 - 0.2) of the way through 6 sorted values: place 4 of 0..5
    assert parse_threshold("quantile:0.2").fit(2, by_hand).frame_threshold[0] == pytest.approx(0.5)


def test_both_clip_and_frame_must_agree():
    frame = np.array([0.30, 0.29, 0.9, 0.9])[:, None]
    clip = np.array([0.30, 0.90, 0.29, 0.9])[:, None]
    first = parse_threshold("clip_and_frame").fit(1)
    assert first.decide(frame, clip)[:, 0].tolist() == [True, False, False, True]
    two = parse_threshold("two").fit(1)  # more than 0.05 of the long one, more than 0.025 of the short one
    frame, clip = np.array([0.025, 0.026, 0.026])[:, None], np.array([0.06, 0.05, 0.051])[:, None]
    assert two.decide(frame, clip)[:, 0].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("globl", "Did you mean 'global'"),
        ("global:1.5", "from 0 to 1; write global:P"),
        ("global:high", "'high' must be a number"),
        ("global:", "must read global:P"),
        ("global:0.1,0.2", "must read global:P"),
        ("two:0.1,nan", "'nan' must be a number"),
        ("quantile:-1", "from 0 to 1"),
        ("", "unknown threshold ''"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises((ConfigError, UnknownName)) as caught:
        parse_threshold(text)
    assert message in str(caught.value)


def test_fitting_without_what_is_needed_says_so(noisy):
    for text in ("global", "per_class", "quantile"):
        with pytest.raises(ConfigError, match="give a number"):
            parse_threshold(text).fit(3)
    nothing = evidence_of(np.ones((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="no class has a known positive"):
        parse_threshold("per_class").fit(2, nothing)


def test_evidence_is_the_highest_frame_beside_the_right_label(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.random((5, 2)), np.zeros((0, 2)), rng.random((3, 2))]
    clipwise = rng.random((3, 2)).astype(np.float32)
    write_oof(
        tmp_path / "oof.zarr", clip_ids=[30, 10, 20], filenames=["c", "a", "b"], classes=["y", "x"],
        clipwise=clipwise, framewise=frames, fold=[0, 0, 1], grid=FrameGrid(0, 0.1, 0.1), label_version=1,
        label_hash="",
    )  # fmt: skip
    present = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], bool)  # clips 10, 20, 30; classes x, y, z
    unsure = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]], bool)
    labels = Labels(
        np.array([10, 20, 30]), ("a", "b", "c"), ("x", "y", "z"), present, unsure, unsure, np.zeros(3, np.int32)
    )
    found = oof_evidence(read_oof(tmp_path / "oof.zarr"), labels)
    assert found.present.tolist() == [[True, False], [False, True], [False, False]]
    assert found.known.tolist() == [[True, True], [False, True], [True, True]]
    np.testing.assert_allclose(found.frame[0], frames[0].max(0), atol=1e-3)
    np.testing.assert_array_equal(found.frame[1], clipwise[1])  # no frames
    np.testing.assert_array_equal(found.clip, clipwise)
    assert found.select(["x"]).present.tolist() == [[False], [True], [False]]
    less = Labels(np.array([10, 20]), ("a", "b"), ("x", "y"), present[:2, :2], unsure[:2, :2], unsure[:2, :2],
                  np.zeros(2, np.int32))  # fmt: skip
    with pytest.raises(DataError, match="'c'"):
        oof_evidence(read_oof(tmp_path / "oof.zarr"), less)


def test_a_rule_takes_any_leading_shape():
    rule = DecisionRule(np.array([0.2, 0.6]))
    assert rule.decide(np.full((4, 3, 2), 0.5), np.zeros((4, 3, 2))).tolist() == [[[True, False]] * 3] * 4
    assert math.isclose(rule.frame_threshold.sum(), 0.8)


def test_the_outcome_of_a_rule_by_hand():
    """Clip 3 has no known cell of the first class; the clip's own threshold takes clip 1's away."""
    evidence = evidence_of(
        [[0.9, 0.2], [0.8, 0.6], [0.1, 0.7], [0.9, 0.9]],
        [[1, 0], [1, 1], [1, 1], [1, 0]],
        [[1, 1], [1, 1], [1, 1], [0, 1]],
        [[0.5, 0.5], [0.1, 0.5], [0.5, 0.5], [0.5, 0.5]],
    )
    found = outcome(DecisionRule(np.array([0.5, 0.5]), np.array([0.4, 0.4])), evidence)
    assert found.decided.tolist() == [1, 3]
    assert found.listed.tolist() == [3, 2]
    assert found.both.tolist() == [1, 2]


def test_the_rule_of_a_run_is_fitted_on_its_own_predictions_and_labels(trained):
    workspace = open_workspace(trained)
    with workspace.read() as connection:
        run, labels = runs.get_run(connection, "001-demo"), versions.labels_of_version(connection, 1)
    oof = read_oof(workspace.run_dir(run.id) / "oof.zarr")
    rule, evidence = fitted_rule(workspace, run, oof.classes[::-1], "per_class:3")
    wanted = parse_threshold("per_class:3").fit(len(oof.classes), oof_evidence(oof, labels))
    assert evidence.classes == oof.classes[::-1]
    np.testing.assert_allclose(rule.frame_threshold, wanted.frame_threshold[::-1])
    assert fitted_rule(workspace, run, oof.classes, "0.25")[1] is None
    workspace.close()
