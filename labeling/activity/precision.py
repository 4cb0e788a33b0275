"""How often a score is right: the precision of each band of scores, from what was heard of a draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.activity.draws import Draw
from labeling.quality.intervals import Share


@dataclass(frozen=True)
class Band:
    """A band of scores from ``low`` to ``high``: ``windows`` lie in it, ``drawn`` of them are to be heard.

    Of those ``present`` were heard to hold the class, ``absent`` not, and of ``unsure`` it could not be told, which
    counts as not. ``passed_over`` were drawn before one that was heard, and nobody said anything of them.
    """

    low: float
    high: float
    windows: int
    drawn: int
    present: int
    absent: int
    unsure: int
    passed_over: int

    @property
    def heard(self) -> int:
        """How many verdicts there are."""
        return self.present + self.absent + self.unsure

    @property
    def precision(self) -> float | None:
        """The share of the heard windows that hold the class; None where none was heard."""
        return Share(self.present, self.heard).value

    @property
    def interval(self) -> tuple[float, float] | None:
        """The exact 95 % interval of the band's precision (Clopper & Pearson 1934); None where none was heard.

        What was passed over may be what was hard to tell, so it widens the interval: as if all of it were absent below,
        and present above. A band that was heard whole has no interval left.
        """
        of = self.heard + self.passed_over
        if not self.heard:
            return None
        if of >= self.windows:
            return self.present / of, (self.present + self.passed_over) / of
        below, above = Share(self.present, of).exact, Share(self.present + self.passed_over, of).exact
        return (below or (0.0, 1.0))[0], (above or (0.0, 1.0))[1]


def bands(drawn: Draw, said: Sequence[NDArray[np.str_]]) -> list[Band]:
    """The bands of a draw, lowest first.

    Parameters
    ----------
    drawn : Draw
    said : sequence of ndarray of str
        Of each band the verdicts (`heard.verdicts`) on its drawn windows, in the order of the draw.

    Returns
    -------
    list of Band

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.draws import Draw
    >>> from labeling.activity.precision import bands
    >>> (band,) = bands(Draw((0.5, 1.0), (40,), (np.arange(4),)), [np.array(["present", "", "absent", ""])])
    >>> band.heard, band.passed_over, band.precision
    (2, 1, 0.5)
    """
    found = []
    for low, high, windows, words in zip(drawn.edges, drawn.edges[1:], drawn.windows, said, strict=False):
        given = np.flatnonzero(words != "")
        before = int(given[-1]) + 1 if len(given) else 0
        present, absent, unsure = (int((words == word).sum()) for word in ("present", "absent", "unsure"))
        found.append(Band(low, high, windows, len(words), present, absent, unsure, before - len(given)))
    return found
