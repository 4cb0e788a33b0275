"""Classes that a file of predictions names and the workspace lacks, added to it where its owner asks for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labeling.collection import classes
from labeling.collection.classes import plain
from labeling.errors import DataError
from labeling.external.base import ImportedPredictions
from labeling.external.frames import LaterFrames
from labeling.external.matching import Matcher, of_pair
from labeling.file_names import NOBODY
from labeling.records import Clip, LabelClass
from labeling.workspace import Workspace

_EBIRD = re.compile(r"[a-z]{6}[0-9]{0,2}")
_LATIN = re.compile(r"[A-Z][a-z]+( [a-z-]+){1,2}")


@dataclass(frozen=True)
class Wish:
    """Which of the classes that a workspace lacks are to be added: by their ``names`` in the file, and those whose
    highest probability is ``least`` or more (None: no others). Without either none is."""

    names: tuple[str, ...] = ()
    least: float | None = None

    def __post_init__(self) -> None:
        if self.least is not None and not 0 <= self.least <= 1:
            raise DataError(f"classes are added from a probability of 0 to 1 on, not {self.least:g}; give one of these")

    def __bool__(self) -> bool:
        return bool(self.names) or self.least is not None


class AddingMatcher(Matcher):
    """A `Matcher` that gives classes which the workspace lacks a column of their own, after the workspace's.

    ``given`` may map to codes that are not there; ``shown`` are names for these.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        known: Sequence[LabelClass],
        primary: Mapping[int, str],
        given: Mapping[str, str],
        wish: Wish,
        shown: Mapping[str, str],
    ) -> None:
        self.wish, self.n_known = wish, len(known)
        codes = {label_class.code for label_class in known}
        asked = [code for code in dict.fromkeys(given.values()) if code and code not in codes]
        self.asked = set(asked)  # added whatever their probability
        super().__init__(
            clips, [*known, *(LabelClass(0, code, shown.get(code) or code) for code in asked)], primary, given
        )
        self._asked_names = {plain(name): name for name in wish.names}

    def _new_column(self, names: tuple[str, ...]) -> int:
        every = [part for name in names if name for part in (name, *of_pair(name))]
        wanted = [self._asked_names.pop(key) for key in map(plain, every) if key in self._asked_names]
        if not every or not (wanted or self.wish.least is not None):
            return NOBODY
        code, name = code_and_name(every)
        if wanted:
            self.asked.add(code)
        if code not in self._codes:
            self._codes[code] = len(self.classes)
            self.classes = (*self.classes, LabelClass(0, code, name))
        return self._codes[code]

    def settle(self, predictions: ImportedPredictions) -> ImportedPredictions:
        """Leave out new classes that are not to be added; raises DataError for a name that the file does not have."""
        if self._asked_names:
            lacking = ", ".join(repr(name) for name in list(self._asked_names.values())[:8])
            raise DataError(
                f"the file names no class {lacking} that the workspace lacks; give a name as the file has it, or leave "
                "it out"
            )
        peaks = predictions.clipwise.max(axis=0) if len(predictions.clipwise) else np.zeros(len(predictions.classes))
        least = 2.0 if self.wish.least is None else self.wish.least
        keep = np.ones(len(peaks), bool)
        theirs = {code: name for name, code in self.found.items()}
        for place, column in enumerate(predictions.classes.tolist()):
            code = self.classes[column].code
            if column < self.n_known or code in self.asked or peaks[place] >= least:
                continue
            keep[place] = False
            self.found.pop(theirs[code])
            self.unknown_classes[theirs[code]] = f"no such class, {peaks[place]:.2f} at most"
        return predictions if keep.all() else _with_columns(predictions, np.flatnonzero(keep))

    def store(self, workspace: Workspace, columns: Collection[int], by: str) -> dict[str, str]:
        """Add those new classes that have one of these columns; their codes and names."""
        new = [self.classes[column] for column in columns if column >= self.n_known]
        with workspace.write() as connection:
            added = [classes.add_class(connection, fresh.code, fresh.name, added_by=by) for fresh in new]
        return {label_class.code: label_class.name for label_class in added}


def code_and_name(names: Iterable[str]) -> tuple[str, str]:
    """What to call a class of several names: eBird's code or the Latin name, else the first; and a name to show.

    Examples
    --------
    >>> from labeling.external.adding import code_and_name
    >>> code_and_name(["Eastern Towhee", "Pipilo erythrophthalmus", "eastow"])
    ('eastow', 'Eastern Towhee')
    >>> code_and_name(["dog bark"])
    ('dog bark', 'dog bark')
    """
    every = list(dict.fromkeys(name.strip() for name in names))
    latin = [name for name in every if _LATIN.fullmatch(name)]
    code = next(iter([*filter(_EBIRD.fullmatch, every), *(latin if len(every) > 1 else []), *every]))
    name = next((name for name in every if name not in (code, *latin)), latin[0] if latin else code)
    return code, name


def _with_columns(predictions: ImportedPredictions, columns: NDArray[np.int64]) -> ImportedPredictions:
    frames = predictions.framewise
    if isinstance(frames, LaterFrames):
        frames = frames.taken(np.arange(len(frames)), columns)
    elif frames is not None:
        frames = [np.asarray(part)[:, columns] for part in frames]
    return replace(
        predictions,
        classes=predictions.classes[columns],
        clipwise=predictions.clipwise[:, columns],
        framewise=frames,
    )
