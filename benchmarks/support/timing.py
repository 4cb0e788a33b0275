"""How long something takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def timed(work: Callable[[], object], times: int = 1) -> str:
    """The median of some tries, on the clock and of the processor in all threads."""
    clock, cpu = [], []
    for _ in range(times):
        before, before_cpu = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - before)
        cpu.append(time.process_time() - before_cpu)
    return f"{statistics.median(clock):.3f} s ({statistics.median(cpu):.3f} s of the processor)"
