"""Time and memory of scoring a large collection, framewise included, beside cleanlab on the same arrays.

    python -m benchmarks.speed.scoring [--clips 25000] [--classes 264 400] [--frames 190] [--repeat 3]

Writes synthetic out-of-fold predictions to a temporary folder (``--dir`` to choose it), then measures each step in a
process of its own: wall and processor time (of all threads) are medians, memory the highest resident size over the
process's life.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from labeling.predictions.oof import Oof, read_oof, write_oof
from labeling.records import FrameGrid, Labels

STEPS = {
    "read_oof": "open",
    "summary": "frames: maximum, duration",
    "earmark": "earmark, frames included",
    "rank": "rank: earmark, stretches, order",
    "cleanlab": "cleanlab, clipwise only",
    "cleanlab adjusted": "cleanlab adjusted, clipwise only",
}


class SyntheticFrames(Sequence[NDArray[np.float16]]):
    """Frames of many clips cut from one pool of noise, so that making them costs nothing."""

    def __init__(self, clips: int, classes: int, frames: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.lengths = rng.integers(frames // 2, frames + frames // 2 + 1, clips)
        self.starts = rng.integers(0, 4 * frames, clips)
        logits = rng.normal(-5, 1.5, (6 * frames, classes)).astype(np.float32)
        self.pool = (1 / (1 + np.exp(-logits))).astype(np.float16)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float16]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NDArray[np.float16]]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index >= len(self):
            raise IndexError(index)
        return self.pool[self.starts[index] : self.starts[index] + self.lengths[index]]

    def __iter__(self) -> Iterator[NDArray[np.float16]]:
        return (self[i] for i in range(len(self)))


def make(folder: Path, clips: int, classes: int, frames: int) -> None:
    """Predictions whose clipwise follows the given labels, with 2 labels a clip and a long tail of classes."""
    rng = np.random.default_rng(1)
    given = make_labels(clips, classes)
    logits = rng.normal(-5, 1.5, given.shape).astype(np.float32) + 5 * given
    write_oof(
        folder,
        clip_ids=np.arange(clips),
        filenames=[f"clip{i:06d}.ogg" for i in range(clips)],
        classes=[f"class{c:03d}" for c in range(classes)],
        clipwise=1 / (1 + np.exp(-logits)),
        framewise=SyntheticFrames(clips, classes, frames),
        fold=np.arange(clips) % 5,
        grid=FrameGrid(0.0, 0.32, 0.32),
        label_version=1,
        label_hash="synthetic",
    )


def make_labels(clips: int, classes: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(2)
    share = 1 / np.arange(5, classes + 5)
    given = np.zeros((clips, classes), dtype=bool)
    for _ in range(2):
        given[np.arange(clips), rng.choice(classes, clips, p=share / share.sum())] = True
    return given


def steps(oof: Oof) -> dict[str, Callable[[], object]]:
    from labeling.disagreement import ranking, scorers
    from labeling.disagreement.assembly import assemble_evidence

    given = make_labels(len(oof), len(oof.classes))
    known = np.ones_like(given)
    labels = Labels(
        clip_ids=oof.clip_ids,
        filenames=oof.filenames,
        classes=oof.classes,
        present=given,
        unsure=~known,
        reviewed=~known,
        primary=given.argmax(axis=1).astype(np.int32),
    )

    def with_cleanlab(adjust: bool) -> object:
        from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

        lists = [np.flatnonzero(row).tolist() for row in given]
        return get_label_quality_scores_per_class(lists, oof.clipwise, adjust_pred_probs=adjust)

    return {
        "read_oof": lambda: read_oof(oof.path),
        "summary": lambda: assemble_evidence(oof, given, known),
        "earmark": lambda: scorers.earmark(assemble_evidence(oof, given, known)),
        "rank": lambda: ranking.rank_suspects(oof, labels),
        "cleanlab": lambda: with_cleanlab(False),
        "cleanlab adjusted": lambda: with_cleanlab(True),
    }


def measure(folder: str, step: str, repeat: int) -> None:
    """Print the median wall and processor seconds and the peak memory in MB; runs in its own process."""
    work = steps(read_oof(folder))[step]
    wall, processor = [], []
    for _ in range(repeat):
        begin = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - begin[0])
        processor.append(time.process_time() - begin[1])
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(statistics.median(wall), statistics.median(processor), peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=25_000)
    parser.add_argument("--classes", type=int, nargs="+", default=[264, 400])
    parser.add_argument("--frames", type=int, default=190, help="mean frames of a clip (default 190)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dir", help="where to write the synthetic predictions (some GB)")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "STEP"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.measure[0], args.measure[1], args.repeat)
        return
    print("| clips x classes | step | wall s | processor s | peak MB |\n| --- | --- | ---: | ---: | ---: |")
    for classes in args.classes:
        with tempfile.TemporaryDirectory(dir=args.dir) as temporary:
            folder = Path(temporary) / "oof.zarr"
            make(folder, args.clips, classes, args.frames)
            for step, text in STEPS.items():
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.speed.scoring",
                    "--repeat",
                    str(args.repeat),
                    "--measure",
                    str(folder),
                    step,
                ]
                wall, processor, peak = subprocess.run(
                    command, check=True, capture_output=True, text=True
                ).stdout.split()
                size = f"{args.clips:,} x {classes}"
                print(
                    f"| {size} | {text} | {float(wall):.2f} | {float(processor):.2f} | {float(peak):.0f} |", flush=True
                )


if __name__ == "__main__":
    main()
