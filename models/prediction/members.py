"""New recordings by a combination of runs: its members are loaded one after another, and only their sum is kept.

Memory holds the networks of one run and one stretch of frames; the sums lie in files beside the tables, a block of
recordings at a time. Frames lie on the combination's grid: each takes the member's frame that covers its middle, as
`ensemble.on_grid` does for the collection's own clips.
"""

from __future__ import annotations

import math
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from labeling import runs
from labeling.errors import AudioError, DataError
from labeling.records import FrameGrid, Run
from labeling.sound.decoding import probe
from labeling.workspace import Workspace
from models.combining.evaluation import done_run
from models.combining.mixture import Mixture, mixture_of
from models.combining.request import KINDS
from models.prediction.soundscape import Load, Loaded, RecordingPredictor, Stretch
from models.prediction.sources import Source
from models.prediction.windows import n_output_frames
from models.runfolder.processes import lives

BLOCK_BYTES = 1 << 30
BLOCK_S = 6 * 3600.0
"""So much of sums, and of sound, is worked on at once: what is killed is begun again from there."""
TAKEN_FRAMES = 1 << 14
SUMS = ".combining-"
"""Begins the name of a folder of sums; then come the machine and the process that it is of."""

Tell = Callable[[float, str], None]
"""``tell(share of the work, what is done)``."""


@dataclass(frozen=True)
class Member:
    """A run that predicts: by ``networks`` of its own, over ``views``, or (``mixture``) by its ``members``."""

    run: Run
    folder: Path
    classes: tuple[str, ...]
    grid: FrameGrid
    band_hz: tuple[float, float]
    networks: int = 0
    of_all: bool = False
    views: int = 1
    mixture: Mixture | None = None
    members: tuple[Member, ...] = ()

    def lines(self, inside: str = "") -> list[str]:
        """What predicts, a line each, members indented."""
        if self.mixture is None:
            of = "trained on the whole collection" if self.of_all else "those of all folds"
            return [f"{inside}{self.run.id}: {self.networks} network{'s' * (self.networks != 1)}, {of}"]
        kind = "votes of" if self.mixture.asked.vote else f"{self.mixture.asked.kind} of"
        lines = [f"{inside}{self.run.id}: {kind} {len(self.members)} runs, loaded one after another"]
        for member, share in zip(self.members, self.mixture.shares, strict=True):
            first, *more = member.lines(inside + "  ")
            lines += [first + ("" if share is None else f", weight {share:.3f}"), *more]
        return lines


def member_of(workspace: Workspace, run_id: str, load: Load, device: torch.device) -> tuple[Member, Loaded | None]:
    """The run, and its networks where it has some of its own.

    A combination's members are each loaded once, so that what cannot be is said before any sound is read. Raises
    DataError, ConfigError, ArtefactError.
    """
    with workspace.read() as connection:
        run = done_run(connection, run_id)
    runs.check_trained(run)
    folder = workspace.run_dir(run.id, whole=True)
    if run.recipe not in KINDS:
        loaded = load(folder, device)
        own = loaded.predictor
        member = Member(
            run, folder, loaded.classes, own.grid, own.band_hz, len(own.networks), loaded.of_all, loaded.views
        )
        return member, loaded
    mixture = mixture_of(workspace, run)
    members = tuple(member_of(workspace, name, load, device)[0] for name in mixture.asked.members)
    for member in members:
        if member.mixture and member.mixture.asked.post:
            raise DataError(
                f"run {member.run.id}, of which run {run.id} is made, has post-processors "
                f"({', '.join(post_of(member))}) that cannot be applied inside another; combine its runs themselves, "
                "and give --post to the whole"
            )
        if lacking := set(mixture.classes) - set(member.classes):
            raise DataError(f"run {member.run.id} lacks class {min(lacking)!r} of run {run.id}; combine the runs again")
    band_hz = min(member.band_hz[0] for member in members), max(member.band_hz[1] for member in members)
    views = max(member.views for member in members)
    return Member(run, folder, mixture.classes, mixture.grid, band_hz, views=views, mixture=mixture,
                  members=members), None  # fmt: skip


