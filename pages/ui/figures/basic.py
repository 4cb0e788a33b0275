"""Arrays to Plotly figures; pure, no Streamlit. Colours hold on light and on dark; names are data, never markup."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from labeling.records import KINDS

if TYPE_CHECKING:
    import pandas as pd

PALETTE = ("#2a9d8f", "#d9822b", "#6b7fd7", "#c4578f", "#98a03a", "#a67c52", "#4aa3c7", "#8d6cc9")
GREY = "#8a939c"
UP, DOWN = PALETTE[0], PALETTE[1]
KIND_COLOURS = {"missing": "#4a8fe7", "false": "#e08a3c", "swapped": "#9b74e0"}  # as the player has them
MOST_CLASSES = 40
CONFIG = {"displayModeBar": False}  # the tool bar would cover the titles


def history_figure(history: pd.DataFrame) -> Any:
    """Loss and macro-AP by epoch, one colour a fold; a fold's members are lines of that colour.

    Columns ``fold`` (-1: trained on all clips), ``epoch``, and where they are known ``member``, ``train_loss``
    (solid), ``valid_loss`` (dashed) and ``valid_macro_ap``; missing values are left out.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=2, subplot_titles=("loss", "validation macro-AP"), horizontal_spacing=0.09)
    curves = (("train_loss", 1, "solid"), ("valid_loss", 1, "dash"), ("valid_macro_ap", 2, "solid"))
    folds = sorted(history["fold"].dropna().unique()) if len(history) and "fold" in history else []
    for place, fold in enumerate(folds):
        of_fold = history[history["fold"] == fold].sort_values("epoch")
        members = [rows for _, rows in of_fold.groupby("member")] if "member" in of_fold else [of_fold]
        name = f"fold {int(fold)}" if fold >= 0 else "all clips"
        named = False
        for rows, (column, panel, dash) in itertools.product(members, curves):
            if column not in rows or rows[column].dropna().empty:
                continue
            known = rows[rows[column].notna()]
            figure.add_scatter(
                x=known["epoch"],
                y=known[column],
                name=name,
                legendgroup=str(fold),
                showlegend=not named,
                mode="lines+markers" if len(known) < 40 else "lines",
                line={"color": PALETTE[place % len(PALETTE)], "dash": dash, "width": 2},
                marker={"size": 5},
                hovertemplate=f"{name}, epoch %{{x}}<br>{column.replace('_', ' ')} %{{y:.4f}}<extra></extra>",
                row=1,
                col=panel,
            )
            named = True
    figure.update_xaxes(title_text="epoch", rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    if len(folds) and "valid_loss" in history:
        figure.layout.annotations[0].text = "loss (dashed: validation)"
    _tidy(figure, height=310)
    figure.update_layout(margin_t=58, legend={"y": 1.14, "x": 0.5, "xanchor": "center"})
    return figure


def class_bars(
    probabilities: Mapping[str, float],
    listed: Collection[str] = (),
    most: int = 15,
    title: str = "clipwise probability, out of fold (● listed)",
) -> Any:
    """The highest classes, and every listed one, as bars of 0..1; listed classes are filled and marked ●."""
    import plotly.graph_objects as go

    known = {code: float(p) for code, p in probabilities.items() if math.isfinite(float(p))}
    ranked = sorted(known, key=lambda code: (-known[code], code))
    shown = [code for place, code in enumerate(ranked) if place < most or code in listed][::-1]
    figure = go.Figure(
        go.Bar(
            x=[known[code] for code in shown],
            y=[_plain(code) + (" ●" if code in listed else "") for code in shown],
            orientation="h",
            marker={
                "color": [PALETTE[0] if code in listed else "rgba(138,147,156,0.45)" for code in shown],
                "line": {"color": [PALETTE[0] if code in listed else GREY for code in shown], "width": 1},
            },
            text=[f"{known[code]:.2f}" for code in shown],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y} %{x:.3f}<extra></extra>",
        )
    )
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(range=[0, 1.08], title_text=title)
    return _tidy(figure, height=90 + 22 * max(1, len(shown)), legend=False)


