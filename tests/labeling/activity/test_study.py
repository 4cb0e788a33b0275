"""A question put to windows: who is drawn, what is heard, and what is told of it."""

import numpy as np

from labeling.activity.placing import placed
from labeling.activity.study import Question, in_words, study
from labeling.activity.threshold import Calibration, NotKnown
from labeling.search.standing import NONE, Standing, Stretches
from tests.support.workspaces.field import windows_of_names

WINDOWS = windows_of_names(["pond/20240612_050000.WAV", "meadow/20240612_050000.WAV"], 1500.0)


def heard(question: Question, right_from: float, windows=WINDOWS) -> Standing:
    scores, drawn = windows.of("frog"), study(windows, question, NONE).drawn
    marks = {True: [], False: []}
    for place in np.concatenate(drawn.places).tolist():
        span = int(windows.clip_id[place]), float(windows.onset_s[place]), float(windows.offset_s[place])
        marks[bool(scores[place] >= right_from)].append(span)
    return Standing({}, Stretches.of(marks[True]), Stretches.of(marks[False]), Stretches.of([]))


def test_a_draw_that_was_heard_tells_each_band_and_a_threshold() -> None:
    question = Question("frog")
    before = study(WINDOWS, question, NONE)
    assert isinstance(before.learned, NotKnown)
    assert in_words(before) == "0 of 100 drawn windows heard"
    after = study(WINDOWS, question, heard(question, 0.5))
    assert [band.precision for band in after.bands] == [0, 0, 1, 1, 1]
    assert isinstance(after.learned, Calibration)
    assert in_words(after) == "100 of 100 drawn windows heard"


def test_of_one_site_only_its_windows_count() -> None:
    found = study(WINDOWS, Question("frog", site="pond"), NONE)
    assert found.in_site.sum() == 500 == found.playable
    assert set(WINDOWS.recording[np.concatenate(found.drawn.places)].tolist()) == {0}
    nowhere = study(WINDOWS, Question("frog", site="lake"), NONE, placed(WINDOWS.recordings))
    assert nowhere.playable == 0
    assert [band.drawn for band in nowhere.bands] == [0] * 5


def test_what_was_heard_for_another_reason_is_no_part_of_the_draw() -> None:
    question = Question("frog", each=5)
    drawn = set(np.concatenate(study(WINDOWS, question, NONE).drawn.places).tolist())
    others = [place for place in np.argsort(-WINDOWS.of("frog")).tolist() if place not in drawn][:50]
    spans = [(int(WINDOWS.clip_id[k]), float(WINDOWS.onset_s[k]), float(WINDOWS.offset_s[k])) for k in others]
    found = study(WINDOWS, question, Standing({}, Stretches.of(spans), Stretches.of([]), Stretches.of([])))
    assert sum(band.heard for band in found.bands) == 0
