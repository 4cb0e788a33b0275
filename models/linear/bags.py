"""A clip as a bag: the vectors of its stretches. And what bags are trained towards, single stretches among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import Space
from models.config import TargetConfig
from models.targets.rules import ClipTruth, apply_regions, make_rule


@dataclass(frozen=True)
class Bags:
    """Bag i holds the stretches ``first[i]`` to ``first[i + 1]``: ``vectors`` (n, D), ``onset_s`` and ``offset_s``
    (n,) seconds from the clip's start. ``first`` is (N + 1,); a bag may be empty."""

    vectors: NDArray[Any]
    first: NDArray[np.int64]
    onset_s: NDArray[np.float32]
    offset_s: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first) - 1

    def take(self, bags: NDArray[np.int64]) -> Bags:
        """The bags at ``bags`` (m,), in that order."""
        counts = np.diff(self.first)[bags]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.arange(first[-1]) - np.repeat(first[:-1], counts) + np.repeat(self.first[bags], counts)
        return Bags(self.vectors[rows], first, self.onset_s[rows], self.offset_s[rows])

    def single(self, rows: NDArray[np.int64]) -> Bags:
        """The stretches at ``rows`` (m,) as bags of one."""
        return Bags(self.vectors[rows], np.arange(len(rows) + 1), self.onset_s[rows], self.offset_s[rows])

    def joined(self, other: Bags) -> Bags:
        """These bags, and then the other ones."""
        return Bags(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.first, other.first[1:] + self.first[-1]]),
            np.concatenate([self.onset_s, other.onset_s]),
            np.concatenate([self.offset_s, other.offset_s]),
        )


def bags_of(space: Space, clip_ids: Sequence[int]) -> Bags:
    """The stretches of the clips ``clip_ids`` (N,); a clip that the space does not hold has an empty bag."""
    ids = np.asarray(clip_ids, dtype=np.int64)
    begin, end = np.searchsorted(space.clip_ids, ids, "left"), np.searchsorted(space.clip_ids, ids, "right")
    counts = end - begin
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.arange(first[-1]) - np.repeat(first[:-1], counts) + np.repeat(begin, counts)
    return Bags(space.vectors[rows], first, space.onset_s[rows], space.offset_s[rows])


@dataclass(frozen=True)
class Lesson:
    """What a head is trained on: bags, and for each of them and each class a target 0..1 and a weight (N, C) float32;
    weight 0 masks a cell. ``clip`` (N,) is the clip that a bag is of, or a stretch in; clips come first, in order.
    ``decided`` (N, C): what a person said."""

    bags: Bags
    targets: NDArray[np.float32]
    weight: NDArray[np.float32]
    clip: NDArray[np.int64]
    decided: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.clip)

    def of_clips(self, clips: NDArray[np.bool_]) -> Lesson:
        """The part of the clips that ``clips`` (number of clips,) names."""
        rows = np.flatnonzero(clips[self.clip])
        bags, clip = self.bags.take(rows), self.clip[rows]
        return Lesson(bags, self.targets[rows], self.weight[rows], clip, self.decided[rows])


def lesson_of(bags: Bags, truths: Sequence[ClipTruth], duration_s: Sequence[float], config: TargetConfig) -> Lesson:
    """Each clip's bag with its labels, unsure cells masked; and where regions were reviewed each stretch of the clip.

    A class that was heard in regions is present in the stretches that meet one and absent in the others; one marked
    absent in a region is absent in the stretches within it. The present stretches of a clip weigh as much as one clip
    together, and so do the absent ones.
    """
    rule = make_rule(config)
    pairs = [rule(truth, 0.0, float(length)) for truth, length in zip(truths, duration_s, strict=True)]
    targets, weight = (np.stack(part).astype(np.float32) for part in zip(*pairs, strict=True))
    clip = np.arange(len(bags))
    decided = np.stack([truth.reviewed for truth in truths]).astype(bool)
    whole = Lesson(bags, targets, weight, clip, decided)
    rows, told, weights, owner = [], [], [], []
    for number, truth in enumerate(truths):
        inside = np.arange(bags.first[number], bags.first[number + 1])
        if not truth.events or not len(inside):
            continue
        values = np.zeros((len(inside), targets.shape[1]), np.float32)
        known = np.zeros_like(values)
        for place, row in enumerate(inside):
            apply_regions(truth, float(bags.onset_s[row]), float(bags.offset_s[row]), values[place], known[place])
        heard, silent = known * values, known * (1 - values)
        each = heard / np.maximum(heard.sum(0), 1) + silent / np.maximum(silent.sum(0), 1)
        use = np.flatnonzero(each.any(1))
        rows.append(inside[use])
        told.append(values[use])
        weights.append(each[use])
        owner.append(np.full(len(use), number))
    if not rows:
        return whole
    stretches = bags.single(np.concatenate(rows))
    return replace(
        whole,
        bags=bags.joined(stretches),
        targets=np.concatenate([targets, *told]),
        weight=np.concatenate([weight, *weights]).astype(np.float32),
        clip=np.concatenate([clip, *owner]),
        decided=np.concatenate([decided, *(one > 0 for one in weights)]),
    )
