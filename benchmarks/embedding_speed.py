"""Spaces: how fast a frozen model hears, and how soon a million stretches answer.

    python -m benchmarks.embedding_speed --stretches 1000000
    python -m benchmarks.embedding_speed --model aisfx --workspace W

Seconds are those of the processor, so that a machine with other work to do says the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

from labeling.collection import store
from labeling.embeddings.search import most_alike
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, join_parts, open_space
from labeling.workspace import open_workspace

EACH, SIZE = 50, 512


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stretches", type=int, default=1_000_000)
    parser.add_argument("--model", help="measure this one instead, on the first clips of --workspace")
    parser.add_argument("--workspace", "-w")
    args = parser.parse_args()
    if args.model:
        hear(args.workspace, args.model)
    else:
        search(args.stretches)


def search(count: int) -> None:
    """Fill a space, join it, open it and search it."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(folder, create=True)
        facts = SpaceFacts("x", "random", "", "", 44100, 2.3, 1.15, SIZE)
        random, onset_s = np.random.default_rng(0), np.arange(EACH) * 1.15
        for first in range(0, count // EACH, 2000):
            clips = range(first + 1, min(first + 2000, count // EACH) + 1)
            append(
                workspace, facts,
                [ClipVectors(k, "", random.normal(size=(EACH, SIZE)), onset_s, onset_s + 2.3) for k in clips],
            )  # fmt: skip
        print(f"joining: {seconds(lambda: join_parts(workspace, 'x', most=1)):.2f} s")
        print(f"opening: {seconds(lambda: open_space(workspace, 'x')):.3f} s")
        query = random.normal(size=SIZE)
        taken = [seconds(lambda: most_alike(workspace, "x", query)) for _ in range(7)]
        print(f"search among {count:,}: first {taken[0]:.3f} s, then {statistics.median(taken[1:]):.3f} s")
        workspace.close()


def hear(root: str, reference: str, clips: int = 8) -> None:
    """Seconds of sound a second of one core, and of reading alone."""
    from models.frozen.catalogue import load_frozen
    from models.frozen.embedding import embed_clip
    from models.frozen.stretches import windows_of

    workspace = open_workspace(root)
    with workspace.read() as connection:
        some = store.usable_clips(connection)[:clips]
    model = load_frozen(workspace, reference)
    sound_s, hop_s = sum(clip.duration_s for clip in some), model.window_s / 2
    embed_clip(some[0], model, hop_s)
    heard = seconds(lambda: [embed_clip(clip, model, hop_s) for clip in some])
    read = seconds(lambda: [list(windows_of(clip, model, hop_s)) for clip in some])
    print(f"{reference}: {sound_s / heard:.1f} s of sound a second of a core; reading alone {sound_s / read:.0f}")
    workspace.close()


def seconds(work: Callable[[], object]) -> float:
    """Seconds of the processor, in all threads."""
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    main()
