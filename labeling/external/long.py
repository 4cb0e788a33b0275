"""A table with a row a clip and class, or a row a stretch of time: filename, class, probability[, onset_s, offset_s].

Read some rows at a time; what is kept of a row is 20 bytes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from labeling.collection.tabular.mapped import FOLD_COLUMNS, LABEL_COLUMNS
from labeling.collection.tabular.reading import header
from labeling.errors import FormatError
from labeling.external.base import ImportedPredictions, Reader, ReadRequest
from labeling.external.tabular import batches, columns_of, is_table
from labeling.external.wide import FILE_COLUMNS, OFFSET_COLUMNS, ONSET_COLUMNS, first_of
from labeling.external.windows import Windows

VALUE_COLUMNS = ("probability", "confidence", "score", "prob", "p", "prediction", "likelihood", "logit", "percent")
CLASS_COLUMNS = (*LABEL_COLUMNS, "code", "tag", "common name", "scientific name", "species code", "detected")


def fits(path: Path) -> bool:
    """A table with a column of file names, one of classes and one of numbers."""
    columns = header(path) if is_table(path) else []
    return all(first_of(columns, names) for names in (FILE_COLUMNS, CLASS_COLUMNS, VALUE_COLUMNS))


def read(request: ReadRequest) -> ImportedPredictions:
    """Read such a table; raises FormatError."""
    path, matcher = request.path, request.matcher
    columns = columns_of(path)
    chosen = [first_of(columns, names) for names in (FILE_COLUMNS, CLASS_COLUMNS, VALUE_COLUMNS)]
    name, label, value = chosen
    if name is None or label is None or value is None:
        raise FormatError(
            f"{path} has the columns {', '.join(columns[:12])}; a long table needs filename, class and probability"
        )
    fold, onset, offset = (first_of(columns, names) for names in (FOLD_COLUMNS, ONSET_COLUMNS, OFFSET_COLUMNS))
    times = [time_column for time_column in (onset, offset) if time_column] if onset else []
    windows = Windows()
    windows.see(request.analysed)
    windows.know(request.analysed_classes)
    row_of: dict[str, int] = {}
    column_of: dict[str, int] = {}
    fold_of: dict[int, str] = {}
    for batch in batches(path, [name, label, *([fold] if fold else [])], [value, *times]):
        names, labels = batch.text[name], batch.text[label]
        fresh = [word for word in names.words if word not in row_of]
        row_of.update(zip(fresh, matcher.rows(fresh).tolist(), strict=True))
        new = [word for word in labels.words if word not in column_of]
        column_of.update(zip(new, matcher.columns([(class_text,) for class_text in new]).tolist(), strict=True))
        rows = np.array([row_of[word] for word in names.words], np.int64)[names.place]
        classes = np.array([column_of[word] for word in labels.words], np.int64)[labels.place]
        none = np.full(len(batch), np.nan, np.float32)
        starts, ends = [*batch.numbers.T[1:], none, none][:2]
        windows.add(rows, classes, batch.numbers[:, 0], starts, ends)
        if fold:
            fold_text = batch.text[fold]
            for row, at in np.unique(np.stack((rows, fold_text.place)), axis=1).T.tolist():
                text = fold_text.words[at]
                if fold_of.setdefault(row, text) != text and row >= 0:
                    raise FormatError(
                        f"{path}: {matcher.clips[row].filename!r} is in fold {fold_of[row]!r} and in {text!r}; give one"
                    )
    matcher.require(str(path), sum(row >= 0 for row in row_of.values()), "clips")
    matcher.require(str(path), sum(column >= 0 for column in column_of.values()), "classes")
    predictions = windows.finish(matcher.clips, request.values, str(path))
    if fold is None:
        return predictions
    folds = np.array([fold_of.get(row, "") for row in predictions.clips.tolist()], dtype=np.str_)
    return replace(predictions, fold=folds)


READER = Reader(
    "long",
    "a table with columns filename, class and probability, optionally onset_s, offset_s",
    20,
    fits,
    read,
    sparse=True,
)
