"""models/linear/head.py: logistic regression as scikit-learn finds it, and the pooling of stretches by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from labeling.errors import ArtefactError, Stopped
from models.linear import head as heads
from models.linear.bags import Bags, Lesson
from models.linear.head import Head, fit_head, load_head, pooled, probability, save_head


def lesson(seed: int = 0, n: int = 80, size: int = 5, classes: int = 3, each: int = 3) -> Lesson:
    rng = np.random.default_rng(seed)
    first = np.arange(0, n * each + 1, each)
    targets = (rng.random((n, classes)) < 0.4).astype(np.float32)
    vectors = rng.standard_normal((n * each, size)).astype(np.float32)
    vectors[::each, :classes] += 2 * targets
    time_s = np.tile(np.arange(each, dtype=np.float32), n)
    bags = Bags(vectors, first, time_s, time_s + 1)
    return Lesson(bags, targets, np.ones_like(targets), np.arange(n), np.zeros(targets.shape, bool))


def test_mean_pooling_is_what_scikit_learn_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "PRIOR", 1e-9)
    given = lesson()
    given.weight[:10, 1] = 0
    strength = 0.05
    head = fit_head(given, strength, 0.0)
    x = given.bags.vectors.reshape(80, 3, 5).mean(1)
    x = (x - head.centre) / head.scale
    for c in range(3):
        known = given.weight[:, c] > 0
        reference = LogisticRegression(C=1 / (strength * known.sum()), tol=1e-8, max_iter=1000)
        reference.fit(x[known], given.targets[known, c])
        np.testing.assert_allclose(head.weights[:, c], reference.coef_[0], atol=2e-3)
        np.testing.assert_allclose(head.bias[c], reference.intercept_[0], atol=2e-3)


def test_pooling_by_hand() -> None:
    logits = np.array([[0.0], [2.0], [-1.0]], np.float32)
    first = np.array([0, 2, 2, 3])
    out, share = pooled(logits, first, 0.0)
    np.testing.assert_allclose(out[[0, 2], 0], [1.0, -1.0])
    assert np.isnan(out[1, 0])
    np.testing.assert_allclose(share[:, 0], [0.5, 0.5, 1.0])
    out, share = pooled(logits, first, 2.0)
    np.testing.assert_allclose(out[0, 0], np.log((1 + np.exp(4)) / 2) / 2, rtol=1e-6)
    np.testing.assert_allclose(share[:2, 0], [1 / (1 + np.exp(4)), np.exp(4) / (1 + np.exp(4))], rtol=1e-5)
    assert pooled(logits, first, 100.0)[0][0, 0] == pytest.approx(2.0, abs=0.01)


def test_the_gradient_is_that_of_the_loss_and_the_optimum_cannot_be_left_for_better() -> None:
    given = lesson()
    strength, sharpness = 0.02, 2.0
    head = fit_head(given, strength, sharpness)

    def loss(one: Head) -> float:
        known = given.weight.sum(0) + 2 * heads.PRIOR
        logit = one.clip_logits(given.bags)
        cells = (np.logaddexp(0, logit) - given.targets * logit).sum(0)
        prior = heads.PRIOR * (np.logaddexp(0, one.bias) + np.logaddexp(0, -one.bias))
        return float(((cells + prior) / known).sum() + strength / 2 * (one.weights**2).sum())

    best, rng = loss(head), np.random.default_rng(1)
    for _ in range(20):
        moved = head.weights + 0.05 * rng.standard_normal(head.weights.shape).astype(np.float32)
        assert loss(Head(moved, head.bias, head.centre, head.scale, sharpness)) > best


def test_the_best_stretch_decides_where_one_of_many_holds_the_class() -> None:
    """Of three stretches the first holds the class: a mean drowns it, a sharp pooling does not."""
    seen, held_out = lesson(0, each=6), lesson(1, each=6)
    gaps = []
    for sharpness in (0.0, 3.0):
        logits = fit_head(seen, 0.01, sharpness).clip_logits(held_out.bags)
        gaps.append(float(np.mean((logits > 0) == (held_out.targets > 0))))
    assert gaps[1] > gaps[0] + 0.05


def test_probabilities_are_calibrated_and_a_class_without_positives_has_some() -> None:
    given = lesson(n=600)
    given.targets[:, 2] = 0
    p = probability(fit_head(given, 0.01, 1.0).clip_logits(given.bags))
    np.testing.assert_allclose(p[:, :2].mean(0), given.targets[:, :2].mean(0), atol=0.01)
    assert 0 < p[:, 2].mean() < 0.01


def test_a_masked_cell_does_not_count() -> None:
    one, other = lesson(), lesson()
    one.weight[5, 0] = other.weight[5, 0] = 0
    other.targets[5, 0] = 1 - other.targets[5, 0]
    a, b = fit_head(one, 0.1, 1.0), fit_head(other, 0.1, 1.0)
    np.testing.assert_allclose(a.weights, b.weights, atol=1e-6)


def test_a_head_is_kept_and_read(tmp_path: Path) -> None:
    head = fit_head(lesson(), 0.1, 1.0)
    save_head(tmp_path / "h.safetensors", head, {"classes": ["a", "b", "c"]})
    again = load_head(tmp_path / "h.safetensors")
    np.testing.assert_array_equal(head.weights, again.weights)
    assert (again.scale, again.sharpness) == (head.scale, 1.0)
    from models.networks.checkpoints import save_tensors

    save_tensors(tmp_path / "n.safetensors", {}, {})
    with pytest.raises(ArtefactError, match="no linear head"):
        load_head(tmp_path / "n.safetensors")
    with pytest.raises(Stopped):
        fit_head(lesson(), 0.1, 1.0, should_stop=lambda: True)
