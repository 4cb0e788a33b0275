"""The format that a kind of files of events makes."""

from __future__ import annotations

from functools import partial

from labeling.collection.annotation.base import Format
from labeling.collection.formats.events.base import EventFiles
from labeling.collection.formats.events.reading import find, labels, read
from labeling.collection.formats.events.writing import export, write


def format_of(kind: EventFiles) -> Format:
    """What finds, reads and writes collections of such files; those that cannot be written are only read."""
    return Format(
        name=kind.name,
        needs=kind.needs,
        find=partial(find, kind),
        read=partial(read, kind),
        labels=labels,
        write=None if kind.edited is None else partial(write, kind),
        rank=kind.rank,
        export=None if kind.rendered is None else partial(export, kind),
        holds=kind.holds,
        about=kind.about,
        asks=kind.asks,
    )
