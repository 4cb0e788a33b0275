"""Predict recordings of any length: read and predicted a few minutes at a time, so that memory stays bounded.

Frames are those that ``predict_clips`` would give of a clip read from disk. What is kept of a whole recording is one
row a segment, and the stretches above the threshold.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.collection.formats.events.base import TableEvent
from labeling.errors import AudioError, ConfigError
from labeling.records import FrameGrid
from labeling.sound.channels import MIX, channel_to_use
from labeling.sound.decoding import length_note, probe, read_window
from labeling.sound.files import file_name
from models.config import FeatureConfig, Recipe
from models.inputs.clips import Chunks
from models.inputs.features import FrontEnd
from models.prediction.events import Runs, events_of, runs_of
from models.prediction.post import Post
from models.prediction.thresholds import DecisionRule
from models.prediction.windows import Predicted, Predictor, Shown, fill_gaps, n_output_frames

FloatArray = NDArray[np.float32]
BLOCK_S = 300.0
"""So much sound is decoded at once."""
MARGIN_S = 0.1
"""Decoded on each side of a block and cut off, so that the resampler's edges are not heard."""


@dataclass(frozen=True)
class Stretch:
    """Frames ``first`` to ``first + n`` of a recording: ``frame`` (n, C), and ``clip`` (n, C), the highest clipwise
    probability of the windows over each frame."""

    first: int
    frame: FloatArray
    clip: FloatArray


@dataclass(frozen=True)
class Result:
    """One recording: the highest frame of each segment (S, C), the events above the threshold, its length, and what
    was odd about it."""

    segments: FloatArray
    events: tuple[TableEvent, ...]
    duration_s: float
    note: str = ""


class Heard(Protocol):
    """A recording that is predicted: its length and what was odd about it, both known for good at its end."""

    duration_s: float
    note: str


class RecordingPredictor(ABC):
    """What predicts recordings: ``networks`` are averaged, ``grid`` is that of the frames, ``band_hz`` is heard."""

    networks: Sequence[object]
    grid: FrameGrid
    band_hz: tuple[float, float]

    @abstractmethod
    def open(self, path: str, should_stop: Callable[[], bool]) -> tuple[Heard, Iterator[Stretch]]:
        """A recording and its frames, in order and without gaps. Raises AudioError, Stopped, also later."""


class Recording:
    """A sound file that is read stretch by stretch. Raises AudioError where it cannot be."""

    def __init__(self, path: str, features: FeatureConfig, pad: str) -> None:
        self.path, self.features, self.pad = path, features, pad
        info = probe(path)
        self.channel, self._why_channel = channel_to_use(path) if info.channels > 1 else (MIX, "")
        self.duration_s, self.note = info.duration_s, "; ".join(filter(None, (info.note, self._why_channel)))
        self._common_hz = math.gcd(info.sample_rate, features.sample_rate)
        self.hop_s = features.hop_length / features.sample_rate
        self.n_frames = int(self.duration_s * features.sample_rate) // features.hop_length
        if not self.n_frames:
            raise AudioError(f"{file_name(path)}: {self.duration_s:.3f} s of sound, under one frame", "too_short")

    def read(self, first: int, last: int) -> Block:
        """Frames ``first`` to ``last``, or as many as there are."""
        # At a place that is a whole number of samples at both rates blocks meet without a shift.
        onset_s = max(0.0, math.floor((first * self.hop_s - MARGIN_S) * self._common_hz) / self._common_hz)
        rate = self.features.sample_rate
        wave, _ = read_window(self.path, onset_s, last * self.hop_s + MARGIN_S, sample_rate=rate, channel=self.channel)
        skip = round((first * self.hop_s - onset_s) * rate)
        return Block(self, first, wave[skip : skip + (last - first) * self.features.hop_length])

    def ends_early(self, block: Block, last: int) -> bool:
        """Whether the sound ends in this block, read up to ``last``, before the file says so; if so, note it."""
        hop = self.features.hop_length
        there = block.first * hop + len(block.samples)
        if there >= (min(last, self.n_frames) - 2) * hop:
            return False
        rate = self.features.sample_rate
        cut = length_note(round(self.duration_s * rate), there, rate)
        self.note = "; ".join(filter(None, (cut, self._why_channel)))
        self.duration_s = there / rate
        self.n_frames = there // hop
        return True


