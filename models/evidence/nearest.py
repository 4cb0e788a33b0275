"""The clips whose stretches are most alike: exact where that takes minutes at most, else by usearch's graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from labeling.errors import Stopped

BLOCK_BYTES = 128 << 20
EXACT_PRODUCTS = 1e13
"""So many products take a CPU of a few cores some minutes. With more, the graph is built on a CPU; a GPU is still
fast."""


def nearest(
    queries: NDArray[np.float16],
    vectors: NDArray[np.float16],
    clip: NDArray[np.int64],
    k: int,
    device: torch.device,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """For each of ``queries`` (Q, D) the ``k`` clips whose stretches have the highest cosine with it.

    ``vectors`` (n, D) are unit vectors like the queries, ``clip`` (n,) whose they are, rising. Returns clips (Q, k),
    the most alike first, -1 where there are fewer, and cosines (Q, k), 0 there. The same input gives the same result.
    Raises Stopped.
    """
    products = float(len(queries)) * len(vectors) * vectors.shape[1]
    search = _by_graph if products > EXACT_PRODUCTS and device.type == "cpu" else _exactly
    nearest_clips, cosine = search(queries, vectors, clip, k, device, should_stop)
    out = np.full((len(queries), k), -1, dtype=np.int64)
    similarity = np.zeros((len(queries), k), dtype=np.float16)
    there = np.isfinite(cosine)
    out[:, : nearest_clips.shape[1]] = np.where(there, nearest_clips, -1)
    similarity[:, : nearest_clips.shape[1]] = np.where(there, np.clip(cosine, -1, 1), 0)
    return out, similarity


def _exactly(
    queries: NDArray[np.float16],
    vectors: NDArray[np.float16],
    clip: NDArray[np.int64],
    k: int,
    device: torch.device,
    should_stop: Callable[[], bool],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """All products, block by block, and the best stretch of each clip."""
    clips, first, counts = np.unique(clip, return_index=True, return_counts=True)
    each = int(counts.max())
    # Every clip gets room for ``each`` stretches, so that the best of each clip is a maximum over one axis.
    slot = np.repeat(np.arange(len(clips)) * each, counts) + np.arange(len(clip)) - np.repeat(first, counts)
    table = torch.zeros(len(clips) * each, vectors.shape[1], device=device)
    # Of length 1 once more: rounding to half precision must not put another before a copy.
    table[torch.from_numpy(slot).to(device)] = F.normalize(torch.from_numpy(vectors).to(device).float(), dim=1)
    empty = torch.ones(len(clips) * each, dtype=torch.bool, device=device)
    empty[torch.from_numpy(slot).to(device)] = False
    k = min(k, len(clips))
    block = max(1, BLOCK_BYTES // (4 * len(table)))
    nearest_clips = np.empty((len(queries), k), dtype=np.int64)
    cosine = np.empty((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), block):
        if should_stop():
            raise Stopped("stopped while looking for neighbours")
        part = F.normalize(torch.from_numpy(queries[start : start + block]).to(device).float(), dim=1)
        score = (part @ table.T).masked_fill_(empty, -torch.inf).view(len(part), -1, each).amax(2)
        best, at = score.topk(k, dim=1)
        nearest_clips[start : start + block] = clips[at.cpu().numpy()]
        cosine[start : start + block] = best.cpu().numpy()
    return nearest_clips, cosine


def _by_graph(
    queries: NDArray[np.float16],
    vectors: NDArray[np.float16],
    clip: NDArray[np.int64],
    k: int,
    device: torch.device,
    should_stop: Callable[[], bool],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A graph of the vectors (HNSW, Malkov and Yashunin 2020), built by one thread: more would link it by chance."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="cos", dtype="f16")
    step = 10_000  # between two looks at should_stop
    for start in range(0, len(vectors), step):
        if should_stop():
            raise Stopped("stopped while looking for neighbours")
        index.add(np.arange(start, min(start + step, len(vectors))), vectors[start : start + step], threads=1)
    each = int(np.unique(clip, return_counts=True)[1].max())
    count = min(k * each, len(vectors))  # among so many there are k clips
    nearest_clips = np.full((len(queries), k), -1, dtype=np.int64)
    cosine = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for start in range(0, len(queries), step):
        if should_stop():
            raise Stopped("stopped while looking for neighbours")
        part = queries[start : start + step]
        matches = index.search(part, count, threads=1)
        keys = np.asarray(matches.keys, dtype=np.int64).reshape(len(part), -1)
        far = np.asarray(matches.distances, dtype=np.float32).reshape(len(part), -1)
        of = clip[np.minimum(keys, len(clip) - 1)]
        order = np.argsort(of, axis=1, kind="stable")  # the nearest of a clip comes first among its own
        again = np.zeros(of.shape, dtype=bool)
        ordered = np.take_along_axis(of, order, axis=1)
        np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        near = np.where(again, -np.inf, 1 - far)
        best = np.argsort(-near, axis=1, kind="stable")[:, :k]
        nearest_clips[start : start + step, : best.shape[1]] = np.take_along_axis(of, best, axis=1)
        cosine[start : start + step, : best.shape[1]] = np.take_along_axis(near, best, axis=1)
    return nearest_clips, cosine
