"""Vectors made by other programs, as they lie on disk: Hoplite databases, BirdNET-Analyzer's CSV, and .npz.

A Hoplite folder holds ``hoplite.sqlite`` (recordings, windows with their offsets) and ``usearch.index`` (the vectors by
the windows' ids). BirdNET-Analyzer's CSV has the columns ``file_path,start,end,embedding``, the last one numbers
between commas. An .npz has ``filenames`` (N), ``onset_s`` (N), ``offset_s`` (N), ``vectors`` (N, D), and perhaps
``model`` and ``licence``. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from labeling.errors import FormatError

BLOCK = 10_000
"""Stretches that are read at a time."""
CSV_COLUMNS = ("file_path", "start", "end", "embedding")


@dataclass(frozen=True)
class Stretches:
    """Some stretches of any files: ``filenames`` (n), ``onset_s`` and ``offset_s`` (n,), ``vectors`` (n, D)."""

    filenames: list[str]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    vectors: NDArray[Any]


@dataclass(frozen=True)
class Elsewhere:
    """What a file holds: who made it, under which licence ("" where it does not say), and its stretches, in blocks."""

    maker: str
    licence: str
    blocks: Iterator[Stretches]


def read(path: Path) -> Elsewhere:
    """Open a file or folder of vectors. Raises FormatError, also while its blocks are read."""
    for fits, opened in _READERS:
        if fits(path):
            return opened(path)
    raise FormatError(
        f"{path} holds no vectors that can be read: give a Hoplite folder (hoplite.sqlite and usearch.index), "
        f"BirdNET-Analyzer's CSV ({','.join(CSV_COLUMNS)}), or an .npz with filenames, onset_s, offset_s and vectors"
    )


# ------------------------------------------------------------------------------------------------- Hoplite


def _is_hoplite(path: Path) -> bool:
    return (path / "hoplite.sqlite").is_file() or path.name == "hoplite.sqlite"


def _hoplite(path: Path) -> Elsewhere:
    folder = path.parent if path.is_file() else path
    maker = "hoplite"
    with closing(_database(folder)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"recordings", "windows"} <= tables:
            raise FormatError(
                f"{folder / 'hoplite.sqlite'} has no tables recordings and windows, as perch-hoplite 1 writes them; "
                "open it once with perch-hoplite 1.0 or later, which brings it up to date"
            )
        known = (
            dict(database.execute("SELECT key, value FROM hoplite_metadata")) if "hoplite_metadata" in tables else {}
        )
    try:
        model = json.loads(known.get("model_config", "{}"))
        maker = str(model.get("model_key") or model.get("embedding_model") or maker)
    except (ValueError, AttributeError):
        pass
    return Elsewhere(maker, "", _windows(folder))


def _database(folder: Path) -> sqlite3.Connection:
    """The database, read as it is: nothing is written beside it where all of it is in the one file."""
    file = folder / "hoplite.sqlite"
    log = folder / "hoplite.sqlite-wal"
    whole = not log.exists() or log.stat().st_size == 0
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro{'&immutable=1' if whole else ''}", uri=True)
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as problem:
        raise FormatError(f"{file} cannot be read ({problem}); close what is writing to it, or copy it whole") from None
    return connection


def _windows(folder: Path) -> Iterator[Stretches]:
    from usearch.index import Index

    file = folder / "usearch.index"
    if not file.is_file():
        raise FormatError(f"{folder} lacks usearch.index, which holds the vectors; copy it beside hoplite.sqlite")
    try:
        index = Index.restore(str(file), view=True)
    except Exception as problem:  # usearch's errors have no common root
        raise FormatError(f"{file} is no usearch index ({problem}); copy it whole") from None
    if index is None:
        raise FormatError(f"{file} is no usearch index; copy it whole")
    with closing(_database(folder)) as database:
        rows = database.execute(
            "SELECT windows.id, recordings.filename, windows.offsets FROM windows JOIN recordings "
            "ON recordings.id = windows.recording_id ORDER BY windows.recording_id, windows.id"
        )
        while some := rows.fetchmany(BLOCK):
            keys = np.array([row[0] for row in some], dtype=np.uint64)
            there = np.asarray(index.contains(keys)).astype(bool)
            if not there.all():
                raise FormatError(
                    f"{file} lacks the vectors of {int((~there).sum()):,} windows, such as {keys[~there][0]}; copy "
                    "both files of the database at one time"
                )
            bounds = [np.frombuffer(row[2], dtype="<f8") if isinstance(row[2], bytes) else np.zeros(0) for row in some]
            if any(len(pair) != 2 for pair in bounds):
                raise FormatError(f"{folder / 'hoplite.sqlite'}: a window's offsets are not a start and an end")
            pairs = np.array(bounds)
            vectors = np.asarray(index.get(keys)).reshape(len(keys), -1)
            yield Stretches([str(row[1]) for row in some], pairs[:, 0], pairs[:, 1], vectors)


# ------------------------------------------------------------------------------------------------- CSV


def _is_csv(path: Path) -> bool:
    if not path.is_file() or path.suffix.lower() not in (".csv", ".txt"):
        return False
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return tuple(name.strip().lower() for name in file.readline(1000).split(",")) == CSV_COLUMNS


def _birdnet_csv(path: Path) -> Elsewhere:
    return Elsewhere("birdnet", "CC BY-NC-SA 4.0", _csv_blocks(path))


@contextmanager
def _long_fields() -> Iterator[None]:
    """A vector is one field, and longer than the csv module reads; its limit is that of the whole program."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _csv_blocks(path: Path) -> Iterator[Stretches]:
    size = 0
    names: list[str] = []
    numbers: list[NDArray[np.float64]] = []

    def block() -> Stretches:
        table = np.stack(numbers)
        return Stretches(list(names), table[:, 0], table[:, 1], table[:, 2:])

    with _long_fields(), open(path, encoding="utf-8-sig", newline="") as file:
        try:
            for row in csv.DictReader(file, fieldnames=CSV_COLUMNS):
                if not names and not numbers and row["start"].strip().lower() == "start":
                    continue
                line = np.array([row["start"], row["end"], *row["embedding"].split(",")], dtype=np.float64)
                if size not in (0, len(line)):
                    raise ValueError(f"{len(line) - 2} numbers, where those before have {size - 2}")
                size = len(line)
                names.append(row["file_path"])
                numbers.append(line)
                if len(names) == BLOCK:
                    yield block()
                    names, numbers = [], []
        except (ValueError, TypeError, AttributeError, csv.Error) as problem:
            raise FormatError(
                f"{path}, near row {len(names):,}: {problem}; each row needs {', '.join(CSV_COLUMNS)}"
            ) from None
    if names:
        yield block()


