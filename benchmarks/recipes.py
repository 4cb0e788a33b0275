"""What the key idea of each competition recipe brings, under one small fixed budget.

    python -m benchmarks.recipes --data FOLDER --truth FOLDER/truth --out results.jsonl [--seeds 0 1 2]
    python -m benchmarks.recipes --out results.jsonl --table

FOLDER is a collection in BirdCLEF layout; the truth folder holds ``truth_labels.csv`` (filename, labels) and, for the
frames, ``truth_events.csv`` (filename, label, onset, offset in seconds). Each idea is switched on in the same small CNN
that a CPU trains in about a minute (``BUDGET``), everything else kept, and compared with the run of the same seed
without it. Results are appended as they come; started again, the benchmark goes on where it was.

The truth is used to measure, with two exceptions that imitate a reviewer, and say so: ``curated`` variants take a third
of the clips as reviewed without error.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]

BUDGET = (
    "folds.folds=2", "train.epochs=20", "train.validate_every=20", "train.batch_size=16", "train.learning_rate=4e-3",
    "train.ema_decay=0.98", "data.chunk_s=8.0", "data.workers=1", "features.hop_length=2048", "features.n_mels=48",
    "network.widths=[16, 32, 48, 64]", "network.time_pool=[1, 2, 2, 1]", "mixup.probability=0.0",
    "tilt.probability=0.0", "track.tensorboard=false",
)  # fmt: skip
CURATED_SHARE = 3
"""One clip in so many is taken as reviewed."""
STAGE1_ABOVE = 0.7
"""The source's 0.9 finds two labels here: a network of this size is seldom so sure."""
METRICS = {"truth": "clips, truth", "labels": "clips, noisy labels", "frames": "frames, truth"}


@dataclass(frozen=True)
class Variant:
    """One idea: whose, what is switched on, and against which other variant it is compared."""

    name: str
    source: str
    idea: str
    settings: tuple[str, ...] = ()
    against: str = "base"
    teacher: bool = False
    """Reads the out-of-fold predictions of the ``base`` run of the same seed."""
    labels: str = "noisy"
    """noisy (as imported), curated (a third reviewed), stage1 (p > 0.7 of ``base`` added)."""


VARIANTS = (
    Variant("base", "", "the small CNN, BCE on clip and frame maximum, nothing else"),
    Variant("att_only", "Cornell", "no loss on the frames' maximum", ("loss.framewise_weight=0",)),
    Variant("and_0.5", "Cornell", "label AND frames, threshold 0.5",
            ("targets.rule=and", "targets.teacher=newest", "targets.thresholds=[0.5]"), teacher=True),
    Variant("two_way", "Cornell", "its successor: labels corrected both ways (0.3, 0.9)",
            ("targets.rule=two_way", "targets.teacher=newest"), teacher=True),
    Variant("curated_only", "Freesound", "trained on the reviewed third alone",
            ("data.clips=reviewed", "train.epochs=40"), labels="curated"),
    Variant("warm_up", "Freesound", "all clips first, then the reviewed third",
            ("data.clips=reviewed", "train.pretrain_epochs=20", "train.pretrain_learning_rate=4e-3"),
            "curated_only", labels="curated"),
    Variant("random_2s", "Freesound", "2 s crops at random places", ("data.chunk_s=2.0",)),
    Variant("strength", "Freesound", "2 s crops where the sound is strong",
            ("data.chunk_s=2.0", "data.crop=strength"), "random_2s"),
    Variant("weighted_bce", "BirdCLEF 22", "present cells weighted by rarity",
            ("loss.name=weighted_bce", "loss.positive_weight=0")),
    Variant("noise_reduction", "BirdCLEF 22", "steady noise taken off the mel", ("features.noise_reduction=1.0",)),
    Variant("two_logits", "SETI", "two logits a class", ("network.logits_per_class=2",)),
    Variant("specaugment", "SETI", "SpecAugment", ("spec_augment.probability=0.5",)),
    Variant("tta", "SETI", "SpecAugment, and 8 views at prediction",
            ("spec_augment.probability=0.5", "predict.tta_views=8", 'predict.tta=["shift", "spec_augment"]'),
            "specaugment"),
    Variant("distill", "Cassava", "targets 0.7 label + 0.3 out-of-fold",
            ("targets.rule=mix", "targets.teacher=newest"), teacher=True),
    Variant("smoothing", "Cassava", "label smoothing 0.1", ("loss.label_smoothing=0.1",)),
    Variant("removal", "Cassava", "labels found wrong by confident learning left out",
            ("targets.remove=confident_learning", "targets.teacher=newest"), teacher=True),
    Variant("snapshots", "Cassava", "last four epochs averaged", ("train.snapshots=4",)),
    Variant("members", "Cornell", "two networks averaged, no correction", ("train.members=2",)),
    Variant("stage3", "Cornell", "stage 3: two thresholds averaged",
            ("targets.rule=and", "targets.teacher=newest", "targets.thresholds=[0.3, 0.7]", "train.members=2"),
            "members", teacher=True),
    Variant("stage1", "Cornell", "stage 1: missing labels above 0.7 added", labels="stage1"),
    Variant("mask_missing", "Fonseca 2020", "likeliest 2 % of the unlisted cells masked",
            ("targets.mask_missing_share=0.02", "targets.teacher=newest"), teacher=True),
    Variant("bi_tempered", "Cassava", "bi-tempered logistic loss (0.8, 1.4)", ("loss.name=bi_tempered",)),
    Variant("mixup", "Freesound", "mixup of every other chunk", ("mixup.probability=0.5",)),
    Variant("sce", "Cassava", "symmetric cross-entropy (0.1, 1)", ("loss.name=sce",)),
    Variant("asl", "others", "asymmetric loss", ("loss.name=asl",)),
    Variant("focal", "others", "focal loss", ("loss.name=focal",)),
)  # fmt: skip


