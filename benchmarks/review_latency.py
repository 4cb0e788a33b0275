"""From a key press to the next clip drawn and playable, by real key presses in Chromium.

    python -m benchmarks.review_latency [--clips 200] [--seconds 60] [--presses 120] [--workspace W]

Without ``--workspace`` a collection of so many clips is made on the spot: real OGG files (a few dozen songs under many
names), a run of random predictions, its suspects. A workspace that is given is copied first, and the copy decided on.

``J`` moves on without a decision; ``1`` decides the class in focus, and moves on once the clip has no other suspect.
The clock runs inside the page: from the key's event to the frame in which the player says that the next clip, or the
answer to the decision, is on the screen, and the sound's element that it can play. Budget: p50 80 ms, p95 150 ms.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from labeling import runs
from labeling.collection.importing import import_collection
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.records import FrameGrid
from labeling.workspace import open_workspace
from tests.support.browser import chromium
from tests.support.server import serve

SONGS = 40
CLASSES = 20
RATE = 32_000
STEP_S = 0.32

MEASURE = """async (key) => {
  const player = (function find(root) {
    for (const node of root.querySelectorAll('*')) {
      if (node.dataset && node.dataset.testid === 'player') return node;
      if (node.shadowRoot) { const found = find(node.shadowRoot); if (found) return found; }
    }
    return null;
  })(document);
  const { clipId, revision } = player.dataset;
  const start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));
  for (;;) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const now = player.dataset, passed = performance.now() - start;
    const moved = now.clipId !== clipId;
    const there = moved ? now.shown === now.clipId && now.playable === now.clipId
      : now.revision !== revision && now.locked !== 'true';
    if (there) return { passed, moved };
    if (!player.isConnected) return { passed: null, moved: true };  // the queue has ended
    if (passed > 10000) return { passed: null, moved };
  }
}"""


def build(root: Path, clips: int, seconds: float) -> None:
    """A workspace of ``clips`` clips with a finished run of random predictions, and its suspects."""
    random = np.random.default_rng(0)
    audio = root.parent / "audio"
    audio.mkdir()
    t = np.arange(round(seconds * RATE)) / RATE
    for song in range(min(SONGS, clips)):
        wave = 0.02 * random.standard_normal(len(t))
        for onset in random.uniform(0, seconds - 1, 12):
            sung = (t >= onset) & (t < onset + 0.6)
            wave[sung] += 0.3 * np.sin(2 * np.pi * (random.uniform(1500, 7000) + 2000 * (t[sung] - onset)) * t[sung])
        soundfile.write(audio / f"song{song}.ogg", wave.astype(np.float32), RATE, format="OGG", subtype="VORBIS")
    with open(audio / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "labels"])
        for clip in range(clips):
            os.link(audio / f"song{clip % SONGS}.ogg", audio / f"clip{clip:05d}.ogg")
            writer.writerow([f"clip{clip:05d}.ogg", f"bird{clip % CLASSES:02d}"])
    workspace = open_workspace(root, create=True)
    import_collection(workspace, str(audio / "labels.csv"))
    version = versions.freeze(workspace, "benchmark")
    run = runs.enqueue(workspace, "demo", version.number, worker="benchmark")
    with workspace.read() as connection:
        labels = versions.labels_at(connection)
    steps = round(seconds / STEP_S)
    framewise = [random.beta(0.4, 4, (steps, CLASSES)).astype(np.float16) for _ in range(min(clips, 200))]
    frames = [framewise[clip % len(framewise)] for clip in range(clips)]
    write_oof(
        workspace.run_dir(run.id) / "oof.zarr",
        clip_ids=labels.clip_ids,
        filenames=labels.filenames,
        classes=labels.classes,
        clipwise=np.stack([one.max(axis=0) for one in frames]).astype(np.float32),
        framewise=frames,
        fold=np.arange(clips) % 4,
        grid=FrameGrid(0.0, STEP_S, STEP_S),
        label_version=version.number,
        label_hash=version.content_hash,
    )
    runs.finish(workspace, run.id, "benchmark", "done")
    score_run(workspace, run.id)
    workspace.close()


def spread(values: list[float]) -> str:
    """p50 and p95 in words."""
    if len(values) < 2:
        return f"{len(values)} measured"
    p95 = statistics.quantiles(values, n=20)[-1]
    return f"p50 {statistics.median(values):.0f} ms, p95 {p95:.0f} ms ({len(values)} presses)"


def measure(page: Any, key: str, presses: int, look_ms: int) -> tuple[list[float], list[float], int]:
    """Milliseconds of presses that moved on, of those that stayed, and how many had no answer."""
    moved: list[float] = []
    stayed: list[float] = []
    lost = 0
    for _ in range(presses):
        if not page.get_by_test_id("player").count():
            break  # the end of the queue
        result = page.evaluate(MEASURE, key)
        if result["passed"] is None:
            lost += not result["moved"]
        else:
            (moved if result["moved"] else stayed).append(result["passed"])
        page.wait_for_timeout(look_ms)  # a person looks before the next press; the clips ahead load meanwhile
    return moved, stayed, lost


def main() -> int:
    """Measure both keys and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--presses", type=int, default=120)
    parser.add_argument("--look-ms", type=int, default=600, help="how long a clip is looked at")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-latency-") as folder:
        root = Path(folder) / "w"
        if args.workspace:
            shutil.copytree(args.workspace, root)
        else:
            build(root, args.clips, args.seconds)
            print(f"{args.clips} clips of {args.seconds:g} s")
        with chromium() as browser, serve(root) as server:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"{server.url}/queue?p=0.01")
            page.get_by_role("button", name="Review these").click()
            page.get_by_test_id("player-title").wait_for()
            page.wait_for_timeout(2500)
            for key, text in (("j", "next clip, no decision"), ("1", "decision")):
                moved, stayed, lost = measure(page, key, args.presses, args.look_ms)
                print(f"{text}: next clip drawn and playable {spread(moved)}")
                if stayed:
                    print(f"{text}: answered on the same clip {spread(stayed)}")
                if lost:
                    print(f"{text}: {lost} without an answer in 10 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