# ------------------------------------------------------------------------------------------------- npz


def _is_npz(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".npz"


def _npz(path: Path) -> Elsewhere:
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except Exception as problem:  # a damaged zip fails in many ways
        raise FormatError(f"{path} cannot be read ({problem}); write plain arrays with numpy.savez") from None
    for name in ("filenames", "onset_s", "offset_s", "vectors"):
        if name not in arrays:
            raise FormatError(f"{path} has no array {name!r}; it has {', '.join(arrays) or 'none'}; add it")
    count = len(arrays["filenames"]) if arrays["filenames"].ndim == 1 else -1
    for name, dim in (("onset_s", 1), ("offset_s", 1), ("vectors", 2)):
        if arrays[name].ndim != dim or len(arrays[name]) != count or arrays[name].dtype.kind not in "fiu":
            raise FormatError(
                f"{path}: {name} has shape {arrays[name].shape} of {arrays[name].dtype}; give numbers, a row for each "
                f"of the {max(0, count)} filenames"
            )
    said = {name: str(arrays[name]) if name in arrays else "" for name in ("model", "licence")}
    stretches = Stretches(
        [str(name) for name in arrays["filenames"]], arrays["onset_s"].astype(np.float64),
        arrays["offset_s"].astype(np.float64), arrays["vectors"],
    )  # fmt: skip
    return Elsewhere(said["model"] or "npz", said["licence"], iter([stretches]))


_READERS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Elsewhere]], ...] = (
    (_is_hoplite, _hoplite),
    (_is_npz, _npz),
    (_is_csv, _birdnet_csv),
)
