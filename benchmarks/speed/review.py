"""How long a reviewer waits, by a clock outside the product: keys, opens of links, the queue; and what each step costs.

    python -m benchmarks.speed.review [--clips 320] [--seconds 60] [--presses 100] [--opens 10] [--load 0]
                                        [--workspace W]

Without ``--workspace`` a collection of so many clips is made on the spot (benchmarks/support/collection.py). One that
is given is copied first, and the copy decided on. ``--load N`` keeps the machine busy with N processes that each want a
whole core, from the first measurement on.

The clock is the browser's (benchmarks/support/eyes.py): from the key to the frame in which the canvas holds another
picture, which then stays; to the event with which the sound begins; to the answer that a decision is stored. Links are
clocked from the beginning of the navigation: cold in a browser that never was in the app, warm in one that has opened
the same link before. ``own`` is what the product itself says of the same presses. One table:

    what              which step; in brackets how many presses came to nothing, and whether the list ended first
    n, median, p95    milliseconds
    own               median / p95 by the product's own marks
    requests, kB      a step, of the page and its workers; of an open: until it can be seen
    CPU ms            processor time a step: of the server, of the browser (all of its processes, a look included)
    MB                resident memory of both after the last step
    load              of the machine, over the last minute
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.support import eyes
from benchmarks.support.collection import build
from benchmarks.support.processes import busy_s, family, loaded, resident_mb
from labeling.reviewer import preferences
from labeling.workspace import open_workspace
from tests.support.browser.chromium import chromium
from tests.support.browser.server import Server, serve

REVIEWER = "rita"
SIZE: Any = {"width": 1400, "height": 900}
LINKS = {
    "clip by link": "/clip/5",
    "queue by link": "/suspects",
    "review page in the app": "/review?clip=5",
    "queue in the app": "/queue",
}
COLUMNS = ("what", "n", "median", "p95", "own", "requests", "kB", "server CPU ms", "browser CPU ms", "server MB",
           "browser MB", "load")  # fmt: skip


def spread(values: Sequence[float]) -> tuple[str, str]:
    """Median and 95th percentile of milliseconds, interpolated; "" for none."""
    if len(values) < 2:
        return ("", "") if not values else (f"{values[0]:.0f}", "")
    return f"{statistics.median(values):.0f}", f"{statistics.quantiles(values, n=20, method='inclusive')[-1]:.0f}"


@dataclass
class Watched:
    """A server and a browser whose work is counted."""

    server: Server
    browser: Any
    browser_pid: int
    used: list[float] = field(default_factory=list)

    def families(self) -> tuple[list[int], list[int]]:
        """Processes of the server, and of the browser."""
        return family(self.server.process.pid), family(self.browser_pid)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Leaves in ``used`` the processor seconds of server and browser while this lasts."""
        before = [busy_s(pids) for pids in self.families()]
        yield
        self.used = [busy_s(pids) - was for pids, was in zip(self.families(), before, strict=True)]

    def row(
        self, what: str, values: Sequence[float], own: Sequence[float], steps: int, traffic: dict[str, float]
    ) -> None:
        """Print a row of the table: ``steps`` were made while counting, with so much traffic altogether."""
        steps = max(1, steps)
        cells = [
            what, str(len(values)), *spread(values), " / ".join(spread(own)) if own else "",
            f"{traffic['requests'] / steps:.1f}", f"{traffic['bytes'] / 1000 / steps:.0f}",
            *(f"{1000 * used / steps:.0f}" for used in self.used),
            *(f"{resident_mb(pids):.0f}" for pids in self.families()), f"{os.getloadavg()[0]:.1f}",
        ]  # fmt: skip
        line(cells)


def line(cells: Sequence[str]) -> None:
    """One line of the table."""
    widths = [34, *(max(5, len(name)) for name in COLUMNS[1:])]
    widths[COLUMNS.index("own")] = 11
    print(cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
          sep="  ", flush=True)  # fmt: skip


# ------------------------------------------------------------------------------------------------ opens


def opens(watched: Watched, what: str, path: str, count: int, *, warm: bool) -> None:
    """Open a link again and again."""
    found, traffic = [], {"requests": 0.0, "bytes": 0.0}
    context = watched.browser.new_context(viewport=SIZE)

    def once() -> float:
        context.add_init_script(eyes.LOOK)
        page = context.new_page()
        page.goto(watched.server.url + path, wait_until="commit")
        ms = float(page.evaluate("eyes.opened()"))
        for name, value in eyes.traffic(page).items():
            traffic[name] += value
        page.close()
        return ms

    if warm:
        once()
        traffic = dict.fromkeys(traffic, 0.0)
    with watched.counting():
        for _ in range(count):
            if not warm:
                context.close()
                context = watched.browser.new_context(viewport=SIZE)
            found.append(once())
    watched.row(f"{what}, {'warm' if warm else 'cold'}", found, [], count, traffic)
    context.close()


