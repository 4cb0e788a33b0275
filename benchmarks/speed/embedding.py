"""Spaces: how fast a frozen model hears, and how soon a million stretches answer.

    python -m benchmarks.speed.embedding --stretches 1000000
    python -m benchmarks.speed.embedding --stretches 10000000 --size 64 --index
    python -m benchmarks.speed.embedding --model aisfx --workspace W

Seconds are those of the processor, which a machine with other work to do says alike, and on the clock. With ``--index``
the kept index is made and searched where it lies on the disk, and its recall is that against all products: of the 50
nearest of some vectors, which lie about many centres as those of sounds do, how many it finds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.timing import timed
from labeling.collection import store
from labeling.embeddings.search import index_path, kept_index, make_index, most_alike
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, join_parts, open_space
from labeling.search.products import products, unit
from labeling.workspace import open_workspace

EACH, SIZE = 50, 512
CENTRES, QUERIES, NEAREST = 2_000, 201, 50


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stretches", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=SIZE, help="numbers a vector")
    parser.add_argument("--index", action="store_true", help="the kept index on the disk, and its recall")
    parser.add_argument("--model", help="measure this one instead, on the first clips of --workspace")
    parser.add_argument("--workspace", "-w")
    args = parser.parse_args()
    if args.model:
        hear(args.workspace, args.model)
    else:
        search(args.stretches, args.size, args.index)


def search(count: int, size: int, with_index: bool) -> None:
    """Fill a space, join it, open it and search it."""
    with tempfile.TemporaryDirectory() as folder, closing(open_workspace(folder, create=True)) as workspace:
        facts = SpaceFacts("x", "random", "", "", 44100, 2.3, 1.15, size)
        random, onset_s = np.random.default_rng(0), np.arange(EACH) * 1.15
        centres = random.standard_normal((CENTRES, size), np.float32)

        def some(rows: int) -> NDArray[np.float32]:
            spread = random.standard_normal((rows, size), np.float32)
            return centres[random.integers(0, CENTRES, rows)] + 0.5 * spread

        for first in range(0, count // EACH, 2000):
            clips = range(first + 1, min(first + 2000, count // EACH) + 1)
            append(workspace, facts, [ClipVectors(k, "", some(EACH), onset_s, onset_s + 2.3) for k in clips])
        print(f"joining: {timed(lambda: join_parts(workspace, 'x', most=1))}")
        print(f"opening: {timed(lambda: open_space(workspace, 'x'))}")
        queries = some(QUERIES)
        if not with_index:
            begun = timed(lambda: most_alike(workspace, "x", queries[0]))
            then = timed(lambda: most_alike(workspace, "x", queries[1]), 6)
            print(f"search among {count:,}: first {begun}, then {then}")
            return
        space = open_space(workspace, "x")
        print(f"making the index: {timed(lambda: make_index(workspace, 'x', above=0))}")
        size_gb = index_path(workspace, "x").stat().st_size / 1e9
        index = kept_index(workspace, space)
        wanted = unit(queries).astype(np.float16)
        found: list[NDArray[np.uint64]] = []
        begun = timed(lambda: found.append(index.search(wanted[0], NEAREST).keys))
        each = timed(lambda: found.extend(index.search(one, NEAREST).keys for one in wanted[1:]))
        print(f"{size_gb:.1f} GB on the disk; among {count:,} first {begun}, then {len(wanted) - 1} in {each}")
        shares = []
        for one, keys in zip(wanted, found, strict=True):
            alike = products(space.vectors, one[None].astype(np.float32))[:, 0]
            exact = np.argpartition(-alike, NEAREST)[:NEAREST]
            shares.append(np.isin(keys, exact).mean())
        missed = sum(share < 0.5 for share in shares)
        print(
            f"recall of the {NEAREST} nearest: {np.mean(shares):.3f} (least {np.min(shares):.2f}, {missed} below half)"
        )


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
