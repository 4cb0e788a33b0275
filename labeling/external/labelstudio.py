"""Predictions in a JSON export of Label Studio: regions with seconds, and choices for whole recordings.

A result's own score counts, else that of its prediction. All models of the file are taken together: of what several
say of a class, and of a choice that is made twice, the highest counts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from labeling.collection.formats.platforms import labelstudio
from labeling.collection.tabular.reading import load
from labeling.errors import FormatError
from labeling.external.base import LOGIT, PERCENT, PROBABILITY, ImportedPredictions, Reader, ReadRequest
from labeling.external.windows import Windows

SURE = {PROBABILITY: 1.0, PERCENT: 100.0, LOGIT: 80.0}
"""What a prediction without a score counts as, by the unit of those that have one."""


def fits(path: Path) -> bool:
    """An export of Label Studio."""
    return path.is_file() and labelstudio.find(path) is not None


def read(request: ReadRequest) -> ImportedPredictions:
    """Read its predictions; raises FormatError where it has none."""
    path, matcher = request.path, request.matcher
    predicted, found = labelstudio.predictions(load(path), path.name)
    if not found:
        raise FormatError(f"{path} has no predictions, only annotations; import it as a collection (labeling import)")
    names, codes = (list(dict.fromkeys(own)) for own in ((one.filename for one in found), (one.code for one in found)))
    row_of = dict(zip(names, matcher.rows(names).tolist(), strict=True))
    column_of = dict(zip(codes, matcher.columns([(code,) for code in codes]).tolist(), strict=True))
    silent = [name for name in dict.fromkeys(predicted) if name not in row_of]
    matcher.require(str(path), sum(row >= 0 for row in row_of.values()), "clips")
    matcher.require(str(path), sum(column >= 0 for column in column_of.values()), "classes")
    sure = SURE[request.values.unit]
    highest: dict[tuple[int, int, tuple[float, float] | None], float] = {}
    for one in found:
        key = (row_of[one.filename], column_of[one.code], one.region)
        score = sure if one.score is None else one.score
        highest[key] = max(highest.get(key, score), score)
    windows = Windows()
    windows.see([*request.analysed, *matcher.rows(silent).tolist()])
    windows.know(request.analysed_classes)
    times = np.array([region or (np.nan, np.nan) for _, _, region in highest], np.float32)
    windows.add(
        np.array([row for row, _, _ in highest], np.int64),
        np.array([column for _, column, _ in highest], np.int64),
        np.array(list(highest.values()), np.float32),
        times[:, 0],
        times[:, 1],
    )
    predictions = windows.finish(matcher.clips, request.values, str(path))
    notes = list(predictions.notes)
    if without := sum(one.score is None for one in found):
        notes.append(f"{without:,} predictions have no score and count as certain.")
    models = sorted({one.model for one in found} - {""})
    if len(models) > 1:
        notes.append(f"{len(models):,} models are taken together: {', '.join(models[:8])}.")
    return replace(predictions, notes=tuple(notes))


READER = Reader(
    "labelstudio",
    "a JSON export of Label Studio whose tasks have predictions",
    15,
    fits,
    read,
    sparse=True,
)
