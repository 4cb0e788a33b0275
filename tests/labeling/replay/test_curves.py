"""labeling/replay/curves.py: numbers of curves, worked by hand."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from labeling.replay.curves import (
    COLUMNS,
    Curve,
    best_reference,
    curves_csv,
    points,
    random_reference,
    summarise,
)


def curve(*hits: int, cost_s: float = 2.0) -> Curve:
    found = np.cumsum(np.array(hits, float))
    return Curve("earmark", "likely", cost_s * np.arange(1, len(hits) + 1), found, np.zeros(len(hits)))


def test_a_summary_by_hand() -> None:
    # 4 errors; found 1 1 2 2 3 4 after 1..6 decisions, and no more up to 8
    one = summarise(curve(1, 0, 1, 0, 1, 1), errors=4, horizon=8)
    assert (one.decisions, one.found, one.seconds) == (6, 4, 12)
    assert (one.decisions_50, one.seconds_50) == (3, 6.0)
    assert (one.decisions_90, one.seconds_90) == (6, 12.0)
    assert one.in_first_n == 2
    assert one.area == pytest.approx((1 + 1 + 2 + 2 + 3 + 4 + 4 + 4) / 8 / 4)


def test_what_is_not_reached_is_none() -> None:
    one = summarise(curve(0, 1, 0), errors=5, horizon=3)
    assert (one.decisions_50, one.seconds_50, one.decisions_90, one.in_first_n) == (None, None, None, 1)
    empty = summarise(Curve("s", "o", np.zeros(0), np.zeros(0), np.zeros(0)), 2, 3)
    assert (empty.decisions, empty.found, empty.area, empty.decisions_50) == (0, 0, 0, None)


def test_chance_is_the_hypergeometric_mean() -> None:
    reference = random_reference(cells=50, catches=12, spoils=5, mean_s=4.0, horizon=30)
    decisions = np.arange(1, 31)
    assert reference.corrections == pytest.approx(stats.hypergeom(50, 12, decisions).mean())
    assert reference.spoiled == pytest.approx(stats.hypergeom(50, 5, decisions).mean())
    assert reference.seconds[-1] == 120
    assert len(random_reference(10, 1, 1, 1.0, 30)) == 10


def test_the_best_takes_the_cheapest_errors_first() -> None:
    reference = best_reference(4, np.array([9.0, 3.0, 6.0]), horizon=10)
    assert reference.corrections.tolist() == [1, 2, 3, 4]
    assert reference.seconds.tolist() == [3, 9, 18, 24]  # the fourth, whose stretch is not known: 6 on average
    assert best_reference(4, np.array([9.0, 3.0]), horizon=1).seconds.tolist() == [3]
    assert len(best_reference(0, np.zeros(0), 5)) == 0


@given(some.lists(some.integers(0, 1), min_size=1, max_size=60))
def test_no_order_passes_the_best(hits: list[int]) -> None:
    errors = max(1, sum(hits))
    best = summarise(best_reference(sum(hits), np.full(sum(hits), 2.0), len(hits)), errors, len(hits))
    one = summarise(curve(*hits), errors, len(hits))
    assert one.area <= best.area + 1e-12 <= 1 + 1e-12
    assert one.in_first_n <= best.in_first_n
    assert one.found == best.found


def test_points_begin_at_nothing_and_keep_the_end() -> None:
    assert points(curve(1, 0, 1)) == {
        "decisions": [0, 1, 2, 3], "seconds": [0, 2, 4, 6], "found": [0, 1, 1, 2], "spoiled": [0, 0, 0, 0],
    }  # fmt: skip
    thin = points(curve(*[1] * 12_345), most=100)
    assert (len(thin["decisions"]), thin["decisions"][0], thin["decisions"][-1]) == (101, 0, 12_345)
    assert thin["found"] == thin["decisions"]


def test_the_csv_has_a_row_a_decision() -> None:
    text = curves_csv([curve(1, 1), Curve("=1+1", "class", np.ones(1), np.ones(1), np.ones(1))], errors=2).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["decisions"], row["found"], row["share_found"]) for row in rows[:3]] == [
        ("0", "0.0", "0.0"), ("1", "1.0", "0.5"), ("2", "2.0", "1.0"),
    ]  # fmt: skip
    assert rows[3]["scorer"] == "'=1+1"  # no formula for a spreadsheet
    assert rows[-1]["spoiled"] == "1.0"
