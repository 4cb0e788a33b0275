"""Data sets of Hugging Face's `datasets`: folders with a metadata.jsonl, and Parquet with the sound in it."""

from functools import partial

from labeling.collection.annotation.base import Format, Holds
from labeling.collection.formats.huggingface import audiofolder, packing
from labeling.collection.formats.huggingface.reading import NEEDS, find, look, read
from labeling.collection.formats.huggingface.writing import write
from labeling.collection.formats.trainers.base import written_only

HOLDS = frozenset(Holds) - {Holds.WHO, Holds.CONFIDENCE}
ABOUT_PACKED = (
    "Hugging Face: Parquet with the sound in it and classes as ClassLabel, for a hub; read again as huggingface."
)
ABOUT = "Hugging Face: an audiofolder with its metadata.jsonl, or Parquet with the sound in it; classes by their names."


def over(tables: Format) -> Format:
    """The format, over that of any table: their rows and columns are read and written as it does."""
    own = (NEEDS, find, partial(read, tables), tables.labels, partial(write, tables))
    export, states = audiofolder.export, frozenset({Holds.ABSENT, Holds.UNSURE})
    look_at = partial(look, tables)
    return Format("huggingface", *own, rank=25, export=export, holds=HOLDS, about=ABOUT, states=states, look=look_at)


PACKED = written_only("huggingface_parquet", packing.export, ABOUT_PACKED, HOLDS)
"""The other layout, which is read as the first is."""
