"""What a format is, and what passes in and out of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from labeling.file_names import tidy
from labeling.records import Region

UNPACKED_TO = "unpacked_to"
"""The option in which ``Format.look`` says the folder into which an import puts the sound."""
# Words that stand for "no value" in the tables of this field; pandas reads the same ones as missing.
MISSING_WORDS = frozenset({"", "nan", "NaN", "None", "null", "NULL", "NA", "N/A", "n/a", "<NA>"})


def label(cell: str) -> str:
    """A class code as a cell gives it, "" where the cell stands for none. Codes are data, but for `tidy`."""
    text = tidy(cell)
    return "" if text in MISSING_WORDS else text


@dataclass(frozen=True)
class Problem:
    """A row, or a part of one, that could not be used. ``row`` counts as a spreadsheet does (the header is 1)."""

    row: int
    filename: str
    reason: str


@dataclass(frozen=True)
class Attribution:
    """Who says a label or an event of a collection ("" = nobody named), and how sure they are, in 0..1."""

    who: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class StatedVerdict:
    """What a collection tells that a person decided on a class of a clip: ``present``, ``absent`` or ``unsure``."""

    code: str
    verdict: str
    who: str
    region: Region | None = None


@dataclass(frozen=True)
class ImportedClip:
    """One file of a collection: one row of its table, or several that were joined (joining.py), or its own table.

    ``filename`` is unique in its table, ``path`` a local path or URL. ``labels`` are class codes, the primary first
    where there is one (``primary`` "" = none). ``metadata`` holds every column that is not the name or a label.
    ``row`` is its first row, ``rows`` are all of them. ``regions`` say where labels are heard, where the table does,
    and ``said_by`` by whom: of a class with its region, or with None for the clip as a whole.

    A class that is no label is not there: somebody listened for it. Of a ``partial`` clip that holds for the classes
    of ``absent`` alone, and all others are not known; with no labels and no absent it was not listened to at all.
    ``verdicts`` are people's decisions that came with the collection.
    """

    filename: str
    path: str
    labels: tuple[str, ...]
    primary: str
    row: int
    group: str = ""
    fold: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
    regions: tuple[tuple[str, Region], ...] = ()
    said_by: Mapping[tuple[str, Region | None], Attribution] = field(default_factory=dict)
    partial: bool = False
    absent: tuple[str, ...] = ()
    verdicts: tuple[StatedVerdict, ...] = ()


@dataclass(frozen=True)
class TableLabels:
    """What a table says of one file: the primary ("" = none) and all labels, as `ImportedClip` has them."""

    primary: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ImportedTable:
    """A table as a format read it. ``options`` are JSON-able and are what ``Format.write`` needs later.

    ``by_part`` counts the files that were found by a part of their name. ``events_only``: labels without a time are
    events over the whole clip there, so that such an event is read as one (whole.py), once lengths are known.
    """

    format: str
    table_name: str
    table_bytes: bytes
    audio_root: str
    clips: tuple[ImportedClip, ...]
    class_names: Mapping[str, str]
    options: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    by_part: int = 0
    events_only: bool = False


@dataclass(frozen=True)
class Correction:
    """The labels that one changed clip has now: all of them, the primary first ("" = no primary).

    ``regions`` say where those that were added are heard, where that is known. ``swapped`` are pairs of a removed label
    and the added one that a person heard in its place: the same event under another name. ``duration_s`` and
    ``sample_rate`` are the clip's, 0 where they are not known.

    ``absent`` are classes that a person found absent of which what came in says nothing, or unsure; ``unsure`` those
    of which a person could not tell; ``relabelled`` is False where these are all that is new. A format gets those that
    it ``states``.
    """

    filename: str
    primary: str
    labels: tuple[str, ...]
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    regions: tuple[tuple[str, Region], ...] = ()
    swapped: tuple[tuple[str, str], ...] = ()
    duration_s: float = 0.0
    sample_rate: int = 0
    absent: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    relabelled: bool = True


@dataclass(frozen=True)
class NotHeld:
    """One cell of a corrected clip of which its row in the table says something else, and why it cannot say it.

    ``now`` is what the label is: ``primary``, ``secondary``, ``absent`` or ``unsure``.
    """

    filename: str
    class_code: str
    now: str
    why: str


@dataclass(frozen=True)
class Written:
    """What became of a table: its files, what its columns cannot hold, and sentences for the report."""

    files: tuple[Path, ...]
    not_held: tuple[NotHeld, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelledEvent:
    """A class in a region of a clip. ``who`` marked it, oldest first; ``confidence`` in 0..1 where it is known."""

    code: str
    region: Region
    who: tuple[str, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True)
class LabelledClip:
    """A clip and its labels in one label version, as formats write them.

    ``labels`` are the classes that are there, the primary first (``primary`` "" = none); ``events`` where some of them
    are heard. ``absent`` are classes that somebody said are not there, ``unsure`` those of which they could not tell:
    these are among ``labels`` too, where the collection came with them;
    ``who`` decided on a class, where somebody did, and ``imported`` said it, where the collection names somebody.
    ``partial``: whether nothing is known of all other classes (see `ImportedClip`); else they are not there.
    """

    filename: str
    path: str
    duration_s: float
    sample_rate: int
    channels: int
    group: str = ""
    fold: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    primary: str = ""
    labels: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    events: tuple[LabelledEvent, ...] = ()
    who: Mapping[str, str] = field(default_factory=dict)
    imported: Mapping[str, Attribution] = field(default_factory=dict)
    partial: bool = False

    @property
    def heard(self) -> bool:
        """Whether anybody listened to it, for whatever class."""
        return bool(not self.partial or self.labels or self.absent or self.unsure)

    @property
    def timeless(self) -> tuple[str, ...]:
        """The labels without any event."""
        timed = {event.code for event in self.events}
        return tuple(code for code in self.labels if code not in timed)


@dataclass(frozen=True)
class Labelling:
    """The labels of a workspace in one label version. ``classes`` are all codes to the names that are shown."""

    name: str
    version: int
    created_at: str
    clips: tuple[LabelledClip, ...]
    classes: Mapping[str, str]


class Holds(StrEnum):
    """What labels may say, and not every format can."""

    SEVERAL = "several labels a clip"
    PRIMARY = "which label is the primary"
    TIMELESS = "labels without a time"
    TIMES = "times"
    BANDS = "bands"
    ABSENT = "absent"
    UNSURE = "unsure"
    NOTHING = "nothing was heard"
    PARTIAL = "not listened for"
    UNHEARD = "not listened to"
    WHO = "who said it"
    CONFIDENCE = "how sure they were"
    GROUP = "group"
    FOLD = "fold"
    METADATA = "other columns"


@dataclass(frozen=True)
class Format:
    """One kind of collection.

    Attributes:
        name: what ``--format`` takes.
        needs: one line for people: the file and the columns that it is known by.
        find: a folder or a file -> the table that this format would read there, or None.
        read: (table, audio folder or URL or None, options) -> ImportedTable; raises FormatError.
        write: (table_bytes, options, corrections by filename, out_dir) -> Written; None where it only reads. A label
            that the columns cannot hold is no error: it is in ``Written.not_held``.
        export: (labelling, out_dir, options) -> Written, to write the labels of any collection anew; None where it
            cannot. It writes what the format ``holds``, and says in ``Written.not_held`` only what it could not of
            that: what it does not hold is told by exporting.py.
        holds: what an export says, so that it is the same when it is read again.
        about: one line for people: what it is, and whose.
        asks: of its options those that name a column of the table, with the words to ask by.
        labels: (table_bytes, options) -> what the table says of each filename, as ``write`` will look for them.
        rank: the lower is asked first.
        any_folder: whether it reads a folder that ``find`` takes for none of its own, where a person names the format.
        reads: whether anything is imported from it.
        states: of absent and unsure, what ``write`` puts into what came in (`Correction`).
        look: ``read``, for a preview, of a format whose ``read`` writes files: (table, audio folder, options, an empty
            folder, a number of clips) -> ImportedTable, of which so many clips, spread over it, have their sound below
            that folder; nothing is written elsewhere.
        takes: of an export's options those that a person may give, with the words to ask by.
        takes_files: those among them that are paths.
    """

    name: str
    needs: str
    find: Callable[[Path], Path | None]
    read: Callable[[Path, str | None, Mapping[str, Any]], ImportedTable]
    labels: Callable[[bytes, Mapping[str, Any]], dict[str, TableLabels]]
    write: Callable[[bytes, Mapping[str, Any], Mapping[str, Correction], Path], Written] | None = None
    rank: int = 50
    export: Callable[[Labelling, Path, Mapping[str, Any]], Written] | None = None
    holds: frozenset[Holds] = frozenset()
    about: str = ""
    asks: Mapping[str, str] = field(default_factory=dict)
    any_folder: bool = False
    reads: bool = True
    states: frozenset[Holds] = frozenset()
    look: Callable[[Path, str | None, Mapping[str, Any], Path, int], ImportedTable] | None = None
    takes: Mapping[str, str] = field(default_factory=dict)
    takes_files: frozenset[str] = frozenset()
