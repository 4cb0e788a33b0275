"""JSON files that are changed in places: all that stays as it was keeps its bytes, blanks and order of keys."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.errors import FormatError
from labeling.storage.delimited import decoded

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class JsonFile:
    """A JSON file: its text, and what it says."""

    bom: bytes
    encoding: str
    text: str
    value: Any

    @classmethod
    def of(cls, data: bytes, name: str) -> JsonFile:
        """Parse a file. Raises FormatError with the line that is wrong."""
        read = decoded(data, name)
        try:
            value = json.loads(read.text)
        except json.JSONDecodeError as problem:
            raise FormatError(f"{name} is no whole JSON: line {problem.lineno}: {problem.msg}; save it again") from None
        except (RecursionError, ValueError) as problem:
            raise FormatError(f"{name} is no JSON that can be read: {str(problem)[:100]}; save it again") from None
        return cls(read.bom, read.encoding, read.text, value)

    def changed(self, after: Any) -> bytes:
        """The file so that it says ``after``. Only what differs is written anew."""
        start = _skip(self.text, 0)
        end = _DECODER.raw_decode(self.text, start)[1]
        style = _Style.of(self.text, self.encoding)
        new = _value(self.text, start, end, self.value, after, style)
        whole = self.text[:start] + new + self.text[end:]
        return self.bom + whole.encode(self.encoding)


def head_of(path: Path) -> str:
    """The first 64 KiB of a file as text, "" where it cannot be read or does not begin as JSON does."""
    try:
        with path.open("rb") as handle:
            text = handle.read(HEAD_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return ""
    return text if text.lstrip()[:1] in ("{", "[") else ""


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; [] where it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None


@dataclass(frozen=True)
class _Style:
    """How new parts are written: as the others are."""

    ascii_only: bool
    comma: str
    colon: str

    @classmethod
    def of(cls, text: str, encoding: str) -> _Style:
        start = text[:HEAD_BYTES]
        narrow = encoding.replace("_", "-") not in ("utf-8", "utf-16-le", "utf-16-be")
        spaced = '": ' in start or '":' not in start
        return cls(narrow or (text.isascii() and "\\u" in text), ", " if spaced else ",", ": " if spaced else ":")

    def dump(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=self.ascii_only, separators=(self.comma, self.colon))


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(text: str, start: int, end: int, before: Any, after: Any, style: _Style) -> str:
    if before is after or before == after:
        return text[start:end]
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() <= after.keys():
        return _object(text, start, end, before, after, style)
    if isinstance(before, list) and isinstance(after, list):
        places = _aligned(before, after)
        if places is not None:
            return _array(text, start, end, (before, after), places, style)
    return style.dump(after)


def _object(text: str, start: int, end: int, before: Mapping[str, Any], after: Mapping[str, Any], style: _Style) -> str:
    spans: list[tuple[str, int, int]] = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        first = _skip(text, _skip(text, at) + 1)
        last = _DECODER.raw_decode(text, first)[1]
        spans.append((key, first, last))
        at = _skip(text, last)
        if text[at] == ",":
            at = _skip(text, at + 1)
    counting = {key: place for place, (key, _, _) in enumerate(spans)}  # of equal keys the last one counts
    pieces: list[str] = []
    done = start
    for place, (key, first, last) in enumerate(spans):
        if counting[key] == place:
            pieces += [text[done:first], _value(text, first, last, before[key], after[key], style)]
            done = last
    new = [f"{style.dump(key)}{style.colon}{style.dump(value)}" for key, value in after.items() if key not in before]
    if not spans:
        return "{" + style.comma.join(new) + "}"
    lead = text[start + 1 : _skip(text, start + 1)]
    pieces += [text[done : spans[-1][2]], *(f",{lead or style.comma[1:]}{member}" for member in new)]
    return "".join([*pieces, text[spans[-1][2] : end]])


def _array(
    text: str,
    start: int,
    end: int,
    lists: tuple[Sequence[Any], Sequence[Any]],
    places: Sequence[int | None],
    style: _Style,
) -> str:
    before, after = lists
    spans: list[tuple[int, int]] = []
    at = _skip(text, start + 1)
    while text[at] != "]":
        last = _DECODER.raw_decode(text, at)[1]
        spans.append((at, last))
        at = _skip(text, last)
        if text[at] == ",":
            at = _skip(text, at + 1)
    if not spans or not after:
        return style.dump(after)
    lead = text[start : spans[0][0]]
    usual = text[spans[0][1] : spans[1][0]] if len(spans) > 1 else "," + (lead[1:] or style.comma[1:])
    pieces = [lead]
    for number, (value, place) in enumerate(zip(after, places, strict=True)):
        if number:
            pieces.append(text[spans[place - 1][1] : spans[place][0]] if place else usual)
        if place is None:
            pieces.append(style.dump(value))
        else:
            pieces.append(_value(text, *spans[place], before[place], value, style))
    return "".join([*pieces, text[spans[-1][1] : end]])


def _aligned(before: Sequence[Any], after: Sequence[Any]) -> list[int | None] | None:
    """Of each item of a list the place that it had before, None for a new one; None where that is not known."""
    names = [_name(item) for item in before]
    place_of = {name: place for place, name in enumerate(names)}
    if None not in place_of and len(place_of) == len(before):
        return [place_of.get(_name(item)) for item in after]
    if len(after) >= len(before):  # items without names of their own stay where they are
        return [place if place < len(before) else None for place in range(len(after))]
    return None


def _name(item: Any) -> Hashable | None:
    if not isinstance(item, dict):
        return None
    name = item.get("uuid", item.get("id"))
    return name if isinstance(name, str | int) else None
