"""Rounds of correction: after each run its predictions correct the labels, and the next run trains on those.

All state lies in the journal and the runs, so that a worker that was killed goes on where it was: the corrections are
a batch of machine labels of the run, the run's metrics say under ``round`` what they came to, and the run that follows
names the first of the rounds in its settings. Importing this loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from labeling import machine_labels, runs
from labeling.errors import ArtefactError, ConfigError, DataError
from labeling.journal import versions
from labeling.predictions.oof import Oof, read_oof
from labeling.records import Labels, Run
from labeling.runs import run_folder
from labeling.workspace import Workspace
from models import enqueueing
from models.config import Recipe, load_recipe, parse_override, setting_value

WHAT = "iterate"
ROUNDS, FIRST = "iterate.rounds", "iterate.first_run"


@dataclass(frozen=True)
class Round:
    """One round of an iteration: a run, and what its predictions then changed in the labels.

    ``share`` is the changed share of the listed cells, None until the run's corrections were made (the last round
    makes none). ``settled`` says that the rounds ended here as little changed. ``next_version`` holds the corrections.
    """

    number: int
    run_id: str
    status: str
    label_version: int
    macro_ap: float | None
    added: int = 0
    removed: int = 0
    taken_back: int = 0
    share: float | None = None
    next_version: int | None = None
    settled: bool = False


def iterate(
    workspace: Workspace,
    recipe: str,
    rounds: int,
    *,
    settings: Sequence[str] = (),
    reviewer: str = "",
    folds: int | None = None,
    device: str = "auto",
    worker: str = "",
    load_torch: bool = False,
) -> Run:
    """Queue the first run of ``rounds`` further rounds, on the labels now; `next_round` queues the others.

    ``worker`` claims it at once. Raises ConfigError for fewer than 1 round, and as enqueueing.check_training.
    """
    return enqueueing.enqueue_training(
        workspace, recipe, reviewer=reviewer, note=f"before {rounds} rounds of {recipe}",
        settings=iterate_settings(settings, rounds), folds=folds, device=device, worker=worker, load_torch=load_torch,
    )  # fmt: skip


def iterate_settings(settings: Sequence[str], rounds: int, first_run: str = "") -> tuple[str, ...]:
    """The settings of a run that ``rounds`` others are to follow."""
    if rounds < 1 and not first_run:
        raise ConfigError(f"{rounds} rounds iterate nothing; give at least 1, or use `train`")
    kept = [setting for setting in settings if parse_override(setting)[0] not in (ROUNDS, FIRST)]
    return (*kept, f"{ROUNDS}={rounds}", *([f"{FIRST}={first_run}"] if first_run else []))


def next_round(workspace: Workspace, run: Run, recipe: Recipe) -> Run | None:
    """Correct the labels by a finished run, freeze them, and queue the run that follows; None where none does.

    None follows where ``recipe.iterate.rounds`` is 0, the run is not done, or less than ``settled_below`` of the
    listed cells changed. Called again, it changes nothing that was done and queues nothing twice. It may load torch.
    Raises ArtefactError where the run's predictions cannot be used, and as enqueueing.check_training.
    """
    left = recipe.iterate.rounds
    with workspace.read() as connection:
        run = runs.get_run(connection, run.id)
        first = first_of(run)
        later = [member for member in _members(workspace, connection, first) if _rounds(member) == left - 1]
    if left == 0 or run.status != "done":
        return None
    if later:
        return later[0]
    following = iterate_settings(run.settings, left - 1, first)
    outcome = run.metrics.get("round")
    if outcome is None:
        enqueueing.check_training(  # before the labels are corrected for nothing
            workspace, run.recipe, settings=following, folds=run.folds, device=run.device, load_torch=True
        )
        outcome = _correct(workspace, run, recipe)
    if outcome["settled"]:
        return None
    return enqueueing.enqueue_training(
        workspace, run.recipe, reviewer="", note="", settings=following, folds=run.folds, device=run.device,
        version=outcome["version"], load_torch=True,
    )  # fmt: skip


def _correct(workspace: Workspace, run: Run, recipe: Recipe) -> Mapping[str, Any]:
    """Apply a run's corrections, freeze the labels, and keep with the run what became of them."""
    config, name = recipe.iterate, machine_labels.machine_name(WHAT)
    with workspace.read() as connection:
        own = versions.labels_at(connection, without=name)
        listed = int(versions.labels_of_version(connection, run.label_version).present.sum())
    oof = oof_of(workspace, run, own)
    corrections = machine_labels.find_missing(
        oof, own, threshold=config.add_above, single_label_only=config.single_label_only
    )
    if config.remove_below > 0:
        corrections += machine_labels.find_false(oof, own, threshold=config.remove_below)
    machine_labels.apply_machine_labels(workspace, corrections, what=WHAT, run_id=run.id, only_these=True)
    with workspace.read() as connection:  # the journal knows, also where an earlier try was cut short
        stored = [batch for batch in machine_labels.batches(connection, WHAT) if batch.run_id == run.id]
    added = sum(batch.added for batch in stored)
    removed = sum(batch.removed for batch in stored)
    taken_back = sum(batch.taken_back for batch in stored)
    share = (added + removed + taken_back) / max(1, listed)
    note = f"round of run {run.id}: {added} labels added, {removed} taken off, {taken_back} taken back by machine"
    version = versions.freeze(workspace, name, note)
    outcome = {
        "added": added,
        "removed": removed,
        "taken_back": taken_back,
        "share": share,
        "version": version.number,
        "settled": share < config.settled_below,
    }
    runs.set_metrics(workspace, run.id, {**run.metrics, "round": outcome})
    return outcome


