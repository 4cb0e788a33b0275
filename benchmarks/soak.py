"""Whether the server's memory ends where it began: sessions of many steps, one after the other, in Chromium.

    python -m benchmarks.soak [--clips 2000] [--sessions 5] [--steps 1000] [--rest-s 0]

Each session is a browser of its own that opens the review page, goes on with ``J`` and decides at each tenth step.
After each of them the server's resident memory is printed, and its processor's time a step. Streamlit keeps what it
knows of a session that has left for two minutes; ``--rest-s 150`` waits for that at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.support.collection import build
from benchmarks.support.processes import busy_s, resident_mb
from tests.support.browser.chromium import chromium
from tests.support.browser.server import serve

STEP = """async (key) => {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));
  await new Promise((resolve) => setTimeout(resolve, 30));
}"""


def main() -> int:
    """Run the sessions and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rest-s", type=float, default=0.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-soak-") as folder:
        root = Path(folder) / "w"
        build(root, args.clips, args.seconds)
        with chromium() as browser, serve(root) as server:
            pid = server.process.pid
            first = 0.0
            for session in range(args.sessions):
                context = browser.new_context(viewport={"width": 1400, "height": 900})
                page = context.new_page()
                page.goto(f"{server.url}/review?p=0.01")
                page.get_by_test_id("player-title").wait_for(timeout=120_000)
                before = busy_s([pid])
                for step in range(args.steps):
                    page.evaluate(STEP, "2" if step % 10 == 9 else "j")
                spent_ms = 1000 * (busy_s([pid]) - before) / args.steps
                context.close()
                now = resident_mb([pid])
                first = first or now
                print(f"session {session + 1}: {now:.0f} MB, {spent_ms:.0f} ms of CPU a step", flush=True)
            time.sleep(args.rest_s)
            last = resident_mb([pid])
            grown = f"{100 * (last / first - 1):+.0f} % on the first session"
            print(f"after {args.rest_s:g} s of rest: {last:.0f} MB, {grown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
