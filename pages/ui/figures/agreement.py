"""Figures of how far people agree: who with whom, and over time."""

from __future__ import annotations

import plotly.graph_objects as go

from labeling.agreement.report import Agreement, Block, Pair
from labeling.quality.intervals import Share

CELL_PX, LEAST_PX = 44, 220
#: from chance to full agreement; a coefficient below chance is as dark as chance
SCALE = [[0.0, "#7a2e3a"], [0.4, "#c98b4b"], [0.7, "#cfc98a"], [1.0, "#3f8f6b"]]


def who_with_whom(agreement: Agreement) -> go.Figure:
    """Cohen's kappa of each pair; a field of two who share no cell is empty."""
    names = list(agreement.reviewers)
    pairs = [[agreement.pair(one, other) if one != other else None for other in names] for one in names]
    values = [[pair.kappa.value if pair else None for pair in row] for row in pairs]
    texts = [[_about(pair) for pair in row] for row in pairs]
    shown = [_short(name) for name in names]
    places = list(range(len(names)))
    figure = go.Figure(
        go.Heatmap(
            x=places, y=places, z=values, zmin=0, zmax=1, colorscale=SCALE, xgap=2, ygap=2, customdata=texts,
            texttemplate="%{z:.2f}" if len(names) <= 14 else None, hoverongaps=False,
            hovertemplate="%{customdata}<extra>kappa %{z:.2f}</extra>",
            colorbar={"title": {"text": "kappa"}, "thickness": 12},
        )
    )  # fmt: skip
    height = max(LEAST_PX, CELL_PX * len(names) + 120)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8}, height=height)
    figure.update_xaxes(tickvals=places, ticktext=shown, showgrid=False, zeroline=False)
    figure.update_yaxes(tickvals=places, ticktext=shown, showgrid=False, zeroline=False, autorange="reversed")
    return figure


def over_time(blocks: tuple[Block, ...]) -> go.Figure:
    """Krippendorff's alpha of one block of cells after the other, with its interval."""
    known = [(number, block) for number, block in enumerate(blocks, 1) if block.alpha.value is not None]
    value = [block.alpha.value or 0.0 for _, block in known]
    ranges = [block.alpha.interval or (middle, middle) for (_, block), middle in zip(known, value, strict=True)]
    above = [high - middle for (_, high), middle in zip(ranges, value, strict=True)]
    below = [middle - low for (low, _), middle in zip(ranges, value, strict=True)]
    days = [f"{block.first_day} to {block.last_day}<br>{_alike(block.agreed)}" for _, block in known]
    figure = go.Figure(
        go.Scatter(
            x=[number for number, _ in known], y=value, mode="lines+markers", customdata=days, line={"width": 1.5},
            error_y={"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1},
            hovertemplate="%{customdata}<extra>alpha %{y:.2f}</extra>",
        )
    )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8}, height=260)
    figure.update_xaxes(
        tickvals=[number for number, _ in known],
        ticktext=[block.first_day for _, block in known],
        title="cells in the order of their last look",
    )
    figure.update_yaxes(title="alpha", range=[min([0.0, *value]) - 0.1, 1.08])
    return figure


def _about(pair: Pair | None) -> str:
    if pair is None:
        return ""
    likely = pair.kappa.interval
    return _alike(pair.agreed) + (f"<br>likely {likely[0]:.2f} to {likely[1]:.2f}" if likely else "")


def _alike(share: Share) -> str:
    return f"{share.count:,} of {share.of:,} cells alike"


def _short(name: str) -> str:
    """A name on an axis: Plotly reads some signs as HTML."""
    plain = name.replace("&", "&amp;").replace("<", "&lt;")
    return plain if len(plain) <= 24 else f"{plain[:22]}…"
