"""labeling/agreement/coefficients.py: against published values, values by hand, and other programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from labeling.agreement.coefficients import cohen, fleiss, krippendorff
from tests.support.examples import examples

FLEISS = np.array([
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
])  # fmt: skip
"""How many of 14 people put each of 10 subjects into each of 5 categories: the usual worked example; kappa is 0.210."""
KRIPPENDORFF = (
    "* * * * * 3 4 1 2 1 1 3 3 * 3",
    "1 * 2 1 3 3 4 3 * * * * * * *",
    "* * 2 1 3 4 4 * 2 1 1 3 3 * 4",
)
"""Three coders, verdicts missing: the usual worked example; alpha for names is 0.691."""


def as_said(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts])


def test_fleiss_kappa_of_the_worked_example() -> None:
    found = fleiss(as_said(FLEISS), 5)
    assert found.value == pytest.approx(0.2099, abs=1e-4)
    assert found.value == pytest.approx(fleiss_kappa(FLEISS))
    assert found.cells == 10
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.2 < found.high


def test_krippendorffs_alpha_of_the_worked_example() -> None:
    coders = [[-1 if word == "*" else int(word) - 1 for word in line.split()] for line in KRIPPENDORFF]
    found = krippendorff(np.array(coders).T, 4)
    assert found.value == pytest.approx(0.6914, abs=1e-4)
    assert found.cells == 12, "of 15, three have fewer than two verdicts"


def test_values_by_hand() -> None:
    # 3 cells: all agree on 0; all agree on 1; one of two says 0 and one 1
    said = np.array([[0, 0], [1, 1], [0, 1]])
    # cohen: seen 2/3; by chance (2/3)(1/3) + (1/3)(2/3) = 4/9
    assert cohen(said[:, 0], said[:, 1], 2).value == pytest.approx((2 / 3 - 4 / 9) / (5 / 9))
    # fleiss: seen 2/3; shares 1/2 and 1/2
    assert fleiss(said, 2).value == pytest.approx((2 / 3 - 1 / 2) / (1 / 2))
    # krippendorff: 4 of 6 pairings agree; chance (3*2 + 3*2) / (6*5) = 0.4
    assert krippendorff(said, 2).value == pytest.approx((2 / 3 - 0.4) / 0.6)


@examples(40)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40))
def test_two_people_as_other_programs_have_it(pairs: list[tuple[int, int]]) -> None:
    said = np.array(pairs)
    found = cohen(said[:, 0], said[:, 1], 3).value
    counts = np.stack([(said == word).sum(1) for word in range(3)], axis=1)
    if len(np.unique(said)) > 1:
        assert found == pytest.approx(cohen_kappa_score(said[:, 0], said[:, 1]))
        assert fleiss(said, 3).value == pytest.approx(fleiss_kappa(counts))
    else:
        assert found is fleiss(said, 3).value is None, "one word alone: chance agrees as well"


def test_who_said_nothing_counts_for_nothing() -> None:
    said = np.array([[0, 0, -1], [1, -1, 1], [-1, 0, 1], [0, -1, -1]])
    padded = np.column_stack([said, np.full(4, -1)])
    for measure in (fleiss, krippendorff):
        assert measure(said, 2) == measure(padded, 2)
        assert measure(said, 2).cells == 3
    assert cohen(said[:, 0], said[:, 1], 2).cells == 1


def test_no_cells_have_no_coefficient() -> None:
    nothing = np.zeros((0, 3), np.int8)
    assert [measure(nothing, 3).value for measure in (fleiss, krippendorff)] == [None, None]
    assert cohen(nothing[:, 0], nothing[:, 1], 3).cells == 0


def test_intervals_go_by_clips_and_not_by_their_cells() -> None:
    random = np.random.default_rng(0)
    by_clip = random.integers(0, 2, (30, 2))
    said = np.repeat(by_clip, 10, axis=0)  # ten cells of a clip are as the first
    clip = np.repeat(np.arange(30), 10)
    alone, together = krippendorff(said, 2), krippendorff(said, 2, clip)
    assert alone.value == together.value
    assert alone.low is not None
    assert alone.high is not None
    assert together.low is not None
    assert together.high is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_full_agreement_of_few_is_not_called_sure() -> None:
    said = np.tile([[0, 0], [1, 1]], (5, 1))
    few, many = krippendorff(said, 2), krippendorff(np.tile(said, (50, 1)), 2)
    assert few.value == many.value == 1
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.6 < 0.98 < many.low


def test_intervals_cover_what_is_true() -> None:
    """Of two people who err on 15 % each, in 60 cells of 30 clips; 95 % intervals hold in some 95 of 100."""
    random = np.random.default_rng(1)
    seen = 0.85**2 + 0.15**2
    true = (seen - 0.5) / 0.5
    held = 0
    for _ in range(100):
        truth = random.integers(0, 2, 60)
        said = np.stack([np.where(random.random(60) < 0.15, 1 - truth, truth) for _ in range(2)], axis=1)
        found = krippendorff(said, 2, np.arange(60) // 2)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true <= found.high
    assert 88 <= held <= 99
