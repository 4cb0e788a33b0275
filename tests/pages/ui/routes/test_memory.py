"""pages/ui/routes/memory.py: many threads keep no arena each, and what is free is given back."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from pages.ui.routes.memory import LARGE_BYTES
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


LARGE = """
import ctypes
from pages.ui.routes.memory import LARGE_BYTES, keep_few_arenas

class Told(ctypes.Structure):
    _fields_ = [(f"number{n}", ctypes.c_size_t) for n in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Told
keep_few_arenas()
for _ in range(3):
    bytearray(8 * LARGE_BYTES)
    bytearray(2 * LARGE_BYTES)
kept = bytearray(2 * LARGE_BYTES)
print(libc.mallinfo2().number4)  # bytes beside the arenas
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library is not glibc, or old")
def test_what_is_large_lies_in_no_arena_whatever_was_freed_before() -> None:
    told = subprocess.run([sys.executable, "-c", LARGE], cwd=ROOT, check=True, capture_output=True, text=True, env={})
    assert int(told.stdout) >= 2 * LARGE_BYTES


FREED = """
import time
from pathlib import Path
from pages.ui.routes.memory import give_back

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

blocks = [bytearray(50_000) for _ in range(1500)]
blocks = blocks[::100]  # what is left lies between what is free, and at the end
before = resident_mb()
stop = give_back(0.02)
deadline = time.monotonic() + 20
while resident_mb() > before - 40 and time.monotonic() < deadline:
    time.sleep(0.01)
stop.set()
print(before - resident_mb())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_what_lies_free_between_what_is_used_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", FREED], cwd=ROOT, check=True, capture_output=True, text=True)
    assert float(told.stdout) > 40
