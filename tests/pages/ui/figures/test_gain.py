"""pages/ui/figures/gain.py"""

from __future__ import annotations

from pages.ui.figures.basic import DOWN, GREY, UP
from pages.ui.figures.gain import gain_figure

ROWS = [
    ("all", 0.1, 0.04, 0.2, "helped"),
    ("<b>x</b>", -0.1, -0.2, -0.05, "hurt"),
    ("c", 0.0, -0.1, 0.1, "chance"),
    ("few", 0.3, None, None, "few"),
]


def test_dots_with_their_ranges_around_zero() -> None:
    traces = gain_figure(ROWS).data
    assert [one.x[0] for one in traces] == [0.1, -0.1, 0.0, 0.3]
    assert [one.marker.color for one in traces] == [UP, DOWN, GREY, GREY]
    assert traces[0].error_x.array[0] == 0.2 - 0.1
    assert traces[0].error_x.arrayminus[0] == 0.1 - 0.04
    assert traces[3].error_x.array is None
    assert traces[3].marker.symbol == "circle-open"
    assert "too few clips" in traces[3].hovertemplate


def test_names_are_no_markup_and_the_first_row_is_on_top() -> None:
    figure = gain_figure(ROWS)
    assert figure.data[1].y[0] == "&lt;b&gt;x&lt;/b&gt;"
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.shapes[0].x0 == 0
    assert gain_figure([]).layout.height > 0
