"""The loop with a reviewer who is always right: what correcting every planted error brings to the next model.

    python -m benchmarks.whole_loop --data FOLDER --truth FOLDER/truth --workspace W [--recipe quick]

FOLDER is a collection in BirdCLEF layout; the truth folder holds ``truth_labels.csv`` (filename, labels) and
``truth_noise.csv`` (filename, label: the wrong cells). Imports, trains, ranks, decides every wrong cell from the truth,
freezes, retrains, and prints time, macro-AP against the truth before and after, and the ranking's quality for each
scorer. Training reads the collection only; the truth is read by this script alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def call(*words: str) -> str:
    """Run one of Earmark's commands; ends the benchmark where it fails."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"failed: python -m {' '.join(words)}")
    return done.stdout


def timed(*words: str) -> tuple[str, str]:
    """A command's output, and its wall and CPU time in words."""
    before, start = os.times(), time.monotonic()
    text = call(*words)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return text, f"{time.monotonic() - start:.0f} s wall, {cpu_s:.0f} s CPU"


def train(recipe: str, workspace: str, truth: Path) -> tuple[str, dict[str, Any]]:
    """Train, evaluate against the truth; returns the run's id and its metrics."""
    _, took = timed("models", "train", recipe, "--workspace", workspace)
    run = json.loads(call("models", "runs", "--workspace", workspace, "--json"))[-1]
    words = ("--run", run["id"], "--truth", str(truth / "truth_labels.csv"), "--json")
    result: dict[str, Any] = json.loads(call("models", "evaluate", "--workspace", workspace, *words))
    print(f"run {run['id']} on label version {run['label_version']}: {took}")
    for against in ("labels", "truth"):
        overall = result[against]["overall"]
        numbers = "  ".join(f"{key} {value:.3f}" for key, value in overall.items() if isinstance(value, float))
        print(f"  against the {against}: {numbers}")
    return run["id"], result


def main() -> int:
    """Run it all once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--truth", required=True, type=Path)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--recipe", default="quick")
    args = parser.parse_args()

    text, took = timed("labeling", "import", str(args.data), "--workspace", args.workspace)
    print(text.rstrip(), f"\nimport: {took}\n")
    first, before = train(args.recipe, args.workspace, args.truth)

    print("\nranking of all cells, first run")
    words = ("--workspace", args.workspace, "--run", first, "--truth", str(args.truth))
    subprocess.run([sys.executable, "benchmarks/label_errors.py", *words], cwd=ROOT, check=True)

    with open(args.truth / "truth_labels.csv", newline="", encoding="utf-8") as file:
        present = {row["filename"]: set(row["labels"].split(";")) for row in csv.DictReader(file)}
    with open(args.truth / "truth_noise.csv", newline="", encoding="utf-8") as file:
        wrong = sorted({(row["filename"], row["label"]) for row in csv.DictReader(file)})
    decisions = Path(args.workspace) / "decisions_from_truth.csv"
    with open(decisions, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "class", "verdict"])
        writer.writerows([name, code, "present" if code in present[name] else "absent"] for name, code in wrong)
    print(
        "\n" + call("labeling", "decide", str(decisions), "--workspace", args.workspace, "--reviewer", "truth").rstrip()
    )
    print(call("labeling", "freeze", "--workspace", args.workspace, "--note", "every planted error corrected").rstrip())

    _, after = train(args.recipe, args.workspace, args.truth)
    old, new = (one["truth"]["overall"]["macro_ap"] for one in (before, after))
    print(f"\nmacro-AP against the truth: {old:.3f} before, {new:.3f} after the corrections ({new - old:+.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
