"""labeling/quality/calibration_fit.py"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.gaussian_process.kernels import Matern

from labeling.quality.calibration_fit import BEND, KNOTS, KindFit, fit_kind, guessed_log_odds
from tests.support.examples import examples

P = np.array([0.001, 0.2, 0.5, 0.9, 0.999], np.float32)
ONE = np.ones(5, np.int64)


def fitted(p: object, wrong: object, class_id: object = None, past: object = None, **more: object) -> KindFit:
    p = np.array(p, np.float32)
    ids = np.ones(len(p), np.int64) if class_id is None else np.array(class_id)
    return fit_kind(p, ids, np.array(wrong, bool), np.zeros(len(p), bool) if past is None else np.array(past), **more)  # type: ignore[arg-type]


def some_verdicts(n: int, seed: int = 0, classes: int = 4, map: object = lambda x: x) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    x = random.normal(0.5, 2, n)
    class_id = random.integers(1, classes + 1, n)
    wrong = random.random(n) < expit(map(x))  # type: ignore[operator]
    return expit(x).astype(np.float32), class_id, wrong


def bent(p: np.ndarray, bend: float = 3.0) -> np.ndarray:
    """The guess's log odds, written down anew."""
    x = logit(np.clip(p.astype(float), 1e-6, 1 - 1e-6))
    return np.asarray(np.where(x > 0, bend * np.log(1 + np.maximum(x, 0) / bend), x))


def prior_covariance(width: float = 1.0) -> np.ndarray:
    """Of the curve at the knots, by scikit-learn, and of what decided before the scoring adds."""
    covariance = np.zeros((len(KNOTS) + 1,) * 2)
    covariance[:-1, :-1] = width**2 * (0.3**2 + 0.9**2 * Matern(3.0, nu=1.5)(KNOTS[:, None]))
    above, below, over_even = np.maximum(KNOTS + 2.2, 0), np.maximum(-2.2 - KNOTS, 0), np.maximum(KNOTS, 0)
    for slope, side in ((0.3, above), (0.3, below), (0.5, over_even)):
        covariance[:-1, :-1] += slope**2 * np.outer(side, side)
    covariance[-1, -1] = np.log(2) ** 2
    return covariance


def seen_by(at: np.ndarray) -> np.ndarray:
    """How the curve at each place follows from its values at the knots, (n, knots)."""
    return np.array([np.interp(at, KNOTS, unit) for unit in np.eye(len(KNOTS))]).T


def test_before_any_verdict_it_is_the_scorers_own_number_and_modest_where_that_is_very_sure() -> None:
    nothing = fitted([], [])
    ends = np.array([0.0, 1e-9, 1.0], np.float32)
    at = np.array([0.001, 0.2, 0.5], np.float32)
    np.testing.assert_allclose(nothing.probability(at, ONE[:3]), at, rtol=1e-5)
    # log odds of 0.95 are 2.944: 3 ln(1 + 2.944 / 3) = 2.051, and of 0.99 4.595: 2.787
    said = nothing.probability(np.array([0.95, 0.99]), ONE[:2])
    assert said == pytest.approx([0.886, 0.942], abs=1e-3)
    assert (np.diff(nothing.probability(ends, ONE[:3])) >= 0).all()
    assert nothing.probability(ends, ONE[:3])[0] <= 1.1e-6
    of_listed = fitted([], [], bend=BEND["false"]).probability(np.array([0.95]), ONE[:1])[0]
    assert said[0] < of_listed < 0.95
    assert nothing.verdicts == 0


