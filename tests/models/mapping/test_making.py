"""making.py: the map of a space, made in another process, is that of its seed; and what cannot be made is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from labeling import runs
from labeling.embeddings.space import open_space
from labeling.errors import ArtefactError, DataError
from labeling.landscape.projection import has_projection, on_a_square, read_projection
from labeling.workspace import Workspace
from models import worker
from models.mapping import making
from models.mapping.jobs import MapRequest, enqueue_map, words
from models.mapping.making import laid_out, make_map, run_map
from tests.support.workspaces.planted import plant


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """UMAP's loops change how many threads PyTorch takes, where both are in one process, as here alone. The process of
    a map, which imports this module, does without PyTorch."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_worker_makes_the_map_of_its_seed(workspace: Workspace) -> None:
    planted = plant(workspace, clips=40, recordings=1)
    job = enqueue_map(workspace, MapRequest("toy", seed=3), worker="w")
    told: list[Mapping[str, Any]] = []
    ended = worker.run_job(workspace, job, "w", report=told.append)
    assert ended.status == "done"
    space, shown = read_projection(workspace, "toy")
    assert (shown.method, shown.settings["seed"]) == ("UMAP", 3)
    assert words(ended) == f"{len(space):,} stretches, {shown.clusters:,} clusters"
    shares = [one["fraction"] for one in told]
    assert shares == sorted(shares)
    assert {"finding neighbours", "laying out", "finding clusters"} <= {one["phase"] for one in told}

    # in another process the same seed gives the same map, and another one another
    vectors = np.asarray(space.vectors, np.float32)
    np.testing.assert_array_equal(on_a_square(laid_out(vectors, MapRequest("toy", seed=3))), shown.places)
    other = on_a_square(laid_out(vectors, MapRequest("toy", seed=4)))
    assert (other != shown.places).any()
    from umap import umap_

    assert umap_.smooth_knn_dist.stats.cache_hits, "what was compiled there is not compiled here again"

    # what sounds alike lies together
    held = np.array([planted.clips.get(int(clip), -9) == onset for clip, onset in zip(
        space.clip_ids, space.onset_s, strict=True)]) | np.isin(space.onset_s, [19, 20, 21, 49, 50, 51, 79, 80, 81]) & (
        space.clip_ids == planted.recorded[0])  # fmt: skip
    at = shown.places.astype(float)
    inside = np.linalg.norm(at[held] - at[held].mean(axis=0), axis=1).mean()
    assert inside < 0.5 * np.linalg.norm(at[~held] - at[held].mean(axis=0), axis=1).mean()


def test_one_that_is_stopped_keeps_nothing(workspace: Workspace) -> None:
    plant(workspace, clips=12)
    job = enqueue_map(workspace, MapRequest("toy"), worker="w")
    interrupted = threading.Event()
    interrupted.set()
    ended = run_map(workspace, job, "w", interrupted=interrupted, when_interrupted="stopped")
    assert (ended.status, has_projection(workspace, "toy")) == ("stopped", False)


def test_what_goes_wrong_in_the_other_process_is_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(workspace, clips=12)
    monkeypatch.setattr(making, "_work", _end_at_once)
    job = enqueue_map(workspace, MapRequest("toy"), worker="w")
    with pytest.raises(ArtefactError, match="its process ended with code 9"):
        run_map(workspace, job, "w")
    with workspace.read() as connection:
        failed = runs.get_job(connection, job.id)
    assert failed is not None
    assert "free some" in words(failed)


def _end_at_once(*given: object) -> None:
    import os

    os._exit(9)


def test_a_space_that_is_too_small_is_refused(workspace: Workspace) -> None:
    plant(workspace, clips=1, recordings=0)
    assert len(open_space(workspace, "toy")) == 9
    with pytest.raises(DataError, match="has 9 stretches, and a map needs 10"):
        make_map(workspace, MapRequest("toy"), lambda told: None, lambda: False)
