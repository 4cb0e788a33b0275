"""training_dynamics.py: how far a cell lies from others with its label, by hand; what each scorer makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labeling.disagreement.evidence import Dynamics, Evidence, FrameSummary, Scores
from labeling.disagreement.training_dynamics import (
    BORROWED_WRONG,
    FARTHEST,
    USUAL_STEEPNESS,
    MarginFit,
    epoch_spread,
    fit_margin,
    forgetting,
    margin,
    surprise,
)

NAN = float("nan")
SCORERS = [margin, forgetting, epoch_spread]


def evidence(labels: NDArray[np.bool_], **values: NDArray[np.floating]) -> Evidence:
    p: NDArray[np.float32] = np.full(labels.shape, 0.5, np.float32)
    frames = FrameSummary(p, p, np.ones(p.shape, np.int32), np.full(labels.shape[1], 0.5, np.float32))
    unknown = np.full(labels.shape, np.nan, np.float32)
    names = ("margin", "forgotten", "epoch_spread")
    dynamics = Dynamics(*(np.asarray(values.get(name, unknown), np.float32) for name in names))
    return Evidence(labels, np.ones_like(labels), p, frames, dynamics=dynamics)


def test_surprise_by_hand() -> None:
    """One class: listed 1, 3 and 5, their mean 3 drawn towards the collection's, which it is; apart -2, 0 and 2."""
    values = np.array([[1], [3], [5], [-1], [-3], [NAN]], np.float32)
    listed = np.array([[True], [True], [True], [False], [False], [False]])
    spread = np.sqrt(8 / 3)
    expected = [[-2 / spread], [0], [2 / spread], [1], [-1], [0]]  # unlisted: one on each side of -2
    found = surprise(values, listed, np.ones_like(listed))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_a_class_of_one_cell_is_compared_with_the_collection() -> None:
    """Class 0 lists 0 and 2, class 1 lists 7: the whole is 3, so what is usual of class 1 is half way, 5."""
    values = np.array([[0, 7], [2, 50]], np.float32)
    listed = np.array([[True, True], [True, False]])
    usual = np.array([(0 + 2 + 3) / 3, (7 + 3) / 2])
    apart = np.array([0 - usual[0], 2 - usual[0], 7 - usual[1]])
    spread = np.sqrt(np.mean(apart**2))
    found = surprise(values, listed, np.ones_like(listed))
    np.testing.assert_allclose(found, [[apart[0] / spread, apart[2] / spread], [apart[1] / spread, 0]], rtol=1e-5)


@given(seed=st.integers(0, 9999), clips=st.integers(1, 30), classes=st.integers(1, 3), holes=st.floats(0, 1))
def test_surprise_is_finite_bounded_and_knows_nothing_of_masked_cells(
    seed: int, clips: int, classes: int, holes: float
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 10, (clips, classes)).astype(np.float32)
    values[rng.random(values.shape) < holes] = np.nan
    listed, known = rng.random((2, clips, classes)) < 0.6
    found = surprise(values, listed, known)
    assert np.all(np.abs(found) <= FARTHEST)
    assert np.all(found[~known | np.isnan(values)] == 0)
    shifted = surprise(np.where(known, values, 1e6).astype(np.float32), listed ^ ~known, known)
    np.testing.assert_allclose(shifted, found, atol=1e-5)
    np.testing.assert_allclose(surprise(3 * values + 5, listed, known), found, atol=2e-3)  # no matter the scale


@pytest.mark.parametrize("values", [[[7.0], [7.0], [7.0]], [[NAN], [NAN], [NAN]], [[1.0], [NAN], [1.0]]])
def test_nothing_stands_out_where_all_are_alike(values: list[list[float]]) -> None:
    listed = np.array([[True], [True], [False]])
    assert np.all(surprise(np.array(values, np.float32), listed, np.ones_like(listed)) == 0)
    assert np.all(surprise(np.array(values, np.float32), listed, np.zeros_like(listed)) == 0)


LISTED = np.array([[True]] * 3 + [[False]] * 3)


def test_the_margin_speaks_for_the_class() -> None:
    """A listed cell that training learned badly is suspect, and an unlisted one that it learned badly."""
    quality = margin(evidence(LISTED, margin=np.array([[1], [3], [5], [-5], [-3], [-1]]))).label_quality[:, 0]
    one = 1 / (1 + np.exp(2 / np.sqrt(8 / 3)))
    np.testing.assert_allclose(quality, [one, 0.5, 1 - one, 1 - one, 0.5, one], rtol=1e-5)


