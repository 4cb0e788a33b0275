"""The Activity page at scale: how long a million windows take, and how true a threshold's interval is.

    python -m benchmarks.activity --windows 1000000
    python -m benchmarks.activity --coverage 500

The first makes the tables of a prediction, of recordings of ten minutes in windows of 5 s, and times what the page
does: the reading of all tables, once; of the kept file; one class by hour; the draw of a class, with its precision and
its threshold. The second simulates listening: the chance that a window is right is a known curve of its score,
``--each`` windows of each band are heard, and the interval of the threshold is held against the true one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np

from labeling.activity.curve import logit
from labeling.activity.draws import EDGES
from labeling.activity.hours import activity, hours
from labeling.activity.packed import packed
from labeling.activity.placing import Clock, placed
from labeling.activity.study import Question, study
from labeling.activity.threshold import NotKnown, calibrate, threshold
from labeling.activity.windows import Recording, Windows
from labeling.search.standing import Standing, Stretches
from labeling.storage.csvsafe import csv_bytes
from labeling.storage.diskcache import DiskCache
from models.prediction import tables
from models.prediction.scored_windows import windows_in

Value = TypeVar("Value")
WINDOW_S, RECORDING_S = 5.0, 600.0


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=0)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--coverage", type=int, default=0, help="so many simulated listenings a curve")
    parser.add_argument("--each", type=int, default=20)
    args = parser.parse_args()
    if args.windows:
        print(json.dumps(speed(args.windows, args.classes, args.sites)))
    if args.coverage:
        for height, slope in ((0.0, 1.0), (1.0, 1.5), (-1.0, 1.0), (-2.0, 0.8), (0.0, 0.5)):
            print(json.dumps(coverage(args.coverage, args.each, height, slope)))


def timed(name: str, seconds: dict[str, float], work: Callable[[], Value]) -> Value:
    """What ``work`` gives; how long it took goes into ``seconds``."""
    began = time.perf_counter()
    value = work()
    seconds[name] = round(time.perf_counter() - began, 3)
    return value


def speed(count: int, classes: int, sites: int) -> dict[str, float]:
    """Seconds of each step."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        out, cache = Path(folder) / "tables", DiskCache(Path(folder) / "cache")
        written(out, count, classes, sites)
        timed("read all tables, once", seconds, lambda: packed(cache, "w", lambda: windows_in(out)))
        windows = timed("open the kept file", seconds, lambda: packed(cache, "w", lambda: windows_in(out)))
        windows = playable(windows)
        scores = timed("read a class", seconds, lambda: windows.of("class0"))
        where = timed("place the recordings", seconds, lambda: placed(windows.recordings))
        found = timed("sort into hours, another zone", seconds, lambda: hours(windows, Clock("Europe/Berlin"), where))
        found = timed("sort into hours", seconds, lambda: hours(windows, Clock(), where))
        timed("a class by hour", seconds, lambda: activity(found, scores, 0.5))
        question = Question("class0")
        none = Stretches.of([])
        drawn = timed("draw", seconds, lambda: study(windows, question, Standing({}, none, none, none), where)).drawn
        said = heard(windows, np.concatenate(drawn.places), scores)
        learned = timed("draw and fit", seconds, lambda: study(windows, question, said, where)).learned
        if not isinstance(learned, NotKnown):
            timed("threshold", seconds, lambda: threshold(learned, 0.9))
        seconds["windows"], seconds["recordings"] = len(windows), len(windows.recordings)
    return seconds


def written(out: Path, count: int, classes: int, sites: int) -> None:
    """The tables of a prediction of so many windows."""
    rng = np.random.default_rng(0)
    rows = int(RECORDING_S / WINDOW_S)
    codes = [f"class{place}" for place in range(classes)]
    summary = []
    for number in range(math.ceil(count / rows)):
        moment = datetime(2024, 4, 1) + timedelta(seconds=RECORDING_S * (number // sites))
        name = f"site{number % sites}/{moment:%Y%m%d_%H%M%S}"
        values = rng.beta(0.3, 2.0, (rows, classes)).round(5).tolist()
        table = [(f"r_{k}", "r.wav", k * WINDOW_S, (k + 1) * WINDOW_S, *own) for k, own in enumerate(values)]
        file = out / f"{name}{tables.PARTS[-1]}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(csv_bytes(("row_id", "filename", "start_s", "end_s", *codes), table))
        summary.append((name, f"/field/{name}.WAV", "done", "", RECORDING_S, rows, 0))
    (out / tables.SUMMARY_FILE).write_bytes(csv_bytes(tables.SUMMARY_COLUMNS, summary))


def playable(windows: Windows) -> Windows:
    """The same, as if all recordings were clips."""
    recordings = tuple(
        Recording(one.name, one.path, one.duration_s, place) for place, one in enumerate(windows.recordings, 1)
    )
    columns = windows.classes, windows.recording, windows.onset_s, windows.offset_s, windows.scores
    return Windows(recordings, *columns)


def heard(windows: Windows, places: np.ndarray, scores: np.ndarray) -> Standing:
    """Verdicts on windows, present as often as the score says."""
    right = np.random.default_rng(1).random(len(places)) < scores[places]
    spans = [
        (int(windows.clip_id[place]), float(windows.onset_s[place]), float(windows.offset_s[place]))
        for place in places.tolist()
    ]
    parts = ([one for one, is_it in zip(spans, right, strict=True) if is_it == wanted] for wanted in (True, False))
    present, absent = map(Stretches.of, parts)
    return Standing({}, present, absent, Stretches.of([]))


def coverage(count: int, each: int, height: float, slope: float, wanted: float = 0.9) -> dict[str, float]:
    """How often the interval of the threshold holds the true one, and how wide it is."""
    held, widths, errors = 0, [], []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        scores = np.sort(rng.beta(0.4, 0.9, 20_000).astype(np.float32))
        chance = 1 / (1 + np.exp(-height - slope * logit(scores)))
        right = rng.random(len(scores)) < chance
        parts = []
        for low, high in itertools.pairwise(EDGES):
            there = np.flatnonzero((scores >= np.float32(low)) & (scores < high + (high == 1)))
            parts.append(rng.choice(there, min(each, len(there)), replace=False))
        above = scores >= np.float32(EDGES[0])
        precision = np.cumsum(chance[above][::-1])[::-1] / np.arange(above.sum(), 0, -1)
        reached = np.flatnonzero(precision >= wanted)
        true = float(scores[above][reached[0]]) if len(reached) else math.inf
        learned = calibrate(scores, [scores[own] for own in parts], [right[own] for own in parts], EDGES)
        answer = learned if isinstance(learned, NotKnown) else threshold(learned, wanted)
        if isinstance(answer, NotKnown):
            continue
        low = math.inf if math.isnan(answer.score.low) else answer.score.low
        high = math.inf if math.isnan(answer.score.high) else answer.score.high
        held += low - 0.002 <= true <= high + 0.002
        if math.isfinite(high):
            widths.append(high - low)
            errors.append(abs(answer.score.value - true))
    return {
        "height": height, "slope": slope, "heard of a band": each, "listenings": count, "held": round(held / count, 3),
        "median width": round(float(np.median(widths)), 3), "median error": round(float(np.median(errors)), 3),
    }  # fmt: skip


if __name__ == "__main__":
    main()
