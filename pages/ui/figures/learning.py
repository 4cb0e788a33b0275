"""What a head has learned as a Plotly figure; pure, no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.active.curve import LearningPoint
from pages.ui.figures.basic import GREY, PALETTE, _tidy


def learning_figure(points: Sequence[LearningPoint]) -> Any:
    """Macro average precision against decisions, with its 95 % interval as a whisker at each point."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[point.decisions for point in points],
        y=[point.macro_ap for point in points],
        mode="lines+markers",
        line={"color": PALETTE[0], "width": 2.5},
        marker={"size": 8},
        error_y={
            "type": "data", "symmetric": False, "thickness": 1.5, "width": 4, "color": PALETTE[0],
            "array": [point.high - point.macro_ap for point in points],
            "arrayminus": [point.macro_ap - point.low for point in points],
        },
        customdata=[[point.low, point.high] for point in points],
        hovertemplate="%{x:,} decisions: %{y:.3f} (%{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>",
        showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(title_text="decisions", rangemode="tozero")
    figure.update_yaxes(title_text="macro average precision", range=[0, 1.02])
    _tidy(figure, height=320)
    return figure


def replayed_learning(
    curves: Sequence[Mapping[str, Any]], names: Sequence[str], all_true: float, all_imported: float
) -> Any:
    """Macro average precision against decisions, a line an order, as `learning_json` gives them; and what all labels
    make, as they truly are and as they were imported."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, (curve, name) in enumerate(zip(curves, names, strict=True)):
        figure.add_scatter(
            x=curve["decisions"],
            y=curve["macro_ap"],
            mode="lines",
            name=name,
            line={"color": PALETTE[place % len(PALETTE)], "width": 2.5},
            hovertemplate=f"{name}<br>%{{x:,}} decisions: %{{y:.3f}}<extra></extra>",
        )
    end = max(curve["decisions"][-1] for curve in curves)
    for name, value, dash in (("All labels, true", all_true, "dash"), ("All labels, imported", all_imported, "dot")):
        figure.add_scatter(
            x=[0, end], y=[value, value], mode="lines", name=name, line={"color": GREY, "width": 1.5, "dash": dash},
            hovertemplate=f"{name}<br>%{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="decisions", rangemode="tozero")
    figure.update_yaxes(title_text="macro average precision", range=[0, 1.02])
    _tidy(figure, height=380)
    return figure.update_layout(margin_t=58)
