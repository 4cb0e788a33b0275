"""Evidence for scoring, brought into the rows and columns of one run's predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import (
    Dynamics,
    Evidence,
    Floats,
    KnownMean,
    class_confidence,
    highest_frames,
    summarise_frames,
)
from labeling.disagreement.neighbours import neighbour_share
from labeling.disagreement.priors import FALLBACK_FOLDS
from labeling.predictions.oof import Oof
from labeling.predictions.training_evidence import RunEvidence, aligned

DYNAMICS = ("margin", "forgotten", "epoch_spread")


def assemble_evidence(
    oof: Oof,
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    *,
    verdict: NDArray[np.int8] | None = None,
    others: Iterable[Oof] = (),
    recorded: Iterable[tuple[RunEvidence, NDArray[np.bool_]]] = (),
    priors: Sequence[Floats] = (),
    part: NDArray[np.int32] | None = None,
) -> Evidence:
    """Assemble the evidence of a run against labels in the same rows and columns; every frame is read once.

    Parameters
    ----------
    oof : Oof
        N clips, C classes. A frame counts as above where it reaches half of the class's typical clipwise confidence.
    given, known : ndarray of bool, shape (N, C)
        The label that is doubted, and the cells that count.
    verdict : ndarray of int8, shape (N, C), optional
        What people said: 1 present, 0 absent, -1 nothing.
    others : iterable of Oof
        Further runs; one that knows none of the cells is left out.
    recorded : iterable of (RunEvidence, ndarray of bool)
        What runs kept of their training, each with the cells (N, C) where its training was told the given label:
        elsewhere it says nothing of it. Both are taken one at a time, so that a generator keeps one in memory.
    priors : sequence of ndarray of float32, shape (N, C)
        Shifts of the log odds by which classes occur together, and by place and date.
    part : ndarray of int, shape (N,), optional
        The part of each clip, which confusions of classes in it are not learned from; by default its fold, or for one
        that no fold held out, as in predictions made elsewhere, one of FALLBACK_FOLDS by its id.

    Returns
    -------
    Evidence

    Raises
    ------
    ArtefactError
        Frames cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.assembly import assemble_evidence
    >>> from labeling.example import example_workspace
    >>> from labeling.predictions.oof import read_oof
    >>> oof = read_oof(example_workspace().run_dir("001-demo") / "oof.zarr")
    >>> given = oof.clipwise > 0.5
    >>> evidence = assemble_evidence(oof, given, np.ones_like(given))
    >>> evidence.frames.maximum.shape, int(evidence.frames.above.max()), evidence.others
    ((12, 3), 7, ())
    """
    label = given if verdict is None else np.where(verdict >= 0, verdict > 0, given)
    threshold = class_confidence(oof.clipwise, label, known) / 2
    shares: list[Floats] = []
    dynamics = [KnownMean() for _ in DYNAMICS]
    for run_evidence, told in recorded:
        kept = aligned(run_evidence, oof.clip_ids, oof.classes)
        if kept.has_neighbours:
            shares.append(neighbour_share(kept, label, known))
        if kept.has_dynamics:
            for mean, name in zip(dynamics, DYNAMICS, strict=True):
                mean.add(getattr(kept, name), told)
    told_of = [share for mean in dynamics if (share := mean.value()) is not None]
    clipwise, highest = [], []
    for other in others:
        known_to = values_like(oof, other, other.clipwise)
        if np.isfinite(known_to).any():
            clipwise.append(known_to)
            highest.append(values_like(oof, other, highest_frames(other)))
    return Evidence(
        given,
        known,
        oof.clipwise,
        summarise_frames(oof, threshold.astype(np.float32)),
        verdict=verdict,
        others=tuple(clipwise),
        others_highest=tuple(highest),
        dynamics=Dynamics(*told_of) if told_of else None,
        neighbours=tuple(shares),
        priors=tuple(priors),
        fold=np.where(oof.fold >= 0, oof.fold, -1 - oof.clip_ids % FALLBACK_FOLDS) if part is None else part,
    )


def values_like(oof: Oof, other: Oof, values: Floats) -> Floats:
    """Another run's ``values`` (N, C) in the rows and columns of this one, NaN for clips and classes that it lacks."""
    row_of = {clip_id: row for row, clip_id in enumerate(other.clip_ids.tolist())}
    column_of = {code: column for column, code in enumerate(other.classes)}
    rows = np.array([row_of.get(clip_id, -1) for clip_id in oof.clip_ids.tolist()], np.int64)
    columns = np.array([column_of.get(code, -1) for code in oof.classes], np.int64)
    out = np.full(oof.clipwise.shape, np.nan, np.float32)
    there, named = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    out[np.ix_(there, named)] = values[np.ix_(rows[there], columns[named])]
    return out
