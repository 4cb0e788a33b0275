"""decide, freeze, export: verdicts from a table, label versions, and the corrected labels."""

from __future__ import annotations

import argparse
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.storage.text import printable, user_name

if TYPE_CHECKING:
    from labeling.records import Decision


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("decide", _decide, "Apply a CSV of decisions: filename, class, verdict, and optionally a region.")
    parser.add_argument("file", metavar="FILE.csv")
    parser.add_argument("--reviewer", required=True, metavar="NAME", help="who decided")

    parser = command("freeze", _freeze, "Freeze the labels as they are now into a label version.")
    parser.add_argument("--note", default="", metavar="TEXT", help="what it is for")

    parser = command("export", _export, "Write corrected labels in the columns that came in.")
    parser.add_argument("--format", metavar="F", default="", help="the format that was imported")
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder for the files")
    parser.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")


def _decide(args: argparse.Namespace) -> None:
    from labeling import journal
    from labeling.errors import DataError, EarmarkError
    from labeling.storage.csvsafe import read_csv

    path, reviewer = Path(args.file), checked_text("--reviewer", args.reviewer)
    rows = read_csv(path, ("filename", "class", "verdict"))
    workspace = opened(args)
    with workspace.read() as connection:
        from labeling.collection import store

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
    fresh = sum(entry.position > before for entry in stored)
    again = f"; {len(stored) - fresh} were in the journal already" if fresh < len(stored) else ""
    print(f"{fresh} decision{'s' * (fresh != 1)} stored{again}")


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
    untimed = numbers["onset_s"] is None
    if untimed != (numbers["offset_s"] is None) or (untimed and any(value is not None for value in numbers.values())):
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
    from labeling.journal.versions import freeze

    version = freeze(opened(args), user_name(), args.note)
    print(f"label version {version.number} ({version.content_hash[:12]}) at journal position {version.position}")


def _export(args: argparse.Namespace) -> None:
    from labeling.journal.exporting import export_labels

    report = export_labels(
        opened(args), Path(args.out), format=args.format, version=args.version, exported_by=user_name()
    )
    for line in report.lines():
        print(printable(line))
    for file in report.files:
        print(f"  {file}")
