"""Verdicts laid over windows: of stretches and of whole clips."""

import numpy as np

from labeling.activity.heard import verdicts
from labeling.search.standing import Standing, Stretches
from tests.support.workspaces.field import windows_of_names

NONE = Stretches.of([])
WINDOWS = windows_of_names(["a.wav", "b.wav", "c.wav", "d.wav"], 9.0, 3.0)
EVERY = np.arange(12)


def test_a_short_box_makes_its_window_present_and_a_neighbour_not() -> None:
    said = Standing({}, Stretches.of([(1, 1.0, 3.2)]), Stretches.of([(1, 3.0, 6.0)]), Stretches.of([(1, 6.0, 9.0)]))
    assert verdicts(WINDOWS, EVERY[:3], said).tolist() == ["present", "absent", "unsure"]


def test_absent_must_cover_the_window() -> None:
    said = Standing({}, NONE, Stretches.of([(2, 0.0, 2.0), (2, 2.9, 6.0)]), NONE)
    assert verdicts(WINDOWS, EVERY[3:6], said).tolist() == ["", "absent", ""]


def test_present_goes_before_absent() -> None:
    said = Standing({}, Stretches.of([(2, 1.0, 1.5)]), Stretches.of([(2, 0.0, 9.0)]), NONE)
    assert verdicts(WINDOWS, EVERY[3:6], said).tolist() == ["present", "absent", "absent"]


def test_a_whole_clip_says_absent_of_its_windows_and_not_where_it_is_present() -> None:
    said = Standing({3: "absent", 4: "present"}, NONE, NONE, NONE)
    assert verdicts(WINDOWS, EVERY[6:], said).tolist() == ["absent"] * 3 + [""] * 3
    short = windows_of_names(["a.wav"], 3.0, 3.0)
    for word in ("present", "absent", "unsure"):
        assert verdicts(short, EVERY[:1], Standing({1: word}, NONE, NONE, NONE)).tolist() == [word]
