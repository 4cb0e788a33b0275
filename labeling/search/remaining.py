"""How many are left at most among what nobody has heard, by what chance picked from it.

A search hears what sounds most like the examples first, so that what it found says nothing of the rest. In its order
*at random* the next stretch is one that a hash of its clip picks, on which neither the search nor its verdicts have
an influence. What was heard so, and the number of stretches that were still open before each look, gives the bound of
the audit (quality/audit_bounds.py): one may look at it after each verdict, and stop when one pleases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement import random_order
from labeling.embeddings.space import Space
from labeling.quality.audit_bounds import at_most, looks_of
from labeling.search.standing import Look, Standing, Stretches
from labeling.search.stretches import TOUCHES, rows_in, touched


@dataclass(frozen=True)
class Remaining:
    """At most ``at_most`` of ``among`` that nobody heard hold it, with 95 %; ``heard`` were picked by chance, of which
    ``held`` hold it. None while none was."""

    among: int
    heard: int
    held: int
    at_most: int | None


def turns(clip_id: NDArray[np.int64], onset_s: NDArray[np.floating], whole: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """When the turn of each unit (n,) comes at random, from the lowest number on: of a clip where it is ``whole``, else
    of the stretch that begins there. The same for everybody, whatever is looked for."""
    stretch = np.where(whole, 0, 1 + np.round(onset_s.astype(np.float64) * 1000).astype(np.int64))
    return random_order.turns(clip_id, stretch)


def remaining(
    looks: Sequence[tuple[Look, int]], open_turns: NDArray[np.uint64], look_turns: NDArray[np.uint64]
) -> Remaining:
    """The bound of a search.

    A look counts as drawn only while no unit that comes before it at random is still open: who passed over what was
    hard to tell has not heard a random part. ``unsure`` counts as not it.

    Parameters
    ----------
    looks : sequence of (Look, int)
        Of the units that were decided, in the order in which they were, and how many more units went with each, as they
        overlap it.
    open_turns : ndarray of uint64, shape (n,)
        The `turns` of all that nobody has decided.
    look_turns : ndarray of uint64, shape (len(looks),)
        Those of what was decided.

    Returns
    -------
    Remaining

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.search.remaining import remaining
    >>> from labeling.search.standing import Look
    >>> looks = [(Look(clip, "absent", at_random=True), 0) for clip in range(60)]
    >>> remaining(looks, np.arange(60, 1000).astype(np.uint64), np.arange(60).astype(np.uint64))
    Remaining(among=940, heard=60, held=0, at_most=64)
    """
    wrong: list[bool] = []
    drawn: list[bool] = []
    first_open = open_turns.min() if len(open_turns) else np.uint64(np.iinfo(np.uint64).max)
    for (look, beside), turn in zip(looks, look_turns, strict=True):
        held = look.verdict == "present"
        wrong += [held] * (1 + beside)
        drawn += [look.at_random and bool(turn < first_open)] + [False] * beside
    group = looks_of(len(open_turns), np.array(wrong, bool), np.array(drawn, bool))
    bound = at_most([group]) if len(group) else None
    return Remaining(len(open_turns), len(group), int(group.wrong.sum()), bound)


@dataclass(frozen=True)
class Population:
    """What a search is among: ``clips`` of which each is asked about as a whole, ``recordings`` of which each stretch
    is; and of them ``open_clips``, and the ``open_rows`` of the space, that nobody has decided. All are rising."""

    clips: NDArray[np.int64]
    recordings: NDArray[np.int64]
    open_clips: NDArray[np.int64]
    open_rows: NDArray[np.int64]


def remaining_in(space: Space, population: Population, said: Standing, examples: Stretches) -> Remaining:
    """The bound of a search in a space that it goes through whole, from all that stands decided of its class.

    The examples were never asked about and do not count; nor does a recording that was decided as a whole, whose
    stretches nobody heard one by one.
    """
    clips = set(population.clips.tolist()) - set(examples.clip_id.tolist())
    recordings = set(population.recordings.tolist()) - said.clips.keys()
    closed = set(touched(space, examples).tolist())
    looks: list[tuple[Look, int]] = []
    onset_s: list[float] = []
    for look in said.looks:
        if look.clip_id in clips and (look.whole or look.verdict == "present"):
            clips.remove(look.clip_id)
            verdict = said.clips.get(look.clip_id, "present")
            looks.append((replace(look, verdict=verdict, at_random=look.at_random and look.whole), 0))
            onset_s.append(0.0)
        elif look.clip_id in recordings and not look.whole:
            rows = rows_in(space, look.clip_id, look.onset_s, look.offset_s, TOUCHES)
            fresh = [row for row in rows.tolist() if row not in closed]
            closed.update(fresh)
            own = [row for row in fresh if abs(float(space.onset_s[row]) - look.onset_s) < 2e-3]
            if fresh:
                looks.append((replace(look, at_random=look.at_random and bool(own)), len(fresh) - 1))
                onset_s.append(float(space.onset_s[(own or fresh)[0]]))
    of_clips = np.isin([look.clip_id for look, _ in looks], population.clips)
    look_turns = turns(np.array([look.clip_id for look, _ in looks], np.int64), np.array(onset_s), of_clips)
    ids = np.concatenate([population.open_clips, space.clip_ids[population.open_rows]])
    begins = np.concatenate([np.zeros(len(population.open_clips)), space.onset_s[population.open_rows]])
    open_turns = turns(ids, begins, np.arange(len(ids)) < len(population.open_clips))
    return remaining(looks, open_turns, look_turns)


def left_in_words(left: Remaining) -> str:
    """The bound as a sentence; where nobody heard any at random, how to learn it."""
    if left.at_most is None:
        return "hear some in the order “At random” to learn how many are left at most"
    return f"at most {left.at_most:,} left among these {left.among:,} (95 %), {left.heard:,} heard at random"
