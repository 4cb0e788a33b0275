"""Frequency axes: against librosa's mel, no bin left out."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.sound.frequency import AXES, from_axis, row_bins, row_edges, to_axis


@pytest.mark.parametrize("hz", [1.0, 60.0, 999.0, 1000.0, 5000.0, 120_000.0])
def test_mel_is_librosas_and_every_axis_goes_there_and_back(hz):
    assert to_axis(hz, "mel") == pytest.approx(librosa.hz_to_mel(hz))
    for axis in AXES:
        assert from_axis(to_axis(hz, axis), axis) == pytest.approx(hz)


def test_rows_of_an_axis_worked_by_hand():
    assert row_edges("linear", 0, 8000, 4).tolist() == [0, 2000, 4000, 6000, 8000]
    assert row_edges("log", 1000, 16_000, 4) == pytest.approx([1000, 2000, 4000, 8000, 16_000])
    # 8 bins of 1 kHz in 4 rows of 2 kHz; the highest row has the bin on its upper edge too
    first, stop = row_bins("linear", 0, 8000, 4, 16, 16_000)
    assert list(zip(first, stop, strict=True)) == [(0, 2), (2, 4), (4, 6), (6, 9)]
    # rows of 500 Hz: those that hold no bin show the nearest
    first, stop = row_bins("linear", 1250, 3250, 4, 16, 16_000)
    assert list(zip(first, stop, strict=True)) == [(2, 3), (2, 3), (2, 3), (3, 4)]


@given(
    axis=st.sampled_from(AXES),
    low_hz=st.floats(1, 10_000),
    width_hz=st.floats(50, 100_000),
    rows=st.integers(8, 400),
    n_fft=st.integers(64, 8192),
    rate=st.sampled_from([8000, 22_050, 32_000, 250_000]),
)
def test_no_bin_within_the_range_is_left_out(axis, low_hz, width_hz, rows, n_fft, rate):
    high_hz = min(low_hz + width_hz, rate / 2)
    if low_hz >= high_hz:
        return
    first, stop = row_bins(axis, low_hz, high_hz, rows, n_fft, rate)
    assert (stop > first).all()
    assert (np.diff(first) >= 0).all()
    assert 0 <= first.min() <= stop.max() <= n_fft // 2 + 1
    shown = np.zeros(n_fft // 2 + 1, bool)
    for begin, end in zip(first, stop, strict=True):
        shown[begin:end] = True
    hz = np.arange(n_fft // 2 + 1) * rate / n_fft
    assert shown[(hz >= low_hz * 1.000001) & (hz <= high_hz * 0.999999)].all()
    # and a row shows nothing farther from it than half a bin
    edges, half = row_edges(axis, low_hz, high_hz, rows), 0.5001 * rate / n_fft
    assert (hz[first] >= edges[:-1] - half).all()
    assert (hz[stop - 1] <= edges[1:] + half).all()
