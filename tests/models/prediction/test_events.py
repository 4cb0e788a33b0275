from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.formats.events.base import TableEvent
from labeling.records import FrameGrid
from models.prediction.events import events_of, runs_of


def test_runs_by_hand():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.7], [0.7, 0.1]], np.float32)
    runs = runs_of(p >= 0.5, p, 10)
    assert runs.column.tolist() == [0, 0, 1]
    assert runs.first.tolist() == [10, 12, 11]
    assert runs.end.tolist() == [11, 14, 13]
    np.testing.assert_allclose(runs.score, [0.9, 0.7, 0.8])
    assert len(runs_of(p > 1, p, 0).first) == 0


def test_events_by_hand():
    """Frames of 0.1 s, three runs: gaps of 0.3 s and 0.2 s; the grid begins 0.05 s before the sound."""
    p = np.zeros((20, 1), np.float32)
    p[[0, 1, 5, 6, 9], 0] = [0.6, 0.7, 0.8, 0.9, 0.5]
    grid = FrameGrid(-0.05, 0.1, 0.1)
    runs = [runs_of(p >= 0.5, p, 0)]

    def spans(merge_gap_s, shortest_s):
        found = events_of(runs, grid, 0.9, ["a"], merge_gap_s, shortest_s)
        return [(round(one.onset_s, 6), round(one.offset_s, 6), round(one.score, 6)) for one in found]

    assert spans(0, 0) == [(0, 0.15, 0.7), (0.45, 0.65, 0.9), (0.85, 0.9, 0.5)]
    assert spans(0.25, 0) == [(0, 0.15, 0.7), (0.45, 0.9, 0.9)]  # the gap of 0.2 s is less, that of 0.3 s is not
    assert spans(0.3, 0) == [(0, 0.15, 0.7), (0.45, 0.9, 0.9)]
    assert spans(0.31, 0) == [(0, 0.9, 0.9)]
    assert spans(0, 0.15) == [(0, 0.15, 0.7), (0.45, 0.65, 0.9)]


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.lists(st.integers(1, 59), max_size=5))
def test_events_do_not_depend_on_where_a_stream_was_cut(on, cuts):
    p = np.array(on, np.float32)[:, None] * np.linspace(0.5, 1, len(on), dtype=np.float32)[:, None]
    grid = FrameGrid(0.0, 0.1, 0.1)
    edges = sorted({0, len(on), *(cut for cut in cuts if cut < len(on))})
    pieces = [runs_of(p[a:b] >= 0.5, p[a:b], a) for a, b in pairwise(edges)]
    for gap_s in (0.0, 0.25):
        whole = events_of([runs_of(p >= 0.5, p, 0)], grid, 99.0, ["a"], gap_s, 0.15)
        assert events_of(pieces, grid, 99.0, ["a"], gap_s, 0.15) == whole
    assert all(isinstance(one, TableEvent) for one in whole)
