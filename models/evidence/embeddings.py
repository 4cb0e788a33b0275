"""Which training clips sound most alike to the network: stretches of sound around the peaks, and their neighbours.

A stretch is about half a second around a frame where a class is at its highest in the clip. Its embedding is the mean
of the features there, just before the classifying layers; alike is what has a high cosine. If clips that sound the
same list a class and this one does not, its label is worth a look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from labeling.records import FrameGrid
from models.config import PredictConfig
from models.evidence.nearest import nearest
from models.inputs.clips import AudioStore
from models.inputs.features import FrontEnd
from models.networks.heads import Network, Output
from models.prediction.windows import Predictor, Shown, n_output_frames, precision_context

PEAKS = 6
"""Stretches a clip, at most: weak labels seldom list more classes, and more stretches are mostly background."""
STRETCH_S = 0.5
"""About the length of a call or a syllable group; a network with coarser frames has stretches of one frame."""


@dataclass(frozen=True)
class Stretches:
    """Stretches of clips, clip by clip: ``place`` (S,) says which of the rows asked for, ``class_id`` (S,) whose peak,
    ``onset_s`` (S,) where it begins; ``vectors`` (S, D) float16 are unit vectors."""

    place: NDArray[np.int64]
    class_id: NDArray[np.int32]
    onset_s: NDArray[np.float32]
    vectors: NDArray[np.float16]


@dataclass(frozen=True)
class Neighbours:
    """The stretches of the clips ``clip_ids`` (n,): clip i has ``offsets[i]`` to ``offsets[i + 1]``. ``neighbour_ids``
    (S, K) int64 are ids of clips, the most alike first, -1 where there are fewer; ``similarity`` (S, K) their cosine.
    """

    clip_ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    class_id: NDArray[np.int32]
    onset_s: NDArray[np.float32]
    neighbour_ids: NDArray[np.int64]
    similarity: NDArray[np.float16]


@dataclass(frozen=True)
class Peak:
    """A class at its highest in a clip: the logit, the frame (or stretch), and the unit vector there."""

    value: float
    class_id: int
    frame: int
    vector: NDArray[np.float16]


def pick(peaks: Sequence[Peak], half: int) -> list[Peak]:
    """The highest peaks, each class once; one that lies within ``half`` frames of a higher one is the same sound."""
    kept: list[Peak] = []
    for peak in sorted(peaks, key=lambda peak: (-peak.value, peak.class_id, peak.frame)):
        if len(kept) == PEAKS:
            break
        if all(abs(peak.frame - other.frame) > half and peak.class_id != other.class_id for other in kept):
            kept.append(peak)
    return kept


def half_width(grid: FrameGrid) -> int:
    """How many frames a stretch holds before its middle one, and after it."""
    return max(0, round((STRETCH_S / grid.step_s - 1) / 2))


def stretches_of(
    network: Network,
    front_end: FrontEnd,
    store: AudioStore,
    rows: NDArray[np.int64],
    config: PredictConfig,
    grid: FrameGrid,
    precision: str = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Stretches | None:
    """The stretches of the store's ``rows``, by the windows in which a clip is predicted; None where the network gives
    no features on the frames of ``framewise``. Clips that cannot be read have none. Raises Stopped."""
    predictor = Predictor(network, front_end, config, grid, store.hop_s, precision)
    half = half_width(grid)
    windows = [predictor.windows(int(row), int(store.n_frames[row])) for row in rows]
    waiting = {int(row): len(clip_windows) for row, clip_windows in zip(rows, windows, strict=True)}
    peaks: dict[int, list[Peak]] = {row: [] for row in waiting}
    lengths = {int(row): n_output_frames(float(store.duration_s[row]), grid) for row in rows}
    shown = [span for clip_windows in windows for span in clip_windows]
    with predictor.evaluating(), torch.no_grad():
        for batch, readable, power, _ in predictor.batches(store, shown, store.data.workers, should_stop):
            with precision_context(power.device, precision):
                output: Output = network(front_end.planes(power))
            if output.features is None or output.features.shape[2] != output.framewise.shape[1]:
                return None
            first = np.array([span.window.start // predictor.stride for span in batch])
            own = _own(predictor, batch, output.framewise.shape[1], first, lengths)
            found_peaks = _peaks_of(output, own, half)
            for k, span in enumerate(batch):
                row = span.window.row
                if readable[k]:
                    shift = int(first[k]) - (predictor.own_frames(span).start or 0)
                    moved = (Peak(p.value, p.class_id, p.frame + shift, p.vector) for p in found_peaks[k])
                    peaks[row] += moved
                waiting[row] -= 1
                if not waiting[row]:  # keep no more than is needed: long clips have many windows
                    peaks[row] = pick(peaks[row], half)
    every = [(place, peak) for place, row in enumerate(rows) for peak in peaks[int(row)]]
    frames = np.array([peak.frame for _, peak in every], dtype=np.float64)
    return Stretches(
        np.array([place for place, _ in every], dtype=np.int64),
        np.array([peak.class_id for _, peak in every], dtype=np.int32),
        np.maximum(0, grid.start_s + (frames - half) * grid.step_s).astype(np.float32),
        np.stack([peak.vector for _, peak in every]) if every else np.zeros((0, 1), np.float16),
    )


def _own(
    predictor: Predictor, batch: Sequence[Shown], n_frames: int, first: NDArray[np.int64], lengths: dict[int, int]
) -> NDArray[np.bool_]:
    """Which output frames (B, T) are the windows' own and lie within the clips."""
    own = np.zeros((len(batch), n_frames), dtype=bool)
    for k, span in enumerate(batch):
        part = own[k][predictor.own_frames(span)]
        part[: max(0, lengths[span.window.row] - int(first[k]))] = True
    return own


