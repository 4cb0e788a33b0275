"""The columns of a ranking: one table, from which it is made, stored, listed and written as CSV.

To add a column, add a line to `CellColumns` and give it its value in ranking.rank_suspects. A ranking that was stored
before reads with the column's ``default``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from labeling.records import KINDS

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Meaning:
    """What a column says of a suspect, and what stands for it in a ranking that was stored without it.

    ``default`` (None: there is none such) makes it of the columns before it. ``decimals``: how many a CSV gives of it;
    None: the column is not in a CSV.
    """

    text: str
    decimals: int | None = None
    default: Callable[[Columns], NDArray[Any]] | None = None


def _doubts_present(columns: Columns) -> NDArray[np.bool_]:
    kind = columns["kind"]  # of a swap, the cell that the model hears less is the one that is listed
    swapped = (kind == KINDS.index("swapped")) & (columns["clipwise"] < 0.5)
    return np.asarray((kind == KINDS.index("false")) | swapped)


def _one_run(columns: Columns) -> NDArray[np.uint8]:
    return np.ones(len(columns["kind"]), np.uint8)


def _own_doubt(columns: Columns) -> NDArray[np.uint8]:
    return np.asarray((columns["clipwise"] >= 0.5) != columns["given"], np.uint8)


def _no_covariates(columns: Columns) -> NDArray[np.float16]:
    return np.zeros((len(columns["kind"]), 0), np.float16)


def _unknown(columns: Columns) -> NDArray[np.float32]:
    return np.full(len(columns["kind"]), np.nan, np.float32)


Counts = NDArray[np.uint8]
Floats = NDArray[np.float32]
Seconds = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellColumns:
    """What is known of suspects, best first, a column an array (M,); ``covariates`` are (M, F)."""

    clip_id: Annotated[NDArray[np.int64], Meaning("the clip")]
    label_quality: Annotated[Floats, Meaning("probability that the label is right, low = suspect", 6)]
    p_wrong: Annotated[Floats, Meaning("the scorer's own estimate that the label is wrong", 6)]
    clipwise: Annotated[Floats, Meaning("the model's probability of the class in the clip", 5)]
    framewise_max: Annotated[Floats, Meaning("the highest in a frame", 5)]
    onset_s: Annotated[Seconds, Meaning("where the frames that speak begin; 0 where a model gave none", 3)]
    offset_s: Annotated[Seconds, Meaning("and where they end; 0 where a model gave none", 3)]
    fold: Annotated[NDArray[np.int32], Meaning("the fold that predicted the clip")]
    given: Annotated[NDArray[np.bool_], Meaning("the label that is doubted says present", default=_doubts_present)]
    runs: Annotated[Counts, Meaning("how many runs' predictions were weighed", default=_one_run)]
    runs_agree: Annotated[Counts, Meaning("how many of them contradict the label", default=_own_doubt)]
    neighbours: Annotated[Floats, Meaning(
        "share of similar stretches in other clips whose clip lists the class, NaN where not known", default=_unknown
    )]  # fmt: skip
    typical: Annotated[Floats, Meaning(
        "typical clipwise probability of clips that list the class, NaN where not known", default=_unknown
    )]  # fmt: skip
    covariates: Annotated[NDArray[np.float16], Meaning(
        "evidence (M, F) that verdicts may weigh anew beside p_wrong", default=_no_covariates
    )]  # fmt: skip


@dataclass(frozen=True, eq=False)
class RankingColumns(CellColumns):
    """The same as it is stored, of classes by the database's ids."""

    class_id: Annotated[NDArray[np.int64], Meaning("the class")]
    partner_id: Annotated[NDArray[np.int64], Meaning("the other class of a swap, 0 for none")]
    kind: Annotated[NDArray[np.uint8], Meaning("missing, false or swapped: place in records.KINDS")]


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and what it means."""

    name: str
    dtype: np.dtype[Any]
    meaning: Meaning


def _table() -> dict[str, Column]:
    hints = get_type_hints(RankingColumns, include_extras=True)
    table = {}
    for item in fields(RankingColumns):
        array, meaning = get_args(hints[item.name])
        table[item.name] = Column(item.name, dtype_of(array), meaning)
    return table


def dtype_of(array: Any) -> np.dtype[Any]:
    """The type of an ``NDArray[...]``'s elements."""
    dtype: np.dtype[Any] = np.dtype(get_args(get_args(array)[1])[0])
    return dtype


COLUMNS = _table()


def whole(columns: Columns) -> dict[str, NDArray[Any]]:
    """All of COLUMNS, each of its type; defaults stand for those that are not there.

    Raises KeyError where one is not there that has no default.
    """
    filled = typed(columns)
    for name, column in COLUMNS.items():
        if name not in filled and column.meaning.default is None:
            raise KeyError(f"no column {name}")
    for name, column in COLUMNS.items():
        if name not in filled and column.meaning.default is not None:
            filled[name] = column.meaning.default(filled)
    return filled


def typed(columns: Columns) -> dict[str, NDArray[Any]]:
    """Those of COLUMNS that are there, each of its type."""
    return {name: np.asarray(columns[name], column.dtype) for name, column in COLUMNS.items() if name in columns}
