"""sweeping.py: what was chosen comes once a clip, in its order, without what is decided."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import journal
from labeling.embeddings.space import open_space
from labeling.errors import DataError, UnknownName
from labeling.landscape.sweeping import ToSweep, rows_of, to_sweep
from labeling.records import Decision, Region
from labeling.reviewer import chosen
from labeling.reviewer.chosen import Chosen
from labeling.workspace import Workspace
from tests.support.workspaces.planted import plant


def choose(workspace: Workspace, rows: np.ndarray) -> str:
    space = open_space(workspace, "toy")
    these = Chosen("toy", "some", space.clip_ids[rows], space.onset_s[rows], space.offset_s[rows])
    return chosen.keep(workspace, these, "ann")


def ask(workspace: Workspace, name: str, code: str = "", **more: object) -> ToSweep:
    with workspace.read() as connection:
        return to_sweep(workspace, connection, name, code, **more)  # type: ignore[arg-type]


def test_of_a_clip_one_stretch_comes_and_of_a_recording_each(workspace: Workspace) -> None:
    planted = plant(workspace, clips=20, recordings=1)
    space = open_space(workspace, "toy")
    (recording,) = planted.recorded
    rows = np.flatnonzero(np.isin(space.clip_ids, [1, 2, 3]) | (space.clip_ids == recording) & (space.onset_s < 4))
    name = choose(workspace, rows)
    np.testing.assert_array_equal(rows_of(space, chosen_of(workspace, name)), rows)
    answer = ask(workspace, name)
    assert sorted(one.clip_id for one in answer.found) == [1, 2, 3, *[recording] * 4]
    assert [one.of_recording for one in answer.found] == [one.clip_id == recording for one in answer.found]
    assert (answer.among, answer.decided) == (7, 0)

    # central first: the likeness falls; odd first: it rises; both of the same stretches of a clip's best
    central, odd = ([one.similarity for one in ask(workspace, name, order=order).found] for order in ("central", "odd"))
    assert central == sorted(central, reverse=True)
    assert odd == sorted(odd)
    vectors = np.asarray(space.vectors[rows], np.float32)
    mean = vectors.mean(axis=0)
    best = int(rows[(vectors @ mean).argmax()])
    assert ask(workspace, name).found[0].clip_id == space.clip_ids[best]
    by_time = ask(workspace, name, order="time").found
    assert [(one.clip_id, one.onset_s) for one in by_time] == sorted((one.clip_id, one.onset_s) for one in by_time)


def chosen_of(workspace: Workspace, name: str) -> Chosen:
    with workspace.read() as connection:
        return chosen.read(connection, name)


def test_what_is_decided_does_not_come(workspace: Workspace) -> None:
    planted = plant(workspace, clips=20, recordings=1)
    space = open_space(workspace, "toy")
    (recording,) = planted.recorded
    rows = np.flatnonzero(np.isin(space.clip_ids, [1, 2]) | (space.clip_ids == recording) & (space.onset_s < 10))
    name = choose(workspace, rows)
    journal.append(workspace, [
        Decision("e1", "ann", 1, "rare", "absent"),
        Decision("e2", "ann", recording, "rare", "present", region=Region(3.0, 5.0)),
    ])  # fmt: skip
    answer = ask(workspace, name, "rare")
    left = {(one.clip_id, one.onset_s) for one in answer.found if one.of_recording}
    assert {one.clip_id for one in answer.found} == {2, recording}
    assert left == {(recording, onset) for onset in (0.0, 1.0, 5.0, 6.0, 7.0, 8.0, 9.0)}  # windows of 2 s each
    assert answer.decided == 1 + 3
    assert len(ask(workspace, name, "common", which="all").found) == 12  # of another class all is to do
    assert {one.clip_id for one in ask(workspace, name, "common", which="false").found} == {1, 2}
    assert {one.clip_id for one in ask(workspace, name, "common", which="missing").found} == {recording}
    assert len(ask(workspace, name, count=3).found) == 3


def test_what_cannot_be_answered_is_said(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    name = choose(workspace, np.arange(4))
    with pytest.raises(DataError, match="order 'x'"):
        ask(workspace, name, order="x")
    with pytest.raises(DataError, match="were not chosen"):
        ask(workspace, "f" * 16)
    elsewhere = Chosen("gone", "some", np.array([1]), np.float32([0]), np.float32([1]))
    with pytest.raises(UnknownName, match="unknown space 'gone'"):
        ask(workspace, chosen.keep(workspace, elsewhere, "ann"))
