"""Readers of predictions made elsewhere, one a file; to add one, make a module with a ``READER`` and add it below."""

from __future__ import annotations

from pathlib import Path

from labeling.errors import FormatError
from labeling.external import birdnet, labelstudio, long, npz, wide
from labeling.external.base import LOGIT, PERCENT, PROBABILITY, ImportedPredictions, Reader, ReadRequest, Values
from labeling.external.matching import Matcher
from labeling.registry import Registry

readers: Registry[Reader] = Registry("reader")
for _reader in (birdnet.READER, labelstudio.READER, long.READER, npz.READER, wide.READER):
    readers.add(_reader.name, _reader)

__all__ = [
    "LOGIT",
    "PERCENT",
    "PROBABILITY",
    "ImportedPredictions",
    "Matcher",
    "ReadRequest",
    "Reader",
    "Values",
    "detect_reader",
    "readers",
]


def detect_reader(path: Path) -> str:
    """The name of the reader that fits a file or folder. Raises FormatError that says what each needs."""
    if not path.exists():
        raise FormatError(f"nothing at {path}; give a file of predictions, or a folder of BirdNET-Analyzer's results")
    by_rank = sorted(readers, key=lambda pair: pair[1].rank)
    for name, prediction_format in by_rank:
        if prediction_format.fits(path):
            return name
    needs = "\n".join(f"  {name}: {prediction_format.needs}" for name, prediction_format in by_rank)
    raise FormatError(f"no reader fits {path}. Readers, and what each needs:\n{needs}")
