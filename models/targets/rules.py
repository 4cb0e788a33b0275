"""What a chunk of a clip is trained towards: labels, what a teacher hears in the chunk, and what reviewers said.

A target rule maps a clip and a stretch of it to (targets (C,), weight (C,)), both float32 in 0..1; weight 0 masks a
cell. In this order, so that the later wins:

1. the label: 1 present, 0 not; secondary labels as ``targets.secondary`` says
2. the rule, where the teacher knows the clip and the class; elsewhere the label stays
3. cells left out of the loss: masked secondary ones, ``mask_missing_share``, ``remove``
4. reviewed cells: exactly as reviewed on every chunk, weight 1. A class that a reviewer heard somewhere in the clip,
   without saying where, is 1 also on a chunk in which the teacher hears nothing
5. unsure cells: weight 0
6. reviewed regions, see :func:`apply_regions`
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.predictions.oof import Oof
from labeling.records import Event, Labels
from models.config.targets import RULES, TargetConfig
from models.targets.teacher import TeacherClip, TeacherFrames, teacher_rows


@dataclass(frozen=True)
class ClipTruth:
    """What is known of one clip.

    ``present``, ``unsure``, ``reviewed`` (C,) bool; ``primary`` the column of the main class, -1 for none; the
    events heard in it; what the teacher predicted, None where it does not know the clip or is not asked; and the
    cells ``left_out`` (C,) of the loss by a look at the whole collection, None for none.
    """

    present: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    reviewed: NDArray[np.bool_]
    primary: int = -1
    events: tuple[Event, ...] = ()
    teacher: TeacherClip | None = None
    left_out: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Given:
    """What a rule may look at, each (C,), in one chunk.

    ``label``: the label's value, 0 or 1, or ``secondary_target``. ``listed``: the label lists the class.
    ``primary``: it is the clip's main class. ``heard``: the teacher's highest frame in the chunk, 0..1.
    """

    label: NDArray[np.float32]
    listed: NDArray[np.bool_]
    primary: NDArray[np.bool_]
    heard: NDArray[np.float32]


@dataclass(frozen=True)
class Rule:
    """A rule: what a chunk's targets (C,) are, given the labels and the teacher's frames.

    ``unlisted_above``: frames of an unlisted class matter only above this (-1 = always, 1 = never); a rule may be
    told 0 for those that do not, which saves most of the memory.
    """

    targets: Callable[[Given], NDArray[np.float32]]
    unlisted_above: float = -1.0


Target = tuple[NDArray[np.float32], NDArray[np.float32]]
TargetRule = Callable[[ClipTruth, float, float], Target]
RuleMaker = Callable[[TargetConfig, int], Rule]


def truths_of(
    labels: Labels, rows: Sequence[int], teacher: Oof | None = None, config: TargetConfig | None = None
) -> list[ClipTruth]:
    """The labels' rows as one ClipTruth each, with the teacher's clips where ``config`` reads them.

    Reads the teacher's frames once, and finds the cells to leave out by a look at all of ``rows``. Raises ConfigError
    where ``config`` needs a teacher and there is none, ArtefactError where it knows none of the clips or classes.
    """
    config = config or TargetConfig()
    n = len(rows)
    clips: list[TeacherClip | None] = [None] * n
    left_out: list[NDArray[np.bool_] | None] = [None] * n
    if config.reads_teacher:
        if teacher is None:
            raise ConfigError(
                f"targets.teacher = {config.teacher!r} was not opened, and targets.rule = {config.rule!r} or "
                "the masking of labels reads it; give its predictions"
            )
        indices = teacher_rows(teacher, labels, rows)
        frames = TeacherFrames(teacher, labels.classes, _rule_of(config, 0).unlisted_above)
        if RULES.get(config.rule).reads_teacher:
            for i, index in enumerate(indices.tolist()):
                if index >= 0:
                    clips[i] = TeacherClip(frames, index, labels.present[rows[i]])
            frames.load({clip.index: clip.listed for clip in clips if clip is not None})
        if config.mask_missing_share > 0 or config.remove != "none":
            left_out = list(_left_out(labels, np.asarray(rows, dtype=np.int64), indices, frames, config))
    events: dict[int, list[Event]] = {}
    for event in labels.events:
        events.setdefault(event.clip_index, []).append(event)
    return [
        ClipTruth(
            present=labels.present[row],
            unsure=labels.unsure[row],
            reviewed=labels.reviewed[row],
            primary=int(labels.primary[row]),
            events=tuple(events.get(row, ())),
            teacher=clips[i],
            left_out=left_out[i],
        )
        for i, row in enumerate(rows)
    ]


def make_rule(config: TargetConfig, member: int = 0) -> TargetRule:
    """Make the target rule of a recipe for one member of a fold.

    Parameters
    ----------
    config : TargetConfig
    member : int
        Each member takes the next of ``config.thresholds``.

    Returns
    -------
    callable
        ``rule(truth, onset_s, offset_s) -> (targets (C,), weight (C,))``, both float32 in 0..1, for a chunk of a clip;
        weight 0 masks a cell. Many threads may call it.

    Raises
    ------
    UnknownName
        There is no such rule.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.records import Event, Region
    >>> from models.config import TargetConfig
    >>> from models.targets.rules import ClipTruth, make_rule
    >>> present, nothing = np.array([True, False, False]), np.zeros(3, bool)
    >>> heard = Event(clip_index=0, class_index=1, region=Region(2.0, 4.0))
    >>> truth = ClipTruth(present, unsure=np.array([False, False, True]), reviewed=nothing, primary=0, events=(heard,))
    >>> rule = make_rule(TargetConfig())
    >>> [part.tolist() for part in rule(truth, 0.0, 5.0)]
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    >>> [part.tolist() for part in rule(truth, 5.0, 10.0)]
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    rule = _rule_of(config, member)

    def target(truth: ClipTruth, onset_s: float, offset_s: float) -> Target:
        primary = np.zeros(len(truth.present), dtype=bool)
        if truth.primary >= 0:
            primary[truth.primary] = True
        label = truth.present.astype(np.float32)
        weight = np.ones(len(label), dtype=np.float32)
        secondary = truth.present & ~primary if truth.primary >= 0 else np.zeros_like(primary)
        if config.secondary == "soft":
            label[secondary] = config.secondary_target
        elif config.secondary == "mask":
            weight[secondary] = 0
        targets = label
        if truth.teacher is not None:
            heard = truth.teacher.heard(onset_s, offset_s)
            told = ~np.isnan(heard)
            teacher_targets = rule.targets(Given(label, truth.present, primary, np.where(told, heard, np.float32(0))))
            targets = np.where(told, np.clip(teacher_targets, 0, 1), label).astype(np.float32)
        if truth.left_out is not None:
            weight[truth.left_out] = 0
        targets[truth.reviewed] = truth.present[truth.reviewed]
        weight[truth.reviewed] = 1
        targets[truth.unsure] = 0
        weight[truth.unsure] = 0
        return apply_regions(truth, onset_s, offset_s, targets, weight)

    return target


