"""labeling/reviewer/saved_views.py"""

from __future__ import annotations

import pytest

from labeling.errors import DataError
from labeling.reviewer import saved_views
from labeling.reviewer.saved_views import SavedView
from labeling.workspace import Workspace


def listed(workspace: Workspace, reviewer: str = "ann") -> list[SavedView]:
    with workspace.read() as connection:
        return saved_views.all_views(connection, reviewer)


def test_own_views_come_first_and_others_only_where_shared(any_workspace: Workspace) -> None:
    owls = SavedView("ann", "owls", {"class": "brdowl|grhowl"})
    crows = SavedView("bob", "crows", {"class": "amecro", "p": "0.9"}, shared=True)
    secret = SavedView("bob", "secret", {})
    same_name = SavedView("cyd", "owls", {"kind": "false"}, shared=True)
    for view in (secret, crows, owls, same_name):
        assert saved_views.save(any_workspace, view) == view
    assert listed(any_workspace) == [owls, crows, same_name]
    assert listed(any_workspace, "bob") == [crows, secret, same_name]
    assert listed(any_workspace, "dan") == [crows, same_name]


def test_saving_again_overwrites_and_deleting_forgets_ones_own(any_workspace: Workspace) -> None:
    saved_views.save(any_workspace, SavedView("ann", "mine", {"p": "0.9"}, shared=True))
    saved_views.save(any_workspace, SavedView("ann", " mine ", {"kind": "false"}))
    assert listed(any_workspace) == [SavedView("ann", "mine", {"kind": "false"})]
    assert listed(any_workspace, "bob") == []
    saved_views.delete(any_workspace, "bob", "mine")
    assert len(listed(any_workspace)) == 1
    saved_views.delete(any_workspace, "ann", "mine")
    saved_views.delete(any_workspace, "ann", "mine")
    assert listed(any_workspace) == []


def test_names_and_parameters_are_data(any_workspace: Workspace) -> None:
    odd = SavedView("o'brien", "<b>'; DROP TABLE saved_views; --</b> 🦉", {"q": "%' OR 1=1", "class": "a%7Cb|c"})
    saved_views.save(any_workspace, odd)
    assert listed(any_workspace, "o'brien") == [odd]


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (SavedView("ann", " ", {}), "the view's name has 0 signs"),
        (SavedView("ann", "x" * 81, {}), "the view's name has 81 signs"),
        (SavedView("ann", "a\0b", {}), "NUL"),
        (SavedView(" ", "x", {}), "sign in first"),
        (SavedView("ann", "x", {"q": "y" * 4001}), "the view has 4,001 signs"),
        (SavedView("ann", "x", {"q": "\0"}), "NUL"),
    ],
)
def test_a_view_that_cannot_be_kept_is_refused(workspace: Workspace, view: SavedView, message: str) -> None:
    with pytest.raises(DataError, match=message):
        saved_views.save(workspace, view)
    assert listed(workspace) == []


def test_views_are_bounded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 2)
    for name in ("a", "b"):
        saved_views.save(workspace, SavedView("ann", name, {}))
    with pytest.raises(DataError, match="keeps 2 views, the most there can be; delete one first"):
        saved_views.save(workspace, SavedView("ann", "c", {}))
    saved_views.save(workspace, SavedView("ann", "b", {"p": "1"}))
    assert [view.name for view in listed(workspace)] == ["a", "b"]
