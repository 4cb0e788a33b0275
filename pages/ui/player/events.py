"""What the browser may say of cells: one press, checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.errors import DataError
from labeling.records import KINDS, MOST_ID, VERDICTS, Region
from labeling.review.second_looks import ADJUDICATE

MODES = ("", "blind", "again", "doubted", "audit", ADJUDICATE)
_LONGEST_TEXT = 500
_LONGEST_NOTE = 2000


@dataclass(frozen=True)
class PlayerEvent:
    """One press on a cell, as the browser sent it and parse_event checked it.

    ``verdict`` is "" only where a box is taken away (``replaces`` without ``region``). ``role`` and ``kind`` are what
    the lane showed. ``replaces`` is the journal position of the box that ``region`` stands for from now on.
    ``mode`` says how the cell was asked about: as usual, ``blind`` (labels and scores hidden), ``again``, ``doubted``
    (again, as the evidence speaks against the first verdict, and as hidden), ``audit`` (drawn at random, and as
    hidden), or ``adjudicate`` (people disagree; all that they say is shown). ``at_random``: chance had picked it from a
    list.
    """

    event_id: str
    clip_id: int
    class_code: str
    verdict: str
    role: str = ""
    kind: str = ""
    region: Region | None = None
    replaces: int | None = None
    seen_position: int | None = None
    note: str = ""
    mode: str = ""
    at_random: bool = False


def parse_event(raw: object) -> PlayerEvent:
    """Check what the browser sent.

    Raises:
        DataError: it is not an event of this player; the message says what is wrong.
    """
    if not isinstance(raw, Mapping):
        raise DataError(f"event is {type(raw).__name__}, not a mapping; reload the page")
    class_code = text_of(raw, "class", _LONGEST_TEXT)
    if not class_code:
        raise DataError("event names no class; reload the page")
    region = region_of(raw.get("region"))
    replaces = whole_of(raw, "replaces")
    taken_away = replaces is not None and region is None
    return PlayerEvent(
        event_id=event_id_of(raw, "event_id"),
        clip_id=clip_id_of(raw),
        class_code=class_code,
        verdict=one_of(raw, "verdict", ("",) if taken_away else VERDICTS),
        role=one_of(raw, "role", ("", "primary", "secondary")),
        kind=one_of(raw, "kind", ("", *KINDS)),
        region=region,
        replaces=replaces,
        seen_position=whole_of(raw, "seen_position"),
        note=text_of(raw, "note", _LONGEST_NOTE),
        mode=one_of(raw, "mode", MODES),
        at_random=raw.get("at_random") is True,
    )


def event_id_of(raw: Mapping[str, Any], name: str) -> str:
    """An id that the browser made: letters, digits and ``-``."""
    value = text_of(raw, name, 80)
    if not value or not value.isascii() or not all(sign.isalnum() or sign == "-" for sign in value):
        raise DataError(f"event has {name} {value!r}; letters, digits and - are expected; reload the page")
    return value


def clip_id_of(raw: Mapping[str, Any]) -> int:
    """The clip that is meant."""
    value = whole_of(raw, "clip_id")
    if value is None:
        raise DataError("event has clip_id None; a whole number is expected; reload the page")
    return value


def whole_of(raw: Mapping[str, Any], name: str) -> int | None:
    """A whole number that a clip or an entry can have, or None."""
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_ID:
        raise DataError(f"event has {name} {str(value)[:40]!r}; a whole number is expected; reload the page")
    return value


def text_of(raw: Mapping[str, Any], name: str, longest: int) -> str:
    """A text, "" for none."""
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise DataError(f"event has {name} {str(value)[:40]!r}; a text of at most {longest} signs is expected")
    return value


def number_in(query: Mapping[str, str], name: str, most: int) -> int:
    """A whole number from 0 to ``most`` in a URL's text; 0 for none."""
    text = query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 15 and int(text) <= most):
        raise DataError(f"{name} {text[:40]!r} is no whole number from 0 to {most}; reload the page")
    return int(text)


def share_of(raw: Mapping[str, Any], name: str) -> float:
    """A number from 0 to 1, also as a text, 0 for none."""
    value = raw.get(name)
    try:
        share = 0.0 if value is None or value == "" else float(value)
    except (TypeError, ValueError, OverflowError):
        share = -1.0
    if isinstance(value, bool) or not 0 <= share <= 1:
        raise DataError(f"event has {name} {str(value)[:40]!r}; a number from 0 to 1 is expected")
    return share


def one_of(raw: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    """One of some words."""
    value = text_of(raw, name, _LONGEST_TEXT)
    if value not in allowed:
        raise DataError(f"event has {name} {value!r}; choose from {', '.join(word or '(none)' for word in allowed)}")
    return value


def region_of(raw: object) -> Region | None:
    """A stretch of time, perhaps with a band of frequencies."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise DataError(f"event has region {str(raw)[:40]!r}; onset_s and offset_s are expected")
    bounds: dict[str, float | None] = {}
    for name in ("onset_s", "offset_s", "low_hz", "high_hz"):
        value = raw.get(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise DataError(f"event has region {name} {str(value)[:40]!r}; a number is expected")
        if value is not None and not abs(value) < 1e9:
            raise DataError(f"event has region {name} {repr(value)[:40]}; a number below 1e9 is expected")
        bounds[name] = None if value is None else float(value)
    onset_s, offset_s = bounds["onset_s"], bounds["offset_s"]
    if onset_s is None or offset_s is None:
        raise DataError("event has a region without onset_s or offset_s")
    return Region(onset_s, offset_s, bounds["low_hz"], bounds["high_hz"])
