"""The evidence of a run that the workspace holds, some clips at a time: what `scoring.assembled_evidence` has of it.

Weighed are the run's own predictions, those of other runs, and what runs of the very same clips and classes kept of
their training: margins and neighbours. Priors of place, date and company, and neighbours in other spaces, need all
cells at once, and are left to collections that fit into memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement import priors
from labeling.disagreement.evidence import Dynamics, Evidence, KnownMean, summarise_frames
from labeling.disagreement.neighbours import NeighbourShares
from labeling.disagreement.scoring.blocks import BLOCK_CELLS, Rows
from labeling.disagreement.scoring.rows import OtherRun, rows_of
from labeling.errors import ArtefactError
from labeling.predictions import training_evidence
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import Oof, read_oof
from labeling.predictions.training_evidence import RunEvidence, without_neighbours
from labeling.records import Clip, Labels, Run
from labeling.storage.arrays import open_folder, read_array, whole_array
from labeling.workspace import Workspace


def evidence_rows(
    workspace: Workspace,
    run: Run,
    others: Sequence[Run],
    oof: Oof,
    labels: Labels,
    imported: Labels,
    trained: Mapping[int, Labels],
    clips: Sequence[Clip],
) -> Rows:
    """What gives the evidence of some clips of ``oof``, whose clipwise may lie on the disk."""
    part = priors.parts_of(clips, oof.clip_ids.tolist(), oof.fold)
    known_runs, others_by = list[OtherRun](), list[str]()
    for other in others:
        with suppress(ArtefactError):  # a damaged folder of another run is no reason to have no queue
            theirs = OtherRun(oof, read_oof(workspace.run_dir(other.id) / "oof.zarr", whole=False))
            if theirs.knows_any:
                known_runs.append(theirs)
                others_by.append(other.id)
    kept, shares, neighbours_by = list[tuple[Run, Any]](), list[NeighbourShares](), list[str]()
    listed = None
    for trained_run in (run, *others):
        with suppress(ArtefactError):
            recorded = _recorded(workspace.run_dir(trained_run.id) / "evidence.zarr", oof)
            if recorded is None:
                continue
            margin, found = recorded
            if margin is not None:
                kept.append((trained_run, margin))
            if found.has_neighbours:
                listed = _listed(oof, labels) if listed is None else listed
                shares.append(NeighbourShares(found, listed))
                neighbours_by.append(trained_run.id)

    def rows(first: int, last: int) -> Evidence:
        block = rows_of(oof, first, last)
        aligned, before = align_labels(block, labels), align_labels(block, imported).given
        decided = aligned.known & ~aligned.open
        given = np.where(decided, before, aligned.given)
        margin = KnownMean()
        for trained_run, values in kept:
            then = align_labels(block, trained[trained_run.label_version])
            margin.add(np.asarray(values[first:last], np.float32), then.open & (then.given == given))
        mean = margin.value()
        predicted = [theirs.of(first, last) for theirs in known_runs]
        return Evidence(
            given, aligned.known, block.clipwise, summarise_frames(block, np.zeros(len(oof.classes), np.float32)),
            verdict=np.where(decided, aligned.given, -1).astype(np.int8),
            others=tuple(clipwise for clipwise, _ in predicted),
            others_highest=tuple(highest for _, highest in predicted),
            dynamics=None if mean is None else Dynamics(mean, mean, mean),
            neighbours=tuple(found.of(first, last) for found in shares),
            fold=part[first:last], others_by=tuple(others_by), neighbours_by=tuple(neighbours_by),
        )  # fmt: skip

    return rows


def _recorded(path: Path, oof: Oof) -> tuple[Any, RunEvidence] | None:
    """The margins of a run's training, on the disk (None where none was followed), and its neighbours; None where it
    kept none, or of other clips or classes. Raises ArtefactError."""
    if not path.exists():
        return None
    remedy = training_evidence.REMEDY
    group, attributes = open_folder(path, remedy, training_evidence.FORMAT_VERSION)
    ids = read_array(group, "clip_ids", path, remedy)
    if attributes.get("classes") != list(oof.classes) or not np.array_equal(ids, oof.clip_ids):
        return None
    names = ("stretch_offsets", "stretch_class", "stretch_onset_s", "neighbour", "similarity")
    arrays = {name: read_array(group, name, path, remedy) for name in names}
    nothing = without_neighbours(np.zeros(0, np.int64), oof.classes)
    found = RunEvidence(
        ids, oof.classes, nothing.margin, nothing.forgotten, nothing.epoch_spread, **arrays
    )  # of cells nothing is read here
    margin = whole_array(group, "margin", path, remedy)
    step = max(1, BLOCK_CELLS // max(1, len(oof.classes)))
    followed = any(np.isfinite(margin[first : first + step]).any() for first in range(0, len(ids), step))
    return margin if followed else None, found


def _listed(oof: Oof, labels: Labels) -> Any:
    """Sparse (N, C): 1 where a clip lists a class now."""
    from scipy.sparse import csr_array, vstack

    parts = []
    step = max(1, BLOCK_CELLS // max(1, len(oof.classes)))
    for first in range(0, len(oof), step):
        # of predictions only ids and classes are asked for
        aligned = align_labels(_ids_of(oof, first, min(len(oof), first + step)), labels)
        parts.append(csr_array((aligned.given & aligned.known).astype(np.float32)))
    return csr_array(vstack(parts))


def _ids_of(oof: Oof, first: int, last: int) -> Oof:
    from dataclasses import replace

    few: NDArray[np.float32] = np.zeros((last - first, 0), np.float32)
    return replace(oof, clip_ids=oof.clip_ids[first:last], clipwise=few)
