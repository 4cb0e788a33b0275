"""Predict whole clips by overlapping windows, stitched on the network's frame grid.

A window may be shown with sound around it (``predict.context_s``), in several views (``predict.tta``) and to several
networks; what comes out is one clipwise row and one framewise array a window, averaged as probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import Stopped
from labeling.records import FrameGrid
from models.config import PredictConfig
from models.inputs.clips import AudioStore, Chunks, draw_by_strength, prefetch
from models.inputs.features import FrontEnd
from models.networks.heads import Network
from models.prediction.tta import View, apply_view, draw_views, frame_places, frames_shown, to_grid

FloatArray = NDArray[np.float32]


class Sound(Protocol):
    """What windows are cut from: an ``AudioStore``, or a recording that is read block by block."""

    def batch(self, chunks: Chunks) -> tuple[Tensor, NDArray[np.bool_]]:
        """Cut a batch; which rows could be read, (B,) bool."""
        ...

    def power(self, raw: Tensor, front_end: FrontEnd) -> Tensor:
        """What ``batch`` gave, as power mel (B, n_mels, T) on the device of ``front_end``."""
        ...


@dataclass(frozen=True)
class Window:
    """One stretch of a clip: its row, first frame, and length in input frames."""

    row: int
    start: int
    n_frames: int


@dataclass(frozen=True)
class Shown:
    """A window, and the stretch around it that the network sees: first frame and length in input frames."""

    window: Window
    start: int
    n_frames: int


@dataclass(frozen=True)
class Predicted:
    """Probabilities of one window: clipwise (C,) of all that was shown, framewise (T, C) of the window's own frames,
    the first of which is frame ``first`` of the clip's grid. ``readable`` is False where there was no sound."""

    row: int
    first: int
    clipwise: FloatArray
    framewise: FloatArray
    readable: bool


