"""Commands that say when a class is heard in predicted recordings, and from which score on it is right."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.storage.text import printable
from models.commands.base import AddCommand

if TYPE_CHECKING:
    from labeling.activity.placing import Clock, Placed
    from labeling.activity.windows import Windows
    from labeling.workspace import Workspace

SHOWN = 20


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("activity", _activity, "How often a class is heard in each recorded hour of a prediction.")
    _common(parser)
    parser.add_argument("--score", type=float, default=0.5, metavar="P", help="a window counts from here on (0.5)")
    parser.add_argument("--csv", metavar="FILE", help="write every hour to this file; else the busiest are printed")
    parser = command("threshold", _threshold, "From which score on a class is right, by what was heard.")
    _common(parser)
    parser.add_argument("--precision", type=float, default=0.9, metavar="P", help="the share that is to be right (0.9)")
    parser.add_argument("--bands", default="0.1,0.3,0.5,0.7,0.9,1", metavar="A,B,…",
                        help="edges of the bands of scores (0.1,0.3,0.5,0.7,0.9,1)")  # fmt: skip
    parser.add_argument("--each", type=int, default=20, metavar="N", help="windows drawn of each band (20)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one draws others (0)")
    parser.add_argument("--csv", metavar="FILE", help="write the detections from the threshold on to this file")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prediction", metavar="PREDICTION", help="its number (001), a folder that predict wrote, or a "
                        "run's name")  # fmt: skip
    parser.add_argument("--class", dest="class_code", required=True, metavar="C", help="the class, as it was predicted")
    parser.add_argument("--site", metavar="S", help="only of this site")
    parser.add_argument("--site-column", default="", metavar="COLUMN", help="the metadata column that names the site")
    parser.add_argument("--time-column", default="", metavar="COLUMN", help="the metadata column that says when a "
                        "recording began; else its file's name")  # fmt: skip
    parser.add_argument("--zone", default="", metavar="ZONE", help="show times of this zone, such as Europe/Berlin; "
                        "else as the recorders' clocks said")  # fmt: skip
    parser.add_argument("--recorder-zone", default="UTC", metavar="ZONE", help="what the clocks ran on where names "
                        "give no offset, for --zone (UTC)")  # fmt: skip


def _read(args: argparse.Namespace, workspace: Workspace) -> tuple[Windows, Placed, Clock]:
    from labeling.activity.placing import Clock, Columns, placed
    from labeling.errors import DataError
    from models.prediction.scored_windows import windows_of, windows_of_folder

    clock = Clock(args.zone, args.recorder_zone)
    folder = Path(args.prediction).expanduser()
    is_folder = not args.prediction.isdecimal() and folder.is_dir()
    windows = windows_of_folder(workspace, folder) if is_folder else windows_of(workspace, args.prediction)
    known = sorted({name for one in windows.recordings for name in one.metadata})
    for flag, column in (("--site-column", args.site_column), ("--time-column", args.time_column)):
        if column and column not in known:
            raise DataError(
                f"{flag} {column!r} is no column of the clips' metadata; there is {', '.join(known) or 'none'}"
            )
    where = placed(windows.recordings, Columns(args.site_column, args.time_column))
    if args.site is not None and args.site not in where.site:
        raise DataError(f"no recording is of site {args.site!r}; there is {', '.join(sorted(set(where.site)))}")
    return windows, where, clock


def _activity(args: argparse.Namespace) -> None:
    from labeling.activity.hours import activity, hours
    from labeling.errors import DataError
    from labeling.storage.csvsafe import csv_bytes
    from labeling.storage.files import write_atomically
    from labeling.workspace import open_workspace

    if not 0 <= args.score <= 1:
        raise DataError(f"--score {args.score:g} is no score; give one from 0 to 1")
    windows, where, clock = _read(args, open_workspace(args.workspace))
    table = activity(hours(windows, clock, where), windows.of(args.class_code), args.score)
    if args.site is not None:
        table = table[table["site"] == args.site]
    for name, reason in where.unplaced[:SHOWN]:
        print(printable(f"not in any hour: {name}: {reason}"))
    if len(where.unplaced) > SHOWN:
        print(f"and {len(where.unplaced) - SHOWN:,} more recordings without a time")
    sound_h = table["recorded_s"].sum() / 3600
    above, scored = int(table["above"].sum()), int(table["windows"].sum())
    print(f"{len(table):,} hours of {table['site'].nunique():,} sites were recorded, {sound_h:.1f} h of sound")
    print(f"{above:,} of {scored:,} windows score {args.score:g} or more; times by {clock.words()}")
    if args.csv:
        rows = table.round({"share": 5, "highest": 5}).astype(object).where(table.notna(), None)
        write_atomically(Path(args.csv), csv_bytes(tuple(table.columns), rows.itertuples(index=False, name=None)))
        print(printable(f"written to {args.csv}"))
        return
    busiest = table[table["above"] > 0].sort_values("above", ascending=False, kind="stable").head(SHOWN)
    columns = ("site", "date", "hour", "above", "windows", "highest")
    for site, date, hour, count, of, highest in zip(*(busiest[name].tolist() for name in columns), strict=True):
        where_and_when = f"{site or '(no site)'}  {date} {hour:02d}:00"
        print(printable(f"{where_and_when}  {count:,} of {of:,} windows, highest {highest:.3f}"))


def _threshold(args: argparse.Namespace) -> None:
    from labeling.activity.detections import detections, table_bytes
    from labeling.activity.draws import read_edges
    from labeling.activity.study import Question, in_words, said_of, study
    from labeling.activity.threshold import NotKnown, threshold
    from labeling.activity.words import words_of
    from labeling.storage.files import write_atomically
    from labeling.workspace import open_workspace

    workspace = open_workspace(args.workspace)
    windows, where, clock = _read(args, workspace)
    question = Question(args.class_code, args.site, read_edges(args.bands), args.each, args.seed)
    with workspace.read() as connection:
        said = said_of(connection, args.class_code)
    found = study(windows, question, said, where)
    for band in found.bands:
        words = f"{band.low:g} to {band.high:g}: {band.windows:,} windows, {band.heard:,} heard"
        if band.precision is not None and band.interval is not None:
            low, high = band.interval
            words += f", {band.precision:.2f} right (likely {low:.2f} to {high:.2f})"
        print(words)
    print(in_words(found))
    answer = found.learned if isinstance(found.learned, NotKnown) else threshold(found.learned, args.precision)
    if isinstance(answer, NotKnown):
        print(answer.why)
        return
    print(words_of(answer))
    if args.csv and answer.score.value == answer.score.value:
        places = detections(windows.of(args.class_code), answer.score.value, found.in_site)
        write_atomically(Path(args.csv), table_bytes(windows, places, args.class_code, where, clock))
        print(printable(f"{len(places):,} detections written to {args.csv}"))
