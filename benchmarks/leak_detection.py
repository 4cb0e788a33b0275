"""How many copies of a recording are found, how many other clips are mistaken for copies, and at what cost.

    python -m benchmarks.leak_detection [FOLDER] [--clips N] [--copies N] [--scale N]

FOLDER is any folder of sound files; without one a demo collection is synthesised. Of some of its clips copies are
made: encoded anew, quieter, cut, filtered, noisy. Pairs found among the clips as they are may be real copies; they are
listed.
--scale compares so many clips of 60 s of random landmarks, as dense as those of the sounds, with 1 in 100 a shifted and
thinned copy of the one before.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from labeling.collection.demo import build_demo
from labeling.runs.landmarks import HOP_S, Landmarks, find_copies, landmarks
from labeling.sound.decoding import read_window, resample

RATE = 32_000
SUFFIXES = (".ogg", ".wav", ".flac", ".mp3")
Wave = NDArray[np.float32]


def encoded(wave: Wave, form: str, subtype: str, strength: float) -> Wave:
    """Written and read again; ``strength`` 1 is the smallest file."""
    content = io.BytesIO()
    soundfile.write(content, wave, RATE, format=form, subtype=subtype, compression_level=strength)
    content.seek(0)
    return np.asarray(soundfile.read(content, dtype="float32")[0])


def noisy(wave: Wave, snr_db: float) -> Wave:
    noise = np.random.default_rng(0).standard_normal(len(wave)) * wave.std() * 10 ** (-snr_db / 20)
    return np.asarray(wave + noise, np.float32)


def middle(wave: Wave, seconds: float) -> Wave:
    first = max(0, (len(wave) - round(seconds * RATE)) // 2 + 301)  # between two hops
    return wave[first : first + round(seconds * RATE)]


CHANGES: dict[str, Callable[[Wave], Wave]] = {
    "as it is": lambda wave: wave,
    "ogg, smallest": lambda wave: encoded(wave, "OGG", "VORBIS", 1.0),
    "ogg, small": lambda wave: encoded(wave, "OGG", "VORBIS", 0.7),
    "mp3, smallest": lambda wave: encoded(wave, "MP3", "MPEG_LAYER_III", 0.99),
    "mp3, small": lambda wave: encoded(wave, "MP3", "MPEG_LAYER_III", 0.6),
    "30 dB quieter": lambda wave: 0.032 * wave,
    "6 dB an octave": lambda wave: np.diff(wave, prepend=0).astype(np.float32),
    "at 16 kHz": lambda wave: resample(resample(wave, RATE, 16_000), 16_000, RATE),
    "noise, 20 dB": lambda wave: noisy(wave, 20),
    "noise, 10 dB": lambda wave: noisy(wave, 10),
    "first 0.8 s off": lambda wave: wave[round(0.777 * RATE) :],
    "second half": lambda wave: wave[len(wave) // 2 :],
    "5 s": lambda wave: middle(wave, 5),
    "3 s": lambda wave: middle(wave, 3),
    "5 s, ogg, small": lambda wave: encoded(middle(wave, 5), "OGG", "VORBIS", 0.7),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="a folder of sound files (a demo collection)")
    parser.add_argument("--clips", type=int, default=160)
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--scale", type=int, default=0, metavar="N", help="also compare N clips of random landmarks")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if not args.folder:
            build_demo(made, clips=args.clips)
        recall(Path(args.folder or made), args.clips, args.copies)
    if args.scale:
        scale(args.scale)


def recall(folder: Path, most: int, copies: int) -> None:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)[:most]
    waves = [read_window(str(file), sample_rate=RATE)[0] for file in files]
    seconds = sum(map(len, waves)) / RATE
    began = time.process_time()
    marks = [landmarks(wave, RATE) for wave in waves]
    took = time.process_time() - began
    rate = sum(map(len, marks)) / seconds
    print(
        f"{len(files)} clips, {seconds:.0f} s: {1000 * took / seconds:.2f} ms a second of sound, {rate:.1f} landmarks"
    )
    known = {(one.a, one.b) for one in find_copies(marks)}
    pairs = len(files) * (len(files) - 1) // 2
    print(f"pairs among the clips as they are: {len(known)} of {pairs:,}")
    for a, b in sorted(known)[:20]:
        print(f"  {files[a].name}  {files[b].name}")
    pick = list(range(0, len(files), max(1, len(files) // copies)))[:copies]
    twins: dict[int, set[int]] = {}
    for a, b in known:  # a copy of one of them is one of the other, too
        twins.setdefault(a, {a}).add(b)
        twins.setdefault(b, {b}).add(a)
    print(f"\n{'copy':18} {'found':>8} {'mistaken':>9} {'of':>8}")
    for name, change in CHANGES.items():
        changed = [landmarks(np.asarray(change(waves[at]), np.float32), RATE) for at in pick]
        found = {(one.a, one.b - len(files)) for one in find_copies([*marks, *changed]) if one.a < len(files) <= one.b}
        right = {(at, place) for place, at in enumerate(pick)}
        wrong = [(a, place) for a, place in found - right if a not in twins.get(pick[place], set())]
        print(f"{name:18} {len(found & right):4d}/{len(pick)} {len(wrong):9d} {len(pick) * (len(files) - 1):8,}")


def scale(count: int, seconds: float = 60.0, per_s: float = 10.0) -> None:
    random = np.random.default_rng(0)
    clips: list[Landmarks | None] = []
    planted = []
    hops = round(seconds / HOP_S)
    for at in range(count):
        before = clips[-1] if clips else None
        if at % 100 == 99 and before is not None:
            kept = before[random.random(len(before)) < 0.6]
            moved = kept + np.column_stack([np.full(len(kept), -500), random.integers(-1, 2, len(kept))])
            clips.append(moved[moved[:, 0] >= 0].astype(np.int32))
            planted.append((at - 1, at))
            continue
        n = random.poisson(seconds * per_s)
        # Pitches gather, as songs do: half of a clip's lie in one band of 1 kHz.
        band = random.integers(20, 440)
        pitch = np.where(random.random(n) < 0.5, random.integers(band, band + 64, n), random.integers(19, 512, n))
        clips.append(np.column_stack([np.sort(random.integers(0, hops, n)), pitch]).astype(np.int32))
    began = time.perf_counter()
    found = {(one.a, one.b) for one in find_copies(clips)}
    took = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    wrong = len(found - set(planted))
    print(
        f"\n{count} clips of {seconds:.0f} s: {took:.1f} s, {memory:.2f} GB at most; planted copies found "
        f"{len(found & set(planted))}/{len(planted)}, other pairs {wrong} of {count * (count - 1) // 2:,}"
    )


if __name__ == "__main__":
    main()
