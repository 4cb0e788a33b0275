"""How well each scorer finds planted label errors, beside cleanlab and simpler rankings on the same predictions.

    for seed in 0 1 2 3 4; do python -m models train quick --workspace W --set train.seed=$seed; done
    python -m benchmarks.label_errors --workspace W --truth DIR_OR_FILE...

The truth is ``truth_noise.csv`` (columns filename, label: the cells whose imported label is wrong), itself or the
folder that holds it; several are taken together. Runs (``--run``, repeatable; all that are done) are taken as repeats
of one experiment: figures are their mean and standard deviation. The given labels are those of the label version that
a run was trained on; cells reviewed before it are left out. For all cells, for unlisted ones (missing labels) and for
listed ones (false labels) the table gives: AP, the average precision of the ranking; R@N, the share of the N errors
among the first N cells; N90, how many cells one goes through, in units of N, to meet 90 % of the errors. Then: how far
the default is ahead of cleanlab run by run, what each kind of evidence brings, and what the first verdicts bring.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated_reviews import as_collection, learned
from labeling import runs
from labeling.collection import store
from labeling.disagreement import ranking, scoring
from labeling.disagreement.evidence import Evidence
from labeling.disagreement.scorers import DEFAULT_SCORER, NEEDS, SCORERS
from labeling.errors import EarmarkError, FormatError
from labeling.journal import versions
from labeling.predictions.aligned import AlignedLabels, align_labels
from labeling.predictions.oof import Oof, read_oof
from labeling.workspace import open_workspace

Badness = NDArray[np.float32]
VERDICTS = (100, 300)


@dataclass(frozen=True)
class Found:
    """How well one ranking finds the errors among some cells; decisions to 50, 80 and 90 % of them in units of their
    number."""

    average_precision: float
    recall_at_n: float
    decisions_50: float
    decisions_80: float
    decisions_90: float
    errors: int


@dataclass(frozen=True)
class Case:
    """One run: its predictions, the labels they are judged against, and where those are wrong (N, C).

    ``evidence`` is what this run alone knows, ``together`` what all runs do.
    """

    oof: Oof
    aligned: AlignedLabels
    evidence: Evidence
    together: Evidence
    wrong: NDArray[np.bool_]


def load(workspace: str, run_ids: Sequence[str], truth: Sequence[Path]) -> list[Case]:
    opened = open_workspace(workspace)
    cases = []
    with opened.read() as connection:
        names = run_ids or [one.id for one in runs.all_runs(connection) if one.status == "done"]
        chosen = [runs.get_run(connection, name) for name in names]
        clips = store.usable_clips(connection)
        imported = versions.labels_at(connection, 0)
        labels_of = {one.label_version: versions.labels_of_version(connection, one.label_version) for one in chosen}
    for run in chosen:
        labels = labels_of[run.label_version]
        oof = read_oof(opened.run_dir(run.id) / "oof.zarr")
        aligned = align_labels(oof, labels)

        def gathered(others: list[Any], run: Any = run, oof: Oof = oof, labels: Any = labels) -> Evidence:
            return scoring.assembled_evidence(
                opened, run, others, oof, align_labels(oof, labels), labels, imported, labels_of, clips
            )

        alone, together = gathered([]), gathered([one for one in chosen if one.id != run.id])
        cases.append(Case(oof, aligned, alone, together, wrong_cells(oof, aligned, truth)))
    opened.close()
    return cases


def wrong_cells(oof: Oof, aligned: AlignedLabels, truth: Sequence[Path]) -> NDArray[np.bool_]:
    row_of = {name: row for row, name in enumerate(oof.filenames)}
    column_of = {code: column for column, code in enumerate(oof.classes)}
    wrong = np.zeros_like(aligned.given)
    for filename, code in read_truth(truth):
        if filename in row_of and code in column_of:
            wrong[row_of[filename], column_of[code]] = True
    if not (wrong & aligned.open).any():
        raise FormatError("no error of the truth lies among this run's cells; is it the truth of another collection?")
    return wrong


def read_truth(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
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
        none = float("nan")
        return Found(none, none, none, none, none, 0)
    order = np.lexsort((np.random.default_rng(seed).random(len(bad)), -bad))
    met = np.cumsum(hit[order])
    half, most, nine_tenths = ((int(np.searchsorted(met, share * errors)) + 1) / errors for share in (0.5, 0.8, 0.9))
    return Found(
        average_precision=float(average_precision_score(hit, bad)),
        recall_at_n=float(met[errors - 1] / errors),
        decisions_50=half,
        decisions_80=most,
        decisions_90=nine_tenths,
        errors=errors,
    )


def kinds(case: Case) -> dict[str, NDArray[np.bool_]]:
    open_, given = case.aligned.open, case.aligned.given
    return {"all": open_, "missing": open_ & ~given, "false": open_ & given}


def library(case: Case, p: NDArray[np.floating[Any]], *, adjust: bool) -> Badness:
    """cleanlab's own label quality, turned round; its other methods order yes-or-no questions as self-confidence."""
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    lists = [np.flatnonzero(row).tolist() for row in case.aligned.given]
    return 1 - np.asarray(get_label_quality_scores_per_class(lists, p, adjust_pred_probs=adjust), dtype=np.float32)


