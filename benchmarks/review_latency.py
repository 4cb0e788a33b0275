"""From a key press to the next clip drawn and playable, by real key presses in Chromium.

    python benchmarks/review_latency.py --workspace W [--presses 60]

W is a trained workspace; it is copied first, and the copy is decided on. ``J`` moves on without a decision, ``1``
decides the class in focus (and moves on once the clip has no other suspect). The clock runs inside the page: from the
key's event to the frame in which the player says that the next clip, or the answer to the decision, is on the screen.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import chromium  # noqa: E402
from server import serve  # noqa: E402

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


def spread(values: list[float]) -> str:
    """p50 and p95 in words."""
    if len(values) < 2:
        return f"{len(values)} measured"
    p95 = statistics.quantiles(values, n=20)[-1]
    return f"p50 {statistics.median(values):.0f} ms, p95 {p95:.0f} ms ({len(values)} presses)"


def measure(page: Any, key: str, presses: int) -> tuple[list[float], list[float], int]:
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
        page.wait_for_timeout(350)  # a person looks before the next press; the clips ahead load meanwhile
    return moved, stayed, lost


def main() -> int:
    """Measure both keys and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", required=True, type=Path)
    parser.add_argument("--presses", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-latency-") as folder:
        copy = Path(shutil.copytree(args.workspace, Path(folder) / "w"))
        with chromium() as browser, serve(copy) as server:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"{server.url}/queue?p=0.01")
            page.get_by_role("button", name="Review these").click()
            page.get_by_test_id("player-title").wait_for()
            page.wait_for_timeout(2500)
            for key, text in (("j", "next clip, no decision"), ("1", "decision")):
                moved, stayed, lost = measure(page, key, args.presses)
                print(f"{text}: next clip drawn and playable {spread(moved)}")
                if stayed:
                    print(f"{text}: answered on the same clip {spread(stayed)}")
                if lost:
                    print(f"{text}: {lost} without an answer in 10 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
