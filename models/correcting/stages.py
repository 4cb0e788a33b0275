"""The stages of label correction: machine labels from a run's predictions, and the runs that train on what is left.

After the 6th place of the Cornell Birdcall Identification challenge (2020). Stage 1 adds the labels that clips with a
single one miss; stage 2 trains on the clips' labels and these additions; stage 3 keeps a label on a chunk only where
the frames of stage 2's run hear the class, at several thresholds, on all data, and averages; rounds.py repeats the
correction, as its author wished he had. Each works with any recipe. Importing this loads no torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labeling import machine_labels, runs
from labeling.errors import ConfigError, DataError
from labeling.journal import versions
from labeling.machine_labels import ADD_ABOVE, MachineLabel
from labeling.records import Labels, LabelVersion, Run
from labeling.workspace import Workspace
from models import enqueueing
from models.config import load_recipe, parse_override, setting_value
from models.correcting.rounds import oof_of

STAGE1 = "stage1"
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class StageReport:
    """What stage 1 added, or with ``dry_run`` would add.

    ``by_class`` counts the added labels, most first; ``single_label_clips`` are those the rule looks at; ``standing``
    counts labels found that an earlier stage 1 has added already. ``version`` is None in a dry run; ``batch_id`` is
    "" where nothing was stored, else for machine_labels.undo_machine.
    """

    run_id: str
    threshold: float
    dry_run: bool
    labels: int
    clips: int
    by_class: Mapping[str, int]
    classes: int
    single_label_clips: int
    standing: int
    version: LabelVersion | None = None
    batch_id: str = ""

    @property
    def text(self) -> str:
        """One sentence of what was, or would be, added."""
        verb = "would be added" if self.dry_run else "added"
        words = (
            f"{_plural(self.labels, 'label')} in {_plural(self.clips, 'clip')} {verb}, of {len(self.by_class)} of "
            f"{self.classes} classes (p > {self.threshold:g}; {_plural(self.single_label_clips, 'clip')} with one "
            "label)"
        )
        return words + (f"; {self.standing:,} were there before" if self.standing else "")


def stage1(
    workspace: Workspace,
    run_id: str,
    *,
    threshold: float = ADD_ABOVE,
    reviewer: str,
    dry_run: bool = False,
    single_label_only: bool = True,
) -> StageReport:
    """Add the labels that a run finds missing (machine_labels.find_missing), and freeze a version that says so.

    ``reviewer`` is who asked for it. With ``dry_run`` nothing is stored. Run again it adds nothing, unless something
    was taken back or the threshold is lower. Raises DataError for a run that is not done, ArtefactError for one
    whose predictions cannot be used.
    """
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
        before = versions.labels_at(connection, without=machine_labels.machine_name(STAGE1))
        now = versions.labels_at(connection)
    oof = oof_of(workspace, run, now)
    missing = machine_labels.find_missing(oof, before, threshold=threshold, single_label_only=single_label_only)
    fresh = [label for label in missing if not _says_so(now, label)]
    counts = Counter(label.class_code for label in fresh)
    report = StageReport(
        run_id=run_id,
        threshold=threshold,
        dry_run=dry_run,
        labels=len(fresh),
        clips=len({label.clip_id for label in fresh}),
        by_class=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        classes=len(now.classes),
        single_label_clips=int(np.count_nonzero(before.present.sum(axis=1) == 1)),
        standing=len(missing) - len(fresh),
    )
    if dry_run:
        return report
    stored = machine_labels.apply_machine_labels(workspace, missing, what=STAGE1, run_id=run_id)
    note = f"stage 1: {report.text}, by machine from run {run_id}, heard by nobody"
    version = versions.freeze(workspace, reviewer, note)
    return StageReport(**{**report.__dict__, "version": version, "batch_id": stored.batch_id})


def added_by(workspace: Workspace, run_id: str) -> int:
    """How many labels that stage 1 of a run added stand. Raises DataError where there is no such run."""
    with workspace.read() as connection:
        runs.get_run(connection, run_id)
        stored = machine_labels.batches(connection, STAGE1)
    return sum(batch.standing for batch in stored if batch.run_id == run_id)


def check_added(workspace: Workspace, run_id: str) -> None:
    """Raise DataError where no label that stage 1 of a run added stands: stage 2 would be a training like any other."""
    if not added_by(workspace, run_id):
        raise DataError(
            f"no label that stage 1 of run {run_id} added stands, so there is nothing new for stage 2; run "
            f"`stage1 {run_id}` first. Where it finds none, train as usual: stage 3 takes the frames of that run"
        )


def stage2_runs(every_run: Sequence[Run], after: str = "") -> list[str]:
    """The ids of the runs that stage 2 trained (after the stage 1 of a run), newest first."""
    found = [run for run in reversed(every_run) if run.request.get("stage") == 2]
    return [run.id for run in found if run.status == "done" and after in ("", run.request.get("after"))]


def doubt_of_teacher(workspace: Workspace, run_id: str) -> str:
    """Why stage 3 had better read another run's frames; "" where nothing speaks against this one's.

    Raises DataError where there is no such run.
    """
    if not added_by(workspace, run_id):
        return ""
    with workspace.read() as connection:
        better = stage2_runs(runs.all_runs(connection), run_id)
    instead = f"take {better[0]}" if better else f"train it with `stage2 {run_id}`"
    return (
        f"run {run_id} is the one that stage 1 read, and never learned from what that added; the source takes the "
        f"frames of stage 2's run: {instead}"
    )


def stage2_settings(settings: Sequence[str] = ()) -> tuple[str, ...]:
    """The settings of a stage 2 run, the user's own first; raises ConfigError where these contradict the stage."""
    return _joined(settings, 2, {"targets.rule": "clip"})


