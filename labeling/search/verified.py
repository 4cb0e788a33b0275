"""The verified stretches of a class as vectors: what people marked, and of a clip found present the most typical."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import Space
from labeling.search.products import unit
from labeling.search.standing import Standing
from labeling.search.stretches import vector_of

MOST_CLIPS = 200


def verified_stretches(space: Space, said: Standing) -> NDArray[np.float32]:
    """Vectors (n, D) of what stands verified as present.

    A marked stretch is taken as it is. A clip in which the class was found present without saying where gives the
    stretch that is most like what the other such clips, and the marked stretches, have in common.
    """
    marks = zip(
        said.present.clip_id.tolist(), said.present.onset_s.tolist(), said.present.offset_s.tolist(), strict=True
    )
    found = [vector for mark in marks if (vector := vector_of(space, *mark)) is not None]
    marked = set(said.present.clip_id.tolist())
    clips = [clip_id for clip_id, verdict in said.clips.items() if verdict == "present" and clip_id not in marked]
    bags = [np.asarray(space.vectors[rows], np.float32) for clip_id in clips[-MOST_CLIPS:]
            if (rows := space.rows_of(clip_id)).stop > rows.start]  # fmt: skip
    if bags:
        typical = found or [_outstanding(bag) for bag in bags]
        common = np.mean(typical, axis=0)
        found += [unit(bag[int(np.argmax(bag @ common))]) for bag in bags]
    return np.stack(found) if found else np.zeros((0, space.facts.size), np.float32)


def _outstanding(bag: NDArray[np.float32]) -> NDArray[np.float32]:
    """The row of a clip that is least like the clip's mean, which is its background."""
    return np.asarray(bag[int(np.argmin(bag @ bag.mean(axis=0)))], np.float32)
