"""AOEF 1.1, the JSON of Whombat and soundevent: recordings, clips of them, and annotations, all bound by uuids."""

from labeling.collection.annotation.base import Format, Holds
from labeling.collection.formats.platforms.aoef.exporting import export
from labeling.collection.formats.platforms.aoef.reading import NEEDS, find, labels, read
from labeling.collection.formats.platforms.aoef.writing import write

HOLDS = frozenset(Holds) - {Holds.PRIMARY, Holds.ABSENT, Holds.UNSURE, Holds.CONFIDENCE}
ABOUT = "AOEF of Whombat and soundevent: datasets, annotation sets and projects; written as a project and its dataset."
FORMAT = Format(
    "aoef",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=30,
    export=export,
    takes={"label_column": "the key of the tags that name classes (species)"},
    holds=HOLDS,
    about=ABOUT,
)
