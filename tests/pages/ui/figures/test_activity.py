"""The heatmap of hours and the figure of precision: what is blank, what is grey, and what a point stands for."""

import numpy as np
import pandas as pd

from labeling.activity.curve import fit
from labeling.activity.precision import Band
from labeling.activity.threshold import Range
from pages.ui.figures.activity import hours_figure, precision_figure

ROWS = pd.DataFrame(
    {
        "site": ["pond"] * 3, "date": ["2024-06-12", "2024-06-12", "2024-06-14"], "hour": [5, 6, 5],
        "recorders": [1, 1, 2], "recorded_s": [600.0, 60.0, 7200.0], "windows": [10, 0, 40], "above": [5, 0, 0],
        "share": [0.5, np.nan, 0.0], "highest": [0.9, np.nan, 0.1],
    }
)  # fmt: skip


def test_an_hour_that_was_not_recorded_is_blank_and_one_without_a_call_is_not() -> None:
    figure = hours_figure(ROWS, "share", ("2024-06-14", 5))
    heat, points = figure.data
    assert list(heat.x) == ["2024-06-12", "2024-06-13", "2024-06-14"], "a day without recordings has its place"
    grid = np.array(heat.z, float)
    assert grid.shape == (24, 3)
    assert (grid[5, 0], grid[5, 2]) == (0.5, 0.0)
    assert np.isnan(grid[5, 1])
    assert np.isfinite(grid).sum() == 2
    assert [list(one[:2]) for one in points.customdata] == [["2024-06-12", 5], ["2024-06-12", 6], ["2024-06-14", 5]]
    (outline,) = figure.layout.shapes
    assert (outline.x0, outline.x1, outline.y0, outline.y1) == (1.5, 2.5, 4.5, 5.5)
    assert not hours_figure(ROWS, "above", ("2024-01-01", 5)).layout.shapes
    assert hours_figure(ROWS, "highest").data[0].zmax == 1


def test_bands_that_nobody_heard_have_no_point() -> None:
    bands = [Band(0.1, 0.5, 90, 20, 0, 0, 0, 0), Band(0.5, 1.0, 50, 20, 15, 5, 0, 0)]
    (heard,) = precision_figure(bands, None, None, 0.9).data
    assert list(heard.x) == [0.75]
    assert list(heard.y) == [75]
    assert 0 < heard.error_y.arrayminus[0] < 75
    curve = fit(np.linspace(0.1, 0.99, 40), np.arange(40) > 15)
    figure = precision_figure(bands, curve, Range(0.7, 0.6, float("nan")), 0.9)
    assert len(figure.data) == 3
    assert [shape.type for shape in figure.layout.shapes] == ["line", "line", "rect"]
    assert figure.layout.shapes[2].x1 == 1.0, "an interval without an end reaches the highest score"
