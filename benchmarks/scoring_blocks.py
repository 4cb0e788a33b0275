"""Time, memory and disk of scoring in blocks, beside scoring in memory, and what a million clips would take by that.

    python -m benchmarks.scoring_blocks [--clips 5000 10000 20000] [--classes 1000] [--frames 20] [--block 4000000]

Writes synthetic out-of-fold predictions to a temporary folder (``--dir`` to choose
it), and ranks them in a process of its own each. What does not grow with the clips is said as it was measured; what
does is multiplied, and said to be. Nobody has seen a million here.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.speed.scoring import make, make_labels
from labeling.disagreement.assembly import assemble_evidence
from labeling.disagreement.evidence import Evidence
from labeling.disagreement.ranking import rank_suspects
from labeling.disagreement.scoring.out_of_core import rank_in_blocks
from labeling.disagreement.scoring.rows import rows_of
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import read_oof
from labeling.records import Labels

MILLION = 1_000_000


def measure(folder: str, how: str, block: int) -> None:
    """Print wall and processor seconds, peak memory and peak disk in MB; runs in its own process."""
    oof = read_oof(folder, whole=how == "memory")
    given = make_labels(len(oof), len(oof.classes))
    nothing = np.zeros_like(given)
    primary = given.argmax(axis=1).astype(np.int32)
    labels = Labels(oof.clip_ids, oof.filenames, oof.classes, given, nothing, nothing.copy(), primary)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    place = Path(tempfile.mkdtemp(dir=Path(folder).parent))
    most, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.2):
            most = max(most, sum(path.stat().st_size for path in place.rglob("*.bin") if path.exists()))

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter(), time.process_time()
    if how == "memory":
        suspects = rank_suspects(oof, labels)
    else:

        def rows(first: int, last: int) -> Evidence:
            part = rows_of(oof, first, last)
            aligned = align_labels(part, labels)
            return assemble_evidence(part, aligned.given, aligned.known)

        suspects = rank_in_blocks(oof, labels, rows, block_cells=block, folder=place)
    wall, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    ended.set()
    watching.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(wall, processor, before, peak, most / 1e6, len(suspects))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[5000, 10_000, 20_000])
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=20, help="mean frames of a clip (default 20)")
    parser.add_argument("--block", type=int, default=4_000_000, metavar="CELLS", help="cells a block (4,000,000)")
    parser.add_argument("--only", choices=("memory", "blocks"), help="measure one of the two")
    parser.add_argument("--dir", help="where to write the synthetic predictions (a GB)")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "HOW"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.measure[0], args.measure[1], args.block)
        return
    print("| clips x classes | how | wall s | processor s | MB before, at most | disk MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    last: list[float] = []
    for clips in args.clips:
        with tempfile.TemporaryDirectory(dir=args.dir) as temporary:
            folder = Path(temporary) / "oof.zarr"
            make(folder, clips, args.classes, args.frames)
            for how in (args.only,) if args.only else ("memory", "blocks"):
                command = [sys.executable, "-m", "benchmarks.scoring_blocks", "--block", str(args.block)]
                command += ["--measure", str(folder), how]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                wall, processor, before, peak, disk, _ = map(float, done.stdout.split())
                size = f"{clips:,} x {args.classes:,} | {how} | {wall:.1f} | {processor:.1f}"
                print(f"| {size} | {before:.0f}, {peak:.0f} | {disk:.0f} |", flush=True)
                if how == "blocks":
                    last = [clips, wall, processor, disk]
    if last:
        clips, wall, processor, disk = last
        times = MILLION / clips
        print(
            f"\nBy the last line a million clips would take {processor * times / 3600:.1f} core hours, "
            f"{wall * times / 3600:.1f} hours on this machine, and {disk * times / 1000:.0f} GB of disk meanwhile "
            "(multiplied, not measured). Memory beside that of a block: the labels, 3 bytes a clip and class, "
            f"{3 * MILLION * args.classes / 1e9:.0f} GB, and the chosen suspects."
        )


if __name__ == "__main__":
    main()
