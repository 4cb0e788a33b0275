"""A space without sound: vectors in which a class is a direction, for the tests of linear heads."""

from __future__ import annotations

import numpy as np

from labeling.collection import store
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, sounds_now
from labeling.journal import versions
from labeling.workspace import Workspace

WINDOW_S, HOP_S, SIZE = 0.5, 0.25, 8
FACTS = SpaceFacts("toy", "imported:toy", "CC0", "", 8000, WINDOW_S, HOP_S, SIZE)


def vectors_of(heard: np.ndarray, rng: np.random.Generator, noise: float = 0.3) -> np.ndarray:
    """Vectors (n, SIZE) of stretches in which the classes (n, C) are heard; silence is the last axis."""
    vectors = noise * rng.standard_normal((len(heard), SIZE))
    vectors[:, : heard.shape[1]] += heard
    vectors[:, -1] += ~heard.any(1)
    return vectors


def add_space(workspace: Workspace, *, skip: tuple[int, ...] = (), noise: float = 0.3) -> None:
    """A space ``toy`` of every clip but those at the places ``skip``: each class that the labels list is heard in the
    first half of a clip, the rest is silent."""
    rng = np.random.default_rng(0)
    with workspace.read() as connection:
        clips, labels, sounds = store.usable_clips(connection), versions.labels_at(connection), sounds_now(connection)
    row_of = {clip_id: row for row, clip_id in enumerate(labels.clip_ids.tolist())}
    made = []
    for place, clip in enumerate(clips):
        if place in skip:
            continue
        onset_s = np.arange(0, max(clip.duration_s - WINDOW_S, 0) + 1e-6, HOP_S)
        heard = labels.present[row_of[clip.id]] & (onset_s < clip.duration_s / 2)[:, None]
        made.append(ClipVectors(clip.id, sounds[clip.id], vectors_of(heard, rng, noise), onset_s, onset_s + WINDOW_S))
    append(workspace, FACTS, made)
