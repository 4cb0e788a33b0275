"""labeling/gain/paired.py"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss

from labeling.gain import paired
from labeling.gain.paired import PairedCells, average_precisions, compare, interval


def cells_of(n=200, clusters=40, seed=0, better=0.0, classes=3):
    """Made-up cells: ``after`` knows ``better`` more of the truth than ``before``, which knows half of it."""
    random = np.random.default_rng(seed)
    present = random.random(n) < 0.4
    noise = random.random((2, n))
    before, after = (
        noise[i] * 0.5 + 0.5 * (present * share + (1 - share) / 2) for i, share in ((0, 0.5), (1, 0.5 + better))
    )
    class_index, cluster = random.integers(0, classes, n), random.integers(0, clusters, n)
    return PairedCells(present, before, after, class_index, cluster, 1 / random.uniform(0.1, 1, n))


def by_name(cells, **more):
    return {one.metric: one for one in compare(cells, **more)}


def test_weighted_differences_by_hand():
    cells = PairedCells(
        present=np.array([True, False, False]),
        before=np.array([0.5, 0.5, 0.2]),
        after=np.array([0.9, 0.4, 0.2]),
        class_index=np.zeros(3, int),
        cluster=np.arange(3),
        weight=np.array([1.0, 2.0, 1.0]),
    )
    found = by_name(cells)
    # squared errors 0.25, 0.25, 0.04 and 0.01, 0.16, 0.04
    assert found["brier"].before == pytest.approx((0.25 + 0.5 + 0.04) / 4)
    assert found["brier"].after == pytest.approx((0.01 + 0.32 + 0.04) / 4)
    assert found["brier"].gain == pytest.approx(0.42 / 4)
    assert found["log_loss"].gain == pytest.approx((np.log(0.9 / 0.5) + 2 * np.log(0.6 / 0.5)) / 4)
    # before: both at 0.5 hold one positive among weights 1 + 2; after: the positive comes first
    assert (found["micro_ap"].before, found["micro_ap"].after) == (pytest.approx(1 / 3), pytest.approx(1))
    assert "macro_ap" not in found
    assert {one.low for one in found.values()} == {None}, "three clusters say nothing of their spread"
    assert found["brier"].outcome == "few"


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_those_of_scikit_learn(seed):
    cells = cells_of(seed=seed, better=0.2)
    found = by_name(cells, seed=1)
    y, weight = cells.present, cells.weight
    for name, p in (("before", cells.before), ("after", cells.after)):
        assert getattr(found["brier"], name) == pytest.approx(brier_score_loss(y, p, sample_weight=weight))
        assert getattr(found["log_loss"], name) == pytest.approx(log_loss(y, p, sample_weight=weight))
        assert getattr(found["micro_ap"], name) == pytest.approx(average_precision_score(y, p, sample_weight=weight))
        each = [cells.class_index == c for c in range(3)]
        macro = [average_precision_score(y[one], p[one], sample_weight=weight[one]) for one in each]
        assert getattr(found["macro_ap"], name) == pytest.approx(np.mean(macro))
    assert all(one.gain == pytest.approx(one.before - one.after) for one in (found["brier"], found["log_loss"]))
    assert all(one.gain == pytest.approx(one.after - one.before) for one in (found["micro_ap"], found["macro_ap"]))


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans(), st.integers(0, 3)), min_size=2, max_size=12
    )
)
def test_average_precision_with_ties_and_weights_is_that_of_scikit_learn(rows):
    scores, present, weights = (np.array(one) for one in zip(*rows, strict=True))
    found = average_precisions(scores, present, np.stack([weights, np.ones(len(rows))]).astype(float))
    for value, weight in zip(found, (weights, np.ones(len(rows))), strict=True):
        if (present * weight).sum() == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(average_precision_score(present, scores, sample_weight=weight))


def test_the_same_predictions_gain_exactly_nothing():
    cells = cells_of(better=0.3)
    for one in compare(replace(cells, after=cells.before)):
        assert (one.gain, one.low, one.high, one.outcome) == (0.0, 0.0, 0.0, "same")


def test_exchanging_the_two_turns_the_gain_around():
    cells = cells_of(better=0.3)
    swapped = by_name(replace(cells, before=cells.after, after=cells.before))
    for name, one in by_name(cells).items():
        other = swapped[name]
        assert (other.gain, other.low, other.high) == pytest.approx((-one.gain, -one.high, -one.low))
    assert by_name(cells)["brier"].outcome == "helped"
    assert swapped["brier"].outcome == "hurt"
    assert by_name(cells_of(better=0.0))["brier"].outcome == "chance"


def test_seeded_and_kept_together_in_clusters():
    cells = cells_of(better=0.1)
    assert compare(cells, seed=3) == compare(cells, seed=3)
    assert by_name(cells, seed=3)["brier"].low != by_name(cells, seed=4)["brier"].low
    # ten equal copies of each cell are no more evidence than one, where their clusters say so
    tenfold = cells.take(np.ones(len(cells), bool))
    tenfold = PairedCells(**{name: np.tile(value, 10) for name, value in tenfold.__dict__.items()})
    assert by_name(tenfold)["brier"].low == pytest.approx(by_name(cells)["brier"].low)
    apart = replace(tenfold, cluster=np.arange(len(tenfold)))
    assert by_name(apart)["brier"].low > by_name(cells)["brier"].low


def test_the_interval_of_a_mean_is_near_students():
    """Of one cell a cluster and equal weights the linear metrics are plain means, whose interval scipy knows."""
    cells = cells_of(n=60, better=0.2)
    cells = replace(cells, cluster=np.arange(60), weight=np.ones(60))
    one = by_name(cells)["brier"]
    difference = (cells.before - cells.present) ** 2 - (cells.after - cells.present) ** 2
    low, high = stats.t.interval(0.95, 59, difference.mean(), stats.sem(difference))
    assert (one.low, one.high) == (
        pytest.approx(low, abs=0.1 * (high - low)),
        pytest.approx(high, abs=0.1 * (high - low)),
    )


def test_few_clusters_widen_the_percentiles():
    """Hesterberg's correction at n = 10: t(0.975, 9) = 2.262, times sqrt(10 / 9) is 2.385, whose tail is 0.00855."""
    resampled = np.linspace(0, 1, 100_001)
    assert interval(resampled, 10)[0] == pytest.approx(0.00855, abs=5e-5)
    assert interval(resampled, 10**6) == (pytest.approx(0.025, abs=1e-4), pytest.approx(0.975, abs=1e-4))


