"""What retraining on other labels gained: two finished runs on the cells that people decided, both out of fold.

Corrected cells are no fair sample: people looked there because a model doubted them. So, where enough cells were drawn
at random (labeling/quality/audit.py), these stand for all that nobody decided, listed labels and unlisted cells apart,
and each other decided cell stands for itself: a stratified sample with one stratum that is known whole (Horvitz and
Thompson 1952). Draws come from the cells that were open at the time; what was decided since is few beside them.
Without enough draws the gain is of the decided cells alone, and is called that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal, runs
from labeling.collection import store
from labeling.errors import DataError
from labeling.gain import paired
from labeling.gain.paired import LEAST_CLUSTERS, Paired, PairedCells
from labeling.journal import corrections, versions
from labeling.journal.rules import rule_of
from labeling.predictions.oof import Oof, read_oof
from labeling.quality.decided_cells import decided_cells
from labeling.records import Run
from labeling.reviewer.pace import worked_between
from labeling.runs import run_folder
from labeling.runs.differences import differences
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

LEAST_DRAWN = 20  # of listed labels and of unlisted cells: no draw stands for more than a twentieth of its side
HEADLINE = "brier"  # bounded, an exact average over cells, and moved by every cell, also where a class is rare
COLLECTION, DECIDED = "collection", "decided"
SCOPES = (COLLECTION, DECIDED)


@dataclass(frozen=True)
class KindGain:
    """The gain in the classes whose changes were mostly of one kind (``confirmed``: none changed; "": none decided).

    ``corrections`` of that kind were made, in all ``classes``; the gain is None where none of their cells is decided.
    """

    kind: str
    corrections: int
    classes: int
    gain: Paired | None


@dataclass(frozen=True)
class RetrainingGain:
    """What run ``after`` gained over run ``before``. ``scope``: what is measured, SCOPES.

    ``drawn`` of the ``decided`` cells were drawn at random. ``clusters`` are resampled: recordists or sites where
    ``by_group``, else clips. ``metrics`` has the headline first, and is empty without cells. ``hours`` of review lay
    between the two label versions. ``differences`` and ``cautions`` are what else may explain the gain.
    """

    before: Run
    after: Run
    position: int
    scope: str
    decided: int
    drawn: int
    clips: int
    clusters: int
    by_group: bool
    metrics: tuple[Paired, ...]
    kinds: tuple[KindGain, ...]
    hours: float
    differences: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def headline(self) -> Paired | None:
        """The metric that the verdict is about."""
        return self.metrics[0] if self.metrics else None

    @property
    def per_hour(self) -> Paired | None:
        """The headline's gain for each hour of review; None where no time is known."""
        if self.headline is None or not self.hours or self.before.label_version == self.after.label_version:
            return None
        return self.headline.per(self.hours)

    @property
    def outcome(self) -> str:
        """Paired.outcome of the headline; ``none`` without a single cell."""
        return "none" if self.headline is None else self.headline.outcome


@dataclass(frozen=True)
class _Measured:
    cells: PairedCells
    codes: tuple[str, ...]
    clip_ids: NDArray[np.int64]
    drawn: int
    scope: str
    by_group: bool


def pair_of(every_run: Iterable[Run]) -> tuple[Run, Run] | None:
    """The newest finished run that was trained like another one on other labels, after that one; None without any."""
    by_id = {run.id: run for run in every_run if run.status == "done"}
    for after in sorted(by_id.values(), key=lambda run: run.ended_at, reverse=True):
        before = by_id.get(like_of(after))
        if before is not None and before.label_version != after.label_version:
            return before, after
    return None


def like_of(run: Run) -> str:
    """The run whose folds this one keeps, "" for none."""
    settings = (setting.partition("=") for setting in run.settings)
    return next((value.strip().strip('"') for key, _, value in settings if key.strip() in ("folds.like", "like")), "")


def measure(workspace: Workspace, before: str, after: str, *, scope: str = "", seed: int = 0) -> RetrainingGain:
    """Compare two finished runs at the journal's end. ``scope``: what to measure, the collection where that can be.

    Raises DataError for an unknown run or scope, one that is not done, and for the collection where too few cells were
    drawn; ArtefactError where a run's predictions are damaged.
    """
    if scope and scope not in SCOPES:
        raise DataError(f"unknown scope {scope!r}; choose from {', '.join(SCOPES)}")
    folders = [workspace.run_dir(name) for name in (before, after)]
    with workspace.read() as connection:
        old, new = (runs.get_run(connection, name) for name in (before, after))
        for run in (old, new):
            if run.status != "done":
                raise DataError(f"run {run.id} is {run.status}; only finished runs can be compared")
        first, second = (read_oof(folder / "oof.zarr") for folder in folders)
        measured_cells = _measured(connection, first, second, scope)
        position = journal.position(connection)
        older, newer = (versions.get_version(connection, run.label_version) for run in (old, new))
        low, high = older.position, newer.position
        changes = corrections.between(connection, low, high, (rule_of(older), rule_of(newer)))
        hours = worked_between(connection, low, high) / 3600
    metrics = paired.compare(measured_cells.cells, seed=seed)
    warnings = [run_folder.facts(folder).get("out_of_fold", {}).get("warning", "") for folder in folders]
    return RetrainingGain(
        before=old,
        after=new,
        position=position,
        scope=measured_cells.scope,
        decided=len(measured_cells.cells),
        drawn=measured_cells.drawn,
        clips=len(np.unique(measured_cells.clip_ids)),
        clusters=len(np.unique(measured_cells.cells.cluster)),
        by_group=measured_cells.by_group,
        metrics=tuple(sorted(metrics, key=lambda metric: metric.metric != HEADLINE)),
        kinds=tuple(_of_kinds(measured_cells, changes, seed)),
        hours=hours,
        differences=tuple(differences(folders[0], folders[1], first, second)),
        cautions=tuple(dict.fromkeys(str(warning) for warning in warnings if warning)),
    )


