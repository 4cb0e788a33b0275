"""Snippets: the suspects of one class, each as the few seconds of its clip that tell the most, for a sweep.

A wall of them is decided many at a time, so the list says of each what a reviewer must see: where to listen, how the
class is listed, what the model says, and what was decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import channels, store
from labeling.errors import ArtefactError, DataError
from labeling.journal.open_cells import open_to
from labeling.predictions.oof import Oof, read_oof
from labeling.quality.scored_run import ScoredRun
from labeling.records import Suspect, doubts_present
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept
from labeling.suspects import queue
from labeling.suspects.filter import ORDERS, STATUSES, QueueFilter
from labeling.suspects.queue import QueueRow
from labeling.workspace import Workspace

SNIPPET_S = 3.0
MOST_SNIPPETS = 1_000

#: which cells -> what it says on the screen
WHICH: Mapping[str, str] = {"missing": "Not listed", "false": "Listed", "all": "All"}
SORTS: Mapping[str, str] = {name: ORDERS[name] for name in ("rank", "clipwise", "framewise")}
_KINDS: Mapping[str, tuple[str, ...]] = {"missing": ("missing", "swapped"), "false": ("false", "swapped"), "all": ()}

_peaks: Kept[float | None] = Kept(200_000)  # so that a class is read from the disk once


@dataclass(frozen=True)
class Snippet:
    """A suspect, and the stretch ``from_s``..``to_s`` of its clip to hear and see.

    ``role`` is how the class was imported: ``primary``, ``secondary`` or "" (not listed). ``verdict`` is "" while
    nobody has decided. ``channel`` stands for the clip's sound (0: the mix).
    """

    suspect: Suspect
    role: str
    verdict: str
    from_s: float
    to_s: float
    channel: int = 0


def snippets(
    connection: Connection,
    workspace: Workspace,
    run: ScoredRun,
    class_code: str,
    *,
    which: str = "all",
    status: str = "all",
    order: str = "rank",
    min_p_wrong: float = 0.0,
    limit: int = MOST_SNIPPETS,
    reviewer: str = "",
) -> list[Snippet]:
    """The first ``limit`` snippets of a class, those to do before those decided, each part in ``order``.

    ``which`` keeps the cells that were listed as they were scored (``false``) or not (``missing``); a swap has one of
    each. ``reviewer`` is who looks: what lacks their look is to do. Raises DataError for a class, order, status or
    ``which`` that is not there.
    """
    store.class_id(connection, class_code)
    for name, value, known in (
        ("choice", which, WHICH),
        ("order", order, SORTS),
        ("status", status, STATUSES),
    ):
        if value not in known:
            raise DataError(unknown_name(name, value, list(known)))
    roles = _roles(connection, class_code)
    rows: list[QueueRow] = []
    for part in ("open", "decided") if status == "all" else (status,):
        wanted = QueueFilter(
            kinds=_KINDS[which], classes=(class_code,), status=part, min_p_wrong=min_p_wrong, order=order,
            reviewer=reviewer, skips=False,
        )  # fmt: skip
        for page in count():
            if len(rows) >= limit:
                break
            page_rows = queue.rows(connection, run, wanted, limit=limit, offset=page * limit)
            rows += [row for row in page_rows if which == "all" or _doubts_present(row, roles) == (which == "false")]
            if len(page_rows) < limit:
                break
    rows = rows[:limit]
    middles = _middles(workspace, run.run_id, rows)
    windows = [window(middle, row.duration_s) for middle, row in zip(middles, rows, strict=True)]
    channel_of = channels.channels_of(connection, [row.suspect.clip_id for row in rows])
    return [
        Snippet(
            row.suspect,
            roles.get(row.suspect.clip_id, ""),
            row.verdict,
            *bounds,
            channel_of.get(row.suspect.clip_id, 0),
        )
        for row, bounds in zip(rows, windows, strict=True)
    ]


def window(middle_s: float, duration_s: float) -> tuple[float, float]:
    """Onset and offset of SNIPPET_S around ``middle_s``, moved to lie inside the clip; a shorter clip is taken whole.

    A clip whose length is not known (0) is taken to be long enough.
    """
    last = max(0.0, duration_s - SNIPPET_S) if duration_s > 0 else np.inf
    from_s = float(np.clip(middle_s - SNIPPET_S / 2, 0.0, last))
    return from_s, min(from_s + SNIPPET_S, duration_s) if duration_s > 0 else from_s + SNIPPET_S


def verdicts(connection: Connection, class_code: str, reviewer: str = "") -> dict[int, str]:
    """What stands decided of a class, by clip id, as a reviewer may know it. Raises DataError for an unknown class."""
    cells, class_id = tables.cells, store.class_id(connection, class_code)
    query = sa.select(cells.c.clip_id, cells.c.verdict).where(cells.c.class_id == class_id)
    is_open = open_to(connection, reviewer)
    return {clip_id: said for clip_id, said in db.fetch(connection, query) if not is_open.holds(clip_id, class_id)}


def _doubts_present(row: QueueRow, roles: Mapping[int, str]) -> bool:
    return doubts_present(row.suspect.kind, row.suspect.clip_id in roles)


def _roles(connection: Connection, class_code: str) -> dict[int, str]:
    labels = tables.imported_labels
    query = sa.select(labels.c.clip_id, labels.c.role).where(
        labels.c.class_id == store.class_id(connection, class_code)
    )
    return dict(db.fetch(connection, query))


def _middles(workspace: Workspace, run_id: str, rows: Sequence[QueueRow]) -> list[float]:
    """The middle of the most telling seconds of each row: of its stretch, or where that is longer than a snippet, of
    the SNIPPET_S within it in which the frames are highest on average."""
    middles = [(row.suspect.onset_s + row.suspect.offset_s) / 2 for row in rows]
    long = [at for at, row in enumerate(rows) if row.suspect.offset_s - row.suspect.onset_s > SNIPPET_S]
    if not long:
        return middles
    path = workspace.run_dir(run_id) / "oof.zarr"
    opened: list[tuple[Oof, dict[int, int]]] = []  # on first need

    def loudest(suspect: Suspect) -> float | None:
        if not opened:
            oof = read_oof(path)
            opened.append((oof, {clip_id: row for row, clip_id in enumerate(oof.clip_ids.tolist())}))
        oof, row_of = opened[0]
        row = row_of.get(suspect.clip_id)
        return None if row is None else _loudest(oof, row, suspect)

    try:
        changed_ns = path.stat().st_mtime_ns
        for at in sorted(long, key=lambda at: rows[at].suspect.clip_id):  # about as they lie on disk
            suspect = rows[at].suspect
            cell = suspect.clip_id, suspect.class_code, suspect.onset_s, suspect.offset_s
            middle = _peaks.get((str(path), changed_ns, *cell), partial(loudest, suspect))
            middles[at] = middles[at] if middle is None else middle
    except (ArtefactError, OSError):
        pass  # predictions that have gone cost the best place in a long stretch, not the sweep
    return middles


def _loudest(oof: Oof, row: int, suspect: Suspect) -> float:
    """Middle, in seconds, of the SNIPPET_S of a suspect's stretch with the highest mean frame."""
    grid = oof.grid
    first, end = (max(0, round((at - grid.start_s) / grid.step_s)) for at in (suspect.onset_s, suspect.offset_s))
    frames = oof.frames(row)[first:end, oof.classes.index(suspect.class_code)]
    length = min(len(frames), max(1, round(SNIPPET_S / grid.step_s)))
    if not length:
        return (suspect.onset_s + suspect.offset_s) / 2
    best = first + int(np.argmax(_sums(frames, length)))
    return float(grid.start_s + (best + length / 2) * grid.step_s)


def _sums(values: NDArray[np.float32], length: int) -> NDArray[np.float64]:
    """Sums of each ``length`` neighbours of ``values`` (T,): (T - length + 1,)."""
    totals = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return np.asarray(totals[length:] - totals[:-length], np.float64)
