"""Files of arrays, tables and databases with some of their bytes changed, and what reading one may cost."""

from __future__ import annotations

import io
import random
import shutil
import sqlite3
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from labeling import journal
from labeling.collection import store
from labeling.collection.tabular.reading import read_table
from labeling.errors import EarmarkError
from labeling.external import detect_reader, readers
from labeling.external.base import ReadRequest, Values
from labeling.external.matching import Matcher
from labeling.journal import versions
from labeling.records import Decision
from labeling.reviewer import marks
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import CLIPS

MOST_SECONDS = 5.0
SPARE_BYTES = 200e6
NAMES = [name for name, _ in CLIPS]
CODES = ["amecro", "balori", "cangoo"]


def damaged(rng: random.Random, whole: bytes) -> bytes:
    """``whole`` cut short, or with a few bytes, a number or a stretch of it changed."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data))
        match rng.randrange(7):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1)))
            case 3:
                data[at : at + 8] = struct.pack("<Q", rng.choice((2**40, 2**62, 2**64 - 1)))
            case 4:
                other = rng.randrange(len(data))
                data[at : at + 16] = data[other : other + 16]
            case 5:
                data[at : at + rng.randrange(1, 9)] = b""
            case _:
                data[at : at + 3] = b"\xff\xfe\xed"
        if not data:
            return b"\0"
    return bytes(data[: rng.randrange(1, len(data))] if rng.random() < 0.1 else data)


def arrays(rng: random.Random) -> bytes:
    """An .npz of predictions; one of its arrays may claim a shape or a type of its own."""
    values = np.linspace(0, 1, len(NAMES) * len(CODES), dtype=np.float32).reshape(len(NAMES), -1)
    frames = np.repeat(values[:, None], 5, axis=1)
    given = {"filenames": np.array(NAMES), "classes": np.array(CODES), "clipwise": values, "framewise": frames}
    sink, liar = io.BytesIO(), rng.choice((*given, *[""] * 4))
    with zipfile.ZipFile(sink, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, array in (given | {"step_s": np.array(0.5)}).items():
            raw = io.BytesIO()
            np.save(raw, array)
            content = raw.getvalue()
            if name == liar:
                length = int.from_bytes(content[8:10], "little")
                shape = rng.choice(
                    ("(2000000000,)", "(4, 3000000000)", "(-1, 3)", "(0, 3)", "(4,)", "(1e9,)", "4", "()")
                )
                kind = rng.choice(("<f4", "<U9", "<f8", "|O", "<U2000000000", "|V0", "<c16", "[('a', '<f4')]"))
                kind = kind if kind.startswith("[") else repr(kind)
                head = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
                content = content[:10] + head.encode().ljust(length - 1) + b"\n" + content[10 + length :]
            if rng.random() < 0.1:
                content = damaged(rng, content)
            archive.writestr(f"{name}.npy", content)
    return damaged(rng, sink.getvalue()) if rng.random() < 0.3 else sink.getvalue()


def columns(rng: random.Random) -> bytes:
    """A Parquet table of predictions, of labels as well; its texts may be no UTF-8."""
    texts = [name.encode() for name in NAMES]
    if rng.random() < 0.3:
        texts[rng.randrange(4)] = rng.choice((b"\xff\xfe.wav", b"a\0.wav", b"\xed\xa0\x80", b""))
    table = {
        "filename": pa.array(texts, pa.binary()).cast(pa.string(), safe=False) if _utf8(texts) else _unchecked(texts),
        **({"labels": pa.array([["amecro"], ["balori", "cangoo"], [], None])} if rng.random() < 0.3 else {}),
        **{code: pa.array([0.1, 0.5, 0.9, float(rng.choice((*[0.2] * 9, float("nan"), 7e8)))]) for code in CODES},
    }
    sink = io.BytesIO()
    parquet.write_table(pa.table(table), sink, compression=rng.choice(("none", "snappy", "zstd")))
    return damaged(rng, sink.getvalue()) if rng.random() < 0.6 else sink.getvalue()


def _utf8(texts: list[bytes]) -> bool:
    try:
        return all(text.decode() is not None for text in texts)
    except UnicodeDecodeError:
        return False


def _unchecked(texts: list[bytes]) -> pa.Array:
    raw = pa.array(texts, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())


def database(rng: random.Random, file: Path) -> bytes:
    """A workspace's database, damaged: in its schema, where half of the cases are, or anywhere."""
    whole = file.read_bytes()
    if rng.random() < 0.5:
        return damaged(rng, whole)
    data, name = bytearray(whole), rng.choice((b"CREATE TABLE", b"CREATE INDEX", b"decisions", b"clips", b"INTEGER"))
    at = data.find(name, rng.randrange(len(data)))
    at = data.find(name) if at < 0 else at
    span = bytes(data[at : at + 400])
    return bytes(data[:at]) + damaged(rng, span)[:400].ljust(400, b" ") + bytes(data[at + 400 :])


