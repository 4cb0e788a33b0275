"""Where one sound is in two clips: landmarks of a spectrogram, and the clips that share them in step.

After Wang, "An Industrial-Strength Audio Search Algorithm" (ISMIR 2003): the outstanding points of a spectrogram
survive gain, filters and lossy codecs; three of them that follow one another make a key that few sounds share; and
two clips that share many keys at one distance in time hold the same recording, wherever it was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_S, HOP_S = 0.064, 0.016
"""Short enough for syllables, long enough to tell a pitch to 16 Hz; a cut between two hops moves a point little."""
LOW_HZ, HIGH_HZ = 300.0, 8000.0
"""Below lie wind and handling, above is what lossy codecs cut."""
APART_S, APART_HZ = 0.3, 500.0
"""A landmark is the strongest point within this distance: at most some five a second, whatever the sound."""
LEAST_DB = 3.0
"""A landmark is so much above its pitch's mean level: digital silence, where all is alike, has none."""
AHEAD, WITHIN_S = 4, 2.5
"""Each landmark is keyed with pairs out of so many that follow it, not later than this."""
COARSE = 4
"""A key tells pitches and steps to so many bins and hops: a cut between two hops moves them by one, and finer keys
would seldom be equal; coarser ones would be equal by chance."""
BLOCK_S = 60.0
"""Long recordings are read in blocks, so that an hour needs no more memory than a minute."""
COINCIDENCES = 20_000_000
"""Keys that many clips have are passed over, the commonest first, until no more pairs of equal keys than this are to
be counted (8 bytes each)."""
AT_ONCE = 2_000_000
"""Landmarks whose keys are sorted at once; more are done in parts, so that memory stays below a gigabyte."""
LOOKS_A_CLIP = 4
"""So many pairs a clip, those with the most equal keys, get the closer look: chance pairs grow with the square of the
clips, and copies share many times the keys of those."""
LEAST_KEYS = 3
"""Equal keys at one distance in time that make a pair of clips worth a closer look."""
LEAST_POINTS, LEAST_SHARE = 12, 0.25
"""Two clips hold one recording where so many landmarks, and this share of those in the overlap, agree beyond chance,
and a third of that share in each third of it: a song that two birds sing alike is no copy. benchmarks/leak_detection.py
has what is found and mistaken at these values."""
NEAR_HOPS, NEAR_BINS = 1, 1
"""Two landmarks agree where they are no further apart than this."""
PITCH_BITS = 10
"""A pitch has fewer than 1024 bins: HIGH_HZ * WINDOW_S."""

Landmarks = NDArray[np.int32]
"""(P, 2), sorted by time: the hop (HOP_S each) and the frequency in bins of 1 / WINDOW_S Hz."""


@dataclass(frozen=True)
class Copy:
    """Clips ``a`` < ``b`` (places in the list given) hold ``overlap_s`` of the same sound; what is at t in ``a`` is at
    t - ``offset_s`` in ``b``. ``share``: of the landmarks in the overlap, how many agree, beyond chance."""

    a: int
    b: int
    offset_s: float
    overlap_s: float
    share: float


def landmarks(wave: NDArray[np.float32], sample_rate: int) -> Landmarks:
    """The landmarks of samples (n,); those of one sound hardly depend on ``sample_rate``. Silence has none."""
    from scipy.ndimage import maximum_filter

    size, hop = round(WINDOW_S * sample_rate), HOP_S * sample_rate
    count = int((len(wave) - size) / hop) + 1 if len(wave) >= size else 0
    lowest, highest = round(LOW_HZ * WINDOW_S), round(min(HIGH_HZ, 0.45 * sample_rate) * WINDOW_S)
    if count < 2 or highest <= lowest:
        return np.zeros((0, 2), np.int32)
    around = (2 * round(APART_S / HOP_S) + 1, 2 * round(APART_HZ * WINDOW_S) + 1)
    margin, block = around[0], round(BLOCK_S / HOP_S)
    window = np.hanning(size).astype(np.float32)
    parts = []
    for first in range(0, count, block):
        begin, end = max(0, first - margin), min(count, first + block + margin)
        level = _level_db(wave, window, begin, end, hop)[:, lowest : highest + 1]
        level -= level.mean(0, keepdims=True)  # an equaliser, or a hum, must not choose the points
        top = (level == maximum_filter(level, around, mode="constant", cval=-np.inf)) & (level > LEAST_DB)
        top[: first - begin] = top[first - begin + block :] = False
        at, bin_ = np.nonzero(top)
        parts.append(np.column_stack([at + begin, bin_ + lowest]))
    return np.concatenate(parts).astype(np.int32)


