"""How long the import of a large collection takes, of each kind of files.

    python -m benchmarks.speed.importing --clips 25000 [--kind table --kind raven --kind parquet]

Writes that many small, different sound files (half Ogg, the rest FLAC and WAV; one in a hundred is a copy of another,
silent or cut short) in a temporary folder, with a BirdCLEF table, with a selection table of Raven each, or in Parquet
files of a thousand rows as Hugging Face has them. Imports them, and prints seconds and clips per second for the first
import, and for a second one that finds nothing new; and the machine's load before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from labeling.collection.importing import import_collection
from labeling.workspace import open_workspace

CLASSES = 200
BUDGET_S = 60.0  # for 25,000 clips on two cores, of a table
KINDS = ("table", "raven", "parquet")
HEADER = "primary_label,secondary_labels,type,author,rating,filename"
SELECTIONS = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"
ROWS_A_FILE = 1000


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


def as_table(collection: Path, rows: list[str]) -> None:
    """One table beside the folder of sound."""
    (collection / "train_metadata.csv").write_text("\n".join([HEADER, *rows, ""]))


def as_raven(collection: Path, rows: list[str]) -> None:
    """A selection table beside each recording."""
    for row in rows:
        code, name = row.split(",", 1)[0], row.rpartition(",")[2]
        path = (collection / "train_audio" / name).with_suffix(".Table.1.selections.txt")
        path.write_text(f"{SELECTIONS}1\tSpectrogram 1\t1\t0.05\t0.25\t500.0\t4000.0\t{code}\n")


def as_parquet(collection: Path, rows: list[str]) -> None:
    """Files of a thousand rows with the sound in them, which lies nowhere else then."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    codes = [f"class{number:03d}" for number in range(CLASSES)]
    features = {"audio": {"_type": "Audio"}, "label": {"names": codes, "_type": "ClassLabel"}}
    sound = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("audio", sound), ("label", pa.int64())], {"huggingface": json.dumps({"info": {"features": features}})}
    )
    count = -(-len(rows) // ROWS_A_FILE)
    for number in range(count):
        cells = [row.split(",") for row in rows[number * ROWS_A_FILE : (number + 1) * ROWS_A_FILE]]
        contents = [(collection / "train_audio" / own[-1]).read_bytes() for own in cells]
        columns = {
            "audio": [{"bytes": content, "path": own[-1]} for content, own in zip(contents, cells, strict=True)],
            "label": [codes.index(own[0]) for own in cells],
        }
        parquet.write_table(
            pa.Table.from_pydict(columns, schema), collection / f"train-{number:05d}-of-{count:05d}.parquet"
        )
    shutil.rmtree(collection / "train_audio")


WRITERS = {"table": as_table, "raven": as_raven, "parquet": as_parquet}


def measure(kind: str, clips: int, folder: str) -> None:
    """Build, import twice, print."""
    collection = Path(folder) / "collection"
    for i in range(CLASSES):
        (collection / "train_audio" / f"class{i:03d}").mkdir(parents=True)
    bounds = np.linspace(0, clips, 33).astype(int)
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        parts = list(pool.map(make_files, [str(collection)] * 32, bounds[:-1], bounds[1:]))
    WRITERS[kind](collection, [row for part in parts for row in part])
    print(f"{kind}: made {clips} files in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
    workspace = open_workspace(os.path.join(folder, "workspace"), create=True)
    first = import_collection(workspace, collection)
    print(first.text())
    again = import_collection(workspace, collection)
    workspace.close()
    print(f"{kind}: first import   {first.seconds:7.1f} s  {clips / first.seconds:7.0f} clips/s")
    print(f"{kind}: second import  {again.seconds:7.1f} s  {again.added} added; load {os.getloadavg()[0]:.1f}")
    print(f"{kind}: 25,000 clips take {25_000 * first.seconds / clips:.1f} s at this rate", flush=True)


def main() -> None:
    """Measure each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=25_000)
    parser.add_argument("--kind", action="append", choices=KINDS, help="by default all")
    args = parser.parse_args()
    for kind in args.kind or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            measure(kind, args.clips, folder)
    print(f"the budget is {BUDGET_S:.0f} s for a table of 25,000 clips")


if __name__ == "__main__":
    main()
