"""The clips' sound as a training reads it: in memory as mel or as samples where it fits, else from disk.

Threads read it: decoding, resampling and the arithmetic on long arrays all run outside Python's lock.

Positions count frames of ``hop_length`` samples, whichever way the sound is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import AudioError, Stopped
from labeling.records import Clip
from labeling.runs.landmarks import Landmarks, landmarks
from models.config import DataConfig, FeatureConfig
from models.inputs.audio_cache import AudioCache, from_int16, to_int16
from models.inputs.features import FrontEnd

Item = TypeVar("Item")
T = TypeVar("T")
BLOCK_S = 300.0
STRENGTH_CELL_S = 0.05
"""The strength of sound is kept in steps of about so long."""
STRENGTH_RANGE_DB = 80.0
"""What lies so far below a clip's loudest cell counts as silence, as in librosa's power_to_db."""


@dataclass(frozen=True)
class Chunks:
    """One batch to be cut: rows of the store, first frames (negative: zeros come first), and the frames of each."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_frames: int


class AudioStore:
    """All clips' sound. ``kind`` is ``mel`` (power in dB), ``samples`` (both in memory) or ``disk`` (as many clips as
    fit in memory, as samples; the others from ``cache_dir`` or their own files, chunk by chunk).

    After ``load``, ``n_frames`` (N,) holds each clip's length, 0 for those that could not be read; ``skipped`` says
    why, by row; ``landmarks``, where they were asked for, tell copies of one recording; ``notes`` holds what the log
    should say.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        features: FeatureConfig,
        data: DataConfig,
        cache_dir: Path | None = None,
        *,
        find_landmarks: bool = False,
    ) -> None:
        self.clips = list(clips)
        self.features = features
        self.data = data
        self.front_end = FrontEnd(features)
        self.n_frames = np.zeros(len(self.clips), dtype=np.int64)
        self.duration_s = np.zeros(len(self.clips))
        self.find_landmarks = find_landmarks
        self.landmarks: list[Landmarks | None] = [None] * len(self.clips)
        self.skipped: dict[int, str] = {}
        self.notes: list[str] = []
        self.kind = self._choose_kind()
        # Which clips are held must not depend on which thread was faster: a resumed training reads the same samples.
        self._in_memory = np.cumsum([self._sample_bytes(clip) for clip in self.clips]) <= data.memory_gb * 1e9
        self._kept: list[Any] = [None] * len(self.clips)
        self._strength: list[NDArray[np.float16] | None] = [None] * len(self.clips)
        self._floor_db = float(self.front_end.db(torch.zeros(1, 1, 1)))
        self._lock = threading.Lock()
        self._pin = False
        self._cache: AudioCache | None = None
        if cache_dir is not None and data.cache_gb and self.kind == "disk":
            self._cache = AudioCache(cache_dir, features.sample_rate, data.cache_gb * 1e9, self.notes.append)

    @property
    def hop_s(self) -> float:
        """Seconds a frame."""
        return self.features.hop_length / self.features.sample_rate

    def _choose_kind(self) -> str:
        budget = self.data.memory_gb * 1e9
        samples = sum(self._sample_bytes(clip) for clip in self.clips)
        mel = sum(clip.duration_s for clip in self.clips) / self.hop_s * self.features.n_mels * 2
        if self.features.precompute and mel <= budget:
            return "mel"
        return "samples" if samples <= budget else "disk"

    def _sample_bytes(self, clip: Clip) -> float:
        return clip.duration_s * self.features.sample_rate * 2

    def load(self, report: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        """Read every clip once; ``report(done, total)`` after each. Unreadable ones go to ``skipped``.

        Raises Stopped within about a second of ``should_stop`` turning true.
        """
        finished: SimpleQueue[Future[None]] = SimpleQueue()
        row_of: dict[Future[None], int] = {}
        with ThreadPoolExecutor(self.data.workers) as pool:
            try:
                for row in range(len(self.clips)):
                    future = pool.submit(self._load_one, row)
                    row_of[future] = row
                    future.add_done_callback(finished.put)
                done = 0
                while done < len(row_of):
                    if should_stop():
                        raise Stopped("stopped while reading audio")
                    try:
                        future = finished.get(timeout=0.5)
                    except Empty:
                        continue
                    done += 1
                    row = row_of[future]
                    try:
                        future.result()
                    except AudioError as error:
                        self.skipped[row] = str(error)
                    except (OSError, ValueError, RuntimeError) as error:  # whatever a decoder thinks of
                        self.skipped[row] = f"{self.clips[row].filename}: {type(error).__name__}: {error}"
                    report(done, len(row_of))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _load_one(self, row: int) -> None:
        hop = self.features.hop_length
        cache = None if self._in_memory[row] else self._cache
        entry = cache.entry_of(self.clips[row].path, self.clips[row].channel) if cache else None
        kept = cache.load(entry) if cache and entry else None
        cache_hit = kept is not None
        wave = from_int16(*kept) if kept else self._read(row, 0.0, None)
        if cache and not cache_hit:
            kept = to_int16(wave)
            wave = from_int16(*kept)  # what is measured below does not depend on whether the cache had it
        if len(wave) < hop:
            raise AudioError(f"{self.clips[row].filename}: {len(wave)} samples, under one frame of {hop}", "too_short")
        power = self._mel_of(wave)
        self.n_frames[row] = power.shape[1]
        self.duration_s[row] = len(wave) / self.features.sample_rate
        if self.find_landmarks:
            self.landmarks[row] = landmarks(wave, self.features.sample_rate)
        if self.data.crop == "strength":
            self._strength[row] = self._strength_of(power)
        if self.kind == "mel":
            self._kept[row] = self.front_end.db(power[None])[0].half()
        elif self._in_memory[row]:
            self._kept[row] = to_int16(wave)
        elif cache and entry and kept and (cache_hit or cache.write(entry, *kept)):
            self._kept[row] = entry

    def _strength_of(self, power: Tensor) -> NDArray[np.float16]:
        """The mean dB of the lower mel rows, averaged over cells of about STRENGTH_CELL_S."""
        level = self.front_end.db(power[None])[0]
        rows = max(1, round(self.data.strength_rows * self.features.n_mels))
        loud = level.clamp_min(float(level.max()) - STRENGTH_RANGE_DB)[:rows].mean(0).numpy().astype(np.float64)
        edges = np.arange(0, len(loud), self._cell)
        widths = np.diff(np.append(edges, len(loud)))
        return (np.add.reduceat(loud, edges) / widths).astype(np.float16)

    @property
    def _cell(self) -> int:
        return max(1, round(STRENGTH_CELL_S / self.hop_s))

    def strength(self, row: int, n_frames: int) -> NDArray[np.float64]:
        """How much sound each possible chunk of ``n_frames`` holds, by its first frame: (length - n_frames + 1,).

        The sum over the chunk of the frames' mean dB in the lower mel rows. With ``data.crop = "strength"`` only.
        """
        profile, length = self._strength[row], int(self.n_frames[row])
        assert profile is not None, "the strength is measured where data.crop asks for it"
        by_frame = np.repeat(profile.astype(np.float64), self._cell)[:length]
        until = np.concatenate([[0.0], np.cumsum(by_frame)])
        sums: NDArray[np.float64] = until[n_frames:] - until[: length + 1 - n_frames]
        return sums

    def _read(self, row: int, onset_s: float, offset_s: float | None) -> NDArray[np.float32]:
        from labeling.sound.decoding import read_window

        clip, rate = self.clips[row], self.features.sample_rate
        wave, _ = read_window(clip.path, onset_s, offset_s, sample_rate=rate, channel=clip.channel)
        return wave

    def _mel_of(self, wave: NDArray[np.float32]) -> Tensor:
        """Power mel (n_mels, samples // hop) of a whole clip, in blocks so that hours of sound need little memory."""
        hop = self.features.hop_length
        block = max(1, round(BLOCK_S / self.hop_s)) * hop
        whole = len(wave) // hop * hop
        parts = []
        with torch.no_grad():
            for first in range(0, whole, block):
                last = min(first + block, whole)
                part = torch.from_numpy(np.ascontiguousarray(wave[first:last]))
                parts.append(self.front_end.power(part[None])[0, :, : (last - first) // hop])
        return torch.cat(parts, dim=1)

    def batch(self, chunks: Chunks) -> tuple[Tensor, NDArray[np.bool_]]:
        """Cut a batch: dB mel (B, n_mels, T) or samples (B, T * hop), and which rows could be read, (B,) bool.

        A clip shorter than the chunk is repeated, or zeros are put around it, as the recipe's ``data.pad`` says.
        """
        readable = np.ones(len(chunks.rows), dtype=bool)
        size: tuple[int, ...]
        if self.kind == "mel":
            size, dtype = (self.features.n_mels, chunks.n_frames), torch.float16
        else:
            size, dtype = (chunks.n_frames * self.features.hop_length,), torch.float32
        out = torch.empty((len(chunks.rows), *size), dtype=dtype, pin_memory=self._pin)
        for k, (row, start) in enumerate(zip(chunks.rows, chunks.starts, strict=True)):
            try:
                self._cut(int(row), int(start), chunks.n_frames, out[k])
            except AudioError as error:
                readable[k] = False
                with self._lock:
                    self.skipped[int(row)] = str(error)
                out[k] = self._floor_db if self.kind == "mel" else 0.0
        return out, readable

    def _cut(self, row: int, start: int, n_frames: int, out: Tensor) -> None:
        """Fill ``out`` with a chunk: straight away where the clip holds it, since fresh memory costs more than sums."""
        unit = 1 if self.kind == "mel" else self.features.hop_length
        length = int(self.n_frames[row])
        first, last = (max(0, start), min(start + n_frames, length)) if length >= n_frames else (0, length)
        there = (last - first) * unit
        missing = n_frames * unit - there
        if not missing:
            self._stretch(row, first, last, out)
            return
        part = out.new_empty((*out.shape[:-1], there))
        self._stretch(row, first, last, part)
        if length >= n_frames:
            # The last window of a clip may reach past its end by less than a frame of the network: mirror.
            out[..., :there] = part
            if missing > there:  # a window of a single frame of the network
                part = out.new_empty((*out.shape[:-1], missing))
                self._stretch(row, last - missing // unit, last, part)
            out[..., there:] = part[..., -missing:].flip(-1)
        elif self.data.pad == "repeat":
            at = start * unit % there
            times = -(-(at + n_frames * unit) // there)
            out[:] = part.repeat(*[1] * (part.dim() - 1), times)[..., at : at + n_frames * unit]
        else:
            out[:] = self._floor_db if self.kind == "mel" else 0.0
            out[..., -start * unit : (length - start) * unit] = part

    def _stretch(self, row: int, first: int, last: int, out: Tensor) -> None:
        """Fill ``out`` with frames ``first`` to ``last`` of a clip, as it is kept."""
        hop = self.features.hop_length
        kept = self._kept[row]
        if self.kind == "mel":
            out[:] = kept[:, first:last]
        elif isinstance(kept, tuple):
            samples, scale = kept
            from_int16(samples[first * hop : last * hop], scale, out.numpy())
        elif not (self._cache and kept and self._cache.read(kept, first * hop, out.numpy())):
            part = self._read(row, first * self.hop_s, last * self.hop_s)[: len(out)]
            # Rounding to the file's own sample rate may leave a sample more or less than asked.
            out[: len(part)] = torch.from_numpy(part)
            out[len(part) :] = 0.0

    def power(self, raw: Tensor, front_end: FrontEnd) -> Tensor:
        """What ``batch`` gave, moved to the device of ``front_end``, as power mel (B, n_mels, T)."""
        device = front_end.mel.device
        self._pin = device.type == "cuda"  # from now on batches lie where a GPU copies from while it computes
        raw = raw.to(device, non_blocking=True)
        if self.kind == "mel":
            return torch.pow(10.0, raw.float() / 10) * self._reference()
        return front_end.power_of_chunks(raw)

    def _reference(self) -> float:
        # The kept dB are relative to ref; power is not.
        return max(self.features.ref, self.features.amin)


def training_chunks(
    rng: np.random.Generator,
    store: AudioStore,
    rows: NDArray[np.int64],
    n_frames: int,
    batch_size: int,
    share: NDArray[np.float64] | None = None,
) -> list[Chunks]:
    """One epoch: every row ``chunks_per_clip`` times in random order, each at a random position, in even batches.

    With ``share`` (len(rows),), which adds up to 1, as many rows are drawn by it instead.

    With ``data.crop = "strength"`` the chunk at j of a longer clip is drawn with a probability in proportion to
    ``s_j - min s``, s its strength (the adaptive crop of the 7th place in Freesound Audio Tagging 2019).
    """
    if share is None:
        order = rng.permutation(np.repeat(rows, store.data.chunks_per_clip))
    else:
        order = rng.choice(rows, len(rows) * store.data.chunks_per_clip, p=share)
    spare = store.n_frames[order] - n_frames
    position = rng.random(len(order))
    if store.data.pad == "repeat":
        span = np.where(spare >= 0, spare + 1, store.n_frames[order])
        starts = np.floor(position * span).astype(np.int64)
    else:
        starts = np.floor(position * (np.abs(spare) + 1)).astype(np.int64) * np.where(spare >= 0, 1, -1)
    if store.data.crop == "strength":
        for k in np.flatnonzero(spare > 0):
            starts[k] = draw_by_strength(store.strength(int(order[k]), n_frames), float(position[k]))
    # Even batches: a last batch of one clip would spoil the batch norm's statistics.
    count = -(-len(order) // batch_size)
    parts = zip(np.array_split(order, count), np.array_split(starts, count), strict=True)
    return [Chunks(part, first, n_frames) for part, first in parts]


def balanced_share(present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often each clip (N,) of ``present`` (N, C) comes up where a class is drawn evenly and then a clip of it.

    Classes that no clip lists are left out; clips that list none count as one class more.

    Examples
    --------
    >>> import numpy as np
    >>> from models.inputs.clips import balanced_share
    >>> balanced_share(np.array([[True, False], [True, False], [True, True]])).round(3).tolist()
    [0.167, 0.167, 0.667]
    """
    classes = np.column_stack([present, ~present.any(1)]).astype(np.float64)
    count = classes.sum(0)
    share: NDArray[np.float64] = (classes[:, count > 0] / count[count > 0]).mean(1)
    return share


def draw_by_strength(strength: NDArray[np.float64], position: float) -> int:
    """An index with a probability in proportion to ``strength - min``, uniform where all are alike; ``position`` is a
    random number in [0, 1)."""
    weight = strength - strength.min()
    if float(weight.max()) <= 1e-9 * max(1.0, float(np.abs(strength).max())):
        return int(position * len(strength))
    share = np.cumsum(weight)
    return min(int(np.searchsorted(share, position * share[-1], side="right")), len(strength) - 1)


def prefetch(
    work: Callable[[Item], T], items: Sequence[Item], workers: int, ahead: int | None = None
) -> Iterator[tuple[Item, T]]:
    """``(item, work(item))`` in order, computed by threads that stay a few items ahead."""
    ahead = ahead or workers + 1
    with ThreadPoolExecutor(workers) as pool:
        queue: list[Future[T]] = []
        try:
            for k, item in enumerate(items):
                while len(queue) < ahead and k + len(queue) < len(items):
                    queue.append(pool.submit(work, items[k + len(queue)]))
                yield item, queue.pop(0).result()
        finally:
            for future in queue:
                future.cancel()