def test_the_mode_is_that_of_the_posterior_as_it_is_written() -> None:
    p, class_id, wrong = some_verdicts(60, map=lambda x: 0.5 * x - 1)
    past, beside = np.arange(60) < 20, np.random.default_rng(2).normal(size=(60, 2))
    wrong = wrong | (beside[:, 1] > 1)
    found = fit_kind(p, class_id, wrong, past, covariates=beside, widths=[1.0], spreads=[0.7]).posteriors[0]
    at, precision = bent(p), np.linalg.inv(prior_covariance())
    design, reach = np.column_stack([seen_by(at), past]), np.exp(np.minimum(at + 2, 0) / 3)

    def minus_log_posterior(all_of: np.ndarray) -> float:
        both, w, u = np.split(all_of, [len(KNOTS) + 1, len(KNOTS) + 3])
        eta = at + design @ both + reach * (u[class_id - 1] + beside @ w)
        rising = np.log(expit((1 + np.diff(both[:-1]) - 0.05) / 0.1)).sum()  # from each knot to the next
        prior = -both @ precision @ both / 2 + norm.logpdf(u, 0, 0.7).sum() + norm.logpdf(w, 0, 0.3).sum() + rising
        return -float(np.where(wrong, np.log(expit(eta)), np.log(expit(-eta))).sum() + prior)

    best = minimize(minus_log_posterior, np.zeros(len(KNOTS) + 7), method="BFGS", options={"gtol": 1e-4}).x
    assert np.concatenate([found.mode, found.own]) == pytest.approx(best, abs=1e-2)


def test_the_covariance_is_the_inverse_of_the_whole_information() -> None:
    p, class_id, wrong = some_verdicts(80, seed=1)
    past = np.arange(80) % 3 == 0
    found = fit_kind(p, class_id, wrong, past, widths=[2.0], spreads=[0.5]).posteriors[0]
    size = len(KNOTS) + 1
    reach = np.exp(np.minimum(bent(p) + 2, 0) / 3)[:, None]
    design = np.column_stack([seen_by(bent(p)), past, reach * np.eye(4)[class_id - 1]])
    q = expit(bent(p) + design @ np.concatenate([found.mode, found.own]))
    whole = design.T @ (design * (q * (1 - q))[:, None])
    whole[:size, :size] += np.linalg.inv(prior_covariance(2.0))
    whole[size:, size:] += 4.0 * np.eye(4)
    for place in range(size - 2):
        step = np.eye(len(whole))[place + 1] - np.eye(len(whole))[place]
        falls = expit(-(1 + found.mode[place + 1] - found.mode[place] - 0.05) / 0.1)
        whole += np.outer(step, step) * falls * (1 - falls) / 0.1**2
    whole = np.linalg.inv(whole)
    both = found.root @ found.root.T
    assert both == pytest.approx(whole[:size, :size], rel=1e-3, abs=1e-6)
    assert found.follow @ both == pytest.approx(whole[size:, :size], rel=1e-3, abs=1e-5)
    assert found.follow @ both @ found.follow.T + np.diag(found.apart) == pytest.approx(whole[size:, size:], rel=1e-3)


