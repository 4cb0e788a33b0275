"""AviaNZ's ``.data`` files: a JSON list beside each recording, called after it with its suffix.

First a mapping (Operator, Reviewer, Duration), then segments ``[start, end, low, high, labels]``; each label is a
mapping with ``species`` and ``certainty``, 0 to 100. A band of 0 to 0 is all of it. "Don't Know" is no class. Older
files have a list first, and labels as words, uncertain ones with a question mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from labeling.collection.annotation.base import Holds, LabelledClip, label
from labeling.collection.formats.events.base import (
    Edit,
    EventFiles,
    FileEvent,
    Parsed,
    Place,
    TableEvent,
    events_of,
    without_label,
)
from labeling.collection.formats.events.per_recording import format_of
from labeling.errors import FormatError
from labeling.storage.delimited import decoded

NEEDS = "files called after their recordings, as in a.wav.data, with a JSON list that AviaNZ wrote"
UNKNOWN = "don't know"
UNCERTAIN = 50
OPERATOR = "Earmark"
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
Span = tuple[int, int]


def is_one(name: str, head: bytes) -> bool:
    """Whether it begins as a list whose first element is a mapping or a list."""
    return bool(re.match(rb"(?:\xef\xbb\xbf)?\s*\[\s*(?:[\[{]|\])", head))


class _Data:
    """The list of a file, and where in its text each element stands. Raises FormatError for another text."""

    def __init__(self, data: bytes, name: str) -> None:
        read = decoded(data, name)
        self.bom, self.encoding, self.text = read.bom, read.encoding, read.text
        try:
            whole = json.loads(self.text)
        except (ValueError, RecursionError) as problem:
            raise FormatError(f"{name} is no JSON that can be read: {problem}") from None
        if not isinstance(whole, list):
            raise FormatError(f"{name} is no list, as AviaNZ writes")
        self.elements = whole
        self.spans = elements(self.text, _after_blank(self.text, 0))

    def has_meta(self) -> bool:
        """Whether the first element is about the file, not a segment."""
        first = self.elements[0] if self.elements else None
        return isinstance(first, dict) or (isinstance(first, list) and bool(first) and first[0] == -1)


def elements(text: str, at: int) -> list[Span]:
    """Where the elements of the list, or the values of the mapping, that begins at a place stand."""
    spans: list[Span] = []
    closing = "]" if text[at] == "[" else "}"
    at = _after_blank(text, at + 1)
    while text[at] != closing:
        if closing == "}":
            _, at = _DECODER.raw_decode(text, at)
            at = _after_blank(text, _after_blank(text, at) + 1)  # the colon
        _, end = _DECODER.raw_decode(text, at)
        spans.append((at, end))
        at = _after_blank(text, end)
        if text[at] == ",":
            at = _after_blank(text, at + 1)
    return spans


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The labels of all segments; ``place`` is (segment, label), as they are counted in the file, from 0 on."""
    file = _Data(data, name)
    first = file.elements[0] if file.has_meta() else {}
    who = ""
    if isinstance(first, dict):
        who = next((text for key in ("Reviewer", "Operator") if (text := str(first.get(key) or "").strip())), "")
    events: list[FileEvent] = []
    unlabelled: list[int] = []
    for number, segment in enumerate(file.elements):
        if number == 0 and file.has_meta():
            continue
        labels = _labels(segment)
        if not labels:
            unlabelled.append(number)
        for k, (code, certainty) in enumerate(labels):
            if not code or code.lower() == UNKNOWN:
                unlabelled.append(number)
                continue
            onset, offset, low, high = (_number(value) for value in segment[:4])
            low, high = (low, high) if high else (None, None)
            sure = None if certainty is None else min(max(certainty / 100, 0.0), 1.0)
            events.append(FileEvent((number, k), code, onset, offset, low, high, who=who, confidence=sure))
    unnamed = frozenset([""] if unlabelled else ())
    return Parsed(tuple(events), tuple(without_label(name, unlabelled)), unnamed=unnamed)


def _labels(segment: Any) -> list[tuple[str, float | None]]:
    """The classes of a segment and how certain each is; [] for what is no segment."""
    if not isinstance(segment, list) or len(segment) < 5 or not isinstance(segment[4], list):
        return []
    found: list[tuple[str, float | None]] = []
    for one in segment[4]:
        if isinstance(one, dict):
            found.append((label(str(one.get("species") or "")), _number(one.get("certainty"))))
        else:
            text = label(str(one))
            found.append((label(text.rstrip("?")), UNCERTAIN if text.endswith("?") else None))
    return found


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
    return float(value) if is_number else None


