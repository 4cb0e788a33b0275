"""What the label quality page draws, as Plotly figures; pure, no Streamlit."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from labeling.quality.calibration import Bin
from pages.ui.figures.basic import GREY, KIND_COLOURS

MOST_CLASSES = 25  # dots one under the other that still fit a screen; the table has all
LONGEST_NAME = 34
GRID = "rgba(138,147,156,0.22)"


def rates_figure(rows: Sequence[tuple[str, float, float, float, int]], kind: str) -> Any:
    """Share of wrong labels by class: a dot with its 95 % range, in the order of ``rows``, the first on top.

    Rows are (name, value, low, high, looks); shares of 0..1. At most MOST_CLASSES are drawn; a class without looks of
    its own is a ring. ``kind`` gives the colour.
    """
    import plotly.graph_objects as go

    shown = list(rows)[:MOST_CLASSES]
    names = unique([short(name) for name, *_ in shown])
    colour = KIND_COLOURS.get(kind, GREY)
    figure = go.Figure(
        go.Scatter(
            x=[100 * value for _, value, *_ in shown],
            y=names,
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": ["circle" if row[4] else "circle-open" for row in shown]},
            error_x={
                "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 0,
                "array": [100 * max(0.0, high - value) for _, value, _, high, _ in shown],
                "arrayminus": [100 * max(0.0, value - low) for _, value, low, _, _ in shown],
            },
            customdata=[(escaped(name), 100 * low, 100 * high, looks) for name, _, low, high, looks in shown],
            hovertemplate="%{customdata[0]}<br>%{x:.1f} %, likely %{customdata[1]:.1f} to %{customdata[2]:.1f} %"
            "<br>random looks: %{customdata[3]:,}<extra></extra>",
            showlegend=False,
        )
    )  # fmt: skip
    most = max((100 * row[3] for row in shown), default=1.0)
    figure.update_xaxes(title_text="labels that are wrong (%)", range=[0, min(100.0, max(1.0, 1.05 * most))])
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return _plain_layout(figure, 70 + 24 * max(1, len(shown)))


def reliability_figure(every_bin: Sequence[Bin]) -> Any:
    """What was called so likely against what was found, one dot a tenth and kind, with 95 % ranges.

    Dots on the diagonal were told rightly; a dot grows with its verdicts.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": GREY, "width": 1, "dash": "dot"}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    for kind, name in (("false", "listed labels"), ("missing", "unlisted classes")):
        bins = [each_bin for each_bin in every_bin if each_bin.kind == kind and each_bin.found.value is not None]
        if not bins:
            continue
        values = [100 * each_bin.found.count / each_bin.found.of for each_bin in bins]
        ranges = [each_bin.found.interval or (0.0, 1.0) for each_bin in bins]
        figure.add_scatter(
            x=[100 * each_bin.predicted for each_bin in bins],
            y=values,
            name=name,
            mode="markers",
            marker={
                "color": KIND_COLOURS[kind], "opacity": 0.9,
                "size": [min(18.0, 6.0 + each_bin.found.of**0.5) for each_bin in bins],
            },
            error_y={
                "type": "data", "symmetric": False, "color": KIND_COLOURS[kind], "thickness": 1.5, "width": 0,
                "array": [max(0.0, 100 * high - value) for value, (_, high) in zip(values, ranges, strict=True)],
                "arrayminus": [max(0.0, value - 100 * low) for value, (low, _) in zip(values, ranges, strict=True)],
            },
            customdata=[(each_bin.found.count, each_bin.found.of) for each_bin in bins],
            hovertemplate="called %{x:.0f} % likely wrong<br>%{customdata[0]:,} of %{customdata[1]:,} were"
            "<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="called so likely to be wrong (%)", range=[-3, 103])
    figure.update_yaxes(title_text="found wrong (%)", range=[-3, 103])
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return _plain_layout(figure, 320)


def _plain_layout(figure: Any, height: int) -> Any:
    figure.update_xaxes(gridcolor=GRID, zeroline=False, title_font_size=12, automargin=True)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, title_font_size=12, automargin=True)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 10, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12, "color": GREY},
    )
    return figure


def escaped(name: str) -> str:
    """A name that Plotly shows as it is written."""
    return html.escape(name, quote=False)


def short(name: str) -> str:
    """A name that leaves room for the dots, escaped."""
    return escaped(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…")


def unique(names: Sequence[str]) -> list[str]:
    """Names that were cut to the same text, told apart: Plotly would draw them on one line."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
