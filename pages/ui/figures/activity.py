"""What the Activity page draws, as Plotly figures; pure, no Streamlit. Colours hold on light and on dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from labeling.activity.curve import Curve
from labeling.activity.precision import Band
from labeling.activity.threshold import Range
from pages.ui.figures.basic import GREY, PALETTE
from pages.ui.figures.quality import GRID

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "share": ("Share of the windows", "share", ".0%"),
    "above": ("Windows", "windows", ",d"),
    "highest": ("Highest score", "highest score", ".2f"),
}
NOTHING = (0.0, "rgba(138,147,156,0.3)")
"""Nothing heard is grey, nothing recorded is blank: neither may look like the other."""
ON_LIGHT = (NOTHING, (0.001, "#bfe3dc"), (0.35, "#4fb0a3"), (0.7, "#1d7a74"), (1.0, "#0b3c49"))
ON_DARK = (NOTHING, (0.001, "#1f5a60"), (0.35, "#2a9d8f"), (0.7, "#e9c46a"), (1.0, "#fff1c9"))
CELL_PX = 13


def hours_figure(rows: pd.DataFrame, measure: str, chosen: tuple[str, int] | None = None, dark: bool = False) -> Any:
    """A heatmap of hour by date; what was not recorded is blank.

    ``rows`` are those of `hours.activity`, one an hour. Each recorded hour is also a point, which can be chosen: its
    ``customdata`` begins with its date and hour. ``chosen`` is outlined. More is further from the
    ground, which is ``dark`` or light.
    """
    import pandas as pd
    import plotly.graph_objects as go

    _, words, form = MEASURES[measure]
    days = pd.date_range(rows["date"].min(), rows["date"].max(), freq="D")
    names = [day.strftime("%Y-%m-%d") for day in days]
    column = {name: place for place, name in enumerate(names)}
    grid = np.full((24, len(names)), np.nan)
    at = rows["date"].map(column).to_numpy(), rows["hour"].to_numpy()
    grid[at[1], at[0]] = rows[measure].to_numpy(float)
    top = float(np.nanmax(grid)) if np.isfinite(grid).any() else 0.0
    scale = ON_DARK if dark else ON_LIGHT
    figure = go.Figure(
        go.Heatmap(
            x=names, y=list(range(24)), z=grid, colorscale=[list(stop) for stop in scale], zmin=0,
            zmax=1 if measure == "highest" else max(top, 1 if measure == "above" else 0.01), xgap=1, ygap=1,
            hoverinfo="skip", colorbar={"title": {"text": words, "side": "right"}, "thickness": 10, "tickformat": form,
                                        "outlinewidth": 0},
        )
    )  # fmt: skip
    told = np.stack(
        [
            rows["date"].to_numpy(object), rows["hour"].to_numpy(object), rows["above"].to_numpy(object),
            rows["windows"].to_numpy(object), (rows["recorded_s"] / 60).round(1).to_numpy(object),
            rows["recorders"].to_numpy(object), rows["highest"].fillna(0).round(2).to_numpy(object),
        ],
        axis=1,
    )  # fmt: skip
    figure.add_scatter(
        x=rows["date"], y=rows["hour"], mode="markers", customdata=told, showlegend=False,
        marker={"symbol": "square", "size": CELL_PX, "color": "rgba(0,0,0,0)"},
        selected={"marker": {"color": "rgba(0,0,0,0)", "opacity": 1}}, unselected={"marker": {"opacity": 0}},
        hovertemplate="%{customdata[0]} %{customdata[1]:02d}:00<br>%{customdata[2]:,} of %{customdata[3]:,} windows, "
        "highest %{customdata[6]}<br>%{customdata[4]} min recorded, recorders: %{customdata[5]}<extra></extra>",
    )  # fmt: skip
    if chosen is not None and chosen[0] in column:
        x, y = column[chosen[0]], chosen[1]  # a category's place is its number
        figure.add_shape(
            type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line={"width": 2.5, "color": "#e5484d"}
        )  # fmt: skip
    ticks = list(range(0, 24, 3))
    figure.update_yaxes(
        range=[23.5, -0.5], tickvals=ticks, ticktext=[f"{hour:02d}:00" for hour in ticks], showgrid=False
    )
    # a few days must not become as wide as the screen: a cell is a cell
    figure.update_xaxes(type="category", showgrid=False, nticks=6, tickangle=0, categoryarray=names,
                        range=[-0.5, max(len(names), 14) - 0.5])  # fmt: skip
    return _plain(figure, 430)


def precision_figure(bands: Sequence[Band], curve: Curve | None, score: Range | None, wanted: float) -> Any:
    """The precision of each band of scores with its exact interval, the curve through it with its own, and the
    threshold."""
    import plotly.graph_objects as go

    figure = go.Figure()
    if curve is not None:
        x = np.linspace(max(0.005, bands[0].low), 0.995, 120)
        chance = curve.chances(x)
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]), y=100 * np.concatenate([chance.max(axis=0), chance.min(axis=0)[::-1]]),
            fill="toself", fillcolor="rgba(107,127,215,0.18)", line={"width": 0}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        figure.add_scatter(
            x=x, y=100 * chance[0], mode="lines", line={"color": PALETTE[2], "width": 2}, name="chance at a score",
            hovertemplate="score %{x:.2f}: %{y:.0f} %<extra></extra>",
        )  # fmt: skip
    heard = [band for band in bands if band.precision is not None and band.interval is not None]
    values = [100 * (band.precision or 0) for band in heard]
    ranges = [band.interval or (0.0, 1.0) for band in heard]
    figure.add_scatter(
        x=[(band.low + band.high) / 2 for band in heard], y=values, mode="markers", name="heard in a band",
        marker={"size": 9, "color": PALETTE[0]},
        error_x={"type": "data", "array": [(band.high - band.low) / 2 for band in heard], "color": PALETTE[0],
                 "thickness": 1, "width": 0},
        error_y={
            "type": "data", "symmetric": False, "color": PALETTE[0], "thickness": 1.5, "width": 4,
            "array": [max(0.0, 100 * high - value) for value, (_, high) in zip(values, ranges, strict=True)],
            "arrayminus": [max(0.0, value - 100 * low) for value, (low, _) in zip(values, ranges, strict=True)],
        },
        customdata=[(band.low, band.high, band.present, band.heard) for band in heard],
        hovertemplate="score %{customdata[0]:g} to %{customdata[1]:g}<br>%{customdata[2]} of %{customdata[3]} right"
        "<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=100 * wanted, line={"color": GREY, "width": 1, "dash": "dot"})
    if score is not None and np.isfinite(score.value):
        figure.add_vline(x=score.value, line={"color": PALETTE[1], "width": 2})
        high = score.high if np.isfinite(score.high) else 1.0
        figure.add_vrect(x0=score.low, x1=high, fillcolor=PALETTE[1], opacity=0.12, line_width=0)
    figure.update_xaxes(title_text="score", range=[0, 1.02], gridcolor=GRID)
    figure.update_yaxes(title_text="right (%)", range=[-4, 104], gridcolor=GRID)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return _plain(figure, 340)


def _plain(figure: Any, height: int) -> Any:
    figure.update_xaxes(zeroline=False, title_font_size=12, automargin=True)
    figure.update_yaxes(zeroline=False, title_font_size=12, automargin=True)
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 14, "b": 8}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", clickmode="event+select", font={"size": 12, "color": GREY},
        hoverlabel={"align": "left"}, dragmode=False,
    )  # fmt: skip
    return figure