def _rule_of(config: TargetConfig, member: int) -> Rule:
    maker: RuleMaker = pkgutil.resolve_name(RULES.get(config.rule).function)
    return maker(config, member)


def make_clip(config: TargetConfig, member: int) -> Rule:
    """The clip's label as it is, on every chunk."""
    return Rule(lambda given: given.label, unlisted_above=1.0)


def make_and(config: TargetConfig, member: int) -> Rule:
    """``label if heard >= threshold else 0``; each member of a fold has the next of the thresholds.

    Stage 3 of the 6th place of the 2020 Cornell birdcall challenge.
    """
    threshold = np.float32(config.thresholds[member % len(config.thresholds)])
    return Rule(lambda given: np.where(given.heard >= threshold, given.label, np.float32(0)), unlisted_above=1.0)


def make_two_way(config: TargetConfig, member: int) -> Rule:
    """Labels go and come: the primary stays, another label stays where ``heard > keep_above``, and an unlisted class
    is 1 where ``heard > add_above``.

    The same author's solution of BirdCLEF 2021. In a clip without a primary class every label needs to be heard.
    """

    def targets(given: Given) -> NDArray[np.float32]:
        stays = given.primary | (given.heard > config.keep_above)
        added = (given.heard > config.add_above).astype(np.float32)
        return np.where(given.listed, np.where(stays, given.label, np.float32(0)), added)

    return Rule(targets, unlisted_above=config.add_above)


