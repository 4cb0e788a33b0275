"""What random looks say of the cells that nobody has decided: shares with intervals, and a bound to stop by; pure.

Each look is drawn at random from the cells of a group that are undecided at that moment. Between two looks any number
of cells may be decided for any reason: sorted by suspicion, by class, even because the answer was plain beforehand.
Such a cell is known from then on and leaves the pool, so that no way of working biases what the looks say: were r of
the cells that are still open wrong, then before each look it is known how many of how many were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What the stop rule bets on before the first look: labels are more often right than wrong. It costs sharpness where
# it is off, never the 95 %.
BET_WRONG, BET_RIGHT = 0.25, 1.0


@dataclass(frozen=True)
class Looks:
    """The random looks (n,) at one group of cells, oldest first, and the group as it is now.

    ``pool`` counts the cells that were undecided just before each look, ``pool_wrong`` the wrong ones that have been
    found among those by now; both count the look itself. ``open_cells`` are undecided now, ``decided`` are not, of
    which ``found`` were wrong.
    """

    wrong: NDArray[np.bool_]
    pool: NDArray[np.int64]
    pool_wrong: NDArray[np.int64]
    open_cells: int
    decided: int
    found: int

    def __len__(self) -> int:
        return len(self.wrong)

    @property
    def cells(self) -> int:
        """All cells of the group."""
        return self.open_cells + self.decided


def looks_of(open_cells: int, wrong: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> Looks:
    """From a group's decided cells (D,) in the order in which they were decided: was it wrong, was it drawn."""
    later = np.cumsum(wrong[::-1], dtype=np.int64)[::-1]
    return Looks(
        wrong=wrong[drawn],
        pool=open_cells + len(wrong) - np.flatnonzero(drawn),
        pool_wrong=later[drawn],
        open_cells=open_cells,
        decided=len(wrong),
        found=int(wrong.sum()),
    )


def interval(looks: Looks, below: float = 0.025, above: float = 0.025) -> tuple[float, float]:
    """How few and how many wrong cells may still be open, each side's chance of being off given; 0 and all if unknown.

    Exact for a share of independent looks: Clopper & Pearson (1934), Biometrika 26, 404-413. That the share changes
    from look to look, as cells leave the pool, makes it the safer: Hoeffding (1956), Ann. Math. Stat. 27, 713-721.
    """
    from scipy.special import betaincinv

    n, hits = len(looks), int(looks.wrong.sum())
    low, high = 0.0, float(looks.open_cells)
    if hits > 0:
        low = _cells_at(looks, float(betaincinv(hits, n - hits + 1, below)))
    if hits < n:
        high = _cells_at(looks, float(betaincinv(hits + 1, n - hits, 1 - above)))
    return min(max(low, 0.0), float(looks.open_cells)), min(max(high, 0.0), float(looks.open_cells))


def at_most(groups: Sequence[Looks], error: float = 0.05) -> int:
    """How many wrong cells may still be open in all ``groups`` together: more are unlikely, one time in 1 / ``error``.

    It may be looked at after each decision, and one may stop when it pleases: the chance that it is *ever* too low is
    below ``error``. A number of wrong cells is ruled out once the looks are 1 / ``error`` times less likely under it
    than under a forecast made before each look from those before it; such a ratio exceeds 1 / ``error`` at any time
    with a chance below ``error``: Ville (1939); Waudby-Smith & Ramdas (2020), "Confidence sequences for sampling
    without replacement", NeurIPS. The forecast is Beta(BET_WRONG, BET_RIGHT), updated. The ratios of groups multiply.
    """
    unheard = sum(group.open_cells for group in groups if not len(group))
    groups = [group for group in groups if len(group)]
    size = unheard + sum(group.open_cells for group in groups)
    least = sum(map(_forecast, groups)) + math.log(error)  # the least log likelihood that is not ruled out

    def fits(numbers: Sequence[float]) -> bool:
        return sum(_log_likelihood(group, number) for group, number in zip(groups, numbers, strict=True)) >= least

    peaks = [_where_slope_is(group, 0.0) for group in groups]
    if fits([float(group.open_cells) for group in groups]) or not fits(peaks):
        return size  # all may be wrong; or no number fits, which chance does one time in many, and nothing is known
    if len(groups) == 1:
        most = _last(lambda number: fits([number]), peaks[0], float(groups[0].open_cells), 1e-3)
    else:

        def spread(log_price: float) -> list[float]:
            """The numbers at which one more wrong cell costs each group alike: no others reach the same sum."""
            return [_where_slope_is(group, -math.exp(log_price)) for group in groups]

        # no cell costs more than all looks; exp(-40) is less than one look among all cells of the world
        dearest = math.log(sum(map(len, groups)))
        most = sum(spread(_last(lambda price: fits(spread(price)), -40.0, dearest, 1e-5)))
    return min(unheard + int(most + 0.01), size)


def _cells_at(looks: Looks, share: float) -> float:
    """The wrong cells still open at which the looks' mean chance of being wrong is ``share``."""
    return float((len(looks) * share - (looks.pool_wrong / looks.pool).sum()) / (1 / looks.pool).sum())


def _forecast(looks: Looks) -> float:
    """The log probability that the forecast gave to what the looks found."""
    before = np.arange(len(looks))
    wrong_before = np.cumsum(looks.wrong, dtype=np.int64) - looks.wrong
    chance = (wrong_before + BET_WRONG) / (before + BET_WRONG + BET_RIGHT)
    return float(np.log(np.where(looks.wrong, chance, 1 - chance)).sum())


def _log_likelihood(looks: Looks, open_wrong: float) -> float:
    """Of the looks, if so many of the open cells are wrong; concave in that number."""
    wrong = looks.pool_wrong + open_wrong
    return float(np.log(np.where(looks.wrong, wrong, looks.pool - wrong) / looks.pool).sum())


def _slope(looks: Looks, open_wrong: float) -> float:
    wrong = looks.pool_wrong + open_wrong
    return float(np.where(looks.wrong, 1 / np.maximum(wrong, 1), -1 / np.maximum(looks.pool - wrong, 1)).sum())


def _where_slope_is(looks: Looks, slope: float) -> float:
    """The number of wrong open cells where the log likelihood falls that steeply; it falls ever more steeply."""
    return _last(lambda at: _slope(looks, at) >= slope, 0.0, float(looks.open_cells), 1e-3)


def _last(holds: Callable[[float], bool], low: float, high: float, step: float) -> float:
    """The last number from ``low`` to ``high`` that holds, where all before it do, within ``step``; else ``low``."""
    if holds(high):
        return high
    while high - low > step:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
