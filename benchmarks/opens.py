"""How long a link takes to open, until its picture can be seen: the light page, the review page and the queue.

    python -m benchmarks.opens [--workspace W] [--clips 200] [--opens 10]

The clock is the browser's, from the beginning of the navigation to the frame in which the canvas holds more than one
colour (of the queue: in which its table is drawn). Cold is a browser that never was in the app, warm one that has
opened the same link before. Each line gives median and p95, requests and bytes so far, the server's processor time an
open, and the machine's load.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.review_latency import build
from benchmarks.soak import busy_s, resident_mb
from tests.support.browser import chromium
from tests.support.server import Server, serve

SEEN = """(name) => new Promise((done) => {
  const find = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.dataset?.testid === name) return node;
      const inside = node.shadowRoot && find(node.shadowRoot);
      if (inside) return inside;
    }
    return null;
  };
  const seen = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Uint32Array(data.buffer);
    return canvas.width > 100 && colours.some((colour) => colour !== colours[0]);
  };
  (function look() {
    const node = find(document);
    if (node && seen(node)) {
      const entries = [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")];
      const bytes = entries.reduce((sum, entry) => sum + entry.transferSize, 0);
      done({ ms: performance.now(), requests: entries.length, bytes });
    } else requestAnimationFrame(look);
  })();
})"""
SIZE: Any = {"width": 1400, "height": 900}


@dataclass(frozen=True)
class Link:
    """A link, and the canvas by which it is seen to be there."""

    name: str
    path: str
    canvas: str


LINKS = (
    Link("light page", "/clip/5?p=0.01", "player-picture"),
    Link("review page", "/review?p=0.01&clip=5", "player-picture"),
    Link("queue", "/queue?p=0.01", "data-grid-canvas"),
)


def once(context: Any, url: str, canvas: str) -> dict[str, float]:
    """Open a link in a new tab."""
    page = context.new_page()
    page.goto(url, wait_until="commit")
    found: dict[str, float] = page.evaluate(SEEN, canvas)
    page.close()
    return found


def measured(browser: Any, server: Server, link: Link, opens: int, *, warm: bool) -> str:
    """A line of the table."""
    url, found = server.url + link.path, []
    context = browser.new_context(viewport=SIZE)
    if warm:
        once(context, url, link.canvas)
    before = busy_s(server.process.pid)
    for _ in range(opens):
        if not warm:
            context.close()
            context = browser.new_context(viewport=SIZE)
        found.append(once(context, url, link.canvas))
    cpu_ms = 1000 * (busy_s(server.process.pid) - before) / opens
    context.close()
    times = sorted(one["ms"] for one in found)
    p95 = times[min(len(times) - 1, round(0.95 * len(times)))]
    return (
        f"{link.name:12} {'warm' if warm else 'cold'}  {statistics.median(times):6.0f} / {p95:6.0f} ms (n {opens})  "
        f"{found[-1]['requests']:4.0f} requests  {found[-1]['bytes'] / 1000:6.0f} kB  {cpu_ms:5.0f} ms of CPU  "
        f"load {os.getloadavg()[0]:.1f}"
    )


def main() -> int:
    """Open each link again and again, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--opens", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-opens-") as folder:
        root = Path(folder) / "w"
        if args.workspace:
            shutil.copytree(args.workspace, root)
        else:
            build(root, args.clips, args.seconds)
        with chromium() as browser, serve(root) as server:
            for link in LINKS:
                for warm in (False, True):
                    print(measured(browser, server, link, args.opens, warm=warm), flush=True)
            print(f"server: {resident_mb(server.process.pid):.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
