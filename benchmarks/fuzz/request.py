"""Does a request that no page of ours makes end in a traceback, a hang, or an answer without a reason?

    python -m benchmarks.fuzz.request --cases 2000 [--start 1000] [--postgres URL]

Bodies, parameters, paths, headers and methods of every route with a part of them changed: numbers out of bounds, NaN,
NUL, half of a surrogate pair, other types, lists in lists, keys that come twice, bytes that are no JSON
(tests/support/odd/requests.py). Each must be answered within 5 s by a status below 500, and what is refused with a
reason. In the end the journal is read, and the labels that it makes.

SQLite, 1,200 requests, and PostgreSQL, 2,000: none broke the promise; some 20 in a hundred were stored or read.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from labeling import journal
from labeling.journal import versions
from labeling.workspace import open_workspace
from tests.support.odd.requests import Asker
from tests.support.workspaces.making import add_clips


def main() -> int:
    """Ask, and say which answers break the promise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--start", type=int, default=1000, help="the first seed")
    parser.add_argument("--postgres", default="", help="URL of an empty database; SQLite by default")
    asked = parser.parse_args()
    statuses, broken = Counter[int](), 0
    with tempfile.TemporaryDirectory() as name:
        if asked.postgres:
            (Path(name) / "earmark.toml").write_text(f'database_url = "{asked.postgres}"\n', encoding="utf-8")
        with closing(open_workspace(name, create=True)) as workspace:
            add_clips(workspace)
            asker = Asker(workspace, {})
            for seed in range(asked.start, asked.start + asked.cases):
                try:
                    statuses[asker.ask(random.Random(seed))] += 1
                except Exception as problem:
                    broken += 1
                    print(f"seed {seed}: {type(problem).__name__}: {str(problem)[:1000]}")
            with workspace.read() as connection:
                stored, clips = len(journal.decisions_where(connection)), len(versions.labels_at(connection).clip_ids)
    print(f"{broken} broken; statuses {dict(sorted(statuses.items()))}; {stored} decisions of {clips} clips are stored")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
