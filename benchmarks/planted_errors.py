"""What recipes find alone and together where the same sounds carry other errors, beside cleanlab on the same runs.

    python -m benchmarks.planted_errors --data FOLDER --workspace W [--seeds 0 1 2 3 4] [--out results.jsonl]
    python -m benchmarks.planted_errors --data FOLDER --workspace W --errors few [--seeds 1 2] [--out results.jsonl]
    python -m benchmarks.planted_errors --demo 160 --workspace W [--seeds 0 1 2 3 4] [--out results.jsonl]
    python -m benchmarks.planted_errors --out results.jsonl --table

FOLDER is a collection in BirdCLEF layout with its truth in ``truth/``: ``truth_labels.csv``, ``truth_noise.csv`` (with
its kind) and, where there is one, ``truth_events.csv`` (filename, label, snr_db). Seed 0 is the collection as it is;
every other seed moves each of its errors to another clip: a missing label to one in which that class is heard about as
faintly, a spurious one and a swap to one of the same true primary class. With ``--errors`` few, mixed, missing or
false they are planted over the truth by chance alone, in the shares that interval_coverage.py has for these words. With
``--demo CLIPS`` each seed is another synthesised collection.

Each seed has a workspace of its own in W. The sounds are the same for all seeds of one folder, so that they are
embedded once: where a model asks for its licence, do so yourself before (``--seeds 0 --recipe linear``, then
``python -m models embed birdnet --accept-licence -w W/seed-0``). ``--recipe`` (repeatable; linear and linear_birdnet)
names what is trained; together they are what the queue shows that lies on the last one. Seeds that are in the results
already are not run again. Average precision (AP) of finding the errors, R@N, and decisions to 50, 80 and 90 % of them
in units of N, their number (beside it how many the default scorer expects), as in label_errors.py;
cleanlab is its best variant on the same predictions (of several runs their mean), chosen for each kind with knowledge
of the truth. Minutes are those of one core's work.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import label_errors
from benchmarks.interval_coverage import PLANTED, planted
from labeling import runs
from labeling.collection.tabular.lists import ListStyle, parse_list
from labeling.collection.truth import read_labels
from labeling.disagreement.scorers import DEFAULT_SCORER, SCORERS
from labeling.embeddings.space import list_spaces, remove_space
from labeling.replay.scratch import link_space
from labeling.runs.leaks import COPIES_FILE
from labeling.workspace import CACHE, open_workspace

ROOT = Path(__file__).resolve().parents[1]
NEAR = 10  # clips in which a class is heard about as faintly
RECIPES = ("linear", "linear_birdnet")
KINDS = ("all", "missing", "false")
Rows = list[dict[str, str]]


@dataclass
class Planted:
    """The labels of a clip as they will be listed, the primary first, and what is wrong: class -> kind."""

    true: list[str]
    given: list[str]
    wrong: dict[str, str] = field(default_factory=dict)


def replanted(
    truth: Mapping[str, Sequence[str]], noise: Rows, loudness: Mapping[tuple[str, str], float], seed: int
) -> dict[str, Planted]:
    """The errors of ``noise`` over other clips of ``truth`` (filename -> labels, the primary first).

    ``loudness``: of (filename, class), in any unit; what is not named counts as 0. No cell is wrong twice.
    """
    random = np.random.default_rng([seed, 0x5EED])
    clips = {name: Planted(list(labels), list(labels)) for name, labels in truth.items()}
    pairs = {row["filename"]: row["label"] for row in noise if row["kind"] == "wrong_primary"}
    for at in random.permutation(len(noise)).tolist():
        name, code, kind = (noise[at][key] for key in ("filename", "label", "kind"))
        if kind == "missing":
            near = [one for one, clip in clips.items() if code in clip.given[1:] and code in clip.true]
            if loudness:
                level = loudness.get((name, code), 0.0)
                near.sort(key=lambda one: abs(loudness.get((one, code), 0.0) - level))
                del near[NEAR:]
            if near:
                chosen = clips[near[int(random.integers(len(near)))]]
                chosen.given.remove(code)
                chosen.wrong[code] = kind
            continue
        primary = truth[name][0]
        if kind == "missing_primary":  # half of a swap: the other half is planted with it
            code = pairs.get(name, "")
        elif kind != "spurious":
            continue
        free = [
            one
            for one, clip in clips.items()
            if primary == clip.true[0] == clip.given[0] and code not in clip.true + clip.given
        ]
        if not free or not code:
            continue
        chosen = clips[free[int(random.integers(len(free)))]]
        if kind == "spurious":
            chosen.given.append(code)
            chosen.wrong[code] = kind
        else:
            chosen.given[0] = code
            chosen.wrong |= {primary: kind, code: "wrong_primary"}
    return clips


def planted_by_chance(truth: Mapping[str, Sequence[str]], errors: str, seed: int) -> dict[str, Planted]:
    """Labels with ``errors`` (one of PLANTED) anywhere over ``truth``; a clip left without any keeps its own."""
    classes = sorted({code for labels in truth.values() for code in labels})
    present = np.array([[code in labels for code in classes] for labels in truth.values()])
    given = planted(present, errors, seed)
    given[~given.any(axis=1)] = present[~given.any(axis=1)]
    clips = {}
    for (name, labels), row, true in zip(truth.items(), given, present, strict=True):
        kept = [code for code in labels if row[classes.index(code)]]
        added = [classes[column] for column in np.flatnonzero(row & ~true)]
        wrong = {code: "missing" for code in labels if code not in kept} | dict.fromkeys(added, "spurious")
        clips[name] = Planted(list(labels), kept + added, wrong)
    return clips


def rows_of(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def loudness_of(data: Path) -> dict[tuple[str, str], float]:
    """How far (filename, class) stands over the rest of its clip in dB, where ``data`` tells that."""
    events = data / "truth" / "truth_events.csv"
    told = [row for row in rows_of(events) if row.get("snr_db")] if events.exists() else []
    return {(row["filename"], row["label"]): float(row["snr_db"]) for row in told}


def write_planted(data: Path, folder: Path, seed: int, errors: str = "") -> None:
    """The table of ``data`` with errors of this seed, and its truth, into ``folder``. ``errors``: one of PLANTED;
    without, the collection's own at other places."""
    table, style = rows_of(data / "train_metadata.csv"), ListStyle()
    truth = {
        row["filename"]: [row["primary_label"], *(parse_list(row["secondary_labels"]) or ())]
        for row in rows_of(data / "truth" / "truth_labels.csv")
    }
    if errors:
        clips = planted_by_chance(truth, errors, seed)
    else:
        clips = replanted(truth, rows_of(data / "truth" / "truth_noise.csv"), loudness_of(data), seed)
    for row in table:
        given = clips[row["filename"]].given
        row |= {"primary_label": given[0], "secondary_labels": style.write(given[1:])}
    write_rows(folder / "train_metadata.csv", table)
    wrong = [
        {"filename": name, "label": code, "kind": kind}
        for name, clip in clips.items()
        for code, kind in clip.wrong.items()
    ]
    write_rows(folder / "truth" / "truth_noise.csv", wrong)
    write_rows(folder / "truth" / "truth_labels.csv", rows_of(data / "truth" / "truth_labels.csv"))


