"""search.py: the answer is that of all products; an index answers nearly the same, and is that of the space now."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.embeddings import search
from labeling.embeddings.search import index_path, kept_index, make_index, most_alike
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, open_space
from labeling.errors import DataError, UnknownName
from labeling.workspace import Workspace

FACTS = SpaceFacts("ears", "aisfx", "CC BY 4.0", "", 44100, 2.0, 1.0, 32)


def fill(workspace: Workspace, clips: range, each: int = 5) -> None:
    rng = np.random.default_rng(clips.start)
    seconds = np.arange(each)
    append(workspace, FACTS, [ClipVectors(k, "", rng.normal(size=(each, 32)), seconds, seconds + 2) for k in clips])


def test_the_most_alike_are_those_of_all_products(workspace: Workspace) -> None:
    fill(workspace, range(1, 200))
    vectors = open_space(workspace, "ears").vectors.astype(np.float32)
    queries = np.random.default_rng(9).normal(size=(4, 32)) * 100
    found = most_alike(workspace, "ears", queries, 20)
    cosine = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ vectors.T
    wanted = np.argsort(-cosine, axis=1)[:, :20]
    np.testing.assert_allclose(found.similarity, np.take_along_axis(cosine, wanted, axis=1), atol=2e-3)
    assert (found.rows[:, :3] == wanted[:, :3]).all()
    one = most_alike(workspace, "ears", vectors[17], 1)
    assert (one.rows.tolist(), one.similarity.shape) == ([[17]], (1, 1))


def test_clips_are_left_out_and_what_is_not_there_is_minus_one(workspace: Workspace) -> None:
    fill(workspace, range(1, 4))
    space = open_space(workspace, "ears")
    found = most_alike(workspace, "ears", space.vectors[6], 12, without=[2, 99])
    assert (found.rows[0, :10] >= 0).all()
    assert set(space.clip_ids[found.rows[0, :10]].tolist()) == {1, 3}
    assert found.rows[0, 10:].tolist() == [-1, -1]
    assert np.isneginf(found.similarity[0, 10:]).all()
    assert np.isclose(most_alike(workspace, "ears", np.zeros(32), 3).similarity, 0).all()


def test_a_large_space_is_searched_by_an_index_made_of_it_as_it_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, range(1, 400))
    queries = np.random.default_rng(9).normal(size=(6, 32))
    exact = most_alike(workspace, "ears", queries, 10, without=[3])
    told: list[float] = []
    assert not make_index(workspace, "ears")
    assert make_index(workspace, "ears", told.append, above=100)
    assert not make_index(workspace, "ears", above=100)
    assert told[-1] == 1.0
    monkeypatch.setattr(search, "EXACT", 100)
    assert kept_index(workspace, open_space(workspace, "ears")) is not None
    found = most_alike(workspace, "ears", queries, 10, without=[3])
    share = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.rows.tolist(), exact.rows.tolist(), strict=True)])
    assert share > 0.9
    np.testing.assert_allclose(found.similarity[:, 0], exact.similarity[:, 0], atol=5e-3)

    old = index_path(workspace, "ears")
    fill(workspace, range(900, 902))
    assert kept_index(workspace, open_space(workspace, "ears")) is None
    assert most_alike(workspace, "ears", open_space(workspace, "ears").vectors[-1], 1).rows.tolist() == [[2004]]
    make_index(workspace, "ears", above=100)
    assert not old.exists()
    index_path(workspace, "ears").write_bytes(b"damaged")
    search._INDEXES.clear()
    np.testing.assert_array_equal(most_alike(workspace, "ears", queries, 10).rows[:, 0], exact.rows[:, 0])


def test_what_cannot_be_searched_is_said(workspace: Workspace) -> None:
    fill(workspace, range(1, 3))
    for queries in (np.zeros(31), np.full(32, np.nan), np.zeros((2, 3, 32))):
        with pytest.raises(DataError, match="give 32 finite numbers for each"):
            most_alike(workspace, "ears", queries)
    for count in (0, 10_001):
        with pytest.raises(DataError, match="give 1 to 10,000"):
            most_alike(workspace, "ears", np.zeros(32), count)
    with pytest.raises(UnknownName, match="unknown space 'eyes'"):
        most_alike(workspace, "eyes", np.zeros(32))
