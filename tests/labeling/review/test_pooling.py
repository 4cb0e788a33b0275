"""labeling/review/pooling.py"""

import numpy as np

from labeling.review.pooling import FULL, MOST_STEPS, POOL, TILE_STEPS, first_level, pooled, whole_numbers


def test_a_tile_at_a_level_is_that_part_of_the_whole_at_that_level() -> None:
    values = np.random.default_rng(0).random((3 * TILE_STEPS * POOL + 5, 2))
    for level in (0, 1, 2):
        whole = pooled(values, level)
        steps = TILE_STEPS * POOL**level
        tiles = [pooled(values[at : at + steps], level) for at in range(0, len(values), steps)]
        np.testing.assert_array_equal(np.concatenate(tiles), whole)
        np.testing.assert_array_equal(pooled(pooled(values, level), 1), pooled(values, level + 1))
    assert pooled(values[:0], 2).shape == (0, 2)


def test_what_is_sent_whole_is_bounded() -> None:
    for steps in (0, 1, MOST_STEPS, MOST_STEPS + 1, 135_000, 10**7):
        level = first_level(steps)
        assert -(-steps // POOL**level) <= MOST_STEPS
        assert level == 0 or -(-steps // POOL ** (level - 1)) > MOST_STEPS


def test_probabilities_as_whole_numbers() -> None:
    assert whole_numbers(np.array([0, 0.5, 1, np.nan, np.inf, -np.inf, -1])).tolist() == [
        0,
        32_768,
        FULL,
        0,
        FULL,
        0,
        0,
    ]
