"""The gain of a retraining as a Plotly figure; pure, no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pages.ui.figures.basic import DOWN, GREY, UP

COLOURS = {"helped": UP, "hurt": DOWN}


def gain_figure(rows: Sequence[tuple[str, float, float | None, float | None, str]]) -> Any:
    """Gains as dots with their 95 % ranges around a line at 0, the first row on top.

    Rows are (name, gain, low, high, outcome); ``helped`` and ``hurt`` have colours of their own, a row without an
    interval is a ring.
    """
    import html

    import plotly.graph_objects as go

    names = [html.escape(name, quote=False) for name, *_ in rows]
    figure = go.Figure()
    for name, (_, gain, low, high, outcome) in zip(names, rows, strict=True):
        known = low is not None and high is not None
        colour = COLOURS.get(outcome, GREY)
        figure.add_scatter(
            x=[gain],
            y=[name],
            mode="markers",
            marker={"size": 10, "color": colour, "symbol": "circle" if known else "circle-open"},
            error_x={
                "type": "data", "symmetric": False, "array": [high - gain], "arrayminus": [gain - low],
                "color": colour, "thickness": 2, "width": 5,
            } if low is not None and high is not None else None,
            hovertemplate="%{y}: %{x:+.4f}"
            + (f" ({low:+.4f} to {high:+.4f})" if known else " (too few clips for a range)")
            + "<extra></extra>",
            showlegend=False,
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": GREY, "width": 1, "dash": "dot"})
    axis = {"gridcolor": "rgba(138,147,156,0.22)", "zeroline": False, "title_font_size": 12, "automargin": True}
    figure.update_xaxes(**axis, title_text="gain: how far the error fell, with its 95 % range")
    figure.update_yaxes(**axis, autorange="reversed", showgrid=False, type="category")
    figure.update_layout(
        height=84 + 34 * max(1, len(rows)),
        margin={"l": 8, "r": 8, "t": 10, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12, "color": GREY},
    )
    return figure
