"""labeling/suspects/why.py"""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from labeling.suspects.why import Reason, support, why, without_name

MISSING = Reason(
    given=False, clipwise=0.94, framewise_max=0.97, onset_s=3.1, offset_s=4.4, runs=3, runs_agree=3, neighbours=0.9,
    typical=0.81,
)  # fmt: skip


def test_the_line_says_all_that_is_known() -> None:
    assert why("cardinal", MISSING) == (
        "cardinal: 0.97 in 3.1 s to 4.4 s, unlisted; typical of listed clips: 0.81; 3 of 3 runs agree; "
        "9 in 10 similar stretches list it"
    )
    assert support(MISSING) == "typical of listed clips: 0.81; 3 of 3 runs agree; 9 in 10 similar stretches list it"


def test_what_is_not_known_is_left_out() -> None:
    bare = replace(MISSING, runs=1, runs_agree=1, neighbours=None, typical=None)
    assert why("cardinal", bare) == "cardinal: 0.97 in 3.1 s to 4.4 s, unlisted"
    assert support(bare) == ""
    assert without_name(replace(bare, runs=2)) == "0.97 in 3.1 s to 4.4 s, unlisted; 1 of 2 runs agree"
    assert (
        without_name(replace(bare, neighbours=0.0))
        == "0.97 in 3.1 s to 4.4 s, unlisted; 0 in 10 similar stretches list it"
    )
    for times in ((0.0, 0.0), (math.nan, math.nan)):  # no frames
        assert without_name(replace(bare, onset_s=times[0], offset_s=times[1])) == "0.94 in the clip, unlisted"


def test_a_listed_class_and_a_swap() -> None:
    listed = replace(MISSING, given=True, framewise_max=0.05, runs=1, neighbours=None)
    assert without_name(listed) == "at most 0.05 in 3.1 s to 4.4 s, listed; typical of listed clips: 0.81"
    bare = replace(listed, typical=None, partner="Canada Goose")
    assert without_name(bare) == "at most 0.05 in 3.1 s to 4.4 s, listed, perhaps Canada Goose instead"
    assert (
        without_name(replace(bare, given=False)) == "0.05 in 3.1 s to 4.4 s, unlisted, perhaps in place of Canada Goose"
    )


@given(
    st.text(max_size=20),
    st.builds(
        Reason,
        given=st.booleans(), clipwise=st.floats(), framewise_max=st.floats(), onset_s=st.floats(), offset_s=st.floats(),
        runs=st.integers(0, 255), runs_agree=st.integers(0, 255), neighbours=st.none() | st.floats(0, 1),
        typical=st.none() | st.floats(), partner=st.sampled_from(["", "crow"]),
    ),
)  # fmt: skip
def test_a_name_is_data_and_nothing_raises(name: str, reason: Reason) -> None:
    line = why(name, reason)
    assert line.startswith(f"{name}: ")
    assert line == f"{name}: {without_name(reason)}"
    assert ("unlisted" in line[len(name) :]) != reason.given
