"""Classes that look misread: glued from others, with signs that no code has, or of one clip alone. Only notes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from labeling.collection.annotation.base import ImportedClip, Problem
from labeling.storage.text import printable

SHORTEST_PART = 3  # signs of a code that may be glued to another without anything between
SHOWN = 5
_BETWEEN = re.compile(r"[\s,;|/+&\\]+")
_ODD = frozenset('[]{}";|<>\\\ufffd')
_QUOTES = "'’‘“”`"


def odd_classes(clips: Sequence[ImportedClip]) -> list[Problem]:
    """One note for each class that looks glued or has odd signs, and one for all classes of one clip, by their rows."""
    counts = Counter(code for clip in clips for code in clip.labels)
    first: dict[str, ImportedClip] = {}
    for clip in clips:
        for code in clip.labels:
            first.setdefault(code, clip)
    notes = [
        Problem(first[code].row, first[code].filename, f"the class {code!r} {why}; it was kept as it is")
        for code in counts
        if (why := _glued(code, counts) or _odd(code))
    ]
    alone = [code for code, count in counts.items() if count == 1]
    if alone and len(alone) < len(counts):  # where every class has one clip, that says nothing
        shown = ", ".join(map(repr, alone[:SHOWN])) + (
            f" and {len(alone) - SHOWN:,} more" if len(alone) > SHOWN else ""
        )
        what, which = (f"{len(alone):,} classes have one clip each", "they are")
        if len(alone) == 1:
            what, which = "1 class has one clip", "it is"
        clip = first[alone[0]]
        notes.append(Problem(clip.row, clip.filename, f"{what}, so look whether {which} misspelt: {shown}"))
    return notes


def _glued(code: str, counts: Mapping[str, int]) -> str:
    """Why a code looks like several in one, "" where it does not."""
    parts = [part for part in _BETWEEN.split(code) if part]
    if len(parts) > 1 and all(part in counts for part in parts):
        return (
            f"looks like {len(parts)} in one: {' and '.join(map(repr, parts))} are classes too (--separator parts them)"
        )
    whole = _pieces(code, counts)
    return f"looks like {' and '.join(map(repr, whole))} run together" if whole else ""


def _pieces(code: str, counts: Mapping[str, int], depth: int = 4) -> list[str]:
    """The other classes that a code is made of, without a sign between them; [] where it is not made of any."""
    if code.isdecimal():  # numbers begin and end alike by chance
        return []
    for end in range(SHORTEST_PART, len(code) - SHORTEST_PART + 1):
        head, tail = code[:end], code[end:]
        if head in counts:
            if tail in counts:
                return [head, tail]
            if depth and (rest := _pieces(tail, counts, depth - 1)):
                return [head, *rest]
    return []


def _odd(code: str) -> str:
    """What is odd about the signs of a code, "" where nothing is."""
    odd = [sign for sign in dict.fromkeys(code) if sign in _ODD or unicodedata.category(sign) in ("Cc", "Cf", "Co")]
    if code[0] in _QUOTES or code[-1] in _QUOTES:
        odd.append(code[0] if code[0] in _QUOTES else code[-1])
    if not odd:
        return ""
    return f"holds {' '.join(printable(sign) if sign.isprintable() else f'U+{ord(sign):04X}' for sign in odd)}"
