"""What the clusters of a map say of the labels: which mix them, which have none, and of how many kinds a class is.

A stretch is taken to have the labels of its clip, as they now stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.embeddings.space import Space
from labeling.landscape.colouring import labels_now
from labeling.landscape.projection import Projection
from labeling.search.products import unit
from labeling.storage.kept import Kept, engine_key

AGREED = 0.8
"""A cluster is one class's where so large a share of its labelled clips list it; of no label where so many
have none."""
LEAST_CLIPS = 3
"""Clusters of fewer clips answer no question: one long recording is like itself."""

#: question -> what it says on the screen
QUESTIONS: Mapping[str, str] = {
    "mixed": "Mix labels",
    "unlabelled": "Without any label",
    "types": "Types within a class",
}
MEANING: Mapping[str, str] = {
    "mixed": "What sounds alike is labelled unlike: wrong labels, or several at once.",
    "unlabelled": "Nobody has labelled what sounds so: a new species, a new call type, or a noise.",
    "types": "One class, several clusters: song and call, or a class that is two.",
}


@dataclass(frozen=True)
class Cluster:
    """One cluster of a map. ``class_code`` is the class that most of its labelled clips list ("" for none), ``share``
    of them do; ``unlabelled`` is the share of its clips without any label. ``classes`` are how many of its clips list
    each of its commonest classes."""

    number: int
    stretches: int
    clips: int
    class_code: str
    share: float
    unlabelled: float
    classes: tuple[tuple[str, int], ...]

    @property
    def is_mixed(self) -> bool:
        """Whether its clips are labelled unlike."""
        return bool(self.class_code) and self.share < AGREED and self.unlabelled < AGREED

    @property
    def is_unlabelled(self) -> bool:
        """Whether nearly none of its clips has a label."""
        return self.unlabelled >= AGREED

    @property
    def is_of_a_class(self) -> bool:
        """Whether nearly all of its labelled clips list one class."""
        return bool(self.class_code) and self.share >= AGREED and self.unlabelled < AGREED


_clusters: Kept[tuple[Cluster, ...]] = Kept(8)


def clusters(connection: Connection, space: Space, projection: Projection) -> tuple[Cluster, ...]:
    """All clusters of a map by their numbers, with what their clips list."""
    key = engine_key(connection), space.facts, projection.name, journal.position(connection), labels_now(connection)
    return _clusters.get((*key[:-1], id(key[-1])), lambda: _read(connection, space, projection))


def _read(connection: Connection, space: Space, projection: Projection) -> tuple[Cluster, ...]:
    labels = labels_now(connection)
    order = np.argsort(projection.cluster, kind="stable")
    bounds = np.searchsorted(projection.cluster[order], np.arange(projection.clusters + 1))
    found = []
    for number in range(projection.clusters):
        rows = order[bounds[number] : bounds[number + 1]]
        clip_ids = np.unique(space.clip_ids[rows])
        at = np.minimum(np.searchsorted(labels.clip_ids, clip_ids), max(len(labels.clip_ids) - 1, 0))
        known = at[labels.clip_ids[at] == clip_ids] if len(labels.clip_ids) else at[:0]
        present = labels.present[known]
        listed = int(present.any(axis=1).sum()) if present.size else 0
        counts = present.sum(axis=0) if present.size else np.zeros(len(labels.classes), np.int64)
        top = [int(place) for place in np.argsort(-counts, kind="stable")[:5] if counts[place]]
        found.append(
            Cluster(
                number,
                len(rows),
                len(clip_ids),
                labels.classes[top[0]] if top else "",
                float(counts[top[0]]) / listed if top else 0.0,
                1 - listed / len(clip_ids),
                tuple((labels.classes[place], int(counts[place])) for place in top),
            )
        )
    return tuple(found)


def answering(every: tuple[Cluster, ...], question: str) -> list[Cluster]:
    """The clusters that answer a question, the most telling first; of ``types`` those of one class side by side.

    >>> mixed = Cluster(0, 40, 20, "a", 0.5, 0.0, (("a", 10), ("b", 10)))
    >>> [song, call] = [Cluster(n, 30, 10, "a", 1.0, 0.0, (("a", 10),)) for n in (1, 2)]
    >>> new = Cluster(3, 30, 10, "", 0.0, 1.0, ())
    >>> [[one.number for one in answering((mixed, song, call, new), question)] for question in QUESTIONS]
    [[0], [3], [1, 2]]
    """
    heard = [one for one in every if one.clips >= LEAST_CLIPS]
    if question == "mixed":
        return sorted((one for one in heard if one.is_mixed), key=lambda one: -one.clips * (1 - one.share))
    if question == "unlabelled":
        return sorted((one for one in heard if one.is_unlabelled), key=lambda one: -one.clips)
    by_class: dict[str, list[Cluster]] = {}
    for one in heard:
        if one.is_of_a_class:
            by_class.setdefault(one.class_code, []).append(one)
    several = [group for group in by_class.values() if len(group) > 1]
    several.sort(key=lambda group: (-len(group), group[0].class_code))
    return [one for group in several for one in group]


def typical_and_odd(
    space: Space, rows: NDArray[np.int64], count: int = 5
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of a cluster that are most like all of it, and those that are least, each of another clip.

    Likeness is that of the space itself, not nearness on the map: the cosine with the mean of all.
    """
    vectors = np.asarray(space.vectors[rows], np.float32)
    alike = vectors @ unit(vectors.mean(axis=0))
    order = rows[np.argsort(-alike, kind="stable")]
    return _of_unlike_clips(space, order, count), _of_unlike_clips(space, order[::-1], count)


def _of_unlike_clips(space: Space, order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    _, first = np.unique(space.clip_ids[order], return_index=True)
    return order[np.sort(first)[:count]]


def names_of(connection: Connection) -> dict[str, str]:
    """What each class is called, by its code."""
    return {known.code: known.name for known in store.all_classes(connection)}
