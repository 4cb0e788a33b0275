"""labeling/reviewer/mentions.py: who is called in a note."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.people import users
from labeling.reviewer import marks, mentions
from labeling.reviewer.marks import Mark
from labeling.reviewer.mentions import mentioned
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.deciding import says

NAMES = ["ann", "Ann Lee", "bob", "dora@birds.example.org", "Zoë"]


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@ann look", ["ann"]),
        ("see @ANN, @bob.", ["ann", "bob"]),
        ("@Ann Lee and not ann", ["Ann Lee"]),
        ("(@bob)", ["bob"]),
        ("@dora@birds.example.org: a jay?", ["dora@birds.example.org"]),
        ("@zoë!", ["Zoë"]),
        ("@anna, @ann_2, @ann@else.org, @bobby", []),
        ("write to x@bob.org", []),
        ("@", []),
        ("@@ann", ["ann"]),
        ("🐦 @ann 🐦", ["ann"]),
    ],
)
def test_who_is_called(text: str, called: list[str]) -> None:
    found = mentioned(text, NAMES)
    assert [name for _, _, name in found] == called
    assert [text[start:end].lower() for start, end, _ in found] == [f"@{name}".lower() for name in called]


@examples(100)
@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=8), max_size=5))
def test_any_text_and_names_give_places_that_follow_each_other(text: str, names: list[str]) -> None:
    at = 0
    for start, end, name in mentioned(text, names):
        assert at <= start < end <= len(text)
        assert text[start] == "@"
        assert name in names
        at = end


def test_everybody_who_was_here_can_be_called_and_no_machine(any_collection: Workspace) -> None:
    with any_collection.write() as connection:
        users.add_user(connection, "zoe", "viewer")
        users.add_user(connection, "gone", "nobody")
        users.set_role_of_others(connection, "viewer")
    says(any_collection, "Bob", "present")
    marks.add(any_collection, Mark("m1", "ann", 1, "flag"))
    with any_collection.read() as connection:
        assert mentions.known_names(connection) == ["ann", "Bob", "zoe"]
        assert mentions.names_in(connection, ["no call"], "new") == []
        assert mentions.names_in(connection, ["no call", "@zoe"], "new") == ["ann", "Bob", "zoe", "new"]
