"""Replay of learning: labels are hidden, and a simulated reviewer answers what each order of `labeling.active` asks.

A part of the clips, whole groups of them, is held out and never asked; how well the head reads these by the truth, its
macro average precision, is the curve. Of the others a share keeps its labels as they were imported, and those of the
rest are hidden. Every order begins with the same, and with the same head, and makes the same number of decisions. Two
figures stand beside the curves: with all labels as imported, and with all of them true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.active.head import ClipStretches, Head, blank, fit, stretches_of
from labeling.active.orders import ORDERS, Cells, ask
from labeling.collection import store
from labeling.collection.truth import read_truth
from labeling.embeddings.space import open_space
from labeling.errors import DataError
from labeling.journal import versions
from labeling.logistic import sigmoid
from labeling.predictions.metrics import macro_average_precision
from labeling.registry import unknown_name
from labeling.replay.reviewer import SimulatedReviewer
from labeling.search.clips import clip_facts
from labeling.search.products import unit
from labeling.storage.csvsafe import csv_bytes
from labeling.workspace import Workspace

Bools = NDArray[np.bool_]
COLUMNS = ("order", "decisions", "share_of_labels", "macro_ap", "macro_ap_all_imported", "macro_ap_all_true")
SHARES = (0.023, 0.08)
"""Of all labels that are not held out: where orders are compared."""
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class LearningPlan:
    """What to replay, in which ``space``. ``hidden`` is the share of the clips whose labels are hidden, ``held_out``
    that of the clips that are only predicted. ``decisions``: stop after so many (None: when nothing is left to ask),
    the head is fitted anew after ``every``. With another ``seed`` other clips are hidden and held out."""

    truth: Path
    space: str
    orders: tuple[str, ...] = tuple(ORDERS)
    hidden: float = 0.9
    held_out: float = 0.3
    decisions: int | None = None
    every: int = 20
    seed: int = 0
    reviewer: SimulatedReviewer = field(default_factory=SimulatedReviewer)

    def __post_init__(self) -> None:
        for order in self.orders:
            if order not in ORDERS:
                raise DataError(unknown_name("order", order, list(ORDERS)))
        for name, share, least in (("--hidden", self.hidden, 0.0), ("--held-out", self.held_out, 0.05)):
            if not least <= share <= 1 or (name == "--held-out" and share > 0.9):
                raise DataError(f"{name} {share:g} is outside {least:g} to {1 if least == 0 else 0.9:g}; give a share")
        for name, value in (("--decisions", self.decisions), ("--step", self.every)):
            if value is not None and value < 1:
                raise DataError(f"{name} {value} must be at least 1")

    def as_json(self) -> dict[str, Any]:
        """The plan as a job keeps it; `learning_plan_of` reads it."""
        return {**vars(self), "truth": str(self.truth), "orders": list(self.orders), "reviewer": vars(self.reviewer)}


def learning_plan_of(request: Mapping[str, Any]) -> LearningPlan:
    """The plan that `LearningPlan.as_json` gave. Raises DataError where a value is out of bounds."""
    reviewer, orders = SimulatedReviewer(**request["reviewer"]), tuple(request["orders"])
    return LearningPlan(**{**request, "truth": Path(request["truth"]), "orders": orders, "reviewer": reviewer})


@dataclass(frozen=True)
class LearningCurve:
    """Of one order: after so many ``decisions`` (K,) the head's ``macro_ap`` (K,) on what is held out; the first is
    that of the labels that were kept."""

    order: str
    decisions: NDArray[np.int64]
    macro_ap: NDArray[np.float64]


@dataclass(frozen=True)
class Learned:
    """The curves; ``all_imported`` and ``all_true`` are the macro average precision with all labels. Of ``cells``
    labels that are not held out, ``kept`` were known from the start."""

    curves: tuple[LearningCurve, ...]
    all_imported: float
    all_true: float
    cells: int
    kept: int
    held_out_clips: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _World:
    """Clips (N,) of a space with a truth: which are held out, and which of the others keep their labels."""

    stretches: ClipStretches
    vectors: NDArray[np.float32]
    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    imported: Bools
    truth: Bools
    held_out: Bools
    kept: Bools
    unknown: tuple[str, ...]

    def cells(self, head: Head, known: Bools, present: Bools) -> Cells:
        """As an order sees them."""
        probability = sigmoid(head.logits(self.stretches)[0])
        is_open = ~known & ~self.held_out[:, None]
        return Cells(probability, known, present, is_open, self.vectors, self.clip_id, self.class_id)

    def macro_ap(self, probability: NDArray[np.floating]) -> float:
        """On what is held out."""
        truth = self.truth[self.held_out]
        value = macro_average_precision(probability[self.held_out], truth, np.ones_like(truth))
        return float("nan") if value is None else value

    def with_all(self, labels: Bools) -> float:
        """With all labels of what is not held out."""
        known = np.repeat(~self.held_out[:, None], labels.shape[1], axis=1)
        head = fit(self.stretches, labels, known, blank(self.stretches.space, labels.shape[1]))
        return self.macro_ap(sigmoid(head.logits(self.stretches)[0]))


def replay_learning(workspace: Workspace, plan: LearningPlan, tell: Tell = lambda done, total, text: None) -> Learned:
    """Replay every order of a plan from the same start; nothing in the workspace is changed.

    Raises
    ------
    DataError
        The space holds too few clips that the truth names, or the rest is too small to hold anything out.
    UnknownName, ArtefactError, FormatError
        There is no such space, it is damaged, or the truth cannot be used.
    """
    world = _read_world(workspace, plan)
    known_at_first = np.repeat((world.kept & ~world.held_out)[:, None], world.imported.shape[1], axis=1)
    left = int((~known_at_first & ~world.held_out[:, None]).sum())
    horizon = left if plan.decisions is None else min(plan.decisions, left)
    curves = []
    for place, order in enumerate(plan.orders):

        def told(done: int, order: str = order, place: int = place) -> None:
            tell(place * horizon + done, len(plan.orders) * horizon, f"{order}: {done} of {horizon} decisions")

        curves.append(_learn(world, plan, order, known_at_first, horizon, told))
    cells = int((~world.held_out).sum()) * world.imported.shape[1]
    return Learned(
        tuple(curves), world.with_all(world.imported), world.with_all(world.truth), cells, int(known_at_first.sum()),
        int(world.held_out.sum()), world.unknown,
    )  # fmt: skip


def check_learning(workspace: Workspace, plan: LearningPlan) -> None:
    """Raises what `replay_learning` would before its first step."""
    _read_world(workspace, plan)


def _learn(
    world: _World, plan: LearningPlan, order: str, known_at_first: Bools, horizon: int, told: Callable[[int], None]
) -> LearningCurve:
    known, present = known_at_first.copy(), world.imported & known_at_first
    head = blank(world.stretches.space, present.shape[1])
    done, decisions, values = 0, [], []
    while True:
        told(done)
        if known.any():
            head = fit(world.stretches, present, known, head)
        cells = world.cells(head, known, present)
        decisions.append(done)
        values.append(world.macro_ap(cells.probability))
        if done >= horizon:
            break
        asked = ask(cells, order, min(plan.every, horizon - done), seed=plan.seed)
        if not len(asked):
            break
        at = asked.clip, asked.class_
        clip_id, class_id, truth = world.clip_id[asked.clip], world.class_id[asked.class_], world.truth[at]
        known[at] = True  # unsure, too: it is not asked again
        present[at] = plan.reviewer.finds_wrong(clip_id, class_id, truth)
        done += len(asked)
    return LearningCurve(order, np.array(decisions, np.int64), np.array(values))


def _read_world(workspace: Workspace, plan: LearningPlan) -> _World:
    space = open_space(workspace, plan.space)
    with workspace.read() as connection:
        labels, facts = versions.labels_at(connection, 0), clip_facts(connection)
        ids = store.class_ids(connection)
    truth = read_truth(plan.truth, labels.filenames, labels.classes, labels.present)
    stretches, held = stretches_of(space, labels.clip_ids)
    use = held & truth.covered
    if use.sum() < 10:
        raise DataError(
            f"space {plan.space!r} holds {int(use.sum())} clips that {plan.truth} names, and at least 10 are needed; "
            f"bring it up to date: earmark embed {plan.space} -w W"
        )
    stretches = stretches.take(np.flatnonzero(use[held]))
    clip_id = labels.clip_ids[use]
    rng = np.random.default_rng(plan.seed)
    group = facts.group[facts.place(clip_id)]
    held_out = _whole_groups(group, plan.held_out, rng)
    if held_out.all() or not held_out.any():
        raise DataError(
            f"the {len(clip_id)} clips are of {len(np.unique(group))} groups, and whole groups are held out; "
            "this needs two groups or more"
        )
    others = rng.permutation(np.flatnonzero(~held_out))
    kept = np.zeros(len(clip_id), bool)
    kept[others[: round((1 - plan.hidden) * len(others))]] = True
    means = stretches.means()
    class_id = np.array([ids[code] for code in labels.classes], np.int64)
    return _World(
        stretches, unit(means - means.mean(axis=0)), clip_id, class_id, labels.present[use], truth.present[use],
        held_out, kept, truth.unknown,
    )  # fmt: skip


def _whole_groups(group: NDArray[np.int64], share: float, rng: np.random.Generator) -> Bools:
    """Clips of groups that chance picks, until they are about the share."""
    chosen = np.zeros(len(group), bool)
    for one in rng.permutation(np.unique(group)).tolist():
        here = group == one
        if abs(chosen.sum() + here.sum() - share * len(group)) < abs(chosen.sum() - share * len(group)):
            chosen |= here
    return chosen


def at_share(curve: LearningCurve, cells: int, share: float) -> float | None:
    """The macro average precision when so large a share of all labels was decided; None where it was not reached."""
    wanted = share * cells
    if not len(curve.decisions) or curve.decisions[-1] < round(wanted):
        return None
    return float(np.interp(wanted, curve.decisions, curve.macro_ap))


def learning_json(learned: Learned) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a job keeps beside the plan: the facts, and each curve in plain values."""
    facts = {name: value for name, value in vars(learned).items() if name != "curves"}
    curves = [
        {"order": curve.order, "decisions": curve.decisions.tolist(), "macro_ap": curve.macro_ap.round(6).tolist(),
         "at": {str(share): at_share(curve, learned.cells, share) for share in SHARES}}
        for curve in learned.curves
    ]  # fmt: skip
    return facts, curves


def learning_csv(learned: Learned) -> bytes:
    """All curves as one CSV with the columns COLUMNS."""
    rows: list[Sequence[object]] = [
        (curve.order, int(decisions), round(decisions / learned.cells, 6), round(float(value), 6),
         round(learned.all_imported, 6), round(learned.all_true, 6))
        for curve in learned.curves
        for decisions, value in zip(curve.decisions, curve.macro_ap, strict=True)
    ]  # fmt: skip
    return csv_bytes(COLUMNS, rows)
