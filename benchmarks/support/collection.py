"""A collection made on the spot, of real sound files: what the benchmarks of the review page work on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from labeling import runs
from labeling.collection.importing import import_collection
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.records import FrameGrid
from labeling.sound.ogg import checksum
from labeling.workspace import open_workspace

SONGS = 40
RATE = 32_000
STEP_S = 0.32


def _quiet(random: np.random.Generator, steps: int, classes: int) -> NDArray[np.float16]:
    """What a model says of a clip in which it hears nothing: (steps, classes)."""
    return np.asarray(0.2 * random.beta(0.4, 4, (steps, classes)), dtype=np.float16)


def _named(ogg: bytes, number: int) -> bytes:
    """The same sound in a file of its own: what is decided of a clip is repeated for all whose bytes are the same."""
    first = ogg.index(b"OggS", 4)
    stop = ogg.index(b"OggS", first + 4)
    page = bytearray(ogg[first:stop])  # the one that says which program wrote the file
    at = page.index(b"Xiph.Org")
    page[at : at + 8] = f"{number:08d}".encode()
    page[22:26] = checksum(bytes(page))
    return ogg[:first] + bytes(page) + ogg[stop:]


def build(root: Path, clips: int, seconds: float, classes: int = 20) -> None:
    """A workspace of ``clips`` clips with a finished run, whose predictions doubt one cell of each, and its suspects.

    The files are OGG Vorbis, a few dozen songs, each of which comes many times: so ten thousand are made in a minute.
    """
    random = np.random.default_rng(0)
    audio = root.parent / "audio"
    audio.mkdir()
    t = np.arange(round(seconds * RATE)) / RATE
    for song in range(min(SONGS, clips)):
        wave = 0.02 * random.standard_normal(len(t))
        for onset in random.uniform(0, seconds - 1, 12):
            sung = (t >= onset) & (t < onset + 0.6)
            wave[sung] += 0.3 * np.sin(2 * np.pi * (random.uniform(1500, 7000) + 2000 * (t[sung] - onset)) * t[sung])
        soundfile.write(audio / f"song{song}.ogg", wave.astype(np.float32), RATE, format="OGG", subtype="VORBIS")
    with open(audio / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "labels"])
        for clip in range(clips):
            data = (audio / f"song{clip % SONGS}.ogg").read_bytes()
            (audio / f"clip{clip:05d}.ogg").write_bytes(_named(data, clip))
            writer.writerow([f"clip{clip:05d}.ogg", f"bird{clip % classes:02d}"])
    workspace = open_workspace(root, create=True)
    import_collection(workspace, str(audio / "labels.csv"))
    version = versions.freeze(workspace, "benchmark")
    run = runs.enqueue(workspace, "demo", version.number, worker="benchmark")
    with workspace.read() as connection:
        labels = versions.labels_at(connection)
    steps, known = round(seconds / STEP_S), len(labels.classes)
    quiet = [_quiet(random, steps, known) for _ in range(min(clips, 200))]
    frames = [quiet[clip % len(quiet)].copy() for clip in range(clips)]
    for clip, listed in enumerate(
        labels.present.argmax(axis=1)
    ):  # its label is heard, and another class that is not listed
        heard = [listed, (listed + random.integers(1, known)) % known]
        frames[clip][steps // 3 : steps // 2 + 1, heard] = random.uniform(0.8, 0.99)
    write_oof(
        workspace.run_dir(run.id) / "oof.zarr",
        clip_ids=labels.clip_ids,
        filenames=labels.filenames,
        classes=labels.classes,
        clipwise=np.stack([one.max(axis=0) for one in frames]).astype(np.float32),
        framewise=frames,
        fold=np.arange(clips) % 4,
        grid=FrameGrid(0.0, STEP_S, STEP_S),
        label_version=version.number,
        label_hash=version.content_hash,
    )
    runs.finish(workspace, run.id, "benchmark", "done")
    score_run(workspace, run.id, "self_confidence")  # which doubts each cell by itself
    workspace.close()
