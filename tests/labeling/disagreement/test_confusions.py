"""What a listed class explains of another: worked out by hand, cross-fitted, and what it is good for."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from labeling.disagreement.confusions import BORROWED, Confusions
from labeling.disagreement.evidence import Evidence, FrameSummary
from labeling.disagreement.scorers import SCORERS

Floats = NDArray[np.float32]


def test_values_are_those_worked_out_by_hand() -> None:
    """Clips 0 to 3 are of part 0, 4 to 7 of part 1, which alone tells of part 0. There class 1 is read at 2 and 0 in
    the clips that list class 0 alone, at -2 and -4 in those that list nothing: -1 on average."""
    log_odds = np.array([*[[0, 9]] * 4, [0, 2], [0, 0], [0, -2], [0, -4]], np.float32)
    label = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [1, 0], [0, 0], [0, 0]], bool)
    seen = Confusions(label, np.ones_like(label), np.repeat([0, 1], 4)).explained(log_odds)
    # (2 + 0) - 2 x (-1) = 4 over two clips and BORROWED more
    worth = 4 / (2 + BORROWED)
    np.testing.assert_allclose(seen[:4], [[0, worth], [0, 0], [0, worth], [0, 0]], rtol=1e-6)
    # of part 1's clips, class 1 is read in part 0 at 9 with class 0 and without it
    np.testing.assert_allclose(seen[4:], 0, atol=1e-6)


def test_a_class_that_is_read_lower_explains_nothing_and_masked_cells_tell_nothing() -> None:
    log_odds = np.array([[0, -5], [0, 0]] * 6, np.float32)
    label = np.array([[1, 0], [0, 0]] * 6, bool)
    part = np.arange(12) % 3
    assert not Confusions(label, np.ones_like(label), part).explained(log_odds).any()
    higher = Confusions(label, np.ones_like(label), part).explained(-log_odds)
    assert higher[0, 1] > 0
    masked = np.ones_like(label)
    masked[::2, 1] = False  # where class 0 is listed, nobody knows of class 1
    assert not Confusions(label, masked, part).explained(-log_odds).any()


def test_a_clips_own_part_tells_nothing_and_their_order_is_none_of_it() -> None:
    random = np.random.default_rng(0)
    log_odds = random.normal(size=(60, 5)).astype(np.float32)
    label, part = random.random((60, 5)) < 0.3, np.arange(60) % 4
    seen = Confusions(label, np.ones_like(label), part).explained(log_odds)
    changed = log_odds.copy()
    changed[part == 2] += 7
    again = Confusions(label, np.ones_like(label), part).explained(changed)
    np.testing.assert_array_equal(again[part == 2], seen[part == 2])
    assert not np.array_equal(again[part != 2], seen[part != 2])
    order = random.permutation(60)
    np.testing.assert_allclose(
        Confusions(label[order], np.ones_like(label), part[order]).explained(log_odds[order]), seen[order], atol=1e-5
    )


def collection(seed: int) -> tuple[Evidence, NDArray[np.bool_]]:
    """Six classes of 600 clips; the network reads class 1 wherever class 0 sounds. A tenth of the labels is missing."""
    random = np.random.default_rng(seed)
    truth = random.random((600, 6)) < 0.2
    given = truth & (random.random(truth.shape) > 0.1)
    log_odds = np.where(truth, 2.0, -2.0) + random.normal(size=truth.shape)
    log_odds[:, 1] = np.maximum(log_odds[:, 1], np.where(truth[:, 0], 2.0, -9.0) + random.normal(size=600))
    p: Any = (1 / (1 + np.exp(-log_odds))).astype(np.float32)
    frames = FrameSummary(p, p, np.zeros(p.shape, np.int32), np.full(6, 0.5, np.float32))
    return Evidence(given, np.ones_like(given), p, frames, fold=np.arange(600) % 4), given != truth


def test_what_is_taken_for_another_class_no_longer_fills_the_top() -> None:
    gains = []
    for seed in range(3):
        evidence, wrong = collection(seed)
        score = SCORERS.get("earmark")
        with_them, without = (score(one).p_wrong for one in (evidence, replace(evidence, fold=None)))
        missing = ~evidence.given
        gains.append(
            average_precision_score(wrong[missing], with_them[missing])
            - average_precision_score(wrong[missing], without[missing])
        )
    assert min(gains) > 0, gains
    assert np.mean(gains) > 0.015, gains
