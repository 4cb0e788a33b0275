"""Second looks: a share of suspects is asked blind, a share of decided cells comes twice, and a share of looks goes to
cells drawn at random (audit.py).

What comes of them says how far a reviewer agrees with themselves, and how far what is on screen pulls them. Which
cells are chosen follows from a hash of reviewer, clip, class and run, so that a list that is read anew asks the same.
A decision on one is a decision like others; its `Shown` says ``blind``, or ``second_look`` with the position of the
first, or ``audit``.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.journal import verdict_entries
from labeling.journal.verdict_entries import Entry
from labeling.quality import audit
from labeling.quality.intervals import Difference, Share, difference
from labeling.quality.scored_run import ScoredRun
from labeling.records import VERDICTS, doubts_present
from labeling.storage import database as db
from labeling.storage import tables

LEAST_BETWEEN = 20  # decisions, or clips of a list, from the first look to the second
USUAL_SHARE, MOST_SHARE = 0.05, 0.5
USUAL_AUDIT = 0.1  # of looks: after a thousand decisions some fifty of each kind, which bound it within a few percent
MOST_READ, MOST_DUE = 20_000, 5_000  # of a reviewer's decisions, the newest: for the findings, for what is due


@dataclass(frozen=True)
class Shares:
    """Which share of suspects is asked blind, of decided cells in a repeat look, and of looks at random,
    0..MOST_SHARE."""

    blind: float = USUAL_SHARE
    repeat: float = USUAL_SHARE
    audit: float = USUAL_AUDIT


@dataclass(frozen=True)
class Look:
    """One place in a list of clips. ``mode`` is "", or ``blind``, ``again`` or ``audit``: of ``class_code`` alone."""

    clip_id: int
    mode: str = ""
    class_code: str = ""


@dataclass(frozen=True)
class Findings:
    """What a reviewer's second looks say.

    ``consistent`` counts the second looks that gave the first one's verdict, ``by_verdict`` those whose first verdict
    was that. ``shown`` and ``blind`` count the suspects on which the reviewer said what the model suggests, by
    whether they saw that; ``pull`` is their difference.
    """

    consistent: Share
    by_verdict: Mapping[str, Share]
    shown: Share
    blind: Share
    pull: Difference | None


def shares_of(preference: object) -> Shares:
    """The shares that a reviewer chose, ``{"blind": 0.05, "again": 0.05, "audit": 0.1}``; the usual ones where none."""
    chosen = preference if isinstance(preference, Mapping) else {}

    def share(name: str, usual: float) -> float:
        value = chosen.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
            return usual
        return float(min(max(value, 0.0), MOST_SHARE))

    return Shares(share("blind", USUAL_SHARE), share("again", USUAL_SHARE), share("audit", USUAL_AUDIT))


def is_chosen(share: float, purpose: str, reviewer: str, clip_id: int, class_code: str, run_id: str) -> bool:
    """Whether a cell is among the ``share`` for a purpose, ``blind`` or ``again``: the same answer each time."""
    words = f"{purpose}\n{reviewer}\n{clip_id}\n{class_code}\n{run_id}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")
    return number < share * 2**64


def plan(
    clip_ids: Iterable[int],
    cells: Mapping[int, Sequence[str]],
    due: Sequence[tuple[int, str]],
    shares: Shares,
    *,
    reviewer: str,
    run_id: str,
    drawn: Sequence[tuple[int, str]] = (),
) -> list[Look]:
    """A list of clips with second looks woven in. ``cells`` are the suspects to do of each clip (`suspects_to_do`).

    A blind question comes before its clip, and in its place where it asks of all that is to do there. A suspect of
    this list that is to come again does so LEAST_BETWEEN clips later; those ``due`` from before (`due_repeats`) come
    one by one in between, as often as their share says; so do those ``drawn`` at random (`audit.waiting`), but for
    what the list has asked by then.
    """
    looks: list[Look] = []
    later: deque[tuple[int, Look]] = deque()
    waiting = deque(Look(clip_id, "again", code) for clip_id, code in due)
    every = max(1, round(1 / shares.repeat)) if shares.repeat > 0 else 0
    random = iter([Look(clip_id, "audit", code) for clip_id, code in drawn])
    asked: set[tuple[int, str]] = set()
    owed = 0.0
    for number, clip_id in enumerate(clip_ids, start=1):
        codes = cells.get(clip_id, ())
        blind = [code for code in codes if is_chosen(shares.blind, "blind", reviewer, clip_id, code, run_id)]
        looks += [Look(clip_id, "blind", code) for code in blind]
        if not blind or len(blind) < len(codes):
            looks.append(Look(clip_id))
        for code in codes:
            if code not in blind and is_chosen(shares.repeat, "again", reviewer, clip_id, code, run_id):
                later.append((number + LEAST_BETWEEN, Look(clip_id, "again", code)))
        while later and later[0][0] <= number:
            looks.append(later.popleft()[1])
        if waiting and every and number % every == 0:
            looks.append(waiting.popleft())
        asked |= {(clip_id, code) for code in codes}
        owed += shares.audit / (1 - shares.audit)
        while owed >= 1 - 1e-9:
            owed -= 1
            looks += list(islice((one for one in random if (one.clip_id, one.class_code) not in asked), 1))
    return looks


def woven(
    connection: Connection,
    run: ScoredRun,
    clip_ids: Sequence[int],
    shares: Shares,
    *,
    min_p_wrong: float,
    reviewer: str,
    kinds: Sequence[str] = (),
) -> list[Look]:
    """`plan` for a queue of one scored run, of some ``kinds`` (empty: any); ``min_p_wrong`` is the filter's."""
    if shares == Shares(0, 0, 0):
        return [Look(clip_id) for clip_id in clip_ids]
    cells = suspects_to_do(connection, run, clip_ids, min_p_wrong)
    due = due_repeats(connection, reviewer, shares)
    count = math.ceil(len(clip_ids) * shares.audit / (1 - shares.audit))
    drawn = audit.waiting(connection, run, reviewer, count, kinds)
    return plan(clip_ids, cells, due, shares, reviewer=reviewer.strip(), run_id=run.run_id, drawn=drawn)


