"""labeling/quality/calibration_fit.py"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from labeling.quality.calibration_fit import OFFSET_WIDTH, PAST_WIDTH, SLOPE_WIDTH, KindFit, fit_kind

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


def test_before_any_verdict_it_is_the_scorers_own_number() -> None:
    nothing = fitted([], [])
    ends = np.array([0.0, 1e-9, 1.0], np.float32)
    np.testing.assert_array_equal(nothing.probability(P, ONE), P)
    np.testing.assert_array_equal(nothing.probability(ends, ONE[:3]), ends)
    assert nothing.parameters == pytest.approx(np.zeros(4), abs=1e-9)
    assert nothing.verdicts == 0


def test_the_mode_is_that_of_the_posterior_as_it_is_written() -> None:
    p, class_id, wrong = some_verdicts(60, map=lambda x: 0.5 * x - 1)
    past = np.arange(60) < 20
    found = fit_kind(p, class_id, wrong, past, spreads=[0.7]).posteriors[0]
    low, high = np.log(p.astype(float)), -np.log1p(-p.astype(float))

    def minus_log_posterior(all_of: np.ndarray) -> float:
        a, b1, b2, d, *u = all_of
        eta = a + np.exp(b1) * low + np.exp(b2) * high + np.array(u)[class_id - 1] + d * past
        prior = norm.logpdf(a, 0, np.log(20) / 1.96) + norm.logpdf(b1, 0, np.log(3)) + norm.logpdf(b2, 0, np.log(3))
        prior += norm.logpdf(d, 0, np.log(2)) + norm.logpdf(u, 0, 0.7).sum()
        return -float(np.where(wrong, np.log(expit(eta)), np.log(expit(-eta))).sum() + prior)

    best = minimize(minus_log_posterior, np.zeros(8), method="BFGS", options={"gtol": 1e-7}).x
    assert np.concatenate([found.mode, found.own]) == pytest.approx(best, abs=2e-3)
    widths = [OFFSET_WIDTH, SLOPE_WIDTH, PAST_WIDTH]
    assert widths == pytest.approx([1.528, 1.099, 0.693], abs=1e-3)


def test_the_covariance_is_the_inverse_of_the_whole_information() -> None:
    p, class_id, wrong = some_verdicts(80, seed=1)
    past = np.arange(80) % 3 == 0
    found = fit_kind(p, class_id, wrong, past, spreads=[0.5]).posteriors[0]
    low, high = np.log(p.astype(float)), -np.log1p(-p.astype(float))
    a, b1, b2, d = found.mode
    q = expit(a + np.exp(b1) * low + np.exp(b2) * high + d * past + found.own[class_id - 1])
    design = np.column_stack([np.ones(80), np.exp(b1) * low, np.exp(b2) * high, past, np.eye(4)[class_id - 1]])
    precision = np.diag([1 / 1.5285**2, 1 / 1.0986**2, 1 / 1.0986**2, 1 / 0.6931**2, *[4.0] * 4])
    whole = np.linalg.inv(design.T @ (design * (q * (1 - q))[:, None]) + precision)
    four = found.root @ found.root.T
    assert four == pytest.approx(whole[:4, :4], rel=1e-3)
    assert found.follow @ four == pytest.approx(whole[4:, :4], rel=1e-3, abs=2e-6)
    assert found.follow @ four @ found.follow.T + np.diag(found.apart) == pytest.approx(whole[4:, 4:], rel=1e-3)


def test_of_very_many_verdicts_it_is_beta_calibration() -> None:
    p, _, wrong = some_verdicts(40_000, classes=1, map=lambda x: 0.5 * x - 1)
    features = np.column_stack([np.log(p), -np.log1p(-p.astype(float))])
    reference = LogisticRegression(C=1e6, tol=1e-8).fit(features, wrong)
    expected = reference.predict_proba(np.column_stack([np.log(P), -np.log1p(-P.astype(float))]))[:, 1]
    assert fitted(p, wrong).probability(P, ONE) == pytest.approx(expected, abs=2e-3)
    assert expected == pytest.approx(expit(0.5 * logit(P.astype(float)) - 1), abs=0.03)  # the map that was planted


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
    assert spread_of(alike) < 0.2 < 0.6 < spread_of(unknown) < 1.2 < 1.6 < spread_of(unlike)
    for one in (alike, unlike, unknown):
        assert sum(part.weight for part in one.posteriors) == pytest.approx(1)


def test_before_any_verdict_spreads_weigh_as_their_half_normal_prior() -> None:
    found = fitted([], [], spreads=[0.5, 1.0, 1.5])
    width, prior = np.array([0.25, 0.5, 0.25]), norm.pdf([0.5, 1.0, 1.5])
    assert [one.weight for one in found.posteriors] == pytest.approx(width * prior / (width * prior).sum())


def test_what_was_decided_before_the_scoring_moves_the_map_half_way() -> None:
    past = fitted([0.9] * 50, [0] * 50, past=[True] * 50).probability(P, ONE)[3]
    now = fitted([0.9] * 50, [0] * 50).probability(P, ONE)[3]
    assert 0 < now < past < 0.6


@settings(max_examples=40)
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
    assert abs(many - wrong) <= abs(few - wrong) <= max(abs(p - wrong), 2e-6)
    assert abs(many - wrong) < 0.02


def test_saturated_numbers_are_believed_no_longer_than_verdicts_allow() -> None:
    said = [
        fitted([1.0] * n, [1] * (7 * n // 10) + [0] * (3 * n // 10)).probability(np.ones(1), ONE[:1])[0]
        for n in (10, 100, 1000)
    ]
    assert said[1:] == pytest.approx([0.7, 0.7], abs=0.03)
    assert 0.6 < said[0] < 0.85


def test_counts_are_drawn_as_the_prior_has_it() -> None:
    random = np.random.default_rng(5)
    counts = fitted([], []).draw_counts(np.array([0.5, 0.5]), np.array([1, 1]), random, 40_000)
    weights, sizes = zip(*[(one.weight, one.spread) for one in fitted([], []).posteriors], strict=True)
    spread = random.choice(sizes, 40_000, p=weights)
    a, u = random.normal(0, np.log(20) / 1.96, 40_000), random.normal(0, 1, 40_000) * spread
    b = np.exp(random.normal(0, np.log(3), (2, 40_000)))
    chance = expit(a + u + np.log(0.5) * (b[0] - b[1]))
    expected = [np.mean((1 - chance) ** 2), np.mean(2 * chance * (1 - chance)), np.mean(chance**2)]
    assert np.bincount(counts) / 40_000 == pytest.approx(expected, abs=0.01)  # four standard errors


def test_counts_of_a_map_that_is_known_vary_as_coins_do() -> None:
    p, class_id, wrong = some_verdicts(60_000, classes=2)
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


@pytest.mark.parametrize("n", [8, 40])
def test_counts_are_those_of_the_exact_posterior(n: int) -> None:
    """Beside the prior itself, drawn from and weighed by the likelihood: importance sampling knows no normal curve."""
    p, _, wrong = some_verdicts(n, seed=2, map=lambda x: 0.6 * x - 0.5)
    x, after = p.astype(float), np.linspace(0.5, 0.95, 10)
    random = np.random.default_rng(0)
    size = 200_000
    a, b = random.normal(0, np.log(20) / 1.96, size), np.exp(random.normal(0, np.log(3), (2, size)))
    u = random.normal(0, 0.5, size)

    def chance(at: np.ndarray) -> np.ndarray:
        return expit((a + u)[:, None] + np.outer(b[0], np.log(at)) - np.outer(b[1], np.log1p(-at)))

    right = np.where(wrong, chance(x), 1 - chance(x))
    weight = np.exp(np.log(np.maximum(right, 1e-300)).sum(axis=1))
    exact = (random.random((size, 10)) < chance(after)).sum(axis=1)
    expected = np.bincount(exact, weights=weight, minlength=11) / weight.sum()
    found = fitted(p, wrong, spreads=[0.5]).draw_counts(after, np.ones(10, int), random, 20_000)
    said = np.bincount(found, minlength=11) / 20_000
    assert abs(np.cumsum(said) - np.cumsum(expected)).max() < 0.05
    assert said @ np.arange(11) == pytest.approx(expected @ np.arange(11), abs=0.2)
