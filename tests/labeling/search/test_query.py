"""query.py: what an address keeps is what is looked for."""

from __future__ import annotations

import pytest

from labeling.errors import DataError
from labeling.search.query import MOST_EXAMPLES, Example, Query, read_examples, written


def test_a_query_survives_its_text() -> None:
    given = Query("x", "rare", (Example(3, 0, 2.125), Example(4, 10.5, 11, like=False)), ("0123456789abcdef",), True)
    assert written(given) == "3@0-2.125|-4@10.5-11|sound:0123456789abcdef|verified"
    assert read_examples(written(given)) == (given.examples, given.sounds, True)
    assert read_examples("") == ((), (), False)
    assert read_examples("3@0-1|3@0-1")[0] == (Example(3, 0, 1),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3@", "example '3@' is none; write CLIP@FROM-TO"),
        ("3@1-x", "is none"),
        ("٣@0-1", "is none"),
        ("3@2-1", "from 2 to 1 s: it must begin at 0 or later, and before its end"),
        ("0@0-1", "clip 0: a clip's number"),
        ("9999999999@0-1", "clip 9999999999"),
        ("sound:../../x", "is none"),
    ],
)
def test_what_is_no_example_is_said(text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_examples(text)


def test_a_query_knows_its_words() -> None:
    with pytest.raises(DataError, match=r"order 'aliek'.*alike"):
        Query("x", order="aliek")
    with pytest.raises(DataError, match="choice of clips 'most'"):
        Query("x", among="most")
    many = tuple(Example(clip, 0, 1) for clip in range(1, MOST_EXAMPLES + 2))
    with pytest.raises(DataError, match=f"{MOST_EXAMPLES + 1} examples; give at most {MOST_EXAMPLES}"):
        Query("x", examples=many)
