"""The nouns of Earmark, as frozen dataclasses. No behaviour beyond checking their own values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from labeling.errors import DataError

if TYPE_CHECKING:  # the command line reads names from here, and need not wait for numpy
    import numpy as np
    from numpy.typing import NDArray

Verdict = Literal["present", "absent", "unsure"]
Kind = Literal["missing", "false", "swapped"]

VERDICTS: tuple[Verdict, ...] = ("present", "absent", "unsure")
KINDS: tuple[Kind, ...] = ("missing", "false", "swapped")

MOST_ID = 2**31 - 1  # the largest number of a clip or an entry: the databases' columns are of 32 bits

WORTH_HEARING = 0.3  # likelihood from which a cell counts as a suspect and is shown unless the filter says otherwise

MACHINE = "auto:"
"""What the reviewer of a machine's entry begins with: ``auto:stage1``. No person may bear such a name."""


def is_machine(reviewer: str) -> bool:
    """Whether an entry of this reviewer was made by a rule, with nobody listening."""
    return reviewer.strip().startswith(MACHINE)


def doubts_present(kind: str, imported: bool) -> bool:
    """Whether the label that a suspect of this kind doubts says present.

    A swap has one of each; there ``imported`` tells, whether the imported table lists the class.
    """
    return kind == "false" or (kind == "swapped" and imported)


@dataclass(frozen=True)
class LabelClass:
    """One label of the vocabulary: its code (``amecro``) and a name to show (``American Crow``)."""

    id: int
    code: str
    name: str


@dataclass(frozen=True)
class Clip:
    """One stretch of audio that carries weak labels, usually a whole file.

    ``filename`` is what the imported table calls it and is unique in a workspace; ``path`` is where the
    sound lies, an absolute path or a URL. ``status`` is ``ok``, or why the clip is skipped: ``missing``,
    ``unreadable``, ``too_short``; ``silent`` and ``duplicate`` clips are readable and stay usable.
    ``group`` is never split between folds ("" = none known). ``channel`` is what stands for its sound: 0 the mix of all
    channels, else the number of one, from 1 on. ``metadata`` holds every other column, and under ``import`` what the
    table is called that brought it.
    """

    id: int
    filename: str
    path: str
    duration_s: float
    sample_rate: int
    channels: int
    group: str = ""
    fold: str = ""
    status: str = "ok"
    reason: str = ""
    content_hash: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    channel: int = 0

    @property
    def usable(self) -> bool:
        """Whether sound can be read from it, so that it can be listened to and trained on."""
        return self.status in USABLE


USABLE = ("ok", "silent", "duplicate")


@dataclass(frozen=True)
class Region:
    """A stretch of a clip in seconds from its start, optionally a band in Hz."""

    onset_s: float
    offset_s: float
    low_hz: float | None = None
    high_hz: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.onset_s) and math.isfinite(self.offset_s)):
            raise DataError(f"region {self.onset_s} to {self.offset_s} s is not finite; give seconds")
        if not 0 <= self.onset_s < self.offset_s:
            raise DataError(
                f"region {self.onset_s} to {self.offset_s} s: onset must be at least 0 and before the offset"
            )
        if (self.low_hz is None) != (self.high_hz is None):
            raise DataError("region has one of low_hz and high_hz; give both or neither")
        if self.low_hz is not None and self.high_hz is not None and not 0 <= self.low_hz < self.high_hz < math.inf:
            raise DataError(f"region {self.low_hz} to {self.high_hz} Hz: low_hz must be at least 0 and below high_hz")


