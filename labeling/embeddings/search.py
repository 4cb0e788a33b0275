"""The stretches of a space that are most like a vector: by all products, in a large space by an index that is kept.

A million products of 512 numbers take about 0.2 s of one core. Above that a graph of the vectors (HNSW, Malkov and
Yashunin 2020) is made once, after an embedding, and lies beside the space; where there is none yet, all products are
taken all the same.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.embeddings.space import Space, open_space, part_names, space_path
from labeling.errors import DataError, Stopped
from labeling.storage.kept import Kept
from labeling.workspace import Workspace

EXACT = 1_000_000
"""Spaces of no more stretches are searched by all products."""
MOST = 10_000
"""Stretches an answer, at most."""
MAKING_WIDTH, SEARCH_WIDTH = 64, 4096
"""Candidates kept in view while a vector is put into the graph, and while one is looked for. With twice as many the
graph takes twice the time and gains a hundredth of the recall. Where thousands of stretches lie about one centre, as
those of a common noise do, one search in 25 ends about a wrong one with 64, one in 200 with 512; 4096 take 6 ms."""
_STEP = 10_000
_INDEXES: Kept[Any] = Kept(2)


@dataclass(frozen=True)
class Found:
    """Rows of a space (Q, K) int64, the most alike first, and their cosine (Q, K) float32; -1 and -inf where there are
    fewer."""

    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]


def most_alike(
    workspace: Workspace, name: str, queries: ArrayLike, count: int = 50, *, without: Collection[int] = ()
) -> Found:
    """The stretches of a space that are most like each query.

    Parameters
    ----------
    workspace : Workspace
    name : str
        The space's.
    queries : array-like, shape (Q, D) or (D,)
        Of any length; all zeros is like nothing.
    count : int
        Stretches for each, at most 10,000.
    without : collection of int
        Ids of clips to leave out, such as the one that is asked about.

    Raises
    ------
    DataError
        The queries do not fit the space, or are no numbers.
    UnknownName, ArtefactError
        There is no such space, or it is damaged.
    """
    space = open_space(workspace, name)
    wanted = np.atleast_2d(np.asarray(queries, dtype=np.float32))
    if wanted.ndim != 2 or wanted.shape[1] != space.facts.size or not np.isfinite(wanted).all():
        raise DataError(
            f"queries of shape {wanted.shape} for space {name!r}: give {space.facts.size} finite numbers for each"
        )
    if not 1 <= count <= MOST:
        raise DataError(f"{count} stretches asked for; give 1 to {MOST:,}")
    left_out = [row for clip_id in without for row in range(*space.rows_of(clip_id).indices(len(space)))]
    index = kept_index(workspace, space) if len(space) > EXACT else None
    rows, similarity = _search(space, wanted, min(count + len(left_out), len(space)), index)
    there = ~np.isin(rows, [*left_out, -1])
    order = np.argsort(~there, axis=1, kind="stable")[:, :count]
    kept = np.take_along_axis(there, order, axis=1)
    out = Found(
        np.full((len(wanted), count), -1, dtype=np.int64), np.full((len(wanted), count), -np.inf, dtype=np.float32)
    )
    out.rows[:, : order.shape[1]] = np.where(kept, np.take_along_axis(rows, order, axis=1), -1)
    out.similarity[:, : order.shape[1]] = np.where(kept, np.take_along_axis(similarity, order, axis=1), -np.inf)
    return out


def _search(
    space: Space, queries: NDArray[np.float32], count: int, index: Any
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    from usearch.index import search

    if not count:
        return np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32)
    length = np.linalg.norm(queries, axis=1, keepdims=True)
    unit = (queries / np.where(length > 0, length, 1)).astype(np.float16)
    if index is not None:
        matches = index.search(unit, count)
    else:
        matches = search(space.vectors, unit, count, "ip", exact=True, threads=os.cpu_count() or 1)
    keys = np.asarray(matches.keys).astype(np.int64).reshape(len(unit), -1)
    similarity = 1 - np.asarray(matches.distances, dtype=np.float32).reshape(len(unit), -1)
    if index is not None:  # what the graph did not find
        found = np.asarray(matches.counts).reshape(-1, 1) if len(unit) > 1 else np.array([[len(matches)]])
        keys = np.where(np.arange(keys.shape[1])[None] < found, keys, -1)
    return keys, similarity


# ------------------------------------------------------------------------------------------------- the kept index


def kept_index(workspace: Workspace, space: Space) -> Any:
    """The index of a space as it now is, None where none was made."""
    from usearch.index import Index

    path = index_path(workspace, space.facts.name)
    if not path.is_file():
        return None
    try:
        return _INDEXES.get(path, lambda: Index.restore(str(path), view=True, expansion_search=SEARCH_WIDTH))
    except Exception:  # a damaged file fails in many ways; all products are right without it
        return None


def make_index(
    workspace: Workspace,
    name: str,
    report: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    above: int = EXACT,
) -> bool:
    """Make the index of a space with more than ``above`` stretches, unless it is there; says whether it was made.

    ``report`` is told which share is done. Raises Stopped, and as `open_space`.
    """
    from usearch.index import Index

    path = index_path(workspace, name)
    space = open_space(workspace, name)
    if len(space) <= above or path.is_file():
        return False
    index = Index(ndim=space.facts.size, metric="ip", dtype="f16", expansion_add=MAKING_WIDTH)
    for first in range(0, len(space), _STEP):
        if should_stop():
            raise Stopped("stopped while making the index")
        last = min(first + _STEP, len(space))
        index.add(np.arange(first, last), space.vectors[first:last])
        report(last / len(space))
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        index.save(str(beside))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    for old in path.parent.glob(f"{name}.*.usearch"):
        if old != path:
            old.unlink(missing_ok=True)
    return True


def index_path(workspace: Workspace, name: str) -> Path:
    """Where the index of a space lies; another file once the space has other parts."""
    parts = "\n".join(part_names(workspace, name))
    digest = hashlib.sha256(parts.encode()).hexdigest()[:12]
    return space_path(workspace, name).parent / f"{name}.{digest}.usearch"
