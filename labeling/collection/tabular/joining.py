"""Rows of one file: tables with one row an annotation are read as one clip a file, and written back row by row.

Labels of the rows are united. Times and frequencies, where the table has them, become regions of the labels. A primary
that not all rows name is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from labeling.collection.annotation.base import (
    MISSING_WORDS,
    Correction,
    ImportedClip,
    ImportedTable,
    Problem,
    TableLabels,
)
from labeling.collection.annotation.paths import Finder, found_table, plain_name
from labeling.collection.tabular.base import Table, column
from labeling.errors import DataError, FormatError
from labeling.records import Region
from labeling.registry import some_of

ONSET_COLUMNS = ("onset_s", "onset", "start_s", "start_time", "start", "begin_time", "begin time (s)",
                 "start time (s)", "start (s)", "event_onset", "tmin", "t_start")  # fmt: skip
OFFSET_COLUMNS = ("offset_s", "offset", "end_s", "end_time", "end", "stop", "end time (s)", "end (s)",
                  "event_offset", "tmax", "t_end")  # fmt: skip
LOW_COLUMNS = ("low_hz", "low_freq", "low freq (hz)", "freq_low", "f_low", "min_frequency", "fmin", "low_frequency")
HIGH_COLUMNS = ("high_hz", "high_freq", "high freq (hz)", "freq_high", "f_high", "max_frequency", "fmax",
                "high_frequency")  # fmt: skip
TIME_OPTIONS = ("onset_column", "offset_column", "low_column", "high_column")


class LabelledRow(Protocol):
    """A row as a format reads it. ``filename`` as it stands there, ``labels`` with its primary first."""

    @property
    def number(self) -> int: ...
    @property
    def filename(self) -> str: ...
    @property
    def primary(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


R = TypeVar("R", bound=LabelledRow)


def by_file(rows: Iterable[R]) -> dict[str, list[R]]:
    """The rows of each file, by the name that its first row gives it."""
    first_name: dict[str, str] = {}
    grouped: dict[str, list[R]] = {}
    for row in rows:
        name = first_name.setdefault(plain_name(row.filename), row.filename)
        grouped.setdefault(name, []).append(row)
    return grouped


def united(rows: Sequence[LabelledRow]) -> TableLabels:
    """What the rows of one file say together."""
    primaries = {row.primary for row in rows if row.primary}
    primary = primaries.pop() if len(primaries) == 1 else ""
    codes = dict.fromkeys([primary] if primary else [])
    codes |= dict.fromkeys(code for row in rows for code in row.labels)
    return TableLabels(primary, tuple(codes))


# ------------------------------------------------------------------------------------------------------------ reading


@dataclass(frozen=True)
class TimeColumns:
    """Where a table says when and in which band a label is heard."""

    onset: int
    offset: int
    low: int | None = None
    high: int | None = None

    def named(self, cells: Sequence[str]) -> bool:
        """Whether a row says anything of a time."""
        return any(cells[at].strip() not in MISSING_WORDS for at in (self.onset, self.offset))

    def all(self) -> set[int]:
        """The columns."""
        return {at for at in (self.onset, self.offset, self.low, self.high) if at is not None}

    def region(self, cells: Sequence[str]) -> Region | None:
        """The region of a row, None where it names none; raises DataError with what is wrong with it."""
        onset, offset = _number(cells[self.onset]), _number(cells[self.offset])
        if onset is None and offset is None:
            return None
        if onset is None or offset is None:
            raise DataError("only one of onset and offset is given")
        low = None if self.low is None else _number(cells[self.low])
        high = None if self.high is None else _number(cells[self.high])
        if low is None or high is None or not 0 <= low < high:
            low = high = None  # as half a band, or one turned round, bounds nothing
        return Region(onset, offset, low, high)


def _number(cell: str) -> float | None:
    text = cell.strip()
    if text in MISSING_WORDS:
        return None
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise DataError(f"{text!r} is no number of seconds or Hz") from None


def time_columns(table: Table, name: str, options: Mapping[str, Any], several: bool) -> TimeColumns | None:
    """Where the table has times: in the columns that ``options`` name, else, where some file has ``several`` rows, in
    those that are called so. One row a file with a start and an end may be cut from there, so nothing is guessed.

    Raises FormatError where a named column is not there, or an onset is named without an offset.
    """
    asked = any(options.get(option) for option in TIME_OPTIONS)
    if not asked and (not several or "onset_column" in options):
        return None

    def chosen(option: str, guesses: Sequence[str]) -> int | None:
        wanted = options.get(option)
        if wanted in (None, ""):
            return column(table, guesses)
        if wanted not in table.columns:
            flag = "--" + option.replace("_", "-")
            raise FormatError(f"{name} has no column {wanted!r} ({flag}); it has {some_of(table.columns)}")
        return table.columns.index(wanted)

    onset, offset = chosen("onset_column", ONSET_COLUMNS), chosen("offset_column", OFFSET_COLUMNS)
    if onset is None or offset is None:
        if asked:
            raise FormatError(f"{name} has no times: name both --onset-column and --offset-column")
        return None
    return TimeColumns(onset, offset, chosen("low_column", LOW_COLUMNS), chosen("high_column", HIGH_COLUMNS))


def _time_options(table: Table, times: TimeColumns | None) -> dict[str, str]:
    """The columns as they were chosen, for ``options``: a later version that guesses otherwise must find the same."""
    places = (None,) * 4 if times is None else (times.onset, times.offset, times.low, times.high)
    return {option: "" if at is None else table.columns[at] for option, at in zip(TIME_OPTIONS, places, strict=True)}


def joined_table(
    format: str,
    path: Path,
    data: bytes,
    table: Table,
    clips: Sequence[ImportedClip],
    times: TimeColumns | None,
    finder: Finder,
    problems: Sequence[Problem],
    options: Mapping[str, Any],
    class_names: Mapping[str, str],
) -> ImportedTable:
    """What a format read: one clip a file, of ``clips``, one a row. What is lost in joining is told.

    ``options`` get the table's name and place, and its columns of times.
    """
    grouped: dict[str, list[ImportedClip]] = {}
    for clip in clips:
        grouped.setdefault(plain_name(clip.filename), []).append(clip)
    problems = list(problems)
    joined = tuple(_joined(own, table, times, problems) for own in grouped.values())
    return found_table(
        format, path, data, finder, joined, problems, {**options, **_time_options(table, times)}, class_names
    )


def _joined(
    own: Sequence[ImportedClip], table: Table, times: TimeColumns | None, problems: list[Problem]
) -> ImportedClip:
    first = own[0]
    regions: dict[tuple[str, Region], None] = {}
    for clip in own if times else ():
        assert times is not None
        try:
            region = times.region(table.rows[clip.row])
        except DataError as problem:
            problems.append(Problem(clip.row, clip.filename, f"{problem}; its label is kept without a time"))
            continue
        if region is not None:  # one selection in two views is one region
            regions |= dict.fromkeys((code, region) for code in clip.labels)
    timed = {table.columns[at] for at in times.all()} if times else set()
    if len(own) == 1:
        rest = {name: text for name, text in first.metadata.items() if name not in timed} if regions else first.metadata
        return replace(first, rows=(first.row,), regions=tuple(regions), metadata=rest)
    spelled = dict.fromkeys(clip.filename for clip in own)
    if len(spelled) > 1:
        problems.append(
            Problem(first.row, first.filename, f"is also written {', '.join(map(repr, list(spelled)[1:]))}; one file")
        )
    for what, values in (("group", {clip.group for clip in own}), ("fold", {clip.fold for clip in own})):
        if len(values - {""}) > 1:
            told = ", ".join(map(repr, sorted(values - {""})))
            problems.append(
                Problem(first.row, first.filename, f"its rows name several of {what}: {told}; the first counts")
            )
    metadata: dict[str, str] = {}
    for name in dict.fromkeys(name for clip in own for name in clip.metadata if name not in timed):
        texts = dict.fromkeys(text for clip in own if (text := clip.metadata.get(name, "")))
        metadata[name] = "; ".join(texts)
    primaries = {clip.primary for clip in own if clip.primary}
    primary = primaries.pop() if len(primaries) == 1 else ""
    codes = dict.fromkeys([primary] if primary else []) | dict.fromkeys(code for clip in own for code in clip.labels)
    return replace(
        first,
        labels=tuple(codes),
        primary=primary,
        group=next((clip.group for clip in own if clip.group), ""),
        fold=next((clip.fold for clip in own if clip.fold), ""),
        metadata=metadata,
        rows=tuple(clip.row for clip in own),
        regions=tuple(regions),
    )


# ------------------------------------------------------------------------------------------------------------ writing


@dataclass(frozen=True)
class Parted:
    """A correction of one file, parted among its rows: those that stay, by their number, and labels that need a row."""

    corrections: Mapping[int, Correction]
    added: tuple[str, ...]


def parted(
    rows: Sequence[LabelledRow], correction: Correction, *, several: bool, timed: Collection[int] = ()
) -> Parted:
    """Part a correction among the rows of its file.

    A label that was found absent goes from each row that has it, and the row with it where it has no other. One class
    takes the rows of another only where a person said that it is heard in its place, and drew it nowhere else. What
    else was added joins a row that says nothing of a time: where rows hold ``several`` labels the first, else one
    without a label. Where there is none, or it was drawn, it needs a new one (``Parted.added``). ``timed`` are the
    numbers of the rows that have times.
    """
    agreed, there = united(rows).primary, united(rows).labels
    gone = {code for code in there if code not in correction.labels}
    new = [code for code in correction.labels if code not in there]
    drawn = {code for code, _ in correction.regions}
    instead = {old: code for old, code in correction.swapped if old in gone and code in new and code not in drawn}
    left = [code for code in new if code not in instead.values()]
    kept: dict[int, list[str]] = {}
    for row in rows:
        after = [instead.get(code, code) for code in row.labels if code in instead or code not in gone]
        if after or not row.labels:
            kept[row.number] = list(dict.fromkeys(after))
    hosts = [row.number for row in rows if row.number not in timed and (row.number in kept or (several and not kept))]
    hosts = hosts[:1] if several else [number for number in hosts if not kept[number]]
    for code in [code for code in left if code not in drawn]:
        if hosts:
            kept.setdefault(hosts[0] if several else hosts.pop(0), []).append(code)
            left.remove(code)
    corrections = {}
    for row in rows:
        if row.number in kept:
            codes = kept[row.number]
            primary = instead.get(row.primary, row.primary)
            if several and agreed and row.primary == agreed and correction.primary in codes:
                primary = correction.primary
            elif primary not in codes:
                best = correction.primary if correction.primary in codes else next(iter(codes), "")
                elsewhere = bool(agreed) and correction.primary not in ("", *codes)
                primary = "" if several and (elsewhere or not row.primary) else best
            corrections[row.number] = replace(correction, primary=primary, labels=tuple(codes))
    return Parted(corrections, tuple(left))