@dataclass(frozen=True)
class Collection:
    """The imported clips and labels, and what is true of them: (N, C), and events a clip as (class, onset, offset)."""

    clips: list[Any]
    labels: Any
    truth: NDArray[np.bool_]
    events: dict[str, list[tuple[int, float, float]]]


def read_collection(data: Path, truth: Path, folder: Path) -> Collection:
    """Import ``data`` into a workspace in ``folder`` and read the truth."""
    from labeling.collection import store
    from labeling.journal import versions
    from labeling.workspace import open_workspace

    words = ("-m", "labeling", "import", str(data), "--workspace", str(folder))
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with open_workspace(str(folder)).read() as connection:
        clips = store.usable_clips(connection)
        labels = versions.labels_at(connection)
    column = {code: k for k, code in enumerate(labels.classes)}
    row = {name: k for k, name in enumerate(labels.filenames)}
    present = np.zeros(labels.present.shape, bool)
    for line in _rows(truth / "truth_labels.csv"):
        for code in filter(None, line["labels"].split(";")):
            present[row[line["filename"]], column[code]] = True
    events: dict[str, list[tuple[int, float, float]]] = {}
    for line in _rows(truth / "truth_events.csv"):
        one = (column[line["label"]], float(line["onset"]), float(line["offset"]))
        events.setdefault(line["filename"], []).append(one)
    return Collection(clips, labels, present, events)


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def labels_for(kind: str, collection: Collection, base: Any) -> Any:
    """The labels that a variant trains on."""
    labels = collection.labels
    if kind == "curated":
        heard = np.arange(len(labels.clip_ids)) % CURATED_SHARE == 0
        present = np.where(heard[:, None], collection.truth, labels.present)
        reviewed = np.broadcast_to(heard[:, None], labels.present.shape).copy()
        return replace(labels, present=present, reviewed=reviewed, content_hash="curated")
    if kind == "stage1":
        single = labels.present.sum(1) == 1
        found = np.zeros(labels.present.shape, bool)
        row = {int(clip_id): k for k, clip_id in enumerate(labels.clip_ids)}
        found[[row[int(clip_id)] for clip_id in base.clip_ids]] = loudest(base) > STAGE1_ABOVE
        added = single[:, None] & ~labels.present & found
        right = int((added & collection.truth).sum())
        missing = int((collection.truth & ~labels.present).sum())
        print(f"  stage 1 adds {int(added.sum())} labels, {right} of them right; {missing} are missing", flush=True)
        return replace(labels, present=labels.present | added, content_hash="stage1")
    return labels


def loudest(oof: Any) -> NDArray[np.float32]:
    """The highest of each clip's frames and its clipwise probability, (N, C)."""
    frames = np.stack([np.asarray(oof.frames(k)).max(0) for k in range(len(oof))])
    highest: NDArray[np.float32] = np.maximum(frames, oof.clipwise)
    return highest


