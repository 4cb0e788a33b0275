"""Exports read by the other programs' own readers: datasets, label-studio-sdk, perch-hoplite, crowsetta, soundevent.

    uv venv /tmp/readers
    uv pip install --python /tmp/readers/bin/python datasets torch label-studio-sdk perch-hoplite crowsetta soundevent
    python -m benchmarks.format_readers --python /tmp/readers/bin/python [--clips 50] [--samples DIR]

These do not install beside Earmark, so the exports are made here and read in an environment of their own (readers.py).
First labels of all kinds are written anew: says of each reader whether it found every label. Then small collections of
each format (samples.py) are imported, one label of each is changed, and each is written as it came in, with the lines
that differ (``--diff``), and as Raven, AOEF and Hugging Face. Hoplite's reader needs no vectors.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.format_readers.correcting import Corrected, correct
from benchmarks.format_readers.readers import Found, read
from benchmarks.format_readers.samples import all_of
from labeling.collection.annotation.base import LabelledClip, LabelledEvent, Labelling
from labeling.collection.formats.events.linking import bare
from labeling.file_names import without_suffix
from labeling.journal.exporting import write_anew
from labeling.records import Region

RATE, SECONDS = 8000, 2.0
CODES = ("dog", "Käuzchen", "Bass guitar", "a;b", "x/y")
OTHERS = ("raven", "aoef", "huggingface", "huggingface_parquet")


def labelling(count: int, sounds: Path) -> Labelling:
    """Clips of noise with labels of all kinds: none, several, with and without a time."""
    rng = np.random.default_rng(0)
    clips = []
    for number in range(count):
        path = sounds / f"{number}.wav"
        soundfile.write(path, rng.normal(0, 0.1, int(RATE * SECONDS)).astype(np.float32), RATE)
        labels = tuple(code for code in CODES if rng.random() < 0.4)
        events = tuple(LabelledEvent(code, Region(0.25, 1.5)) for code in labels if rng.random() < 0.5)
        own = LabelledClip(path.name, str(path), SECONDS, RATE, 1, primary=labels[0] if labels else "", labels=labels)
        clips.append(LabelledClip(**{**vars(own), "events": events}))
    return Labelling("readers", 1, "2026-01-01T00:00:00", tuple(clips), {code: code for code in CODES})


def made_anew(python: str, count: int, folder: Path) -> int:
    """Print a line a reader of made labels; how many clips are wrong."""
    (folder / "sounds").mkdir(parents=True)
    made = labelling(count, folder / "sounds")
    wrong = 0
    for name in ("huggingface", "huggingface_parquet", "labelstudio", "hoplite"):
        write_anew(made, name, folder / name, {})
        (found,) = read(python, name, [folder / name])
        if isinstance(found, str):
            raise SystemExit(found)
        called = (
            {clip.filename: digest(Path(clip.path)) for clip in made.clips} if name.startswith("huggingface") else {}
        )
        same = sum(found.get(called.get(clip.filename, clip.filename)) == sorted(clip.labels) for clip in made.clips)
        wrong += len(made.clips) - same
        print(f"{name}: {same} of {len(made.clips)} clips have the labels that were written")
    return wrong


def corrected(python: str, folder: Path, samples: Path | None, only: str, diff: bool) -> int:
    """Print a row a collection, and below it what is wrong; how many collections that is so of."""
    every = [
        correct(collection, folder / str(number), samples, OTHERS)
        for number, collection in enumerate(all_of(samples))
        if only.lower() in collection.name.lower()
    ]
    cells: dict[tuple[str, str], str] = {}
    for other in OTHERS:
        able = [made for made in every if other in made.folders]
        for made, found in zip(able, read(python, other, [made.folders[other] for made in able]), strict=True):
            cells[made.name, other] = _compared(made, other, found)
    print("| collection | format | label changed | itself | " + " | ".join(OTHERS) + " |")
    print("| --- | --- | --- | --- |" + " --- |" * len(OTHERS))
    for made in every:
        shown = [cells.get((made.name, other), "") for other in OTHERS]
        print("| " + " | ".join((made.name, made.format, made.changed or "none there", made.itself, *shown)) + " |")
    for made in every:
        for fault in made.faults:
            print(f"! {made.name}: {fault}")
        for line in made.diff if diff else ():
            print(f"  {made.name}: {line[:200]}")
    return sum(bool(made.faults) for made in every)


def _compared(made: Corrected, other: str, found: Found | str) -> str:
    wanted = made.wanted[other]
    if isinstance(found, str):
        made.faults.append(f"{other}: {found}")
        return "not read"
    own = other == made.format
    if other == "raven":
        found = _by_recording(found, own)
    if other == "aoef" and own:  # which keeps the folders that its recordings were in
        found = {Path(name).name: codes for name, codes in found.items()}
    more = own and other == "aoef"  # what came in has other tags too
    wrong = [
        name
        for name, codes in wanted.items()
        if not (set(codes) <= set(found.get(name, [])) if more else codes == found.get(name, []))
    ]
    extra = [] if own else [name for name in found if name not in wanted]
    made.faults += [f"{other}: {name} has {found.get(name)}, not {wanted[name]}" for name in wrong[:3]]
    made.faults += [f"{other}: {name} is no clip" for name in extra[:3]]
    beside = f", {made.beside[other]} beside" if made.beside[other] else ""
    return f"{len(wanted) - len(wrong)} of {len(wanted)}{beside}"


def _by_recording(found: Found, own: bool) -> Found:
    """Classes by the file of a selection table; of tables that came in so by the recording, without its folder."""
    codes: dict[str, set[str]] = {}
    for key, its in found.items():
        name, _, recording = key.partition("\t")
        if own:
            said = without_suffix(recording.replace("\\", "/")) or bare(name.removesuffix(".txt"))
            name = said.rpartition("/")[2].casefold()
        codes.setdefault(name, set()).update(code for code in its if code)
    return {name: sorted(its) for name, its in codes.items()}


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(args: Sequence[str] | None = None) -> None:
    """Print what each reader found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="the Python of the environment with the readers")
    parser.add_argument("--clips", type=int, default=50, help="of labels that are made up; 0 for none")
    parser.add_argument("--samples", type=Path, help="a folder of real samples; without it only made ones are tried")
    parser.add_argument("--only", default="", help="only collections with this in their name")
    parser.add_argument("--diff", action="store_true", help="show the lines that changed")
    own = parser.parse_args(args)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wrong = made_anew(own.python, own.clips, folder / "anew") if own.clips else 0
        wrong += corrected(own.python, folder, own.samples, own.only, own.diff)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
