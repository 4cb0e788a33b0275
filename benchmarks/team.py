"""Do twenty people at one list lose anything, double anything, or meet at a clip? And what do leases and news cost?

    python -m benchmarks.team [--minutes 2] [--people 20] [--clips 2000] [--looks 1] [--servers 1] [--postgres URL]

Each person is a process of its own that goes through the same list over HTTP as the player does, with a second's
thought a clip; the server's routes are served by so many ``--servers``, processes too, on one workspace. At the end the
journal is compared with what was acknowledged, the looks of each cell are counted, and the stays at each clip are laid
side by side. Then, of one person alone: a decision with and without the next clip, a lease, and what others
changed.

On two cores that some fifteen other processes wanted too, 20 people for half a minute: SQLite, two looks a cell, one
server: 872 decisions in 436 clips, no problem, a press of two decisions 185 ms (p99 1.1 s); PostgreSQL, two servers:
860 in 430, no problem, 160 ms (p99 1.7 s). Alone on the same machine (SQLite, PostgreSQL): a decision 35 and 16 ms, 51
and 23 ms with the next clip; a lease 34 and 25 ms; what others changed 1.4 and 2.3 ms where nothing did.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from labeling.journal import looks
from labeling.workspace import open_workspace
from pages.ui.routes.api import api_routes
from tests.support.app.team import SECRET, VIEW, Reviewer, Told, make_list, problems
from tests.support.browser.server import free_port

THINK_S = 1.0


def serve(root: str, port: int) -> None:
    """Be a server of the player's routes."""
    logging.disable(logging.INFO)  # a line a request
    workspace = open_workspace(root)
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)


def review(name: str, port: int, clip_ids: list[int], until: float, told: Any) -> None:
    """Be a person."""
    told.put(Reviewer(name, port, clip_ids, until, think_s=THINK_S).work(lambda: False))


def answers(port: int) -> bool:
    """Whether a server is there."""
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/api/changes")
            return connection.getresponse().status in (200, 403)
    except OSError:
        return False


def spread(values: list[float]) -> str:
    """Median and 99th percentile, in milliseconds."""
    if len(values) < 2:
        return "too few"
    return (
        f"median {1000 * statistics.median(values):.1f} ms, p99 {1000 * statistics.quantiles(values, n=100)[98]:.1f} ms"
    )


def costs(port: int, clip_ids: list[int], times: int = 100) -> None:
    """What one request costs of each kind, of one person alone."""
    person = Reviewer("alone", port, clip_ids, 0.0, think_s=0.0)
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as person.connection:

        def clock(what: str, ask: Any) -> None:
            took = []
            for number in range(times):
                began = time.perf_counter()
                ask(number)
                took.append(time.perf_counter() - began)
            print(f"{what:44} {spread(took)}")

        def decide(number: int, code: str, with_next: bool) -> None:
            event = {"event_id": f"{code}-{number}", "clip_id": clip_ids[number], "class": code, "kind": "false",
                     "verdict": "absent"}  # fmt: skip
            body = {"events": [event], "view": VIEW}
            person.ask("POST", "/api/decisions", body | ({"next": person.wish(number + 1)} if with_next else {}))

        version = person.ask("GET", "/api/changes")["version"]
        clock("a decision, without the next clip", lambda number: decide(number, "amecro", False))
        clock("a decision that brings the next clip", lambda number: decide(number, "cangoo", True))
        clock("a lease", lambda number: person.lease(number))
        clock("what others changed: much", lambda _: person.ask("GET", f"/api/changes?since={version}"))
        version = person.ask("GET", "/api/changes")["version"]
        clock("what others changed: nothing", lambda _: person.ask("GET", f"/api/changes?since={version}"))
    if person.told.refused:
        print("refused:", *person.told.refused[:3], sep="\n  ")


def main() -> int:
    """Run it, and say what went wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--looks", type=int, default=1)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--postgres", default="", help="URL of an empty database; SQLite by default")
    asked = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pages.ui.routes.api", "tests.support.app.team"])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        root.mkdir()
        if asked.postgres:
            (root / "earmark.toml").write_text(f"database_url = {json.dumps(asked.postgres)}\n", encoding="utf-8")
        with closing(open_workspace(root, create=True)) as workspace:
            clip_ids = make_list(workspace, asked.clips)
            with workspace.write() as connection:
                for kind in looks.KINDS:
                    looks.set_needed(connection, kind, asked.looks)
            ports = [free_port() for _ in range(asked.servers)]
            servers = [context.Process(target=serve, args=(str(root), port), daemon=True) for port in ports]
            for server in servers:
                server.start()
            while not all(answers(port) for port in ports):
                time.sleep(0.1)
            told: Any = context.Queue()
            until = time.monotonic() + 60 * asked.minutes
            people = [
                context.Process(
                    target=review, args=(f"r{n:02}", ports[n % len(ports)], clip_ids, until, told), daemon=True
                )
                for n in range(asked.people)
            ]
            for person in people:
                person.start()
            everybody: list[Told] = [told.get(timeout=60 * asked.minutes + 120) for _ in people]
            found = problems(workspace, everybody, asked.looks, whole=False)
            decisions = sum(len(one.acknowledged) for one in everybody)
            stays = sum(len(one.stays) for one in everybody)
            print(f"{asked.people} people, {asked.minutes:g} min: {stays:,} clips, {decisions:,} decisions, "
                  f"{len(found)} problems")  # fmt: skip
            print(f"{'a press that stores two decisions':44} {spread([s for one in everybody for s in one.took_s])}")
            for what in found[:10]:
                print(f"  {what}")
            costs(ports[0], clip_ids[-150:])
            for server in servers:
                server.terminate()
                server.join(10)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
