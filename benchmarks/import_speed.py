"""How long the import of a large collection takes.

    python -m benchmarks.import_speed --clips 25000

Writes that many small, different sound files (half Ogg, the rest FLAC and WAV; one in a hundred is a copy of another,
silent or cut short) and a BirdCLEF table in a temporary folder, imports them, and prints seconds and clips per second
for the first import, and for a second one that finds nothing new.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from labeling.collection.importing import import_collection
from labeling.workspace import open_workspace

CLASSES = 200
BUDGET_S = 60.0  # for 25,000 clips on two cores


def make_files(folder: str, first: int, last: int) -> list[str]:
    """Write files ``first`` to ``last`` and return their table rows."""
    import soundfile

    rows = []
    for i in range(first, last):
        rng = np.random.default_rng(i)
        suffix = ("ogg", "flac", "ogg", "wav")[i % 4]
        code = f"class{i % CLASSES:03d}"
        name = f"{code}/XC{i}.{suffix}"
        path = Path(folder) / "train_audio" / name
        wave = 0.1 * rng.standard_normal(12_800 + i % 997).astype(np.float32)
        if i % 100 == 50:
            wave *= 0
        soundfile.write(path, wave, 32_000)
        if i % 100 == 75:
            path.write_bytes(path.read_bytes()[:300])
        if i % 100 == 25 and i >= first + 4:
            earlier = Path(folder) / "train_audio" / f"class{(i - 4) % CLASSES:03d}" / f"XC{i - 4}.{suffix}"
            path.write_bytes(earlier.read_bytes())
        rows.append(f"{code},\"['class{(i + 1) % CLASSES:03d}']\",['song'],Person {i % 300},4.0,{name}")
    return rows


def main() -> None:
    """Build, import twice, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=25_000)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        for i in range(CLASSES):
            (Path(folder) / "collection" / "train_audio" / f"class{i:03d}").mkdir(parents=True)
        collection = os.path.join(folder, "collection")
        bounds = np.linspace(0, clips, 33).astype(int)
        began = time.monotonic()
        with ProcessPoolExecutor() as pool:
            parts = list(pool.map(make_files, [collection] * 32, bounds[:-1], bounds[1:]))
        header = "primary_label,secondary_labels,type,author,rating,filename"
        (Path(collection) / "train_metadata.csv").write_text(
            "\n".join([header, *(row for part in parts for row in part), ""])
        )
        print(f"made {clips} files in {time.monotonic() - began:.0f} s")
        workspace = open_workspace(os.path.join(folder, "workspace"), create=True)
        first = import_collection(workspace, collection)
        print(first.text())
        again = import_collection(workspace, collection)
        workspace.close()
    per_clip = first.seconds / clips
    print(f"first import   {first.seconds:7.1f} s  {clips / first.seconds:7.0f} clips/s")
    print(f"second import  {again.seconds:7.1f} s  {again.added} added")
    print(f"25,000 clips take {25_000 * per_clip:.1f} s at this rate; the budget is {BUDGET_S:.0f} s")


if __name__ == "__main__":
    main()
