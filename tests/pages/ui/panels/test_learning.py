"""pages/ui/panels/learning.py: a sentence with its interval, or what is missing."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _known() -> None:
    from labeling.active.curve import LearningCurve, LearningPoint
    from pages.ui.panels.learning import draw

    points = (LearningPoint(0, 0.41, 0.3, 0.5), LearningPoint(1200, 0.72, 0.66, 0.8))
    draw(LearningCurve(points, 90, 4, 5))


def _unknown() -> None:
    from labeling.active.curve import LearningCurve
    from pages.ui.panels.learning import draw

    draw(LearningCurve((), 1, 0, 5))


def test_what_was_learned_is_said_with_its_interval() -> None:
    app = AppTest.from_function(_known, default_timeout=60).run()
    assert not app.exception
    assert app.markdown[0].value == (
        "**0.72** macro average precision (0.66 to 0.80) after 1,200 decisions; 0.41 with the labels that came in."
    )
    assert "90 cells that chance picked" in app.caption[0].value
    assert "4 of 5 classes" in app.caption[0].value


def test_what_is_missing_is_said() -> None:
    app = AppTest.from_function(_unknown, default_timeout=60).run()
    assert not app.exception
    assert app.info[0].value.startswith("Not known yet: 1 cell was drawn at random")
