"""What an import found, in words and as values."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from labeling.collection.annotation.paths import folder_with_some
from labeling.collection.formats import Problem
from labeling.storage.text import printable

MOST_SHOWN = 10
MOST_STORED = 2000  # problems kept with an import; the counts are always whole


@dataclass(frozen=True)
class LabelChange:
    """A clip whose table says other labels than were imported: both sides as ``owl; jay``, the primary first."""

    row: int
    filename: str
    before: str
    after: str


@dataclass(frozen=True)
class ImportReport:
    """What an import found. Files are counted whether their clip is new or was there.

    ``problems`` has a reason for each file and row with something wrong; ``skipped`` counts the rows that gave no clip,
    ``joined`` those that were joined to another row of their file. ``regions`` are times of labels that the rows gave.
    Of the clips that were ``already_there``, ``relinked`` had no file or another place before, and ``other_sound`` have
    a file of other bytes now. ``renamed`` clips are called by their collection and name, as the name was taken.
    ``by_part`` were found by a part of their name. ``labels_choice`` says what became of ``changed_labels``: keep, take
    or suspects.
    """

    format: str
    table: str
    audio_root: str
    clips: int
    classes: int
    without_secondary: int
    without_group: int
    added: int
    already_there: int
    duplicates: int
    missing: int
    unreadable: int
    silent: int
    too_short: int
    skipped: int
    joined: int
    regions: int
    hours: float
    seconds: float
    usable: int = 0
    name: str = ""
    collection: str = ""
    relinked: int = 0
    other_sound: int = 0
    renamed: int = 0
    by_part: int = 0
    labels_choice: str = "keep"
    changed_labels: tuple[LabelChange, ...] = ()
    problems: tuple[Problem, ...] = ()

    def text(self) -> str:
        """The report for a terminal."""
        lines = [
            f"{self.clips} clips in {self.table} ({self.format}), {self.classes} classes",
            f"  added              {self.added} ({self.hours:.1f} hours)",
            f"  already there      {self.already_there}",
            *self._if(self.relinked, "relinked", "found at another place than before, or for the first time"),
            *self._if(self.other_sound, "other sound", "their files have other bytes than before; decisions are kept"),
            *self._if(self.renamed, "renamed", f"as another collection has the name: {self.collection}/…"),
            *self._if(self.by_part, "found by a part", "of their name: its end, or without its suffix or its case"),
            f"  without secondary  {self.without_secondary}",
            f"  without a group    {self.without_group}",
            f"  duplicates         {self.duplicates}",
            f"  missing            {self.missing}",
            f"  unreadable         {self.unreadable}",
            f"  silent             {self.silent}",
            f"  too short          {self.too_short}",
            f"  rows joined        {self.joined}{' to another row of their file' * bool(self.joined)}",
            *self._if(self.regions, "times of labels", ""),
            f"  rows skipped       {self.skipped}",
            *self._if(len(self.changed_labels), "labels changed", _CHOSEN[self.labels_choice]),
            f"  time               {self.seconds:.1f} s",
        ]
        for change in self.changed_labels[:MOST_SHOWN]:
            lines.append(printable(f"  ~ row {change.row}, {change.filename}: {change.before} -> {change.after}"))
        if len(self.changed_labels) > MOST_SHOWN:
            lines.append(f"  ~ and {len(self.changed_labels) - MOST_SHOWN} more, kept with the import")
        for problem in self.problems[:MOST_SHOWN]:
            where = ", ".join(part for part in (f"row {problem.row}" if problem.row else "", problem.filename) if part)
            lines.append(printable(f"  ! {where + ': ' * bool(where)}{problem.reason}"))
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"  ! and {len(self.problems) - MOST_SHOWN} more, kept with the import")
        return "\n".join(lines)

    @staticmethod
    def _if(count: int, name: str, words: str) -> list[str]:
        return [f"  {name:<17}  {count}{f' ({words})' if words else ''}"] if count else []

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-able values, with at most MOST_STORED problems and changed labels."""
        kept = replace(self, problems=self.problems[:MOST_STORED], changed_labels=self.changed_labels[:MOST_STORED])
        return {
            **asdict(kept),
            "problem_count": len(self.problems),
            "changed_labels_count": len(self.changed_labels),
        }


def no_usable(path: str, report: ImportReport, audio: str = "--audio") -> str:
    """What is wrong with an import that found no sound, and what to do; ``audio`` is how its folder is named."""
    if not report.clips and not report.skipped:
        return f"{report.table} has a line of column names and no row below it; it needs a row a clip"
    if not report.clips:
        return f"no clip of {report.table} can be used; the report above says why"
    if report.missing == report.clips:
        near = folder_with_some(Path(path), [problem.filename for problem in report.problems])
        where = f"{audio} {shlex.quote(near)}" if near else f"{audio} DIR, DIR being the folder that holds them"
        return (
            f"none of the {report.clips} files of {report.table} is in {report.audio_root}; import again with {where}: "
            "the clips are found again then"
        )
    return f"none of the {report.clips} files of {report.table} can be used; the report above says why"


_CHOSEN = {
    "keep": "in the table since; the earlier ones are kept. --changed-labels take takes the new ones, suspects asks",
    "take": "in the table since, and taken, but where people decided",
    "suspects": "in the table since; the earlier ones are kept, and what differs is in the queue",
}
