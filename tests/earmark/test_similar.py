"""similar.py: what a notebook finds by sound can be decided, and is then learned from."""

from __future__ import annotations

import pytest

import earmark
from labeling.errors import DataError
from labeling.workspace import Workspace
from tests.support.workspaces.planted import plant


def test_what_is_found_is_decided_and_does_not_come_again(workspace: Workspace) -> None:
    planted = plant(workspace)
    w = earmark.open(workspace.root)
    name, at = f"{planted.example().clip_id - 1:03d}.wav", planted.example().onset_s
    found = w.more_like([(name, at, at + 2)], class_="rare", among="labelled", limit=12)
    assert found["likely"].isna().all()
    assert w.decide(found, "present", reviewer="me") == 12
    again = w.more_like((name, at, at + 2), class_="rare", among="labelled", order="likely", limit=5)
    assert not set(again["filename"]) & set(found["filename"])
    assert again["likely"].notna().all()
    assert again["similarity"].between(-1, 1).all()
    with pytest.raises(DataError, match=r"no clip is called|clip 'nosuch\.wav'"):
        w.more_like(("nosuch.wav", 0, 1))