@dataclass(frozen=True)
class Block:
    """Decoded samples of a recording from frame ``first`` on, to cut windows from (a ``predict.Sound``)."""

    recording: Recording
    first: int
    samples: FloatArray

    def batch(self, chunks: Chunks) -> tuple[Tensor, NDArray[np.bool_]]:
        """Samples (B, T * hop); all rows can be read."""
        parts = [self._cut(int(start), chunks.n_frames) for start in chunks.starts]
        return torch.from_numpy(np.stack(parts)), np.ones(len(parts), dtype=bool)

    def _cut(self, start: int, n_frames: int) -> FloatArray:
        hop = self.recording.features.hop_length
        wanted = n_frames * hop
        part = self.samples[(start - self.first) * hop :][:wanted]
        missing = wanted - len(part)
        if not missing:
            return part
        if self.recording.n_frames < n_frames:  # as the training fills a clip shorter than a chunk
            whole = part[: self.recording.n_frames * hop]
            if self.recording.pad == "repeat" and len(whole):
                return np.resize(whole, wanted)
            return np.pad(whole, (0, wanted - len(whole)))
        # The last window may reach past the end by less than a frame of the network: mirror.
        mirrored = part[-missing:][::-1]
        return np.pad(np.concatenate([part, mirrored]), (0, missing - len(mirrored)))

    def power(self, raw: Tensor, front_end: FrontEnd) -> Tensor:
        """Samples (B, T * hop) -> power mel (B, n_mels, T) on the device of ``front_end``."""
        return front_end.power_of_chunks(raw.to(front_end.mel.device, non_blocking=True))


class NetworkPredictor(RecordingPredictor):
    """The networks of a recipe, which predict a recording window by window."""

    def __init__(self, predictor: Predictor, recipe: Recipe) -> None:
        self.predictor, self.recipe = predictor, recipe
        self.networks, self.grid = predictor.networks, predictor.grid
        self.band_hz = recipe.features.fmin_hz, recipe.features.fmax_hz

    def open(self, path: str, should_stop: Callable[[], bool]) -> tuple[Recording, Iterator[Stretch]]:
        """See RecordingPredictor."""
        recording = Recording(path, self.recipe.features, self.recipe.data.pad)
        return recording, stream(recording, self.predictor, self.recipe.data.workers, should_stop)


@dataclass(frozen=True)
class Loaded:
    """A run's networks, ready: over ``classes``, trained on all clips or (``of_all`` false) every fold's, averaged over
    so many ``views``."""

    predictor: RecordingPredictor
    classes: tuple[str, ...]
    of_all: bool
    views: int = 1


Load = Callable[[Path, torch.device], Loaded]
"""Loads a run's networks from its folder onto a device."""


def load_predictor(run_dir: Path, device: torch.device) -> Loaded:
    """A run's networks on ``device``. Raises ArtefactError."""
    from models.networks.catalogue import load_network
    from models.runfolder.folder import networks_of

    recipe, classes, grid, paths = networks_of(run_dir)
    networks = [load_network(path, recipe, classes).to(device) for path in paths]
    front_end = FrontEnd(recipe.features).to(device)
    hop_s = recipe.features.hop_length / recipe.features.sample_rate
    seed = recipe.train.seed
    predictor = Predictor(networks, front_end, recipe.predict, grid, hop_s, recipe.train.precision, seed)
    of_all = paths[0].name.startswith("all")
    return Loaded(NetworkPredictor(predictor, recipe), classes, of_all, recipe.predict.tta_views)


