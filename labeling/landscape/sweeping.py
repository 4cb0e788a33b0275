"""Stretches that were chosen on the map, one after the other for a sweep: of a clip the one that comes first, of a
recording without labels each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.embeddings.space import Space, open_space
from labeling.errors import DataError
from labeling.registry import unknown_name
from labeling.reviewer import chosen
from labeling.reviewer.chosen import Chosen
from labeling.search.clips import clip_facts
from labeling.search.finding import FoundStretch
from labeling.search.products import unit
from labeling.search.standing import standing
from labeling.search.stretches import touched
from labeling.storage import tables
from labeling.workspace import Workspace

#: order -> what it says on the screen
ORDERS: Mapping[str, str] = {"central": "Most central", "odd": "Most odd", "time": "By clip and time"}
WHICH = ("all", "missing", "false")


@dataclass(frozen=True)
class ToSweep:
    """What is to be swept, first to last, of ``among`` clips and stretches that nobody has decided of the class, and
    how many ``decided``."""

    found: tuple[FoundStretch, ...]
    among: int
    decided: int


def rows_of(space: Space, these: Chosen) -> NDArray[np.int64]:
    """The rows of a space at which chosen stretches begin; those that it holds no more are left out."""
    keys, wanted = (
        (clip_id.astype(np.int64) << 32) | np.rint(onset_s.astype(np.float64) * 1000).astype(np.int64)
        for clip_id, onset_s in ((space.clip_ids, space.onset_s), (these.clip_id, these.onset_s))
    )
    if not len(keys):
        return np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.unique(at[keys[at] == wanted]).astype(np.int64)


def to_sweep(
    workspace: Workspace,
    connection: Connection,
    name: str,
    class_code: str = "",
    *,
    which: str = "all",
    order: str = "central",
    count: int = 1_000,
) -> ToSweep:
    """The chosen stretches of a name that are to do for a class.

    Parameters
    ----------
    workspace, connection
        Of one workspace.
    name : str
        As `chosen.keep` gave it.
    class_code : str
        What is decided of it is left out; "" where nobody has said yet which class.
    which : {"all", "missing", "false"}
        Clips that do not list the class (``missing``), that do (``false``), or all.
    order : str
        Of ORDERS. ``central`` is what is most like the mean of all that is chosen, ``odd`` what is least.
    count : int
        How many at most.

    Raises
    ------
    DataError
        Nothing of this name was chosen, or a word is none.
    UnknownName, ArtefactError
        The space is not there any more, or is damaged.
    """
    for what, value, known in (("order", order, tuple(ORDERS)), ("choice of labels", which, WHICH)):
        if value not in known:
            raise DataError(unknown_name(what, value, list(known)))
    these = chosen.read(connection, name)
    space, said, facts = open_space(workspace, these.space), standing(connection, class_code), clip_facts(connection)
    rows = rows_of(space, these)
    place = facts.place(space.clip_ids[rows])
    rows, place = rows[place >= 0], place[place >= 0]
    clip_ids, of_recording = space.clip_ids[rows], facts.recording[place]
    if class_code and which != "all":
        labels = tables.imported_labels.c
        listing = sa.select(labels.clip_id).where(labels.class_id == store.class_id(connection, class_code))
        listed = np.isin(clip_ids, np.array(connection.scalars(listing).all(), np.int64))
        keep = listed if which == "false" else ~listed
        rows, clip_ids, of_recording = rows[keep], clip_ids[keep], of_recording[keep]
    decided = np.isin(clip_ids, np.array(sorted(said.clips), np.int64))
    for marked in (said.present, said.absent, said.unsure):
        decided |= np.isin(rows, touched(space, marked)) & of_recording
        decided |= np.isin(clip_ids, marked.clip_id) & ~of_recording
    vectors = np.asarray(space.vectors[rows], np.float32)
    alike = vectors @ unit(vectors.mean(axis=0)) if len(rows) else np.zeros(0, np.float32)
    if order == "time":
        by = np.arange(len(rows))
    else:
        by = np.argsort(-alike if order == "central" else alike, kind="stable")
    unit_of = np.where(of_recording, -1 - rows, clip_ids)[by]  # a clip's stretches stand for one verdict
    _, first = np.unique(unit_of, return_index=True)
    by = by[np.sort(first)]
    to_do = by[~decided[by]]
    found = [
        FoundStretch(int(clip_ids[at]), float(space.onset_s[rows[at]]), float(space.offset_s[rows[at]]),
                     float(alike[at]), None, bool(of_recording[at]))
        for at in to_do[:count].tolist()
    ]  # fmt: skip
    return ToSweep(tuple(found), len(to_do), int(decided[by].sum()))