def suspects_to_do(
    connection: Connection, run: ScoredRun, clip_ids: Sequence[int], min_p_wrong: float
) -> dict[int, list[str]]:
    """The undecided suspects of these clips, best first: clip id to class codes."""
    ranking = run.ranking
    keep = np.isin(ranking.clip_id, np.fromiter(clip_ids, np.int64)) & (run.probability >= min_p_wrong)
    keep[ranking.place(db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id)))] = False
    code_of = dict(db.fetch(connection, sa.select(tables.classes.c.id, tables.classes.c.code)))
    found: dict[int, list[str]] = {}
    for clip_id, class_id in zip(ranking.clip_id[keep].tolist(), ranking.class_id[keep].tolist(), strict=True):
        found.setdefault(clip_id, []).append(code_of[class_id])
    return found


def due_repeats(connection: Connection, reviewer: str, shares: Shares) -> list[tuple[int, str]]:
    """Cells (clip id, class code) to be asked of this reviewer in a repeat look, those decided first before others.

    Those that they decided once, on the whole clip, not blind nor at random nor with other clips at once, at least
    LEAST_BETWEEN and at most MOST_DUE decisions ago, and that nobody touched since.
    """
    entries = _of_whole_clips(connection, reviewer, MOST_DUE)
    unheard = verdict_entries.batches_of_many_clips(entries)
    times = Counter(entry.cell for entry in entries)
    code_of = {one.id: one.code for one in store.all_classes(connection)}
    chosen = [
        entry
        for entry in entries[: max(0, len(entries) - LEAST_BETWEEN)]
        if times[entry.cell] == 1
        and not (entry.blind or entry.drawn)
        and entry.batch_id not in unheard
        and is_chosen(shares.repeat, "again", entry.reviewer, entry.clip_id, code_of[entry.class_id], entry.run_id)
    ]
    last = tables.cells.c.position
    untouched: set[int] = set(connection.scalars(sa.select(last).where(last.in_([entry.position for entry in chosen]))))
    return [(entry.clip_id, code_of[entry.class_id]) for entry in chosen if entry.position in untouched]


def first_look(connection: Connection, reviewer: str, clip_id: int, class_code: str) -> int | None:
    """The position of this reviewer's one decision on a cell, for `Shown.second_look`.

    None where a decision now would be no second look: they decided on the cell never, more than once, or less than
    LEAST_BETWEEN decisions ago.
    """
    mine = tables.decisions.c.reviewer == reviewer.strip()
    entries = journal.decisions_where(
        connection, tables.decisions.c.clip_id == clip_id, tables.classes.c.code == class_code
    )
    undone_positions = journal.undone(entries)
    own = [
        entry.position
        for entry in entries
        if entry.reviewer == reviewer.strip()
        and not (entry.position in undone_positions or entry.undoes is not None or entry.region)
    ]
    if len(own) != 1:
        return None
    since = sa.select(sa.func.count()).where(
        mine, tables.decisions.c.position > own[0], tables.decisions.c.undoes.is_(None)
    )
    return own[0] if (connection.scalar(since) or 0) >= LEAST_BETWEEN else None


def findings(connection: Connection, reviewer: str) -> Findings:
    """What the second looks of a reviewer say, of their newest MOST_READ decisions.

    The model suggests the other of what the label said as it was scored. Of each cell the first decision counts,
    ``unsure`` as one that does not follow; those made for many clips at once do not, since nobody listened, nor those
    on cells drawn at random, which are no suspects.
    """
    entries = _of_whole_clips(connection, reviewer, MOST_READ)
    by_position = {entry.position: entry for entry in entries}
    agreed: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for entry in entries:
        first = by_position.get(entry.second_look or 0)
        if first is not None:
            asked[first.verdict] += 1
            agreed[first.verdict] += entry.verdict == first.verdict
    unheard = verdict_entries.batches_of_many_clips(entries)
    first_of_cell = {entry.cell: entry for entry in reversed(entries)}.values()
    listed = store.listed_cells(connection, {entry.clip_id for entry in first_of_cell if entry.kind == "swapped"})
    code_of = {one.id: one.code for one in store.all_classes(connection)}
    followed: dict[bool, list[bool]] = {False: [], True: []}
    for entry in first_of_cell:
        if entry.kind and entry.batch_id not in unheard and entry.second_look is None and not entry.drawn:
            imported = (entry.clip_id, code_of[entry.class_id]) in listed
            suggested = "absent" if doubts_present(entry.kind, imported) else "present"
            followed[entry.blind].append(entry.verdict == suggested)
    shown, blind = (Share(sum(followed[name]), len(followed[name])) for name in (False, True))
    return Findings(
        consistent=Share(agreed.total(), asked.total()),
        by_verdict={verdict: Share(agreed[verdict], asked[verdict]) for verdict in VERDICTS if asked[verdict]},
        shown=shown,
        blind=blind,
        pull=difference(shown, blind),
    )


def _of_whole_clips(connection: Connection, reviewer: str, most: int) -> list[Entry]:
    """The reviewer's newest entries on whole clips that were not taken back, oldest first."""
    name = reviewer.strip()
    entries = verdict_entries.read_entries(connection)
    return [entry for entry in entries if entry.reviewer == name and not entry.in_region][-most:]
