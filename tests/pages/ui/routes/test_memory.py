"""pages/ui/routes/memory.py: many threads keep no arena each."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

ARENAS = """
import ctypes, sys, threading
{limit}
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
barrier = threading.Barrier(24)
def work():
    barrier.wait()
    libc.malloc(1000)
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(24)]
for thread in threads: thread.start()
for thread in threads: thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(limit: str, folder: Path) -> int:
    """How many arenas a process has in which 24 threads have allocated at once."""
    told = folder / "told.xml"
    subprocess.run([sys.executable, "-c", ARENAS.format(limit=limit), str(told)], cwd=ROOT, check=True, env={})
    return told.read_text().count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="the C library is not glibc")
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    limit = "from pages.ui.routes.memory import keep_few_arenas; keep_few_arenas()"
    assert arenas(limit, tmp_path) <= 2
    assert arenas("", tmp_path) > 2, "else this test tells nothing"
