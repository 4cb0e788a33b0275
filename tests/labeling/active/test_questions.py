"""questions.py: the head learns from every verdict, each tenth question is chance's, and each says why it is asked."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import journal
from labeling.active.questions import Questions, next_to_label
from labeling.collection import classes
from labeling.embeddings.space import open_space
from labeling.errors import DataError, UnknownName
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.several_sounds import CLASSES, plant_sounds


def ask(workspace: Workspace, order: str = "hybrid", among: str = "unlabelled", count: int = 20) -> Questions:
    with workspace.read() as connection:
        return next_to_label(workspace, connection, "ears", order, among, count)


def test_questions_are_of_clips_without_labels_and_each_tenth_is_by_chance(workspace: Workspace) -> None:
    plant_sounds(workspace)
    asked = ask(workspace)
    assert (asked.open, asked.known, asked.missing) == (48 * 3, 12 * 3, 0)
    assert all(one.clip_id > 12 for one in asked.questions)
    assert [place for place, one in enumerate(asked.questions) if one.at_random] == [9, 19]
    assert len({(one.clip_id, one.class_code) for one in asked.questions}) == 20
    one = asked.questions[0]
    known = asked.positives[one.class_code]
    assert one.reason == f"{one.likely:.2f} likely; {one.distance:.2f} from heard; {known} known"
    assert asked.questions[9].why == "drawn at random"
    assert ask(workspace, among="all").open == 60 * 3
    assert len(ask(workspace, count=1000).questions) == 48 * 3
    assert [one.at_random for one in ask(workspace, "random").questions] == [True] * 20


def test_the_stretch_is_the_one_that_speaks_most_for_the_class(workspace: Workspace) -> None:
    holds = plant_sounds(workspace, labelled=40, noise=0.05)
    space = open_space(workspace, "ears")
    for one in ask(workspace, "random", count=60).questions:
        c = CLASSES.index(one.class_code)
        if holds[one.clip_id - 1, c]:
            rows = space.rows_of(one.clip_id)
            assert one.onset_s == space.onset_s[rows][int(np.argmax(space.vectors[rows, c]))]


def test_it_learns_from_each_batch_and_what_is_decided_does_not_come_again(workspace: Workspace) -> None:
    holds = plant_sounds(workspace)
    seen: set[tuple[int, str]] = set()
    right = []
    for _ in range(4):
        with workspace.read() as connection:
            everything = next_to_label(workspace, connection, "ears", "random", "unlabelled", 500).questions
        right.append(np.mean([(one.likely > 0.5) == holds[one.clip_id - 1, CLASSES.index(one.class_code)]
                              for one in everything]))  # fmt: skip
        batch = ask(workspace).questions
        assert not {(one.clip_id, one.class_code) for one in batch} & seen
        seen |= {(one.clip_id, one.class_code) for one in batch}
        journal.append(workspace, [
            Decision(journal.new_event_id(), "ann", one.clip_id, one.class_code,
                     "present" if holds[one.clip_id - 1, CLASSES.index(one.class_code)] else "absent")
            for one in batch
        ])  # fmt: skip
    assert right[-1] > right[0]
    with workspace.write() as connection:  # a class that came meanwhile is asked for, too
        classes.add_class(connection, "flute", added_by="ann")
    assert "flute" in {one.class_code for one in ask(workspace, count=500).questions}


def test_what_cannot_be_asked_is_said(workspace: Workspace) -> None:
    plant_sounds(workspace, labelled=60)
    assert ask(workspace).questions == ()
    for wrong in (
        lambda: ask(workspace, "best"),
        lambda: ask(workspace, among="some"),
        lambda: ask(workspace, count=0),
    ):
        with pytest.raises(DataError):
            wrong()
    with workspace.read() as connection, pytest.raises(UnknownName):
        next_to_label(workspace, connection, "eyes")
