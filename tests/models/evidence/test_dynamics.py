"""dynamics.py: three epochs by hand, numpy as reference for any epochs, and what does not count."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.evidence.dynamics import HELD_BYTES, LARGEST_LOGIT, DynamicsRecorder

ALL = np.array([True])


def logit(p):
    return float(np.log(p / (1 - p)))


def see(dynamics, epochs, row=4):
    """One chunk of one clip an epoch."""
    for values in epochs:
        dynamics.add(np.array([row]), ALL, torch.tensor([values]))
        dynamics.end_epoch()


def test_three_epochs_by_hand():
    """Class 0 is listed, class 1 is not; p = 0.8, 0.4, 0.6 and 0.6, 0.2, 0.7."""
    dynamics = DynamicsRecorder(np.array([2, 4]), np.array([[True, True], [True, False]]))
    see(dynamics, [[logit(0.8), logit(0.6)], [logit(0.4), logit(0.2)], [logit(0.6), logit(0.7)]])
    found = dynamics.learned()
    assert found.rows.tolist() == [4], "clip 2 was never seen"
    # ln 4 = 1.3863, ln 2/3 = -0.4055, ln 3/2 = 0.4055; ln 3/2, -ln 4, ln 7/3 = 0.8473
    assert found.margin[0] == pytest.approx([0.46210, -0.04451], abs=1e-4)
    assert found.forgotten.tolist() == [[1, 1]], "right, wrong, right and wrong, right, wrong"
    # mean 0.6, squares 0.04 + 0.04 + 0; mean 0.5, squares 0.01 + 0.09 + 0.04
    assert found.epoch_spread[0] == pytest.approx([np.sqrt(0.08 / 3), np.sqrt(0.14 / 3)], abs=1e-6)


def test_a_clip_s_logit_is_the_mean_over_its_chunks_that_count():
    dynamics = DynamicsRecorder(np.array([0, 1]), np.ones((2, 1), dtype=bool))
    dynamics.add(np.array([0, 1, 0]), np.array([True, False, True]), torch.tensor([[1.0], [9.0], [3.0]]))
    dynamics.add(np.array([0, 1]), np.array([False, True]), torch.tensor([[50.0], [-4.0]]))
    dynamics.end_epoch()
    assert dynamics.learned().margin.tolist() == [[2.0], [-4.0]]


def test_an_epoch_without_the_clip_is_passed_over():
    """Right, not seen, wrong: one forgotten, over two epochs."""
    dynamics = DynamicsRecorder(np.array([0, 1]), np.ones((2, 1), dtype=bool))
    see(dynamics, [[2.0]], row=0)
    see(dynamics, [[1.0]], row=1)
    see(dynamics, [[-1.0]], row=0)
    found = dynamics.learned()
    assert found.margin.tolist() == [[0.5], [1.0]]
    assert found.forgotten.tolist() == [[1.0], [0.0]]


def test_the_margin_is_that_of_the_later_epochs_where_there_are_any():
    dynamics = DynamicsRecorder(np.array([0, 1]), np.ones((2, 1), dtype=bool))
    for late, rows, value in ((False, [0, 1], -8.0), (True, [0], 2.0), (True, [0], 4.0)):
        dynamics.add(np.array(rows), np.ones(len(rows), dtype=bool), torch.full((len(rows), 1), value))
        dynamics.end_epoch(late)
    assert dynamics.learned().margin.tolist() == [[3.0], [-8.0]]


def test_what_a_broken_epoch_left_is_forgotten():
    dynamics = DynamicsRecorder(np.array([4]), np.ones((1, 1), dtype=bool))
    dynamics.add(np.array([4]), ALL, torch.tensor([[7.0]]))
    dynamics.begin_epoch()
    see(dynamics, [[1.0]])
    assert dynamics.learned().margin.tolist() == [[1.0]]


def test_endless_logits_do_not_spoil_the_mean():
    dynamics = DynamicsRecorder(np.array([4]), np.ones((1, 1), dtype=bool))
    see(dynamics, [[float("inf")], [0.0]])
    assert dynamics.learned().margin.tolist() == [[LARGEST_LOGIT / 2]]


def test_many_logits_are_fetched_before_the_epoch_ends(monkeypatch):
    monkeypatch.setattr("models.evidence.dynamics.HELD_BYTES", 16)
    assert HELD_BYTES > 1 << 20
    some = np.random.default_rng(0).normal(size=(10, 4, 3)).astype(np.float32)
    dynamics = DynamicsRecorder(np.arange(4), np.ones((4, 3), dtype=bool))
    for step in some:
        dynamics.add(np.arange(4), np.ones(4, dtype=bool), torch.from_numpy(step))
        assert len(dynamics._held) == 0
    dynamics.end_epoch()
    np.testing.assert_allclose(dynamics.learned().margin, some.mean(0), atol=1e-6)


@given(st.integers(1, 12), st.integers(0, 2**16))
def test_as_numpy_has_it_and_again_after_a_stop(epochs, seed):
    """All epochs kept, and numpy's mean and std over them; half of them after a resume."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (epochs, 5, 2)).astype(np.float32)
    present = rng.random((5, 2)) < 0.5
    one, rows = DynamicsRecorder(np.arange(10, 15), present), np.arange(10, 15)
    for epoch, values in enumerate(logits):
        if epoch == epochs // 2:
            kept = {name: value.clone() for name, value in one.state().items()}
            one = DynamicsRecorder(rows, present)
            one.restore(kept)
        order = rng.permutation(5)
        one.add(rows[order], np.ones(5, dtype=bool), torch.from_numpy(values[order]))
        one.end_epoch()
    found = one.learned()
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    right = (p >= 0.5) == present
    np.testing.assert_allclose(found.margin, logits.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.epoch_spread, p.std(0), atol=1e-5)
    np.testing.assert_array_equal(found.forgotten, (right[:-1] & ~right[1:]).sum(0))


def test_nothing_to_follow():
    dynamics = DynamicsRecorder(np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=bool))
    dynamics.end_epoch()
    assert dynamics.learned().margin.shape == (0, 3)
    dynamics.restore({})
