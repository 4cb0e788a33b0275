"""Does a damaged file end in anything but an error that says why: a traceback, a hang, the memory filled?

    python -m benchmarks.fuzz.damage --cases 2000 [--start 1000]

Arrays (.npz), tables (Parquet) and workspaces' databases with bytes, numbers and stretches changed, cut short, or
claiming shapes and types that they do not have (tests/support/odd/damaged.py). Each is read as a user's would be; what
comes must be in Earmark's tree of errors, within 5 s, and within four times the file's size and 200 MB.

Two busy cores, 2,000 cases of each kind, refused: 1,551 of arrays, 1,583 of tables, 1,250 of databases; none broke the
promise, the slowest took 1.8 s.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from labeling.workspace import open_workspace
from tests.support.odd import damaged
from tests.support.workspaces.making import add_clips


def main() -> int:
    """Run the cases of each kind, and say which break the promise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--start", type=int, default=1000, help="the first seed")
    asked = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace, other = (open_workspace(folder / which, create=True) for which in ("w", "other"))
        add_clips(workspace)
        add_clips(other)
        file = damaged.checkpointed(other)
        kinds = {
            "npz": (damaged.arrays, damaged.read_arrays),
            "Parquet": (damaged.columns, damaged.read_columns),
            "database": (lambda rng: damaged.database(rng, file), damaged.read_database),
        }
        for kind, (make, read) in kinds.items():
            counts: Counter[str] = Counter()
            slowest_s = 0.0
            for seed in range(asked.start, asked.start + asked.cases):
                content, began = make(random.Random(seed)), time.perf_counter()
                try:
                    counts["refused" if damaged.check(content, read, workspace, folder) else "read"] += 1
                except Exception as problem:
                    counts["BROKEN"] += 1
                    where = traceback.extract_tb(problem.__traceback__)[-1]
                    print(f"{kind}, seed {seed}: {type(problem).__name__}: {problem} ({where.filename}:{where.lineno})")
                slowest_s = max(slowest_s, time.perf_counter() - began)
            print(f"{kind}: {dict(counts)}, slowest {slowest_s:.2f} s", flush=True)
            broken += counts["BROKEN"]
        workspace.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
