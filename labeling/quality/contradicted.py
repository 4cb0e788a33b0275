"""Verdicts that all evidence speaks against: a slip of a reviewer is likelier there than a rare truth.

What the evidence says of a verdict's label is learned from the other verdicts alone (`held_out`): else a
verdict would count for itself. Where it speaks for the opposite with MISTAKEN or more, somebody who slips in one look
of twenty has slipped here more likely than not. Where likelihoods are still a guess, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from labeling.journal.verdict_entries import Cell
from labeling.logistic import sigmoid
from labeling.quality.calibration import KINDS
from labeling.quality.calibration_fit import KindFit, seen
from labeling.quality.scored_run import ScoredRun
from labeling.quality.verdicts import Judged

MISTAKEN = 0.95  # held-out likelihood of the opposite: at a slip in 20 looks the odds that it is one are even


def contradicted(run: ScoredRun) -> Mapping[Cell, float]:
    """The cells (clip id, class id) whose verdict the evidence speaks against, and how likely it finds the opposite.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.quality.contradicted import contradicted
    >>> from labeling.quality.scored_run import read_scored_run
    >>> with example_workspace().read() as connection:
    ...     contradicted(read_scored_run(connection, "001-demo", "earmark"))
    {}
    """
    cells, out = run.judged, dict[Cell, float]()
    for kind in KINDS:
        here = np.flatnonzero(cells.given == (kind == "false"))
        if not len(here) or run.calibration.is_guess(kind):
            continue
        wrong = cells.wrong[here]
        says_wrong = held_out(run.calibration.fits[kind], cells, here)
        opposite = np.where(wrong, 1 - says_wrong, says_wrong)
        for at in np.flatnonzero(opposite >= MISTAKEN).tolist():
            out[int(cells.clip_id[here[at]]), int(cells.class_id[here[at]])] = float(opposite[at])
    return out


def held_out(fitted: KindFit, cells: Judged, here: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(wrong) of the verdicts ``here`` (n,), those that a map was fitted to, each as if it had not been among them.

    By one step of the fit from where all of them leave it (approximate leave-one-out: Rad & Maleki, J. R. Statist. Soc.
    B 82, 2020), so that nothing is fitted anew.
    """
    at, design, reach = seen(cells.p_wrong[here], cells.past[here], cells.covariates[here], fitted.bend)
    column, out = np.searchsorted(fitted.class_id, cells.class_id[here]), np.zeros(len(at))
    for one in fitted.posteriors:
        logit = at + design @ one.mode + reach * one.own[column]
        root = (design + reach[:, None] * one.follow[column]) @ one.root
        variance = (root**2).sum(axis=1) + reach**2 * one.apart[column]  # of the logit
        p = sigmoid(logit)
        out += one.weight * (logit - variance * (cells.wrong[here] - p) / (1 - variance * p * (1 - p)))
    return sigmoid(out)
