"""K folds: stratified over many classes at once, groups kept whole, what belongs together kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.records import Clip
from labeling.runs import leaks
from labeling.runs.landmarks import Copy
from models.config import FoldConfig


class TooFewGroups(ConfigError):
    """The clips form fewer groups than there are to be folds; ``groups`` says how many, ``recordings`` how many there
    are where each recording counts for itself (``folds.by = recording``)."""

    def __init__(self, n_folds: int, n_clips: int, groups: int, recordings: int) -> None:
        self.groups, self.recordings = groups, recordings
        self.fewer = groups if groups >= 2 else 0
        """So many folds could be made; 0 where no two can."""
        self.by_recording = recordings > groups and recordings >= n_folds
        """Whether folds by recording could be made."""
        offers = [f"set folds.folds = {groups}"] if self.fewer else []
        if self.by_recording:
            offers.append(
                "set folds.by = recording, which parts clips of one group, so that their predictions look better "
                "than they are"
            )
        if not offers:
            offers = ["import more clips, or a group column with more than one value"]
        super().__init__(
            f"{n_folds} folds need at least {n_folds} groups, but the {n_clips} clips form {groups} (by their group "
            f"column, and what else belongs together); {', or '.join(offers)}"
        )


@dataclass(frozen=True)
class FoldPlan:
    """``fold`` (N,) counts from 0; ``group`` (N,) numbers what was kept whole; the rest is for the log."""

    fold: NDArray[np.int32]
    group: NDArray[np.int64]
    n_ungrouped: int
    n_copies: int
    warnings: tuple[str, ...]


def make_folds(
    clips: Sequence[Clip],
    present: NDArray[np.bool_],
    n_folds: int,
    seed: int,
    copies: Sequence[tuple[int, int]] = (),
    classes: Sequence[str] = (),
    *,
    by_recording: bool = False,
) -> FoldPlan:
    """Split clips into folds, stratified over many classes at once; deterministic.

    Clips of one ``group``, of one ``content_hash``, or paired in ``copies`` stay together.

    Parameters
    ----------
    clips : sequence of N Clip
    present : ndarray of bool, shape (N, C)
    n_folds : int
    seed : int
    copies : sequence of (int, int)
        Places of clips that belong together.
    classes : sequence of str, length C
        For the words of warnings.
    by_recording : bool
        Do not look at the clips' groups.

    Returns
    -------
    FoldPlan
        ``fold`` (N,) counts from 0; ``warnings`` say what to bear in mind.

    Raises
    ------
    TooFewGroups
        There are fewer groups than folds.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.records import Clip
    >>> from models.folds.making import make_folds
    >>> clips = [Clip(k, f"{k}.wav", "", 1.0, 8000, 1, group="abcd"[k // 2]) for k in range(8)]
    >>> present = np.array([[k % 2 == 0, k % 2 == 1] for k in range(8)])
    >>> plan = make_folds(clips, present, n_folds=2, seed=0)
    >>> bool((plan.fold[::2] == plan.fold[1::2]).all()), np.bincount(plan.fold).tolist()
    (True, [4, 4])
    """
    group = merge_groups(without_groups(clips) if by_recording else clips, copies)
    n_groups = int(group.max(initial=-1)) + 1
    if n_groups < n_folds:
        recordings = int(merge_groups(without_groups(clips)).max(initial=-1)) + 1
        raise TooFewGroups(n_folds, len(clips), n_groups, n_groups if by_recording else recordings)
    fold_of_group = assign_groups(group_counts(group, present, n_groups), n_folds, seed)
    fold = fold_of_group[group]
    n_ungrouped = sum(1 for clip in clips if not clip.group)
    hashes = [clip.content_hash for clip in clips if clip.content_hash]
    n_same = len(hashes) - len(set(hashes)) + len(copies)
    warnings = []
    if by_recording:
        warnings.append(
            "folds.by = recording: clips of one group, recordist or site may fall into different folds, and their "
            "predictions look better than they are"
        )
    elif n_ungrouped:
        warnings.append(
            f"{n_ungrouped} of {len(clips)} clips have no group: clips of one recordist or site may fall into "
            "different folds, and their predictions look better than they are; import a group column to prevent it"
        )
    warnings += without_positives(fold, present, n_folds, classes)
    return FoldPlan(fold.astype(np.int32), group, n_ungrouped, n_same, tuple(warnings))


def without_groups(clips: Sequence[Clip]) -> list[Clip]:
    """The clips as if none had a group."""
    return [replace(clip, group="") for clip in clips]


def check_groups(clips: Sequence[Clip], config: FoldConfig, copies: Sequence[Copy] = ()) -> None:
    """Raise TooFewGroups where the clips form too few groups for the folds, as far as can be told before any sound is
    read; ``copies`` are those that are known (places in ``clips``)."""
    pairs = leaks.pairs_of(linked_clips(clips, config, copies))
    alone = without_groups(clips)
    recordings = int(merge_groups(alone, [(copy.a, copy.b) for copy in copies]).max(initial=-1)) + 1
    groups = int(merge_groups(alone if config.by == "recording" else clips, pairs).max(initial=-1)) + 1
    if groups < config.folds:
        raise TooFewGroups(config.folds, len(clips), groups, recordings)


def linked_clips(clips: Sequence[Clip], config: FoldConfig, copies: Sequence[Copy]) -> list[leaks.LinkedClips]:
    """All that must lie in one fold, as ``config`` says."""
    if config.by == "recording":
        return leaks.belonging(without_groups(clips), copies, same_outing=False)
    return leaks.belonging(clips, copies, config.same_outing)


def without_positives(
    fold: NDArray[Any], present: NDArray[np.bool_], n_folds: int, classes: Sequence[str] = ()
) -> list[str]:
    """A warning for each fold that trains without any positive of some class; ``fold`` (N,), ``present`` (N, C)."""
    warnings = []
    for k in range(n_folds):
        missing = np.flatnonzero(present.any(0) & ~present[fold != k].any(0))
        if len(missing):
            names = ", ".join(classes[c] if classes else str(c) for c in missing[:10])
            warnings.append(
                f"fold {k} trains without any positive of {len(missing)} classes ({names}): all of their clips are "
                "in one group or one fold"
            )
    return warnings


def merge_groups(clips: Sequence[Clip], copies: Sequence[tuple[int, int]] = ()) -> NDArray[np.int64]:
    """Number the groups 0.. in order of first clip; same group, same content or a pair of copies is one group."""
    parent = list(range(len(clips)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(i: int, j: int) -> None:
        a, b = root(i), root(j)
        parent[max(a, b)] = min(a, b)

    first: dict[tuple[str, str], int] = {}
    for i, clip in enumerate(clips):
        for key in (("group", clip.group), ("content", clip.content_hash)):
            if key[1]:
                join(i, first.setdefault(key, i))
    for i, j in copies:
        join(i, j)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(i), len(numbers)) for i in range(len(clips))], dtype=np.int64)


def group_counts(group: NDArray[np.int64], present: NDArray[np.bool_], n_groups: int) -> NDArray[np.float64]:
    """(n_groups, C + 1): positives of each class, and in the last column the clips."""
    counts = np.zeros((n_groups, present.shape[1] + 1))
    np.add.at(counts[:, :-1], group, present)
    np.add.at(counts[:, -1], group, 1)
    return counts


def assign_groups(counts: NDArray[np.float64], n_folds: int, seed: int) -> NDArray[np.int64]:
    """A fold for each row of ``counts`` (n_groups, K) so that every column is spread as evenly as can be.

    Greedy, hardest group first: each goes where the squared deviation of the folds' shares from 1 / n_folds grows
    least, rare classes weighing as much as common ones; after Sechidis et al. 2011, on groups. Every fold gets at
    least one group. A few rounds of single moves then lower the deviation further.
    """
    rng = np.random.default_rng(seed)
    share = counts / np.maximum(counts.sum(0), 1)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-share[order].max(1), kind="stable")]
    held = np.zeros((n_folds, counts.shape[1]))
    fold = np.full(len(counts), -1, dtype=np.int64)
    size = np.zeros(n_folds, dtype=np.int64)
    for left, g in zip(range(len(order), 0, -1), order, strict=True):
        cost = 2 * held @ share[g] + rng.random(n_folds) * 1e-9
        if left <= int((size == 0).sum()):
            cost[size > 0] = np.inf
        best = int(np.argmin(cost))
        fold[g] = best
        held[best] += share[g]
        size[best] += 1
    for _ in range(5):
        moved = False
        for g in order:
            here = int(fold[g])
            if size[here] == 1:
                continue
            rest = held - np.eye(n_folds)[here][:, None] * share[g]
            cost = rest @ share[g]
            best = int(np.argmin(cost))
            if cost[best] < cost[here] - 1e-12:
                held = rest
                held[best] += share[g]
                fold[g] = best
                size[here] -= 1
                size[best] += 1
                moved = True
        if not moved:
            break
    return fold
