"""How strongly a head's weights are held, chosen by inner folds, and targets cleaned by what these folds predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.config import LinearConfig
from models.folds.making import assign_groups, group_counts
from models.linear.bags import Lesson
from models.linear.head import Floats, first_head, fit_head, log_loss, probability

STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""From the strongest on: each head begins where the one before it ended."""


@dataclass(frozen=True)
class Chosen:
    """The ``strength``, the mean log loss of each strength that was tried, and the logits (N, C) of the lesson's clips
    by inner folds that did not see them, at the chosen strength."""

    strength: float
    losses: dict[float, float]
    logits: Floats


def inner_folds(group: NDArray[np.int64], present: NDArray[np.bool_], n_folds: int, seed: int) -> NDArray[np.int64]:
    """A fold (N,) for each clip, its group (N,) kept whole where there are two groups or more."""
    _, number = np.unique(group, return_inverse=True)
    if number.max(initial=0) == 0:
        number = np.arange(len(group))
    n_groups = int(number.max(initial=0)) + 1
    counts = group_counts(number.astype(np.int64), present, n_groups)
    return assign_groups(counts, min(n_folds, n_groups), seed)[number]


def choose(
    lesson: Lesson, fold: NDArray[np.int64], config: LinearConfig, should_stop: Callable[[], bool] = lambda: False
) -> Chosen:
    """Choose the strength: the one whose heads predict the clips of the folds that they did not see with the least log
    loss. They are tried from the strongest on, until the loss has risen twice. ``fold`` is that of each clip; a clip's
    stretches go with it. Raises Stopped."""
    strengths = (config.strength,) if config.strength else STRENGTHS
    n_clips, n_classes = len(fold), lesson.targets.shape[1]
    targets, weight = lesson.targets[:n_clips], lesson.weight[:n_clips]
    parts = [k for k in range(int(fold.max(initial=0)) + 1) if (fold != k).any()]  # one clip alone teaches nothing
    lessons = {k: lesson.of_clips(fold != k) for k in parts}
    bags = {k: lesson.bags.take(np.flatnonzero(fold == k)) for k in parts}
    heads = {k: first_head(part.bags.vectors, n_classes, config.sharpness) for k, part in lessons.items()}
    losses: dict[float, float] = {}
    best, kept = strengths[0], np.zeros((n_clips, n_classes), np.float32)
    for strength in strengths:
        logits = np.zeros((n_clips, n_classes), np.float32)
        for k, part in lessons.items():
            heads[k] = fit_head(part, strength, config.sharpness, heads[k], should_stop)
            logits[fold == k] = heads[k].clip_logits(bags[k])
        losses[strength] = float(log_loss(logits, targets, weight).mean())
        if losses[strength] <= losses[best]:
            best, kept = strength, logits
        elif list(losses)[-2] != best:
            break
    return Chosen(best, losses, kept)


def cleaned(lesson: Lesson, chosen: Chosen, share: float) -> tuple[Lesson, int]:
    """The lesson with softened targets, and how many those are: of each class's present cells and of its absent ones
    the ``share`` that the inner folds doubt most now says what these predict. Masked cells, and stretches whose
    regions were reviewed, stay."""
    n_clips = len(chosen.logits)
    targets, p = lesson.targets.copy(), probability(chosen.logits)
    softened = 0
    for c in range(targets.shape[1]):
        for value in (0.0, 1.0):
            rows = np.flatnonzero((lesson.weight[:n_clips, c] > 0) & (lesson.targets[:n_clips, c] == value))
            rows = rows[~lesson.decided[rows, c]]
            doubt = np.abs(p[rows, c] - value)
            worst = rows[np.argsort(-doubt, kind="stable")[: round(share * len(rows))]]
            targets[worst, c] = p[worst, c]
            softened += len(worst)
    return replace(lesson, targets=targets), softened
