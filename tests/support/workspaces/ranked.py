"""Four clips and a ranking of seven suspects, for tests of the queue."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from labeling import journal, runs
from labeling.collection import store
from labeling.disagreement import stored_ranking
from labeling.journal import versions
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.records import KINDS, Decision
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips

ALL = QueueFilter(status="all")
CLIPS = (
    ("a/one.ogg", ("amecro", "balori")),
    ("b/two_50%.ogg", ("balori",)),
    ("c/Three.ogg", ("cangoo",)),
    ("d/four.ogg", ("amecro",)),
)
METADATA = {
    "a/one.ogg": {"rating": "3.5", "country": "Peru", 'a "b"': "<i>"},
    "b/two_50%.ogg": {"rating": "5", "country": "'; DROP TABLE clips; --"},
    "c/Three.ogg": {"rating": "", "country": "Peru"},
    "d/four.ogg": {"rating": "1", "country": "Länd"},
}
#: rank, clip, class, kind, p_wrong, clipwise, framewise_max, fold
RANKING = (
    (1, 3, "amecro", "missing", 0.95, 0.92, 0.97, 2),
    (2, 1, "cangoo", "swapped", 0.90, 0.95, 0.91, 0),
    (3, 1, "amecro", "swapped", 0.85, 0.10, 0.20, 0),
    (4, 2, "daejun", "missing", 0.70, 0.80, 0.99, 1),
    (5, 1, "balori", "false", 0.60, 0.05, 0.30, 0),
    (6, 4, "amecro", "false", 0.30, 0.40, 0.95, 1),
    (7, 3, "balori", "missing", 0.10, 0.20, 0.25, 2),
)


def make_queue(workspace: Workspace) -> Workspace:
    """Put the clips into a workspace, and the suspects of RANKING as run 001-demo."""
    add_clips(workspace, CLIPS, metadata=METADATA)
    store_ranking(workspace, finished_run(workspace))
    return workspace


def finished_run(workspace: Workspace) -> str:
    version = versions.freeze(workspace, "ann")
    run = runs.enqueue(workspace, "demo", version.number, worker="w")
    runs.finish(workspace, run.id, "w", "done")
    return run.id


def store_ranking(
    workspace: Workspace, run_id: str, scorer: str = "earmark", rows: Any = RANKING, past: Any = None, voices: Any = ()
) -> None:
    with workspace.write() as connection:
        ids = store.class_ids(connection)
        _, clip_id, code, kind, p_wrong, clipwise, framewise_max, fold = zip(*rows, strict=True)
        partner = [
            {"cangoo": ids["amecro"], "amecro": ids["cangoo"]}[c] if k == "swapped" else 0
            for c, k in zip(code, kind, strict=True)
        ]
        columns: dict[str, Any] = {
            "clip_id": np.array(clip_id),
            "class_id": np.array([ids[one] for one in code]),
            "partner_id": np.array(partner),
            "kind": np.array([KINDS.index(one) for one in kind], np.uint8),
            "label_quality": 1 - np.array(p_wrong, np.float32),
            "p_wrong": np.array(p_wrong, np.float32),
            "clipwise": np.array(clipwise, np.float32),
            "framewise_max": np.array(framewise_max, np.float32),
            "onset_s": np.full(len(rows), 1.25),
            "offset_s": np.full(len(rows), 2.5),
            "fold": np.array(fold, np.int32),
        }
        stored_ranking.store_ranking(connection, run_id, scorer, columns, past, voices=voices)


def demo(connection: Connection, position: int | None = None) -> ScoredRun:
    """The run of `make_queue`, scored."""
    return read_scored_run(connection, "001-demo", "earmark", position)


def ranks(workspace: Workspace, wanted: QueueFilter, **page: Any) -> list[int]:
    with workspace.read() as connection:
        found = [row.suspect.rank for row in queue.rows(connection, demo(connection), wanted, **page)]
        if not page:
            assert sum(queue.count(connection, demo(connection), wanted).values()) == len(found)
        return found


def decide(workspace: Workspace, clip_id: int, code: str, verdict: str = "absent") -> Decision:
    return journal.append(workspace, [Decision(journal.new_event_id(), "ann", clip_id, code, verdict)])[0]