def frame_ap(oof: Any, collection: Collection) -> float:
    """Macro average precision of the frames against the true events; a frame is present where its centre is."""
    from sklearn.metrics import average_precision_score

    grid = oof.grid
    scores, truth = [], []
    for k, name in enumerate(oof.filenames):
        frames = np.asarray(oof.frames(k), np.float32)
        centre = grid.start_s + (np.arange(len(frames)) + 0.5) * grid.step_s
        present = np.zeros(frames.shape, bool)
        for c, onset, offset in collection.events.get(name, []):
            present[(centre >= onset) & (centre < offset), c] = True
        scores.append(frames)
        truth.append(present)
    p, y = np.concatenate(scores), np.concatenate(truth)
    return float(np.mean([average_precision_score(y[:, c], p[:, c]) for c in range(y.shape[1])]))


def run_variant(variant: Variant, seed: int, collection: Collection, base: Path, folder: Path) -> dict[str, Any]:
    """Train one variant with one seed; its average precisions and seconds."""
    from labeling.predictions.metrics import score
    from labeling.predictions.oof import read_oof
    from models.config import load_recipe
    from models.training.crossval import cross_validate

    teacher = read_oof(base / "oof.zarr") if variant.teacher or variant.labels == "stage1" else None
    labels = labels_for(variant.labels, collection, teacher)
    recipe = load_recipe("demo", [*BUDGET, *variant.settings, f"train.seed={seed}"])
    started = time.monotonic()
    cross_validate(
        recipe, collection.clips, labels, folder, label_version=0, device="auto",
        teacher=teacher if variant.teacher else None,
    )  # fmt: skip
    seconds = time.monotonic() - started
    oof = read_oof(folder / "oof.zarr")
    row = {int(clip_id): k for k, clip_id in enumerate(collection.labels.clip_ids)}
    rows = np.array([row[int(clip_id)] for clip_id in oof.clip_ids])
    result = {
        "truth": score(oof.clipwise, collection.truth[rows], oof.classes)["overall"]["macro_ap"],
        "labels": score(oof.clipwise, collection.labels.present[rows], oof.classes)["overall"]["macro_ap"],
        "frames": frame_ap(oof, collection),
    }
    return {"name": variant.name, "seed": seed, "seconds": round(seconds, 1), **result}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown: each idea's mean over the seeds, and its mean difference to its counterpart with the spread."""
    by = {(one["name"], one["seed"]): one for one in results}
    head = "| source | idea | " + " | ".join(f"{text}: AP | change" for text in METRICS.values()) + " | seeds |"
    lines = [head, "| --- | --- |" + " --- |" * (2 * len(METRICS) + 1)]
    for variant in VARIANTS:
        seeds = sorted(seed for name, seed in by if name == variant.name)
        if not seeds:
            continue
        cells = []
        for key in METRICS:
            values = [by[variant.name, seed][key] for seed in seeds]
            pairs = [
                by[variant.name, seed][key] - by[variant.against, seed][key]
                for seed in seeds
                if (variant.against, seed) in by
            ]
            change = ""
            if variant.name != "base" and pairs:
                change = f"{np.mean(pairs):+.3f} ± {np.std(pairs, ddof=1) if len(pairs) > 1 else 0:.3f}"
            cells += [f"{np.mean(values):.3f}", change]
        idea = variant.idea + (f" (against *{variant.against}*)" if variant.against != "base" else "")
        lines.append(f"| {variant.source} | **{variant.name}**: {idea} | " + " | ".join(cells) + f" | {len(seeds)} |")
    return "\n".join(lines)


def main() -> int:
    """Run what is missing, or print the table of what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", default=[variant.name for variant in VARIANTS])
    parser.add_argument("--table", action="store_true", help="only print the table")
    args = parser.parse_args()
    results = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    if args.table:
        print(table(results))
        return 0
    if not args.data or not args.truth:
        parser.error("--data and --truth are needed to train; --table alone prints what there is")
    known = {variant.name: variant for variant in VARIANTS}
    if unknown := sorted(set(args.only) - set(known)):
        parser.error(f"unknown variant {unknown[0]!r}; choose from {', '.join(known)}")
    done = {(one["name"], one["seed"]) for one in results}
    runs = args.out.with_suffix(".runs")
    with tempfile.TemporaryDirectory() as scratch:
        collection = read_collection(args.data, args.truth, Path(scratch) / "workspace")
        for seed in args.seeds:
            for variant in VARIANTS:
                if (variant.name, seed) in done or variant.name not in {"base", *args.only}:
                    continue
                folder = runs / f"{variant.name}-{seed}"
                one = run_variant(variant, seed, collection, runs / f"base-{seed}", folder)
                with open(args.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(one) + "\n")
                print("  ".join(f"{key} {value}" for key, value in one.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
