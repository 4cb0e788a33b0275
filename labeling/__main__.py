"""The command line of the labels: ``python -m labeling --help``."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling.commandline import checked_text, printable, run_command, user_name

if TYPE_CHECKING:
    from labeling.records import Decision
    from labeling.workspace import Workspace

SUSPECT_COLUMNS = (
    "rank", "filename", "class", "kind", "label_quality", "p_wrong", "clipwise", "framewise_max", "onset_s", "offset_s",
    "run",
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    top = argparse.ArgumentParser(
        prog="python -m labeling", description="Import a collection, rank its suspect labels, decide, export."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(action=action)
        one.add_argument("--workspace", "-w", required=True, metavar="W", help="the workspace's folder")
        return one

    one = command("import", _import, "Bring in a collection: a table and the audio that it names.")
    one.add_argument("path", metavar="PATH", help="the collection's folder, or its table")
    one.add_argument("--format", metavar="F", help="birdclef, esc50 or table; found out by itself when left out")
    one.add_argument("--audio", metavar="DIR", help="folder or URL of the audio, where it is not beside the table")
    for flag, text in (
        ("path-column", "column with the audio file's name"),
        ("label-column", "column with one label"),
        ("labels-column", "column with several labels"),
        ("separator", "what parts the labels of a labels column"),
        ("group-column", "column that must not be split between folds: recordist, site"),
        ("fold-column", "column with a fold"),
    ):
        one.add_argument(f"--{flag}", metavar="X", help=f"table only: {text}")

    one = command("demo", _demo, "Make a small synthesised collection with planted label errors, and import it.")
    one.add_argument("--clips", type=int, default=160, metavar="N", help="how many clips (160)")
    one.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, another collection (0)")

    one = command("status", _status, "Where the collection stands.")
    one.add_argument("--json", action="store_true", help="for programs")

    one = command("score", _score, "Score every cell of a run's predictions and store the ranking.")
    one.add_argument("--run", metavar="RUN", help="which run (the newest that is done)")
    one.add_argument("--scorer", default="earmark", metavar="NAME", help="how to score (earmark)")

    one = command("suspects", _suspects, "List the suspects, best first.")
    one.add_argument("--run", metavar="RUN", default="", help="which run (the newest scored)")
    one.add_argument("--scorer", default="", metavar="NAME", help="which scoring of it")
    one.add_argument("--kind", choices=("missing", "false", "swapped"), help="only this kind")
    one.add_argument("--limit", type=int, metavar="N", help="at most so many (all)")
    one.add_argument("--csv", metavar="FILE", help="write a CSV instead of printing")

    one = command("decide", _decide, "Apply a CSV of decisions: filename, class, verdict, and optionally a region.")
    one.add_argument("file", metavar="FILE.csv")
    one.add_argument("--reviewer", required=True, metavar="NAME", help="who decided")

    one = command("freeze", _freeze, "Freeze the labels as they are now into a label version.")
    one.add_argument("--note", default="", metavar="TEXT", help="what it is for")

    one = command("export", _export, "Write corrected labels in the columns that came in.")
    one.add_argument("--format", metavar="F", default="", help="the format that was imported")
    one.add_argument("--out", required=True, metavar="DIR", help="a folder for the files")
    one.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")
    return top


def _open(args: argparse.Namespace, *, create: bool = False) -> Workspace:
    from labeling.workspace import open_workspace

    return open_workspace(args.workspace, create=create)


def _progress(label: str) -> Callable[[int, int], None]:
    """A bar on a terminal, silence elsewhere."""
    from tqdm import tqdm

    bar = tqdm(desc=label, unit=" clips", disable=None, leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show


def _import(args: argparse.Namespace) -> None:
    from labeling.importing import import_collection

    names = ("path_column", "label_column", "labels_column", "separator", "group_column", "fold_column")
    options = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    workspace = _open(args, create=True)
    report = import_collection(
        workspace, args.path, format=args.format, audio=args.audio, options=options, progress=_progress("Importing")
    )
    print(report.text())


def _demo(args: argparse.Namespace) -> None:
    from labeling.demo import build_demo
    from labeling.errors import DataError
    from labeling.importing import import_collection

    if not 1 <= args.clips <= 100_000:
        raise DataError(f"--clips {args.clips} is outside 1 to 100000")
    workspace = _open(args, create=True)
    folder = workspace.root / "demo"
    summary = build_demo(folder, clips=args.clips, seed=args.seed, progress=_progress("Synthesising"))
    print(
        f"{summary.clips} clips, {summary.classes} species, {summary.hours:.2f} hours in {folder}\n"
        f"planted: {summary.missing} missing, {summary.spurious} spurious, {summary.wrong_primary} wrong primaries"
    )
    print(import_collection(workspace, str(folder), progress=_progress("Importing")).text())


def _status(args: argparse.Namespace) -> None:
    from labeling.overview import overview

    facts = overview(_open(args))
    if args.json:
        print(json.dumps(facts, indent=1))
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{key.replace('_', ' '):{width}}  {shown if shown != '' else '-'}")


def _score(args: argparse.Namespace) -> None:
    from labeling.suspects import score_run

    run_id, count = score_run(_open(args), args.run, args.scorer)
    print(f"{count} cells of run {run_id} ranked by {args.scorer}")


def _suspects(args: argparse.Namespace) -> None:
    from labeling import suspects
    from labeling.csvsafe import csv_bytes
    from labeling.errors import DataError
    from labeling.files import write_atomically

    if args.limit is not None and args.limit < 1:
        raise DataError(f"--limit {args.limit} must be at least 1")
    with _open(args).read() as connection:
        found = suspects.current(connection, args.run, args.scorer)
        if found is None or (args.run and found[0] != args.run) or (args.scorer and found[1] != args.scorer):
            raise DataError("nothing scored yet; run `python -m labeling score --workspace W` after a training")
        wanted = suspects.QueueFilter(kinds=(args.kind,) if args.kind else ())
        rows = [row.suspect for row in suspects.queue(connection, *found, wanted, limit=args.limit)]
    table = [
        (
            one.rank, one.filename, one.class_code, one.kind, round(one.label_quality, 6), round(one.p_wrong, 6),
            round(one.clipwise, 5), round(one.framewise_max, 5), round(one.onset_s, 3), round(one.offset_s, 3),
            one.run_id,
        )
        for one in rows
    ]  # fmt: skip
    if args.csv:
        write_atomically(Path(args.csv), csv_bytes(SUSPECT_COLUMNS, table))
        print(f"{len(table)} suspects written to {args.csv}")
        return
    for row in table:
        rank, filename, code, kind, _, p_wrong, clipwise, frame, onset, offset, _ = row
        line = f"{rank:>6}  {kind:<8} {p_wrong:5.2f}  {code:<16} {filename}  clip {clipwise:.2f} frame {frame:.2f}"
        print(printable(f"{line}  {onset:.1f}-{offset:.1f} s"))
    if not table:
        print("no suspects to do")


def _decide(args: argparse.Namespace) -> None:
    from labeling import journal
    from labeling.csvsafe import read_csv
    from labeling.errors import DataError, EarmarkError

    path, reviewer = Path(args.file), checked_text("--reviewer", args.reviewer)
    rows = read_csv(path, ("filename", "class", "verdict"))
    workspace = _open(args)
    with workspace.read() as connection:
        from labeling import store

        clip_ids = store.clip_ids_by_filename(connection)
        codes = set(store.class_ids(connection))
    # the same file applied twice by the same reviewer is one set of decisions
    batch_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{reviewer}\x1f{path.read_bytes().hex()}"))
    decisions, problems = [], []
    for number, row in enumerate(rows, start=2):
        try:
            decisions.append(_decision_of(row, reviewer, batch_id, number, clip_ids, codes))
        except EarmarkError as problem:
            problems.append(f"  row {number}: {problem}")
    if problems:
        more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise DataError(
            f"{len(problems)} of {len(rows)} rows of {path} cannot be used; nothing was stored:\n"
            + "\n".join(problems[:20])
            + more
        )
    with workspace.read() as connection:
        before = journal.position(connection)
    stored = journal.append(workspace, decisions)
    fresh = sum(one.position > before for one in stored)
    again = f"; {len(stored) - fresh} were in the journal already" if fresh < len(stored) else ""
    print(f"{fresh} decisions stored{again}")


def _decision_of(
    row: dict[str, str], reviewer: str, batch_id: str, number: int, clip_ids: dict[str, int], codes: set[str]
) -> Decision:
    from labeling.errors import DataError
    from labeling.records import VERDICTS, Decision, Region
    from labeling.registry import unknown_name

    if row["filename"] not in clip_ids:
        raise DataError(f"no clip {row['filename']!r} in this workspace; use the name that its table gives it")
    if row["class"] not in codes:
        raise DataError(unknown_name("class", row["class"], sorted(codes)))
    if row["verdict"] not in VERDICTS:
        raise DataError(unknown_name("verdict", row["verdict"], list(VERDICTS)))
    numbers: dict[str, Any] = {}
    for name in ("onset_s", "offset_s", "low_hz", "high_hz"):
        text = (row.get(name) or "").strip()
        try:
            numbers[name] = float(text) if text else None
        except ValueError:
            raise DataError(f"{name} {text!r} is not a number") from None
    if (numbers["onset_s"] is None) != (numbers["offset_s"] is None) or (
        numbers["onset_s"] is None and numbers["low_hz"] is not None
    ):
        raise DataError("a region needs both onset_s and offset_s")
    return Decision(
        event_id=str(uuid.uuid5(uuid.UUID(batch_id), str(number))),
        reviewer=reviewer,
        clip_id=clip_ids[row["filename"]],
        class_code=row["class"],
        verdict=row["verdict"],
        region=Region(**numbers) if numbers["onset_s"] is not None else None,
        note=row.get("note") or "",
        batch_id=batch_id,
    )


def _freeze(args: argparse.Namespace) -> None:
    from labeling.versions import freeze

    version = freeze(_open(args), user_name(), args.note)
    print(f"label version {version.number} ({version.content_hash[:12]}) at journal position {version.position}")


def _export(args: argparse.Namespace) -> None:
    from labeling.exporting import export_labels

    report = export_labels(
        _open(args), Path(args.out), format=args.format, version=args.version, exported_by=user_name()
    )
    print(f"label version {report.version.number}: {report.changed_clips} clips changed, {report.changes} cells")
    if report.by_machine:
        print(f"{report.by_machine} of them by a machine, heard by nobody: auto:… in changes.csv")
    if report.unlabelled:
        print(f"{report.unlabelled} changed clips have no label left; their label column is empty")
    if report.elsewhere:
        print(f"{report.elsewhere} changed clips are in none of these tables; changes.csv has them")
    for file in report.files:
        print(f"  {file}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = a clear message on stderr, 2 = wrong usage."""
    return run_command(parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
