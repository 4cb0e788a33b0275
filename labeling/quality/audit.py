"""The audit: which cells are looked at by chance, and what these random looks say of all labels.

The queue shows the worst suspects first, so the share of wrong ones among them says nothing of the other labels. A
part of all looks therefore goes to cells that chance picks. Chance is a hash of clip and class (`random_order.turns`):
it gives one fixed order of all cells, which is the same for every reviewer and every run, and on which no scorer has an
influence. Listed and unlisted cells take turns, because there are a hundred times as many unlisted ones and each kind
needs looks of its own. Looks stay good when a later run is scored, since no scorer placed them. They are not spread
by how suspect a cell is: most wrong labels that remain lie where most cells are, and there chance looks most often.

A large collection has more unlisted cells than a ranking holds. It then holds the most suspect ones, and those that
come first in the order of the audit; only the second may be drawn, so that a draw still stands for all cells.

A cell counts as a random look where its first decision was asked for by the audit. ``unsure`` counts as a look that
found no wrong label, because the rates are of labels that a person would call wrong. A look that nobody answered
leaves its cell undecided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys, find_cells, mixed
from labeling.disagreement import random_order
from labeling.disagreement.stored_ranking import Ranking
from labeling.journal.open_cells import open_to
from labeling.quality.decided_cells import decided_cells
from labeling.quality.noise_rates import Cells, Rate, Remaining, rates_of, remaining_of
from labeling.quality.scored_run import ScoredRun
from labeling.reviewer import marks
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept

WINDOW = 20  # times as many cells as a reviewer is asked, from which they get theirs: two at once seldom meet
_orders: Kept[NDArray[np.int64]] = Kept(3)  # by ranking
_answers: Kept[Cells] = Kept(3)  # by scored run


# ------------------------------------------------------------------------------------------------ the order


def order(ranking: Ranking) -> NDArray[np.int64]:
    """All places of a ranking (M,) in the order of the audit: listed and unlisted cells in turn, each by their hash."""
    return _orders.get(ranking, lambda: _order(ranking))


def _order(ranking: Ranking) -> NDArray[np.int64]:
    given = np.asarray(ranking.given, bool)
    keys = random_order.turns(ranking.clip_id, ranking.class_id)
    listed, unlisted = (places[np.argsort(keys[places])] for places in (np.flatnonzero(given), np.flatnonzero(~given)))
    both = min(len(listed), len(unlisted))
    turns = np.stack([listed[:both], unlisted[:both]], axis=1).ravel()
    return np.concatenate([turns, listed[both:], unlisted[both:]]).astype(np.int64)


def in_draw(ranking: Ranking) -> NDArray[np.bool_]:
    """Which places of a ranking (M,) may be drawn: listed cells, and unlisted ones up to where none is missing."""
    if ranking.left_out is None:
        return np.ones(len(ranking.clip_id), bool)
    first = random_order.turns(ranking.clip_id, ranking.class_id) < np.uint64(ranking.left_out.below)
    return np.asarray(first | ranking.given, bool)


def waiting(
    connection: Connection,
    run: ScoredRun,
    reviewer: str,
    count: int,
    kinds: Sequence[str] = (),
    *,
    window: int = WINDOW,
) -> list[tuple[int, str]]:
    """Choose the next cells to ask a reviewer at random.

    Cells that are decided already are passed over, and so are clips that this reviewer skipped. Two reviewers who work
    at the same time should seldom get the same cell: so out of the first ``window * count`` cells of the audit's order
    each gets those that a hash of their name picks. Where random looks are asked of several people, cells that others
    have answered come first.

    Parameters
    ----------
    connection : Connection
    run : ScoredRun
    reviewer : str
    count : int
        How many cells are wanted.
    kinds : sequence of str
        Of records.KINDS: only cells whose label is doubted in this way, a swap with the label that it doubts. Empty:
        any.
    window : int
        1 takes the very first cells of the order, whoever asks.

    Returns
    -------
    list of (int, str)
        Clip id and class code; fewer than ``count`` where no more are left.
    """
    ranking = run.ranking
    if count <= 0 or not len(ranking.clip_id):
        return []
    asked = in_draw(ranking)
    if kinds and "swapped" not in kinds and len(set(kinds)) == 1:
        asked &= np.asarray(ranking.given, bool) == ("false" in kinds)
    is_open = open_to(connection, reviewer)
    asked[ranking.place(db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id)))] = False
    begun = ranking.place([(key >> 24, key & 0xFFFFFF) for key in is_open.drawn.tolist()])
    asked[begun] = True  # by others, and their looks are not enough
    skipped = sorted(marks.standing(connection, ["skip"], reviewer))
    if skipped:
        asked &= ~np.isin(ranking.clip_id, skipped)
    places = order(ranking)
    places = places[asked[places]][: window * count]
    first = places[np.isin(places, begun)]
    if window > 1:
        name = hashlib.blake2b(reviewer.strip().encode("utf-8", "surrogatepass"), digest_size=8).digest()
        keys = cell_keys(ranking.clip_id[places], ranking.class_id[places])
        own = np.argsort(mixed(keys, int.from_bytes(name, "big")))
        places = places[_in_turn(np.asarray(ranking.given, bool)[places], own)]
    places = np.concatenate([first, places[~np.isin(places, first)]])[:count]
    code_of = dict(db.fetch(connection, sa.select(tables.classes.c.id, tables.classes.c.code)))
    cells = zip(ranking.clip_id[places].tolist(), ranking.class_id[places].tolist(), strict=True)
    return [(clip_id, code_of[class_id]) for clip_id, class_id in cells]


def _in_turn(given: NDArray[np.bool_], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """``places`` so that listed and unlisted ones take turns, each in their order."""
    listed = given[places]
    turn = np.where(listed, np.cumsum(listed), np.cumsum(~listed))
    return np.asarray(places[np.lexsort((~listed, turn))])


# ------------------------------------------------------------------------------------------------ what it says


def noise_rates(connection: Connection, run: ScoredRun) -> list[Rate]:
    """Estimate how much of the labels is wrong, from decisions and random looks.

    Parameters
    ----------
    connection : Connection
    run : ScoredRun

    Returns
    -------
    list of Rate
        As `noise_rates.rates_of` gives them: by kind, then by kind and class.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.quality import audit
    >>> from labeling.quality.scored_run import read_scored_run
    >>> with example_workspace().read() as connection:
    ...     run = read_scored_run(connection, "001-demo", "earmark")
    ...     missing, false, *by_role_and_class = audit.noise_rates(connection, run)
    >>> false.cells, round(false.value, 2), false.audited
    (14, 0.03, 0)
    """
    return rates_of(_cells(connection, run))


def remaining(connection: Connection, run: ScoredRun) -> list[Remaining]:
    """Estimate how many wrong labels are still to be found, with a bound that tells when to stop.

    Parameters
    ----------
    connection : Connection
    run : ScoredRun

    Returns
    -------
    list of Remaining
        Of ``false``, of ``missing``, and of ``all`` together.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.quality import audit
    >>> from labeling.quality.scored_run import read_scored_run
    >>> with example_workspace().read() as connection:
    ...     run = read_scored_run(connection, "001-demo", "earmark")
    ...     everything = audit.remaining(connection, run)[-1]
    >>> everything.kind, everything.among, everything.known
    ('all', 36, False)
    """
    return remaining_of(_cells(connection, run))


# ------------------------------------------------------------------------------------------------ reading


def _cells(connection: Connection, run: ScoredRun) -> Cells:
    """The cells of a scored run as the journal has them at its position; those decided before the scoring, too."""
    return _answers.get(run, lambda: _read_cells(connection, run))


def _read_cells(connection: Connection, run: ScoredRun) -> Cells:
    ranking, decided = run.ranking, decided_cells(connection, run.position)
    past, size = ranking.past, len(run)
    wanted = cell_keys(decided.clip_id, decided.class_id)
    before = cell_keys(past.clip_id.astype(np.int64), past.class_id.astype(np.int64))
    by_key = np.argsort(before)
    place = find_cells(ranking.sorted_cells, ranking.sorted_index, wanted)  # of ranking and past as one
    place_before = find_cells(before[by_key], by_key + size, wanted)
    place = np.where(place >= 0, place, place_before)
    there = place >= 0
    place = place[there]

    undecided = np.ones(size, bool)
    undecided[place[place < size]] = False
    open_places = np.flatnonzero(undecided)
    places = np.concatenate([open_places, place])
    given = np.concatenate([np.asarray(ranking.given, bool), np.asarray(past.given, bool)])
    class_id = np.concatenate([ranking.class_id, past.class_id]).astype(np.int64)
    labels = tables.imported_labels
    roles = sa.select(labels.c.clip_id, labels.c.class_id).where(labels.c.role == "primary")
    rows = [tuple(row) for row in db.fetch(connection, roles)]
    imported = cell_keys(*np.array(rows, np.int64).reshape(-1, 2).T)
    primary = np.zeros(size + len(past), bool)
    for keys, own in ((ranking.sorted_cells, ranking.sorted_index), (before[by_key], by_key + size)):
        imported_places = find_cells(keys, own, imported)
        primary[imported_places[imported_places >= 0]] = True
    guess, drawn, left_out = run.probability[open_places], decided.drawn[there], ranking.left_out
    cells_beside, guess_beside = np.zeros(0, np.int64), 0.0
    if left_out is not None:
        turns = random_order.turns(decided.clip_id[there], decided.class_id[there])
        drawn = drawn & ((turns < np.uint64(left_out.below)) | given[place])
        cells_beside, guess_beside = left_out.count, _guess_beside(ranking, open_places, guess)
    return Cells(
        class_id=class_id[places],
        given=given[places],
        primary=(primary & given)[places],
        guess=guess,
        wrong=(decided.present[there] != given[place]) & ~decided.unsure[there],
        drawn=drawn,
        left_out=cells_beside,
        left_out_guess=guess_beside,
    )


def _guess_beside(ranking: Ranking, open_places: NDArray[np.int64], guess: NDArray[np.float32]) -> float:
    """The mean probability of what a ranking left out, by the cells that stand in it by chance alone.

    Those are less suspect than all that stand in it for other reasons.
    """
    by_chance = in_draw(ranking) & ~np.asarray(ranking.given, bool)
    chosen = ranking.p_wrong[~in_draw(ranking)]
    alike = by_chance[open_places] & (ranking.p_wrong[open_places] < chosen.min(initial=1.0))
    return float(guess[alike].mean(dtype=np.float64)) if alike.any() else 0.0
