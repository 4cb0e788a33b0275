"""The clips' sound as a training reads it: in memory as mel or as samples where it fits, else from disk.

Positions count frames of ``hop_length`` samples, whichever way the sound is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import AudioError
from labeling.records import Clip
from models.config import DataConfig, FeatureConfig
from models.features import FrontEnd
from models.folds import Fingerprint, fingerprint

T = TypeVar("T")
BLOCK_S = 300.0


class Stopped(Exception):
    """The caller asked to stop; what was finished is kept, and the run can be resumed."""


@dataclass(frozen=True)
class Chunks:
    """One batch to be cut: rows of the store, first frames (negative: zeros come first), and the frames of each."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_frames: int


class AudioStore:
    """All clips' sound. ``kind`` is ``mel`` (power in dB), ``samples`` (both in memory) or ``disk``.

    After ``load``, ``n_frames`` (N,) holds each clip's length, 0 for those that could not be read; ``skipped`` says
    why, by row; ``fingerprints`` serve to find near-duplicates.
    """

    def __init__(self, clips: Sequence[Clip], features: FeatureConfig, data: DataConfig) -> None:
        self.clips = list(clips)
        self.features = features
        self.data = data
        self.front_end = FrontEnd(features)
        self.n_frames = np.zeros(len(self.clips), dtype=np.int64)
        self.duration_s = np.zeros(len(self.clips))
        self.fingerprints: list[Fingerprint | None] = [None] * len(self.clips)
        self.skipped: dict[int, str] = {}
        self.kind = self._choose_kind()
        self._kept: list[Any] = [None] * len(self.clips)
        self._floor_db = float(self.front_end.db(torch.zeros(1, 1, 1)))
        self._lock = threading.Lock()

    @property
    def hop_s(self) -> float:
        """Seconds a frame."""
        return self.features.hop_length / self.features.sample_rate

    def _choose_kind(self) -> str:
        seconds = sum(clip.duration_s for clip in self.clips)
        budget = self.data.memory_gb * 1e9
        samples = seconds * self.features.sample_rate * 2
        mel = seconds / self.hop_s * self.features.n_mels * 2
        if self.features.precompute and mel <= budget:
            return "mel"
        return "samples" if samples <= budget else "disk"

    def load(self, report: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        """Read every clip once; ``report(done, total)`` after each. Unreadable ones go to ``skipped``.

        Raises Stopped within about a second of ``should_stop`` turning true.
        """
        with ThreadPoolExecutor(self.data.workers) as pool:
            futures = {pool.submit(self._load_one, row): row for row in range(len(self.clips))}
            try:
                pending: set[Future[None]] = set(futures)
                while pending:
                    finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in finished:
                        try:
                            future.result()
                        except AudioError as error:
                            self.skipped[futures[future]] = str(error)
                        except (OSError, ValueError, RuntimeError) as error:  # whatever a decoder thinks of
                            name = self.clips[futures[future]].filename
                            self.skipped[futures[future]] = f"{name}: {type(error).__name__}: {error}"
                    if should_stop():
                        raise Stopped("stopped while reading audio")
                    if finished:
                        report(len(futures) - len(pending), len(futures))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _load_one(self, row: int) -> None:
        hop = self.features.hop_length
        wave = self._read(row, 0.0, None)
        if len(wave) < hop:
            raise AudioError(f"{self.clips[row].filename}: {len(wave)} samples, under one frame of {hop}", "too_short")
        power = self._mel_of(wave)
        self.n_frames[row] = power.shape[1]
        self.duration_s[row] = len(wave) / self.features.sample_rate
        self.fingerprints[row] = fingerprint(power.numpy(), self.features.fmin_hz, self.features.fmax_hz)
        if self.kind == "mel":
            self._kept[row] = self.front_end.db(power[None])[0].half()
        elif self.kind == "samples":
            scale = max(float(np.abs(wave).max()), 1e-9) / 32767
            self._kept[row] = (np.round(wave / scale).astype(np.int16), np.float32(scale))

    def _read(self, row: int, onset_s: float, offset_s: float | None) -> NDArray[np.float32]:
        from labeling.audio import read_window

        wave, _ = read_window(self.clips[row].path, onset_s, offset_s, sample_rate=self.features.sample_rate, mono=True)
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
        cut: list[Tensor | None] = []
        for k, (row, start) in enumerate(zip(chunks.rows, chunks.starts, strict=True)):
            try:
                cut.append(self._cut(int(row), int(start), chunks.n_frames))
            except AudioError as error:
                readable[k] = False
                with self._lock:
                    self.skipped[int(row)] = str(error)
                cut.append(None)
        if self.kind == "mel":
            blank = torch.full((self.features.n_mels, chunks.n_frames), self._floor_db, dtype=torch.float16)
        else:
            blank = torch.zeros(chunks.n_frames * self.features.hop_length)
        return torch.stack([blank if one is None else one for one in cut]), readable

    def _cut(self, row: int, start: int, n_frames: int) -> Tensor:
        hop = self.features.hop_length
        unit = 1 if self.kind == "mel" else hop
        length = int(self.n_frames[row])
        first, last = (max(0, start), min(start + n_frames, length)) if length >= n_frames else (0, length)
        part = self._stretch(row, first, last)
        missing = n_frames * unit - part.shape[-1]
        if missing <= 0:
            return part
        if length >= n_frames:
            # The last window of a clip may reach past its end by less than a frame of the network: mirror.
            return torch.cat([part, part[..., -missing:].flip(-1)], dim=-1)
        if self.data.pad == "repeat":
            place = (torch.arange(n_frames * unit) + start * unit) % part.shape[-1]
            return part[..., place]
        padded = torch.full((*part.shape[:-1], n_frames * unit), self._floor_db if self.kind == "mel" else 0.0)
        padded = padded.to(part.dtype)
        padded[..., -start * unit : (length - start) * unit] = part
        return padded

    def _stretch(self, row: int, first: int, last: int) -> Tensor:
        """Frames ``first`` to ``last`` of a clip, as it is kept."""
        hop = self.features.hop_length
        if self.kind == "mel":
            mel: Tensor = self._kept[row][:, first:last]
            return mel
        if self.kind == "samples":
            samples, scale = self._kept[row]
            return torch.from_numpy(samples[first * hop : last * hop].astype(np.float32) * scale)
        part = self._read(row, first * self.hop_s, last * self.hop_s)
        # Rounding to the file's own sample rate may leave a sample more or less than asked.
        wanted = (last - first) * hop
        return torch.from_numpy(np.pad(part, (0, max(0, wanted - len(part))))[:wanted])

    def power(self, raw: Tensor, front_end: FrontEnd) -> Tensor:
        """What ``batch`` gave, moved to the device of ``front_end``, as power mel (B, n_mels, T)."""
        raw = raw.to(front_end.mel.device, non_blocking=True)
        if self.kind == "mel":
            return torch.pow(10.0, raw.float() / 10) * self._reference()
        return front_end.power(raw)[..., :-1]

    def _reference(self) -> float:
        # The kept dB are relative to ref; power is not.
        return max(self.features.ref, self.features.amin)


def training_chunks(
    rng: np.random.Generator, store: AudioStore, rows: NDArray[np.int64], n_frames: int, batch_size: int
) -> list[Chunks]:
    """One epoch: every row ``chunks_per_clip`` times in random order, each at a random position, in even batches."""
    order = rng.permutation(np.repeat(rows, store.data.chunks_per_clip))
    spare = store.n_frames[order] - n_frames
    position = rng.random(len(order))
    if store.data.pad == "repeat":
        span = np.where(spare >= 0, spare + 1, store.n_frames[order])
        starts = np.floor(position * span).astype(np.int64)
    else:
        starts = np.floor(position * (np.abs(spare) + 1)).astype(np.int64) * np.where(spare >= 0, 1, -1)
    # Even batches: a last batch of one clip would spoil the batch norm's statistics.
    count = -(-len(order) // batch_size)
    parts = zip(np.array_split(order, count), np.array_split(starts, count), strict=True)
    return [Chunks(part, first, n_frames) for part, first in parts]


def prefetch(
    work: Callable[[Chunks], T], chunks: Sequence[Chunks], workers: int, ahead: int | None = None
) -> Iterator[tuple[Chunks, T]]:
    """``(chunk, work(chunk))`` in order, computed by threads that stay a few batches ahead."""
    ahead = ahead or workers + 1
    with ThreadPoolExecutor(workers) as pool:
        queue: list[Future[T]] = []
        try:
            for k, chunk in enumerate(chunks):
                while len(queue) < ahead and k + len(queue) < len(chunks):
                    queue.append(pool.submit(work, chunks[k + len(queue)]))
                yield chunk, queue.pop(0).result()
        finally:
            for future in queue:
                future.cancel()
