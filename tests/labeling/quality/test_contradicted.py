"""labeling/quality/contradicted.py: what the other verdicts say of each, and which the evidence speaks against."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.quality import calibration
from labeling.quality.contradicted import MISTAKEN, contradicted, held_out
from labeling.quality.scored_run import ScoredRun
from labeling.quality.verdicts import Judged
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import demo, make_queue


def judged(size: int = 120, seed: int = 0, slips: tuple[int, ...] = ()) -> Judged:
    """Unlisted cells, p_wrong falling from 0.999 to 0.001, wrong by its chance; ``slips`` are verdicts turned round."""
    random = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-np.linspace(7, -7, size)))
    wrong = random.random(size) < p
    wrong[list(slips)] ^= True
    beside = random.normal(size=(size, 2)).astype(np.float16)
    past = random.random(size) < 0.2
    classes = random.integers(1, 5, size)
    return Judged(np.arange(1, size + 1), np.zeros(size, bool), classes, p.astype(np.float32), wrong, past, beside)


def part(cells: Judged, keep: np.ndarray) -> Judged:
    return Judged(**{name: values[keep] for name, values in vars(cells).items()})


def run_of(cells: Judged, workspace: Workspace) -> ScoredRun:
    with workspace.read() as connection:
        known = vars(demo(connection))
    return ScoredRun(**known | {"judged": cells, "calibration": calibration.fit_judged(cells)})


def test_each_verdict_is_told_by_the_others_alone() -> None:
    cells = judged(slips=(3, 60, 110))
    fitted = calibration.fit_judged(cells).fits["missing"]
    found = held_out(fitted, cells, np.arange(len(cells)))
    own = fitted.probability(cells.p_wrong, cells.class_id, cells.covariates)
    for at in (0, 3, 45, 60, 110, 119):
        others = calibration.fit_judged(part(cells, np.arange(len(cells)) != at)).fits["missing"]
        alone = others.probability(*(getattr(cells, name)[[at]] for name in ("p_wrong", "class_id", "covariates")))
        past = others.parameters[len(others.parameters) - 3] * cells.past[at]  # d, which `probability` leaves out
        expected = np.log(alone[0] / (1 - alone[0])) + past
        assert np.log(found[at] / (1 - found[at])) == pytest.approx(expected, abs=0.35)
        if at in (3, 110):  # a slip has pulled the likelihood of its own label towards itself
            assert abs(found[at] - cells.wrong[at]) > abs(own[at] - cells.wrong[at])


def test_slips_are_contradicted_and_what_may_be_true_is_not(workspace: Workspace) -> None:
    make_queue(workspace)
    cells = judged(seed=1)
    p, wrong = cells.p_wrong, cells.wrong
    assert set(contradicted(run_of(cells, workspace))) <= {  # by chance one cell in twenty of the surest
        (int(cells.clip_id[at]), int(cells.class_id[at])) for at in np.flatnonzero(np.where(wrong, p < 0.2, p > 0.8))
    }
    slips = (2, 117, 62)  # two at the ends, where the evidence is strong, and one where it is weak
    cells = judged(seed=1, slips=slips)
    found = contradicted(run_of(cells, workspace))
    cell = [(int(cells.clip_id[at]), int(cells.class_id[at])) for at in slips]
    assert cell[0] in found
    assert cell[1] in found
    assert cell[2] not in found
    assert all(MISTAKEN <= value <= 1 for value in found.values())


def test_a_guess_contradicts_nobody(workspace: Workspace) -> None:
    make_queue(workspace)
    cells = judged(calibration.GUESS_BELOW - 1, slips=(0, calibration.GUESS_BELOW - 2))
    assert contradicted(run_of(cells, workspace)) == {}
