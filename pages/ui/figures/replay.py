"""A replay's curves as a Plotly figure; pure, no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.replay.curves import BEST, RANDOM
from labeling.suspects.filter import ORDERS
from pages.ui.figures.basic import GREY, PALETTE, _plain, _tidy

REFERENCES = {RANDOM: "By chance, on average", BEST: "Best possible"}


def curve_name(curve: Mapping[str, Any], several_scorers: bool) -> str:
    """What a curve is called: its order, with the scorer where there are several."""
    order = str(curve["order"])
    if not curve["scorer"]:
        return REFERENCES.get(order, order)
    name = ORDERS.get(order, order)
    return f"{name} ({curve['scorer']})" if several_scorers else name


def replay_curves(curves: Sequence[Mapping[str, Any]], errors: int, hours: bool = False) -> Any:
    """Wrong labels found against decisions made (``hours``: against hours of listening), a line a curve.

    ``curves`` are as `replay_curves.as_json` gives them; references are grey and dashed, a dot marks a retraining.
    """
    import plotly.graph_objects as go

    several = len({curve["scorer"] for curve in curves if curve["scorer"]}) > 1
    axis = "hours of listening" if hours else "decisions"
    figure = go.Figure()
    colours = iter(PALETTE * (1 + len(curves) // len(PALETTE)))
    for curve in curves:
        points = curve["points"]
        x = [value / 3600 for value in points["seconds"]] if hours else points["decisions"]
        name = _plain(curve_name(curve, several))
        reference = not curve["scorer"]
        colour = GREY if reference else next(colours)
        dash = "solid" if not reference else "dot" if curve["order"] == BEST else "dash"
        figure.add_scatter(
            x=x,
            y=points["found"],
            mode="lines",
            name=name,
            line={"color": colour, "width": 1.5 if reference else 2.5, "dash": dash},
            hovertemplate=f"{name}<br>%{{x:,.4~g}} {axis}, %{{y:,.0f}} found<extra></extra>",
        )
        at = [_nearest(points["decisions"], decisions) for decisions, _ in curve.get("retrained", ())]
        if at:
            figure.add_scatter(
                x=[x[place] for place in at],
                y=[points["found"][place] for place in at],
                mode="markers",
                marker={"color": colour, "size": 10, "symbol": "circle-open", "line": {"width": 2}},
                showlegend=False,
                hovertemplate=f"{name}<br>trained again here<extra></extra>",
            )
    figure.add_hline(y=errors, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=axis, rangemode="tozero")
    figure.update_yaxes(title_text="wrong labels found", range=[0, errors * 1.05])
    _tidy(figure, height=380)
    return figure.update_layout(margin_t=58)


def _nearest(decisions: Sequence[int], wanted: int) -> int:
    return min(range(len(decisions)), key=lambda place: abs(decisions[place] - wanted))
