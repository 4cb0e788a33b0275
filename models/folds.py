"""K folds: stratified over many classes at once, groups kept whole, copies of one recording kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.records import Clip

BANDS = 12
SLICES = 32
FINER = 8
"""Each slice is cut into so many for the second look."""
FINE_SIMILARITY = 0.25
"""Other recordings stay below 0.2, re-encoded copies above 0.7, copies shifted by 25 ms near 0.3 (measured)."""
TOP_HZ = 8000.0
"""Lossy codecs cut what lies above, so a copy may not have it."""


class Fingerprint(NamedTuple):
    """How a recording moves: ``coarse`` (BANDS * SLICES,) over the whole clip, ``fine`` within each slice; unit norm.

    Two clips with one event at the same place share the coarse part; only a copy shares the fine one too.
    """

    coarse: NDArray[np.float32]
    fine: NDArray[np.float16]


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
) -> FoldPlan:
    """Split clips with labels ``present`` (N, C) into folds; deterministic by ``seed``.

    Clips of one ``group``, of one ``content_hash``, or paired in ``copies`` stay together. Raises ConfigError where
    there are fewer groups than folds.
    """
    group = merge_groups(clips, copies)
    n_groups = int(group.max()) + 1 if len(group) else 0
    if n_groups < n_folds:
        raise ConfigError(
            f"{n_folds} folds need at least {n_folds} groups, but the {len(clips)} clips form {n_groups}; "
            f"set folds.folds to {max(2, n_groups)} or less, or import a finer group column"
            if n_groups >= 2
            else f"{n_folds} folds need at least {n_folds} groups, but the {len(clips)} clips form {n_groups}; "
            "import more clips, or a group column with more than one value"
        )
    fold_of_group = assign_groups(group_counts(group, present, n_groups), n_folds, seed)
    fold = fold_of_group[group]
    n_ungrouped = sum(1 for clip in clips if not clip.group)
    hashes = [clip.content_hash for clip in clips if clip.content_hash]
    n_same = len(hashes) - len(set(hashes)) + len(copies)
    warnings = []
    if n_ungrouped:
        warnings.append(
            f"{n_ungrouped} of {len(clips)} clips have no group: clips of one recordist or site may fall into "
            "different folds, and their predictions look better than they are; import a group column to prevent it"
        )
    for k in range(n_folds):
        missing = np.flatnonzero(present.any(0) & ~present[fold != k].any(0))
        if len(missing):
            names = ", ".join(classes[c] if classes else str(c) for c in missing[:10])
            warnings.append(
                f"fold {k} trains without any positive of {len(missing)} classes ({names}): all of their clips are "
                "in one group or one fold"
            )
    return FoldPlan(fold.astype(np.int32), group, n_ungrouped, n_same, tuple(warnings))


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


def fingerprint(power: NDArray[np.float32], fmin_hz: float, fmax_hz: float) -> Fingerprint | None:
    """The envelope of power mel (n_mels, T) that a copy shares, or None for a clip that is flat, such as silence.

    The log energy of a few bands in slices of the clip, without each band's mean, so that level and equaliser drop
    out and what remains is how this very recording moves.
    """
    import librosa

    mels = librosa.mel_frequencies(power.shape[0] + 2, fmin=fmin_hz, fmax=fmax_hz)[1:-1]
    heard = power[mels <= max(TOP_HZ, float(mels[min(BANDS, len(mels)) - 1]))]
    bands = np.stack([part.sum(0) for part in np.array_split(heard, min(BANDS, len(heard)))])
    edges = np.linspace(0, bands.shape[1], SLICES * FINER + 1)
    total = np.concatenate([np.zeros((len(bands), 1)), np.cumsum(bands, 1, dtype=np.float64)], axis=1)
    at = np.stack([np.interp(edges, np.arange(total.shape[1]), row) for row in total])
    energy = np.diff(at, axis=1) / np.diff(edges)
    floor = max(float(bands.max()), 1e-20) * 1e-6
    coarse = np.log10(energy.reshape(len(bands), SLICES, FINER).mean(2) + floor)
    level = np.log10(energy + floor).reshape(len(bands), SLICES, FINER)
    coarse -= coarse.mean(1, keepdims=True)
    fine = level - level.mean(2, keepdims=True)
    # Each cell counts alike: the loud edges of one event must not speak for the whole clip.
    fine /= np.maximum(np.linalg.norm(fine, axis=2, keepdims=True), 0.1)
    norms = float(np.linalg.norm(coarse)), float(np.linalg.norm(fine))
    if min(norms) < 1e-3:
        return None
    missing = BANDS - len(bands)
    whole = np.pad(coarse / norms[0], ((0, missing), (0, 0)))
    parts = np.pad(fine / norms[1], ((0, missing), (0, 0), (0, 0)))
    return Fingerprint(whole.ravel().astype(np.float32), parts.ravel().astype(np.float16))


def find_copies(
    fingerprints: Sequence[Fingerprint | None],
    duration_s: NDArray[np.float64],
    similarity: float,
    tolerance_s: float = 0.25,
    block: int = 2048,
) -> list[tuple[int, int]]:
    """Pairs of clips of about the same duration whose fingerprints correlate: the coarse part by at least
    ``similarity``, the fine part by FINE_SIMILARITY."""
    known = [(i, one) for i, one in enumerate(fingerprints) if one is not None]
    if len(known) < 2:
        return []
    known.sort(key=lambda pair: float(duration_s[pair[0]]))
    rows = [i for i, _ in known]
    prints = np.stack([one.coarse for _, one in known])
    lengths = duration_s[rows]
    pairs = []
    for first in range(0, len(rows), block):
        last = min(first + block, len(rows))
        reach = int(np.searchsorted(lengths, lengths[last - 1] + tolerance_s, side="right"))
        for start in range(first, reach, block):
            stop = min(start + block, reach)
            alike = prints[first:last] @ prints[start:stop].T >= similarity
            for i, j in np.argwhere(alike):
                a, b = first + int(i), start + int(j)
                if a < b and lengths[b] - lengths[a] <= tolerance_s and _same_detail(known[a][1], known[b][1]):
                    pairs.append((rows[a], rows[b]))
    return sorted((min(pair), max(pair)) for pair in pairs)


def _same_detail(one: Fingerprint, other: Fingerprint) -> bool:
    return float(one.fine.astype(np.float32) @ other.fine.astype(np.float32)) >= FINE_SIMILARITY
