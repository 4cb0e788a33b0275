"""A clip and long recordings in Chromium: time to the first screen, smoothness of zooming, memory of tab and server.

    python -m benchmarks.long_recording [--hours 1 12] [--pages 150]

Makes a workspace of one 60 s clip and recordings of so many hours (FLAC, 32 kHz, made on the spot) with two runs of
random predictions of CLASSES classes, opens each by its URL in a fresh tab, pans through so many screens, zooms by the
wheel to the whole recording and back, and prints what it saw. The clip's kilobytes and those of tiles of its lanes are
as the server writes them, before they are packed. Memory is the resident set of the tab's own process and of the
server, at the first screen and at the end.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from labeling import runs
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.records import FrameGrid
from labeling.workspace import Workspace, open_workspace
from tests.support.browser.chromium import chromium
from tests.support.browser.server import serve

RATE = 32_000
CLASSES = 12
STEP_S = 0.32
SHOWN = """() => {
  const player = (function find(root) {
    for (const node of root.querySelectorAll('*')) {
      if (node.dataset && node.dataset.testid === 'player') return node;
      if (node.shadowRoot) { const found = find(node.shadowRoot); if (found) return found; }
    }
    return null;
  })(document);
  return Boolean(player && player.dataset.shown && player.dataset.shown === player.dataset.clipId
    && player.dataset.playable === player.dataset.clipId);
}"""
GAPS = """() => new Promise((resolve) => {
  const gaps = [];
  let last = performance.now();
  const end = last + 3000;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(frame);
    else resolve(gaps);
  };
  requestAnimationFrame(frame);
})"""


def build(root: Path, hours: list[float]) -> None:
    """A workspace of a 60 s clip and the recordings."""
    audio = root.parent / "audio"
    audio.mkdir()
    random = np.random.default_rng(0)
    minute = (0.02 * random.standard_normal(60 * RATE)).astype(np.float32)
    t = np.arange(RATE // 2) / RATE
    minute[RATE : RATE + len(t)] += (0.3 * np.sin(2 * np.pi * (3000 + 2000 * t) * t)).astype(np.float32)
    with open(audio / "labels.csv", "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["filename", "labels"])
        for name, minutes in [("a_60s.flac", 1), *((f"b_{one:g}h.flac", round(60 * one)) for one in hours)]:
            with soundfile.SoundFile(audio / name, "w", RATE, 1, format="FLAC", subtype="PCM_16") as file:
                for _ in range(minutes):
                    file.write(minute)
            writer.writerow([name, ";".join(f"bird{number:02d}" for number in range(CLASSES))])
    with closing(open_workspace(root, create=True)) as workspace:
        import_collection(workspace, str(audio / "labels.csv"))
        for _ in range(2):
            predict(workspace, random)


def predict(workspace: Workspace, random: np.random.Generator) -> None:
    """A finished run of random predictions, with its suspects."""
    version = versions.freeze(workspace, "benchmark")
    run = runs.enqueue(workspace, "demo", version.number, worker="benchmark")
    with workspace.read() as connection:
        labels = versions.labels_at(connection)
        clips = [store.clip_by_id(connection, int(clip_id)) for clip_id in labels.clip_ids]
    lengths = [round((clip.duration_s if clip else 0) / STEP_S) for clip in clips]
    frames = [random.beta(0.4, 4, (steps, len(labels.classes))).astype(np.float16) for steps in lengths]
    write_oof(
        workspace.run_dir(run.id) / "oof.zarr",
        clip_ids=labels.clip_ids,
        filenames=labels.filenames,
        classes=labels.classes,
        clipwise=np.stack([one.max(axis=0) for one in frames]).astype(np.float32),
        framewise=frames,
        fold=np.arange(len(frames)) % 2,
        grid=FrameGrid(0.0, STEP_S, STEP_S),
        label_version=version.number,
        label_hash=version.content_hash,
    )
    runs.finish(workspace, run.id, "benchmark", "done")
    score_run(workspace, run.id)


def resident_mb(pid: int) -> float:
    """Resident set of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def renderer_mb() -> float:
    """Resident set of the largest of Chromium's tabs, in MB."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"--type=renderer" in (entry / "cmdline").read_bytes():
                    found.append(resident_mb(int(entry.name)))
            except OSError:
                continue
    return max(found, default=float("nan"))


def measure(page: Any, url: str, server_pid: int, pages: int) -> dict[str, float]:
    """One recording: milliseconds to its first screen, frame gaps while zooming, memory."""
    sent = {"clip": 0.0, "lanes": 0.0}

    def count(response: Any) -> None:
        if "/api/clips/" in response.url and response.ok:
            sent["lanes" if "/lanes?" in response.url else "clip"] += len(response.body()) / 1000

    page.on("response", count)
    page.goto(url)
    page.wait_for_function(SHOWN)
    # of the whole visit the browser's own clock says how much came after the page was asked for
    cold_s = page.evaluate("performance.now() / 1000")
    before = renderer_mb(), resident_mb(server_pid)
    for _ in range(pages):
        page.keyboard.press("PageDown")
        page.wait_for_timeout(60)
    box = page.get_by_test_id("player-plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    gaps: list[float] = []
    for step in (120, -120):
        running = page.evaluate_handle(f"({GAPS})()")
        for _ in range(40):
            page.mouse.wheel(0, step)
            page.wait_for_timeout(50)
        gaps += running.evaluate("gaps => gaps")
    page.wait_for_timeout(2000)
    return {
        "cold s": cold_s,
        "clip kB": sent["clip"],
        "lanes kB": sent["lanes"],
        "frame p50 ms": statistics.median(gaps),
        "frame p95 ms": statistics.quantiles(gaps, n=20)[-1],
        "tab MB": before[0],
        "tab end": renderer_mb(),
        "server MB": before[1],
        "server end": resident_mb(server_pid),
    }


def main() -> int:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="*", default=[1.0, 12.0])
    parser.add_argument("--pages", type=int, default=150)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-long-") as folder:
        root = Path(folder) / "w"
        build(root, args.hours)
        with chromium() as browser, serve(root) as server:
            warm = browser.new_page()
            warm.goto(server.url)  # the server's own first page is not what is measured
            warm.get_by_test_id("stMainBlockContainer").wait_for()
            warm.close()
            for number, name in enumerate(["60 s", *(f"{one:g} h" for one in args.hours)], start=1):
                page = browser.new_page(viewport={"width": 1400, "height": 900})
                page.set_default_timeout(120_000)
                found = measure(page, f"{server.url}/review?clip={number}", server.process.pid, args.pages)
                print(f"{name:6}", "  ".join(f"{key} {value:.2f}" for key, value in found.items()), flush=True)
                page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
