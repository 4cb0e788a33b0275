"""Which verdicts may teach what a scorer's numbers mean, and how they stand against a ranking.

A verdict counts where a person was asked of a cell as a suspect, shown, blind, again or by chance, and the journal's
fold at the position makes it present or absent. What is not asked does not count: a reviewer speaks unasked of a cell
because of how it is. Nor do batches that decided many clips at once, where nobody listened to each; a list of the
queue that was filled row by row in a spreadsheet is none of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys, find_cells
from labeling.disagreement.stored_ranking import Ranking
from labeling.journal import verdict_entries
from labeling.quality.found_beside import found_wrong


@dataclass(frozen=True)
class Verdicts:
    """Decided cells (n,) in the order of the entries that decided them; ``present``: what people said."""

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    present: NDArray[np.bool_]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.clip_id)


@dataclass(frozen=True)
class Judged:
    """Cells of a ranking (n,), with those decided before it (``past``), and whether people found the label ``wrong``.

    ``given``: the label says present, so that the doubt is a false label; else it is a missing one. ``covariates``
    (n, F + 1) are the ranking's, and what was found wrong beside each before it (`found_beside`).
    """

    clip_id: NDArray[np.int64]
    given: NDArray[np.bool_]
    class_id: NDArray[np.int64]
    p_wrong: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    past: NDArray[np.bool_]
    covariates: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.given)

    def part(self, some: slice) -> Judged:
        """Some of them."""
        return Judged(**{name: values[some] for name, values in vars(self).items()})


def counted(connection: Connection, position: int | None = None) -> Verdicts:
    """The verdicts that count at a position of the journal (default: its end)."""
    entries = verdict_entries.read_entries(connection, position)
    unheard = verdict_entries.unheard(entries)
    asked = {entry.cell for entry in entries if entry.asked and entry.position not in unheard}
    counting = [
        entry
        for cell, entry in verdict_entries.deciding(entries).items()
        if cell in asked and entry.verdict != "unsure" and entry.position not in unheard
    ]
    return Verdicts(
        np.array([entry.clip_id for entry in counting], np.int64),
        np.array([entry.class_id for entry in counting], np.int64),
        np.array([entry.verdict == "present" for entry in counting], bool),
        np.array([entry.position for entry in counting], np.int64),
    )


def judged(ranking: Ranking, verdicts: Verdicts) -> Judged:
    """These verdicts against the labels that a ranking doubts, in their order; cells it never scored are left out."""
    past, wanted = ranking.past, cell_keys(verdicts.clip_id, verdicts.class_id)
    before = cell_keys(past.clip_id, past.class_id)
    order = np.argsort(before, kind="stable")
    place = find_cells(ranking.sorted_cells, ranking.sorted_index, wanted)
    place_then = find_cells(before[order], order, wanted)
    here = place >= 0
    then = (place_then >= 0) & ~here
    ranked = here | then

    def pick(name: str) -> NDArray[Any]:
        now = getattr(ranking, name)
        out = np.zeros((len(wanted), *now.shape[1:]), now.dtype)
        out[here], out[then] = now[place[here]], getattr(past, name)[place_then[then]]
        return out[ranked]

    clip_id, given = pick("clip_id"), np.asarray(pick("given"), bool)
    wrong = verdicts.present[ranked] != given
    beside = found_wrong(clip_id, given, wrong).beside(clip_id, given, np.arange(len(given)))
    covariates = np.column_stack([pick("covariates"), beside])
    return Judged(clip_id, given, pick("class_id"), pick("p_wrong"), wrong, then[ranked], covariates)