@pytest.mark.parametrize(("scorer", "name"), [(forgetting, "forgotten"), (epoch_spread, "epoch_spread")])
def test_what_was_lost_again_or_wandered_speaks_against_any_label(
    scorer: Callable[[Evidence], Scores], name: str
) -> None:
    values = np.array([[0], [1], [2], [0], [1], [2]]) / 4
    p_wrong = scorer(evidence(LISTED, **{name: values})).p_wrong[:, 0]
    one = 1 / (1 + np.exp(np.sqrt(3 / 2)))
    np.testing.assert_allclose(p_wrong, [one, 0.5, 1 - one] * 2, rtol=1e-5)


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_cell_whose_training_is_not_known_is_left_undecided(scorer: Callable[[Evidence], Scores]) -> None:
    values = np.array([[NAN], [1], [2], [NAN], [1], [2]]) / 4
    scores = scorer(evidence(LISTED, margin=values, forgotten=values, epoch_spread=values))
    np.testing.assert_array_equal(scores.label_quality[[0, 3], 0], [0.5, 0.5])
    assert np.all(np.isfinite(scores.label_quality))
    assert scores.label_quality.dtype == np.float32


def cells(apart: float, listed: bool, seed: int = 0) -> tuple[Any, ...]:
    """Surprises of cells that follow half of what is predicted; those of wrong labels lie ``apart`` further out."""
    random = np.random.default_rng(seed)
    p_wrong, held_out = random.choice([0.02, 0.3, 0.8], 20_000), random.normal(size=20_000)
    wrong = random.random(20_000) < p_wrong
    values = 0.2 * held_out + random.normal(size=20_000) + (-apart if listed else apart) * wrong
    return values, held_out, p_wrong, wrong


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_the_steepness_is_that_of_bayes_rule(apart: float, listed: bool) -> None:
    """Two normals of variance 1 that lie d apart part by d log odds a unit, from half-way between them on."""
    values, held_out, p_wrong, _ = cells(apart, listed)
    fitted = fit_margin(values, held_out, p_wrong, listed=listed)
    assert fitted.steepness == pytest.approx(apart, abs=0.08)
    assert fitted.level == pytest.approx((-apart if listed else apart) / 2, abs=0.05)
    assert fitted.follow == pytest.approx(0.2, abs=0.03)


def test_a_margin_that_parts_nothing_is_worth_nothing_and_few_cells_say_the_usual() -> None:
    values, held_out, p_wrong, wrong = cells(0.0, True)
    assert fit_margin(values, held_out, p_wrong, listed=True).steepness < 0.1
    turned = -values - 1.5 * wrong  # wrong labels that are learned better than right ones tell nothing either
    assert fit_margin(-turned, held_out, p_wrong, listed=True).steepness < 0.1
    few = fit_margin(values[:3], held_out[:3], p_wrong[:3], listed=True)
    assert few.steepness == pytest.approx(USUAL_STEEPNESS, rel=3 / BORROWED_WRONG)
    none: Any = np.zeros(0, np.float32)
    assert fit_margin(none, none, none, listed=False) == MarginFit(USUAL_STEEPNESS, 0.5, 0.0)


def test_what_people_decided_counts_as_it_is() -> None:
    values, held_out, _, wrong = cells(1.0, True, seed=1)
    blind = fit_margin(values, held_out, np.full(20_000, 0.1), listed=True)
    told = fit_margin(values, held_out, wrong.astype(float), listed=True)
    assert told.steepness == pytest.approx(1.0, abs=0.05)
    assert abs(blind.steepness - 1) > abs(told.steepness - 1)


def test_more_that_is_heard_never_makes_a_class_less_likely() -> None:
    """Where the margin follows the prediction closely and parts well, its shift may fall by one at most a log odds."""
    values, held_out, p_wrong, _ = cells(4.0, False)
    fitted = fit_margin(values + 0.8 * held_out, held_out, p_wrong, listed=False)
    assert fitted.steepness > 2
    assert fitted.steepness * fitted.follow <= 1 + 1e-9
