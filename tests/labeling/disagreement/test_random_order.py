"""labeling/disagreement/random_order.py"""

from __future__ import annotations

import numpy as np
import pytest

from labeling.cells import mixed
from labeling.disagreement import random_order


def test_the_hash_is_splitmix64() -> None:
    """The first numbers of the published generator from state 0: its state grows by the golden gamma, then is mixed."""
    gamma = 0x9E3779B97F4A7C15
    states = np.array([gamma * step % 2**64 for step in (1, 2, 3)], np.uint64).view(np.int64)
    assert mixed(states, 0).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_all_cells_of_a_small_collection_are_kept() -> None:
    assert random_order.kept_below(10) == random_order.kept_below(random_order.KEPT_AT_RANDOM) == 1 << 64
    assert random_order.kept_at_random(np.arange(1, 4), np.arange(1, 3)).all()


def test_of_a_large_one_those_whose_turn_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_order, "KEPT_AT_RANDOM", 1_000)
    monkeypatch.setattr(random_order, "_TOGETHER", 3_000)
    clips, classes = np.arange(1, 1_001), np.arange(5, 45)
    kept = random_order.kept_at_random(clips, classes)
    turns = random_order.turns(np.repeat(clips, 40), np.tile(classes, 1_000)).reshape(1_000, 40)
    assert turns[kept].max() < turns[~kept].min()
    assert abs(int(kept.sum()) - 1_000) < 160  # five standard deviations
    assert (kept[:, :20].sum(), kept[:500].sum()) == (pytest.approx(500, abs=112), pytest.approx(500, abs=112))
