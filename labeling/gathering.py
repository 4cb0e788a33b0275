"""Evidence for scoring, brought into the rows and columns of one run's predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.evidence import Dynamics, Evidence, Floats, class_confidence, summarise_frames
from labeling.neighbours import neighbour_share
from labeling.predictions import Oof
from labeling.run_evidence import RunEvidence, aligned


def gather_evidence(
    oof: Oof,
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    *,
    verdict: NDArray[np.int8] | None = None,
    others: Sequence[Oof] = (),
    recorded: Sequence[RunEvidence] = (),
    trained: NDArray[np.bool_] | None = None,
    priors: Sequence[Floats] = (),
) -> Evidence:
    """Evidence of a run against labels in the same rows and columns; reads every frame once.

    A frame counts as above where it reaches half of the class's typical clipwise confidence. ``recorded`` is what this
    run and the others kept of their training, this one first; ``trained`` (N, C) the labels that they trained on, by
    default those given: where they differ, training says nothing of the given label. Raises ArtefactError.
    """
    label = given if verdict is None else np.where(verdict >= 0, verdict > 0, given)
    threshold = class_confidence(oof.clipwise, label, known) / 2
    kept = [aligned(one, oof.clip_ids, oof.classes) for one in recorded]
    shares = [neighbour_share(one, label, known) for one in kept if one.has_neighbours]
    return Evidence(
        given,
        known,
        oof.clipwise,
        summarise_frames(oof, threshold.astype(np.float32)),
        verdict=verdict,
        others=tuple(clipwise_like(oof, one) for one in others),
        dynamics=_dynamics([one for one in kept if one.has_dynamics], given if trained is None else trained == given),
        neighbours=_mean(shares) if shares else None,
        priors=tuple(priors),
    )


def clipwise_like(oof: Oof, other: Oof) -> Floats:
    """Clipwise of another run in the rows and columns of this one, NaN where it has none."""
    row_of = {int(clip_id): row for row, clip_id in enumerate(other.clip_ids)}
    rows = np.array([row_of.get(int(clip_id), -1) for clip_id in oof.clip_ids], np.int64)
    columns = np.array([other.classes.index(code) if code in other.classes else -1 for code in oof.classes], np.int64)
    out = np.full(oof.clipwise.shape, np.nan, np.float32)
    there = np.flatnonzero(rows >= 0)
    if (columns >= 0).all():  # a run that knows fewer classes would count half
        out[there] = other.clipwise[np.ix_(rows[there], columns)]
    return out


def _dynamics(runs: Sequence[RunEvidence], same: NDArray[np.bool_]) -> Dynamics | None:
    if not runs:
        return None
    names = ("margin", "forgotten", "epoch_spread")
    means = (_mean([getattr(one, name) for one in runs]) for name in names)
    return Dynamics(*(np.where(same, one, np.float32(np.nan)) for one in means))


def _mean(arrays: Sequence[Floats]) -> Floats:
    """Mean of arrays that may hold NaN; NaN where all do."""
    if len(arrays) == 1:
        return arrays[0]
    total, count = np.zeros(arrays[0].shape, np.float32), np.zeros(arrays[0].shape, np.float32)
    for one in arrays:
        there = np.isfinite(one)
        total += np.where(there, one, np.float32(0))
        count += there
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
