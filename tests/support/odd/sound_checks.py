"""What holds of any sound file in a table: its clip is stored with a status, and what is usable is heard and seen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from labeling.collection.importing import import_collection
from labeling.errors import AudioError
from labeling.records import USABLE
from labeling.sound import tiles
from labeling.sound.decoding import probe, read_window
from labeling.sound.spectrogram import SpectrogramSettings
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import open_workspace
from tests.support.odd.sounds import OddSound
from tests.support.odd.table_checks import stored_labels
from tests.support.workspaces.making import copy_workspace

NEAR_S = 0.1
NOT_LOOKED_AT_BYTES = 1100  # after the samples that a header tells of
MP3_FILL = 1105 + 1152  # samples that its encoder adds at both ends, known only where its header can be believed
WINDOW_S = 0.1
LOSSY = ("Vorbis", "Opus", "MP3 CBR", "MP3 VBR")  # a decoder that begins elsewhere may round elsewhere


@dataclass(frozen=True)
class Heard:
    """How many of the files of a table were usable, how many had a reason, and the longest time of any, in seconds."""

    files: int = 0
    usable: int = 0
    reasons: int = 0
    longest_s: float = 0.0


def check_sounds(sounds: Sequence[OddSound], blank: Path, slow_s: float) -> Heard:
    """Import one table of all of them into a copy of an empty workspace, and hear those that are usable."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_workspace(blank, folder / "w")
        files = {f"{k}.{sound.suffix}": sound for k, sound in enumerate(sounds)}
        (folder / "audio").mkdir()
        for filename, sound in files.items():
            (folder / "audio" / filename).write_bytes(sound.data)
        rows = [f"{filename},{'abc'[k % 3]}\n" for k, filename in enumerate(files)]
        (folder / "t.csv").write_text("filename,label\n" + "".join(rows))
        began = time.perf_counter()
        with closing(open_workspace(folder / "w")) as workspace:
            report = import_collection(workspace, folder / "t.csv", format="table", audio=str(folder / "audio"))
            with workspace.read() as connection:
                clips = {row.filename: row for row in db.fetch(connection, sa.select(tables.clips))}
            labels = stored_labels(workspace)
        taken = time.perf_counter() - began
        assert taken < slow_s * len(files), f"the import took {taken:.1f} s: {[sound.story for sound in sounds]}"
        assert report.text()
        assert {f"{filename},{code}\n" for filename, code in labels} == set(rows)
        told = {problem.filename: problem.reason for problem in report.problems if problem.row}
        longest, usable = 0.0, 0
        for filename, sound in files.items():
            clip = clips[filename]
            state = f"{clip.status}, {clip.duration_s} s, {clip.sample_rate} Hz, {clip.channels}: {clip.reason!r}"
            context = f"{sound.story}: {state}"
            assert bool(clip.reason) == (filename in told), f"reason and report disagree: {context}"
            assert clip.status == "ok" or clip.reason, f"no reason: {context}"
            if clip.status in USABLE:
                began = time.perf_counter()
                _check_usable(str(folder / "audio" / filename), sound, clip, context)
                longest = max(longest, time.perf_counter() - began)
                assert longest < slow_s, f"took {longest:.1f} s: {context}"
                usable += 1
    return Heard(len(files), usable, len(told), max(longest, taken / len(files)))


def _check_usable(path: str, sound: OddSound, clip: sa.Row[tuple[object, ...]], context: str) -> None:
    duration_s, rate = clip.duration_s, clip.sample_rate
    whole, heard_rate = read_window(path, channel=clip.channel)
    assert heard_rate == rate, context
    assert np.isfinite(whole).all(), context
    short = duration_s * rate - len(whole)
    assert abs(short) < 1.5, f"{len(whole) / rate:.3f} s are read: {context}"
    for onset_s in (duration_s / 2, max(0.0, duration_s - WINDOW_S)):
        offset_s = min(duration_s, onset_s + WINDOW_S)
        first, stop = round(onset_s * rate), round(offset_s * rate)
        try:
            part, _ = read_window(path, onset_s, offset_s, channel=clip.channel)
        except AudioError:  # it lies wholly in a damaged part, which is silence in the whole
            assert not whole[first:stop].any(), f"no sound at {onset_s:.3f} s: {context}"
            continue
        assert len(part) == min(stop, len(whole)) - first, f"{len(part)} samples at {onset_s:.3f} s: {context}"
        assert np.isfinite(part).all(), context
        alike = _alike(part, whole[first:stop], sound.form in LOSSY)
        assert alike, f"other sound at {onset_s:.3f} s: {context}"
    if rate > 120:  # below, nothing lies above the lowest row
        source = tiles.Source(path, "file", lambda _, make: make(), clip.channel)
        text, _ = tiles.parts(tiles.tile(source, SpectrogramSettings(height_px=32), 5, 0).make())
        assert text, context
    assert probe(path, shortest_s=0).note in clip.reason, context
    assert clip.reason or not sound.lies, f"the header lies: {context}"
    if sound.told_s is not None and abs(sound.told_s - duration_s) > NEAR_S:
        assert clip.reason, f"the header says {sound.told_s} s: {context}"
    if sound.true_s is not None:
        slack = max(NEAR_S, NOT_LOOKED_AT_BYTES * sound.true_s / max(1, len(sound.data)))
        if sound.format == "MP3" and len(sound.story) > 1:
            slack += MP3_FILL / rate
        assert abs(sound.true_s - duration_s) <= slack, f"there are {sound.true_s} s: {context}"


def _alike(part: NDArray[np.float32], same: NDArray[np.float32], lossy: bool) -> bool:
    """Whether two stretches are one, but for some rounding where a decoder began elsewhere."""
    if len(part) != len(same):
        return False
    scale = max(1.0, float(np.abs(same).max(initial=0)))
    bound = 0.05 if lossy else 1e-6
    return not len(part) or bool(np.quantile(np.abs(part - same), 0.9, method="higher") <= bound * scale)