def test_the_interval_holds_the_truth_in_95_of_100(monkeypatch):
    """Clusters of unlike size and strength: a true gain that is known, and 300 samples of 30 clusters."""
    monkeypatch.setattr(paired, "RESAMPLES", 600)
    random = np.random.default_rng(7)

    def draw(n_clusters):
        sizes = random.integers(1, 12, n_clusters)
        cluster = np.repeat(np.arange(n_clusters), sizes)
        level = random.normal(0, 0.15, n_clusters)[cluster]
        present = random.random(len(cluster)) < 0.4
        before = np.clip(np.where(present, 0.55, 0.4) + random.normal(0, 0.2, len(cluster)), 0.02, 0.98)
        after = np.clip(before + np.where(present, 1, -1) * (0.06 + level), 0.02, 0.98)
        return PairedCells(present, before, after, cluster * 0, cluster, np.ones(len(cluster)))

    large = draw(60_000)
    truth = {
        name: float(np.mean(of(large.before, large.present) - of(large.after, large.present)))
        for name, of in paired.LOSSES.items()
    }
    one = np.ones((1, len(large)))
    ap = [float(average_precisions(p, large.present, one)[0]) for p in (large.before, large.after)]
    truth["micro_ap"] = ap[1] - ap[0]
    covered = dict.fromkeys(("brier", "log_loss", "micro_ap"), 0)
    for seed in range(300):
        found = by_name(draw(30), seed=seed)
        for name in covered:
            covered[name] += found[name].low <= truth[name] <= found[name].high
    assert all(0.92 <= count / 300 <= 0.98 for count in covered.values()), covered