def _level_db(
    wave: NDArray[np.float32], window: NDArray[np.float32], begin: int, end: int, hop: float
) -> NDArray[np.float32]:
    from scipy.fft import rfft  # numpy's gives float64, at twice the time

    starts = np.round(np.arange(begin, end) * hop).astype(np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(wave, len(window))[starts] * window
    spectrum = rfft(frames, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    loudest = float(power.max(initial=0.0))
    # 80 dB below the loudest is silence, as elsewhere; nothing stands out in digital silence
    return np.asarray(10 * np.log10(np.maximum(power, max(loudest * 1e-8, 1e-12))), np.float32)


def find_copies(clips: Sequence[Landmarks | None]) -> list[Copy]:
    """Pairs of clips that hold the same recording, each pair once, sorted; None stands for a clip not heard."""
    pairs: dict[tuple[int, int], Copy] = {}
    for a, b, offset in _candidates(clips):
        peaks, other = clips[a], clips[b]
        if (a, b) not in pairs and peaks is not None and other is not None:
            copy = match_landmarks(peaks, other, offset, a, b)
            if copy:
                pairs[a, b] = copy
    return [pairs[pair] for pair in sorted(pairs)]


def _candidates(clips: Sequence[Landmarks | None]) -> list[tuple[int, int, int]]:
    """(a, b, offset in hops) of the pairs that share LEAST_KEYS keys, the most keys first."""
    known = [(row, peaks) for row, peaks in enumerate(clips) if peaks is not None and len(peaks)]
    if len(known) < 2:
        return []
    row = np.concatenate([np.full(len(peaks), at, np.int32) for at, peaks in known])
    points = np.concatenate([peaks for _, peaks in known])
    parts = -(-len(points) // AT_ONCE)
    counted = [_equal_keys(row, points, len(clips), part, parts) for part in range(parts)]
    cell, shared = np.unique(np.concatenate(counted), return_counts=True)
    if not len(cell):
        return []
    # A cell is two hops wide; with the next one, so that an offset at an edge is not torn in two.
    both = shared + np.where(np.r_[cell[1:] == cell[:-1] + 1, False], np.r_[shared[1:], 0], 0)
    enough = np.flatnonzero(both >= LEAST_KEYS)
    enough = enough[np.argsort(-both[enough], kind="stable")][: LOOKS_A_CLIP * len(known)]
    pair, offset = cell[enough] >> 24, ((cell[enough] & ((1 << 24) - 1)) << 1) - (1 << 23) + 1
    return [(int(p) // len(clips), int(p) % len(clips), int(o)) for p, o in zip(pair, offset, strict=True)]


def _equal_keys(row: NDArray[np.int32], points: Landmarks, n_clips: int, part: int, parts: int) -> NDArray[np.int64]:
    """Every two equal keys of two clips a < b, as ``(a * n_clips + b) << 24 | cell of the offset``.

    A key holds three pitches and the two steps in time between them, to COARSE bins and hops. Of all keys the
    ``part``-th of ``parts`` are looked at.
    """
    time, pitch = points[:, 0].astype(np.int64), points[:, 1].astype(np.uint64) // np.uint64(COARSE)
    n, within = len(points), round(WITHIN_S / HOP_S)
    keys, at = [], []
    for j in range(2, AHEAD + 1):
        for i in range(1, j):
            first, second, third = slice(0, max(0, n - j)), slice(i, max(i, n - j + i)), slice(j, n)
            key = pitch[first]
            steps = (time[second] - time[first]) // COARSE, (time[third] - time[second]) // COARSE
            for value in (pitch[second], pitch[third], *steps):
                key = key << np.uint64(10) | value.astype(np.uint64) & np.uint64(1023)
            mine = (row[first] == row[third]) & (time[third] - time[first] <= within)
            if parts > 1:
                mine &= (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) % np.uint64(parts) == part
            chosen = np.flatnonzero(mine)
            keys.append(key[chosen])
            at.append(chosen.astype(np.int32))
    key, place = np.concatenate(keys), np.concatenate(at)
    order = np.argsort(key, kind="stable")
    key, place = key[order], place[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, np.int64)
    size = np.diff(np.r_[starts, len(key)])
    left = np.repeat(starts + size, size) - np.arange(len(key)) - 1  # how many of the same key come after
    left[np.repeat(size > _most_clips(size, COINCIDENCES // parts), size)] = 0
    counted = [np.zeros(0, np.int64)]
    here, step = np.flatnonzero(left > 0), 1
    while len(here):
        earlier, other = place[here], place[here + step]
        # the points are in order of their clips
        earlier, other = np.minimum(earlier, other), np.maximum(earlier, other)
        apart = row[earlier] != row[other]
        earlier, other = earlier[apart], other[apart]
        offset = (time[earlier] - time[other] + (1 << 23)) >> 1
        counted.append((row[earlier].astype(np.int64) * n_clips + row[other]) << 24 | offset)
        step += 1
        here = here[left[here] >= step]
    return np.concatenate(counted)


def _most_clips(size: NDArray[np.int64], most: int) -> int:
    """The longest list of equal keys that is still counted, so that their pairs together are ``most`` at most."""
    sizes, lists = np.unique(size, return_counts=True)
    pairs = np.cumsum(lists * (sizes * (sizes - 1.0) / 2))
    fitting = int(np.searchsorted(pairs, most, side="right"))
    return int(sizes[fitting - 1]) if fitting else 1


def match_landmarks(fixed: Landmarks, other: Landmarks, offset: int, a: int = 0, b: int = 1) -> Copy | None:
    """Whether two clips hold the same sound where ``other`` is moved later by about ``offset`` hops; None: they do not.

    The share is Cohen's kappa of "is there such a landmark": (agreeing - chance) / (those in the overlap - chance),
    chance being what two clips with as many landmarks at each pitch, at random times, would give.
    """
    if not len(fixed) or not len(other):
        return None
    best = max((_agreeing(fixed, other, offset + k) for k in (0, -1, 1, -2, 2)), key=lambda candidate: candidate[:2])
    _, _, agree, chance, overlap, at = best
    within, agreeing = len(agree), int(agree.sum())
    if within <= chance or agreeing - chance < LEAST_POINTS:
        return None
    share = (agreeing - chance) / (within - chance)
    if share < LEAST_SHARE or min(third.mean() for third in np.array_split(agree, 3)) < LEAST_SHARE / 3:
        return None
    return Copy(a, b, at * HOP_S, overlap * HOP_S, round(float(share), 3))


def _agreeing(fixed: Landmarks, other: Landmarks, offset: int) -> tuple[int, int, NDArray[np.bool_], float, int, int]:
    """How many landmarks agree, how many of them exactly, which of those in the overlap (of the clip with fewer), how
    many would by chance, the overlap in hops, the offset."""
    moved = other + np.array([offset, 0], np.int32)
    begin, end = max(fixed[0, 0], moved[0, 0]) - NEAR_HOPS, min(fixed[-1, 0], moved[-1, 0]) + NEAR_HOPS
    fixed, moved = (side[(side[:, 0] >= begin) & (side[:, 0] <= end)] for side in (fixed, moved))
    if len(moved) < len(fixed):
        fixed, moved = moved, fixed
    place = fixed[:, 0] << PITCH_BITS | fixed[:, 1]
    there = np.sort(moved[:, 0] << PITCH_BITS | moved[:, 1])
    steps = [(h, b) for h in range(-NEAR_HOPS, NEAR_HOPS + 1) for b in range(-NEAR_BINS, NEAR_BINS + 1)]
    agree = np.any([_is_in(place + (h << PITCH_BITS) + b, there) for h, b in steps], axis=0)
    hops = int(end - begin + 1)
    at_pitch = np.bincount(moved[:, 1], minlength=int(fixed[:, 1].max(initial=0)) + NEAR_BINS + 2)
    near = sum(at_pitch[np.maximum(0, fixed[:, 1] + b)] for b in range(-NEAR_BINS, NEAR_BINS + 1))
    # Each landmark of the one meets one of the other's at its pitch in so many of the hops.
    chance = float(np.minimum(1.0, near * ((2 * NEAR_HOPS + 1) / max(1, hops))).sum())
    return int(agree.sum()), int(_is_in(place, there).sum()), agree, chance, hops, offset


def _is_in(values: NDArray[np.int32], known: NDArray[np.int32]) -> NDArray[np.bool_]:
    """np.isin for ``known`` in order: several times as fast for the few that a clip has."""
    return np.asarray(known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values)
