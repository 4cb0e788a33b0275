"""curve.py: weighted average precision is scikit-learn's, what measures is a random part of all, and nothing leaks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from labeling import journal
from labeling.active.curve import LEAST_DRAWN, learning_curve, measured, measuring, weighted_ap
from labeling.active.questions import next_to_label
from labeling.records import Decision, Shown
from labeling.workspace import Workspace
from tests.support.workspaces.several_sounds import CLASSES, plant_sounds


def test_weighted_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, present = rng.random(60).round(1), rng.random(60) < 0.3  # with ties
    weights = rng.integers(0, 5, (4, 60)).astype(float)
    theirs = [average_precision_score(present, scores, sample_weight=one) for one in weights]
    assert weighted_ap(scores, present, weights) == pytest.approx(theirs)
    assert np.isnan(weighted_ap(scores, present, (~present).astype(float)[None])[0])


def test_what_measures_stands_for_all_cells_by_hand() -> None:
    """Ten cells of one class, their turns 0 to 9. The head asked those of turn 1, 4, 8 and 9; chance drew 0, 2, 3, 5.
    The asked of turn 1 and 4 came before 5: two stand for four asked ones, four drawn for six others."""
    turns = np.arange(10, dtype=np.uint64)[:, None]
    drawn, answered = np.zeros((10, 1), bool), np.zeros((10, 1), bool)
    drawn[[0, 2, 3, 5]] = answered[[0, 1, 2, 3, 4, 5, 8, 9]] = True
    cells, weight = measuring(drawn, answered, [np.ones((10, 1), bool)], turns)
    assert np.flatnonzero(cells).tolist() == [0, 1, 2, 3, 4, 5]
    assert weight[:6, 0].tolist() == [1.5, 2, 1.5, 1.5, 2, 1.5]
    assert weight.sum() == pytest.approx(10)


def test_the_estimate_is_that_of_all_cells_on_average_though_the_head_asked_the_hard_ones() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((400, 1)) < 0.3
    scores = np.clip(0.5 + 0.25 * (truth - 0.5) * 2 + 0.3 * rng.standard_normal(truth.shape), 0, 1)
    whole = weighted_ap(scores[:, 0], truth[:, 0], np.ones((1, 400)))[0]
    hard = np.abs(scores - 0.5) < 0.15
    found, plain = [], []
    for seed in range(40):
        turns = np.random.default_rng(seed).permutation(400).astype(np.uint64)[:, None]
        by_turn = np.argsort(np.where(hard, 1000, turns)[:, 0])[:100]
        drawn = np.zeros_like(truth)
        drawn[by_turn] = True
        cells, weight = measuring(drawn, drawn | hard, [np.ones_like(truth)], turns)
        value, low, high = measured(scores, truth, cells, weight)
        assert low <= value <= high
        found.append(value)
        plain.append(measured(scores, truth, drawn, np.ones(truth.shape))[0])
    assert np.mean(found) == pytest.approx(whole, abs=0.02)
    assert np.mean(plain) > whole + 0.04  # without what was asked it would flatter


def test_the_curve_rises_with_the_decisions_and_waits_for_enough(workspace: Workspace) -> None:
    holds = plant_sounds(workspace, clips=80, labelled=6, noise=0.2)
    with workspace.read() as connection:
        before = learning_curve(workspace, connection, "ears")
    assert (before.points, before.drawn, before.of_classes) == ((), 0, 3)
    for order, count in (("random", LEAST_DRAWN + 30), ("hybrid", 40), ("hybrid", 40)):
        with workspace.read() as connection:
            asked = next_to_label(workspace, connection, "ears", order, "unlabelled", count).questions
        journal.append(workspace, [
            Decision(journal.new_event_id(), "ann", one.clip_id, one.class_code,
                     "present" if holds[one.clip_id - 1, CLASSES.index(one.class_code)] else "absent",
                     shown=Shown(at_random=one.at_random))
            for one in asked
        ])  # fmt: skip
    with workspace.read() as connection:
        curve = learning_curve(workspace, connection, "ears", points=3)
        again = learning_curve(workspace, connection, "ears", points=3)
    assert curve == again
    assert [point.decisions for point in curve.points] == [0, 70, 140]
    assert curve.drawn >= LEAST_DRAWN + 30 + 8
    assert curve.classes == 3
    assert curve.points[-1].macro_ap > curve.points[0].macro_ap
    assert all(point.low <= point.macro_ap <= point.high for point in curve.points)