def edited(data: bytes, name: str, edit: Edit, options: Mapping[str, Any]) -> bytes:
    """The list with labels renamed, labels and segments without one taken out, and new segments at its end."""
    file = _Data(data, name)
    changes: list[tuple[int, int, str]] = []
    gone: list[int] = []
    for number, span in enumerate(file.spans):
        if number == 0 and file.has_meta():
            continue
        labels = _labels(file.elements[number])
        out = [k for k in range(len(labels)) if (number, k) in edit.removed]
        if out and len(out) == len(labels):
            gone.append(number)
            continue
        if out or any((number, k) in edit.renamed for k in range(len(labels))):
            spans = elements(file.text, elements(file.text, span[0])[4][0])
            changes += [(*spans[k], _renamed(file, number, k, spans[k], edit.renamed)) for k in range(len(spans))
                        if (number, k) in edit.renamed]  # fmt: skip
            changes += [(*cut, "") for cut in _cuts(spans, out)]
    changes += [(*cut, "") for cut in _cuts(file.spans, gone)]
    if edit.added:
        end = file.spans[-1][1] if file.spans else _after_blank(file.text, 0) + 1
        new = ", ".join(_dumped(_segment(event)) for event in edit.added)
        comma = ", " if len(file.spans) > len(gone) else ""
        changes.append((end, end, comma + new))
    text = file.text
    for start, stop, instead in sorted(changes, reverse=True):
        text = text[:start] + instead + text[stop:]
    return file.bom + text.encode(file.encoding)


def _cuts(spans: list[Span], out: list[int]) -> list[Span]:
    """What to cut so that some elements of a list go, each with the comma that parts it from one that stays."""
    kept = [k for k in range(len(spans)) if k not in set(out)]
    if not kept:
        return [(spans[0][0], spans[-1][1])] if out else []
    before = [(spans[k][0], spans[k + 1][0]) for k in out if k < kept[0]]
    return before + [(spans[k - 1][1], spans[k][1]) for k in out if k > kept[0]]


def _renamed(file: _Data, number: int, k: int, span: Span, renamed: Mapping[Place, str]) -> str:
    """A label with another species; all else that it says stays."""
    text, code, one = file.text[slice(*span)], renamed[(number, k)], file.elements[number][4][k]
    if not isinstance(one, dict):
        return _dumped(code)
    start, end = elements(text, 0)[list(one).index("species")]
    return text[:start] + _dumped(code) + text[end:]


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _segment(event: TableEvent) -> list[Any]:
    """An event as a segment. Without a word on how sure somebody was it is certain, as AviaNZ needs a number."""
    low, high = (0, 0) if event.low_hz is None or event.high_hz is None else (event.low_hz, event.high_hz)
    certainty = 100 if event.score is None else round(100 * event.score)
    return [event.onset_s, event.offset_s, low, high, [{"species": event.label, "certainty": certainty, "filter": "M"}]]


def rendered(clip: LabelledClip) -> bytes:
    """A ``.data`` file of a clip's labels. Its reviewer is who decided, where that is one person."""
    people = dict.fromkeys((*clip.who.values(), *(who for event in clip.events for who in event.who)))
    meta = {"Operator": OPERATOR, "Reviewer": next(iter(people)) if len(people) == 1 else "",
            "Duration": clip.duration_s}  # fmt: skip
    return json.dumps([meta, *(_segment(event) for event in events_of(clip))]).encode()


FILES = EventFiles(
    name="avianz",
    needs=NEEDS,
    about="Annotations of AviaNZ: a JSON file beside each recording.",
    rank=92,
    suffixes=(".data",),
    is_one=is_one,
    parse=parse,
    beside=lambda recording: recording + ".data",
    keeps_suffix=True,
    edited=edited,
    rendered=rendered,
    holds=frozenset(
        {Holds.SEVERAL, Holds.TIMELESS, Holds.TIMES, Holds.BANDS, Holds.NOTHING, Holds.UNHEARD, Holds.CONFIDENCE}
    ),
)
FORMAT = format_of(FILES)
