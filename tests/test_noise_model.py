"""noise_model.py: Bayes by hand, rates and coefficients recovered from simulated labels, hopeless input survived."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labeling.noise_model import NoiseModel, fit_noise_model


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def simulate(
    clips: int, intercepts: NDArray[np.float64], slope: float, miss: float, spurious: float, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Evidence, given labels and truth drawn from the model itself."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1.5, (clips, len(intercepts)))
    truth = rng.random(x.shape) < sigmoid(intercepts + slope * x)
    flip = np.where(truth, rng.random(x.shape) < miss, rng.random(x.shape) < spurious)
    return x.astype(np.float32), truth ^ flip, truth


def test_posterior_by_hand() -> None:
    # p = sigmoid(-1 + 2 * 0.5) = 0.5 with miss 0.2 and spurious 0.1
    model = NoiseModel(np.array([[-1.0, 2.0]], dtype=np.float32), 0.2, 0.1)
    evidence = [np.array([[0.5], [0.5]], dtype=np.float32)]
    wrong = model.p_wrong(evidence, np.array([[True], [False]]))
    assert wrong[0, 0] == pytest.approx(0.1 * 0.5 / (0.1 * 0.5 + 0.8 * 0.5))  # listed but absent
    assert wrong[1, 0] == pytest.approx(0.2 * 0.5 / (0.2 * 0.5 + 0.9 * 0.5))  # unlisted but present
    assert model.p_present(evidence)[0, 0] == pytest.approx(0.5)


def test_rates_and_coefficients_are_recovered() -> None:
    intercepts = np.array([-2.0, -1.0, 0.0, 1.0])
    x, given, truth = simulate(6000, intercepts, slope=3.0, miss=0.25, spurious=0.04)
    model = fit_noise_model([x], given, np.ones_like(given), rounds=60)
    assert model.miss_rate == pytest.approx(0.25, abs=0.03)
    assert model.spurious_rate == pytest.approx(0.04, abs=0.012)
    np.testing.assert_allclose(model.coefficients[:, 0], intercepts, atol=0.35)
    np.testing.assert_allclose(model.coefficients[:, 1], 3.0, atol=0.4)
    wrong = model.p_wrong([x], given)
    assert float(wrong.sum()) == pytest.approx(float((given ^ truth).sum()), rel=0.12)
    for low, high in ((0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):  # a share p of the cells with p_wrong near p is wrong
        cells = (wrong >= low) & (wrong < high)
        assert np.mean((given ^ truth)[cells]) == pytest.approx(float(wrong[cells].mean()), abs=0.08)


def test_clean_labels_are_left_in_peace() -> None:
    x, given, _ = simulate(3000, np.array([-1.0, 0.0, 0.5]), slope=4.0, miss=0.0, spurious=0.0)
    model = fit_noise_model([x], given, np.ones_like(given), rounds=60)
    assert model.miss_rate < 0.02
    assert model.spurious_rate < 0.02


def test_a_class_of_few_clips_borrows_from_the_others() -> None:
    x, given, _ = simulate(2000, np.array([-3.0, -3.0, -3.0, -3.0]), slope=2.0, miss=0.1, spurious=0.0)
    known = np.ones_like(given)
    known[5:, 3] = False
    given[:5, 3] = False  # five known clips, none of which lists it
    model = fit_noise_model([x], given, known)
    others = model.coefficients[:3]
    assert np.all(np.abs(model.coefficients[3] - others.mean(axis=0)) < 3 * others.std(axis=0) + 0.5)


def test_unknown_cells_count_for_nothing() -> None:
    x, given, _ = simulate(800, np.array([-1.0, 0.0]), slope=3.0, miss=0.2, spurious=0.05)
    known = np.random.default_rng(1).random(given.shape) < 0.7
    nonsense = np.where(known, x, np.float32(50)), given ^ ~known
    one = fit_noise_model([x], given, known)
    other = fit_noise_model([nonsense[0]], nonsense[1], known)
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-4, atol=1e-4)
    assert one.miss_rate == pytest.approx(other.miss_rate, rel=1e-4)


def test_evidence_that_speaks_against_a_class_is_given_no_weight() -> None:
    x, given, _ = simulate(1500, np.array([-1.0, 0.0]), slope=3.0, miss=0.1, spurious=0.02)
    model = fit_noise_model(
        [x, -x + np.random.default_rng(2).normal(0, 1, x.shape).astype(np.float32)], given, given | True
    )
    assert np.all(model.coefficients[:, 1:] >= 0)
    assert np.all(model.coefficients[:, 2] < 0.2)


def test_rare_classes_and_twin_evidence_do_not_throw_the_fit_off() -> None:
    """Full Newton steps overshoot here and never come back."""
    x, given, truth = simulate(1500, np.linspace(-9, -5, 60), slope=2.5, miss=0.15, spurious=0.0005)
    rng = np.random.default_rng(1)
    noisy = [(x + rng.normal(0, 0.7, x.shape)).astype(np.float32) for _ in range(2)]
    model = fit_noise_model([*noisy, np.maximum(x, 0)], given, np.ones_like(given))
    assert np.abs(model.coefficients).max() < 20
    assert model.miss_rate == pytest.approx(0.15, abs=0.1)
    wrong = model.p_wrong([*noisy, np.maximum(x, 0)], given)
    assert float(wrong.sum()) == pytest.approx(float((given ^ truth).sum()), rel=0.5)


def test_same_input_same_model() -> None:
    x, given, _ = simulate(5000, np.linspace(-3, 1, 30), slope=2.0, miss=0.2, spurious=0.02)
    one, other = (fit_noise_model([x], given, np.ones_like(given)) for _ in range(2))
    np.testing.assert_array_equal(one.coefficients, other.coefficients)
    assert (one.miss_rate, one.spurious_rate) == (other.miss_rate, other.spurious_rate)


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (50, 3)])
def test_all_listed_or_none_at_all(shape: tuple[int, int], fill: bool) -> None:
    given = np.full(shape, fill)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for known in (np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)):
        wrong = fit_noise_model([x], given, known).p_wrong([x], given)
        assert np.all(np.isfinite(wrong))
        assert np.all((wrong >= 0) & (wrong <= 1))


def test_constant_and_perfect_evidence() -> None:
    given = np.tile([[True, False], [False, True]], (20, 1))
    constant = np.full(given.shape, -3.0, dtype=np.float32)
    perfect = np.where(given, 9.0, -9.0).astype(np.float32)
    for evidence in ([constant], [perfect], [constant, perfect, perfect]):
        model = fit_noise_model(evidence, given, np.ones_like(given))
        wrong = model.p_wrong(evidence, given)
        assert np.all(np.isfinite(model.coefficients))
        assert np.all((wrong >= 0) & (wrong <= 1))
    assert float(wrong.max()) < 0.05
    assert math.isfinite(model.miss_rate)
