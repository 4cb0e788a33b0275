"""Memory that the server gives back.

glibc lets threads allocate from arenas of their own, up to eight for each processor, and each keeps what its largest
moment took. A server answers from dozens of threads, so that it grew from session to session by what nobody used. Of an
arena glibc gives back only what lies free at its end: after some thousand clips half of it was free, between things in
use.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import Any

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # of malloc.h
ARENAS = 2
LARGE_BYTES = 1 << 18  # what is larger lies in no arena, and goes back when it is freed
EVERY_S = 60.0


def keep_few_arenas() -> None:
    """Let all threads that begin from now on share ARENAS arenas, where the C library is glibc, and keep what is large
    out of them: by itself glibc moves that bound up to the largest that was freed. MALLOC_ARENA_MAX chooses otherwise.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back(every_s: float = EVERY_S) -> threading.Event:
    """From now on give the system what lies free in the arenas, every so often, until the event is set."""
    stop = threading.Event()
    trim = _of_glibc("malloc_trim")

    def work() -> None:
        while not stop.wait(every_s):
            trim(0)  # some milliseconds, in which other threads go on

    if trim is not None:
        threading.Thread(target=work, name="memory", daemon=True).start()
    return stop


def _of_glibc(name: str) -> Any:
    """A function of the C library; None where there is none of this name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
