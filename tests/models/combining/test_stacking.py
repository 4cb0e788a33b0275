"""models/combining/stacking.py"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from labeling.disagreement.evidence import Evidence, FrameSummary
from labeling.errors import DataError
from models.combining import stacking
from models.combining.stacking import cross_stack, fit_noise_classifier, fit_stacker, log_odds


def cells(seed: int = 0, n: int = 400, c: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two features, labels that follow -1 + 1.5 x1 - 0.5 x2, known cells."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(2, n, c)).astype(np.float32)
    p = 1 / (1 + np.exp(1 - 1.5 * features[0] + 0.5 * features[1]))
    return features, rng.random((n, c)) < p, rng.random((n, c)) < 0.9


def test_log_odds_by_hand() -> None:
    assert log_odds(np.array([0.5, 0.75, 0.0, 1.0])) == pytest.approx(
        [0, np.log(3), np.log(1e-4 / (1 - 1e-4)), -np.log(1e-4 / (1 - 1e-4))], abs=1e-3
    )


def test_the_fit_is_the_penalised_likelihoods_highest_point() -> None:
    features, present, known = cells()
    x, y = features[:, known].astype(float), present[known]

    def loss(theta: np.ndarray) -> float:
        logit = theta[0] + theta[1:] @ x
        return float(np.logaddexp(0, np.where(y, -logit, logit)).sum() + 0.5 * (theta[1:] ** 2).sum())

    best = minimize(loss, np.zeros(3)).x
    stacker = fit_stacker(features, present, known)
    assert stacker.intercept == pytest.approx(np.full(3, best[0]), abs=1e-3)
    assert stacker.coefficients == pytest.approx(np.repeat(best[1:, None], 3, axis=1), abs=1e-3)
    assert best == pytest.approx([-1, 1.5, -0.5], abs=0.25)
    expected = 1 / (1 + np.exp(-(best[0] + np.tensordot(best[1:], features, axes=1))))
    assert stacker.predict(features) == pytest.approx(expected, abs=1e-3)


def test_a_class_with_few_labels_takes_the_fit_of_all() -> None:
    features, present, known = cells()
    present[:, 0] = False
    present[:5, 0] = True
    present[:, 2] ^= True  # another relation than that of the others
    stacker = fit_stacker(features, present, known, per_class=True)
    pooled = fit_stacker(features, present, known)
    assert stacker.own.tolist() == [False, True, True]
    assert np.array_equal(stacker.coefficients[:, 0], pooled.coefficients[:, 0])
    assert stacker.coefficients[0, 1] > 1
    assert stacker.coefficients[0, 2] < -1


def test_thinned_negatives_are_weighted_up(monkeypatch: pytest.MonkeyPatch) -> None:
    features, present, known = cells(n=4000)
    whole = fit_stacker(features, present, known)
    monkeypatch.setattr(stacking, "MOST_CELLS", 8000)
    places, weight = stacking._cells(present, known, np.random.default_rng(0))
    assert len(weight) == 8000
    assert weight.sum() == pytest.approx(known.sum())
    assert present[places].sum() == (present & known).sum()
    thinned = fit_stacker(features, present, known)
    assert not np.array_equal(thinned.coefficients, whole.coefficients)
    assert thinned.coefficients == pytest.approx(whole.coefficients, abs=0.1)
    assert thinned.intercept == pytest.approx(whole.intercept, abs=0.1)


@pytest.mark.parametrize("per_class", [False, True])
def test_a_folds_labels_do_not_reach_its_own_predictions(per_class: bool) -> None:
    features, present, known = cells()
    fold = np.arange(400) % 4
    before = cross_stack(features, present, known, fold, per_class=per_class)
    changed = present.copy()
    changed[fold == 2] ^= True
    after = cross_stack(features, changed, known, fold, per_class=per_class)
    assert np.array_equal(after.clipwise[fold == 2], before.clipwise[fold == 2])
    assert np.abs(after.clipwise[fold == 1] - before.clipwise[fold == 1]).max() > 0.05


def test_labels_and_folds_that_cannot_be_stacked() -> None:
    features, present, known = cells()
    with pytest.raises(DataError, match="all alike"):
        fit_stacker(features, present | True, known)
    with pytest.raises(DataError, match="at least two are needed"):
        cross_stack(features, present, known, np.zeros(400, int))


# ------------------------------------------------------------------------------------------- noise classifier


def doubtful(seed: int = 0, n: int = 200, c: int = 4) -> tuple[Evidence, np.ndarray, np.ndarray, np.ndarray]:
    """Evidence, decided cells, the truth they give, folds. A tenth of the labels is wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, c)) < 0.3
    p = (1 / (1 + np.exp(-rng.normal(np.where(truth, 2, -2), 1.2)))).astype(np.float32)
    given = truth ^ (rng.random((n, c)) < 0.1)
    top = np.minimum(1, p * 1.1)
    frames = FrameSummary(top, p, (p * 20).astype(np.int32), np.full(c, 0.5, np.float32))
    decided = rng.random((n, c)) < 0.5
    return Evidence(given, np.ones((n, c), bool), p, frames), decided, truth, np.arange(n) % 4


