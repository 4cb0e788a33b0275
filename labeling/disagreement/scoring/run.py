"""Score a run: assemble all that is known of its cells, rank them, and store the ranking."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import runs
from labeling.collection import contested, store
from labeling.disagreement import priors, random_order, ranking, scorers
from labeling.disagreement.assembly import assemble_evidence
from labeling.disagreement.columns import CellColumns
from labeling.disagreement.evidence import Evidence, Floats
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.disagreement.scoring.out_of_core import rank_in_blocks
from labeling.disagreement.scoring.workspace_rows import evidence_rows
from labeling.disagreement.space_neighbours import space_neighbours
from labeling.disagreement.stored_ranking import LeftOut, store_ranking
from labeling.embeddings.space import Space, list_spaces, open_space
from labeling.errors import ArtefactError, DataError
from labeling.journal import versions
from labeling.journal.rules import LATEST
from labeling.predictions.aligned import AlignedLabels, align_labels
from labeling.predictions.oof import Oof, read_oof
from labeling.predictions.training_evidence import RunEvidence, read_run_evidence
from labeling.predictions.training_evidence import aligned as in_rows
from labeling.records import KINDS, Clip, Labels, Run
from labeling.runs import out_of_fold
from labeling.runs.leaks import known_copies
from labeling.storage import tables
from labeling.workspace import Workspace

IN_BLOCKS_ABOVE = 100_000_000
"""Cells; more are scored in blocks by the default scorer. In memory so many take some 7 GB."""
T = TypeVar("T")
WHOLE = 0.8  # of the longer clip, that a near-copy shares with the other to be held against it
MOST_OTHERS = 4  # further runs that are weighed, the newest; each is one more array of all cells in memory


def score_run(workspace: Workspace, run_id: str | None = None, scorer: str = DEFAULT_SCORER) -> tuple[str, int]:
    """Score every cell of a run against the labels as they are now, and store the ranking.

    Cells that a reviewer decided on are not asked again; they are scored as the label stood before, so that the
    probabilities on screen can be learned from them. The newest other runs, what the runs recorded in training,
    neighbours in spaces that none of them was trained on, and which classes occur together, here and at that time, are
    weighed too, where the scorer does. Above IN_BLOCKS_ABOVE cells the default scorer works in blocks, and does without
    those spaces and what occurs together (`workspace_rows`).

    Parameters
    ----------
    workspace : Workspace
    run_id : str, optional
        By default the newest run that is done.
    scorer : str
        A name in ``scorers.SCORERS``.

    Returns
    -------
    run_id : str
    suspects : int
        How many were stored.

    Raises
    ------
    DataError
        There is no finished run, or a scorer's evidence is not there.
    ArtefactError
        The run's predictions cannot be used.

    Examples
    --------
    >>> from labeling.disagreement.scoring import score_run
    >>> from labeling.example import example_workspace
    >>> score_run(example_workspace(), scorer="self_confidence")
    ('001-demo', 36)
    """
    scorers.SCORERS.get(scorer)
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id) if run_id else runs.newest_done(connection)
        if run is None:
            raise DataError("no finished run to score; train one with `python -m models train RECIPE`")
        labels = versions.labels_at(connection)
        imported = labels if labels.position == 0 else versions.labels_at(connection, 0)
        others = _others(connection, run)
        trained = _trained_on(connection, (run, *others), {0: imported, labels.position: labels})
        clips = store.usable_clips(connection)
        class_ids = store.class_ids(connection)
        duration_of = {clip.id: clip.duration_s for clip in clips}
    file = workspace.run_dir(run.id) / "oof.zarr"
    oof = read_oof(file, whole=False)
    if not set(oof.clip_ids.tolist()) & set(labels.clip_ids.tolist()):
        raise ArtefactError(f"run {run.id} predicts none of this workspace's clips; it is from another workspace")

    def assemble(oof: Oof, aligned: AlignedLabels) -> Evidence:
        return assembled_evidence(workspace, run, others, oof, aligned, labels, imported, trained, clips)

    most, cells, kept = ranking.MAX_CELLS, oof.clipwise.size, None
    ids_of_columns = np.array([class_ids.get(code, 0) for code in oof.classes])
    if cells > IN_BLOCKS_ABOVE and scorer == DEFAULT_SCORER:

        def at_random(first: int, last: int) -> NDArray[np.bool_]:
            return random_order.kept_at_random(oof.clip_ids[first:last], ids_of_columns, cells)

        rows = evidence_rows(workspace, run, others, oof, labels, imported, trained, clips)
        ranked = rank_in_blocks(oof, labels, rows, max_cells=most, at_random=at_random, run_id=run.id)
    else:
        oof = read_oof(file)
        if cells > most:  # the audit draws from all cells, whatever a scorer thinks of them
            kept = random_order.kept_at_random(oof.clip_ids, ids_of_columns)
        ranked = ranking.rank_suspects(
            oof, labels, scorer=scorer, assemble=assemble, max_cells=most, at_random=kept, run_id=run.id
        )
    past = ranked.past
    ids = np.array([class_ids[code] for code in ranked.classes] + [0])  # the last one: no partner
    columns = {item.name: getattr(ranked, item.name) for item in fields(CellColumns)} | {
        "class_id": ids[ranked.class_index],
        "partner_id": ids[ranked.partner_index],
        "kind": np.array([KINDS.index(kind) for kind in ranked.kind.tolist()], np.uint8),
    }
    decided = {
        "clip_id": oof.clip_ids[past.clip_index],
        "class_id": ids[past.class_index].astype(np.int64),
        "given": past.given,
        "p_wrong": past.p_wrong,
        "wrong": past.wrong,
        "covariates": past.covariates,
    }
    left_out = np.zeros(int(ids.max()) + 1, np.int64)
    left_out[ids[:-1]] = ranked.left_out
    beside = LeftOut(left_out, random_order.kept_below(cells)) if left_out.any() else None
    near = [(a, b) for a, b, _, overlap_s, _ in known_copies(workspace)[1] if _whole(overlap_s, duration_of, a, b)]
    with workspace.write() as connection:
        contested.renew_copies(connection)
        contested.renew_near_copies(connection, near)
        store_ranking(connection, run.id, scorer, columns, decided, beside, ranked.voices)
    return run.id, len(ranked.clip_id)


def _whole(overlap_s: float, duration_of: Mapping[int, float], a: int, b: int) -> bool:
    """Whether two near-copies are the same from beginning to end, so that they should have the same labels."""
    return a in duration_of and b in duration_of and overlap_s >= WHOLE * max(duration_of[a], duration_of[b])


def assembled_evidence(
    workspace: Workspace,
    run: Run,
    others: list[Run],
    oof: Oof,
    aligned: AlignedLabels,
    labels: Labels,
    imported: Labels,
    trained: Mapping[int, Labels],
    clips: list[Clip],
) -> Evidence:
    """All evidence of a run's cells that the workspace holds; ``trained`` are the labels of the runs' versions.

    What training says of a cell counts where it was told the given label and nobody had decided on it: else what
    people said would be in the evidence for it.
    """
    before = align_labels(oof, imported).given
    decided = aligned.known & ~aligned.open
    given = np.where(decided, before, aligned.given)

    neighbours_by, neighbours_in, others_by = list[str](), list[str](), list[str]()
    part = priors.parts_of(clips, oof.clip_ids.tolist(), oof.fold)

    def recorded() -> Iterator[tuple[RunEvidence, NDArray[np.bool_]]]:
        for trained_run in (run, *others):
            kept = _readable(workspace.run_dir(trained_run.id), read_run_evidence, "evidence.zarr")
            if kept is not None:
                kept = in_rows(kept, oof.clip_ids, oof.classes)
                neighbours_by.extend([trained_run.id] if kept.has_neighbours else [])
                then = align_labels(oof, trained[trained_run.label_version])
                yield kept, then.open & (then.given == given)
        for space in _spaces_without(workspace, (run, *others)):
            near = space_neighbours(space, oof.clip_ids, part, tuple(oof.classes))
            neighbours_in.extend([space.facts.name] if near.has_neighbours else [])
            yield near, np.zeros_like(given)

    def predicted() -> Iterator[Oof]:
        for other in others:
            theirs = _readable(workspace.run_dir(other.id), read_oof, "oof.zarr")
            if theirs and set(theirs.classes) & set(oof.classes) and np.isin(theirs.clip_ids, oof.clip_ids).any():
                others_by.append(other.id)
                yield theirs

    evidence = assemble_evidence(
        oof,
        given,
        aligned.known,
        verdict=np.where(decided, aligned.given, -1).astype(np.int8) if decided.any() else None,
        others=predicted(),
        recorded=recorded(),
        priors=[
            prior
            for prior in _priors(oof, labels, clips)
            if priors.tells_more(prior, given, aligned.known, oof.clipwise)
        ],
        part=part,
    )
    return replace(
        evidence,
        others_by=tuple(others_by),
        neighbours_by=tuple(neighbours_by),
        neighbours_in=tuple(neighbours_in),
    )


def _spaces_without(workspace: Workspace, some: Sequence[Run]) -> Iterator[Space]:
    """The spaces that none of these runs was trained on, and so found no neighbours in; damaged ones are left out."""
    trained_on = {_space_of(workspace.run_dir(run.id) / "recipe.toml") for run in some}
    for facts in list_spaces(workspace):
        if facts.name not in trained_on:
            with suppress(ArtefactError):
                yield open_space(workspace, facts.name)


def _space_of(recipe: Path) -> str:
    """The space of a recipe file (``linear.space``); "" where it has none or cannot be read."""
    try:
        return str(tomllib.loads(recipe.read_text(encoding="utf-8")).get("linear", {}).get("space", ""))
    except (OSError, ValueError):
        return ""


def _readable(folder: Path, read: Callable[[Path], T | None], name: str) -> T | None:
    """What ``read`` finds, or None: a damaged folder of another run is no reason to have no queue."""
    try:
        return read(folder / name)
    except ArtefactError:
        return None


def _trained_on(connection: Connection, some: Sequence[Run], at: dict[int, Labels]) -> dict[int, Labels]:
    """The labels of each run's version, by its number; those ``at`` a position of the journal are not read again.

    Clips that were imported since are in them, which does no harm: no network was trained on them.
    """
    labels_of = {}
    for number in {run.label_version for run in some}:
        version = versions.get_version(connection, number)
        if version.rule != LATEST:  # what stands ``at`` a position is by the last verdicts
            labels_of[number] = versions.labels_of_version(connection, number)
            continue
        if version.position not in at:
            at[version.position] = versions.labels_of_version(connection, number)
        labels_of[number] = at[version.position]
    return labels_of


def _others(connection: Connection, run: Run) -> list[Run]:
    """Other runs to weigh: the newest that are done, whose predictions are out-of-fold, and no mixture of runs."""
    done = (tables.runs.c.kind == runs.TRAINING) & (tables.runs.c.status == "done")
    query = sa.select(tables.runs.c.id).where(done, tables.runs.c.id != run.id)
    ids: list[str] = list(connection.scalars(query.order_by(tables.runs.c.ended_at.desc())))
    others = []
    for run_id in ids:
        other = runs.get_run(connection, run_id)
        if other.recipe in COMBINED or out_of_fold.warning_of(other):
            continue
        others.append(other)
        if len(others) == MOST_OTHERS:
            break
    return others


COMBINED = ("ensemble", "stack")
"""Recipes of runs that only mix others (models/combining/request.py)."""


def _priors(oof: Oof, labels: Labels, clips: list[Clip]) -> list[Floats]:
    """Which classes occur together, and where and when, each learned from other folds; none where nothing is told."""
    if len(oof.classes) < 2:
        return []
    known = np.isin(oof.clip_ids, labels.clip_ids)
    ids: list[int] = oof.clip_ids[known].tolist()
    if not ids:
        return []
    fold_of = dict(zip(ids, oof.fold[known].tolist(), strict=True)) if oof.fold.min() >= 0 else None
    collection = priors.collection_of(labels, clips, fold_of, oof.classes)
    context = priors.context_for_clips(collection, ids)
    shifts = []
    for name in ("cooccurrence", "place_date"):
        shift = np.zeros(oof.clipwise.shape, np.float32)
        shift[known] = priors.postprocess_shift([name], oof.clipwise[known], context)
        if np.any(shift):
            shifts.append(shift)
    return shifts