def test_of_very_many_verdicts_it_is_the_map_that_was_planted() -> None:
    p, _, wrong = some_verdicts(8_000, classes=1, map=lambda x: 0.5 * x - 1)
    within = np.array([0.05, 0.2, 0.5, 0.9, 0.98])
    assert fitted(p, wrong).probability(within, ONE) == pytest.approx(expit(0.5 * logit(within) - 1), abs=0.03)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_verdicts_from_the_top_tell_of_the_top_and_leave_the_bulk(share: float) -> None:
    """160 verdicts on labels of 8 classes that were called 80 to 99 % likely wrong; what was called 0.2 % stays within
    twice as much and half, and nobody pretends to know it."""
    p, class_id = np.linspace(0.8, 0.99, 160), np.arange(160) % 8
    found = fitted(p, np.arange(160) // 8 % 10 < 10 * share, class_id)
    assert found.probability(p, class_id).mean() == pytest.approx(share, abs=0.1)
    assert 0.001 < found.probability(np.array([0.002]), ONE[:1])[0] < 0.004
    counts = found.draw_counts(np.full(2_000, 0.002), np.arange(2_000) % 8, np.random.default_rng(0), 2_000)
    low, high = np.quantile(counts, [0.025, 0.975])
    assert low <= 1
    assert high >= 20


def test_random_looks_tell_of_the_bulk_and_leave_the_top() -> None:
    """300 looks at labels that were called 0.5 % likely wrong, of which 12 are."""
    found = fitted(np.full(300, 0.005), np.arange(300) < 12, np.arange(300) % 8)
    bulk, top = found.probability(np.array([0.005, 0.95]), ONE[:2])
    assert bulk == pytest.approx(0.04, abs=0.012)
    assert top == pytest.approx(0.886, abs=0.05)


def test_few_verdicts_of_a_class_leave_it_near_the_whole_and_many_make_it_its_own() -> None:
    p = [0.5] * 440
    class_id = [1] * 200 + [2] * 200 + [3] * 36 + [4] * 4
    wrong = [1] * 160 + [0] * 40 + [1] * 40 + [0] * 160 + [1] * 18 + [0] * 18 + [1] * 4
    found = fitted(p, wrong, class_id)
    many, other, between, few, unseen = found.probability(np.full(5, 0.5, np.float32), np.array([1, 2, 3, 4, 9]))
    assert many == pytest.approx(0.8, abs=0.03)
    assert other == pytest.approx(0.2, abs=0.03)
    assert between == pytest.approx(0.5, abs=0.05)
    assert unseen < few < 0.95  # four of four wrong do not make certain


def spread_of(found: KindFit) -> float:
    return sum(one.weight * one.spread for one in found.posteriors)


def test_how_unlike_classes_are_is_read_from_the_verdicts() -> None:
    class_id = np.repeat(np.arange(1, 21), 50)
    alike = fitted(np.full(1000, 0.5), np.tile([1, 0], 500), class_id)
    unlike = fitted(np.full(1000, 0.5), np.repeat([1, 0] * 10, 50) ^ (np.arange(1000) % 10 == 0), class_id)
    unknown = fitted([], [])
    assert spread_of(alike) < 0.25 < 0.4 < spread_of(unknown) < 1.2 < 1.6 < spread_of(unlike)
    for one in (alike, unlike, unknown):
        assert sum(part.weight for part in one.posteriors) == pytest.approx(1)


def test_before_any_verdict_spreads_weigh_as_their_half_normal_prior() -> None:
    found = fitted([], [], widths=[1.0], spreads=[0.5, 1.0, 1.5])
    width, prior = np.array([0.25, 0.5, 0.25]), norm.pdf([0.5, 1.0, 1.5], 0, 0.6)
    assert [one.weight for one in found.posteriors] == pytest.approx(width * prior / (width * prior).sum())


def test_what_was_decided_before_the_scoring_moves_the_map_half_way() -> None:
    past = fitted([0.9] * 50, [0] * 50, past=[True] * 50).probability(P, ONE)[3]
    now = fitted([0.9] * 50, [0] * 50).probability(P, ONE)[3]
    assert 0 < now < past < 0.6


@examples(20)
@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans(), st.integers(1, 3), st.booleans()), max_size=30),
    st.floats(0, 1, width=32),
)
def test_any_verdicts_give_a_rising_map_of_probabilities(rows: list[tuple], at: float) -> None:
    p, wrong, class_id, past = zip(*rows, strict=True) if rows else ((), (), (), ())
    found = fit_kind(np.array(p, np.float32), np.array(class_id, int), np.array(wrong, bool), np.array(past, bool))
    steps = np.sort(np.append(np.linspace(0, 1, 101), at)).astype(np.float32)
    for one in (1, 7):
        said = found.probability(steps, np.full(102, one))
        assert said.dtype == np.float32
        assert ((said >= 0) & (said <= 1)).all()
        assert (np.diff(said) >= -1e-6).all()


@pytest.mark.parametrize("p", [0.0, 1e-7, 0.3, 0.97, 1 - 1e-7, 1.0])
@pytest.mark.parametrize("wrong", [0, 1])
def test_verdicts_that_all_go_one_way_move_it_that_way(p: float, wrong: int) -> None:
    few, many = (
        float(fitted([p] * n, [wrong] * n).probability(np.array([p], np.float32), ONE[:1])[0]) for n in (5, 500)
    )
    before = float(expit(bent(np.array([p])))[0])
    assert abs(many - wrong) <= abs(few - wrong) <= max(abs(before - wrong), 2e-6)
    assert abs(many - wrong) < 0.02


