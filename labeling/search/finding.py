"""The answer to a search: which stretches, in which order, and what to expect of the next ones.

Of a clip its most telling stretch is found, and the verdict is of the clip. Of a recording without labels every stretch
stands for itself. Spaces of up to a million stretches are gone through whole; in a larger one the kept index names the
stretches that are looked at (embeddings/search.py), a few thousand for each example.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.embeddings import search
from labeling.embeddings.space import Space, open_space
from labeling.errors import DataError
from labeling.search import brought, stretches
from labeling.search.clips import ClipFacts, clip_facts
from labeling.search.head import BACKGROUND, Head, Outlook, fit, outlook
from labeling.search.products import products, unit
from labeling.search.query import Query
from labeling.search.remaining import Population, Remaining, remaining_in, turns
from labeling.search.spreading import spread
from labeling.search.standing import Standing, Stretches, standing
from labeling.search.verified import verified_stretches
from labeling.storage import tables
from labeling.workspace import Workspace

MOST = 1_000
MOST_VECTORS = 16
"""More examples are thinned out to so many that differ most."""
CANDIDATES = 4_000
"""Of an index, for each vector."""
VARIED_OF = 1_000
_BACKGROUND_ROWS = 400
_REJECTED_ROWS = 3
_REJECTED_CLIPS = 100
MOST_VERDICTS = 500
"""The newest so many of clips, and as many of stretches, make the head."""


@dataclass(frozen=True)
class FoundStretch:
    """A stretch of a clip: its cosine with the example it is most like, and how ``likely`` it is the class (None while
    too few verdicts say so). ``of_recording``: a verdict is of this stretch alone."""

    clip_id: int
    onset_s: float
    offset_s: float
    similarity: float
    likely: float | None
    of_recording: bool


@dataclass(frozen=True)
class Answer:
    """What a search found, first to last; ``among`` so many clips and stretches that nobody has decided.

    ``accepted`` and ``rejected`` are the verdicts that the head was fitted on. ``outlook`` says how many of the next
    are likely it, None while that is not known. ``remaining`` says how many are left at most, None where nobody said
    of which class, and in a space that is not gone through whole. ``by_index``: it is so large that an index chose.
    """

    found: tuple[FoundStretch, ...]
    among: int
    accepted: int
    rejected: int
    outlook: Outlook | None
    by_index: bool
    remaining: Remaining | None = None


def more_like(workspace: Workspace, connection: Connection, query: Query, count: int = MOST) -> Answer:
    """Find stretches like those of a query.

    Parameters
    ----------
    workspace : Workspace
    connection : Connection
        To the same workspace.
    query : Query
    count : int
        How many at most, 1 to MOST.

    Returns
    -------
    Answer
        Without what is decided of the query's class, and without what overlaps an example; no group fills a screen
        (`spreading.spread`). What is more like a counter-example than like any example comes last.

    Raises
    ------
    DataError
        No example, one of a clip that the space does not hold, or a class that there is not.
    UnknownName, ArtefactError
        There is no such space, or it is damaged.
    """
    if not 1 <= count <= MOST:
        raise DataError(f"{count} stretches asked for; give 1 to {MOST:,}")
    space, facts = open_space(workspace, query.space), clip_facts(connection)
    said = standing(connection, query.class_code)
    like, unlike = _examples(workspace, connection, space, query, said)
    if not len(like) and query.order != "random":
        raise DataError("nothing to look for: give at least one example that sounds like it")
    pool = _pool(workspace, space, np.concatenate([like, unlike]))
    rated = _rated(pool, like, unlike)
    units = _units(connection, pool, facts, query, said)
    head, accepted, rejected = _head(pool, rated, units, like, unlike, said)
    if head is not None and pool.by_index:  # what the head means may lie elsewhere than the examples
        pool = _pool(workspace, space, np.concatenate([like, unlike, head.weight[None]]))
        rated, units = _rated(pool, like, unlike), _units(connection, pool, facts, query, said)
    answer = _answer(pool, rated, units, head, like, query, count, (accepted, rejected))
    if pool.by_index or not query.class_code:
        return answer
    return replace(answer, remaining=remaining_in(space, units.population, said, _shown(query)))


# ------------------------------------------------------------------------------------------------ what is looked at


@dataclass(frozen=True)
class _Pool:
    """The rows (n,) of a space that are looked at, rising; all of them in a space that is gone through whole."""

    space: Space
    rows: NDArray[np.int64]
    clip_id: NDArray[np.int64]
    by_index: bool

    def products(self, others: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n, Q)."""
        if not self.by_index:
            return products(self.space.vectors, others)
        return products(np.ascontiguousarray(self.space.vectors[self.rows]), others)

    def vectors(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(self.space.vectors[self.rows[places]], np.float32)

    def places_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of those of the rows that are looked at."""
        if not self.by_index:
            return rows
        at = np.minimum(np.searchsorted(self.rows, rows), max(len(self.rows) - 1, 0))
        return at[self.rows[at] == rows] if len(self.rows) else at[:0]


def _pool(workspace: Workspace, space: Space, vectors: NDArray[np.float32]) -> _Pool:
    index = search.kept_index(workspace, space) if len(space) > search.EXACT else None
    if index is None:
        return _Pool(space, np.arange(len(space)), space.clip_ids, by_index=False)
    matches = index.search(unit(vectors).astype(np.float16), CANDIDATES)
    near = np.unique(np.asarray(matches.keys).astype(np.int64).ravel())
    near = near[(near >= 0) & (near < len(space))]
    # and some that chance picks: a head must know what all other sound is like
    others = np.random.default_rng(0).integers(0, len(space), 4 * _BACKGROUND_ROWS)
    rows = np.union1d(near, others)
    return _Pool(space, rows, space.clip_ids[rows], by_index=True)


@dataclass(frozen=True)
class _Rated:
    """Of each row (n,): the cosine with the example it is most like, and the order that follows from it."""

    similarity: NDArray[np.float32]
    alike: NDArray[np.float32]


def _rated(pool: _Pool, like: NDArray[np.float32], unlike: NDArray[np.float32]) -> _Rated:
    if not len(like):
        zeros = np.zeros(len(pool.rows), np.float32)
        return _Rated(zeros, zeros)
    both = pool.products(np.concatenate([like, unlike]))
    similarity = both[:, : len(like)].max(axis=1)
    alike = similarity
    if len(unlike):
        alike = np.where(both[:, len(like) :].max(axis=1) > similarity, similarity - 2, similarity)
    return _Rated(similarity, np.asarray(alike, np.float32))


def _examples(
    workspace: Workspace, connection: Connection, space: Space, query: Query, said: Standing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    like = [stretches.vectors_of(space, [one for one in query.examples if one.like])]
    like += [brought.vectors(workspace, space.facts, name) for name in query.sounds]
    if query.verified:
        like.append(verified_stretches(space, said))
    unlike = stretches.vectors_of(space, [one for one in query.examples if not one.like])
    together = np.concatenate(like)
    return together[stretches.varied(together, MOST_VECTORS)], unlike[:MOST_VECTORS]


# ------------------------------------------------------------------------------------------------ clips and stretches


@dataclass(frozen=True)
class _Units:
    """What verdicts are of. ``starts`` (m,) is where each clip's rows begin in the pool, ``clip_id`` and ``group`` and
    ``recording`` (m,) are the clips', ``fits`` those that the search is among; ``open_clip`` (m,) may be asked about,
    and so may ``open_row`` (n,)."""

    starts: NDArray[np.int64]
    clip_id: NDArray[np.int64]
    group: NDArray[np.int64]
    recording: NDArray[np.bool_]
    fits: NDArray[np.bool_]
    open_clip: NDArray[np.bool_]
    open_row: NDArray[np.bool_]

    @property
    def population(self) -> Population:
        """Clips, recordings, and what of them is open, of a pool that is the whole space."""
        whole, recordings = (self.clip_id[self.fits & (self.recording == is_one)] for is_one in (False, True))
        return Population(whole, recordings, self.clip_id[self.open_clip], np.flatnonzero(self.open_row))

    def best(self, value: NDArray[np.float32]) -> NDArray[np.int64]:
        """The place (m,) of each clip's highest row."""
        if not len(self.starts):
            return self.starts
        top = np.maximum.reduceat(value, self.starts)
        counts = np.diff(np.append(self.starts, len(value)))
        there = np.flatnonzero(value >= np.repeat(top, counts))
        clip = np.searchsorted(self.starts, there, side="right") - 1
        first = np.searchsorted(clip, np.arange(len(self.starts)))
        return np.asarray(there[first])


def _units(connection: Connection, pool: _Pool, facts: ClipFacts, query: Query, said: Standing) -> _Units:
    starts = np.flatnonzero(np.diff(pool.clip_id, prepend=-1))
    clip_id = pool.clip_id[starts]
    place = facts.place(clip_id)
    known = place >= 0
    recording = known & facts.recording[place] if len(facts.clip_id) else np.zeros(len(place), bool)
    group = np.where(known, facts.group[place], 0) if len(facts.clip_id) else np.zeros(len(place), np.int64)
    whole = np.array(list(said.clips), np.int64)
    fits = known
    if query.among != "all":
        fits = fits & (recording == (query.among == "recordings"))
    if query.which != "all" and query.class_code:
        listed = np.isin(clip_id, _listed(connection, query.class_code))
        fits = fits & (listed == (query.which == "false"))
    shown = _shown(query)
    marked = np.concatenate([said.present.clip_id, shown.clip_id])
    open_clip = fits & ~np.isin(clip_id, whole) & (recording | ~np.isin(clip_id, marked))
    open_row = np.repeat(open_clip & recording, np.diff(np.append(starts, len(pool.rows))))
    for marks in (said.present, said.absent, said.unsure, shown):
        open_row[pool.places_of(stretches.touched(pool.space, marks))] = False
    return _Units(starts, clip_id, group, recording, fits, open_clip & ~recording, open_row)


def _shown(query: Query) -> Stretches:
    return Stretches.of([(one.clip_id, one.onset_s, one.offset_s) for one in query.examples])


def _listed(connection: Connection, class_code: str) -> NDArray[np.int64]:
    labels = tables.imported_labels.c
    query = sa.select(labels.clip_id).where(labels.class_id == store.class_id(connection, class_code))
    return np.array(connection.scalars(query).all(), np.int64)


# ------------------------------------------------------------------------------------------------ the head


def _head(
    pool: _Pool, rated: _Rated, units: _Units, like: NDArray[np.float32], unlike: NDArray[np.float32], said: Standing
) -> tuple[Head | None, int, int]:
    """The head that the verdicts so far make, and how many of them accept and reject; None where none does."""
    best = units.best(rated.alike)
    places: list[int] = []
    yes: list[bool] = []
    newest = dict(list(said.clips.items())[-MOST_VERDICTS:])
    verdict = np.array([newest.get(clip_id, "") for clip_id in units.clip_id.tolist()]) if newest else None
    clip_of = {clip_id: clip for clip, clip_id in enumerate(units.clip_id.tolist()) if clip_id in newest}
    for clip_id, said_of_it in newest.items():  # in the journal's order
        clip = clip_of.get(clip_id, -1)
        if clip >= 0 and said_of_it != "unsure" and not units.recording[clip]:
            places.append(int(best[clip]))
            yes.append(said_of_it == "present")
    for marks, present in ((said.present, True), (said.absent, False)):
        for row in _rows_of(pool, rated, marks):
            places.append(row)
            yes.append(present)
    accepted, rejected = sum(yes), len(yes) - sum(yes)
    if not yes:
        return None, 0, 0
    judged, more = len(yes), _more_of_the_rejected(pool, rated, units, verdict)
    background = np.random.default_rng(0).integers(0, len(pool.rows), min(_BACKGROUND_ROWS, len(pool.rows)))
    of_background = BACKGROUND * max(1, accepted + len(like)) / max(1, len(background))
    parts = (  # rows, whether they are it, weight of each
        (judged, np.array(yes), 1.0),
        (len(more), np.zeros(len(more), bool), 1 / _REJECTED_ROWS),
        (len(background), np.zeros(len(background), bool), of_background),
        (len(like), np.ones(len(like), bool), 1.0),
        (len(unlike), np.zeros(len(unlike), bool), 1.0),
    )
    part = np.repeat(np.arange(len(parts)), [count for count, _, _ in parts])
    rows = pool.vectors(np.concatenate([np.array(places + more, np.int64), background]))
    head = fit(
        np.concatenate([rows, like, unlike]),
        np.concatenate([are_it for _, are_it, _ in parts]),
        np.array([weight for _, _, weight in parts])[part],
        judged=part == 0,
        unheard=part == 2,
    )
    return head, accepted, rejected


def _rows_of(pool: _Pool, rated: _Rated, marks: Stretches) -> list[int]:
    """Of each marked stretch the place that is most like the examples, of those that lie in it."""
    found = []
    newest = slice(-MOST_VERDICTS, None)
    for clip_id, onset_s, offset_s in zip(
        marks.clip_id[newest].tolist(), marks.onset_s[newest].tolist(), marks.offset_s[newest].tolist(), strict=True
    ):
        inside = pool.places_of(stretches.rows_in(pool.space, clip_id, onset_s, offset_s, stretches.INSIDE))
        if len(inside):
            found.append(int(inside[np.argmax(rated.alike[inside])]))
    return found


def _more_of_the_rejected(pool: _Pool, rated: _Rated, units: _Units, verdict: NDArray[np.str_] | None) -> list[int]:
    """The next most alike rows of each rejected clip: what is nowhere in a clip is not in those either."""
    if verdict is None:
        return []
    ends = np.append(units.starts, len(pool.rows))
    found: list[int] = []
    for clip in np.flatnonzero((verdict == "absent") & ~units.recording)[-_REJECTED_CLIPS:].tolist():
        rows = np.arange(ends[clip], ends[clip + 1])
        found += rows[np.argsort(-rated.alike[rows], kind="stable")[1 : 1 + _REJECTED_ROWS]].tolist()
    return found


# ------------------------------------------------------------------------------------------------ the order


def _answer(
    pool: _Pool, rated: _Rated, units: _Units, head: Head | None, like: NDArray[np.float32], query: Query, count: int,
    verdicts: tuple[int, int],
) -> Answer:  # fmt: skip
    logit = None
    if head is not None:
        length = float(np.linalg.norm(head.weight)) or 1.0
        logit = pool.products(head.weight[None] / length)[:, 0] * np.float32(length) + np.float32(head.bias)
    by_head = logit is not None and query.order in ("likely", "uncertain", "varied")
    value = logit if by_head and logit is not None else rated.alike
    clips = np.flatnonzero(units.open_clip)
    places = units.best(value)[clips]
    rows = np.flatnonzero(units.open_row)
    clip_of_row = np.searchsorted(units.starts, rows, side="right") - 1
    group = np.concatenate([units.group[clips], units.group[clip_of_row]])
    places, whole = np.concatenate([places, rows]), np.arange(len(clips) + len(rows)) < len(clips)
    if query.order == "random":
        order = _by_chance(pool, places, whole)
    else:
        order = _ordered(pool, value, places, head, like, query, count)
    order = _apart(pool, places, whole, order, 4 * count)
    if query.order != "random":
        order = order[spread(group[order], count)]
    order = order[:count]
    shown = places[order]
    probability = None
    if head is not None and head.known and logit is not None:
        probability = head.probability(logit[shown])
    at = pool.rows[shown]
    space = pool.space
    found = [
        FoundStretch(
            int(space.clip_ids[row]), float(space.onset_s[row]), float(space.offset_s[row]),
            float(np.clip(rated.similarity[place], -1, 1)), None if probability is None else float(probability[k]),
            not whole[order[k]],
        )
        for k, (row, place) in enumerate(zip(at.tolist(), shown.tolist(), strict=True))
    ]  # fmt: skip
    expected = outlook(head, logit[shown]) if head is not None and logit is not None else None
    return Answer(tuple(found), len(places), *verdicts, expected, pool.by_index)


def _ordered(
    pool: _Pool, value: NDArray[np.float32], places: NDArray[np.int64], head: Head | None, like: NDArray[np.float32],
    query: Query, count: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Which of ``places`` come first."""
    key = value[places]
    if query.order == "uncertain" and head is not None:
        key = -np.abs(key)
    if query.order == "varied":
        near = _highest(key, max(VARIED_OF, count))
        vectors = unit(pool.vectors(places[near]))
        first = stretches.varied(vectors, min(count, len(near)), like)
        return near[first]
    return _highest(key, 8 * count)


def _by_chance(pool: _Pool, places: NDArray[np.int64], whole: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows = pool.rows[places]
    return np.argsort(turns(pool.space.clip_ids[rows], pool.space.onset_s[rows], whole))


def _highest(key: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The places of the highest so many, highest first."""
    some = np.argpartition(-key, count)[:count] if count < len(key) else np.arange(len(key))
    return np.asarray(some[np.argsort(-key[some], kind="stable")])


def _apart(
    pool: _Pool, places: NDArray[np.int64], whole: NDArray[np.bool_], order: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Leave out the stretches of recordings that overlap one before them."""
    if whole[order].all():
        return order[:count]
    space, taken, kept = pool.space, dict[int, list[tuple[float, float]]](), []
    for unit_place in order.tolist():
        if not whole[unit_place]:
            row = pool.rows[places[unit_place]]
            begin, end = float(space.onset_s[row]), float(space.offset_s[row])
            others = taken.setdefault(int(space.clip_ids[row]), [])
            if any(min(end, b) - max(begin, a) > stretches.TOUCHES * min(end - begin, b - a) for a, b in others):
                continue
            others.append((begin, end))
        kept.append(unit_place)
        if len(kept) == count:
            break
    return np.array(kept, np.int64)
