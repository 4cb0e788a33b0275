"""What processes use, as Linux tells it, and processes that do nothing but keep a machine busy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def resident_mb(pids: Iterable[int]) -> float:
    """Resident memory of some processes in MB; what several share counts once."""
    total_kb = 0
    for pid in pids:
        with suppress(*_GONE):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total_kb += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total_kb / 1000


def busy_s(pids: Iterable[int]) -> float:
    """Seconds of processor time that some processes have used, and those of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(*_GONE):
            ticks += sum(map(int, _fields(pid)[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that it has started, and they."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(*_GONE):
                parents.setdefault(int(_fields(int(entry))[1]), []).append(int(entry))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def loaded(count: int) -> Iterator[None]:
    """Keep the machine busy with so many processes, each of which wants a whole core."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()
