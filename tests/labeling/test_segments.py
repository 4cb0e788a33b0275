"""segments.py: each segment gives what NumPy gives for it alone, short or long, apart or overlapping."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labeling import segments
from labeling.segments import reduced

OPERATIONS = [np.maximum, np.minimum, np.add]


@given(
    arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(-9, 9)),
    st.sampled_from(OPERATIONS),
    st.sampled_from([0, 1]),
    st.data(),
)
def test_each_segment_is_what_numpy_makes_of_it_alone(
    values: np.ndarray, operation: np.ufunc, axis: int, data: st.DataObject
) -> None:
    ends = st.tuples(st.integers(0, len(values) - 1), st.integers(1, len(values))).filter(lambda one: one[0] < one[1])
    pairs = data.draw(st.lists(ends, max_size=6))
    first, stop = np.array(pairs, np.int64).reshape(-1, 2).T
    wanted = [operation.reduce(values[begin:end], axis=0) for begin, end in pairs]
    found = reduced(operation, values if axis == 0 else values.T, first, stop, axis)
    assert (found if axis == 0 else found.T).tolist() == [row.tolist() for row in wanted]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_long_segments_are_whole(operation: np.ufunc) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-99, 99, (3 * segments.SHORT + 7, 2))
    first = np.array([0, 1, segments.SHORT + 1])
    stop = np.array([1, segments.SHORT + 1, len(values)])
    assert np.array_equal(reduced(operation, values, first, stop), operation.reduceat(values, first, axis=0))
