"""What is known of each clip and class: from labels that came in, and from what people decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.journal import versions
from labeling.search.clips import clip_facts
from labeling.storage import tables

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class KnownLabels:
    """The labels of clips (N,) and classes (C,). Recordings without labels are left out: there a verdict is of a part.

    ``known`` (N, C): a person decided, or the clip came with labels, and then what it does not list counts as absent.
    ``present`` is True only of known cells. ``undecided`` (N, C): nobody decided; ``unlabelled`` (N,): the clip came
    without any label.
    """

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    filenames: tuple[str, ...]
    classes: tuple[str, ...]
    present: Bools
    known: Bools
    undecided: Bools
    unlabelled: Bools
    position: int


def known_labels(connection: Connection, position: int | None = None) -> KnownLabels:
    """What is known at a position of the journal (None: its end).

    In a clip of which only some classes were listened for, the others are not known.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.active.known import known_labels
    >>> from labeling.example import example_workspace
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "unsure")])
    >>> with workspace.read() as connection:
    ...     labels = known_labels(connection)
    >>> labels.known.shape, int(labels.known.sum()), int(labels.undecided.sum())  # unsure: asked, and not known
    ((12, 3), 35, 35)
    """
    labels, facts, ids = versions.labels_at(connection, position), clip_facts(connection), store.class_ids(connection)
    listed, clips = tables.imported_labels.c, tables.clips.c
    labelled: set[int] = set(connection.scalars(sa.select(listed.clip_id).distinct()))
    labelled |= set(connection.scalars(sa.select(clips.id).where(clips.partial)))
    place = facts.place(labels.clip_ids)
    here = np.flatnonzero((place >= 0) & ~facts.recording[place]) if len(facts.clip_id) else np.zeros(0, np.int64)
    clip_id = labels.clip_ids[here]
    unlabelled = ~np.isin(clip_id, np.fromiter(labelled, np.int64))
    reviewed, unsure = labels.reviewed[here], labels.unsure[here]
    known = (reviewed | ~unlabelled[:, None]) & ~unsure
    return KnownLabels(
        clip_id, np.array([ids[code] for code in labels.classes], np.int64),
        tuple(labels.filenames[at] for at in here.tolist()), labels.classes, labels.present[here] & known, known,
        ~reviewed, unlabelled, labels.position,
    )  # fmt: skip
