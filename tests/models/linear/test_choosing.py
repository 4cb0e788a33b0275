"""models/linear/choosing.py: the strength that predicts best what was not seen, and targets that are softened."""

from __future__ import annotations

import numpy as np

from models.config import LinearConfig
from models.linear.bags import Bags, Lesson
from models.linear.choosing import STRENGTHS, choose, cleaned, inner_folds
from models.linear.head import fit_head, log_loss


def noisy_lesson(n: int = 120, size: int = 30, wrong: int = 12) -> tuple[Lesson, np.ndarray]:
    """Clips of one stretch, two classes; ``wrong`` targets of each are turned round. Returns which."""
    rng = np.random.default_rng(0)
    truth = (rng.random((n, 2)) < 0.5).astype(np.float32)
    vectors = rng.standard_normal((n, size)).astype(np.float32)
    vectors[:, :2] += 3 * truth
    targets = truth.copy()
    for c in range(2):
        turned = rng.choice(n, wrong, replace=False)
        targets[turned, c] = 1 - targets[turned, c]
    time_s = np.zeros(n, np.float32)
    bags = Bags(vectors, np.arange(n + 1), time_s, time_s + 1)
    decided = np.zeros(targets.shape, dtype=bool)
    return Lesson(bags, targets, np.ones_like(targets), np.arange(n), decided), targets != truth


def test_inner_folds_keep_groups_whole_where_there_are_some() -> None:
    group = np.repeat(np.arange(7), 4)
    present = np.random.default_rng(0).random((28, 3)) < 0.5
    fold = inner_folds(group, present, 3, 0)
    assert set(fold) == {0, 1, 2}
    assert all(len(set(fold[group == g])) == 1 for g in range(7))
    assert set(inner_folds(group % 2, present, 3, 0)) == {0, 1}
    assert set(inner_folds(np.full(28, 5), present, 3, 0)) == {0, 1, 2}, "one group alone is cut by clips"


def test_the_strength_is_the_one_that_predicts_best_what_was_not_seen() -> None:
    lesson, _ = noisy_lesson()
    fold = np.arange(len(lesson)) % 3
    chosen = choose(lesson, fold, LinearConfig(space="toy"))
    by_hand = {}
    for strength in (STRENGTHS[0], chosen.strength, list(chosen.losses)[-1]):
        logits = np.zeros(lesson.targets.shape, np.float32)
        for k in range(3):
            logits[fold == k] = fit_head(lesson.of_clips(fold != k), strength, 1.0).clip_logits(
                lesson.bags.take(np.flatnonzero(fold == k))
            )
        by_hand[strength] = float(log_loss(logits, lesson.targets, lesson.weight).mean())
        np.testing.assert_allclose(chosen.losses[strength], by_hand[strength], rtol=5e-3)
    assert STRENGTHS[0] > chosen.strength > list(chosen.losses)[-1]
    assert min(by_hand, key=lambda strength: by_hand[strength]) == chosen.strength
    assert choose(lesson, fold, LinearConfig(space="toy", strength=0.5)).strength == 0.5


def test_what_is_softened_are_the_wrong_targets_but_none_that_a_person_decided() -> None:
    lesson, wrong = noisy_lesson()
    decided = np.argwhere(wrong)[0]
    lesson.decided[tuple(decided)] = True
    masked = np.argwhere(wrong)[1]
    lesson.weight[tuple(masked)] = 0
    chosen = choose(lesson, np.arange(len(lesson)) % 3, LinearConfig(space="toy"))
    after, count = cleaned(lesson, chosen, 0.05)
    softened = after.targets != lesson.targets
    assert (
        count
        == softened.sum()
        == sum(
            round(0.05 * ((lesson.targets[:, c] == value) & (lesson.weight[:, c] > 0) & ~lesson.decided[:, c]).sum())
            for c in range(2)
            for value in (0, 1)
        )
    )
    assert (wrong & softened).sum() >= 0.8 * softened.sum()
    assert not softened[tuple(decided)]
    assert not softened[tuple(masked)]
