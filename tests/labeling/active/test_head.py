"""head.py: it is the logistic regression of its formula, a refit from where it was ends in the same place, sooner."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from labeling.active import head as heads
from labeling.active.head import ClipStretches, blank, fit, stretches_of
from labeling.embeddings.space import Space, SpaceFacts
from labeling.logistic import sigmoid


def space_of(vectors: np.ndarray, clip_ids: np.ndarray) -> Space:
    facts = SpaceFacts("toy", "imported:toy", "", "", 8000, 1.0, 1.0, vectors.shape[1])
    onset_s = np.arange(len(vectors), dtype=np.float32)
    return Space(facts, vectors.astype(np.float16), clip_ids, onset_s, onset_s + 1)


def planted(clips: int = 60, each: int = 3) -> tuple[ClipStretches, np.ndarray]:
    rng = np.random.default_rng(0)
    present = rng.random((clips, 2)) < 0.4
    vectors = 0.4 * rng.standard_normal((clips, each, 6))
    vectors[:, 0, :2] += present
    space = space_of(vectors.reshape(-1, 6), np.repeat(np.arange(1, clips + 1), each))
    return stretches_of(space, np.arange(1, clips + 1))[0], present


def test_with_one_stretch_a_clip_it_is_scikit_learns_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "PRIOR", 0.0)
    monkeypatch.setattr(heads, "_STEPS", 500)
    stretches, present = planted(each=1)
    begin = blank(stretches.space, 2)
    known = np.ones_like(present)
    known[:20, 1] = False
    ours = sigmoid(fit(stretches, present, known, begin, ridge=0.5).logits(stretches)[0])
    x = (stretches.space.vectors.astype(float) - begin.centre) / begin.scale
    for c in range(2):
        theirs = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(x[known[:, c]], present[known[:, c], c])
        assert ours[:, c] == pytest.approx(theirs.predict_proba(x)[:, 1], abs=0.02)


def test_a_clip_is_heard_by_its_best_stretch() -> None:
    stretches, present = planted()
    head = fit(stretches, present, np.ones_like(present), blank(stretches.space, 2))
    logits, best = head.logits(stretches)
    x = (stretches.space.vectors.astype(float) - head.centre) / head.scale @ head.weight + head.bias
    bag = x.reshape(60, 3, 2)
    assert logits == pytest.approx(np.log(np.mean(np.exp(3 * bag), axis=1)) / 3, abs=2e-3)
    assert np.array_equal(best, bag.argmax(axis=1) + 3 * np.arange(60)[:, None])
    assert np.mean((logits > 0) == present) > 0.85


def test_a_warm_start_takes_fewer_steps_and_ends_in_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    stretches, present = planted()
    steps: list[int] = []

    def counted(*given: object, **more: object) -> object:
        found = minimize(*given, **more)  # type: ignore[call-overload]
        steps.append(found.nit)
        return found

    monkeypatch.setattr("scipy.optimize.minimize", counted)
    some = np.ones_like(present)
    some[50:] = False
    before = fit(stretches, present, some, blank(stretches.space, 2))
    warm = fit(stretches, present, np.ones_like(present), before)
    cold = fit(stretches, present, np.ones_like(present), blank(stretches.space, 2))
    assert steps[1] < steps[2]
    assert warm.logits(stretches)[0] == pytest.approx(cold.logits(stretches)[0], abs=0.15)


def test_of_what_nobody_knows_nothing_is_learned_and_clips_that_a_space_lacks_are_said() -> None:
    stretches, present = planted()
    known = np.zeros_like(present)
    known[:30, 0] = True
    head = fit(stretches, present, known, blank(stretches.space, 2))
    assert np.abs(head.weight[:, 1]).max() < 1e-6
    assert sigmoid(head.bias[1:]) == pytest.approx(0.5, abs=1e-6)
    _, held = stretches_of(stretches.space, np.array([1, 60, 61]))
    assert held.tolist() == [True, True, False]
    taken = stretches.take(np.array([2, 0]))
    assert taken.rows.tolist() == [6, 7, 8, 0, 1, 2]
    assert taken.means()[1] == pytest.approx(stretches.space.vectors[:3].astype(float).mean(axis=0), abs=1e-3)
