"""neighbours.py: shares against a plain loop, whatever the size of a block; log odds by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labeling.disagreement import neighbours as module
from labeling.disagreement.evidence import Evidence, FrameSummary
from labeling.disagreement.neighbours import neighbour_log_odds, neighbour_share, neighbours
from labeling.predictions.training_evidence import RunEvidence, without_neighbours

NAN = float("nan")


def stretches(counts: list[int], classes: int, peak: NDArray[np.int64], neighbour: NDArray[np.int64]) -> RunEvidence:
    """Evidence of ``len(counts)`` clips with so many stretches each."""
    total, k = neighbour.shape
    return replace(
        without_neighbours(np.arange(len(counts)), [f"c{column}" for column in range(classes)]),
        stretch_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        stretch_class=peak.astype(np.int32),
        stretch_onset_s=np.zeros(total, np.float32),
        neighbour=neighbour.astype(np.int32),
        similarity=np.zeros((total, k), np.float16),
    )


def by_loop(evidence: RunEvidence, label: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The definition, cell by cell."""
    out = np.full(label.shape, np.nan)
    for row in range(len(label)):
        first, last = evidence.stretch_offsets[row : row + 2]
        for column in range(label.shape[1]):
            own, every = None, []
            for stretch in range(first, last):
                alike = [one for one in evidence.neighbour[stretch].tolist() if one >= 0]
                if not alike:
                    continue
                share = np.mean([label[one, column] and known[one, column] for one in alike])
                every.append(share)
                if evidence.stretch_class[stretch] == column:
                    own = share
            if every:
                out[row, column] = max(every) if own is None else own
    return out


def test_shares_by_hand() -> None:
    """Clip 0: one stretch of class 0 like clips 1 and 2, and one of no class like clip 2; clip 1 has none."""
    evidence = stretches([2, 0, 1], 2, np.array([0, -1, 1]), np.array([[1, 2], [2, -1], [-1, -1]]))
    label = np.array([[True, True], [True, False], [False, True]])
    share = neighbour_share(evidence, label, np.ones_like(label))
    np.testing.assert_array_equal(share, [[0.5, 1.0], [NAN, NAN], [NAN, NAN]])
    assert share.dtype == np.float32
    masked = np.array([[True, True], [False, True], [True, True]])  # whether clip 1 has class 0 is not known
    np.testing.assert_array_equal(neighbour_share(evidence, label, masked)[0], [0, 1])


@given(
    seed=st.integers(0, 9999),
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=9),
    k=st.integers(1, 4),
    classes=st.integers(1, 4),
    block=st.sampled_from([1, 30, 100, 1 << 20]),
)
def test_any_block_gives_what_the_loop_gives(seed: int, counts: list[int], k: int, classes: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    peak = np.concatenate([rng.permutation(np.arange(-4, classes))[:count] for count in counts] + [[]]).clip(-1)
    evidence = stretches(counts, classes, peak, rng.integers(-1, len(counts), (len(peak), k)))
    label, known = rng.random((2, len(counts), classes)) < [[[0.4]], [[0.8]]]
    kept, module._BLOCK_BYTES = module._BLOCK_BYTES, block
    try:
        share = neighbour_share(evidence, label, known)
    finally:
        module._BLOCK_BYTES = kept
    np.testing.assert_allclose(share, by_loop(evidence, label, known), rtol=1e-6)


def test_without_stretches_or_neighbours_nothing_is_known() -> None:
    label = np.ones((3, 2), bool)
    assert np.isnan(neighbour_share(without_neighbours([1, 2, 3], "ab"), label, label)).all()
    alone = stretches([1, 1, 1], 2, np.array([0, 1, -1]), np.full((3, 2), -1))
    assert np.isnan(neighbour_share(alone, label, label)).all()


def evidence(share: NDArray[Any], labels: NDArray[np.bool_], known: NDArray[np.bool_] | None = None) -> Evidence:
    p: NDArray[np.float32] = np.full(labels.shape, 0.5, np.float32)
    frames = FrameSummary(p, p, np.ones(p.shape, np.int32), np.full(labels.shape[1], 0.5, np.float32))
    everywhere = np.ones_like(labels) if known is None else known
    return Evidence(labels, everywhere, p, frames, neighbours=(np.asarray(share, np.float32),))


def test_log_odds_by_hand() -> None:
    """A quarter of the clips list the class: sixteen neighbours of which half do, drawn by one more of a quarter."""
    labels = np.array([[True], [False], [False], [False]])
    share: Any = np.array([[0.5], [0.25], [1.0], [NAN]])
    values = neighbour_log_odds(evidence(share, labels), share)
    half, every = (8 + 0.25) / 17, (16 + 0.25) / 17
    expected = [[np.log(half / (1 - half)) + np.log(3)], [0], [np.log(every / (1 - every)) + np.log(3)], [0]]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6)
    assert values.dtype == np.float32
    scores = neighbours(evidence(share, labels))
    np.testing.assert_allclose(
        scores.p_wrong[:, 0], 1 / (1 + np.exp(np.array([1, -1, -1, -1]) * values[:, 0])), rtol=1e-5
    )


def test_masked_cells_list_nothing_in_what_is_usual_as_among_neighbours() -> None:
    labels = np.array([[True, False], [True, False], [False, False], [False, False]])
    known = np.array([[True, True], [False, True], [True, True], [True, True]])
    everyone = stretches([1] * 4, 2, np.full(4, -1), np.tile(np.arange(4), (4, 1)))  # each is like all
    share: Any = neighbour_share(everyone, labels, known)
    np.testing.assert_allclose(share[:, 0], 0.25)
    np.testing.assert_allclose(neighbour_log_odds(evidence(share, labels, known), share)[:, 0], 0, atol=1e-5)


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_all_listed_none_listed_nothing_known(fill: bool, known: bool) -> None:
    labels = np.full((3, 2), fill)
    scores = neighbours(evidence(np.array([[0, 1], [NAN, 0.5], [1, 0]]), labels, np.full((3, 2), known)))
    assert np.all(np.isfinite(scores.p_wrong))
    assert np.all((scores.p_wrong >= 0) & (scores.p_wrong <= 1))
