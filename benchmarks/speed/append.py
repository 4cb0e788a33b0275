"""How long does a decision take to be on the disk while many people decide at once?

    python -m benchmarks.speed.append [--writers 20] [--each 50] [--processes 1] [--postgres URL]

Writers decide one cell after the other, each its own, as threads of one server, spread over ``--processes`` programs on
the same workspace. Measured is the time of each append from the call to the commit. Budget: p99 2 s of 20 writers.

Two busy cores, 20 writers of 20 decisions each: p99 0.70 s, slowest 0.74 s in one program, 0.66 s and 0.77 s in four;
before they came in turn (labeling/storage/turns.py) 4.1 s and 6.9 s, 4.9 s and 7.1 s.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from labeling import journal
from labeling.records import Decision
from labeling.workspace import open_workspace
from tests.support.workspaces.making import add_clips

CODES = ("amecro", "balori", "cangoo", "daejun")
BUDGET_S = 2.0


def write(root: str, first: int, writers: int, each: int, told: Any) -> None:
    """Be one program: ``writers`` threads from number ``first`` on, ``each`` decisions a thread."""
    with closing(open_workspace(root)) as workspace:

        def one(writer: int) -> list[float]:
            took = []
            for number in range(each):
                said = Decision(f"{writer}-{number}", f"r{writer}", 1 + writer % 4, CODES[number % 4], "absent")
                began = time.perf_counter()
                journal.append(workspace, [said])
                took.append(time.perf_counter() - began)
            return took

        with ThreadPoolExecutor(writers) as pool:
            told.put([took for its in pool.map(one, range(first, first + writers)) for took in its])


def main() -> int:
    """Measure, and say whether it keeps the budget."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--postgres", default="", help="URL of an empty database; SQLite by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "w"
        root.mkdir()
        if asked.postgres:
            (root / "earmark.toml").write_text(f'database_url = "{asked.postgres}"\n')
        with closing(open_workspace(root, create=True)) as workspace:
            add_clips(workspace)
        context = multiprocessing.get_context("spawn")
        told, share = context.Queue(), -(-asked.writers // asked.processes)
        began = time.perf_counter()
        programs = [
            context.Process(target=write, args=(str(root), start, min(share, asked.writers - start), asked.each, told))
            for start in range(0, asked.writers, share)
        ]
        for program in programs:
            program.start()
        took_s = np.concatenate([told.get() for _ in programs])
        for program in programs:
            program.join()
        whole_s = time.perf_counter() - began
        with closing(open_workspace(root)) as workspace, workspace.read() as connection:
            stored = journal.position(connection)
    p50, p99 = np.percentile(took_s, [50, 99])
    print(f"{asked.writers} writers in {len(programs)} programs: {stored} of {len(took_s)} stored in {whole_s:.1f} s")
    print(f"p50 {p50:.3f} s, p99 {p99:.3f} s, slowest {took_s.max():.3f} s (budget: p99 {BUDGET_S:.0f} s)")
    return 0 if p99 < BUDGET_S and stored == len(took_s) else 1


if __name__ == "__main__":
    sys.exit(main())