def call(*words: str) -> None:
    """One of Earmark's commands; ends the benchmark where it fails."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"failed: python -m {' '.join(words)}")


def prepare(args: argparse.Namespace, seed: int) -> tuple[Path, Path]:
    """The workspace of a seed, its collection imported, and the folder of its truth."""
    workspace = args.workspace / f"{args.errors or 'seed'}-{seed}"
    if args.demo:
        truth = workspace / "demo" / "truth"
        if not (workspace / "earmark.db").exists():
            call("labeling", "demo", "--workspace", str(workspace), "--clips", str(args.demo), "--seed", str(seed))
        return workspace, truth
    folder, sounds, other = workspace / "planted", args.workspace / "seed-0", bool(seed or args.errors)
    if other and not (sounds / "earmark.db").exists():
        sys.exit(
            f"{sounds} is no workspace; its spaces serve all seeds, so import {args.data} there and embed it first"
        )
    if not (workspace / "earmark.db").exists():
        if other:
            write_planted(args.data, folder, seed, args.errors)
            where = [str(folder), "--audio", str(args.data / "train_audio")]
        else:
            where = [str(args.data)]
        call("labeling", "import", *where, "--workspace", str(workspace))
    first = open_workspace(str(sounds))
    own = open_workspace(str(workspace))
    for facts in list_spaces(first) if other else ():
        if facts in list_spaces(own):
            remove_space(own, facts.name)  # of links: the space may have grown since
        link_space(first, own, facts.name)
    compared, here = (sorted(first.runs.glob(f"*/{COPIES_FILE}")), own.root / CACHE / COPIES_FILE)
    if other and compared and not here.exists():  # which clips are copies of which does not depend on labels either
        shutil.copyfile(compared[0], here)
    return workspace, (folder if other else args.data) / "truth"


def trained(workspace: Path, recipe: str, before: float) -> tuple[str, float]:
    """The run of a recipe, trained now where there is none, and the minutes that one core worked on it (``before``
    where there is one)."""

    def done() -> list[str]:
        opened = open_workspace(str(workspace))
        with opened.read() as connection:
            return [run.id for run in runs.all_runs(connection) if run.recipe == recipe and run.status == "done"]

    if found := done():
        return found[0], before
    start = os.times()
    call("models", "train", recipe, "--workspace", str(workspace))
    end = os.times()
    return done()[0], (end.children_user + end.children_system - start.children_user - start.children_system) / 60


def measured(
    workspace: Path, truth: Path, about: Mapping[str, Any], recipes: Sequence[str], before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A line for each recipe alone, and one for all of them together, with what is said ``about`` the errors.
    ``before``: lines of earlier runs of these."""
    lines = []
    minutes = {line["recipes"]: float(line["minutes"]) for line in before}
    found = {recipe: trained(workspace, recipe, minutes.get(recipe, float("nan"))) for recipe in recipes}
    groups = [[recipe] for recipe in recipes] + ([list(recipes)] if len(recipes) > 1 else [])
    for group in groups:
        cases = label_errors.load(str(workspace), [found[recipe][0] for recipe in group], [truth])
        case = cases[-1]
        p = np.nanmean([case.oof.clipwise, *case.together.others], axis=0)
        theirs = {
            f"{'frame max' if frames else 'clipwise'}{', adjusted' if adjust else ''}":
            label_errors.library(case, np.nanmean([case.evidence.frames.maximum, *case.together.others_highest], axis=0)
                                 if frames else p, adjust=adjust)
            for frames in (False, True) for adjust in (False, True)
        }  # fmt: skip
        kinds = label_errors.kinds(case)
        ranked = {DEFAULT_SCORER: SCORERS.get(DEFAULT_SCORER)(case.together).p_wrong, **theirs}
        lines.append(
            {
                **about,
                "recipes": "+".join(group),
                "minutes": sum(found[recipe][1] for recipe in group),
                "macro_ap": macro_ap(truth, case, p),
                "errors": {kind: int((case.wrong & cells).sum()) for kind, cells in kinds.items()},
                "expected": {kind: float(ranked[DEFAULT_SCORER][cells].sum()) for kind, cells in kinds.items()},
                "found": {
                    name: {
                        kind: asdict(label_errors.found(badness, case.wrong, cells)) for kind, cells in kinds.items()
                    }
                    for name, badness in ranked.items()
                },
            }
        )
    return lines


