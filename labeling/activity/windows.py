"""Scored windows of recordings: what a prediction says of each few seconds, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import UnknownName
from labeling.registry import unknown_name


@dataclass(frozen=True)
class Recording:
    """One file: its name with folders, where it lies, and its length. ``clip_id`` is the clip of the collection that
    it is, 0 for none: such a one cannot be listened to here. ``group`` and ``metadata`` are that clip's."""

    name: str
    path: str
    duration_s: float
    clip_id: int = 0
    group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Windows:
    """The scored windows of recordings.

    Window i is of recording ``recording[i]``, from ``onset_s[i]`` to ``offset_s[i]`` seconds of it; all are (N,), in
    the order of the recordings. ``scores`` slices like an array (C, N) of 0..1, a row for each of ``classes``.
    """

    recordings: tuple[Recording, ...]
    classes: tuple[str, ...]
    recording: NDArray[np.int32]
    onset_s: NDArray[np.float32]
    offset_s: NDArray[np.float32]
    scores: Any = field(repr=False)

    def __len__(self) -> int:
        return len(self.recording)

    def of(self, class_code: str) -> NDArray[np.float32]:
        """The scores (N,) of a class. Raises UnknownName for one that was not predicted."""
        if class_code not in self.classes:
            raise UnknownName(unknown_name("class", class_code, list(self.classes)))
        return np.asarray(self.scores[self.classes.index(class_code)], np.float32)

    @property
    def clip_id(self) -> NDArray[np.int64]:
        """The clip (N,) of each window, 0 where it is none of the collection's."""
        of = np.array([one.clip_id for one in self.recordings], np.int64)
        return of[self.recording] if len(of) else np.zeros(0, np.int64)
