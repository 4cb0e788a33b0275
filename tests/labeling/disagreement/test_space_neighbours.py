"""labeling/disagreement/space_neighbours.py: clips that sound alike to a frozen model that no run was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.disagreement import space_neighbours as module
from labeling.disagreement.scoring import score_run
from labeling.disagreement.space_neighbours import space_neighbours
from labeling.disagreement.stored_ranking import read_ranking
from labeling.disagreement.voices import SPACE
from labeling.embeddings.space import ClipVectors, Space, SpaceFacts, append
from labeling.workspace import Workspace
from tests.support.workspaces.synthetic_oof import finished_run

FACTS = SpaceFacts("ears", "ears", "none", "0", 1_000, 1.0, 1.0, 8)


def space_of(clip_ids: list[int], vectors: np.ndarray) -> Space:
    """Stretches of one second; ``clip_ids`` (N,) rise."""
    onset_s = np.arange(len(clip_ids), dtype=np.float32)
    return Space(FACTS, vectors.astype(np.float16), np.array(clip_ids), onset_s, onset_s + 1)


def test_each_stretch_finds_the_clips_of_other_folds_that_hold_what_sounds_like_it() -> None:
    random = np.random.default_rng(0)
    owner = np.repeat(np.arange(1, 13), 3)
    vectors = random.normal(size=(36, 8))
    clip_ids = np.array([7, 3, 12, 1, 5, 9, 99])  # in no order, some of the space, one that it lacks
    part = np.array([0, 0, 1, 1, 2, 2, 0])
    found = space_neighbours(space_of(owner.tolist(), vectors), clip_ids, part, ("a", "b"))
    assert np.diff(found.stretch_offsets).tolist() == [3] * 6 + [0]
    chosen = np.concatenate([np.flatnonzero(owner == clip) for clip in clip_ids[:-1]])
    centred = np.asarray(vectors.astype(np.float16), float)[chosen]
    centred -= centred.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    row = np.repeat(np.arange(6), 3)
    for stretch in range(18):
        best = {other: float((centred[row == other] @ centred[stretch]).max()) for other in range(6)
                if part[other] != part[row[stretch]]}  # fmt: skip
        wanted = sorted(best, key=lambda other: -best[other])
        assert found.neighbour[stretch].tolist() == [*wanted, -1, -1]
        assert found.similarity[stretch][:4].tolist() == pytest.approx([best[other] for other in wanted], abs=2e-3)


def test_of_a_large_space_every_second_stretch_of_each_clip_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STRETCHES", 10)
    vectors = np.random.default_rng(1).normal(size=(15, 8))
    found = module._find(space_of([1] * 5 + [2] * 5 + [3] * 5, vectors), np.array([1, 2, 3]), np.arange(3), ("a",))
    assert np.diff(found.stretch_offsets).tolist() == [3, 3, 3]
    assert found.stretch_onset_s.tolist() == [0, 2, 4, 5, 7, 9, 10, 12, 14]


def test_a_space_without_a_run_speaks_in_the_default_scorer(collection: Workspace) -> None:
    run_id = finished_run(collection, {})
    score_run(collection, run_id)
    with collection.read() as connection:
        assert SPACE not in {voice.what for voice in read_ranking(connection, run_id, "earmark").voices}
    random = np.random.default_rng(0)
    one = np.zeros(1)
    append(collection, FACTS, [ClipVectors(k, "", random.normal(size=(1, 8)), one, one + 1) for k in (1, 2, 3, 4)])
    score_run(collection, run_id)
    with collection.read() as connection:
        ranking = read_ranking(connection, run_id, "earmark")
    assert "ears" in {voice.run_id for voice in ranking.voices if voice.what == SPACE}
    assert np.isfinite(ranking.neighbours).all()
