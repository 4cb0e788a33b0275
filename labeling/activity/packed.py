"""Scored windows as one file that is made once: a class is then read without the others.

What a prediction left is by recording, with all classes beside each other; a page shows one class of all recordings.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from labeling.activity.windows import Recording, Windows
from labeling.errors import WorkspaceFull, WorkspaceReadOnly
from labeling.storage.diskcache import DiskCache


def packed(cache: DiskCache, name: str, make: Callable[[], Windows]) -> Windows:
    """What ``make`` makes, from the file under ``name`` where it was made before.

    Raises WorkspaceFull, WorkspaceReadOnly where that cannot be written, and what ``make`` raises.
    """
    try:
        path = cache.file(name, lambda file: _write(file, make()))
    except OSError as problem:
        kind = WorkspaceReadOnly if isinstance(problem, PermissionError) else WorkspaceFull
        raise kind(f"{cache.folder} cannot be written: {problem.strerror}; see to that and try again") from problem
    return _read(path)


def _write(file: BinaryIO, windows: Windows) -> None:
    facts = {
        "recordings": [[one.name, one.path, one.duration_s, one.clip_id] for one in windows.recordings],
        "classes": windows.classes,
    }
    np.save(file, np.frombuffer(json.dumps(facts).encode(), np.uint8))
    for column in (windows.recording, windows.onset_s, windows.offset_s):
        np.save(file, column)
    shape = (len(windows.classes), len(windows))
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    for row in range(shape[0]):
        file.write(np.ascontiguousarray(windows.scores[row], "<f4").tobytes())


def _read(path: Path) -> Windows:
    with open(path, "rb") as file:
        facts = json.loads(np.load(file).tobytes())
        recording, onset_s, offset_s = (np.load(file) for _ in range(3))
        npy.read_magic(file)
        shape, _, _ = npy.read_array_header_1_0(file)
        begin = file.tell()
    scores = np.memmap(path, "<f4", "r", begin, shape) if shape[0] * shape[1] else np.zeros(shape, np.float32)
    recordings = tuple(Recording(*one) for one in facts["recordings"])
    return Windows(recordings, tuple(facts["classes"]), recording, onset_s, offset_s, scores)
