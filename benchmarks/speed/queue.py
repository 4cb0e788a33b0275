"""Time a page of the queue: a million suspects over ten thousand clips, under several filters and sorts.

    python -m benchmarks.speed.queue [--suspects N] [--clips N] [--url postgresql+psycopg://…]

Each line is the median of the first 100 rows together with the counts by kind and by class, as the queue's screen asks
for them, in milliseconds; the budget is 300. The first page after a start also reads the ranking from the database, and
is given beside; the first in the order "next" also fits a head, on a space of random vectors. The second figure of each
pair is of the processor, in all threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from labeling import journal, runs
from labeling.active.teaching import in_turn
from labeling.collection import adding
from labeling.disagreement import stored_ranking
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, sounds_now
from labeling.journal import versions
from labeling.quality.scored_run import read_scored_run
from labeling.records import KINDS, WORTH_HEARING, Decision
from labeling.reviewer import marks
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace

BUDGET_MS = 300
CASES = {
    "default": QueueFilter(),
    "rank": QueueFilter(order="rank"),
    "likely, no variety": QueueFilter(variety=False),
    "likely, batches": QueueFilter(batches=True),
    "worth": QueueFilter(order="worth"),
    "worth, hearing": QueueFilter(order="worth", min_p_wrong=WORTH_HEARING),
    "uncertain": QueueFilter(order="uncertain"),
    "next to label": QueueFilter(order="next"),
    "next, most unsure": QueueFilter(order="next", taught="uncertain"),
    "next, most varied": QueueFilter(order="next", taught="varied"),
    "audit": QueueFilter(order="audit"),
    "worth hearing": QueueFilter(min_p_wrong=WORTH_HEARING),
    "all": QueueFilter(status="all"),
    "decided": QueueFilter(status="decided"),
    "kind": QueueFilter(kinds=("swapped",)),
    "class": QueueFilter(classes=("sp0042",)),
    "fold": QueueFilter(folds=(1,)),
    "high p_wrong": QueueFilter(min_p_wrong=0.999),
    "rating": QueueFilter(min_rating=4.5),
    "metadata": QueueFilter(metadata=(("country", "Peru"),)),
    "search, many": QueueFilter(search="XC"),
    "search, one clip": QueueFilter(search="XC004242"),
    "search, none": QueueFilter(search="nowhere"),
    "missing rule": QueueFilter(missing_rule=True),
    "sort class": QueueFilter(order="class"),
    "sort filename": QueueFilter(order="filename"),
    "sort clipwise": QueueFilter(order="clipwise"),
    "sort framewise": QueueFilter(order="framewise"),
    "sort rating": QueueFilter(order="rating"),
    "flagged": QueueFilter(marks=("flag",)),
    "put off by me": QueueFilter(marks=("later",), reviewer="ann"),
    "skipped by me": QueueFilter(marks=("skip",), reviewer="ann"),
    "to do for ann": QueueFilter(reviewer="ann"),
    "several, sorted": QueueFilter(
        kinds=("missing", "false"), min_rating=3, metadata=(("country", "Peru"),), search="9", order="framewise"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suspects", type=int, default=1_000_000)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=264)
    parser.add_argument("--decisions", type=int, default=2_000)
    parser.add_argument("--marks", type=int, default=4_000)
    parser.add_argument("--stretches", type=int, default=5, help="of each clip in a space, for the order next")
    parser.add_argument("--size", type=int, default=512, help="numbers of a vector")
    parser.add_argument("--only", default="", help="cases whose names begin so")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--url", default="", help="an empty PostgreSQL database instead of SQLite")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.url:
            os.environ["EARMARK_DATABASE_URL"] = args.url
        workspace = open_workspace(Path(folder) / "w", create=True)
        began = time.perf_counter()
        run_id = build(workspace, args.suspects, args.clips, args.classes, args.decisions, args.marks)
        add_space(workspace, args.stretches, args.size)
        print(f"built {args.suspects} suspects over {args.clips} clips in {time.perf_counter() - began:.1f} s")
        worst = 0.0
        print(f"{'filter':18} {'first ms':>9} {'of the processor':>17} {'median ms':>10} {'':>5} {'rows left':>10}")
        for name, wanted in CASES.items():
            if not name.startswith(args.only):
                continue
            times, busy = [], []
            for _ in range(args.repeats):
                began, began_busy = time.perf_counter(), time.process_time()
                with workspace.read() as connection:
                    run = in_turn(workspace, connection, read_scored_run(connection, run_id, "earmark"), wanted)
                    left = queue.page(connection, run, wanted).total
                times.append(1000 * (time.perf_counter() - began))
                busy.append(1000 * (time.process_time() - began_busy))
            median, median_busy = statistics.median(times), statistics.median(busy)
            worst = max(worst, median)
            print(f"{name:18} {times[0]:9.0f} {busy[0]:17.0f} {median:10.0f} {median_busy:5.0f} {left:10d}")
        print(f"slowest median {worst:.0f} ms, budget {BUDGET_MS} ms")


def add_space(workspace: Workspace, stretches: int, size: int) -> None:
    """A space of random vectors: each clip has so many of them."""
    random = np.random.default_rng(1)
    with workspace.read() as connection:
        sounds = sounds_now(connection)
    facts = SpaceFacts("random", "imported:random", "CC0", "", 8000, 2.0, 1.0, size)
    onset_s = np.arange(float(stretches))
    append(workspace, facts, [
        ClipVectors(clip_id, sound, random.standard_normal((stretches, size)), onset_s, onset_s + 2)
        for clip_id, sound in sounds.items()
    ])  # fmt: skip


def build(workspace: Workspace, count: int, clips: int, classes: int, decided: int, marked: int) -> str:
    """A workspace with a ranking of random suspects, some of them decided, some clips marked; returns the run's id."""
    random = np.random.default_rng(0)
    codes = [f"sp{number:04d}" for number in range(classes)]
    countries = ("Peru", "Kenya", "Nepal", "Chile")
    found = []
    for number in range(clips):
        labels = random.choice(classes, 1 + number % 3, replace=False)
        found.append(
            adding.NewClip(
                filename=f"{codes[labels[0]]}/XC{number:06d}.ogg",
                path=f"/audio/XC{number:06d}.ogg",
                row=number,
                labels=tuple((codes[at], "secondary" if place else "primary") for place, at in enumerate(labels)),
                group=f"recordist {number % 300}",
                duration_s=60.0,
                metadata={"rating": str(1 + 0.5 * (number % 9)), "country": countries[number % 4]},
            )
        )
    with workspace.write() as connection:
        adding.add_collection(
            connection,
            format="table",
            source="benchmark",
            audio_root="",
            options={},
            table_name="",
            table_bytes=b"",
            clips=found,
            class_names={code: code for code in codes},
        )
    version = versions.freeze(workspace, "benchmark")
    run = runs.enqueue(workspace, "benchmark", version.number, worker="benchmark")
    runs.finish(workspace, run.id, "benchmark", "done")
    cells = random.choice(clips * classes, count, replace=False)
    quality = np.sort(random.random(count)).astype(np.float32)
    columns: dict[str, NDArray[Any]] = {
        "clip_id": 1 + cells // classes,
        "class_id": 1 + cells % classes,
        "partner_id": np.zeros(count, np.int64),
        "kind": random.choice(len(KINDS), count, p=[0.8, 0.15, 0.05]).astype(np.uint8),
        "label_quality": quality,
        "p_wrong": 1 - quality,
        "clipwise": random.random(count).astype(np.float32),
        "framewise_max": random.random(count).astype(np.float32),
        "onset_s": np.full(count, 1.0),
        "offset_s": np.full(count, 3.0),
        "fold": (cells // classes % 5).astype(np.int32),
    }
    with workspace.write() as connection:
        began = time.perf_counter()
        stored_ranking.store_ranking(connection, run.id, "earmark", columns)
    print(f"stored the ranking in {time.perf_counter() - began:.2f} s")
    journal.append(
        workspace,
        [
            Decision(journal.new_event_id(), "benchmark", int(1 + cell // classes), codes[cell % classes], "absent")
            for cell in cells[:decided]
        ],
    )
    kinds = list(marks.KINDS)
    with workspace.write() as connection:
        connection.execute(
            sa.insert(tables.marks),
            [
                {
                    "event_id": f"m{number}",
                    "clip_id": int(random.integers(1, clips + 1)),
                    "reviewer": ("ann", "bob")[number % 2],
                    "created_at": db.now(),
                    "kind": kinds[number // 2 % len(kinds)],
                    "text": "a note",
                    "removes": None,
                }
                for number in range(marked)
            ],
        )
    with workspace.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.cells)) == decided
    return run.id


if __name__ == "__main__":
    main()
