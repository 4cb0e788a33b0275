"""agreement, digest: how far people agree, and what changed since one of them was last here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import asked_by, checked_text
from labeling.storage.text import printable

if TYPE_CHECKING:
    from labeling.agreement.coefficients import Coefficient
    from labeling.quality.intervals import Share


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("agreement", _agreement, "How far reviewers agree, and how often each errs.")
    parser.add_argument("--csv", metavar="FILE", help="write all of it as a CSV instead")

    parser = command("digest", _digest, "What changed since somebody was last here.")
    parser.add_argument("--reviewer", metavar="NAME", default="", help="who (you)")
    parser.add_argument("--read", action="store_true", help="keep that it was read: next time tell what comes after it")
    parser.add_argument("--csv", metavar="FILE", help="write it as a CSV instead")


def _agreement(args: argparse.Namespace) -> None:
    from labeling.agreement.report import read_agreement
    from labeling.agreement.table import COLUMNS, agreement_rows
    from labeling.storage.csvsafe import csv_bytes
    from labeling.storage.files import write_atomically

    with opened(args).read() as connection:
        found = read_agreement(connection)
    if args.csv:
        rows = agreement_rows(found)
        write_atomically(Path(args.csv), csv_bytes(COLUMNS, rows))
        print(f"{len(rows)} rows written to {args.csv}")
        return
    if not found.cells:
        print("no cell has two independent verdicts yet; those count that saw no other's")
        return
    print(f"{found.cells:,} cells with {found.looks:,} independent verdicts by {len(found.reviewers)} reviewers")
    print(f"  all said the same  {_share(found.agreed)}")
    print(f"  Krippendorff's alpha  {_words(found.alpha)}")
    print(f"  Fleiss' kappa         {_words(found.kappa)}")
    print("pairs, by Cohen's kappa")
    for pair in sorted(found.pairs, key=lambda one: -(one.kappa.value if one.kappa.value is not None else -2)):
        print(printable(f"  {pair.first}, {pair.second}: {_words(pair.kappa)}  same: {_share(pair.agreed)}"))
    print("classes, by Krippendorff's alpha")
    for one in found.classes:
        print(printable(f"  {one.code}: {_words(one.alpha)}  same: {_share(one.agreed)}"))
    if found.blocks:
        print("over time, by Krippendorff's alpha")
    for block in found.blocks:
        print(f"  {block.first_day} to {block.last_day}: {_words(block.alpha)}  same: {_share(block.agreed)}")
    print("reviewers, as Dawid and Skene estimate their errors")
    for errors in found.errors:
        rates = "  ".join(
            f"{what} {100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f}) of about {rate.of:,.0f}"
            for what, rate in (("misses", errors.misses), ("imagines", errors.imagines))
        )
        print(printable(f"  {errors.reviewer}: {rates}  unsure {_share(errors.unsure)}"))
    if not found.errors:
        print("  of two people alone nobody can tell who errs; it takes a third, or adjudications")


def _share(share: Share) -> str:
    return f"{share.count:,} of {share.of:,}"


def _words(one: Coefficient) -> str:
    if one.value is None:
        return "not defined"
    return f"{one.value:.3f}" + (f" ({one.interval[0]:.2f} to {one.interval[1]:.2f})" if one.interval else "")


def _digest(args: argparse.Namespace) -> None:
    from labeling.errors import DataError
    from labeling.review import digest
    from labeling.storage.csvsafe import csv_bytes
    from labeling.storage.files import write_atomically

    reviewer = checked_text("--reviewer", args.reviewer).strip() or asked_by(args)
    if args.signed_in and args.signed_in != reviewer:
        raise DataError(
            f"the token is of {args.signed_in!r}, who cannot read {reviewer!r}'s digest; leave --reviewer out"
        )
    workspace = opened(args)
    with workspace.read() as connection:
        found = digest.digest(connection, reviewer)
    if args.csv:
        columns = ("kind", "who", "time", "file", "class", "text")
        write_atomically(Path(args.csv), csv_bytes(columns, digest.as_rows(found)))
        print(f"{len(found.changes)} changes written to {args.csv}")
    elif not found.changes:
        print(printable(f"nothing changed for {reviewer} since they were last here"))
    else:
        for kind, count in found.counts.items():
            print(f"{count:,} {digest.KINDS[kind][count != 1]}")
        for one in found.changes:
            where = " ".join(filter(None, (one.filename, one.class_code)))
            print(printable(f"  {one.at[:16].replace('T', ' ')}  {one.who}  {where}  {' '.join(one.text.split())}"))
    if args.read:
        digest.read_until(workspace, reviewer, found.here)
