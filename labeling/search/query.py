"""What is looked for: examples and counter-examples, and the text by which an address keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from labeling.errors import DataError
from labeling.records import MOST_ID
from labeling.registry import unknown_name

MOST_EXAMPLES = 50

#: order -> what it says on the screen
ORDERS: Mapping[str, str] = {
    "alike": "Most alike",
    "likely": "Most likely",
    "uncertain": "Most uncertain",
    "varied": "Most varied",
    "random": "At random",
}
#: among what -> what it says on the screen
AMONG: Mapping[str, str] = {
    "all": "Everything",
    "labelled": "Labelled clips",
    "recordings": "Recordings without labels",
}
WHICH = ("missing", "false", "all")
_STRETCH = re.compile(r"(-?)([0-9]{1,10})@([0-9]{1,7}(?:\.[0-9]{1,6})?)-([0-9]{1,7}(?:\.[0-9]{1,6})?)")
_SOUND = re.compile(r"sound:([0-9a-f]{16})")


@dataclass(frozen=True)
class Example:
    """A stretch of a clip, in seconds from its start, that sounds like what is looked for, or (``like`` false) not."""

    clip_id: int
    onset_s: float
    offset_s: float
    like: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.clip_id <= MOST_ID:
            raise DataError(f"example of clip {self.clip_id}: a clip's number is from 1 to {MOST_ID}")
        if not 0 <= self.onset_s < self.offset_s < 1e7:
            raise DataError(
                f"example from {self.onset_s:g} to {self.offset_s:g} s: it must begin at 0 or later, and before its end"
            )


@dataclass(frozen=True)
class Query:
    """What is looked for, where, and in what order.

    ``space`` names the space. ``class_code`` is the class that the verdicts are of, "" where nobody has said yet.
    ``sounds`` are kept sounds that were brought (`brought`), by their names. With ``verified`` the stretches in which
    the class was verified are examples too. ``which`` leaves clips that do not list the class (``missing``), that do
    (``false``), or ``all``; ``among`` is of AMONG, ``order`` of ORDERS. Raises DataError for a word that is none.
    """

    space: str
    class_code: str = ""
    examples: tuple[Example, ...] = ()
    sounds: tuple[str, ...] = ()
    verified: bool = False
    which: str = "missing"
    among: str = "all"
    order: str = "alike"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("order", self.order, list(ORDERS)),
            ("choice of clips", self.among, list(AMONG)),
            ("choice of labels", self.which, list(WHICH)),
        ):
            if value not in known:
                raise DataError(unknown_name(name, value, known))
        if len(self.examples) + len(self.sounds) > MOST_EXAMPLES:
            raise DataError(
                f"{len(self.examples) + len(self.sounds)} examples; give at most {MOST_EXAMPLES}, the verdicts add more"
            )


def written(query: Query) -> str:
    """The examples of a query as one text, for an address.

    >>> written(Query("aisfx", examples=(Example(12, 3.4, 5.7), Example(9, 0, 2.5, like=False)), verified=True))
    '12@3.4-5.7|-9@0-2.5|verified'
    """
    parts = [
        f"{'' if one.like else '-'}{one.clip_id}@{_seconds(one.onset_s)}-{_seconds(one.offset_s)}"
        for one in query.examples
    ]
    return "|".join(parts + [f"sound:{name}" for name in query.sounds] + ["verified"] * query.verified)


def read_examples(text: str) -> tuple[tuple[Example, ...], tuple[str, ...], bool]:
    """The inverse of `written`: examples, names of brought sounds, and whether the verified stretches count.

    Raises DataError for what is none.

    >>> read_examples("12@3.4-5.7|verified")
    ((Example(clip_id=12, onset_s=3.4, offset_s=5.7, like=True),), (), True)
    """
    examples, sounds, verified = [], [], False
    for part in filter(None, text.split("|")):
        if part == "verified":
            verified = True
        elif found := _SOUND.fullmatch(part):
            sounds.append(found[1])
        elif found := _STRETCH.fullmatch(part):
            examples.append(Example(int(found[2]), float(found[3]), float(found[4]), like=not found[1]))
        else:
            raise DataError(
                f"example {part[:60]!r} is none; write CLIP@FROM-TO in seconds, such as 12@3.4-5.7, "
                "and a - before it for a counter-example"
            )
    return tuple(dict.fromkeys(examples)), tuple(dict.fromkeys(sounds)), verified


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
