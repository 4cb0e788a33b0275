"""questions.py: on a space made for it, each cluster answers the question that it was made for."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import journal
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, open_space, sounds_now
from labeling.landscape.projection import keep_projection, read_projection, space_digest
from labeling.landscape.questions import Cluster, answering, clusters, typical_and_odd
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips

FACTS = SpaceFacts("toy", "imported:toy", "CC0", "", 8000, 1.0, 1.0, 8)
#: what the clips of each cluster list
HEAPS = {
    0: [("song",)] * 6,  # a class's song
    1: [("song",)] * 4 + [("song", "other")],  # and its call
    2: [("song",), ("other",), ("other",), ("third",), ()],  # labels are mixed
    3: [(), (), (), (), ("song",)],  # nobody has labelled it
    4: [("third",)] * 3,  # a class with one cluster
    5: [("other",)] * 2,  # too few clips to say anything
}


@pytest.fixture
def made(workspace: Workspace) -> Workspace:
    clips = [(f"{heap}-{place}.wav", labels) for heap, every in HEAPS.items() for place, labels in enumerate(every)]
    add_clips(workspace, tuple(clips))
    heaps = np.array([int(name[0]) for name, _ in clips])
    rng = np.random.default_rng(0)
    with workspace.read() as connection:
        sounds = sounds_now(connection)
    append(workspace, FACTS, [
        ClipVectors(clip_id, sounds[clip_id], np.eye(8)[[heap] * 2] + 0.05 * rng.standard_normal((2, 8)),
                    np.array([0.0, 1.0]), np.array([1.0, 2.0]))
        for clip_id, heap in enumerate(heaps.tolist(), start=1)
    ])  # fmt: skip
    rows = np.repeat(heaps, 2)
    positions = np.stack([rows, rows % 2], axis=1) + 0.01 * rng.standard_normal((len(rows), 2))
    keep_projection(workspace, "toy", space_digest(workspace, "toy"), positions, rows, {"seed": 0})
    return workspace


def every(workspace: Workspace) -> tuple[Cluster, ...]:
    with workspace.read() as connection:
        return clusters(connection, *read_projection(workspace, "toy"))


def numbers(workspace: Workspace, question: str) -> list[int]:
    return [one.number for one in answering(every(workspace), question)]


def test_each_cluster_answers_its_question(made: Workspace) -> None:
    assert numbers(made, "mixed") == [2]
    assert numbers(made, "unlabelled") == [3]
    assert numbers(made, "types") == [0, 1]


def test_what_a_cluster_says_is_counted_by_clips(made: Workspace) -> None:
    mixed = every(made)[2]
    assert (mixed.stretches, mixed.clips) == (10, 5)
    assert mixed.classes == (("other", 2), ("song", 1), ("third", 1))
    assert mixed.class_code == "other"
    assert mixed.share == pytest.approx(2 / 4)  # of the labelled clips
    assert mixed.unlabelled == pytest.approx(1 / 5)
    call = every(made)[1]
    assert (call.class_code, call.share, call.unlabelled) == ("song", 1.0, 0.0)


def test_decisions_count(made: Workspace) -> None:
    """Once somebody says what the mixed cluster is, it is the class's third type."""
    space, shown = read_projection(made, "toy")
    clip_ids = np.unique(space.clip_ids[shown.cluster == 2]).tolist()
    said = [Decision(journal.new_event_id(), "ann", clip, "song", "present", batch_id="b") for clip in clip_ids]
    journal.append(made, said)
    assert numbers(made, "mixed") == []
    assert numbers(made, "types") == [0, 1, 2]


def test_the_most_central_and_the_most_odd_are_those_of_the_space(made: Workspace) -> None:
    """Worked by hand: of three clips two point one way, the third stands apart."""
    space = open_space(made, "toy")
    rows = np.flatnonzero(np.isin(space.clip_ids, [1, 2, 7]))  # two of heap 0, one of heap 1
    central, odd = typical_and_odd(space, rows, count=2)
    assert set(space.clip_ids[central].tolist()) == {1, 2}
    assert space.clip_ids[odd].tolist()[0] == 7
    assert len(typical_and_odd(space, rows, count=9)[0]) == 3  # of each clip one
