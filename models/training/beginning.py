"""The head of a run's folder, and its folds: what every kind of training does before it learns anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.records import Clip
from labeling.runs import leaks
from labeling.runs.landmarks import Copy
from models.folds.keeping import earlier_folds, keep_folds
from models.folds.making import check_groups, linked_clips, make_folds
from models.folds.selection import few_clips
from models.runfolder.progress import READING_SHARE
from models.runfolder.provenance import differences, surroundings
from models.training.inputs import Context, RunInputs


def begin_folder(inputs: RunInputs, context: Context) -> dict[str, str]:
    """Write the head of the run's folder; returns the clips that an earlier start had to skip, with why.

    Raises TooFewGroups, before any sound is read, ArtefactError.
    """
    folder, recipe = context.folder, inputs.recipe
    if not folder.read_folds():
        check_groups([inputs.clips[k] for k in inputs.usable], recipe.folds)
    resumed = folder.begin(recipe, inputs.clips, inputs.labels, inputs.label_version, inputs.teacher)
    now = surroundings(context.device, recipe.network.weights)
    skipped: dict[str, str] = {}
    if resumed:
        old = folder.facts()
        skipped = dict(old.get("skipped", {}))
        repeats = old.get("repeats") if not (folder.root / "log.txt").exists() else None
        folder.log(f"repeats {repeats}" if repeats else "resumed")
        for difference in differences(old, now):
            folder.log(f"{difference}: the result may differ in the last digits")
    else:
        folder.log(
            f"started: recipe {recipe.name}, {len(inputs.clips)} clips, {inputs.n_folds} folds, {context.device}"
        )
    folder.write_facts(**now)
    return skipped


def write_plan(
    inputs: RunInputs, context: Context, clips: Sequence[Clip], rows: NDArray[np.int64], copies: Sequence[Copy]
) -> None:
    """Split ``clips`` (n,), the usable ones at ``rows`` (n,), into folds, and write them to the run's folder.

    ``copies`` are places in ``clips``. Raises TooFewGroups where there are fewer groups than folds.
    """
    config, folder, classes = inputs.recipe.folds, context.folder, inputs.labels.classes
    present = inputs.labels.present[inputs.rows[inputs.usable[rows]]]
    together = linked_clips(clips, config, copies)
    pairs, seed = leaks.pairs_of(together), inputs.recipe.train.seed
    plan = make_folds(clips, present, inputs.n_folds, seed, pairs, classes, by_recording=config.by == "recording")
    if config.like:
        plan = keep_folds(plan, clips, present, earlier_folds(folder.root.parent, config.like), inputs.n_folds, classes)
    warnings = [*plan.warnings, *_few_clips(inputs, rows, plan.fold)]
    for reason, count in leaks.counts(together).items():
        folder.log(f"kept in one fold: {count} clips, {leaks.WORDS[reason]}")
    for warning in warnings:
        folder.log(f"warning: {warning}")
        context.progress.say("reading audio", READING_SHARE, warning=warning)
    folder.write_folds(clips, plan.fold, plan.group)
    folder.write_facts(
        ungrouped=plan.n_ungrouped,
        kept_together=leaks.counts(together),
        near_copies=leaks.pairs_to_tell(together, clips),
        warnings=warnings,
    )


def _few_clips(inputs: RunInputs, rows: NDArray[np.int64], fold: NDArray[np.int32]) -> list[str]:
    """Warnings of selections that leave too little to train on in some fold (``fold`` is that of ``rows``)."""
    data, n_classes, warnings = inputs.recipe.data, len(inputs.labels.classes), []
    chosen = [("data.clips", data.clips, inputs.train_clips)]
    if inputs.recipe.train.pretrain_epochs:
        chosen.append(("data.pretrain_clips", data.pretrain_clips, inputs.pretrain_clips))
    for setting, selection, clips in chosen:
        taken = clips[inputs.usable[rows]]
        fewest = min(int((taken & (fold != k)).sum()) for k in range(inputs.n_folds))
        warnings.append(few_clips(setting, selection, int(taken.sum()), len(taken), fewest, n_classes))
    return [warning for warning in warnings if warning]
