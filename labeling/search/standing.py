"""What stands decided of a class: of whole clips, and of stretches of recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.journal import all_undone
from labeling.records import MACHINE, Shown
from labeling.storage import database as db
from labeling.storage import tables


@dataclass(frozen=True)
class Stretches:
    """Stretches (n,) of clips, in seconds from the clip's start."""

    clip_id: NDArray[np.int64]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.clip_id)

    @classmethod
    def of(cls, rows: list[tuple[int, float, float]]) -> Stretches:
        """From (clip id, onset, offset) each."""
        clips, onsets, offsets = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(np.array(clips, np.int64), np.array(onsets, np.float64), np.array(offsets, np.float64))


@dataclass(frozen=True)
class Look:
    """What one listened to: a whole clip, or a stretch of it (``onset_s`` and ``offset_s``, else NaN), and what stands
    of it. ``at_random``: chance had picked it from what nobody had heard."""

    clip_id: int
    verdict: str
    at_random: bool
    onset_s: float = math.nan
    offset_s: float = math.nan

    @property
    def whole(self) -> bool:
        """Whether it is of the whole clip."""
        return math.isnan(self.onset_s)


@dataclass(frozen=True)
class Standing:
    """The verdicts on a class that hold, by people.

    ``clips`` says of whole clips what was decided (``present``, ``absent``, ``unsure``); one in which only a stretch
    was marked is not among them. ``present``, ``absent`` and ``unsure`` are the marked stretches. ``looks`` are all of
    them, in the order in which each was first heard.
    """

    clips: Mapping[int, str]
    present: Stretches
    absent: Stretches
    unsure: Stretches
    looks: tuple[Look, ...] = ()

    @property
    def decided(self) -> int:
        """How many verdicts there are."""
        return len(self.clips) + len(self.present) + len(self.absent) + len(self.unsure)


NONE = Standing({}, Stretches.of([]), Stretches.of([]), Stretches.of([]))


def standing(connection: Connection, class_code: str) -> Standing:
    """What stands decided of a class; nothing of "". Raises DataError for an unknown class.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.records import Decision, Region
    >>> from labeling.search.standing import standing
    >>> workspace = example_workspace()
    >>> said = [Decision("e1", "ann", 3, "cangoo", "absent"),
    ...         Decision("e2", "ann", 1, "cangoo", "present", region=Region(1.0, 2.0))]
    >>> stored = journal.append(workspace, said)
    >>> with workspace.read() as connection:
    ...     found = standing(connection, "cangoo")
    >>> found.clips, found.present.onset_s.tolist()
    ({3: 'absent'}, [1.0])
    """
    if not class_code:
        return NONE
    column = tables.decisions.c
    query = (
        sa.select(column.position, column.clip_id, column.verdict, column.onset_s, column.offset_s, column.shown)
        .where(column.class_id == store.class_id(connection, class_code), column.undoes.is_(None))
        .where(sa.func.substr(column.reviewer, 1, len(MACHINE)) != MACHINE)
        .order_by(column.position)
    )
    rows = db.fetch(connection, query)
    undone = all_undone(connection, rows[0][0]) if rows else set()
    clips: dict[int, str] = {}
    first: dict[int, tuple[int, bool]] = {}  # of a whole clip: when it was first heard, and whether by chance
    marked: dict[int, list[tuple[int, Look]]] = {}
    for position, clip_id, verdict, onset_s, offset_s, shown in rows:
        if position in undone:
            continue
        if onset_s is not None:
            look = Look(clip_id, verdict, Shown.from_json(shown).at_random, onset_s, offset_s)
            marked.setdefault(clip_id, []).append((position, look))
            continue
        clips.pop(clip_id, None)  # the newest come last
        clips[clip_id] = verdict
        first.setdefault(clip_id, (position, Shown.from_json(shown).at_random))
        if verdict != "present":
            marked.pop(clip_id, None)  # as the fold does
    by_verdict: dict[str, list[tuple[int, float, float]]] = {"present": [], "absent": [], "unsure": []}
    for clip_id, stretches in marked.items():
        for _, look in stretches:
            by_verdict[look.verdict].append((clip_id, look.onset_s, look.offset_s))
    heard = [(position, Look(clip_id, clips[clip_id], drawn)) for clip_id, (position, drawn) in first.items()]
    heard += [one for stretches in marked.values() for one in stretches]
    looks = tuple(look for _, look in sorted(heard, key=lambda one: one[0]))
    present, absent, unsure = (Stretches.of(by_verdict[name]) for name in ("present", "absent", "unsure"))
    return Standing(clips, present, absent, unsure, looks)