def make_mix(config: TargetConfig, member: int) -> Rule:
    """``label_share * label + (1 - label_share) * heard``: distillation at 0.7 to 0.3, as the 1st place of Plant
    Pathology 2020 mixed labels and out-of-fold predictions."""
    share = np.float32(config.label_share)
    return Rule(lambda given: share * given.label + (1 - share) * given.heard)


def apply_regions(
    truth: ClipTruth, onset_s: float, offset_s: float, targets: NDArray[np.float32], weight: NDArray[np.float32]
) -> Target:
    """Let reviewed regions decide: every rule ends with this.

    A class with events heard present is 1 where the chunk meets one of them and 0 where it meets none. A class
    marked absent in a region is 0 where the chunk lies within it, unless an event says otherwise.
    """
    decided: dict[int, float] = {}
    for event in truth.events:
        region, column = event.region, event.class_index
        if event.present:
            meets = region.onset_s < offset_s and onset_s < region.offset_s
            decided[column] = max(decided.get(column, 0.0), float(meets))
        elif region.onset_s <= onset_s and offset_s <= region.offset_s:
            decided.setdefault(column, 0.0)
    for column, value in decided.items():
        targets[column], weight[column] = value, 1.0
    return targets, weight


def _left_out(
    labels: Labels, rows: NDArray[np.int64], indices: NDArray[np.int64], frames: TeacherFrames, config: TargetConfig
) -> NDArray[np.bool_]:
    """Cells (n, C) that a look at all clips leaves out of the loss, by the teacher's clipwise probabilities."""
    result = np.zeros((len(rows), len(labels.classes)), dtype=bool)
    told, columns = np.flatnonzero(indices >= 0), np.flatnonzero(frames.known)
    cells = np.ix_(rows[told], columns)
    probability = frames.oof.clipwise[np.ix_(indices[told], frames.columns[columns])]
    present, reviewed, known = labels.present[cells], labels.reviewed[cells], ~labels.unsure[cells]
    part = np.zeros(present.shape, dtype=bool)
    if config.mask_missing_share > 0:
        part |= likely_missing(probability, known & ~present & ~reviewed, config.mask_missing_share)
    if config.remove == "confident_learning":
        part |= confidently_wrong(probability, present, known) & present
    result[np.ix_(told, columns)] = part
    return result


def likely_missing(probability: NDArray[np.float32], candidates: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Of each class's candidates, the ``share`` with the highest probability, rounded down; ties by row.

    Teacher-student loss masking (Fonseca et al. 2020, arXiv 2005.00878).

    Parameters
    ----------
    probability : ndarray of float32, shape (N, C)
    candidates : ndarray of bool, shape (N, C)
    share : float
        0..1.

    Returns
    -------
    ndarray of bool, shape (N, C)

    Examples
    --------
    >>> import numpy as np
    >>> from models.targets.rules import likely_missing
    >>> probability = np.array([[0.1], [0.9], [0.5], [0.2]], np.float32)
    >>> likely_missing(probability, np.ones((4, 1), bool), share=0.25).ravel().tolist()
    [False, True, False, False]
    """
    result = np.zeros(candidates.shape, dtype=bool)
    for column in range(candidates.shape[1]):
        rows = np.flatnonzero(candidates[:, column])
        count = int(share * len(rows) + 1e-9)
        if count:
            order = np.argsort(-probability[rows, column], kind="stable")
            result[rows[order[:count]], column] = True
    return result


def confidently_wrong(
    probability: NDArray[np.float32], present: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Cells (N, C) whose label confident learning finds wrong (Northcutt et al. 2021), each class a yes or no.

    cleanlab's ``find_multilabel_issues_per_class(filter_by="confident_learning")``, class by class so that unknown
    cells take no part. A class without a present or without an absent cell has none wrong.
    """
    from cleanlab.filter import find_label_issues

    result = np.zeros(present.shape, dtype=bool)
    for column in range(present.shape[1]):
        rows = np.flatnonzero(known[:, column])
        given = present[rows, column].astype(np.int64)
        if 0 < given.sum() < len(given):
            p = probability[rows, column].astype(np.float64)
            pair = np.stack([1 - p, p], axis=1)
            result[rows, column] = find_label_issues(given, pair, filter_by="confident_learning", n_jobs=1)
    return result
