"""labeling/agreement/error_rates.py: against the paper's own example, and against a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.agreement.error_rates import Said, fit, intervals

PATIENTS = """
111 1 1 1 1/333 4 3 3 4/112 2 1 2 2/222 3 1 2 1/222 3 2 2 2/222 3 3 2 2/122 2 1 1 1/333 3 4 3 3/222 2 2 2 3
232 2 2 2 3/444 4 4 4 4/222 3 3 4 3/111 1 1 1 1/222 3 2 1 2/121 1 1 1 1/111 2 1 1 1/111 1 1 1 1/111 1 1 1 1
222 2 2 2 1/222 1 3 2 2/222 2 2 2 2/222 2 2 2 1/222 3 2 2 2/221 2 2 2 2/111 1 1 1 1/111 1 1 1 1/232 2 2 2 2
111 1 1 1 1/111 1 1 1 1/112 1 1 2 1/111 1 1 1 1/333 3 2 3 3/111 1 1 1 1/222 2 2 2 2/222 3 2 3 2/433 4 3 4 3
221 2 2 3 2/232 3 2 3 3/333 3 4 3 2/111 1 1 1 1/111 1 1 1 1/121 2 1 1 1/232 2 2 2 2/121 1 1 1 1/222 2 2 2 2
"""
"""Table 1 of Dawid & Skene (1979): five anaesthetists on 45 patients, the first of them three times."""


def anaesthetists() -> Said:
    rows = [
        (patient, observer, int(word) - 1)
        for patient, line in enumerate(PATIENTS.replace("\n", "/").strip("/").split("/"))
        for observer, words in enumerate(line.split())
        for word in words
    ]
    unit, person, word = np.array(rows).T
    return Said(unit, person, word, np.full(45, -1), 5, 4, 4)


def test_the_papers_example() -> None:
    found = fit(anaesthetists(), even=0)
    assert found.likely.shape == (45, 4)
    assert found.share.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.rates[0].round(2).tolist() == [
        [0.89, 0.11, 0.00, 0.00],
        [0.07, 0.88, 0.05, 0.00],
        [0.00, 0.34, 0.66, 0.00],
        [0.00, 0.00, 0.56, 0.44],
    ], "and of the three patients of the last class the first observer says so four times of nine"


def simulated(misses: list[float], imagines: list[float], cells: int, seed: int = 0) -> tuple[Said, np.ndarray]:
    random = np.random.default_rng(seed)
    there = random.random(cells) < 0.3
    words = []
    for miss, imagine in zip(misses, imagines, strict=True):
        errs = random.random(cells) < np.where(there, miss, imagine)
        words.append(np.where(there ^ errs, 0, 1))
    unit, person = np.repeat(np.arange(cells), len(misses)), np.tile(np.arange(len(misses)), cells)
    said = Said(unit, person, np.stack(words, axis=1).ravel(), np.full(cells, -1), len(misses), 3, 2)
    return said, there


def test_rates_that_are_known_are_found_within_their_intervals() -> None:
    misses, imagines = [0.05, 0.3, 0.1, 0.2], [0.02, 0.05, 0.2, 0.1]
    said, there = simulated(misses, imagines, 1200)
    found = fit(said)
    low, high = intervals(said, found, np.arange(1200))
    for person, (miss, imagine) in enumerate(zip(misses, imagines, strict=True)):
        assert low[person, 0, 1] <= miss <= high[person, 0, 1]
        assert low[person, 1, 0] <= imagine <= high[person, 1, 0]
    assert ((found.likely[:, 0] > 0.5) == there).mean() > 0.95
    assert np.allclose(found.rates.sum(2), 1)
    assert (low <= found.rates + 1e-9).all()
    assert (high >= found.rates - 1e-9).all()


def test_what_is_known_to_be_true_tells_two_people_apart() -> None:
    """Of two alone nobody can say who errs; of a fifth of the cells the truth is known."""
    said, there = simulated([0.05, 0.4], [0.05, 0.3], 400)
    truth = np.where(np.arange(400) % 5 == 0, np.where(there, 0, 1), -1)
    found = fit(Said(said.unit, said.person, said.word, truth, 2, 3, 2))
    assert found.rates[0, 0, 1] < 0.15 < 0.25 < found.rates[1, 0, 1]
    known = truth >= 0
    assert (found.likely[known].argmax(1) == truth[known]).all()
    assert np.isin(found.likely[known], (0, 1)).all()


def test_few_verdicts_make_nobody_perfect() -> None:
    said = Said(np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 0]), np.array([-1]), 3, 3, 2)
    found = fit(said)
    assert (found.rates > 0).all()
    assert (found.rates < 1).all()
    assert np.isfinite(np.log(found.rates)).all()


def test_words_that_are_no_truth_take_part() -> None:
    said = Said(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([2, 2, 0, 2]), np.array([-1, -1]), 2, 3, 2)
    found = fit(said)
    assert found.likely.shape == (2, 2)
    assert found.likely.sum(1).tolist() == pytest.approx([1, 1])
    assert found.likely[1, 0] > 0.5