def resume_rounds(workspace: Workspace) -> list[Run]:
    """Go on with rounds whose worker ended between a run's end and the queueing of the next; returns what was queued.

    To be called by a worker that starts, before it claims a run.
    """
    with workspace.read() as connection:
        every_run = [run for run in runs.all_runs(connection) if not _repeats(workspace, run)]
    followed = {(first_of(run), _rounds(run)) for run in every_run}
    queued = []
    for run in every_run:
        left, outcome = _rounds(run), run.metrics.get("round")
        if run.status != "done" or not left or (first_of(run), left - 1) in followed:
            continue
        if outcome is None or not outcome["settled"]:
            started = workspace.run_dir(run.id) / "recipe.toml"
            recipe = load_recipe(str(started)) if started.exists() else load_recipe(run.recipe, run.settings)
            following = next_round(workspace, run, recipe)
            queued += [following] if following else []
    return queued


def rounds_of(workspace: Workspace, run_id: str) -> list[Round]:
    """The rounds that a run belongs to, first to last; one round of its own for any other run."""
    with workspace.read() as connection:
        first = first_of(runs.get_run(connection, run_id))
        members = _members(workspace, connection, first)
    rounds = []
    for number, run in enumerate(members):
        outcome = run.metrics.get("round") or {}
        macro_ap = run.metrics.get("macro_ap")
        rounds.append(
            Round(
                number=number,
                run_id=run.id,
                status=run.status,
                label_version=run.label_version,
                macro_ap=float(macro_ap) if isinstance(macro_ap, int | float) else None,
                added=outcome.get("added", 0),
                removed=outcome.get("removed", 0),
                taken_back=outcome.get("taken_back", 0),
                share=outcome.get("share"),
                next_version=outcome.get("version"),
                settled=bool(outcome.get("settled")),
            )
        )
    return rounds


def first_of(run: Run) -> str:
    """The run that began the rounds which this one belongs to; its own id where it follows none."""
    return _setting(run, FIRST) or run.id


def _members(workspace: Workspace, connection: Connection, first: str) -> list[Run]:
    """The runs of the rounds that ``first`` began, oldest first."""
    return [run for run in runs.all_runs(connection) if first_of(run) == first and not _repeats(workspace, run)]


def _repeats(workspace: Workspace, run: Run) -> bool:
    """Whether a run only repeats another one, with its settings: nothing follows it."""
    return bool(run.settings and run_folder.facts(workspace.run_dir(run.id)).get("repeats"))


def _rounds(run: Run) -> int | None:
    """How many rounds are to follow a run, by its settings; None where they do not say."""
    text = _setting(run, ROUNDS)
    return int(setting_value(ROUNDS, text)) if text else None


def _setting(run: Run, key: str) -> str:
    given = (setting.partition("=") for setting in reversed(run.settings))
    return next((text.strip() for name, _, text in given if f".{key}".endswith(f".{name.strip()}")), "")


def oof_of(workspace: Workspace, run: Run, labels: Labels) -> Oof:
    """A finished run's predictions, which must share clips and classes with the labels."""
    if run.status != "done":
        raise DataError(f"run {run.id} is {run.status}; a stage needs one that is done: wait, or choose another")
    oof = read_oof(workspace.run_dir(run.id) / "oof.zarr")
    if not set(oof.clip_ids.tolist()) & set(labels.clip_ids.tolist()) or not set(oof.classes) & set(labels.classes):
        raise ArtefactError(f"run {run.id} predicts none of this workspace's clips or classes; choose another run")
    return oof