def stream(
    recording: Recording, predictor: Predictor, workers: int = 2, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Stretch]:
    """All frames of a recording, in order and without gaps. Raises AudioError, Stopped.

    Where a later part cannot be decoded the recording ends there, and its ``note`` says so.
    """
    shown = predictor.windows(0, recording.n_frames)
    blocks = _blocks(shown, round(BLOCK_S / recording.hop_s))
    stitch = _Stitch()
    with ThreadPoolExecutor(1) as pool, predictor.evaluating():

        def ahead(k: int) -> Future[Block] | None:
            if k >= len(blocks):
                return None
            return pool.submit(recording.read, blocks[k][0].start, _end(blocks[k]))

        reading = ahead(0)
        for k, part in enumerate(blocks):
            assert reading is not None
            try:
                block = reading.result()
            except AudioError:
                if k == 0:
                    raise
                block = Block(recording, part[0].start, np.zeros(0, dtype=np.float32))
            reading = ahead(k + 1)
            early = recording.ends_early(block, _end(part))
            if early and not recording.n_frames:
                raise AudioError(f"{file_name(recording.path)}: no sound can be decoded")
            part = [span for span in part if span.window.start < max(1, recording.n_frames)]
            for predictions, _, _ in predictor.predict(block, part, workers, should_stop):
                for prediction in predictions:
                    stitch.add(prediction)
            last = k + 1 == len(blocks) or early
            whole = n_output_frames(recording.duration_s, predictor.grid)
            until = whole if last else min(whole, blocks[k + 1][0].window.start // predictor.stride)
            yield from stitch.take(until)
            if last:
                return


def _blocks(shown: Sequence[Shown], longest: int) -> list[list[Shown]]:
    """Consecutive windows that are read at once: at most ``longest`` input frames, at least one window."""
    blocks: list[list[Shown]] = [[]]
    for span in shown:
        if blocks[-1] and span.start + span.n_frames - blocks[-1][0].start > longest:
            blocks.append([])
        blocks[-1].append(span)
    return blocks


def _end(part: Sequence[Shown]) -> int:
    return max(span.start + span.n_frames for span in part)


class _Stitch:
    """Frames being averaged, from frame ``base`` on; those before were taken."""

    def __init__(self) -> None:
        self.base = 0
        self.total = self.clip = np.zeros((0, 0), dtype=np.float32)
        self.count = np.zeros(0, dtype=np.float32)
        self.before: tuple[FloatArray, FloatArray] | None = None

    def add(self, prediction: Predicted) -> None:
        """Add a window's frames, none of which was taken yet."""
        at, n = prediction.first - self.base, len(prediction.framewise)
        self._grow(at + n, prediction.framewise.shape[1])
        self.total[at : at + n] += prediction.framewise
        self.count[at : at + n] += 1
        np.maximum(self.clip[at : at + n], prediction.clipwise, out=self.clip[at : at + n])

    def take(self, until: int) -> Iterator[Stretch]:
        """The frames before ``until``."""
        n = until - self.base
        if n <= 0:
            return
        self._grow(n, self.total.shape[1])
        covered = self.count[:n] > 0
        frame = np.clip(self.total[:n] / np.maximum(self.count[:n], 1)[:, None], 0, 1).astype(np.float32)
        clip = self.clip[:n].copy()
        if self.before is not None:
            covered = np.concatenate([[True], covered])
            frame = fill_gaps(np.concatenate([self.before[0], frame]), covered)[1:]
            clip = fill_gaps(np.concatenate([self.before[1], clip]), covered)[1:]
        elif covered.any():
            frame, clip = fill_gaps(frame, covered), fill_gaps(clip, covered)
        self.before = frame[-1:], clip[-1:]
        yield Stretch(self.base, frame, clip)
        self.total, self.clip, self.count = self.total[n:].copy(), self.clip[n:].copy(), self.count[n:].copy()
        self.base = until

    def _grow(self, length: int, classes: int) -> None:
        more = length - len(self.count)
        if more <= 0:
            return
        blank = np.zeros((more, classes), dtype=np.float32)
        if not len(self.count):
            self.total, self.clip = blank, blank.copy()
        else:
            self.total, self.clip = np.concatenate([self.total, blank]), np.concatenate([self.clip, blank])
        self.count = np.concatenate([self.count, np.zeros(more, dtype=np.float32)])


# ---------------------------------------------------------------------------------------- segments and events


def segment_count(duration_s: float, segment_s: float, grid: FrameGrid) -> int:
    """Segments of a recording, at least 1; a rest shorter than a frame belongs to the last one."""
    if segment_s < grid.step_s:
        raise ConfigError(
            f"segments of {segment_s:g} s are shorter than the network's frames; give {grid.step_s:.3g} s or more"
        )
    return max(1, math.ceil((duration_s - grid.step_s) / segment_s - 1e-6))


def predict_recording(
    path: str,
    predictor: RecordingPredictor,
    classes: Sequence[str],
    rule: DecisionRule,
    *,
    segment_s: float = 5.0,
    columns: Sequence[int] | None = None,
    merge_gap_s: float = 0.5,
    shortest_s: float = 0.1,
    post: Post | None = None,
    report: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Predict one recording. ``columns`` are the classes to keep, and those of ``rule``; None keeps all.

    A frame belongs to the segment that holds its middle. Raises AudioError, ConfigError, Stopped.
    """
    recording, parts = predictor.open(path, should_stop)
    grid = predictor.grid
    use = list(range(len(classes))) if columns is None else list(columns)
    names = [classes[c] for c in use]
    rows: list[FloatArray] = []
    runs: list[Runs] = []
    segment_count(recording.duration_s, segment_s, grid)
    waiting: Stretch | None = None

    def finish(part: Stretch, first_segment: int, of: NDArray[np.int64]) -> None:
        frame, clip = part.frame, part.clip
        starts = np.flatnonzero(np.diff(of, prepend=first_segment - 1))
        highest = np.maximum.reduceat(frame, starts, axis=0)
        if post:
            from labeling.disagreement.priors import shifted

            shift = post.apply(highest)
            frame, clip = shifted(frame, shift[of - first_segment]), shifted(clip, shift[of - first_segment])
            highest = shifted(highest, shift)
        rows.append(highest[:, use])
        runs.append(runs_of(rule.decide(frame[:, use], clip[:, use]), frame[:, use], part.first))

    for part in parts:
        if waiting is not None:
            frame, clip = np.concatenate([waiting.frame, part.frame]), np.concatenate([waiting.clip, part.clip])
            part = Stretch(waiting.first, frame, clip)
        count = segment_count(recording.duration_s, segment_s, grid)
        middle = grid.start_s + (part.first + np.arange(len(part.frame)) + 0.5) * grid.step_s
        of = np.clip(np.floor(middle / segment_s + 1e-9).astype(np.int64), 0, count - 1)
        # The last segment of a stretch may go on in the next one.
        whole = int(np.searchsorted(of, of[-1]))
        if whole:
            finish(Stretch(part.first, part.frame[:whole], part.clip[:whole]), int(of[0]), of[:whole])
        waiting = Stretch(part.first + whole, part.frame[whole:], part.clip[whole:])
        report(min(1.0, (part.first + len(part.frame)) * grid.step_s / max(recording.duration_s, grid.step_s)))
    if waiting is None:
        raise AudioError(f"{file_name(path)}: no sound can be decoded")
    segment = sum(len(row) for row in rows)
    finish(waiting, segment, np.full(len(waiting.frame), segment))
    events = events_of(runs, grid, recording.duration_s, names, merge_gap_s, shortest_s)
    return Result(np.concatenate(rows), events, recording.duration_s, recording.note)