def macro_ap(truth: Path, case: label_errors.Case, p: Any) -> float:
    """Of the probabilities (N, C), against the truth."""
    from labeling.predictions.metrics import score

    present, rows, _ = read_labels(truth / "truth_labels.csv", case.oof.filenames, case.oof.classes)
    return float(score(p[rows], present, case.oof.classes)["overall"]["macro_ap"])


def table(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown: mean and standard deviation over the seeds, a line for each group of recipes and kind of errors."""
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[" ".join([line.get("planted", ""), line["recipes"]]).strip()].append(line)
    out = [
        "| runs | macro-AP | min | errors | N, expected "
        "| AP | cleanlab | times | R@N | 50 % | 80 % | 90 % | cleanlab 90 % |",
        "| --- | ---: | ---: | --- |" + " ---: |" * 9,
    ]
    for recipes, some in groups.items():
        for kind in KINDS:
            ours = [line["found"][DEFAULT_SCORER][kind] for line in some]
            variants = [name for name in some[0]["found"] if name != DEFAULT_SCORER]
            precision = {v: [line["found"][v][kind]["average_precision"] for line in some] for v in variants}
            chosen = max(variants, key=lambda name: float(np.mean(precision[name])))
            best, theirs = precision[chosen], [line["found"][chosen][kind] for line in some]
            ap = [one["average_precision"] for one in ours]
            cells = [label_errors.spread(ap), label_errors.spread(best)]
            cells.append(label_errors.spread([a / b for a, b in zip(ap, best, strict=True)]))
            for key in ("recall_at_n", "decisions_50", "decisions_80", "decisions_90"):
                cells.append(f"{np.mean([one[key] for one in ours]):.2f}")
            cells.append(f"{np.mean([one['decisions_90'] for one in theirs]):.2f}")
            head = ["", "", ""]
            if kind == "all":
                minutes = f"{np.nanmean([line['minutes'] for line in some]):.1f}"
                head = [recipes, label_errors.spread([line["macro_ap"] for line in some]), minutes]
            count = f"{np.mean([line['errors'][kind] for line in some]):.0f}"
            if all("expected" in line for line in some):
                count += f", {np.mean([line['expected'][kind] for line in some]):.0f}"
            out.append("| " + " | ".join([*head, kind, count, *cells]) + " |")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--data", type=Path)
    where.add_argument("--demo", type=int, metavar="CLIPS")
    parser.add_argument("--workspace", type=Path, help="the folder that holds a workspace for each seed")
    parser.add_argument("--recipe", action="append", default=[])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--errors", default="", choices=list(PLANTED), help="planted over the truth by chance")
    parser.add_argument("--out", type=Path, help="where the figures go, a line a seed and group of runs (JSON)")
    parser.add_argument("--table", action="store_true", help="only print what is in --out")
    args = parser.parse_args()
    lines = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out and args.out.exists() else []
    if not args.table:
        if args.errors and not args.data:
            parser.error("--errors are planted over the truth of a collection; name it with --data")
        if not args.workspace or not (args.data or args.demo):
            parser.error("--workspace, and --data or --demo, say where; --table alone prints what is in --out")
        recipes = args.recipe or list(RECIPES)
        for seed in args.seeds:
            about = {"seed": seed, "planted": args.errors}
            same = [line for line in lines if line["seed"] == seed and line.get("planted", "") == args.errors]
            had = {line["recipes"] for line in same}
            if "+".join(recipes) in had:
                continue
            started = time.monotonic()
            new = [one for one in measured(*prepare(args, seed), about, recipes, same) if one["recipes"] not in had]
            lines += new
            if args.out:
                with args.out.open("a", encoding="utf-8") as stream:
                    stream.writelines(json.dumps(line) + "\n" for line in new)
            print(f"{args.errors or 'seed'} {seed}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print("\n".join(table(lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
