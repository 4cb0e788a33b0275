"""nearest.py: both ways against a brute-force numpy cosine search."""

import numpy as np
import pytest
import torch

from labeling.errors import Stopped
from models.evidence import nearest as module
from models.evidence.nearest import nearest

CPU = torch.device("cpu")


def stretches(rng, counts, d=12):
    """Unit vectors, ``counts`` of each clip; the clips are numbered 0, 3, 6 and so on."""
    vectors = rng.normal(size=(sum(counts), d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16), np.repeat(3 * np.arange(len(counts)), counts)


def brute(queries, vectors, clip, k):
    """Clip by clip, the highest cosine of any of its stretches."""
    q, v = queries.astype(np.float64), vectors.astype(np.float64)
    clips = np.unique(clip)
    best = np.stack([(q @ v[clip == one].T).max(1) for one in clips], axis=1)
    order = np.argsort(-best, axis=1)[:, :k]
    return clips[order], np.take_along_axis(best, order, axis=1)


@pytest.mark.parametrize("graph", [False, True])
def test_against_brute_force(monkeypatch, graph):
    if graph:
        monkeypatch.setattr(module, "EXACT_PRODUCTS", 0)
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 120 * 7)  # several blocks
    rng = np.random.default_rng(1)
    vectors, clip = stretches(rng, [1, 6, 3, 4, 2, 5, 6, 1, 6, 2])
    queries, _ = stretches(rng, [40])
    queries[5] = vectors[8]  # a planted copy
    found, cosine = nearest(queries, vectors, clip, 4, CPU)
    wanted, values = brute(queries, vectors, clip, 4)
    np.testing.assert_allclose(cosine, values, atol=2e-3)
    assert (found == wanted).mean() > 0.97, "but for ties within half precision"
    assert found[5, 0] == clip[8]
    assert cosine[5, 0] == pytest.approx(1, abs=2e-3)
    assert all(len(set(row)) == 4 for row in found.tolist()), "each clip once"
    again = nearest(queries, vectors, clip, 4, CPU)
    assert found.tobytes() == again[0].tobytes()
    assert cosine.tobytes() == again[1].tobytes()


@pytest.mark.parametrize("graph", [False, True])
def test_fewer_clips_than_asked_for(monkeypatch, graph):
    if graph:
        monkeypatch.setattr(module, "EXACT_PRODUCTS", 0)
    rng = np.random.default_rng(2)
    vectors, clip = stretches(rng, [2, 3])
    found, cosine = nearest(vectors[:1], vectors, clip, 5, CPU)
    assert found.tolist() == [[0, 3, -1, -1, -1]]
    assert (cosine[0, 2:] == 0).all()


@pytest.mark.parametrize("limit", [0, 1e13])
def test_a_stop_is_heard(monkeypatch, limit):
    monkeypatch.setattr(module, "EXACT_PRODUCTS", limit)
    vectors, clip = stretches(np.random.default_rng(3), [2, 2])
    with pytest.raises(Stopped):
        nearest(vectors, vectors, clip, 1, CPU, lambda: True)
