"""labeling/reviewer/preferences.py"""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import DataError
from labeling.reviewer import preferences
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.examples import examples


def kept(workspace: Workspace, reviewer: str = "ann") -> dict[str, Any]:
    with workspace.read() as connection:
        return preferences.get_all(connection, reviewer)


def test_each_reviewer_has_their_own_and_the_last_one_counts(any_workspace: Workspace) -> None:
    preferences.put(any_workspace, "ann", "look", {"colormap": "magma"})
    preferences.put(any_workspace, "ann", "look", {"speed": 0.5})
    preferences.put(any_workspace, " ann ", "presets", [{"name": "bats"}])
    preferences.put(any_workspace, "bob", "keys", {"present": ["p", "1"]})
    assert kept(any_workspace) == {"look": {"speed": 0.5}, "presets": [{"name": "bats"}]}
    assert kept(any_workspace, "bob") == {"keys": {"present": ["p", "1"]}}
    assert kept(any_workspace, "cyd") == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=9), inside, max_size=4),
    max_leaves=12,
)  # fmt: skip


@examples(20)
@given(value=st.dictionaries(st.text(st.characters(codec=None), max_size=9), JSON, max_size=4))
def test_what_comes_back_is_what_went_in(workspace: Workspace, value: dict[str, Any]) -> None:
    preferences.put(workspace, "ann", "look", value)
    assert kept(workspace)["look"] == value


def test_every_sign_comes_back_from_any_database(any_workspace: Workspace) -> None:
    odd = {"\0": "\ud800", "🦉": "'; DROP TABLE preferences; --", "<b>": "\u202e"}
    preferences.put(any_workspace, "ann", "look", odd)
    assert kept(any_workspace)["look"] == odd


def test_many_that_put_at_once_leave_one_whole_value(any_workspace: Workspace) -> None:
    problems: list[Exception] = []
    start = threading.Barrier(4)

    def put(number: int) -> None:
        start.wait()
        try:
            for _ in range(5):
                preferences.put(any_workspace, "ann", "look", {"by": number})
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert kept(any_workspace)["look"]["by"] in range(4)
    with any_workspace.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.preferences)) == 1


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("look", [], "preference 'look' is a list; give a dict"),
        ("presets", {}, "preference 'presets' is a dict; give a list"),
        ("look", None, "is a NoneType; give a dict"),
        ("look", {"gain": float("nan")}, "preference 'look' is not JSON"),
        ("look", {"x": object()}, "preference 'look' is not JSON"),
        ("look", {"x": "y" * 20_000}, "preference 'look' has 20,008 signs as JSON; give at most 20,000"),
        ("presets", nested(21), "beyond 20 levels"),
        ("presets", nested(5000), "not JSON|beyond 20 levels"),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused(workspace: Workspace, name: str, value: Any, message: str) -> None:
    preferences.put(workspace, "ann", "look", {"gain": 1})
    preferences.put(workspace, "ann", "presets", [1])
    before = kept(workspace)
    with pytest.raises(DataError, match=message):
        preferences.put(workspace, "ann", name, value)
    assert kept(workspace) == before


def test_only_known_names_are_kept(workspace: Workspace) -> None:
    with pytest.raises(DataError, match=r"unknown preference 'looks'; choose from look, .*Did you mean 'look'"):
        preferences.put(workspace, "ann", "looks", {})
    with pytest.raises(DataError, match="sign in first"):
        preferences.put(workspace, " ", "look", {})
