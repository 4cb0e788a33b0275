"""noise_model.py: Bayes by hand, rates and coefficients recovered from simulated labels, hopeless input survived."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize

from labeling.disagreement import fit_cells, noise_model
from labeling.disagreement.fit_cells import chosen_cells
from labeling.disagreement.noise_model import NoiseModel, fit_noise_model


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


# ---- verdicts, samples, and where the climb ends


def test_a_shift_moves_the_log_odds_of_the_class() -> None:
    # p = 0.5 as above; two more to one for the class: listed and absent 0.1 against 0.8 * 2
    model = NoiseModel(np.array([[-1.0, 2.0]], dtype=np.float32), 0.2, 0.1)
    evidence = [np.array([[0.5], [0.5]], dtype=np.float32)]
    shift = np.full((2, 1), np.log(2), np.float32)
    wrong = model.p_wrong(evidence, np.array([[True], [False]]), shift)
    assert wrong[0, 0] == pytest.approx(0.1 / (0.1 + 0.8 * 2), rel=1e-5)
    assert wrong[1, 0] == pytest.approx(0.2 * 2 / (0.2 * 2 + 0.9), rel=1e-5)


@pytest.mark.parametrize("cells", [1, 7, 40, 1 << 16])
def test_the_size_of_a_chunk_changes_nothing(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, given, _ = simulate(23, np.array([-1.0, 0.0, 1.0]), slope=2.0, miss=0.1, spurious=0.1)
    model = NoiseModel(np.array([[-1, 2], [0, 1], [1, 0.5]], np.float32), 0.2, 0.1)
    whole, present = model.p_wrong([x], given, x), model.p_present([x])
    monkeypatch.setattr(noise_model, "_CHUNK_CELLS", cells)
    np.testing.assert_array_equal(model.p_wrong([x], given, x), whole)
    np.testing.assert_array_equal(model.p_present([x]), present)


def test_sums_with_verdicts_by_hand() -> None:
    """Four cells with p = 0.5, miss 0.2, spurious 0.1. Decided ones teach the coefficients as people said, and count
    for the rates by Bayes as undecided ones do."""
    given = np.array([[True], [False], [True], [False]])
    verdict = np.array([[-1], [-1], [0], [1]], np.int8)
    evidence = [np.zeros((4, 1), np.float32)]
    cells = chosen_cells(evidence, given, np.ones_like(given), verdict)
    rates = np.log([0.2 / 0.8, 0.1 / 0.9])
    fit = noise_model._Fit(np.zeros(2), np.zeros((1, 2)), np.ones(2), rates, rates)
    sums = noise_model._look(fit, cells)
    listed, unlisted = 0.8 / (0.8 + 0.1), 0.2 / (0.2 + 0.9)  # P(present | the given label)
    np.testing.assert_allclose(sums.tally, [2 * listed, 2 * unlisted, 2 - 2 * listed, 2 - 2 * unlisted], rtol=1e-5)
    # listed 0.45, unlisted 0.55; absent and present 0.5 each
    assert sums.likelihood == pytest.approx(np.log(0.45 * 0.55 * 0.5 * 0.5), rel=1e-6)
    assert sums.labels == pytest.approx(np.log(0.45**2 * 0.55**2), rel=1e-6)
    assert sums.gradient[0, 0] == pytest.approx(listed + unlisted + 0 + 1 - 4 * 0.5, abs=1e-5)
    assert sums.moments[0, 0, 0] == pytest.approx(4 * 0.25)


def test_people_who_look_where_errors_are_leave_the_rates_as_they_are() -> None:
    """Half of what they decide is wrong, but which cells they take depends on evidence and label alone."""
    x, given, truth = simulate(4000, np.array([-2.0, -1.0, -1.5]), slope=2.5, miss=0.2, spurious=0.03)
    known = np.ones_like(given)
    plain = fit_noise_model([x], given, known)
    worst = np.argsort(-plain.p_wrong([x], given), axis=None)[:400]
    verdict = np.full(given.shape, -1, np.int8)
    verdict.ravel()[worst] = truth.ravel()[worst]
    assert np.mean((given ^ truth).ravel()[worst]) > 0.5
    taught = fit_noise_model([x], given, known, verdict=verdict)
    assert taught.miss_rate == pytest.approx(0.2, abs=0.03)
    assert taught.spurious_rate == pytest.approx(0.03, abs=0.01)
    np.testing.assert_allclose(taught.coefficients[:, 0], [-2, -1, -1.5], atol=0.35)
    np.testing.assert_allclose(taught.coefficients[:, 1], 2.5, atol=0.4)


@pytest.mark.parametrize(("alike", "miss"), [(0.03, 0.1), (0.1, 0.1), (0.1, 0.3)])
def test_verdicts_on_an_oversure_top_do_not_become_the_rates_of_the_rest(alike: float, miss: float) -> None:
    """A share of the absent cells sounds like the class, which the model cannot know: it is far too sure at its top."""
    random = np.random.default_rng(7)
    truth = random.random((600, 10)) < 0.2
    given = (truth & (random.random(truth.shape) >= miss)) | (~truth & (random.random(truth.shape) < 0.01))
    heard = (truth | (random.random(truth.shape) < alike)) & ~(truth & (random.random(truth.shape) < 0.1))
    x = random.normal(np.where(heard, 3, -3), 2).astype(np.float32)
    known, wrong = np.ones_like(given), given != truth
    before = fit_noise_model([x], given, known).p_wrong([x], given)
    top = np.argsort(-before, axis=None)[:100]
    assert before.ravel()[top].sum() > 1.5 * wrong.ravel()[top].sum()
    verdict = np.full(given.shape, -1, np.int8)
    verdict.ravel()[top] = truth.ravel()[top]
    after = fit_noise_model([x], given, known, verdict=verdict).p_wrong([x], given)
    rest = verdict < 0
    off = [abs(np.log(expected[rest].sum() / wrong[rest].sum())) for expected in (before, after)]
    assert off[1] < min(off[0], np.log(1.5))


def test_a_sample_of_the_cells_gives_about_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    x, given, _ = simulate(8000, np.linspace(-5, -3, 8), slope=2.0, miss=0.2, spurious=0.004)
    known = np.random.default_rng(3).random(given.shape) < 0.95
    whole = fit_noise_model([x], given, known)
    monkeypatch.setattr(fit_cells, "FIT_CELLS", 8000)
    verdict = np.full(given.shape, -1, np.int8)
    cells = chosen_cells([x], given, known, verdict)
    listed = int((given & known).sum())
    assert int(cells.listed.sum()) == listed
    assert listed + 7000 < len(cells.listed) < listed + 9000
    assert float(cells.weight.sum()) == pytest.approx(float(known.sum()), rel=1e-5)  # each stands for those not drawn
    kept = cells.values[0][~cells.listed & (cells.weight == 1)]
    top = np.sort(x[known & ~given])[-4000:]
    np.testing.assert_allclose(np.sort(kept), top[-len(kept) :])
    assert len(kept) > 3900
    some = fit_noise_model([x], given, known)
    assert some.miss_rate == pytest.approx(whole.miss_rate, abs=0.02)
    assert some.spurious_rate == pytest.approx(whole.spurious_rate, rel=0.2)
    np.testing.assert_allclose(some.coefficients, whole.coefficients, atol=0.25)
    np.testing.assert_allclose(some.p_wrong([x], given), whole.p_wrong([x], given), atol=0.1)


def test_decided_cells_are_always_in_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_cells, "FIT_CELLS", 100)
    x, given, truth = simulate(500, np.array([-2.0, -2.0]), slope=1.0, miss=0.1, spurious=0.01)
    verdict = np.full(given.shape, -1, np.int8)
    verdict[:50] = truth[:50]
    known = np.ones_like(given)
    known[:10] = False
    cells = chosen_cells([x], given, known, verdict)
    assert int((cells.truth >= 0).sum()) == 80
    assert np.all(cells.weight[cells.truth >= 0] == 1)
    alike = chosen_cells([np.zeros_like(x)], given, known, verdict)  # no cell is the highest
    assert float(alike.weight.sum()) == pytest.approx(float(known.sum()), rel=1e-5)


def small_case() -> tuple[list[NDArray[np.float32]], NDArray[np.bool_], NDArray[np.int8]]:
    x, given, truth = simulate(400, np.array([-1.0, 0.0, 0.5]), slope=2.0, miss=0.2, spurious=0.05, seed=4)
    half = np.random.default_rng(5).normal(0, 1, x.shape).astype(np.float32)  # x is told in two parts
    verdict = np.full(given.shape, -1, np.int8)
    verdict[:20] = truth[:20]
    return [x - half, half], given, verdict


def ended(rounds: int) -> tuple[noise_model._Fit, noise_model._Cells]:
    evidence, given, verdict = small_case()
    cells = chosen_cells(evidence, given, np.ones_like(given), verdict)
    first = np.log([0.1 / 0.9, 0.1 / 0.9])
    start = noise_model._Fit(np.zeros(3), np.zeros((3, 3)), np.ones(3), None)
    warm = noise_model._climb(start, cells, 10)
    return noise_model._climb(replace(warm, rates=first, usual=first), cells, rounds), cells


def test_the_penalised_likelihood_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    """From each state the climb keeps to the next, under the width of the prior that held between them."""
    monkeypatch.setattr(noise_model, "_prior_width", lambda fit, moments: fit.width)
    heights = []
    for rounds in range(0, 40, 2):
        fit, cells = ended(rounds)
        heights.append(noise_model._look(fit, cells).likelihood - fit.penalty())
    assert np.all(np.diff(heights) >= -1e-3), heights
    assert heights[-1] - heights[0] > 1


def test_the_climb_ends_where_an_independent_search_does() -> None:
    """scipy's L-BFGS on both likelihoods written down anew: coefficients by verdicts and the other cells' labels with
    the rates as they are, rates by all labels with the coefficients as they are."""
    fit, _ = ended(300)
    assert fit.rates is not None
    assert fit.usual is not None
    rates, usual = fit.rates, fit.usual
    assert np.all(fit.shared[1:] > 0.05)  # no coefficient lies at its bound, so that every slope is 0
    assert np.all(fit.effective()[:, 1:] > 0.05)
    evidence, given, verdict = small_case()
    x = np.stack([np.ones_like(evidence[0]), *evidence], axis=2).astype(np.float64)

    def present_at(place: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sigmoid(np.einsum("ncf,cf->nc", x, place[:3] + place[3:].reshape(3, 3))))

    def of_label(p: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
        miss, spurious = sigmoid(rates)
        return p * np.where(given, 1 - miss, miss) + (1 - p) * np.where(given, spurious, 1 - spurious)

    def height(place: NDArray[np.float64]) -> float:
        p = present_at(place)
        seen = np.select([verdict > 0, verdict == 0], [p, 1 - p], of_label(p, rates))
        penalty = ((place[3:].reshape(3, 3) / fit.width) ** 2).sum() + 1e-3 * (place[:3] ** 2).sum()
        return float(np.log(seen).sum() - penalty / 2)

    here = np.concatenate([fit.shared, fit.own.ravel()])

    def height_of_rates(rates: NDArray[np.float64]) -> float:
        return float(np.log(of_label(present_at(here), rates)).sum() - ((rates - usual) ** 2).sum() / 2)

    for of, at in ((height, here), (height_of_rates, rates)):
        start = np.zeros(len(at)) - 0.5
        found = optimize.minimize(lambda place, of=of: -of(place), start, method="L-BFGS-B", tol=1e-12)
        assert of(at) == pytest.approx(-found.fun, abs=0.02)
        slope = optimize.approx_fprime(at, of, 1e-5)
        scale = np.sqrt(given.size)  # of the slope of so many cells, were they not at rest
        assert np.abs(slope).max() / scale < 0.05, slope
    np.testing.assert_allclose(sigmoid(rates), sigmoid(found.x), atol=0.01)
