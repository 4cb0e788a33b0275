"""orders.py: each order is its formula, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from labeling.active.orders import ORDERS, Cells, ask
from labeling.disagreement import random_order


def cells_of(
    probability: list[list[float]], vectors: list[list[float]], known: Sequence[tuple[int, int, bool]] = ()
) -> Cells:
    p = np.array(probability)
    is_known, present = np.zeros(p.shape, bool), np.zeros(p.shape, bool)
    for clip, class_, held in known:
        is_known[clip, class_], present[clip, class_] = True, held
    unit = np.array(vectors, np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return Cells(p, is_known, present, ~is_known, unit, np.arange(1, len(p) + 1), np.arange(1, p.shape[1] + 1))


def order_of(cells: Cells, order: str, count: int = 99) -> list[tuple[int, int]]:
    asked = ask(cells, order, count)
    return list(zip(asked.clip.tolist(), asked.class_.tolist(), strict=True))


def test_uncertain_is_entropy_times_need() -> None:
    """Class 0 has 4 known positives, class 1 one: needs (1/4)^.5 and 1, less their mean .75: .667 and 1.333. H(.5) = 1
    and H(.12) = .53: class 1's plain cell (.53 x 1.333 = .706) is asked before the open one of class 0 (1 x .667)."""
    known = [(clip, 0, True) for clip in range(3, 7)] + [(3, 1, True), *((clip, 1, False) for clip in range(4, 7))]
    p = [[0.5, 0.12], [0.9, 0.5], [0.3160, 0.02]] + [[0.5, 0.5]] * 4
    cells = cells_of(p, [[1, 0]] * 7, known)
    assert cells.need == pytest.approx([2 / 3, 4 / 3])
    asked = ask(cells, "uncertain", 6)
    assert list(zip(asked.clip.tolist(), asked.class_.tolist(), strict=True)) == [
        (1, 1), (0, 1), (0, 0), (2, 0), (1, 0), (2, 1)
    ]  # fmt: skip
    assert asked.value == pytest.approx(
        [4 / 3, 0.5294 * 4 / 3, 2 / 3, 0.9 * 2 / 3, 0.469 * 2 / 3, 0.1414 * 4 / 3], abs=2e-3
    )


def test_varied_is_farthest_first_from_what_was_heard() -> None:
    """Heard is 0 degrees. At 10, 60, 85 and 40 degrees the farthest is 85; from that and 0 the farthest is 40, 40 from
    0, for 60 is 25 from 85; then 60, 20 from 40 and 25 from 85, and 10 last."""
    angle = np.radians([0, 10, 60, 85, 40])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).tolist()
    cells = cells_of([[0.5]] * 5, vectors, [(0, 0, True)])
    asked = ask(cells, "varied", 4)
    assert asked.clip.tolist() == [3, 4, 2, 1]
    assert asked.distance == pytest.approx(1 - np.cos(np.radians([85, 40, 20, 10])), abs=1e-5)


def test_varied_shares_a_batch_by_need() -> None:
    """Class 1 has one positive and class 0 has nine: needs 1/3 and 1, so that of 8 class 1 gets 6."""
    rng = np.random.default_rng(0)
    known = [(clip, 0, True) for clip in range(9)] + [(clip, 1, clip == 0) for clip in range(9)]
    cells = cells_of([[0.5, 0.5]] * 40, rng.standard_normal((40, 8)).tolist(), known)
    assert np.bincount(ask(cells, "varied", 8).class_).tolist() == [2, 6]


def test_hybrid_weighs_both_and_does_not_ask_the_same_twice() -> None:
    """Clips 1 and 2 are one sound at 90 degrees from the heard one, clip 3 is at 60: d = 1, 1, .5; H = 1, 1, .97. After
    clip 1 the other of it is at no distance: clip 3 comes before it."""
    angle = np.radians([0, 90, 90, 60])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).tolist()
    cells = cells_of([[0.5], [0.5], [0.5], [0.4]], vectors, [(0, 0, True)])
    asked = ask(cells, "hybrid", 3)
    assert asked.clip.tolist() == [1, 3, 2]
    h = -(0.4 * np.log2(0.4) + 0.6 * np.log2(0.6))
    assert asked.value == pytest.approx([1.0, h * (1 - np.cos(np.radians(30))), 0.0], abs=1e-3)
    assert ask(cells, "uncertain", 3).clip.tolist() == [1, 2, 3]


def test_random_is_the_order_of_the_audit_and_another_seed_another() -> None:
    cells = cells_of([[0.5, 0.5]] * 30, [[1, 0]] * 30)
    by_hash = np.argsort(random_order.turns(cells.clip_id[:, None], cells.class_id[None, :]).ravel())
    first = order_of(cells, "random", 60)
    assert first == [(int(at // 2), int(at % 2)) for at in by_hash]
    other = ask(cells, "random", 60, seed=1)
    assert sorted(zip(other.clip.tolist(), other.class_.tolist(), strict=True)) == sorted(first)
    assert order_of(cells, "random") != list(zip(other.clip.tolist(), other.class_.tolist(), strict=True))


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_that_is_known_is_asked_and_nothing_twice(order: str) -> None:
    rng = np.random.default_rng(1)
    known = [(clip, clip % 3, True) for clip in range(20)]
    cells = cells_of(rng.random((30, 3)).tolist(), rng.standard_normal((30, 4)).tolist(), known)
    asked = order_of(cells, order, 25)
    assert len(asked) == len(set(asked)) == 25
    assert not set(asked) & {(clip, class_) for clip, class_, _ in known}
    everything = cells_of([[0.5]] * 2, [[1, 0]] * 2, [(0, 0, True), (1, 0, False)])
    assert order_of(everything, order) == []
