"""Next to label: how near to all labels few decisions come, in each order; and how soon a head has learned a batch.

    python -m benchmarks.active_learning --data DIR [--workspace W] [--seeds 10]
    python -m benchmarks.active_learning --stretches 100000

For the first, DIR holds ``train_metadata.csv``, ``train_audio/`` and ``truth/truth_labels.csv``; it is imported and
heard with ``--space`` in a folder that is thrown away, unless W holds the space already (W is only read). Whole groups
of clips, about 30 %, are held out; of the others 90 % lose their labels, and each order gets them back by decisions
that the truth makes (with ``--reviewer-error`` some of them wrong). Figures are macro average precision on what is held
out, the mean over seeds and its standard deviation: each seed hides and holds out other clips, the same for each order.
With ``--hidden 1`` nothing is known at first.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.timing import timed
from labeling.active.head import ClipStretches, blank, fit, stretches_of
from labeling.active.orders import ORDERS, Cells, ask
from labeling.embeddings.space import Space, SpaceFacts
from labeling.logistic import sigmoid
from labeling.replay.learning import Learned, LearningPlan, at_share, replay_learning
from labeling.replay.reviewer import SimulatedReviewer
from labeling.search.products import unit
from labeling.workspace import Workspace, open_workspace

SHARES = (0.0, 0.01, 0.023, 0.04, 0.08, 0.16)
"""Of all labels of the clips that are not held out; papers of 2025 on bioacoustics report at 2.3 % and 8 %."""


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--workspace", "-w", type=Path)
    parser.add_argument("--space", default="aisfx")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--hidden", type=float, default=0.9)
    parser.add_argument("--every", type=int, default=20, help="decisions a batch")
    parser.add_argument("--reviewer-error", type=float, default=0.0)
    parser.add_argument("--stretches", type=int, default=0, help="measure speed instead, with so many")
    args = parser.parse_args()
    if args.stretches:
        speed(args.stretches)
        return
    if args.data is None:
        parser.error("give --data DIR or --stretches N")
    with tempfile.TemporaryDirectory() as folder:
        root = args.workspace or prepared(args.data, Path(folder) / "w", args.space)
        with closing(open_workspace(root)) as workspace:
            learn(workspace, args)


def prepared(data: Path, root: Path, space: str) -> Path:
    """A workspace of the collection, heard."""
    from labeling.collection.importing import import_collection
    from models.__main__ import main as models

    with closing(open_workspace(root, create=True)) as workspace:
        import_collection(workspace, str(data / "train_metadata.csv"), audio=str(data / "train_audio"))
    models(["embed", space, "-w", str(root)])
    return root


def learn(workspace: Workspace, args: argparse.Namespace) -> None:
    """Every order, seed by seed."""
    truth = args.data / "truth" / "truth_labels.csv"
    error = args.reviewer_error
    begun = time.perf_counter()
    every: list[Learned] = []
    for seed in range(args.seeds):
        first = replay_learning(workspace, LearningPlan(truth, args.space, (), args.hidden, decisions=1, seed=seed))
        plan = LearningPlan(
            truth, args.space, tuple(ORDERS), args.hidden, decisions=round(max(SHARES) * first.cells), every=args.every,
            seed=seed, reviewer=SimulatedReviewer(error, error, seed=seed),
        )  # fmt: skip
        every.append(replay_learning(workspace, plan))
    some = every[0]
    print(
        f"{args.seeds} seeds, {some.held_out_clips} clips held out and {some.cells} other labels, {some.kept} of them "
        f"known (first seed); {time.perf_counter() - begun:.0f} s"
    )
    print(f"with all labels: true {spread([one.all_true for one in every])}, "
          f"imported {spread([one.all_imported for one in every])}")  # fmt: skip
    print("order      " + "".join(f"{f'{share:.1%}':>16}" for share in SHARES))
    for place, order in enumerate(ORDERS):
        rows = [[at_share(one.curves[place], one.cells, share) for one in every] for share in SHARES]
        print(f"{order:<11}" + "".join(f"{spread([v for v in row if v is not None]):>16}" for row in rows))
    chance = list(ORDERS).index("random")
    print("of all true labels' figure, and in how many seeds above chance:")
    for place, order in enumerate(ORDERS):
        text = ""
        for share in SHARES:
            pairs = [(at_share(one.curves[place], one.cells, share), at_share(one.curves[chance], one.cells, share),
                      one.all_true) for one in every]  # fmt: skip
            there = [(a, b, top) for a, b, top in pairs if a is not None and b is not None]
            part = statistics.mean(a / top for a, _, top in there)
            text += f"{f'{part:.0%}, {sum(a > b for a, b, _ in there)} of {len(there)}':>16}"
        print(f"{order:<11}{text}")


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    if not values:
        return "-"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}"


# ------------------------------------------------------------------------------------------------ speed


def speed(count: int, size: int = 512, each: int = 10, classes: int = 20) -> None:
    """Fit a head to random stretches cold, then warm after batches of 20; and choose the next from all of them."""
    rng = np.random.default_rng(0)
    clips = count // each
    present = rng.random((clips, classes)) < 0.1
    vectors = np.empty((clips * each, size), np.float16)
    kinds = rng.standard_normal((classes, size), np.float32)
    for clip in range(clips):
        part = rng.standard_normal((each, size), np.float32)
        part[0] += present[clip] @ kinds
        vectors[clip * each : (clip + 1) * each] = unit(part)
    onset_s = np.tile(np.arange(each, dtype=np.float32), clips)
    space = Space(SpaceFacts("x", "imported:random", "", "", 44100, 2.0, 1.0, size), vectors,
                  np.repeat(np.arange(1, clips + 1), each), onset_s, onset_s + 2)  # fmt: skip
    stretches, _ = stretches_of(space, np.arange(1, clips + 1))
    means = stretches.means()
    centred = unit(means - means.mean(axis=0))
    for share in (0.1, 1.0):
        known = np.repeat(rng.random((clips, 1)) < share, classes, axis=1)
        known.ravel()[rng.choice(known.size, 20 * 20, replace=False)] = False
        print(f"{len(space):,} stretches of {clips:,} clips, {size} numbers, {classes} classes, {share:.0%} labelled")
        speed_at(stretches, present, known, centred)


def speed_at(
    stretches: ClipStretches, present: NDArray[np.bool_], known: NDArray[np.bool_], centred: NDArray[np.float32]
) -> None:
    """With so many known labels."""
    clips, classes = present.shape
    heads = [blank(stretches.space, classes)]
    rng = np.random.default_rng(1)

    def learn_more() -> None:
        heads.append(fit(stretches, present, known, heads[-1]))
        known.ravel()[rng.choice(np.flatnonzero(~known.ravel()), 20, replace=False)] = True

    print(f"  first fit: {timed(learn_more, 1)}")
    print(f"  after a batch of 20: {timed(learn_more, 3)}")
    print(f"  reading all of them: {timed(lambda: heads[-1].logits(stretches), 3)}")
    probability = sigmoid(heads[-1].logits(stretches)[0])
    cells = Cells(
        probability, known, present & known, ~known, centred, np.arange(1, clips + 1), np.arange(1, classes + 1)
    )
    for order in ORDERS:
        print(f"  100 to ask, {order}: {timed(partial(ask, cells, order, 100), 3)}")


if __name__ == "__main__":
    main()
