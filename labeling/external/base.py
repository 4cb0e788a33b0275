"""The nouns of predictions made elsewhere: what a reader is told, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import FormatError
from labeling.external.matching import Matcher
from labeling.logistic import sigmoid
from labeling.records import FrameGrid

PROBABILITY, LOGIT, PERCENT = "probability", "logit", "percent"
UNITS = (PROBABILITY, LOGIT, PERCENT)
ROUNDING = 1e-6  # what a float32 sum of probabilities may end beside 0 or 1


@dataclass(frozen=True)
class ImportedPredictions:
    """Predictions in the rows and columns of the workspace.

    ``clips`` (N,) are places in the matcher's clips, ``classes`` (K,) in its classes, each once. ``clipwise`` (N, K)
    are probabilities. ``framewise`` is one (T, K) array a clip, on ``grid``; None where the file tells nothing of time.
    ``fold`` (N,) is what the file says of each clip's fold, "" where it does not; None where it has no such column.
    ``notes`` are sentences for the report.
    """

    clips: NDArray[np.int64]
    classes: NDArray[np.int64]
    clipwise: NDArray[np.float32]
    framewise: Sequence[NDArray[Any]] | None = None
    grid: FrameGrid | None = None
    fold: NDArray[np.str_] | None = None
    notes: tuple[str, ...] = ()


class Values:
    """Turns a file's numbers into probabilities, whatever its unit, and remembers what they were."""

    def __init__(self, unit: str = PROBABILITY) -> None:
        if unit not in UNITS:
            raise FormatError(f"unit {unit!r} is unknown; choose from {', '.join(UNITS)}")
        self.unit = unit
        self.low, self.high, self.missing = np.inf, -np.inf, 0

    def take(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities of the same shape, float32; `check` says, when all are taken, whether they were any."""
        values = np.asarray(values, dtype=np.float32)
        if values.size:
            bad = int(np.isnan(values).sum())
            self.missing += bad
            if bad < values.size:
                self.low = min(self.low, float(np.nanmin(values)))
                self.high = max(self.high, float(np.nanmax(values)))
        return self.applied(values)

    def applied(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities of values that were looked at before."""
        values = np.asarray(values, dtype=np.float32)
        if self.unit == LOGIT:
            values = sigmoid(values)
        elif self.unit == PERCENT:
            values = values / 100
        return np.asarray(np.clip(values, 0, 1), dtype=np.float32)  # what is further out, `check` refuses

    def check(self, name: str) -> None:
        """Raise FormatError unless all that was taken fits the unit: with what it seems to be, and the flag for it."""
        if self.missing:
            raise FormatError(
                f"{name}: {self.missing} values are empty or NaN where a prediction is needed; fill them, or leave out "
                "their rows or columns"
            )
        low, high = self.low, self.high
        if low > high:
            return
        shown = f"{name}: values from {low:.4g} to {high:.4g}"
        inside = low >= -ROUNDING and high <= 1 + ROUNDING
        if not np.isfinite(low) or not np.isfinite(high):
            raise FormatError(f"{shown} where finite numbers are needed; mend them")
        if self.unit == LOGIT and inside:
            raise FormatError(f"{shown} look like probabilities already, not logits; leave out --logits")
        if self.unit == PERCENT and high <= 1:
            raise FormatError(f"{shown} look like probabilities already, not per cent; leave out --percent")
        if self.unit == PERCENT and (low < 0 or high > 100 * (1 + ROUNDING)):
            raise FormatError(f"{shown} where 0 to 100 per cent are needed; leave out --percent, or mend them")
        if self.unit == PROBABILITY and not inside:
            if low < -ROUNDING:
                raise FormatError(f"{shown} are logits and no probabilities; give --logits to apply the sigmoid")
            if high <= 100 * (1 + ROUNDING):
                raise FormatError(
                    f"{shown} are no probabilities from 0 to 1; give --percent if they are per cent, --logits if logits"
                )
            raise FormatError(f"{shown} are no probabilities from 0 to 1; give --logits if they are logits")


@dataclass(frozen=True)
class ReadRequest:
    """What a reader is asked: the file or folder, whom its names mean, the unit, and a folder for what is too large.

    ``analysed`` are places of clips that the model listened to, whether the file names them or not, and
    ``analysed_classes`` of classes that it knows; of both only what a list of detections may be silent about.
    """

    path: Path
    matcher: Matcher
    values: Values
    scratch: Path
    analysed: Sequence[int] = ()
    analysed_classes: Sequence[int] = ()


@dataclass(frozen=True)
class Reader:
    """One way in which predictions lie on disk. ``fits`` looks at no more than a header; ``read`` raises FormatError.

    ``rank`` decides which is asked first; ``needs`` says in words what it reads. ``sparse``: its files may be silent of
    clips and classes in which nothing was found.
    """

    name: str
    needs: str
    rank: int
    fits: Callable[[Path], bool]
    read: Callable[[ReadRequest], ImportedPredictions]
    sparse: bool = False
