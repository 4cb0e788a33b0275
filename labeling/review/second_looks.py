"""Second looks: some suspects are asked blind, some decided cells are asked again, and some cells are drawn at random.

A blind question hides labels and scores. Compared with what the reviewer says where these are shown, it tells how far
the screen pulls them. A cell that is asked again tells how far they agree with themselves. Random looks tell what is
wrong among all labels (labeling/quality/audit.py).

A verdict that all evidence speaks against is asked again too, once, later and blind, and what is said then holds: a
tired reviewer spoils few right labels. Chance did not choose those cells, so they say nothing of how far a reviewer
agrees with themselves, and cells that chance did choose are left to it.

A hash of reviewer, clip, class and run says which cells are chosen, so that a list that is read again asks the same.
The answer is a decision like any other; what it was shown says that it was blind, random, or the second look at which
earlier decision.
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
from labeling.journal.looks import is_open_to, standing_looks
from labeling.journal.open_cells import open_to
from labeling.journal.verdict_entries import Entry
from labeling.quality import audit
from labeling.quality.contradicted import contradicted
from labeling.quality.intervals import Difference, Share, difference
from labeling.quality.scored_run import ScoredRun
from labeling.records import VERDICTS, doubts_present
from labeling.storage import database as db
from labeling.storage import tables

CHECK_EVERY = (
    10  # clips of a list, from one verdict that is asked again, as the evidence speaks against it, to the next
)
LEAST_BETWEEN = 20  # decisions, or clips of a list, from the first look to the second
USUAL_SHARE, MOST_SHARE = 0.05, 0.5
ADJUDICATE = "adjudicate"
USUAL_AUDIT = 0.1  # of looks: after a thousand decisions some fifty of each kind, which bound it within a few percent
MOST_READ, MOST_DUE = 20_000, 5_000  # of a reviewer's decisions, the newest: for the findings, for what is due


@dataclass(frozen=True)
class Shares:
    """Which share of suspects is asked blind, of decided cells again, of all looks at random; each 0..MOST_SHARE."""

    blind: float = USUAL_SHARE
    repeat: float = USUAL_SHARE
    audit: float = USUAL_AUDIT


@dataclass(frozen=True)
class Look:
    """One place in a list of clips to review.

    ``mode`` is "" for the clip with all its suspects, or ``blind``, ``again``, ``doubted`` (again, as the evidence
    speaks against the first verdict), ``audit``, or ADJUDICATE (people said unlike things) for a question about
    ``class_code`` alone.
    """

    clip_id: int
    mode: str = ""
    class_code: str = ""


@dataclass(frozen=True)
class Findings:
    """What the second looks of a reviewer say about their work.

    ``consistent``: of the second looks, those that gave the first one's verdict; ``by_verdict`` the same by what the
    first verdict was. ``shown`` and ``blind``: of the suspects, those on which the reviewer said what the model
    suggests, where labels and scores were shown and where they were hidden. ``pull`` is ``shown`` less ``blind``.
    ``changed``: of the verdicts asked again as the evidence spoke against them, those that became another.
    """

    consistent: Share
    by_verdict: Mapping[str, Share]
    shown: Share
    blind: Share
    pull: Difference | None
    changed: Share


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
    doubted: Sequence[tuple[int, str]] = (),
) -> list[Look]:
    """Weave second looks into a list of clips.

    - A blind question about a clip comes before the clip itself. Where all that is to be decided there is asked blind,
      the clip is not shown beside it.
    - A suspect of this list that is to be asked again, in a repeat look, comes LEAST_BETWEEN clips after its clip.
    - Cells that are ``due`` from earlier days come one at a time, evenly spread, as often as ``shares.repeat`` says.
    - Verdicts that are ``doubted`` come one at a time, CHECK_EVERY clips apart.
    - Cells that were ``drawn`` at random come as often as ``shares.audit`` says, except those that this list has
      already asked about.

    Parameters
    ----------
    clip_ids : iterable of int
        The clips of the queue, in order.
    cells : mapping of int to sequence of str
        Clip id to the class codes of its suspects to do (`suspects_to_do`).
    due : sequence of (int, str)
        Cells to be asked a second time (`due_repeats`).
    shares : Shares
    reviewer, run_id : str
        Both decide, with the cell, which ones are chosen.
    drawn : sequence of (int, str)
        Cells that chance picked (`audit.waiting`).
    doubted : sequence of (int, str)
        Cells whose verdict the evidence speaks against (`doubted_verdicts`).

    Returns
    -------
    list of Look

    Examples
    --------
    >>> from labeling.review.second_looks import Shares, plan
    >>> shares = Shares(blind=0, repeat=0, audit=0.5)
    >>> looks = plan([1, 2], {}, [], shares, reviewer="ann", run_id="", drawn=[(7, "amecro")])
    >>> [look.mode or look.clip_id for look in looks]
    [1, 'audit', 2]
    """
    looks: list[Look] = []
    later: deque[tuple[int, Look]] = deque()
    waiting = deque(Look(clip_id, "again", code) for clip_id, code in due)
    checks = deque(Look(clip_id, "doubted", code) for clip_id, code in doubted)
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
        if checks and number % CHECK_EVERY == 0:
            looks.append(checks.popleft())
        asked |= {(clip_id, code) for code in codes}
        owed += shares.audit / (1 - shares.audit)
        while owed >= 1 - 1e-9:
            owed -= 1
            looks += list(islice((look for look in random if (look.clip_id, look.class_code) not in asked), 1))
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
    cells = suspects_to_do(connection, run, clip_ids, min_p_wrong, reviewer)
    due = due_repeats(connection, reviewer, shares)
    doubted = doubted_verdicts(connection, run, reviewer, shares) if shares.repeat else []
    count = math.ceil(len(clip_ids) * shares.audit / (1 - shares.audit))
    drawn = audit.waiting(connection, run, reviewer, count, kinds)
    return plan(
        clip_ids, cells, due, shares, reviewer=reviewer.strip(), run_id=run.run_id, drawn=drawn, doubted=doubted
    )


def suspects_to_do(
    connection: Connection, run: ScoredRun, clip_ids: Sequence[int], min_p_wrong: float, reviewer: str = ""
) -> dict[int, list[str]]:
    """The suspects of these clips that a reviewer is to decide on, best first: clip id to class codes."""
    ranking = run.ranking
    keep = np.isin(ranking.clip_id, np.fromiter(clip_ids, np.int64)) & (run.probability >= min_p_wrong)
    is_open = open_to(connection, reviewer)
    decided = db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id))
    keep[ranking.place([cell for cell in decided if not is_open.holds(*cell)])] = False
    code_of = dict(db.fetch(connection, sa.select(tables.classes.c.id, tables.classes.c.code)))
    suspects: dict[int, list[str]] = {}
    for clip_id, class_id in zip(ranking.clip_id[keep].tolist(), ranking.class_id[keep].tolist(), strict=True):
        suspects.setdefault(clip_id, []).append(code_of[class_id])
    return suspects


def due_repeats(connection: Connection, reviewer: str, shares: Shares) -> list[tuple[int, str]]:
    """Cells (clip id, class code) to ask this reviewer a second time, those that they decided first before others.

    Chosen from the cells that they decided exactly once, for the whole clip, neither blind nor drawn at random nor in a
    batch of many clips; at least LEAST_BETWEEN and at most MOST_DUE decisions ago; and that nobody has decided since.
    """
    code_of = {label_class.id: label_class.code for label_class in store.all_classes(connection)}
    heard = _heard_once(connection, reviewer)
    return _untouched(connection, [entry for entry in heard if _repeats(entry, code_of, shares)], code_of)


def doubted_verdicts(connection: Connection, run: ScoredRun, reviewer: str, shares: Shares) -> list[tuple[int, str]]:
    """Cells (clip id, class code) whose verdict by this reviewer the evidence speaks against, most strongly first.

    Of those that `due_repeats` looks at, and of blind and random looks, that a screen asked of and nobody filled into a
    spreadsheet; what chance has chosen to come again is left to it. ``run`` tells what the evidence says
    (`quality.contradicted`).
    """
    against = contradicted(run)
    if not against:
        return []
    code_of = {label_class.id: label_class.code for label_class in store.all_classes(connection)}
    chosen = [
        entry
        for entry in _heard_once(connection, reviewer)
        if entry.cell in against and entry.asked and not (entry.one_by_one or _repeats(entry, code_of, shares))
    ]
    return _untouched(connection, sorted(chosen, key=lambda entry: -against[entry.cell]), code_of)


def _heard_once(connection: Connection, reviewer: str) -> list[Entry]:
    """Cells that a reviewer decided exactly once, listening, and LEAST_BETWEEN to MOST_DUE decisions ago."""
    entries = _of_whole_clips(connection, reviewer, MOST_DUE)
    unheard, times = verdict_entries.unheard(entries), Counter(entry.cell for entry in entries)
    before = entries[: max(0, len(entries) - LEAST_BETWEEN)]
    return [entry for entry in before if times[entry.cell] == 1 and entry.position not in unheard]


def _repeats(entry: Entry, code_of: Mapping[int, str], shares: Shares) -> bool:
    """Whether chance has chosen this decision to be asked again."""
    cell = entry.clip_id, code_of[entry.class_id]
    by_chance = not (entry.blind or entry.drawn or entry.adjudication)
    return by_chance and is_chosen(shares.repeat, "again", entry.reviewer, *cell, entry.run_id)


def _untouched(connection: Connection, entries: Sequence[Entry], code_of: Mapping[int, str]) -> list[tuple[int, str]]:
    """The cells of those entries that are the last word on theirs."""
    last = tables.cells.c.position
    standing: set[int] = set(connection.scalars(sa.select(last).where(last.in_([entry.position for entry in entries]))))
    return [(entry.clip_id, code_of[entry.class_id]) for entry in entries if entry.position in standing]


def first_look(connection: Connection, reviewer: str, clip_id: int, class_code: str) -> int | None:
    """The position of this reviewer's one decision on a cell, for `Shown.second_look` and `Shown.doubted_look`.

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
        and entry.copy_of is None
        and not (entry.position in undone_positions or entry.undoes is not None or entry.region)
    ]
    if len(own) != 1:
        return None
    since = sa.select(sa.func.count()).where(
        mine, tables.decisions.c.position > own[0], tables.decisions.c.undoes.is_(None)
    )
    return own[0] if (connection.scalar(since) or 0) >= LEAST_BETWEEN else None