def of_library(case: Case, *, frames: bool, adjust: bool) -> Badness:
    return library(case, case.evidence.frames.maximum if frames else case.evidence.clipwise, adjust=adjust)


def of_scorer(name: str) -> Callable[[Case], Badness]:
    # p_wrong keeps apart what quality, one minus it, has rounded to the same number
    def badness(case: Case) -> Badness:
        return SCORERS.get(name)(case.together if NEEDS.get(name) == "others" else case.evidence).p_wrong

    return badness


def rankings(many: bool) -> dict[str, Callable[[Case], Badness]]:
    """What is compared: name -> badness (N, C) of a case."""
    every: dict[str, Callable[[Case], Badness]] = {DEFAULT_SCORER: of_scorer(DEFAULT_SCORER)}
    if many:
        every[f"{DEFAULT_SCORER}, all runs"] = lambda case: SCORERS.get(DEFAULT_SCORER)(case.together).p_wrong
    for adjust in (True, False):
        words = ", adjusted" if adjust else ""
        every[f"cleanlab library, clipwise{words}"] = partial(of_library, frames=False, adjust=adjust)
        every[f"cleanlab library, frame max{words}"] = partial(of_library, frames=True, adjust=adjust)
    if many:
        every["cleanlab library, mean of all runs, adjusted"] = lambda case: library(
            case, np.nanmean([case.oof.clipwise, *case.together.others], axis=0), adjust=True
        )
    for name in SCORERS.names():
        if name not in (DEFAULT_SCORER, "cleanlab") and (many or NEEDS.get(name) != "others"):
            every[name] = of_scorer(name)
    every["predicted unlike given (0.5)"] = lambda case: ((case.evidence.clipwise >= 0.5) != case.aligned.given).astype(
        np.float32
    )
    every["random"] = lambda case: np.random.default_rng(0).random(case.aligned.given.shape, dtype=np.float32)
    return every


def ladder(many: bool) -> dict[str, Callable[[Case], Badness]]:
    """The default with less evidence: what each kind brings."""

    def with_only(*names: str) -> Callable[[Case], Badness]:
        def badness(case: Case) -> Badness:
            bare = replace(case.evidence, dynamics=None, neighbours=(), priors=(), fold=None)
            return SCORERS.get(DEFAULT_SCORER)(
                replace(bare, **{name: getattr(case.evidence, name) for name in names})
            ).p_wrong

        return badness

    steps = {
        "predictions alone": with_only(),
        "+ training dynamics": with_only("dynamics"),
        "+ neighbours": with_only("neighbours"),
        "+ priors": with_only("priors"),
        "+ confusions": with_only("fold"),
        "all of one run": with_only("dynamics", "neighbours", "priors", "fold"),
    }
    if many:
        steps["all of all runs"] = lambda case: SCORERS.get(DEFAULT_SCORER)(case.together).p_wrong
    return steps


Measured = dict[str, dict[str, list[Found]]]


def measure(cases: Sequence[Case], every: dict[str, Callable[[Case], Badness]]) -> Measured:
    """Ranking -> kind -> what each run found; rankings whose evidence no run has are left out."""
    out: Measured = {}
    for name, badness in every.items():
        try:
            values = [badness(case) for case in cases]
        except EarmarkError:
            continue
        out[name] = {
            kind: [found(value, case.wrong, kinds(case)[kind]) for value, case in zip(values, cases, strict=True)]
            for kind in ("all", "missing", "false")
        }
    return out


def spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def table(measured: Measured, what: str) -> list[str]:
    lines = [
        f"| {what} | all AP | R@N | N90 | missing AP | R@N | N90 | false AP | R@N | N90 |",
        "| --- |" + " ---: |" * 9,
    ]
    for name, by_kind in measured.items():
        row = []
        for kind in ("all", "missing", "false"):
            row += [
                spread([one.average_precision for one in by_kind[kind]]),
                f"{np.mean([one.recall_at_n for one in by_kind[kind]]):.3f}",
                f"{np.mean([one.decisions_90 for one in by_kind[kind]]):.1f}",
            ]
        lines.append(f"| {name} | {' | '.join(row)} |")
    return lines


