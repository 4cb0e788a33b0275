"""pages/ui/figures/learning.py"""

from __future__ import annotations

import pytest

from labeling.active.curve import LearningPoint
from pages.ui.figures.learning import learning_figure


def test_points_with_their_intervals_against_decisions() -> None:
    (line,) = learning_figure([LearningPoint(0, 0.4, 0.3, 0.45), LearningPoint(100, 0.7, 0.6, 0.8)]).data
    assert list(line.x) == [0, 100]
    assert list(line.error_y.array) == pytest.approx([0.05, 0.1])
    assert list(line.error_y.arrayminus) == pytest.approx([0.1, 0.1])
