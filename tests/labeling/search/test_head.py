"""head.py: a head separates what it was told, and says how many are to come as honestly as it can."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.search.head import LEAST_VERDICTS, NEXT, fit, outlook


def sample(rng: np.random.Generator, n: int, size: int = 64, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of which about a third are of a class, ``apart`` from the others."""
    yes = rng.random(n) < 0.35
    vectors = rng.standard_normal((n, size)) / np.sqrt(size)
    vectors[yes, 0] += apart
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), yes


def test_a_head_tells_apart_what_it_was_told() -> None:
    vectors, yes = sample(np.random.default_rng(0), 200)
    head = fit(vectors, yes, np.ones(200), np.ones(200, bool))
    assert np.mean((vectors @ head.weight + head.bias > 0) == yes) > 0.9
    assert head.known
    likely = head.probability(vectors @ head.weight + head.bias)
    assert likely[yes].mean() > 0.7 > 0.3 > likely[~yes].mean()


def test_too_few_verdicts_say_nothing_of_probabilities() -> None:
    vectors, yes = sample(np.random.default_rng(0), LEAST_VERDICTS + 5)
    judged = np.arange(len(yes)) < LEAST_VERDICTS - 1
    head = fit(vectors, yes, np.ones(len(yes)), judged)
    assert not head.known
    assert outlook(head, vectors @ head.weight) is None
    with pytest.raises(ValueError, match="too few verdicts"):
        head.probability(np.zeros(1))
    assert fit(vectors, yes, np.ones(len(yes)), np.arange(len(yes)) < LEAST_VERDICTS).known


def test_the_range_of_the_next_holds_about_as_often_as_it_says() -> None:
    held, widths = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        vectors, yes = sample(rng, 40 + NEXT, apart=0.5)
        head = fit(vectors[:40], yes[:40], np.ones(40), np.ones(40, bool))
        expected = outlook(head, vectors[40:] @ head.weight + head.bias)
        assert expected is not None
        held.append(expected.low <= yes[40:].sum() <= expected.high)
        widths.append(expected.high - expected.low)
    assert np.mean(held) >= 0.9
    assert np.median(widths) < NEXT * 0.75  # it says something


@pytest.mark.parametrize("all_of_them", [True, False])
def test_verdicts_that_all_say_the_same_are_no_certainty(all_of_them: bool) -> None:
    vectors, _ = sample(np.random.default_rng(0), 30)
    head = fit(vectors, np.full(30, all_of_them), np.ones(30), np.arange(30) < 12)
    expected = outlook(head, vectors[12:] @ head.weight + head.bias)
    assert expected is not None
    assert expected.of == 18
    assert expected.low < 18 if all_of_them else expected.high > 0