def ahead(measured: Measured) -> list[str]:
    """By how much the default is ahead of cleanlab, run by run, beside the spread between runs."""
    lines = ["| default less cleanlab (AP) | all | missing | false |", "| --- | ---: | ---: | ---: |"]
    pairs = [(DEFAULT_SCORER, name) for name in measured if name.startswith("cleanlab library") and "mean" not in name]
    pairs += [(f"{DEFAULT_SCORER}, all runs", name) for name in measured if "mean of all runs" in name]
    for ours, theirs in pairs:
        if ours not in measured:
            continue
        cells = []
        for kind in ("all", "missing", "false"):
            gain = [
                a.average_precision - b.average_precision
                for a, b in zip(measured[ours][kind], measured[theirs][kind], strict=True)
            ]
            cells.append(f"{spread(gain)} (least {min(gain):+.3f})")
        lines.append(f"| {ours} less {theirs} | {' | '.join(cells)} |")
    return lines


def verdict_lines(cases: Sequence[Case]) -> list[str]:
    """What the first verdicts, given down the queue by somebody who is never wrong, bring for the cells after them."""
    lines = [
        "| verdicts | cells after them: AP before | by what verdicts teach of the likelihoods | scored anew "
        "| expected errors there before | scored anew | true |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    score = SCORERS.get(DEFAULT_SCORER)
    for count in VERDICTS:
        rows: list[tuple[float, ...]] = []
        for case in cases:
            before = score(case.evidence).p_wrong
            order = np.argsort(np.where(case.aligned.open, -before, np.inf), axis=None, kind="stable")[:count]
            verdict = np.full(before.shape, -1, np.int8)
            verdict.ravel()[order] = (case.aligned.given ^ case.wrong).ravel()[order]
            after = score(replace(case.evidence, verdict=verdict)).p_wrong
            made = as_collection(case.evidence, case.aligned.open, case.wrong)
            left = np.arange(count, len(made.wrong))
            taught = learned(made, list(range(count))).probability(made.ranking, left)
            rest = case.aligned.open & (verdict < 0)
            if not (case.wrong & rest).any():
                continue
            rows.append(
                (found(before, case.wrong, rest).average_precision,
                 found(taught, made.wrong[left], np.ones(len(left), bool)).average_precision,
                 found(after, case.wrong, rest).average_precision,
                 float(before[rest].sum()), float(after[rest].sum()), float(case.wrong[rest].sum()))
            )  # fmt: skip
        if rows:
            *precision, c, d, e = zip(*rows, strict=True)
            lines.append(
                f"| {count} | {' | '.join(map(spread, precision))} | {np.mean(c):.0f} | {np.mean(d):.0f} "
                f"| {np.mean(e):.0f} |"
            )
    return lines


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
    scores = SCORERS.get(DEFAULT_SCORER)(case.evidence)
    partner = ranking.find_swaps(scores.p_wrong, case.aligned)
    rows = np.flatnonzero((partner >= 0).any(axis=1))
    both = sum(bool(case.wrong[row, partner[row] >= 0].all()) for row in rows)
    return f"Swaps (first run): {len(rows)} clips named, in {both} of them both cells are wrong."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--run", action="append", default=[])
    parser.add_argument("--truth", required=True, nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="numbers only, as JSON")
    args = parser.parse_args()
    try:
        cases = load(args.workspace, args.run, args.truth)
        if not cases:
            raise FormatError(f"no finished run in {args.workspace}; train one first")
    except (EarmarkError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    many = len(cases) > 1
    measured = measure(cases, rankings(many))
    if args.json:
        print(
            json.dumps({n: {k: [vars(f) for f in fs] for k, fs in by.items()} for n, by in measured.items()}, indent=1)
        )
        return 0
    first = cases[0]
    errors = {kind: int((first.wrong & cells).sum()) for kind, cells in kinds(first).items()}
    given = first.aligned.given
    print(
        f"{len(cases)} runs; {len(given)} clips x {given.shape[1]} classes, {int(given.sum())} listed cells; "
        f"{errors['all']} planted errors, {errors['missing']} missing and {errors['false']} false "
        f"(random AP {errors['all'] / first.aligned.open.sum():.3f})\n"
    )
    parts = [table(measured, "ranking"), ahead(measured), table(measure(cases, ladder(many)), "evidence")]
    parts += [verdict_lines(cases), rule_lines(first), [swap_line(first)]]
    print("\n\n".join("\n".join(lines) for lines in parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
