"""pages/ui/figures/replay.py: figures hold the numbers that they were given."""

from __future__ import annotations

from typing import Any

from pages.ui.figures.replay import curve_name, replay_curves


def curve(scorer: str, order: str, found: list[float], retrained: tuple[tuple[int, str], ...] = ()) -> dict[str, Any]:
    decisions = list(range(len(found)))
    points = {"decisions": decisions, "seconds": [1800.0 * one for one in decisions], "found": found}
    return {"scorer": scorer, "order": order, "points": points, "retrained": retrained}


CURVES = [
    curve("earmark", "likely", [0, 1, 2], ((1, "002-demo"),)),
    curve("cleanlab", "<b>", [0, 0, 1]),
    curve("", "random", [0, 0.5, 1]),
    curve("", "best possible", [0, 1, 2]),
]


def test_a_line_a_curve_by_decisions_or_hours() -> None:
    figure = replay_curves(CURVES, errors=2)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    names = ["Most likely wrong (earmark)", "&lt;b&gt; (cleanlab)", "By chance, on average", "Best possible"]
    assert [line.name for line in lines] == names
    assert list(lines[0].x) == [0, 1, 2]
    assert list(lines[0].y) == [0, 1, 2]
    assert lines[0].line.color != lines[1].line.color
    assert [line.line.dash for line in lines] == ["solid", "solid", "dash", "dot"]
    assert list(replay_curves(CURVES, 2, hours=True).data[0].x) == [0, 0.5, 1]
    assert figure.layout.shapes[0].y0 == 2


def test_a_dot_marks_a_retraining() -> None:
    (dot,) = (trace for trace in replay_curves(CURVES, errors=2).data if trace.mode == "markers")
    assert (list(dot.x), list(dot.y), dot.showlegend) == ([1], [1], False)


def test_one_scorer_is_not_named() -> None:
    assert curve_name(CURVES[0], several_scorers=False) == "Most likely wrong"
