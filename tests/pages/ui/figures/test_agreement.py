"""pages/ui/figures/agreement.py"""

from __future__ import annotations

import numpy as np
import pytest

from labeling.agreement.coefficients import Coefficient
from labeling.agreement.looks import Looks
from labeling.agreement.report import Block, agreement_of
from labeling.quality.intervals import Share
from pages.ui.figures.agreement import over_time, who_with_whom


def test_each_pair_has_its_field_in_both_orders_and_names_are_data() -> None:
    said = np.array([[0, 0, -1], [1, 1, -1], [0, 1, -1], [1, 1, 0]], np.int8)
    numbers = np.arange(4)
    looks = Looks(("ann", "<i>bob</i>", "cleo"), numbers + 1, np.ones(4, np.int64), said, numbers + 1)
    found = agreement_of(looks, {1: "amecro"}, {}, {})
    (field,) = who_with_whom(found).data
    assert field.z[0][0] is None
    assert field.z[0][1] == field.z[1][0] == pytest.approx(0.5)
    assert field.customdata[0][1].startswith("3 of 4 cells alike")
    assert field.customdata[0][0] == ""
    figure = who_with_whom(found)
    assert figure.layout.xaxis.ticktext[1] == "&lt;i>bob&lt;/i>"


def test_the_course_of_time_with_its_intervals_by_hand() -> None:
    blocks = (
        Block("2026-01-01", "2026-01-31", Share(15, 20), Coefficient(0.5, 0.3, 0.7, 20)),
        Block("2026-02-01", "2026-02-28", Share(20, 20), Coefficient(None, None, None, 20)),
        Block("2026-03-01", "2026-03-31", Share(18, 20), Coefficient(0.8, None, None, 20)),
    )
    (course,) = over_time(blocks).data
    assert list(course.x) == [1, 3], "a block without a value has no dot"
    assert list(course.y) == [0.5, 0.8]
    assert list(course.error_y.array) == pytest.approx([0.2, 0.0])
    assert list(course.error_y.arrayminus) == pytest.approx([0.2, 0.0])