def _peaks_of(output: Output, own: NDArray[np.bool_], half: int) -> list[list[Peak]]:
    """Each window's peaks among its ``own`` (B, T) frames."""
    features = output.features
    assert features is not None
    mask = torch.from_numpy(own).to(features.device)
    frames = output.framewise.float().masked_fill(~mask[:, :, None], -torch.inf)
    highest, at = frames.max(dim=1)
    # Candidates beyond PEAKS, for those that share a frame with a higher class.
    value, class_id = highest.topk(min(4 * PEAKS, highest.shape[1]), dim=1)
    frame = at.gather(1, class_id)
    vectors = _means(features.float(), mask, half)
    vectors = F.normalize(vectors.gather(2, frame[:, None, :].expand(-1, vectors.shape[1], -1)), dim=1)
    host = [tensor.cpu().numpy() for tensor in (value, class_id, frame, vectors.half())]
    peaks = []
    for v, c, f, x in zip(*host, strict=True):
        some = [Peak(float(v[j]), int(c[j]), int(f[j]), x[:, j].copy()) for j in np.flatnonzero(np.isfinite(v))]
        peaks.append(pick(some, half))
    return peaks


def _means(features: Tensor, mask: Tensor, half: int) -> Tensor:
    """Features (B, D, T) averaged over ``half`` frames on each side, as far as ``mask`` (B, T) goes."""
    weight = mask[:, None, :].to(features.dtype)
    width = 2 * half + 1
    total = F.avg_pool1d(features * weight, width, 1, half)
    return total / F.avg_pool1d(weight, width, 1, half).clamp_min(1 / (2 * width))


def find_neighbours(
    network: Network,
    front_end: FrontEnd,
    store: AudioStore,
    train_rows: NDArray[np.int64],
    valid_rows: NDArray[np.int64],
    config: PredictConfig,
    grid: FrameGrid,
    precision: str = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Neighbours:
    """For each stretch of the clips ``valid_rows`` the ``config.neighbours`` training clips that hold the stretches
    most like it, each clip once. A network without features gives no stretches. Raises Stopped."""
    held_out, training = (
        stretches_of(network, front_end, store, rows, config, grid, precision, should_stop)
        for rows in (valid_rows, train_rows)
    )
    ids, train_ids = (
        np.array([store.clips[int(row)].id for row in rows], dtype=np.int64) for rows in (valid_rows, train_rows)
    )
    return neighbours_among(held_out, training, ids, train_ids, config.neighbours, front_end.mel.device, should_stop)


def neighbours_among(
    held_out: Stretches | None,
    training: Stretches | None,
    ids: NDArray[np.int64],
    train_ids: NDArray[np.int64],
    k: int,
    device: torch.device,
    should_stop: Callable[[], bool] = lambda: False,
) -> Neighbours:
    """For each stretch of the clips ``ids`` (n,) the ``k`` of the clips ``train_ids`` (m,) that hold the stretches most
    like it. Without stretches there are none. Raises Stopped."""
    if held_out is None or training is None or not len(held_out.place) or not len(training.place):
        nothing = np.zeros(0, np.int64)
        offsets = np.zeros(len(ids) + 1, dtype=np.int64)
        return Neighbours(
            ids, offsets, nothing.astype(np.int32), nothing.astype(np.float32), np.zeros((0, k), np.int64),
            np.zeros((0, k), np.float16),
        )  # fmt: skip
    usual = training.vectors.mean(axis=0, dtype=np.float32)  # what all sound has in common says nothing of likeness
    place, similarity = nearest(
        held_out.vectors - usual, training.vectors - usual, training.place, k, device, should_stop
    )
    train_ids = np.append(train_ids, -1)
    offsets = np.searchsorted(held_out.place, np.arange(len(ids) + 1))
    return Neighbours(
        ids, offsets.astype(np.int64), held_out.class_id, held_out.onset_s, train_ids[place], similarity
    )  # fmt: skip
