"""Clips cut from recordings: each stretch in which a class was found present, as a file and a clip of its own.

A recording without labels is too long to be a clip of a training. What people marked in it is written into the
workspace, ``cuts/001/`` and so on, as FLAC (WAV where its samples do not fit), with a table that names each part's
recording and place, and imported like any other collection. The recording is only read, and its marks stay.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.errors import AudioError, DataError
from labeling.search.clips import clip_facts
from labeling.search.standing import standing
from labeling.sound.decoding import read_window
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.csvsafe import csv_bytes
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

FOLDER = "cuts"
TABLE = "clips.csv"
COLUMNS = ("filename", "labels", "group", "recording", "onset_s", "offset_s")
MOST_PAD_S = 60.0
_FLAC_CHANNELS, _FLAC_RATE = 8, 655_350
_ODD = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Part:
    """A stretch of a recording that is to be a clip."""

    clip_id: int
    recording: str
    path: str
    group: str
    onset_s: float
    offset_s: float

    @property
    def name(self) -> str:
        """What the clip is called, without its ending: the recording's name and number, and where it begins and ends in
        milliseconds; so that the same stretch is known again."""
        stem = _ODD.sub("_", Path(self.recording).stem)[:80]
        return f"{stem}_{self.clip_id}_{round(self.onset_s * 1000)}-{round(self.offset_s * 1000)}"


@dataclass(frozen=True)
class Cut:
    """What was cut: ``added`` clips in ``folder`` ("" for none); ``failed`` names each stretch that could not be read,
    and why."""

    added: int
    folder: str
    failed: Mapping[str, str]

    def text(self) -> str:
        """In words."""
        if not (self.added or self.failed):
            return "nothing is left to cut: no stretch of a recording was found present that is not a clip yet"
        what = f"{self.added:,} {'clip' if self.added == 1 else 'clips'} cut"
        what += f" into {self.folder}" if self.folder else ""
        return what + "".join(f"\nnot read: {name}: {why}" for name, why in self.failed.items())


def uncut(connection: Connection, class_code: str, pad_s: float = 0.0) -> list[Part]:
    """The stretches of recordings in which a class was found present and which are no clips yet, oldest first.

    ``pad_s`` more of the recording is taken on both sides. Raises DataError for an unknown class, or a pad out of
    bounds.
    """
    if not 0 <= pad_s <= MOST_PAD_S:
        raise DataError(f"{pad_s:g} s on both sides is outside 0 to {MOST_PAD_S:g}; give seconds")
    said, facts = standing(connection, class_code), clip_facts(connection)
    clips = tables.clips.c
    ids = set(said.present.clip_id.tolist()) & set(facts.clip_id[facts.recording].tolist())
    query = sa.select(clips.id, clips.filename, clips.path, clips.group_name, clips.duration_s).where(clips.id.in_(ids))
    about = {row.id: row for row in db.fetch(connection, query)}
    known = {Path(name).stem for name in store.known_filenames(connection)}
    parts: dict[str, Part] = {}
    for look in said.looks:
        if look.whole or look.verdict != "present" or look.clip_id not in about:
            continue
        row = about[look.clip_id]
        begin, end = max(0.0, look.onset_s - pad_s), min(look.offset_s + pad_s, row.duration_s)
        part = Part(row.id, row.filename, row.path, row.group_name or row.filename, begin, end)
        if part.name not in known and begin < end:
            parts.setdefault(part.name, part)
    return list(parts.values())


def cut_clips(workspace: Workspace, class_code: str, pad_s: float = 0.0) -> Cut:
    """Make a clip of each stretch of `uncut`, labelled with the class.

    A stretch that cannot be read is named and left for another time. Raises DataError as `uncut`, and WorkspaceFull or
    WorkspaceReadOnly where the files cannot be written; the recordings are never changed.
    """
    with workspace.read() as connection:
        parts = uncut(connection, class_code, pad_s)
    if not parts:
        return Cut(0, "", {})
    folder = _fresh_folder(workspace)
    rows, failed = [], {}
    for part in parts:
        try:
            samples, rate = read_window(part.path, part.onset_s, part.offset_s, mono=False)
            if not samples.size:
                raise AudioError(f"nothing can be decoded from {part.onset_s:g} to {part.offset_s:g} s")
        except AudioError as problem:
            failed[part.name] = str(problem)
            continue
        ending, data = encoded(samples, rate)
        write_atomically(folder / f"{part.name}.{ending}", data)
        rows.append((f"{part.name}.{ending}", class_code, part.group, part.recording, part.onset_s, part.offset_s))
    if not rows:
        return Cut(0, "", failed)
    write_atomically(folder / TABLE, csv_bytes(COLUMNS, rows))
    options = {"path_column": "filename", "labels_column": "labels", "group_column": "group", "separator": "\x1f"}
    report = import_collection(
        workspace, folder / TABLE, format="table", audio=str(folder), options=options,
        name=f"{FOLDER} {folder.name}", collection=f"{FOLDER}-{folder.name}",
    )  # fmt: skip
    return Cut(report.added, str(folder), failed)


def encoded(samples: NDArray[np.float32], sample_rate: int) -> tuple[str, bytes]:
    """Samples (channels, n) as a file: its ending, and its bytes. FLAC of 24 bits holds all that 16 and 24 bits do;
    where a sample is beyond full scale, or there are more channels than it takes, WAV of floats holds all."""
    import soundfile

    fits = len(samples) <= _FLAC_CHANNELS and sample_rate <= _FLAC_RATE and float(np.abs(samples).max()) <= 1
    out = io.BytesIO()
    kind, subtype = ("FLAC", "PCM_24") if fits else ("WAV", "FLOAT")
    soundfile.write(out, samples.T, sample_rate, subtype=subtype, format=kind)
    return kind.lower(), out.getvalue()


def _fresh_folder(workspace: Workspace) -> Path:
    """A folder of the next free number."""
    root = workspace.root / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    number = max((int(path.name) for path in root.iterdir() if path.name.isdecimal()), default=0)
    while True:
        number += 1
        folder = root / f"{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
