"""Predict whole clips by overlapping windows, stitched on the network's frame grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.records import FrameGrid
from models.config import PredictConfig
from models.data import AudioStore, Chunks, Stopped, prefetch
from models.features import FrontEnd
from models.heads import Network

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """One stretch of a clip: its row, first frame, and length in input frames."""

    row: int
    start: int
    n_frames: int


def windows_of(row: int, length: int, window: int, overlap: float, stride: int) -> list[Window]:
    """Cover ``length`` input frames by windows of ``window``, neighbours sharing about ``overlap`` of it.

    Starts are multiples of ``stride``, so that all windows' output frames fall on one grid. The last window ends at
    the clip's end or less than a stride after it. A clip shorter than a window gets one of its own length, rounded
    up to a multiple of 4 strides so that clips of like length share a batch.
    """
    window = max(1, window // stride) * stride
    if length <= window:
        unit = 4 * stride
        return [Window(row, 0, min(window, math.ceil(length / unit) * unit))]
    last = math.ceil((length - window) / stride)
    step = max(1, round(window * (1 - overlap) / stride))
    count = math.ceil(last / step)
    starts = sorted({round(k * last / count) for k in range(count + 1)})
    return [Window(row, start * stride, window) for start in starts]


def n_output_frames(duration_s: float, grid: FrameGrid) -> int:
    """How many frames of the grid begin before the clip ends, at least 1."""
    return max(1, math.ceil((duration_s - grid.start_s) / grid.step_s - 1e-6))


def precision_context(device: torch.device, precision: str) -> Any:
    """Autocast as the recipe's ``train.precision`` says: auto is bfloat16 on a GPU that computes in it, else float32.

    Not on a CPU that could: there the gradient of a convolution came out as NaN for some shapes, all inputs finite
    (PyTorch 2.15 on a Xeon with AMX), and two CPUs would not give the same predictions.
    """
    if precision == "auto":
        able = device.type == "cuda" and torch.cuda.is_bf16_supported()
        precision = "bfloat16" if able else "float32"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def predict_clips(
    network: Network,
    front_end: FrontEnd,
    store: AudioStore,
    rows: Sequence[int] | NDArray[np.int64],
    config: PredictConfig,
    grid: FrameGrid,
    precision: str = "auto",
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[FloatArray, list[FloatArray]]:
    """Probabilities of the store's ``rows``: clipwise (n, C), and framewise one (T_i, C) array a clip.

    Frames are averaged where windows overlap and cut to the clip's duration. A clip that can no longer be read gets
    NaN and no frames, and is in ``store.skipped``. Raises Stopped.
    """
    device = front_end.mel.device
    hop_s = store.hop_s
    stride = round(grid.step_s / hop_s)
    window = round(config.window_s / hop_s)
    windows = [
        one for row in rows for one in windows_of(int(row), int(store.n_frames[row]), window, config.overlap, stride)
    ]
    windows.sort(key=lambda one: one.n_frames)
    batches: list[Chunks] = []
    for length in sorted({one.n_frames for one in windows}):
        alike = [one for one in windows if one.n_frames == length]
        for first in range(0, len(alike), config.batch_size):
            part = alike[first : first + config.batch_size]
            batches.append(Chunks(np.array([one.row for one in part]), np.array([one.start for one in part]), length))
    place = {int(row): k for k, row in enumerate(rows)}
    lengths = [n_output_frames(float(store.duration_s[row]), grid) for row in rows]
    total: list[FloatArray] = []
    count = [np.zeros((length, 1), dtype=np.float32) for length in lengths]
    clip_parts: list[list[FloatArray]] = [[] for _ in rows]
    lost: set[int] = set()
    was_training = network.training
    network.eval()
    n_classes = 0
    for done, (chunk, (raw, readable)) in enumerate(prefetch(store.batch, batches, store.data.workers)):
        if should_stop():
            network.train(was_training)
            raise Stopped("stopped while predicting")
        with torch.no_grad():
            planes = front_end.planes(store.power(raw, front_end))
            with precision_context(device, precision):
                output = network(planes)
            clipwise = torch.sigmoid(output.clipwise.float()).cpu().numpy()
            framewise = torch.sigmoid(output.framewise.float()).cpu().numpy()
        if not total:
            n_classes = clipwise.shape[1]
            total = [np.zeros((length, n_classes), dtype=np.float32) for length in lengths]
        for k, (row, start) in enumerate(zip(chunk.rows, chunk.starts, strict=True)):
            at = place[int(row)]
            if not readable[k]:
                lost.add(at)
                continue
            clip_parts[at].append(clipwise[k])
            first = int(start) // stride
            fits = max(0, min(framewise.shape[1], lengths[at] - first))
            total[at][first : first + fits] += framewise[k, :fits]
            count[at][first : first + fits] += 1
        report(done + 1, len(batches))
    network.train(was_training)
    clip_values = np.full((len(place), n_classes), np.nan, dtype=np.float32)
    frames: list[FloatArray] = []
    for k in range(len(place)):
        if k in lost or not clip_parts[k]:
            frames.append(np.zeros((0, n_classes), dtype=np.float32))
            continue
        pool = np.max if config.clip_pool == "max" else np.mean
        clip_values[k] = pool(np.stack(clip_parts[k]), axis=0)
        covered = count[k][:, 0] > 0
        # A network without padding gives a frame or so less than its input holds; the last one stands for the rest.
        if not covered.all():
            known = np.flatnonzero(covered)
            source = known[np.clip(np.searchsorted(known, np.arange(len(covered)), side="right") - 1, 0, None)]
            frames.append(np.clip(total[k][source] / count[k][source], 0, 1))
        else:
            frames.append(np.clip(total[k] / count[k], 0, 1))
    return clip_values, frames
