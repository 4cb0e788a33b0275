"""A teacher: an earlier run whose out-of-fold predictions of the same clips make targets. Imports no torch.

Framewise predictions of a large collection are gigabytes, so they are trimmed to what the rule can need and kept while
they fit a bound; those that do not are read when a chunk of their clip is asked for.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling import runs
from labeling.collection import store
from labeling.errors import ArtefactError, ConfigError, UnknownName
from labeling.predictions.oof import FrameBlock, Oof, for_each_block, read_oof
from labeling.records import Labels
from labeling.registry import unknown_name
from labeling.storage.kept import Kept
from labeling.workspace import Workspace

NEWEST = "newest"
_SLACK = 1e-6  # of a frame: chunks that begin and end on frames' edges meet no neighbour by a rounding error


def open_teacher(workspace: Workspace, name: str, run_id: str = "") -> Oof:
    """Predictions of a run of the workspace, by its id or ``newest``, or at a path (an oof.zarr, or a run's folder).

    ``run_id`` is the run to be taught. Raises UnknownName, ConfigError and ArtefactError where there is no such run,
    it is not done, has no predictions, or knows none of the workspace's classes.
    """
    oof = read_oof(_path_of(workspace, name, run_id))
    with workspace.read() as connection:
        classes = [label_class.code for label_class in store.all_classes(connection)]
    _check_classes(oof, classes)
    return oof


def _path_of(workspace: Workspace, name: str, run_id: str) -> Path:
    with workspace.read() as connection:
        every_run = runs.all_runs(connection)
    others = [run for run in every_run if run.id != run_id]
    paths = {run.id: workspace.run_dir(run.id) / "oof.zarr" for run in others}
    ready = [run for run in others if run.status == "done" and paths[run.id].is_dir()]
    choose = f"choose from {', '.join(run.id for run in ready)}" if ready else "train one first, or give a path"
    if name == "":
        raise ConfigError("targets.teacher is empty; set targets.teacher=newest or a run's id")
    if name == NEWEST:
        if not ready:
            raise ConfigError(
                "targets.teacher = newest, and no other run of this workspace is done and has predictions; "
                "train one first, or give the path of an oof.zarr"
            )
        return paths[max(ready, key=lambda run: (run.ended_at, run.id)).id]
    if name == run_id:
        raise ConfigError(f"targets.teacher = {name!r} is the run itself, which has no predictions yet; {choose}")
    for run in others:
        if run.id != name:
            continue
        if run.status != "done":
            raise ArtefactError(f"targets.teacher: run {name} is {run.status}, not done; wait for it, or {choose}")
        if run not in ready:
            raise ArtefactError(f"targets.teacher: run {name} has no predictions in {paths[name]}; {choose}")
        return paths[name]
    path = Path(name).expanduser()
    if not path.is_dir() and os.sep not in name and path.suffix != ".zarr":
        known = [run.id for run in ready] + [NEWEST]
        raise UnknownName(unknown_name("teacher run", name, known) + "; or give the path of an oof.zarr")
    inside = path / "oof.zarr"
    return (inside if inside.is_dir() else path).absolute()


def _check_classes(oof: Oof, classes: Sequence[str]) -> None:
    if not set(oof.classes) & set(classes):
        raise ArtefactError(
            f"teacher {oof.path}: none of its {len(oof.classes)} classes ({_some(oof.classes)}) is one of the labels' "
            f"({_some(classes)}); take a run of the same vocabulary"
        )


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:3]) + (", …" if len(words) > 3 else "")


def teacher_rows(oof: Oof, labels: Labels, rows: Sequence[int]) -> NDArray[np.int64]:
    """The teacher's row of each of the labels' ``rows``, -1 where it does not know the clip.

    By clip id where the file name agrees, else by file name: ids of another workspace mean other clips. Raises
    ArtefactError where it knows no clip at all.
    """
    by_id = {int(clip_id): index for index, clip_id in enumerate(oof.clip_ids)}
    by_name = {name: index for index, name in enumerate(oof.filenames)}
    indices = []
    for row in rows:
        name = labels.filenames[row]
        index = by_id.get(int(labels.clip_ids[row]), -1)
        indices.append(index if index >= 0 and oof.filenames[index] == name else by_name.get(name, -1))
    if indices and max(indices) < 0:
        raise ArtefactError(
            f"teacher {oof.path}: none of its {len(oof)} clips ({_some(oof.filenames)}) is among the labels' "
            f"({_some(labels.filenames)}); take a run on the same collection"
        )
    return np.array(indices, dtype=np.int64)


@dataclass(frozen=True)
class _Frames:
    """What is kept of one clip: frames (T, k) as the bits of float16, of the classes ``columns`` (k,)."""

    columns: NDArray[np.int64]
    bits: NDArray[np.uint16]


class TeacherFrames:
    """A teacher's probabilities by clip and stretch, in the order of ``classes``; for many threads at once.

    Frames of a class that a clip does not list are kept only where one of them is above ``unlisted_above``
    (elsewhere the class counts as 0), so that a rule with thresholds needs few megabytes for a whole collection. At
    most ``max_bytes`` are kept; the clip asked for longest ago goes first. Raises ArtefactError where no class is
    the teacher's.
    """

    def __init__(
        self, oof: Oof, classes: Sequence[str], unlisted_above: float = -1.0, max_bytes: int = 1 << 30
    ) -> None:
        _check_classes(oof, classes)
        place = {code: index for index, code in enumerate(oof.classes)}
        self.oof = oof
        self.columns = np.array([place.get(code, -1) for code in classes], dtype=np.int64)
        self.known = self.columns >= 0
        self.unlisted_above = unlisted_above
        self.kept: Kept[_Frames] = Kept(sys.maxsize, lambda frames: frames.bits.nbytes, max_bytes)

    def clipwise(self, index: int) -> NDArray[np.float32]:
        """Probabilities (C,) of the whole clip, NaN for classes that the teacher lacks."""
        return np.where(self.known, self.oof.clipwise[index][self.columns], np.nan).astype(np.float32)

    def heard(self, index: int, listed: NDArray[np.bool_], onset_s: float, offset_s: float) -> NDArray[np.float32]:
        """Highest frame (C,) among those that overlap [onset_s, offset_s) of the teacher's clip ``index``.

        NaN where the teacher has nothing to say: classes that it lacks, a stretch that none of its frames meets. A
        clip without any frames has its clipwise probability.
        """
        n_frames = int(self.oof.offsets[index + 1] - self.oof.offsets[index])
        if n_frames == 0:
            return self.clipwise(index)
        grid = self.oof.grid
        first = max(0, math.floor((onset_s - grid.start_s) / grid.step_s + _SLACK))
        end = min(n_frames, math.ceil((offset_s - grid.start_s) / grid.step_s - _SLACK))
        result = np.full(len(self.columns), np.nan, dtype=np.float32)
        if first < end:
            kept = self._get(index, listed)
            result[self.known] = 0
            result[kept.columns] = kept.bits[first:end].max(axis=0).view(np.float16)
        return result

    def load(self, listed: Mapping[int, NDArray[np.bool_]]) -> None:
        """Read the clips that ``listed`` maps to the classes (C,) of their labels in one pass, as far as they fit."""

        def work(block: FrameBlock) -> None:
            for index in range(block.first, block.last):
                if index in listed and self.kept.held < self.kept.total:
                    frames = self._trimmed(block.clip(index), listed[index])
                    if self.kept.held + frames.bits.nbytes <= self.kept.total:
                        self.kept.put(index, frames)

        for_each_block(self.oof, work)

    def _get(self, index: int, listed: NDArray[np.bool_]) -> _Frames:
        return self.kept.get(index, lambda: self._trimmed(self.oof.frames(index).astype(np.float16), listed))

    def _trimmed(self, frames: NDArray[np.float16], listed: NDArray[np.bool_]) -> _Frames:
        # bits of float16 from 0 to 1 are ordered like the numbers, and integers compare many times faster
        bits = frames.view(np.uint16)
        wanted = self.known & listed
        if self.unlisted_above < 1 and len(bits):
            highest = bits.max(axis=0).view(np.float16).astype(np.float32)
            wanted |= self.known & (highest[self.columns] > self.unlisted_above)
        columns = np.flatnonzero(wanted)
        return _Frames(columns, bits[:, self.columns[columns]])


@dataclass(frozen=True)
class TeacherClip:
    """What the teacher predicted of one clip; ``listed`` (C,) are the classes that its label lists."""

    frames: TeacherFrames = field(repr=False)
    index: int
    listed: NDArray[np.bool_]

    def heard(self, onset_s: float, offset_s: float) -> NDArray[np.float32]:
        """Highest probability (C,) in a stretch of the clip, see :meth:`TeacherFrames.heard`."""
        return self.frames.heard(self.index, self.listed, onset_s, offset_s)