def windows_of(row: int, length: int, window: int, overlap: float, stride: int) -> list[Window]:
    """Cover a clip by windows.

    Starts are multiples of ``stride``, so that all windows' output frames fall on one grid. The last window ends at the
    clip's end or less than a stride after it. A clip shorter than a window gets one of its own length, rounded up to a
    multiple of 4 strides so that clips of like length share a batch.

    Parameters
    ----------
    row : int
        The clip's.
    length, window : int
        Of the clip and of a window, in input frames.
    overlap : float
        About so much of a window is shared with the next, 0..1.
    stride : int
        Input frames an output frame.

    Returns
    -------
    list of Window

    Examples
    --------
    >>> from models.prediction.windows import windows_of
    >>> [(window.start, window.n_frames) for window in windows_of(0, length=1000, window=400, overlap=0.0, stride=8)]
    [(0, 400), (304, 400), (600, 400)]
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


def with_context(window: Window, length: int, context: int, stride: int) -> Shown:
    """The window with ``context`` input frames on each side, as far as the clip of ``length`` goes.

    The context is rounded to whole strides, so that frames stay on the grid.
    """
    around = round(context / stride) * stride
    end = window.start + window.n_frames
    first = max(0, window.start - around)
    last = max(end, min(end + around, math.ceil(length / stride) * stride))
    return Shown(window, first, last - first)


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


class Predictor:
    """Networks of one recipe, ready to predict windows. ``hop_s`` is seconds an input frame; ``seed`` draws views."""

    def __init__(
        self,
        networks: Network | Sequence[Network],
        front_end: FrontEnd,
        config: PredictConfig,
        grid: FrameGrid,
        hop_s: float,
        precision: str = "auto",
        seed: int = 0,
    ) -> None:
        self.networks = [networks] if isinstance(networks, Network) else list(networks)
        self.front_end, self.config, self.grid, self.precision = front_end, config, grid, precision
        self.hop_s = hop_s
        self.stride = round(grid.step_s / hop_s)
        self.centre = (grid.start_s + grid.step_s / 2) / hop_s
        self.seed = seed
        self.views = draw_views(config, seed)

    def windows(self, row: int, length: int) -> list[Shown]:
        """The windows of a clip of ``length`` input frames, in order, with their context."""
        window, context = round(self.config.window_s / self.hop_s), round(self.config.context_s / self.hop_s)
        cut = windows_of(row, length, window, self.config.overlap, self.stride)
        return [with_context(cut_window, length, context, self.stride) for cut_window in cut]

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The networks in evaluation mode; afterwards each in the mode it was in."""
        before = [network.training for network in self.networks]
        for network in self.networks:
            network.eval()
        try:
            yield
        finally:
            for network, training in zip(self.networks, before, strict=True):
                network.train(training)

    def probabilities(
        self, power: Tensor, starts: NDArray[np.int64], views: Sequence[View] = ()
    ) -> tuple[FloatArray, FloatArray]:
        """Clipwise (B, C) and framewise (B, T, C), averaged over networks and views (all, where none are given), of
        power mel (B, n_mels, T)."""
        clipwise: list[Tensor] = []
        framewise: list[Tensor] = []
        shown: list[NDArray[np.bool_]] = []
        with torch.no_grad():
            plain = self.front_end.planes(power)
            for view in views or self.views:
                planes = self.front_end.planes(power * 10 ** (view.amount / 10)) if view.kind == "gain" else plain
                planes = apply_view(planes, view, starts, self.config.tta_mask_share)
                for network in self.networks:
                    with precision_context(power.device, self.precision):
                        output = network(planes)
                    frames = torch.sigmoid(output.framewise.float())
                    place = frame_places(view, frames.shape[1], planes.shape[-1], self.stride, self.centre)
                    clipwise.append(torch.sigmoid(output.clipwise.float()))
                    framewise.append(to_grid(frames, place))
                    shown.append(frames_shown(view, place))
            return _mean(clipwise).cpu().numpy(), _mean(framewise, shown).cpu().numpy()

    def batches(
        self, sound: Sound, shown: Sequence[Shown], workers: int, should_stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[list[Shown], NDArray[np.bool_], Tensor, int]]:
        """Each batch's windows, which of them could be read, their power mel (B, n_mels, T), and how many batches there
        are. Those shown alike long share a batch. Raises Stopped."""
        batches: list[list[Shown]] = []
        for length in sorted({span.n_frames for span in shown}):
            alike = [span for span in shown if span.n_frames == length]
            size = self.config.batch_size
            batches += [alike[first : first + size] for first in range(0, len(alike), size)]
        chunks = [
            Chunks(
                np.array([span.window.row for span in part]), np.array([span.start for span in part]), part[0].n_frames
            )
            for part in batches
        ]
        for done, (_, (raw, readable)) in enumerate(prefetch(sound.batch, chunks, workers)):
            if should_stop():
                raise Stopped("stopped while predicting")
            yield batches[done], readable, sound.power(raw, self.front_end), len(batches)

    def own_frames(self, one: Shown) -> slice:
        """Which of the output frames of all that was shown are the window's own."""
        if one.n_frames == one.window.n_frames:
            return slice(None)
        before = (one.window.start - one.start) // self.stride
        return slice(before, before + one.window.n_frames // self.stride)

    def predict(
        self, sound: Sound, shown: Sequence[Shown], workers: int, should_stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[list[Predicted], int, int]]:
        """Each batch's windows with the number of batches done and of all.

        Call it within ``evaluating``. Raises Stopped.
        """
        for done, (batch, readable, power, total) in enumerate(self.batches(sound, shown, workers, should_stop)):
            starts = np.array([span.start for span in batch])
            clipwise, framewise = self.probabilities(power, starts)
            predictions = []
            for k, span in enumerate(batch):
                frames = framewise[k][self.own_frames(span)]
                first = span.window.start // self.stride
                predictions.append(Predicted(span.window.row, first, clipwise[k], frames, bool(readable[k])))
            yield predictions, done + 1, total


def _mean(parts: list[Tensor], shown: Sequence[NDArray[np.bool_]] = ()) -> Tensor:
    """The mean of equal shapes; framewise arrays of networks with fewer frames bound the length, and each counts only
    where it was ``shown`` (T,), or everywhere for a frame that none was."""
    if len(parts) == 1:
        return parts[0]
    if parts[0].dim() == 3:
        length = min(part.shape[1] for part in parts)
        parts = [part[:, :length] for part in parts]
        seen = np.stack([one[:length] for one in shown])
        if not seen.all():
            weight = torch.from_numpy((seen | ~seen.any(0)).astype(np.float32)).to(parts[0].device)[:, None, :, None]
            return (torch.stack(parts) * weight).sum(0) / weight.sum(0)
    return torch.stack(parts).mean(0)


def predict_crops(
    predictor: Predictor, store: AudioStore, rows: Sequence[int] | NDArray[np.int64], should_stop: Callable[[], bool]
) -> FloatArray:
    """Clipwise (n, C): the mean over ``predict.clip_crops`` windows of each clip, drawn where its sound is strong.

    The crops' places are drawn once for all clips, so that a clip is predicted alike alone and among others; the k-th
    crop is shown as the k-th view. NaN for a clip that cannot be read. Call it within ``evaluating``. Raises Stopped.
    """
    config, n_frames = predictor.config, round(predictor.config.window_s / predictor.hop_s)
    position = np.random.default_rng(predictor.seed).random(config.clip_crops)
    rows = np.asarray(rows, dtype=np.int64)
    longer = store.n_frames[rows] > n_frames
    strength = [store.strength(int(row), n_frames) if spare else None for row, spare in zip(rows, longer, strict=True)]
    total: FloatArray | None = None
    for k in range(config.clip_crops):
        starts = [0 if one is None else draw_by_strength(one, float(position[k])) for one in strength]
        view = predictor.views[k % len(predictor.views)]
        parts = []
        shown = [
            Shown(Window(int(row), start, n_frames), start, n_frames) for row, start in zip(rows, starts, strict=True)
        ]
        for batch, readable, power, _ in predictor.batches(store, shown, store.data.workers, should_stop):
            clipwise, _ = predictor.probabilities(power, np.array([one.start for one in batch]), [view])
            parts.append(np.where(readable[:, None], clipwise, np.nan))
        one = np.concatenate(parts)
        total = one if total is None else total + one
    assert total is not None, "asked for with predict.clip_crops above 0"
    return np.asarray(total / config.clip_crops, dtype=np.float32)


def fill_gaps(values: FloatArray, covered: NDArray[np.bool_]) -> FloatArray:
    """Frames (T, C) where those not ``covered`` (T,) take the value of the last that is, or of the first.

    A network without padding gives a frame or so less than its input holds; the last one stands for the rest.
    """
    if covered.all():
        return values
    known = np.flatnonzero(covered)
    return values[known[np.clip(np.searchsorted(known, np.arange(len(covered)), side="right") - 1, 0, None)]]


def predict_clips(
    networks: Network | Sequence[Network],
    front_end: FrontEnd,
    store: AudioStore,
    rows: Sequence[int] | NDArray[np.int64],
    config: PredictConfig,
    grid: FrameGrid,
    precision: str = "auto",
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
    seed: int = 0,
) -> tuple[FloatArray, list[FloatArray]]:
    """Predict whole clips by overlapping windows.

    The probabilities of several networks and views are averaged. Frames are averaged where windows overlap and cut to
    the clip's duration; with context, clipwise speaks of all that was shown, and with ``clip_crops`` of those.

    Parameters
    ----------
    networks : Network or sequence of Network
    front_end : FrontEnd
    store : AudioStore
        Loaded.
    rows : sequence of n int
        Of the store.
    config : PredictConfig
    grid : FrameGrid
        Of the networks, see `heads.frame_grid`.
    precision : str
        ``train.precision`` of the recipe.
    should_stop : callable
        Asked between batches.
    report : callable
        Called with (batches done, batches in all).
    seed : int
        Draws the views.

    Returns
    -------
    clipwise : ndarray of float32, shape (n, C)
        NaN for a clip that can no longer be read; it is in ``store.skipped``.
    framewise : list of n ndarrays of float32, shape (T_i, C)

    Raises
    ------
    Stopped
        ``should_stop`` said so.

    Examples
    --------
    >>> from labeling.collection import store as clips_store
    >>> from labeling.example import example_workspace
    >>> from models.config import load_recipe
    >>> from models.inputs.clips import AudioStore
    >>> from models.networks.catalogue import build_network
    >>> from models.networks.heads import frame_grid
    >>> from models.prediction.windows import predict_clips
    >>> small = ["network.widths=[4,4]", "network.time_pool=[2,2]", "n_mels=16", "sample_rate=8000", "fmax_hz=4000"]
    >>> recipe = load_recipe("quick", [*small, "n_fft=512", "hop_length=256", "data.workers=1"])
    >>> with example_workspace().read() as connection:
    ...     clips = clips_store.usable_clips(connection)[:2]
    >>> store = AudioStore(clips, recipe.features, recipe.data)
    >>> store.load(report=lambda done, total: None, should_stop=lambda: False)
    >>> network = build_network(recipe, n_classes=3)
    >>> grid = frame_grid(network, recipe.features)
    >>> clipwise, framewise = predict_clips(network, store.front_end, store, [0, 1], recipe.predict, grid)
    >>> clipwise.shape, framewise[0].shape == (round(2.0 / grid.step_s), 3)
    ((2, 3), True)
    """
    predictor = Predictor(networks, front_end, config, grid, store.hop_s, precision, seed)
    shown = [span for row in rows for span in predictor.windows(int(row), int(store.n_frames[row]))]
    place = {int(row): k for k, row in enumerate(rows)}
    lengths = [n_output_frames(float(store.duration_s[row]), grid) for row in rows]
    total: list[FloatArray] = []
    count = [np.zeros((length, 1), dtype=np.float32) for length in lengths]
    clip_parts: list[list[FloatArray]] = [[] for _ in rows]
    lost: set[int] = set()
    n_classes = 0
    with predictor.evaluating():
        for predictions, done, of in predictor.predict(store, shown, store.data.workers, should_stop):
            if not total:
                n_classes = len(predictions[0].clipwise)
                total = [np.zeros((length, n_classes), dtype=np.float32) for length in lengths]
            for prediction in predictions:
                at = place[prediction.row]
                if not prediction.readable:
                    lost.add(at)
                    continue
                clip_parts[at].append(prediction.clipwise)
                fits = max(0, min(len(prediction.framewise), lengths[at] - prediction.first))
                total[at][prediction.first : prediction.first + fits] += prediction.framewise[:fits]
                count[at][prediction.first : prediction.first + fits] += 1
            report(done, of)
        crops = predict_crops(predictor, store, rows, should_stop) if config.clip_crops and len(rows) else None
    clip_values = np.full((len(place), n_classes), np.nan, dtype=np.float32)
    frames: list[FloatArray] = []
    for k in range(len(place)):
        if k in lost or not clip_parts[k]:
            frames.append(np.zeros((0, n_classes), dtype=np.float32))
            continue
        pool = np.max if config.clip_pool == "max" else np.mean
        clip_values[k] = pool(np.stack(clip_parts[k]), axis=0) if crops is None else crops[k]
        covered = count[k][:, 0] > 0
        mean = np.asarray(total[k] / np.maximum(count[k], 1), dtype=np.float32)
        frames.append(np.clip(fill_gaps(mean, covered), 0, 1))
    return clip_values, frames
