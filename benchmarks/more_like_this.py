"""More like this: how many stretches one hears to find a rare class, how true its forecasts are, and how fast it is.

    python -m benchmarks.more_like_this --workspace W --truth DIR
    python -m benchmarks.more_like_this --stretches 1000000

For the first, W is a workspace with a space (``--space``), and DIR holds ``truth_labels.csv`` (filename, labels joined
by ``;``) and ``truth_events.csv`` (filename, label, onset, offset). Each class in turn is one of which three clips are
known: a stretch of each is an example, and batches of 20 are decided by the truth until 90 % of its other clips are
found. Imported labels are not looked at. Figures are clips heard, a mean over classes and draws of the three, beside
those of a random order and of the fewest there could be. The forecast is held against what the next 20 held. With
``--queue`` the labels of the class are taken away but for those three, a linear head is trained on the rest, and its
queue for the class is gone through too (a few minutes a class).
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import tempfile
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.support.timing import timed
from labeling import journal
from labeling.collection import classes, store
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, join_parts, open_space
from labeling.errors import DataError
from labeling.records import Decision
from labeling.search.finding import more_like
from labeling.search.head import fit
from labeling.search.products import products
from labeling.search.query import Example, Query
from labeling.workspace import Workspace, open_workspace

KNOWN, BATCH, FOUND = 3, 20, 0.9
ORDERS = ("alike", "likely")
Truth = dict[str, dict[int, tuple[float, float]]]


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", "-w")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--space", default="aisfx")
    parser.add_argument("--classes", nargs="*", default=[])
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--queue", action="store_true", help="the queue of a linear head, too")
    parser.add_argument("--stretches", type=int, default=0, help="measure speed instead, among so many")
    parser.add_argument("--size", type=int, default=512, help="numbers a vector, of --stretches")
    args = parser.parse_args()
    if args.stretches:
        speed(args.stretches, args.size)
    else:
        with tempfile.TemporaryDirectory() as folder:
            find(Path(args.workspace), args.truth, Path(folder), args.space, args.classes, args.draws, args.queue)


# ------------------------------------------------------------------------------------------------ a rare class


def find(
    root: Path, truth_dir: Path, folder: Path, space: str, wanted: list[str], draws: int, with_queue: bool
) -> None:
    """Search for each class in a copy of the workspace."""
    shutil.copytree(root, folder / "w", ignore=shutil.ignore_patterns("runs", "cache"))
    heard: dict[str, list[float]] = defaultdict(list)
    forecasts: list[tuple[float, int, int, int]] = []
    with closing(open_workspace(folder / "w")) as workspace:
        truth = read_truth(workspace, truth_dir)
        with workspace.read() as connection:
            every = len(store.usable_clips(connection))
        for place, code in enumerate(wanted or sorted(truth)):
            clips = truth[code]
            row: dict[str, list[float]] = {}
            for draw in range(draws):
                known = np.random.default_rng(100 * place + draw).choice(sorted(clips), KNOWN, replace=False).tolist()
                for order in ORDERS:
                    # verdicts are of a class of its own in each search: nothing is decided of it yet
                    name = f"{code}-{order}-{draw}"
                    with workspace.write() as connection:
                        classes.add_class(connection, name, added_by="benchmark")
                    query = Query(space, name, tuple(Example(k, *clips[k]) for k in known), which="all", order=order)
                    count = search(workspace, query, set(clips), forecasts if order == "likely" else [])
                    row.setdefault(order, []).append(count)
                if with_queue and not draw:
                    row["queue"] = [queue(root, folder / f"{place}", truth_dir, code, known, set(clips), workspace)]
            others = len(clips) - KNOWN
            needed = int(np.ceil(FOUND * others))
            row["random"] = [needed * (every - KNOWN + 1) / (others + 1)]  # on average
            print(f"{code:<16}{others:>4} to find  " + "  ".join(
                f"{order} {statistics.mean(counts):.0f}" for order, counts in row.items()), flush=True)  # fmt: skip
            for order, counts in row.items():
                heard[order].append(statistics.mean(counts))
            heard["fewest"].append(float(needed))
    print("clips heard until 90 % are found: " + ", ".join(f"{k} {statistics.mean(v):.0f}" for k, v in heard.items()))
    inside = [low <= true <= high for _, low, high, true in forecasts]
    error = [expected - true for expected, _, _, true in forecasts]
    width = [high - low for _, low, high, _ in forecasts]
    print(
        f"forecasts of the next 20, by likelihood: {len(inside)}, in range {statistics.mean(inside):.1%}, "
        f"mean error {statistics.mean(error):+.2f}, mean width {statistics.mean(width):.1f}"
    )


def search(
    workspace: Workspace, query: Query, clips: set[int], forecasts: list[tuple[float, int, int, int]]
) -> int:  # fmt: skip
    """Clips heard until FOUND of the clips are found; what was forecast of each batch is added to ``forecasts``."""
    others = clips - {one.clip_id for one in query.examples}
    needed, found, heard = int(np.ceil(FOUND * len(others))), 0, 0
    while found < needed:
        with workspace.read() as connection:
            answer = more_like(workspace, connection, query)
        batch = [one.clip_id for one in answer.found[:BATCH]]
        if not batch:
            raise DataError(f"{query.class_code}: only {found} of {needed} clips are there; embed all of them")
        if answer.outlook is not None:
            true = sum(clip in others for clip in batch)
            forecasts.append((answer.outlook.expected, answer.outlook.low, answer.outlook.high, true))
        for clip in batch:
            heard += 1
            found += clip in others
            if found == needed:
                return heard
        journal.append(workspace, [
            Decision(journal.new_event_id(), "truth", clip, query.class_code, "present" if clip in clips else "absent")
            for clip in batch
        ])  # fmt: skip
    return heard


def read_truth(workspace: Workspace, folder: Path) -> Truth:
    """By class: its clips, each with its longest event."""
    with workspace.read() as connection:
        ids = store.clip_ids_by_filename(connection)
    truth: Truth = defaultdict(dict)
    with open(folder / "truth_events.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            clip, onset_s, offset_s = ids.get(row["filename"]), float(row["onset"]), float(row["offset"])
            if clip is None:
                continue
            old = truth[row["label"]].get(clip, (0.0, 0.0))
            if offset_s - onset_s > old[1] - old[0]:
                truth[row["label"]][clip] = (onset_s, offset_s)
    return truth


def queue(
    root: Path, folder: Path, truth_dir: Path, code: str, known: list[int], clips: set[int], full: Workspace
) -> float:
    """Clips heard in the queue's order for the class, by a linear head whose labels know but ``known``."""
    from labeling.collection.importing import import_collection
    from labeling.quality.scored_run import read_scored_run
    from labeling.suspects import queue as queues
    from labeling.suspects.filter import QueueFilter
    from models.__main__ import main as models

    with full.read() as connection:
        ids = store.clip_ids_by_filename(connection)
    names = dict(zip(ids.values(), ids, strict=True))
    kept = {names[clip] for clip in known}
    folder.mkdir()
    source = truth_dir.parent / "train_metadata.csv"
    with open(source, newline="", encoding="utf-8") as file, open(folder / "t.csv", "w", newline="") as out:
        reader = csv.DictReader(file)
        writer = csv.writer(out)
        writer.writerow(["filename", "labels", "group"])
        for row in reader:
            labels = [row["primary_label"], *json.loads(row["secondary_labels"].replace("'", '"'))]
            labels = [label for label in labels if label != code] + ([code] if row["filename"] in kept else [])
            writer.writerow([row["filename"], ";".join(labels), row["group"]])
    where = folder / "w"
    with closing(open_workspace(where, create=True)) as workspace:
        import_collection(workspace, str(folder / "t.csv"), audio=str(truth_dir.parent / "train_audio"))
    shutil.copytree(root / "embeddings", where / "embeddings")
    models(["train", "linear", "-w", str(where)])
    with closing(open_workspace(where)) as workspace, workspace.read() as connection:
        other_names = store.clip_ids_by_filename(connection)
        same = {other_names[names[clip]] for clip in clips - set(known)}
        scored = queues.current(connection)
        if scored is None:
            raise DataError("the run was not scored; see its log")
        wanted = QueueFilter(kinds=("missing", "swapped"), classes=(code,), status="all", order="rank")
        rows = queues.rows(connection, read_scored_run(connection, *scored), wanted, limit=None)
    needed, found = int(np.ceil(FOUND * len(same))), 0
    for heard, one in enumerate(rows, start=1):
        found += one.suspect.clip_id in same
        if found == needed:
            return heard
    return float("nan")


