"""How well each scorer finds planted label errors, beside cleanlab and simpler rankings on the same predictions.

    python benchmarks/label_errors.py --workspace W --run RUN --truth DIR_OR_FILE...

The truth is ``truth_noise.csv`` (columns filename, label: the cells whose imported label is wrong), itself or the
folder that holds it; several are taken together. The given labels are those of the label version that the run was
trained on; cells reviewed before it are left out. For all cells, for unlisted ones (missing labels) and for listed
ones (false labels) the table gives: AP, the average precision of the ranking; R@N, the share of the N errors among
the first N cells; N90, how many cells one goes through, in units of N, to meet 90 % of the errors.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labeling import disagreement, ranking, runs, versions
from labeling.disagreement import SCORERS, Evidence
from labeling.errors import EarmarkError, FormatError
from labeling.predictions import Oof, read_oof
from labeling.records import Labels
from labeling.workspace import open_workspace

Badness = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """How well one ranking finds the errors among some cells."""

    average_precision: float
    recall_at_n: float
    decisions_90: int
    errors: int


@dataclass(frozen=True)
class Case:
    """Predictions, the labels they are judged against, and where those are wrong (N, C)."""

    oof: Oof
    aligned: ranking.AlignedLabels
    evidence: Evidence
    wrong: NDArray[np.bool_]


def load(workspace: str, run_id: str, truth: list[Path]) -> Case:
    opened = open_workspace(workspace)
    with opened.read() as connection:
        run = runs.get_run(connection, run_id)
        labels = versions.labels_of_version(connection, run.label_version)
    oof = read_oof(opened.run_dir(run.id) / "oof.zarr")
    opened.close()
    return case_of(oof, labels, truth)


def case_of(oof: Oof, labels: Labels, truth: list[Path]) -> Case:
    aligned = ranking.align_labels(oof, labels)
    evidence = disagreement.gather_evidence(oof, aligned.given, aligned.known)
    row_of = {name: row for row, name in enumerate(oof.filenames)}
    column_of = {code: column for column, code in enumerate(oof.classes)}
    wrong = np.zeros_like(aligned.given)
    for filename, code in read_truth(truth):
        if filename in row_of and code in column_of:
            wrong[row_of[filename], column_of[code]] = True
    if not (wrong & aligned.open).any():
        raise FormatError("no error of the truth lies among this run's cells; is it the truth of another collection?")
    return Case(oof, aligned, evidence, wrong)


def read_truth(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        file = path / "truth_noise.csv" if path.is_dir() else path
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if not {"filename", "label"} <= set(reader.fieldnames or ()):
                raise FormatError(f"{file} has columns {reader.fieldnames}; it needs filename and label")
            yield from ((row["filename"], row["label"]) for row in reader)


def found(badness: Badness, wrong: NDArray[np.bool_], cells: NDArray[np.bool_], seed: int = 0) -> Found:
    """Rank ``cells`` by ``badness``, equal ones in random order."""
    from sklearn.metrics import average_precision_score

    bad, hit = badness[cells], wrong[cells]
    errors = int(hit.sum())
    if not errors:
        return Found(float("nan"), float("nan"), 0, 0)
    order = np.lexsort((np.random.default_rng(seed).random(len(bad)), -bad))
    met = np.cumsum(hit[order])
    return Found(
        average_precision=float(average_precision_score(hit, bad)),
        recall_at_n=float(met[errors - 1] / errors),
        decisions_90=int(np.searchsorted(met, 0.9 * errors)) + 1,
        errors=errors,
    )


def rankings(case: Case) -> Iterator[tuple[str, Badness]]:
    """Name and badness (N, C) of every ranking that is compared."""
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    given, evidence = case.aligned.given, case.evidence
    for name in (disagreement.DEFAULT_SCORER, *(n for n in SCORERS.names() if n != disagreement.DEFAULT_SCORER)):
        scores = SCORERS.get(name)(evidence)
        # p_wrong keeps apart what quality, one minus it, has rounded to the same number
        yield name, scores.p_wrong
    lists = [np.flatnonzero(row).tolist() for row in given]
    for what, p in (("clipwise", evidence.clipwise), ("frame max", evidence.frames.maximum)):
        for adjust in (False, True):  # its other methods order yes-or-no questions as self-confidence does
            quality = get_label_quality_scores_per_class(lists, p, adjust_pred_probs=adjust)
            name = f"cleanlab library, {what}{', adjusted' if adjust else ''}"
            yield name, 1 - np.asarray(quality, dtype=np.float32)
    yield "predicted unlike given (0.5)", ((evidence.clipwise >= 0.5) != given).astype(np.float32)
    yield "random", np.random.default_rng(0).random(given.shape, dtype=np.float32)


def table(case: Case) -> tuple[list[str], dict[str, dict[str, dict[str, float]]]]:
    """Markdown lines and the same numbers by ranking and kind."""
    open_, given = case.aligned.open, case.aligned.given
    kinds = {"all": open_, "missing": open_ & ~given, "false": open_ & given}
    numbers: dict[str, dict[str, dict[str, float]]] = {}
    lines = [
        "| ranking | " + " | ".join(f"{kind} AP | R@N | N90" for kind in kinds) + " |",
        "| --- |" + " ---: |" * (3 * len(kinds)),
    ]
    for name, badness in rankings(case):
        row = {kind: found(badness, case.wrong, cells) for kind, cells in kinds.items()}
        numbers[name] = {kind: vars(one) for kind, one in row.items()}
        shown = (
            f"{one.average_precision:.3f} | {one.recall_at_n:.3f} | {one.decisions_90 / max(1, one.errors):.1f}"
            for one in row.values()
        )
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return lines, numbers


def rule_lines(case: Case) -> list[str]:
    """Precision and recall of the rules that flag cells instead of ranking them."""
    given, open_, evidence = case.aligned.given, case.aligned.open, case.evidence
    missing = case.wrong & open_ & ~given
    lines = ["| rule | flagged | precision | recall of missing labels |", "| --- | ---: | ---: | ---: |"]
    sources = (("clipwise", evidence.clipwise), ("frame max", evidence.frames.maximum))
    for what, p in sources:
        flagged = ranking.missing_label_rule(p, given, case.aligned.primary) & open_
        right, count = int((flagged & missing).sum()), int(flagged.sum())
        share = f"{right / count:.3f}" if count else "-"
        recall = right / max(1, int(missing.sum()))
        lines.append(f"| only a primary, {what} > 0.9, not the primary | {count} | {share} | {recall:.3f} |")
    return lines


def swap_line(case: Case) -> str:
    scores = SCORERS.get(disagreement.DEFAULT_SCORER)(case.evidence)
    partner = ranking.find_swaps(scores.p_wrong, case.aligned)
    rows = np.flatnonzero((partner >= 0).any(axis=1))
    both = sum(bool(case.wrong[row, partner[row] >= 0].all()) for row in rows)
    return f"Swaps: {len(rows)} clips named, in {both} of them both cells are wrong."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--truth", required=True, nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="numbers only, as JSON")
    args = parser.parse_args()
    try:
        case = load(args.workspace, args.run, args.truth)
    except (EarmarkError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    lines, numbers = table(case)
    if args.json:
        print(json.dumps(numbers, indent=1))
        return 0
    given, open_ = case.aligned.given, case.aligned.open
    missing, false = int((case.wrong & open_ & ~given).sum()), int((case.wrong & open_ & given).sum())
    print(
        f"{len(given)} clips x {given.shape[1]} classes, {int(given.sum())} listed cells; "
        f"{missing + false} planted errors, {missing} missing and {false} false "
        f"(random AP {(missing + false) / open_.sum():.3f})\n"
    )
    print("\n".join([*lines, "", *rule_lines(case), "", swap_line(case)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
