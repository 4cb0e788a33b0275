"""How a combination makes one probability of its members', at one place of any sound. Torch-free.

Every combination is a sum with something done to each part and to the whole, so that members can be heard one after
another and only the sum be kept::

    p = finish(offset + sum over members k of part_k(p_k))

An average adds w_k p_k, a vote 1 / K where p_k reaches the threshold, a stack w_k logit p_k, whose sum goes through the
sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError, DataError
from labeling.logistic import sigmoid
from labeling.predictions.oof import read_oof
from labeling.records import FrameGrid, Run
from labeling.runs import run_folder
from labeling.workspace import Workspace
from models.combining.request import STACK, Combination, combination_of
from models.combining.stacking import log_odds

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Mixture:
    """A combination of K members over ``classes`` (C,): ``weights`` (K, C), ``offset`` (C,), the grid of its frames.

    ``asked`` is what it was asked to be.
    """

    asked: Combination
    classes: tuple[str, ...]
    grid: FrameGrid
    weights: Floats
    offset: Floats

    def part(self, member: int, frame: Floats, clip: Floats) -> tuple[Floats, Floats]:
        """What a member's probabilities (n, C) of frames, and of the windows around them, add to the sums."""
        weight, asked = self.weights[member], self.asked
        if asked.kind == STACK:
            return weight * log_odds(frame), weight * log_odds(clip)
        if asked.vote:
            voted = frame >= np.float32(asked.frame_threshold or asked.threshold)
            around = clip >= np.float32(asked.threshold)
            if asked.frame_threshold:
                around &= voted
            return weight * voted, weight * around
        return weight * frame, weight * clip

    def finish(self, total: Floats) -> Floats:
        """The combination's probabilities of a sum (n, C)."""
        if self.asked.kind == STACK:
            return sigmoid(self.offset + total).astype(np.float32, copy=False)
        return np.clip(total, 0, 1).astype(np.float32, copy=False)

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Each member's share of an average; None where it is no average."""
        plain = self.asked.kind != STACK and not self.asked.vote
        return tuple(float(row[0]) if plain else None for row in self.weights)


def mixture_of(workspace: Workspace, run: Run) -> Mixture:
    """How a combination's run mixes its members, with the weights that were given or fitted to all clips.

    Raises ArtefactError where its folder does not say, DataError for a stack with the noise classifier's view.
    """
    asked = combination_of(run)
    if asked.noisy:
        raise DataError(
            f"run {run.id} was stacked with --noisy, whose view of a cell is learned of the collection and cannot be "
            "had of new sound; stack the runs without it (its source reports no gain)"
        )
    folder = workspace.run_dir(run.id)
    facts, oof = run_folder.facts(folder), read_oof(folder / "oof.zarr")
    count, classes = len(asked.members), oof.classes
    offset = np.zeros(len(classes), np.float32)
    try:
        if asked.kind == STACK:
            _check([len(facts["classes"])], [len(classes)])
            weights = _array(facts["stack"]["coefficients"], (count, len(classes)))
            offset = _array(facts["stack"]["intercept"], (len(classes),))
        else:
            rows = facts["members"]
            _check([row["run"] for row in rows], list(asked.members))
            each = [1 / count if asked.vote else row["weight"] for row in rows]
            weights = np.repeat(_array(each, (count,))[:, None], len(classes), axis=1)
    except (KeyError, TypeError, ValueError) as problem:
        raise ArtefactError(
            f"{folder / 'run.json'} does not say how run {run.id} weighs its members ({problem}); combine them again"
        ) from problem
    return Mixture(asked, classes, oof.grid, weights, offset)


def _array(values: Any, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(values, np.float32)
    _check(list(array.shape), list(shape))
    if not np.isfinite(array).all():
        raise ValueError("a weight is no number")
    return array


def _check(found: list[Any], wanted: list[Any]) -> None:
    if found != wanted:
        raise ValueError(f"{found} where {wanted} is expected")
