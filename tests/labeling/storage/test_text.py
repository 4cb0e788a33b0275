"""labeling/storage/text.py"""

from __future__ import annotations

import pytest

from labeling.errors import DataError
from labeling.storage import text


def test_text_is_kept_as_it_is_but_for_blanks_around_it() -> None:
    for typed in ("<b>x</b>", "'; DROP TABLE marks; --", "=1+1", "🦉 é ́ \u202egnp.exe", "a\nb\tc"):
        assert text.checked(f"  {typed}\n", "the note", 2000) == typed


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "the note has 0 signs"),
        (" \n ", "the note has 0 signs"),
        ("x" * 11, r"the note has 11 signs \('xxxxxxxxxxx'\); give 1 to 10"),
        ("a\0b", "the note holds a NUL at sign 2; leave it out"),
        ("ab\ud800", "the note is not valid Unicode at sign 3; type it again"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(typed: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        text.checked(typed, "the note", 10, least=1)


def test_a_reviewer_has_a_name() -> None:
    assert text.reviewer_name("  rita ") == "rita"
    with pytest.raises(DataError, match="sign in first"):
        text.reviewer_name("  ")