@dataclass(frozen=True)
class Shown:
    """What a screen said of a cell, and how it asked, as a decision on the cell was made; None or "": nothing.

    ``rank``, ``p_wrong``, ``label_quality``, ``clipwise`` and ``framewise_max`` are the suspect's (`Suspect`) by
    ``scorer``, ``likely_wrong`` its calibrated probability. ``asked``: the screen asked of the cell, in whatever way
    (None: an entry of before that was kept). ``blind``: labels and scores were hidden; ``audit``: hidden too, and the
    cell drawn at random; ``second_look``: the journal position of the same reviewer's first look; ``doubted_look``: the
    same where the look was asked for because the evidence spoke against the first one, which chance did not choose.
    ``adjudication``: the verdict settles unlike ones, which were on the screen side by side.
    ``at_random``: the cell, or the stretch, was drawn at random in a list that hid nothing (a search, `active.next`).
    ``one_by_one``: part of a batch of many clips, and yet heard by itself (the queue's list, filled in a spreadsheet).
    ``independent``: the cell needs several looks, and what others said of it was hidden (labeling/journal/looks.py).
    ``probability`` is the model's, for which a machine changed the label. ``other`` holds what is stored and none of
    these: keys of other versions of Earmark, values of another type.
    """

    kind: str = ""
    rank: int | None = None
    scorer: str = ""
    p_wrong: float | None = None
    likely_wrong: float | None = None
    label_quality: float | None = None
    clipwise: float | None = None
    framewise_max: float | None = None
    asked: bool | None = None
    blind: bool = False
    audit: bool = False
    at_random: bool = False
    second_look: int | None = None
    doubted_look: int | None = None
    one_by_one: bool = False
    independent: bool = False
    adjudication: bool = False
    probability: float | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def was_asked(self) -> bool:
        """Whether a screen asked of the cell; entries of before that was kept: whether the usual screen would have."""
        if self.blind or self.audit or self.second_look or self.doubted_look:
            return True
        if self.asked is not None:
            return self.asked
        return bool(self.kind) and self.p_wrong is not None and self.p_wrong >= WORTH_HEARING

    @property
    def hidden(self) -> bool:
        """Whether nothing was on the screen but the question."""
        return self.blind or self.audit

    @classmethod
    def from_json(cls, stored: Any) -> Shown:
        """What `to_json` made; nothing where ``stored`` is no mapping."""
        if not isinstance(stored, Mapping):
            return cls()
        known = {name: value for name, value in stored.items() if type(value) in _SHOWN_TYPES.get(name, ())}
        if len(known) < len(stored):
            known["other"] = {name: value for name, value in stored.items() if name not in known}
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """What the journal stores: the fields that say something, each under its name."""
        shown = {name: value for name in _SHOWN_TYPES if (value := getattr(self, name)) != getattr(Shown, name)}
        return shown | dict(self.other)


_JSON_TYPES = {"str": (str,), "bool": (bool,), "int": (int,), "float": (float, int)}
_SHOWN_TYPES = {
    column.name: _JSON_TYPES[str(column.type).removesuffix(" | None")]
    for column in fields(Shown)
    if column.name != "other"
}


@dataclass(frozen=True)
class Decision:
    """One entry of the journal. ``position`` and ``created_at`` are set when it is stored.

    ``verdict`` is ``undo`` for the entry that takes back ``undoes`` (a position). ``seen_position`` is the
    journal's position when the reviewer's screen was drawn. ``shown`` is the suspect on screen, as it was.
    ``copy_of`` is the entry that this one repeats for a copy of its clip (a position).
    """

    event_id: str
    reviewer: str
    clip_id: int
    class_code: str
    verdict: str
    role: str = ""
    region: Region | None = None
    note: str = ""
    run_id: str = ""
    shown: Shown = Shown()
    seen_position: int | None = None
    batch_id: str = ""
    undoes: int | None = None
    copy_of: int | None = None
    position: int = 0
    created_at: str = ""


@dataclass(frozen=True)
class Box:
    """A region of a cell that stands: the class is heard in it, or (``present`` false) is not.

    ``position`` is the journal entry that drew it, and the box's identity: to move a box is to undo that entry and
    draw another. ``reviewer`` drew it.
    """

    position: int
    region: Region
    reviewer: str
    present: bool = True


@dataclass(frozen=True)
class CellState:
    """One cell after the fold: what it was as imported, and what the decisions make of it.

    ``verdict`` is "" while nobody has decided. Roles are ``primary``, ``secondary`` or "" (unlisted): as imported,
    and as it is now. ``boxes`` are the regions that stand, oldest first. ``machine`` is what a machine's entry makes
    of a cell that nobody decided, ``present`` or ``absent``, "" where there is none. ``position`` is the newest entry
    of people, or of machines where nobody spoke; ``reviewer`` whose word the label is. ``swapped``: its verdict
    answered a screen that said that one class stands in the place of another.
    """

    clip_id: int
    class_code: str
    imported_role: str
    present: bool
    unsure: bool
    role: str
    verdict: str = ""
    boxes: tuple[Box, ...] = ()
    position: int = 0
    reviewer: str = ""
    machine: str = ""
    swapped: bool = False

    @property
    def events(self) -> tuple[Region, ...]:
        """Where the class was marked present."""
        return tuple(box.region for box in self.boxes if box.present)

    @property
    def quiet(self) -> tuple[Region, ...]:
        """Where it was marked absent."""
        return tuple(box.region for box in self.boxes if not box.present)

    @property
    def listed(self) -> bool:
        """Whether the imported table lists the class for this clip."""
        return self.imported_role != ""


