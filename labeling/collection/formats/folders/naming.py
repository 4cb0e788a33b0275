"""Labels as names of folders and back: `A+B` are two, and what no folder may be called is written like %2F."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labeling.collection.annotation.base import label

NOTHING = "_nothing"
"""The folder of clips in which somebody listened and heard nothing."""
MOST_BYTES = 230  # of 255 that a name may have: room for a number and a part's ending
_UNSAFE = re.compile(r'[+/\\:*?"<>|\x00-\x1f\x7f]|%(?=[0-9A-F]{2})|^[.\s]|[.\s]$|^_(?=nothing$)')
_WRITTEN = re.compile(r"%([0-7][0-9A-F])")


def codes_of(folder: str, separator: str = "+") -> tuple[str, ...]:
    """The labels that a folder's name tells, () for that of clips with none.

    >>> codes_of("dog+Bass guitar"), codes_of("_nothing"), codes_of("AC%2FDC")
    (('dog', 'Bass guitar'), (), ('AC/DC',))
    """
    if folder == NOTHING:
        return ()
    parts = folder.split(separator) if separator else [folder]
    plain = (label(_WRITTEN.sub(lambda match: chr(int(match[1], 16)), part)) for part in parts)
    return tuple(dict.fromkeys(code for code in plain if code))


def folder_of(codes: Sequence[str], separator: str = "+") -> tuple[str, tuple[str, ...]]:
    """The name of the folder for some labels, and those for which it has no room.

    >>> folder_of(["dog", "AC/DC"])
    ('dog+AC%2FDC', ())
    """
    name, left = "", []
    for code in codes:
        written = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", code)
        if separator:
            written = written.replace(separator, "".join(f"%{ord(sign):02X}" for sign in separator))
        longer = f"{name}{separator}{written}" if name else written
        if len(longer.encode()) > MOST_BYTES or (name and not separator) or codes_of(written, separator) != (code,):
            left.append(code)
        else:
            name = longer
    return name, tuple(left)
