"""Memory that the server gives back.

glibc lets threads allocate from arenas of their own, up to eight for each processor, and each keeps what its largest
moment took. A server answers from dozens of threads, so that it grew from session to session by what nobody used.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_ARENA_MAX = -8  # of malloc.h
ARENAS = 2


def keep_few_arenas() -> None:
    """Let all threads that begin from now on share ARENAS arenas, where the C library is glibc. Who sets
    MALLOC_ARENA_MAX has chosen."""
    if not sys.platform.startswith("linux") or "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