def test_saturated_numbers_are_believed_no_longer_than_verdicts_allow() -> None:
    said = [
        fitted([1.0] * n, [1] * (7 * n // 10) + [0] * (3 * n // 10)).probability(np.ones(1), ONE[:1])[0]
        for n in (10, 100, 1000)
    ]
    assert said[1:] == pytest.approx([0.7, 0.7], abs=0.03)
    assert 0.65 < said[0] < 0.95


def test_counts_are_drawn_as_the_prior_has_it() -> None:
    random = np.random.default_rng(5)
    counts = fitted([], []).draw_counts(np.array([0.5, 0.5]), np.array([1, 1]), random, 40_000)
    weights, sizes = zip(*[(one.weight, (one.width, one.spread)) for one in fitted([], []).posteriors], strict=True)
    width, spread = np.array(sizes)[random.choice(len(sizes), 40_000, p=weights)].T
    moved = random.normal(0, np.sqrt(0.3**2 + 0.9**2), 40_000) * width + random.normal(0, 1, 40_000) * spread
    moved += random.normal(0, 0.3 * 2.2, 40_000)  # how far even lies from where evidence is silent
    chance = expit(moved)
    expected = [np.mean((1 - chance) ** 2), np.mean(2 * chance * (1 - chance)), np.mean(chance**2)]
    assert np.bincount(counts) / 40_000 == pytest.approx(expected, abs=0.015)  # four standard errors and the slopes


def test_counts_of_a_map_that_is_known_vary_as_coins_do() -> None:
    p, class_id, wrong = some_verdicts(10_000, classes=2)
    counts = fitted(p, wrong, class_id).draw_counts(
        np.repeat([0.5, 0.9], 50), np.tile([1, 2], 50), np.random.default_rng(0), 4_000
    )
    assert counts.mean() == pytest.approx(70, abs=1)
    assert counts.var() == pytest.approx(50 * 0.25 + 50 * 0.09, rel=0.15)


def test_classes_share_their_offset_within_a_draw() -> None:
    found = fitted([], [])
    one, apart = (
        found.draw_counts(np.full(20, 0.5), ids, np.random.default_rng(0), 4_000).var()
        for ids in (np.ones(20, int), np.arange(20))
    )
    assert one > 1.1 * apart


def test_many_places_are_drawn_in_parts() -> None:
    p, class_id, wrong = some_verdicts(500)
    places = np.full(30_000, 0.5), np.arange(30_000) % 6
    counts = fitted(p, wrong, class_id).draw_counts(*places, np.random.default_rng(0), 400)
    said = fitted(p, wrong, class_id).probability(*places).sum()
    assert counts.mean() == pytest.approx(said, rel=0.1)


@pytest.mark.parametrize(("n", "apart", "lower"), [(8, 0.1, 0.55), (40, 0.07, 0.3)])
def test_counts_are_those_of_the_exact_posterior(n: int, apart: float, lower: float) -> None:
    """Beside the prior itself, drawn from and weighed by the likelihood: importance sampling knows no normal curve."""
    p, _, wrong = some_verdicts(n, seed=2, map=lambda x: 0.6 * x - 0.5)
    after = np.linspace(0.5, 0.95, 10)
    random = np.random.default_rng(0)
    size = 100_000
    curve = KNOTS + random.standard_normal((size, len(KNOTS))) @ np.linalg.cholesky(prior_covariance()[:-1, :-1]).T
    offset = random.normal(0, 0.4, (size, 1))
    log_weight = -np.logaddexp(0, -(np.diff(curve) - 0.05) / 0.1).sum(axis=1)
    eta = curve @ seen_by(bent(p)).T + offset
    log_weight -= np.logaddexp(0, np.where(wrong, -eta, eta)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    exact = (random.random((size, 10)) < expit(curve @ seen_by(bent(after)).T + offset)).sum(axis=1)
    expected = np.bincount(exact, weights=weight, minlength=11) / weight.sum()
    found = fitted(p, wrong, widths=[1.0], spreads=[0.4]).draw_counts(after, np.ones(10, int), random, 20_000)
    said = np.bincount(found, minlength=11) / 20_000
    assert abs(np.cumsum(said) - np.cumsum(expected)).max() < apart
    assert said @ np.arange(11) == pytest.approx(expected @ np.arange(11), abs=lower)


def test_the_guess_rises_and_lies_within_the_knots() -> None:
    p = np.concatenate([[0.0], np.logspace(-7, -1, 50), np.linspace(0.1, 0.999999, 200), [1.0]])
    for bend in BEND.values():
        at = guessed_log_odds(p, bend)
        assert at == pytest.approx(bent(p, bend))
        assert (np.diff(at) >= 0).all()
        assert KNOTS[0] < at[0] < at[-1] < KNOTS[-1]