# ------------------------------------------------------------------------------------------------ presses


def presses(
    watched: Watched,
    page: Any,
    what: str,
    key: str,
    count: int,
    look_ms: int,
    *,
    decides: bool = False,
    listens: bool = False,
) -> None:
    """Press a key again and again, and print a row of those that went on to the next clip, or ``listens`` for two.

    Only where the key ``decides`` is an answer of the server's waited for: the page sends other things too, such as
    that somebody is at a clip.
    """
    found: list[dict[str, Any]] = []
    requests, sent = 0.0, 0.0
    eyes.traffic(page)
    with watched.counting():
        for _ in range(count):
            if not page.get_by_test_id("player").count():
                break  # the end of the queue
            found.append(eyes.press(page, key, listens=listens))
            page.wait_for_timeout(look_ms)  # a person looks before the next press; the clips ahead load meanwhile
            passed = eyes.traffic(page)
            requests, sent = requests + passed["requests"], sent + passed["bytes"]
    traffic = {"requests": requests, "bytes": sent}
    stayed = [one["saved"] for one in found if decides and not one["moved"] and one["saved"] is not None]
    moved = [_waited(one, decides=decides) for one in found if one["moved"]]
    values = [ms for ms in moved if ms is not None]
    own = [one["own"] for one in found if one["own"] is not None]
    lost = len(found) - len(moved) - len(stayed)
    notes = [f"{lost} lost"] * bool(lost) + ["the list ended"] * (len(found) < count)
    watched.row(f"{what} [{', '.join(notes)}]" if notes else what, values, own, len(found), traffic)
    if listens:
        heard = [one["heard"] for one in found if one["moved"] and one["heard"] is not None]
        watched.row(f"{what}, its sound", heard, [], len(found), traffic)
    if stayed:
        watched.row(f"{what}, same clip", stayed, [], len(found), traffic)


def _waited(one: dict[str, Any], *, decides: bool) -> float | None:
    """ms until the picture was seen, and a decision stored; None where the next picture is the same as the last."""
    parts = [one["seen"], one["saved"]] if decides else [one["seen"]]
    return None if None in parts else max(parts)


def review(watched: Watched, count: int, look_ms: int) -> None:
    """Go through the queue: in silence, listening, deciding."""
    context = watched.browser.new_context(viewport=SIZE)
    context.add_init_script(eyes.LOOK)
    page = context.new_page()
    page.goto(f"{watched.server.url}/review")
    page.get_by_test_id("player-title").wait_for(timeout=60_000)
    page.evaluate("eyes.opened()")
    page.wait_for_timeout(2500)
    presses(watched, page, "J: next clip", "j", count, look_ms)
    presses(watched, page, "1: stored, next clip", "1", count, look_ms, decides=True)
    page.keyboard.press("Space")
    presses(watched, page, "J while it plays", "j", count, look_ms, listens=True)
    context.close()


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--clips", type=int, default=320, help="above three times the presses: each goes on a clip")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--opens", type=int, default=10)
    parser.add_argument("--look-ms", type=int, default=600, help="how long a clip is looked at")
    parser.add_argument("--load", type=int, default=0, help="processes that keep the machine busy")
    args = parser.parse_args()
    if not args.workspace and args.clips <= 3 * args.presses:
        parser.error(
            f"--clips {args.clips} ends before 3 x {args.presses} presses do; give --clips {3 * args.presses + 20}"
        )
    with tempfile.TemporaryDirectory(prefix="earmark-latency-") as folder:
        root = Path(folder) / "w"
        if args.workspace:
            shutil.copytree(args.workspace, root)
        else:
            build(root, args.clips, args.seconds)
        with closing(open_workspace(root)) as workspace:  # a look with all else hidden is another task
            preferences.put(workspace, REVIEWER, "second_looks", {"blind": 0.0, "again": 0.0, "audit": 0.0})
        before = set(family(os.getpid()))
        with chromium() as browser:
            driver = next(pid for pid in family(os.getpid()) if pid not in before)
            with serve(root, REVIEWER) as server, loaded(args.load):
                watched = Watched(server, browser, driver)
                line(COLUMNS)
                if args.presses:
                    review(watched, args.presses, args.look_ms)
                for what, path in LINKS.items() if args.opens else ():
                    for warm in (False, True):
                        opens(watched, what, path, args.opens, warm=warm)
    return 0


if __name__ == "__main__":
    sys.exit(main())
