"""Is every decision that was acknowledged there after programs were killed in the midst of writing, and once?

    python -m benchmarks.durability [--kills 1000] [--postgres URL] [--seed 0]

Three programs write decisions in batches of three, one serves the player's routes to four reviewers who send batches of
two. At random moments one of those that do write is killed (SIGKILL) and begun again, until there were so many kills.
What had no answer a reviewer sends again with the same ids, as the player does. Then: every acknowledged decision is in
the journal once, no batch is there by half, what was never acknowledged is at most the batch that was under way, the
cells are what the journal makes of them, and the database is whole.

Two busy cores, SQLite, 150 kills in 70 s: 1,353 batches of three and 278 of two acknowledged; all are there, once. And
1,000 kills in 935 s on a machine that did much else, also of programs that had not begun to write: 1,755 of three and
210 of two, all there, once. PostgreSQL, 130 kills in 130 s: 108 of three and 60 of two, all there, once.

A killed program loses nothing that the kernel has; what a power cut would lose is held by ``synchronous=FULL``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette

from labeling import journal
from labeling.journal import versions
from labeling.records import Decision
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from tests.support.browser.server import free_port
from tests.support.workspaces.making import add_clips

SECRET = b"s" * 32
CODES = ("amecro", "balori", "cangoo")
CLIPS = 600
REVIEWERS = 4
DIRECT, SERVED = 3, 2  # decisions of a batch
PRELOADED = (  # once, before programs are begun
    "pages.ui.routes.api", "tests.support.workspaces.making", "uvicorn", "alembic.script",
    "sqlalchemy.dialects.postgresql.psycopg",
)  # fmt: skip
LONGEST_S = 0.3  # that a program which writes is left alone
BEGINS_S = 120.0  # within which one of four that were begun must write


def cells_of(batch: str, count: int) -> list[tuple[str, int, str]]:
    """Event id, clip and class of each decision of a batch."""
    clip_id = 1 + random.Random(batch).randrange(CLIPS)
    return [(f"{batch}-{number}", clip_id, CODES[number]) for number in range(count)]


def write(root: str, name: str, told: Connection) -> None:
    """Be a program that writes batches, and tells of each once it is stored."""
    workspace = open_workspace(root)
    for number in range(10**9):
        batch = f"{name}-{number}"
        cells = cells_of(batch, DIRECT)
        said = [Decision(event_id, name, clip_id, code, "absent", batch_id=batch) for event_id, clip_id, code in cells]
        journal.append(workspace, said)
        told.send(batch)


def serve(root: str, port: int) -> None:
    """Be the server of the player's routes."""
    workspace = open_workspace(root)
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)