def per_class_comparison(
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    before_name: str,
    after_name: str,
    metric: str = "ap",
    most: int = MOST_CLASSES,
) -> Any:
    """One metric of two runs side by side: a line a class from the run before (ring) to the run after (dot).

    ``before`` and ``after`` map a class code to its metrics; classes where either lacks the metric are left out. With
    more than ``most`` classes those that changed most are shown. Best gain on top.
    """
    import plotly.graph_objects as go

    pairs = []
    for code in sorted(set(before) & set(after)):
        old, new = before[code].get(metric), after[code].get(metric)
        if old is not None and new is not None and math.isfinite(old) and math.isfinite(new):
            pairs.append((code, float(old), float(new)))
    kept = sorted(pairs, key=lambda pair: -abs(pair[2] - pair[1]))[:most]
    kept.sort(key=lambda pair: (pair[2] - pair[1], pair[0]))
    names = [_plain(code) for code, _, _ in kept]
    figure = go.Figure()
    for label, colour, better in (("better", UP, True), ("worse", DOWN, False)):
        ends = [(name, old, new) for name, (_, old, new) in zip(names, kept, strict=True) if (new >= old) == better]
        figure.add_scatter(
            x=[value for _, old, new in ends for value in (old, new, None)],
            y=[value for name, _, _ in ends for value in (name, name, None)],
            mode="lines",
            line={"color": colour, "width": 3},
            name=label,
            hoverinfo="skip",
        )
    change = [f"{new - old:+.3f}" for _, old, new in kept]
    figure.add_scatter(
        x=[old for _, old, _ in kept], y=names, mode="markers", name=_plain(before_name), customdata=change,
        marker={"size": 9, "color": GREY, "symbol": "circle-open", "line": {"width": 2}},
        hovertemplate="%{y}<br>" + _plain(before_name) + " %{x:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[new for _, _, new in kept], y=names, mode="markers", name=_plain(after_name), customdata=change,
        marker={"size": 9, "color": [UP if new >= old else DOWN for _, old, new in kept]},
        hovertemplate="%{y}<br>" + _plain(after_name) + " %{x:.3f} (%{customdata})<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=names, showgrid=False)
    title = metric.upper() if len(metric) <= 3 else metric
    if len(kept) < len(pairs):
        title += f" (the {len(kept)} of {len(pairs)} classes that changed most)"
    figure.update_xaxes(range=[-0.02, 1.02], title_text=title)
    return _tidy(figure, height=110 + 22 * max(1, len(kept)))


def suspects_by_class(counts: Mapping[str, Mapping[str, int]], most: int = 20) -> Any:
    """How many suspects of each kind each class has, as stacked bars, most on top; at most ``most`` classes."""
    import plotly.graph_objects as go

    shown = list(counts)[:most][::-1]
    figure = go.Figure()
    for kind in KINDS:
        figure.add_bar(
            y=[_plain(name) for name in shown],
            x=[counts[name].get(kind, 0) for name in shown],
            orientation="h",
            name=kind,
            marker={"color": KIND_COLOURS[kind], "line": {"width": 0}},
            hovertemplate=f"%{{y}}: %{{x:,}} {kind}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_yaxes(showgrid=False)
    if max((sum(counts[name].values()) for name in shown), default=0) < 6:
        figure.update_xaxes(dtick=1)  # there is no half a suspect
    return _tidy(figure, height=90 + 26 * max(1, len(shown)))


def rounds_figure(rounds: pd.DataFrame) -> Any:
    """Rounds of correction side by side: the share of labels that each changed (%), and its macro-AP.

    Columns ``round``, ``changed %`` and ``macro-AP``; missing values are left out.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=2, subplot_titles=("labels changed (%)", "macro-AP"))
    for panel, column in enumerate(("changed %", "macro-AP"), start=1):
        known = rounds[rounds[column].notna()]
        figure.add_scatter(
            x=known["round"],
            y=known[column],
            mode="lines+markers",
            line={"color": PALETTE[0], "width": 2},
            marker={"size": 7},
            hovertemplate=f"round %{{x}}<br>{column} %{{y:.3g}}<extra></extra>",
            row=1,
            col=panel,
        )
    last = int(rounds["round"].max()) if len(rounds) else 0
    figure.update_xaxes(title_text="round", dtick=max(1, last // 8), range=[-0.3, max(1, last) + 0.3])
    figure.update_yaxes(rangemode="tozero")
    return _tidy(figure, height=250, legend=False)


def _plain(text: str) -> str:
    """``text`` as Plotly shows it literally: it reads HTML tags in labels."""
    return html.escape(str(text), quote=False)


def _tidy(figure: Any, height: int, legend: bool = True) -> Any:
    """Transparent ground, thin grid, small type: fits the light and the dark theme."""
    axis = {"gridcolor": "rgba(138,147,156,0.22)", "zeroline": False, "title_font_size": 12, "automargin": True}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_annotations(font_size=13)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12, "color": GREY},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        hoverlabel={"align": "left"},
    )
    return figure