def stage3_settings(
    run_id: str,
    settings: Sequence[str] = (),
    *,
    recipe: str,
    thresholds: Sequence[float] = THRESHOLDS,
    members: int | None = None,
) -> tuple[str, ...]:
    """The settings of a stage 3 run: a member for each threshold unless ``members`` says otherwise.

    ``run_id`` is the teacher, in the source stage 2's run. Averaged weights are switched on where the recipe has none
    and the user says nothing of them. Raises ConfigError for fewer members than thresholds, and where the user's
    settings contradict the stage.
    """
    members = len(thresholds) if members is None else members
    if members < len(thresholds):
        raise ConfigError(f"{members} members leave out some of {len(thresholds)} thresholds; give as many or more")
    own = {
        "targets.rule": "and",
        "targets.teacher": run_id,
        "targets.thresholds": "[" + ", ".join(f"{value:g}" for value in thresholds) + "]",
        "train.members": str(members),
        "train.all_data": "true",
    }
    chosen = {parse_override(setting)[0] for setting in settings}
    averaged = load_recipe(recipe, [*settings, f"targets.teacher={run_id}"]).train.ema_decay > 0
    if not averaged and "train.ema_decay" not in chosen:
        own["train.ema_decay"] = "0.999"
    return _joined(settings, 3, own)


def stage2(
    workspace: Workspace,
    run_id: str,
    *,
    recipe: str,
    settings: Sequence[str] = (),
    reviewer: str = "",
    folds: int | None = None,
    device: str = "auto",
    worker: str = "",
    load_torch: bool = False,
) -> Run:
    """Queue a run on the labels now, among them those that stage 1 of run ``run_id`` added; stage 3 reads its frames.

    ``worker`` claims the run at once; with ``load_torch`` this process may load torch. Raises as stage2_settings,
    check_added and enqueueing.check_training.
    """
    chosen = stage2_settings(settings)
    return _queue(workspace, run_id, recipe, chosen, reviewer, 2, folds, device, worker, load_torch)


def stage3(
    workspace: Workspace,
    run_id: str,
    *,
    recipe: str,
    settings: Sequence[str] = (),
    thresholds: Sequence[float] = THRESHOLDS,
    members: int | None = None,
    reviewer: str = "",
    folds: int | None = None,
    device: str = "auto",
    worker: str = "",
    load_torch: bool = False,
) -> Run:
    """Queue one run whose chunks keep a label only where run ``run_id``, in the source stage 2's, hears the class.

    The frames of its out-of-fold predictions must reach a threshold there; the members take the thresholds in turn and
    are trained on all clips as well. The run's out-of-fold predictions are the ensemble's average. ``worker``,
    ``load_torch`` and errors are as in `stage2`.
    """
    chosen = stage3_settings(run_id, settings, recipe=recipe, thresholds=thresholds, members=members)
    return _queue(workspace, run_id, recipe, chosen, reviewer, 3, folds, device, worker, load_torch)


def _joined(settings: Sequence[str], stage: int, own: Mapping[str, str]) -> tuple[str, ...]:
    """A stage's own settings after the user's, which may repeat but not contradict them."""
    given = dict(parse_override(setting) for setting in settings)
    for key, value in own.items():
        if key in given and setting_value(key, given[key]) != setting_value(key, value):
            raise ConfigError(
                f"{key} = {given[key]} is not stage {stage}'s, which sets it to {value}; leave it out, or use `train`"
            )
    kept = [setting for setting in settings if parse_override(setting)[0] not in own]
    return (*kept, *(f"{key}={value}" for key, value in own.items()))


def _queue(
    workspace: Workspace,
    run_id: str,
    recipe: str,
    settings: tuple[str, ...],
    reviewer: str,
    stage: int,
    folds: int | None,
    device: str,
    worker: str,
    load_torch: bool,
) -> Run:
    load_recipe(recipe, settings)  # a mistake in it is said before one in the choice of the run
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
        labels = versions.labels_at(connection)
    oof_of(workspace, run, labels)
    if stage == 2:
        check_added(workspace, run_id)
    return enqueueing.enqueue_training(
        workspace, recipe, reviewer=reviewer, note=f"stage {stage} after run {run_id}", settings=settings, folds=folds,
        device=device, worker=worker, load_torch=load_torch, request={"stage": stage, "after": run_id},
    )  # fmt: skip


def _says_so(labels: Labels, label: MachineLabel) -> bool:
    row = int(np.searchsorted(labels.clip_ids, label.clip_id))
    return bool(labels.present[row, labels.classes.index(label.class_code)])


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