def checkpointed(workspace: Workspace) -> Path:
    """The database's file of a closed workspace that holds some decisions, and nothing beside it."""
    for clip_id in (1, 2, 3):
        journal.append(workspace, [Decision(f"e{clip_id}", "ann", clip_id, "amecro", "absent")])
    marks.add(workspace, marks.Mark("m", "ann", 1, "note", "a rattle"))
    versions.freeze(workspace, "ann")
    workspace.close()
    file = workspace.root / "earmark.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def read_arrays(content: bytes, workspace: Workspace, folder: Path) -> None:
    """Read predictions of an .npz."""
    _bring(content, workspace, folder / "p.npz")


def read_columns(content: bytes, workspace: Workspace, folder: Path) -> None:
    """Read a Parquet table as one of labels, and as predictions."""
    with suppress(EarmarkError):
        read_table(content, "t.parquet")
    _bring(content, workspace, folder / "p.parquet")


def _bring(content: bytes, workspace: Workspace, path: Path) -> None:
    path.write_bytes(content)
    reader = readers.get(detect_reader(path))
    with workspace.read() as connection:
        matcher = Matcher(store.usable_clips(connection), store.all_classes(connection))
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        reader.read(ReadRequest(path, matcher, Values(), Path(scratch)))


def read_database(content: bytes, _workspace: Workspace, folder: Path) -> None:
    """Open a workspace, read what is in it, and decide."""
    root = Path(tempfile.mkdtemp(dir=folder))
    (root / "earmark.db").write_bytes(content)
    try:
        with closing(open_workspace(root, busy_timeout_s=0.5)) as workspace:
            with workspace.read() as connection:
                journal.decisions_where(connection)
                for clip_id in (1, 2):
                    journal.clip_states(connection, clip_id)
                marks.of_clip(connection, 1, "ann")
                versions.all_versions(connection)
                versions.labels_at(connection)
            journal.append(workspace, [Decision("f", "bob", 2, "balori", "present")])
    finally:
        shutil.rmtree(root, ignore_errors=True)


def check(content: bytes, read: Callable[[bytes, Workspace, Path], None], workspace: Workspace, folder: Path) -> str:
    """Read a file: "" or the error of Earmark's tree. Raises what else comes, AssertionError where it costs much."""
    begun, before = time.process_time(), reset_peak()  # of work, however busy the machine
    said = ""
    try:
        read(content, workspace, folder)
    except EarmarkError as problem:
        said = str(problem)
        assert said.strip(), "an error without words"
    took, grew = time.process_time() - begun, peak_bytes() - before
    assert took < MOST_SECONDS, f"{took:.1f} s"
    assert grew < 4 * len(content) + SPARE_BYTES, f"{grew / 1e6:.0f} MB for {len(content)} bytes"
    return said


def reset_peak() -> int:
    """Forget the most memory that this process ever took; returns `peak_bytes`."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def peak_bytes() -> int:
    """The most memory that it took since."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