def test_wrong_labels_are_learned_from_decisions() -> None:
    evidence, decided, truth, fold = doubtful()
    found = fit_noise_classifier(evidence, decided, truth, fold)
    wrong = evidence.given != truth
    p_wrong = found.p_wrong(evidence, evidence.given, fold)
    flagged = (p_wrong >= 0.5) & decided
    report = found.report
    assert (report["decisions"], report["wrong"]) == (decided.sum(), (wrong & decided).sum())
    assert report["flagged"] == flagged.sum()
    assert report["precision"] == pytest.approx((flagged & wrong).sum() / flagged.sum())
    assert report["recall"] == pytest.approx((flagged & wrong).sum() / (wrong & decided).sum())
    assert report["precision"] > 0.6
    assert report["recall"] > 0.4
    assert report["precision_of_the_source"] == 0.22
    assert p_wrong[wrong & ~decided].mean() > 4 * p_wrong[~wrong & ~decided].mean()  # also where nobody decided


def test_verdicts_without_any_sense_give_a_bad_report() -> None:
    evidence, decided, truth, fold = doubtful()
    nonsense = evidence.given ^ (np.random.default_rng(9).random(truth.shape) < 0.2)
    report = fit_noise_classifier(evidence, decided, nonsense, fold).report
    assert report["average_precision"] < 0.35
    assert report["recall"] < 0.1


def test_a_folds_verdicts_do_not_reach_its_own_cells() -> None:
    evidence, decided, truth, fold = doubtful()
    before = fit_noise_classifier(evidence, decided, truth, fold).is_noisy(evidence, fold)
    changed = truth ^ (fold == 3)[:, None]
    after = fit_noise_classifier(evidence, decided, changed, fold).is_noisy(evidence, fold)
    assert np.array_equal(after[fold == 3], before[fold == 3])
    assert np.abs(after[fold == 0] - before[fold == 0]).max() > 0.05


def test_is_noisy_does_not_look_at_the_cells_own_label() -> None:
    evidence, decided, truth, fold = doubtful()
    classifier = fit_noise_classifier(evidence, decided, truth, fold)
    other = evidence.given.copy()
    other[[0, 1]] = other[[1, 0]]  # labels change places, so that their shares stay
    swapped = Evidence(other, evidence.known, evidence.clipwise, evidence.frames)
    assert (other != evidence.given).any()
    assert np.array_equal(classifier.is_noisy(swapped, fold), classifier.is_noisy(evidence, fold))
    own, changed = (classifier.p_wrong(evidence, given, fold) for given in (evidence.given, other))
    assert not np.array_equal(own, changed)


@pytest.mark.parametrize(("decisions", "said"), [(30, "there are 30, "), (60, "60, 0 wrong and 60 right")])
def test_too_few_decisions_are_refused_with_their_number(decisions: int, said: str) -> None:
    evidence, _, truth, fold = doubtful()
    decided = np.zeros(truth.shape, bool)
    decided[:decisions, 0] = True
    truth[:60, 0] = evidence.given[:60, 0]
    with pytest.raises(DataError, match=f"needs 50 decided cells.*{said}"):
        fit_noise_classifier(evidence, decided, truth, fold)
