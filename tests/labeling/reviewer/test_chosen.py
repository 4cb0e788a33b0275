"""chosen.py: what was chosen is found by its name, once, on both databases."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from labeling.errors import ArtefactError, DataError
from labeling.reviewer import chosen
from labeling.reviewer.chosen import Chosen
from labeling.storage import tables
from labeling.workspace import Workspace


def made(clips: list[int], title: str = "three") -> Chosen:
    onset_s = np.arange(len(clips), dtype=np.float32) / 3
    return Chosen("toy", title, np.array(clips, np.int64), onset_s, onset_s + 1)


def test_a_choice_is_kept_under_a_name_of_its_own(any_workspace: Workspace) -> None:
    name = chosen.keep(any_workspace, made([7, 7, 2]), "ann")
    assert chosen.keep(any_workspace, made([7, 7, 2]), "bob") == name
    assert chosen.keep(any_workspace, made([7, 2]), "ann") != name
    assert chosen.keep(any_workspace, made([7, 7, 2], "another"), "ann") != name
    with any_workspace.read() as connection:
        found = chosen.read(connection, name)
        assert (found.space, found.title) == ("toy", "three")
        np.testing.assert_array_equal(found.clip_id, [7, 7, 2])
        np.testing.assert_array_equal(found.onset_s, made([7, 7, 2]).onset_s)
        assert chosen.clips(connection, name).tolist() == [2, 7]


def test_what_was_not_chosen_or_cannot_be_is_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace.read() as connection:
        for name in ("0" * 16, "x", "'; DROP TABLE clips; --"):
            with pytest.raises(DataError, match="were not chosen in this workspace"):
                chosen.read(connection, name)
    with pytest.raises(DataError, match="0 stretches are chosen"):
        chosen.keep(workspace, made([]), "ann")
    monkeypatch.setattr(chosen, "MOST", 2)
    with pytest.raises(DataError, match="3 stretches are chosen; choose 1 to 2 at once"):
        chosen.keep(workspace, made([1, 2, 3]), "ann")
    name = chosen.keep(workspace, made([1, 2]), "ann")
    with workspace.write() as connection:
        connection.execute(sa.update(tables.chosen_stretches).values(stretches=b"no arrays"))
    with workspace.read() as connection, pytest.raises(ArtefactError, match="choose them on the map again"):
        chosen.read(connection, name)