@dataclass(frozen=True)
class LabelVersion:
    """The labels at one position of the journal, immutable, named by number and content hash.

    ``import_id`` is the newest import at that time: clips that came later are not in the version. ``rule`` says what
    counts in a cell that several people decided (`journal.rules`), with the ``weights`` of their votes by name where
    it weighs them.
    """

    number: int
    position: int
    import_id: int
    content_hash: str
    note: str
    created_by: str
    created_at: str
    rule: str = "latest"
    weights: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """A strong label: a class in a region of a clip, heard (or heard to be absent) by a reviewer."""

    clip_index: int
    class_index: int
    region: Region
    present: bool = True


@dataclass(frozen=True)
class Labels:
    """The labels of a collection at one journal position, as arrays.

    ``present``, ``unsure`` and ``reviewed`` are bool (N, C): rows follow ``clip_ids``, columns ``classes``.
    A cell that is unsure is not present. Reviewed is what a person decided, never what a machine changed. ``primary``
    is (N,) int32: column of the primary class, -1 for none.
    """

    clip_ids: NDArray[np.int64]
    filenames: tuple[str, ...]
    classes: tuple[str, ...]
    present: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    reviewed: NDArray[np.bool_]
    primary: NDArray[np.int32]
    events: tuple[Event, ...] = ()
    position: int = 0
    content_hash: str = ""


@dataclass(frozen=True)
class FrameGrid:
    """Where a network's frames lie in time, derived from the network itself.

    Frame t covers ``start_s + t * step_s`` to ``start_s + (t + 1) * step_s``. ``native_step_s`` is the time
    that one independent output of the network stands for; it is at least ``step_s``.
    """

    start_s: float
    step_s: float
    native_step_s: float

    def __post_init__(self) -> None:
        if not 0 < self.step_s <= self.native_step_s * (1 + 1e-9):
            raise DataError(
                f"frame grid: step_s {self.step_s} must be above 0 and at most native_step_s {self.native_step_s}"
            )


@dataclass(frozen=True)
class Suspect:
    """A cell whose given label the model doubts, and the evidence to show for it.

    ``label_quality`` is 0..1, low = suspect; ``p_wrong`` the scorer's own estimate that the label is wrong.
    ``onset_s``, ``offset_s`` bound the frames that speak. ``partner`` is the other class of a swap.
    """

    rank: int
    clip_id: int
    filename: str
    class_code: str
    kind: str
    label_quality: float
    p_wrong: float
    clipwise: float
    framewise_max: float
    onset_s: float
    offset_s: float
    fold: int
    run_id: str
    partner: str = ""


@dataclass(frozen=True)
class Run:
    """One job. A training: recipe + label version + seeds -> checkpoints, OOF predictions, metrics.

    ``settings`` are the user's changes to the recipe (``KEY=VALUE``); ``progress`` is what the screen shows
    while it runs; ``metrics`` the numbers of metrics.json's ``overall``. ``kind``: ``training``, also of predictions
    that were combined or imported, where ``request`` tells the stage of label correction that it is; or ``replay``,
    ``embedding`` or ``prediction``, whose ``request`` says of what. A job that needs no
    labels has the ``label_version`` 0.
    """

    id: str
    recipe: str
    label_version: int
    status: str
    created_at: str
    settings: tuple[str, ...] = ()
    folds: int | None = None
    device: str = "auto"
    started_at: str = ""
    ended_at: str = ""
    heartbeat_at: str = ""
    worker: str = ""
    stop_requested: bool = False
    error: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "training"
    request: Mapping[str, Any] = field(default_factory=dict)