# ------------------------------------------------------------------------------------------------ speed


def speed(count: int, size: int) -> None:
    """Fill a space and search it: seconds on the clock, and of the processor in all threads."""
    each = 50
    with tempfile.TemporaryDirectory() as folder, closing(open_workspace(folder, create=True)) as workspace:
        facts = SpaceFacts("x", "imported:random", "", "", 44100, 2.3, 1.15, size)
        random, onset_s = np.random.default_rng(0), np.arange(each) * 1.15
        add_clips(workspace, count // each, each * 1.15 + 1.15)
        for first in range(0, count // each, 2000):
            clips = range(first + 1, min(first + 2000, count // each) + 1)
            append(workspace, facts, [
                ClipVectors(k, "", random.standard_normal((each, size), np.float32), onset_s, onset_s + 2.3)
                for k in clips
            ])  # fmt: skip
        join_parts(workspace, "x", most=1)
        space = open_space(workspace, "x")
        query = Query("x", "c0", (Example(1, 0, 2.3),), which="all")

        def ask() -> None:
            with workspace.read() as connection:
                more_like(workspace, connection, query)

        print(f"first answer among {count:,}: {timed(ask, 1)}; then {timed(ask, 5)}")
        print(f"all products with 1: {timed(lambda: products(space.vectors, np.ones((1, size))), 5)}")
        print(f"all products with 8: {timed(lambda: products(space.vectors, np.ones((8, size))), 5)}")
        journal.append(workspace, [
            Decision(journal.new_event_id(), "b", clip, "c0", "present" if clip % 3 else "absent")
            for clip in range(2, 202)
        ])  # fmt: skip
        print(f"a search after 200 verdicts, head and forecast with it: {timed(ask, 5)}")
        vectors = np.asarray(space.vectors[:900], np.float32)
        yes = np.arange(900) < 130
        print(f"the head alone: {timed(lambda: fit(vectors, yes, np.ones(900), np.arange(900) < 200), 5)}")


def add_clips(workspace: Workspace, count: int, duration_s: float) -> None:
    """Clips without files."""
    from labeling.collection.adding import NewClip, add_collection

    new = [
        NewClip(
            filename=f"{k}.wav", path=f"/x/{k}.wav", row=k, labels=((f"c{k % 20}", "primary"),), group=f"g{k % 500}",
            duration_s=duration_s, sample_rate=44100, channels=1, content_hash=str(k),
        )
        for k in range(count)
    ]  # fmt: skip
    with workspace.write() as connection:
        add_collection(
            connection, format="table", source="/x", audio_root="/x", options={}, table_name="t.csv",
            table_bytes=b"", clips=new, class_names={f"c{k}": f"c{k}" for k in range(20)},
        )  # fmt: skip


if __name__ == "__main__":
    main()
