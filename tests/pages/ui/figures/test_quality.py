import pytest

from labeling.quality.calibration import Bin
from labeling.quality.intervals import Share
from pages.ui.figures.quality import MOST_CLASSES, rates_figure, reliability_figure, short, unique
from pages.ui.panels.quality import percent


def test_rates_by_hand():
    figure = rates_figure([("A", 0.2, 0.1, 0.4, 12), ("B", 0.05, 0.0, 0.3, 0)], "false")
    (dots,) = figure.data
    assert list(dots.x) == pytest.approx([20.0, 5.0])
    assert list(dots.error_x.array) == pytest.approx([20.0, 25.0])
    assert list(dots.error_x.arrayminus) == pytest.approx([10.0, 5.0])
    assert list(dots.marker.symbol) == ["circle", "circle-open"]
    assert list(dots.y) == ["A", "B"]
    assert figure.layout.xaxis.range[1] == pytest.approx(42.0)


def test_many_classes_with_long_names_stay_apart_and_are_data():
    long = "<img src=x> " + "very " * 30
    rows = [(f"{long}{k}", 0.5, 0.2, 0.9, k) for k in range(400)]
    (dots,) = rates_figure(rows, "missing").data
    assert len(dots.x) == MOST_CLASSES == len(set(dots.y))
    assert not any("<" in name for name in dots.y)
    assert dots.customdata[3][0] == long.replace("<", "&lt;").replace(">", "&gt;") + "3"


def test_no_rows_and_no_bins_are_empty_figures():
    assert len(rates_figure([], "false").data[0].x) == 0
    assert len(reliability_figure([]).data) == 1


def test_reliability_by_hand():
    bins = [Bin("false", 0.8, 0.9, 0.84, Share(9, 12)), Bin("missing", 0.1, 0.2, 0.15, Share(0, 4))]
    line, listed, unlisted = reliability_figure(bins).data
    assert list(line.x) == [0, 100]
    assert (listed.x[0], listed.y[0]) == pytest.approx((84.0, 75.0))
    low, high = bins[0].found.interval
    assert listed.error_y.array[0] == pytest.approx(100 * high - 75)
    assert listed.error_y.arrayminus[0] == pytest.approx(75 - 100 * low)
    assert (unlisted.x[0], unlisted.y[0]) == pytest.approx((15.0, 0.0))


def test_names_are_cut_and_told_apart():
    assert short("a" * 34) == "a" * 34
    assert short("a" * 35) == "a" * 33 + "…"
    assert unique(["x", "y", "x", "x"]) == ["x", "y", "x (2)", "x (3)"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (0.0004, "under 0.1 %"), (0.0123, "1.2 %"), (0.0999, "10 %"), (0.37, "37 %"), (1, "100 %")],
)
def test_percent(value, text):
    assert percent(value) == text
