"""Score a run: gather all that is known of its cells, rank them, and store the ranking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import disagreement, out_of_fold, priors, ranking, runs, store, versions
from labeling.disagreement import DEFAULT_SCORER
from labeling.errors import ArtefactError, DataError
from labeling.evidence import Evidence, Floats
from labeling.gathering import gather_evidence
from labeling.predictions import Oof, read_oof
from labeling.ranking import AlignedLabels, align_labels
from labeling.records import KINDS, Clip, Labels, Run
from labeling.run_evidence import read_run_evidence
from labeling.stored_ranking import FLOATS, SECONDS, store_ranking
from labeling.workspace import Workspace

T = TypeVar("T")
MOST_OTHERS = 4  # further runs that are weighed, the newest; each is one more array of all cells in memory


def score_run(workspace: Workspace, run_id: str | None = None, scorer: str = DEFAULT_SCORER) -> tuple[str, int]:
    """Score every cell of a run's predictions against the labels as they are now, and store the ranking.

    Cells that a reviewer decided on are not asked again; they are scored as the label stood before, so that the
    probabilities on screen can be learned from them. The newest other runs, what the runs recorded in training, and
    which classes occur together, here and at that time, are weighed too, where the scorer does. Returns the run's id
    and the number of suspects stored. Raises DataError where there is no finished run or a scorer's evidence is not
    there, ArtefactError where its predictions cannot be used.
    """
    disagreement.SCORERS.get(scorer)
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id) if run_id else runs.newest_done(connection)
        if run is None:
            raise DataError("no finished run to score; train one with `python -m models train RECIPE`")
        labels = versions.labels_at(connection)
        imported = versions.labels_at(connection, 0)
        trained = versions.labels_of_version(connection, run.label_version)
        others = _others(connection, run)
        clips = store.usable_clips(connection)
        class_ids = store.class_ids(connection)
    oof = read_oof(workspace.run_dir(run.id) / "oof.zarr")
    if not set(oof.clip_ids.tolist()) & set(labels.clip_ids.tolist()):
        raise ArtefactError(f"run {run.id} predicts none of this workspace's clips; it is from another workspace")

    def gather(oof: Oof, aligned: AlignedLabels) -> Evidence:
        return gathered(workspace, run, others, oof, aligned, labels, imported, trained, clips)

    ranked = ranking.rank_suspects(oof, labels, scorer=scorer, gather=gather)
    past = ranked.past
    ids = np.array([class_ids[code] for code in ranked.classes] + [0])  # the last one: no partner
    columns: dict[str, NDArray[Any]] = {
        "clip_id": ranked.clip_id.astype(np.int64),
        "class_id": ids[ranked.class_index].astype(np.int64),
        "partner_id": ids[ranked.partner_index].astype(np.int64),
        "kind": np.array([KINDS.index(kind) for kind in ranked.kind.tolist()], np.uint8),
        "fold": ranked.fold.astype(np.int32),
        "given": ranked.given,
        "runs": ranked.runs,
        "runs_agree": ranked.runs_agree,
        "neighbours": ranked.neighbours,
        "typical": ranked.typical,
    }
    columns |= {name: getattr(ranked, name).astype(np.float32) for name in FLOATS}
    columns |= {name: getattr(ranked, name).astype(np.float64) for name in SECONDS}
    decided = {
        "clip_id": oof.clip_ids[past.clip_index],
        "class_id": ids[past.class_index].astype(np.int64),
        "given": past.given,
        "p_wrong": past.p_wrong,
        "wrong": past.wrong,
    }
    with workspace.write() as connection:
        store_ranking(connection, run.id, scorer, columns, decided)
    return run.id, len(ranked.clip_id)


def gathered(
    workspace: Workspace,
    run: Run,
    others: list[Run],
    oof: Oof,
    aligned: AlignedLabels,
    labels: Labels,
    imported: Labels,
    trained: Labels,
    clips: list[Clip],
) -> Evidence:
    """All evidence of a run's cells that the workspace holds."""
    before = align_labels(oof, imported).given
    decided = aligned.known & ~aligned.open
    verdict = np.where(decided, aligned.given, -1).astype(np.int8) if decided.any() else None
    folders = [workspace.run_dir(one.id) for one in (run, *others)]
    recorded = [one for folder in folders if (one := _readable(folder, read_run_evidence, "evidence.zarr"))]
    return gather_evidence(
        oof,
        np.where(decided, before, aligned.given),
        aligned.known,
        verdict=verdict,
        others=[found for folder in folders[1:] if (found := _readable(folder, read_oof, "oof.zarr"))],
        recorded=recorded,
        trained=align_labels(oof, trained).given,
        priors=_priors(oof, labels, clips),
    )


def _readable(folder: Path, read: Callable[[Path], T | None], name: str) -> T | None:
    """What ``read`` finds, or None: a damaged folder of another run is no reason to have no queue."""
    try:
        return read(folder / name)
    except ArtefactError:
        return None


def _others(connection: Connection, run: Run) -> list[Run]:
    """Other runs to weigh: the newest that are done, whose predictions are out-of-fold, and no mixture of runs."""
    query = sa.select(db.runs.c.id).where(db.runs.c.status == "done", db.runs.c.id != run.id)
    ids: list[str] = list(connection.scalars(query.order_by(db.runs.c.ended_at.desc())))
    found = []
    for run_id in ids:
        one = runs.get_run(connection, run_id)
        if one.recipe in COMBINED or out_of_fold.warning_of(one):
            continue
        found.append(one)
        if len(found) == MOST_OTHERS:
            break
    return found


COMBINED = ("ensemble", "stack")
"""Recipes of runs that only mix others (models/combination.py)."""


def _priors(oof: Oof, labels: Labels, clips: list[Clip]) -> list[Floats]:
    """Which classes occur together, and where and when, each learned from other folds; none where nothing is told."""
    if len(oof.classes) < 2:
        return []
    ids: list[int] = oof.clip_ids.tolist()
    known = set(labels.clip_ids.tolist())
    if not known.issuperset(ids):
        return []
    fold_of = dict(zip(ids, oof.fold.tolist(), strict=True)) if len(ids) and oof.fold.min() >= 0 else None
    collection = priors.collection_of(labels, clips, fold_of, oof.classes)
    context = priors.context_for_clips(collection, ids)
    shifts = [priors.postprocess_shift([name], oof.clipwise, context) for name in ("cooccurrence", "place_date")]
    return [one for one in shifts if np.any(one)]
