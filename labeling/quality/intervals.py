"""How sure a counted share is: intervals for one share, and for the difference of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054  # 95 %


@dataclass(frozen=True)
class Share:
    """``count`` of ``of``."""

    count: int = 0
    of: int = 0

    @property
    def value(self) -> float | None:
        """0..1; None of nothing."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % score interval of Wilson (1927): it holds for few, and for none or all. None of nothing."""
        if not self.of:
            return None
        p, n, z2 = self.count / self.of, self.of, Z * Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        low = 0.0 if self.count == 0 else middle - half
        return low, 1.0 if self.count == n else middle + half

    @property
    def exact(self) -> tuple[float, float] | None:
        """The exact 95 % interval of Clopper & Pearson (1934), Biometrika 26, 404-413: never too narrow, often
        wider than it need be. None of nothing."""
        from scipy.special import betaincinv

        if not self.of:
            return None
        hits, misses = self.count, self.of - self.count
        low = float(betaincinv(hits, misses + 1, 0.025)) if hits else 0.0
        return low, float(betaincinv(hits + 1, misses, 0.975)) if misses else 1.0


@dataclass(frozen=True)
class Difference:
    """One share less another, with its 95 % interval."""

    value: float
    low: float
    high: float


def difference(first: Share, second: Share) -> Difference | None:
    """One share less another, independent of each other, with its 95 % interval.

    The hybrid score interval, made of the two Wilson intervals: Newcombe (1998), Statistics in Medicine 17, 873-890,
    method 10.

    Parameters
    ----------
    first, second : Share

    Returns
    -------
    Difference or None
        None where either is a share of nothing.

    Examples
    --------
    >>> from labeling.quality.intervals import Share, difference
    >>> low, high = Share(3, 20).interval
    >>> round(low, 3), round(high, 3)
    (0.052, 0.36)
    >>> more = difference(Share(15, 20), Share(3, 20))
    >>> round(more.value, 2), more.low > 0
    (0.6, True)
    """
    if not (first.interval and second.interval):
        return None
    p, q = first.count / first.of, second.count / second.of
    (low_p, high_p), (low_q, high_q) = first.interval, second.interval
    return Difference(
        p - q,
        p - q - math.hypot(p - low_p, high_q - q),
        p - q + math.hypot(high_p - p, q - low_q),
    )