class Reviewer(threading.Thread):
    """Sends one batch after the other to whatever port is served, each until it is answered."""

    def __init__(self, name: str, place: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self.called, self.place = name, place
        self.acknowledged: list[str] = []
        self.sent_again, self.refused, self.over = 0, Counter[str](), threading.Event()

    def run(self) -> None:
        """Press until it is over."""
        for number in range(10**9):
            batch = f"{self.called}-{number}"
            events = [
                {"event_id": event_id, "clip_id": clip_id, "class": code, "verdict": "absent"}
                for event_id, clip_id, code in cells_of(batch, SERVED)
            ]
            body = json.dumps({"events": events, "batch": batch, "answer": "clip"})
            while not self.post(body):
                if self.over.is_set():
                    return
                self.sent_again += 1
                time.sleep(0.02)
            self.acknowledged.append(batch)
            if self.over.is_set():
                return

    def post(self, body: str) -> bool:
        """Whether it was acknowledged."""
        headers = {"x-earmark": signing.api_token(SECRET, self.called), "content-type": "application/json"}
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.place["port"], timeout=30)
            with closing(connection):
                connection.request("POST", "/api/decisions", body, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status not in (200, 503):
                    self.refused[f"{answer.status} {text[:200]}"] += 1
                return answer.status == 200
        return False


def told_by(connection: Connection) -> list[str]:
    """All that a program told before it was killed."""
    batches: list[str] = []
    with suppress(EOFError, OSError):
        while connection.poll():
            batches.append(connection.recv())
    return batches


def check(workspace: Workspace, acknowledged: dict[str, int], under_way: int) -> list[str]:
    """What is broken, in words; ``acknowledged`` are batches and how many decisions each has."""
    broken = []
    with workspace.read() as connection:
        stored: Counter[str] = Counter(connection.scalars(sa.select(tables.decisions.c.event_id)))
        by_batch: Counter[str] = Counter(connection.scalars(sa.select(tables.decisions.c.batch_id)))
        table, classes = tables.cells, tables.classes
        cells = sa.select(table.c.clip_id, classes.c.code, table.c.verdict, table.c.position)
        kept = set(map(tuple, connection.execute(cells.join(classes, classes.c.id == table.c.class_id))))
        folded = {
            (clip_id, state.class_code, state.verdict, state.position)
            for clip_id, states in versions.corrected_clips(connection, journal.position(connection))
            for state in states
            if state.verdict
        }
        if connection.dialect.name == "sqlite":
            whole = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            broken += [f"the database is not whole: {whole}"] if whole != "ok" else []
    lost = [f"{batch}-{k}" for batch, size in acknowledged.items() for k in range(size) if not stored[f"{batch}-{k}"]]
    twice = [event_id for event_id, count in stored.items() if count > 1]
    half = [batch for batch, count in by_batch.items() if count != (DIRECT if batch.startswith("w") else SERVED)]
    extra = [batch for batch in by_batch if batch not in acknowledged]
    for what, which in (("lost", lost), ("stored twice", twice), ("stored by half", half)):
        broken += [f"{len(which)} {what}: {which[:5]}"] if which else []
    if len(extra) > under_way:
        broken.append(f"{len(extra)} batches stored that nobody acknowledged, where {under_way} could be under way")
    if kept != folded:
        broken.append(f"{len(kept ^ folded)} cells are not what the journal makes of them")
    return broken


def main() -> int:
    """Kill so often, then look."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--postgres", default="", help="URL of an empty database; SQLite by default")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    with tempfile.TemporaryDirectory() as name:
        root = str(Path(name) / "w")
        os.mkdir(root)
        if asked.postgres:
            (Path(root) / "earmark.toml").write_text(f'database_url = "{asked.postgres}"\n')
        with closing(open_workspace(root, create=True)) as workspace:
            add_clips(workspace, tuple((f"{number}.wav", CODES) for number in range(CLIPS)))
        acknowledged: dict[str, int] = {}
        place = {"port": 0}
        pipes: dict[int, Connection] = {}
        writing: set[int] = set()
        begun = Counter[str]()
        first: dict[int, int] = {}  # of the server, how many batches were acknowledged as it was begun

        def served() -> int:
            return sum(len(reviewer.acknowledged) for reviewer in reviewers)

        def tell() -> None:
            """Take what the writers told, as a full pipe would stop them, and note which of them write."""
            for slot, pipe in pipes.items():
                told = told_by(pipe)
                acknowledged.update(dict.fromkeys(told, DIRECT))
                writing.update({slot} if told else ())

        def begin(slot: int) -> Any:
            writing.discard(slot)
            if not slot:
                place["port"], first[0] = free_port(), served()
                program = context.Process(target=serve, args=(root, place["port"]), daemon=True)
            else:
                mine, theirs = context.Pipe(duplex=False)
                pipes[slot], who = mine, f"w{slot}x{begun['programs']}"
                program = context.Process(target=write, args=(root, who, theirs), daemon=True)
            begun["programs"] += 1
            program.start()
            if slot:
                theirs.close()
            return program

        reviewers = [Reviewer(f"r{number}", place) for number in range(REVIEWERS)]
        programs = [begin(slot) for slot in range(4)]
        for reviewer in reviewers:
            reviewer.start()
        started = time.monotonic()
        for kill in range(asked.kills):
            time.sleep(rng.uniform(0, LONGEST_S))
            began = time.monotonic()
            while True:  # to kill one that has not begun to write would show nothing
                tell()
                if able := sorted(writing | ({0} if served() > first[0] else set())):
                    break
                if time.monotonic() - began > BEGINS_S:
                    raise RuntimeError(f"none of the programs wrote anything for {BEGINS_S:g} s")
                time.sleep(0.01)
            slot = rng.choice(able)
            programs[slot].kill()
            programs[slot].join()
            tell()
            programs[slot] = begin(slot)
            if (kill + 1) % 100 == 0:
                print(
                    f"{kill + 1} kills, {len(acknowledged)} batches written, {time.monotonic() - started:.0f} s",
                    flush=True,
                )
        for reviewer in reviewers:
            reviewer.over.set()
        for reviewer in reviewers:
            reviewer.join(60)
        for program in programs:
            program.kill()
            program.join()
        tell()
        acknowledged |= dict.fromkeys((batch for one in reviewers for batch in one.acknowledged), SERVED)
        refused = sum((reviewer.refused for reviewer in reviewers), Counter[str]())
        with closing(open_workspace(root)) as workspace:
            broken = check(workspace, acknowledged, asked.kills + 4 + REVIEWERS)
    broken += [f"{count} times: {reason}" for reason, count in refused.items()]
    again = sum(reviewer.sent_again for reviewer in reviewers)
    written = len(acknowledged) - served()
    print(f"{asked.kills} kills; acknowledged were {written} batches of {DIRECT} written and {served()} of {SERVED}")
    print(f"sent to the server, {again} of these again")
    print("\n".join(broken) or "all of them are there, once; none by half")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