def post_of(member: Member) -> tuple[str, ...]:
    """The post-processors that a combination was made with."""
    return member.mixture.asked.post if member.mixture else ()


def blocks(member: Member, sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Recordings that are worked on at once; all of them where there are no sums to keep."""
    if member.mixture is None:
        yield list(sources)
        return
    block: list[Source] = []
    total_s = 0.0
    most_s = min(BLOCK_S, BLOCK_BYTES * member.grid.step_s / (8 * len(member.classes)))
    for source in sources:
        try:
            length_s = probe(source.path).duration_s
        except AudioError:  # said by the member that reads it
            length_s = 0.0
        if block and total_s + length_s > most_s:
            yield block
            block, total_s = [], 0.0
        block.append(source)
        total_s += length_s
    if block:
        yield block


@contextmanager
def ready(
    member: Member,
    sources: Sequence[Source],
    folder: Path,
    load: Load,
    device: torch.device,
    tell: Tell = lambda share, words: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[RecordingPredictor]:
    """What predicts these recordings. A combination's sums lie in ``folder`` meanwhile. Raises Stopped."""
    if member.mixture is None:
        yield load(member.folder, device).predictor
        return
    _clear(folder)
    prefix = f"{SUMS}{socket.gethostname()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as inside:
        sums = {source.path: _Sum(Path(inside) / f"{place}.npy") for place, source in enumerate(sources)}
        count = len(member.members)
        for k in range(count):

            def told(share: float, words: str, k: int = k) -> None:
                tell((k + share) / count, f"{member.members[k].run.id} ({k + 1} of {count}): {words}")

            _hear(member, k, sources, sums, Path(inside), load, device, told, should_stop)
            if device.type == "cuda":
                torch.cuda.empty_cache()
        yield MixedPredictor(member, sums)


def _clear(folder: Path) -> None:
    """Take away the sums of processes of this machine that were killed; gigabytes would else stay unseen."""
    for path in folder.glob(f"{SUMS}*"):
        host, _, pid = path.name.removeprefix(SUMS).rpartition("-")[0].rpartition("-")
        if host == socket.gethostname() and pid.isdigit() and not lives(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _hear(
    whole: Member,
    k: int,
    sources: Sequence[Source],
    sums: dict[str, _Sum],
    folder: Path,
    load: Load,
    device: torch.device,
    tell: Tell,
    should_stop: Callable[[], bool],
) -> None:
    """Add what member ``k`` predicts. Its networks are let go at the end: nothing here outlives the call."""
    member, mixture = whole.members[k], whole.mixture
    assert mixture is not None
    columns = np.array([member.classes.index(code) for code in mixture.classes], np.int64)
    left = [source for source in sources if sums[source.path].problem is None]
    nested = 0.9 if member.mixture else 0.0  # of the work, that of the member's own members

    def told(share: float, words: str) -> None:
        tell(nested * share, words)

    with ready(member, left, folder, load, device, told, should_stop) as predictor:
        for place, source in enumerate(left):
            kept = sums[source.path]
            tell(nested + (1 - nested) * place / len(left), source.filename)
            try:
                recording, parts = predictor.open(source.path, should_stop)
                adding = kept.begin(recording.duration_s, mixture, predictor.grid)
                for part in parts:
                    if not (np.isfinite(part.frame).all() and np.isfinite(part.clip).all()):
                        raise AudioError(
                            f"{source.name}: the networks of {member.run.id} gave no numbers for its sound"
                        )
                    adding.add(*mixture.part(k, part.frame[:, columns], part.clip[:, columns]), first=part.first)
                kept.end(adding, recording.duration_s, recording.note)
            except AudioError as problem:
                kept.problem = problem


class _Sum:
    """The sum over the members of one recording, (2, T, C) float32 in a file: of frames, and of the windows around.

    ``problem`` is why a member could not hear it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.duration_s, self.note = math.inf, ""
        self.problem: AudioError | None = None
        self.shape: tuple[int, int, int] | None = None

    def begin(self, duration_s: float, mixture: Mixture, own: FrameGrid) -> _Adding:
        """Begin to add a member's frames, which lie on its own grid; the first member's length holds for all."""
        if self.shape is None:
            self.shape = 2, n_output_frames(duration_s, mixture.grid), len(mixture.classes)
            return _Adding(self._open("w+"), own, mixture.grid)
        return _Adding(self._open("r+"), own, mixture.grid)

    def end(self, adding: _Adding, duration_s: float, note: str) -> None:
        """A member is heard; where the sound broke off for one of them, the recording ends there."""
        adding.hold()
        self.duration_s = min(self.duration_s, duration_s)
        self.note = self.note or note

    def stretches(self, mixture: Mixture) -> Iterator[Stretch]:
        """The combination's frames, in order and without gaps."""
        total = self._open("r")
        count = min(total.shape[1], n_output_frames(self.duration_s, mixture.grid))
        for first in range(0, count, TAKEN_FRAMES):
            frame, clip = (np.array(values[first : min(count, first + TAKEN_FRAMES)]) for values in total)
            yield Stretch(first, mixture.finish(frame), mixture.finish(clip))

    def _open(self, mode: str) -> NDArray[np.float32]:
        assert self.shape is not None
        return np.memmap(self.path, np.float32, mode, shape=self.shape)  # type: ignore[call-overload,no-any-return]


class _Adding:
    """One member's frames on their way into the sum (2, T, C), stretch by stretch."""

    def __init__(self, total: NDArray[np.float32], own: FrameGrid, grid: FrameGrid) -> None:
        self.total, self.own, self.grid = total, own, grid
        self.next = 0
        self.last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def add(self, frame: NDArray[np.float32], clip: NDArray[np.float32], first: int) -> None:
        """Add the member's frames ``first`` to ``first + n`` where they cover the middle of one of ours."""
        n = len(frame)
        until_s = self.own.start_s + (first + n) * self.own.step_s
        most = min(self.total.shape[1], math.ceil((until_s - self.grid.start_s) / self.grid.step_s) + 2)
        ours = np.arange(self.next, max(self.next, most))
        middle_s = self.grid.start_s + (ours + 0.5) * self.grid.step_s
        place = np.floor((middle_s - self.own.start_s) / self.own.step_s + 1e-9).astype(np.int64)
        ours, place = ours[place < first + n], place[place < first + n]
        at = np.clip(place - first, 0, n - 1)
        if len(ours):
            self.total[0, ours[0] : ours[-1] + 1] += frame[at]
            self.total[1, ours[0] : ours[-1] + 1] += clip[at]
            self.next = int(ours[-1]) + 1
        self.last = frame[-1:], clip[-1:]

    def hold(self) -> None:
        """The member's last frame holds to the end."""
        if self.last is None:
            raise AudioError("no sound can be decoded")
        for total, value in zip(self.total, self.last, strict=True):
            total[self.next :] += value


class MixedPredictor(RecordingPredictor):
    """A combination whose members have been heard: gives the frames of the recordings that they left sums of."""

    def __init__(self, member: Member, sums: dict[str, _Sum]) -> None:
        assert member.mixture is not None
        self.mixture, self.sums = member.mixture, sums
        self.networks, self.grid, self.band_hz = member.members, member.grid, member.band_hz

    def open(self, path: str, should_stop: Callable[[], bool]) -> tuple[_Sum, Iterator[Stretch]]:
        """See RecordingPredictor."""
        kept = self.sums[path]
        if kept.problem is not None:
            raise kept.problem
        return kept, kept.stretches(self.mixture)
