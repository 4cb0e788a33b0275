"""Test-time augmentation: several views of one window, and the way their frames go back onto the grid.

A view changes the planes that a network sees. Where it moves sound in time, the frames that come out are put back by
linear interpolation, so that all views of a window can be averaged frame by frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import DataError
from models.config import PredictConfig
from models.config.augment import ResizedCrop
from models.config.predict import FLIPS
from models.inputs.augment.change import Batch
from models.inputs.augment.planes import draw_resized_crop, resized_part

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """One view: ``kind`` is plain or one of ``config.TTA``.

    ``amount`` is the shift as a share of the window, or the gain in dB; ``seed`` draws the stripes or the part.
    """

    kind: str = "plain"
    amount: float = 0.0
    seed: tuple[int, ...] = ()


def draw_views(config: PredictConfig, seed: int) -> tuple[View, ...]:
    """The views of a prediction, the plain one first: the same for the same settings and seed."""
    turns = list(dict.fromkeys(config.tta))
    views = [View()]
    while len(views) < config.tta_views:
        kind = turns[0]
        # A second flip would show what the first showed.
        turns = turns[1:] + ([] if kind in FLIPS else [kind])
        rng = np.random.default_rng([seed, len(views)])
        amount = {"shift": rng.random(), "gain": rng.uniform(-config.tta_gain_db, config.tta_gain_db)}.get(kind, 0.0)
        views.append(View(kind, float(amount), (seed, len(views))))
    return tuple(views)


def shift_frames(view: View, n_frames: int) -> int:
    """By how many input frames a shift view moves a window of ``n_frames``: 1 to n_frames - 1."""
    return 1 + int(view.amount * (n_frames - 1)) if n_frames > 1 else 0


def apply_view(planes: Tensor, view: View, starts: Sequence[int] | NDArray[np.int64], mask_share: float) -> Tensor:
    """Planes (B, channels, n_mels, T) as the view shows them. ``gain`` acts on power, before there are planes.

    The stripes of spec_augment depend on the view and on each window's place ``starts`` (B,) in its clip, so that a
    clip is predicted alike alone and among others: one stripe an axis, its width drawn from 0 to
    ``int(mask_share * size) - 1``, filled with the plane's mean.
    """
    if view.kind == "shift":
        return planes.roll(shift_frames(view, planes.shape[-1]), -1)
    if view.kind == "flip_time":
        return planes.flip(-1)
    if view.kind == "flip_frequency":
        return planes.flip(-2)
    if view.kind == "resized_crop":
        return resized_part(
            planes, part_shown(view, planes.shape[2], planes.shape[3])[None].repeat(len(planes), axis=0)
        )
    if view.kind != "spec_augment":
        return planes
    stripes = np.array([_stripes(view, int(start), planes.shape[2:], mask_share) for start in starts])
    hidden = torch.zeros((len(planes), *planes.shape[2:]), dtype=torch.bool, device=planes.device)
    for axis in (0, 1):
        place = torch.arange(hidden.shape[1 + axis], device=planes.device)
        first, end = torch.from_numpy(stripes[:, axis]).to(planes.device)[:, :, None].unbind(1)
        stripe = (place >= first) & (place < end)
        hidden |= stripe[:, :, None] if axis == 0 else stripe[:, None, :]
    return torch.where(hidden[:, None], planes.mean((-2, -1), keepdim=True), planes)


def part_shown(view: View, n_mels: int, n_frames: int) -> NDArray[np.int64]:
    """What a resized_crop view shows: first band, bands, first frame, frames; drawn as for training chunks."""
    drawn = draw_resized_crop(np.random.default_rng(view.seed), ResizedCrop(), Batch(1, n_mels, n_frames, 0, 1, 1.0))
    return np.asarray(drawn["part"][0])


def _stripes(view: View, start: int, sizes: Sequence[int], share: float) -> list[list[int]]:
    """First and end of the stripe of each axis."""
    rng = np.random.default_rng([*view.seed, start])
    stripes = []
    for size in sizes:
        width = int(rng.integers(0, max(1, int(share * size))))
        first = int(rng.integers(0, size - width + 1))
        stripes.append([first, first + width])
    return stripes


def frame_places(view: View, n_output: int, n_input: int, stride: int, centre: float) -> FloatArray:
    """Where the frames that a network gives for a view lie on the grid, (n_output,), in frames of the grid.

    ``centre`` is the middle of frame 0 in input frames (see ``heads.time_geometry``). Of a plain view, frame t lies
    at t. A shift by d puts frame t at ``(t * stride - d) mod n_input``; a flip at ``n_input - 1 - centre - t * stride``
    less ``centre``. A frame in which the two ends of a shifted window meet lies at NaN. Those of a resized_crop are as
    close as its part is short.
    """
    t = np.arange(n_output, dtype=np.float64)
    if view.kind == "shift":
        place = ((t * stride - shift_frames(view, n_input)) % n_input) / stride
        return np.where(place <= n_input / stride - 1, place, np.nan)
    if view.kind == "flip_time":
        return (n_input - 1 - 2 * centre) / stride - t
    if view.kind == "resized_crop":
        _, _, first, frames = part_shown(view, 1, n_input)
        seen: FloatArray = (first - 0.5 + (t * stride + centre + 0.5) / n_input * frames - centre) / stride
        return seen
    return t


def frames_shown(view: View, place: FloatArray) -> NDArray[np.bool_]:
    """Which frames of the grid (T,) a view tells of, whose own lie at ``place`` (T,): of a resized_crop only those
    about which there is one."""
    if view.kind != "resized_crop":
        return np.ones(len(place), dtype=bool)
    t = np.arange(len(place))
    return np.asarray((t >= place.min() - 0.5) & (t <= place.max() + 0.5))


def to_grid(frames: Tensor, place: FloatArray) -> Tensor:
    """Frames (B, T, C) that lie at ``place`` (T,) -> (B, T, C) at 0 .. T - 1, by linear interpolation.

    Beyond the first and last place, and where NaN stands, the nearest frame stands in.
    """
    wanted = np.arange(len(place), dtype=np.float64)
    if np.array_equal(place, wanted):
        return frames
    order = np.argsort(place, kind="stable")[: int(np.isfinite(place).sum())]
    if not len(order):
        return frames
    known = place[order]
    right = np.clip(np.searchsorted(known, wanted), 1, max(1, len(known) - 1)).clip(max=len(known) - 1)
    left = np.maximum(right - 1, 0)
    gap = np.where(right > left, known[right] - known[left], 1.0)
    share = np.clip((wanted - known[left]) / gap, 0, 1) * (right > left)
    device = frames.device
    a = frames[:, torch.from_numpy(order[left]).to(device)]
    b = frames[:, torch.from_numpy(order[right]).to(device)]
    return torch.lerp(a, b, torch.from_numpy(share).to(device=device, dtype=frames.dtype)[None, :, None])


def coverage(p: float, views: int, parts: int) -> float:
    """How likely every one of ``parts`` sounds is seen whole in at least one of ``views`` views.

    ``(1 - (1 - p) ** n) ** k``, where a view shows a sound whole with probability ``p`` and all are independent (59th
    place of SETI Breakthrough Listen 2021).

    Parameters
    ----------
    p : float
        0..1.
    views, parts : int

    Returns
    -------
    float

    Raises
    ------
    DataError
        A number is out of bounds.

    Examples
    --------
    >>> from models.prediction.tta import coverage
    >>> round(coverage(0.5, views=4, parts=2), 4)
    0.8789
    """
    if not 0 <= p <= 1 or views < 1 or parts < 0:
        raise DataError(
            f"coverage of p = {p}, {views} views, {parts} parts: give p in 0..1, views from 1, parts from 0"
        )
    return float((1 - (1 - p) ** views) ** parts)


def coverage_text(views: int, p: float = 0.5, parts: int = 4) -> str:
    """The reach of so many views in a sentence."""
    return (
        f"{views} views: if a view shows a sound whole with probability {p:g}, all of {parts} sounds are seen whole at "
        f"least once with probability {coverage(p, views, parts):.5g}, and {views} times the computing is needed"
    )