def _measured(connection: Connection, before: Oof, after: Oof, scope: str) -> _Measured:
    """The decided cells that both runs predicted, with what each stands for."""
    decided = decided_cells(connection)
    code_of = {class_id: code for code, class_id in store.class_ids(connection).items()}
    codes = tuple(code for code in before.classes if code in set(after.classes))
    number = {code: index for index, code in enumerate(codes)}
    class_index = np.array(
        [number.get(code_of.get(class_id, ""), -1) for class_id in decided.class_id.tolist()], np.int64
    )
    rows = [_rows(oof.clip_ids, decided.clip_id) for oof in (before, after)]
    use = (class_index >= 0) & (rows[0] >= 0) & (rows[1] >= 0) & ~decided.unsure
    class_index, drawn, clip_ids = class_index[use], decided.drawn[use], decided.clip_id[use]
    p_before, p_after = (
        oof.clipwise[row[use], _columns(oof, codes)[class_index]].astype(np.float64)
        for oof, row in zip((before, after), rows, strict=True)
    )
    both = np.intersect1d(before.clip_ids, after.clip_ids)
    listed = _listed(connection, both, codes)
    is_listed = np.array([cell in listed for cell in zip(clip_ids.tolist(), class_index.tolist(), strict=True)], bool)
    sides = [(is_listed, len(listed)), (~is_listed, len(both) * len(codes) - len(listed))]
    counts = [int((drawn & side).sum()) for side, _ in sides]
    enough = min(counts) >= LEAST_DRAWN
    if scope == COLLECTION and not enough:
        raise DataError(
            f"{counts[0]} listed and {counts[1]} unlisted cells were drawn at random, {LEAST_DRAWN} of each are needed "
            f"to speak of the collection; review in the order of the random audit, or ask for {DECIDED!r}"
        )
    weight = np.ones(len(drawn))
    if enough and scope != DECIDED:
        for (side, total), count in zip(sides, counts, strict=True):
            weight[drawn & side] = (total - int((side & ~drawn).sum())) / count
    cluster, by_group = _clusters(connection, clip_ids)
    cells = PairedCells(decided.present[use], p_before, p_after, class_index, cluster, weight)
    scope = COLLECTION if enough and scope != DECIDED else DECIDED
    return _Measured(cells, codes, clip_ids, int(drawn.sum()), scope, by_group)


def _rows(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of ``wanted`` (n,) lies in ``known``, -1 where it does not."""
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    return np.where(known[order][at] == wanted, order[at], -1)


def _columns(oof: Oof, codes: Sequence[str]) -> NDArray[np.int64]:
    of = {code: column for column, code in enumerate(oof.classes)}
    return np.array([of[code] for code in codes], np.int64)


def _listed(connection: Connection, clips: NDArray[np.int64], codes: Sequence[str]) -> set[tuple[int, int]]:
    """The imported labels of these clips: (clip id, number in ``codes``)."""
    labels, classes = tables.imported_labels, tables.classes
    query = sa.select(labels.c.clip_id, classes.c.code).join(classes, classes.c.id == labels.c.class_id)
    number = {code: index for index, code in enumerate(codes)}
    inside = set(clips.tolist())
    return {
        (clip_id, number[code]) for clip_id, code in db.fetch(connection, query) if clip_id in inside and code in number
    }


def _clusters(connection: Connection, clip_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """What is resampled together (n,): recordists or sites where there are enough, and whether it is those."""
    query = sa.select(tables.clips.c.id, tables.clips.c.group_name)
    group_of = {clip_id: group for clip_id, group in db.fetch(connection, query) if group}
    names: dict[object, int] = {}
    cluster = [names.setdefault(group_of.get(clip_id, clip_id), len(names)) for clip_id in clip_ids.tolist()]
    if len(names) >= LEAST_CLUSTERS and group_of:
        return np.array(cluster, np.int64), True
    return np.unique(clip_ids, return_inverse=True)[1].astype(np.int64), False


def _of_kinds(measured_cells: _Measured, changes: Sequence[corrections.CellCorrection], seed: int) -> list[KindGain]:
    """Each class goes to the kind that most of its changes were of, the first of KINDS where two are level.

    Confirmed cells count in classes without a change alone: they teach a model nothing that it was not told before.
    """
    of_class: dict[str, Counter[str]] = {}
    for correction in changes:
        of_class.setdefault(correction.class_code, Counter())[correction.kind] += 1
    changed = [kind for kind in corrections.KINDS if kind != corrections.CONFIRMED]
    mostly = {}
    for code, count in of_class.items():
        kind = max(changed, key=count.__getitem__)
        mostly[code] = kind if count[kind] else corrections.CONFIRMED
    result = []
    for kind in (*corrections.KINDS, ""):
        codes = [code for code in measured_cells.codes if mostly.get(code, "") == kind]
        here = np.isin(
            measured_cells.cells.class_index,
            [place for place, code in enumerate(measured_cells.codes) if code in set(codes)],
        )
        made_here = sum(correction.kind == kind for correction in changes)
        if codes and (made_here or not kind):
            measured = paired.compare(measured_cells.cells.take(here), seed=seed)
            headline = next((metric for metric in measured if metric.metric == HEADLINE), None)
            result.append(KindGain(kind, made_here, len(codes), headline))
    return result if any(kind_gain.kind for kind_gain in result) else []