def is_open(connection: Connection, reviewer: str, look: Look) -> bool:
    """Whether a second look is still to be asked: an answer to one that was given elsewhere meanwhile counts twice. Of
    one that is to settle unlike verdicts: whether nobody settled it meanwhile."""
    if look.mode == ADJUDICATE:
        said = [
            entry for entry in journal.clip_history(connection, look.clip_id) if entry.class_code == look.class_code
        ]
        standing = standing_looks(said)
        return not (standing and standing[-1].shown.adjudication)
    if look.mode in ("again", "doubted"):
        return first_look(connection, reviewer, look.clip_id, look.class_code) is not None
    is_decided = bool(journal.cell_state(connection, look.clip_id, look.class_code).verdict)
    return not is_decided or is_open_to(connection, look.clip_id, look.class_code, reviewer)


def findings(connection: Connection, reviewer: str) -> Findings:
    """What the second looks of a reviewer say, from their newest MOST_READ decisions.

    Whether the model is followed is counted on suspects, by the first decision on each: the model suggests the opposite
    of what the label said when it was scored, and ``unsure`` does not follow it. Left out are batches that decided many
    clips at once, because nobody listened to each, and cells drawn at random, because they are no suspects.
    """
    entries = _of_whole_clips(connection, reviewer, MOST_READ)
    by_position = {entry.position: entry for entry in entries}
    agreed: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    changed = [0, 0]
    for entry in entries:
        doubted = by_position.get(entry.doubted_look or 0)
        if doubted is not None:
            changed[0] += entry.verdict != doubted.verdict
            changed[1] += 1
        first = by_position.get(entry.second_look or 0)
        if first is not None:
            asked[first.verdict] += 1
            agreed[first.verdict] += entry.verdict == first.verdict
    unheard = verdict_entries.unheard(entries)
    first_of_cell = {entry.cell: entry for entry in reversed(entries)}.values()
    listed = store.listed_cells(connection, {entry.clip_id for entry in first_of_cell if entry.kind == "swapped"})
    code_of = {label_class.id: label_class.code for label_class in store.all_classes(connection)}
    followed: dict[bool, list[bool]] = {False: [], True: []}
    for entry in first_of_cell:
        if entry.kind and entry.position not in unheard and entry.second_look is None and not entry.drawn:
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
        changed=Share(*changed),
    )


def _of_whole_clips(connection: Connection, reviewer: str, most: int) -> list[Entry]:
    """The reviewer's newest entries on whole clips that were not taken back, oldest first."""
    name = reviewer.strip()
    entries = verdict_entries.read_entries(connection)
    return [entry for entry in entries if entry.reviewer == name and not entry.in_region][-most:]
