"""labeling/quality/noise_rates.py"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.interval_coverage import check, simulate
from benchmarks.simulated_reviews import ranking_of
from labeling.quality import calibration
from labeling.quality.noise_rates import Cells, Remaining, rates_of, remaining_of


def cells(
    rows: list[tuple[int, str, str]], decided: list[tuple[int, str, str, bool]], guess: float | list[float] = 0.1
) -> Cells:
    """Undecided (class, role) with a third entry unused, and decided (class, role, verdict on the label, drawn)."""
    all_rows = [row[:2] for row in rows] + [row[:2] for row in decided]
    roles = np.array([role for _, role in all_rows])
    return Cells(
        class_id=np.array([class_id for class_id, _ in all_rows], np.int64),
        given=roles != "",
        primary=roles == "primary",
        guess=np.broadcast_to(np.asarray(guess, np.float32), len(rows)),
        wrong=np.array([row[2] == "wrong" for row in decided], bool),
        drawn=np.array([row[3] for row in decided], bool),
    )


def test_found_ones_are_known_and_the_rest_is_told_by_looks() -> None:
    """Ten listed cells: three decided by the queue, all wrong; the seven others unheard. Truth is within 3..10."""
    made = cells([(1, "primary", "")] * 7, [(1, "primary", "wrong", False)] * 3, guess=0.2)
    rates = {(rate.kind, rate.class_id): rate for rate in rates_of(made)}
    assert set(rates) == {("false", None), ("primary", None), ("false", 1)}
    whole = rates["false", None]
    assert (whole.low, whole.high, whole.audited, whole.cells) == (0.3, 1.0, 0, 10)
    assert whole.value == pytest.approx((3 + 1.4) / 10)


def test_false_labels_by_role_and_classes_by_kind() -> None:
    drawn = [(1, "primary", "wrong", True), (2, "secondary", "right", True), (2, "", "right", True)]
    made = cells([(1, "primary", ""), (2, "secondary", ""), (2, "", ""), (3, "", "")], drawn)
    rates = rates_of(made)
    assert [(rate.kind, rate.class_id, rate.audited, rate.cells) for rate in rates] == [
        ("missing", None, 1, 3),
        ("false", None, 2, 4),
        ("primary", None, 1, 2),
        ("secondary", None, 1, 2),
        ("missing", 2, 1, 2),
        ("missing", 3, 0, 1),
        ("false", 1, 1, 2),
        ("false", 2, 1, 2),
    ]
    assert all(0 <= rate.low <= rate.value <= rate.high <= 1 for rate in rates)


def test_a_class_has_its_own_guess_and_the_interval_of_its_own_looks() -> None:
    """200 looks at class 1 found 10; none at class 2, of 50 cells, each called 8 % likely wrong."""
    drawn = [(1, "", "wrong" if number % 20 == 0 else "right", True) for number in range(200)]
    made = cells([(1, "", "")] * 2_000 + [(2, "", "")] * 50, drawn, guess=[0.04] * 2_000 + [0.08] * 50)
    whole, first, second = rates_of(made)
    assert (first.class_id, second.class_id, second.audited) == (1, 2, 0)
    assert second.value == pytest.approx(0.08)
    assert (second.low, second.high) == (0.0, 1.0)
    assert first.value == pytest.approx((10 + 80) / 2_200)
    assert whole.value == pytest.approx((10 + 80 + 4) / 2_250)
    assert whole.low < 0.05 < whole.high < 0.1
    assert first.high < 0.12


def test_values_stay_within_what_looks_allow() -> None:
    """200 looks found nothing; a guess of a half is cut to the end of the interval, in the rate and in what is left."""
    drawn = [(1, "", "right", True)] * 200
    made = cells([(1, "", "")] * 1_000, drawn, guess=0.5)
    whole, _ = rates_of(made)
    assert whole.value == whole.high < 0.02
    assert remaining_of(made)[1].expected < 25


def test_what_is_left_is_the_sum_of_what_each_cell_is_called() -> None:
    rows = [(1, "primary", "")] * 100 + [(2, "", "")] * 300
    made = cells(rows, [(1, "", "right", True)] * 10, guess=np.linspace(0, 0.4, 400).tolist())
    false, missing, both = remaining_of(made)
    assert false.expected == pytest.approx(made.guess[:100].sum())
    assert missing.expected == pytest.approx(made.guess[100:].sum())
    assert both.expected == pytest.approx(made.guess.sum())
    of_kind = {(rate.kind, rate.class_id): rate for rate in rates_of(made)}
    assert of_kind["false", None].value * 100 == pytest.approx(false.expected)
    assert of_kind["missing", None].value * 310 == pytest.approx(missing.expected)


def test_a_class_can_hold_no_more_wrong_ones_than_its_kind() -> None:
    """1,000 looks found nothing: of 100,000 cells less than 500 are wrong, so of the 50,000 of a class nobody looked at
    less than one in a hundred."""
    drawn = [(1, "", "right", True)] * 1_000
    unheard = rates_of(cells([(1, "", "")] * 50_000 + [(2, "", "")] * 50_000, drawn))[2]
    assert (unheard.class_id, unheard.audited) == (2, 0)
    assert unheard.high < 0.01


def test_remaining_by_kind_and_in_all() -> None:
    drawn = [(1, "", "right", True)] * 100 + [(1, "primary", "right", False)] * 20
    guess = [0.1] * 300 + [0.01] * 1_000
    false, missing, both = remaining_of(cells([(1, "primary", "")] * 300 + [(1, "", "")] * 1_000, drawn, guess))
    assert (false.kind, false.at_most, false.among, false.audited) == ("false", 300, 300, 0)
    assert false.expected == pytest.approx(30, abs=0.1)
    assert (missing.kind, missing.among, missing.audited) == ("missing", 1_000, 100)
    assert 30 < missing.at_most < 60
    assert missing.expected == pytest.approx(10, abs=0.1)
    assert (both.kind, both.at_most) == ("all", missing.at_most + 300)
    assert (both.among, both.audited) == (1_300, 100)


def test_the_sentence_says_what_to_do() -> None:
    assert Remaining("false", 30.2, 120, 30_000, 90).sentence == (
        "At most 120 wrong ones are left among the 30,000 listed labels that nobody decided, with 95 % certainty; "
        "probably about 30."
    )
    assert " decided. Random looks will tell" in Remaining("missing", 5, 100, 100, 0).sentence
    assert " decided. More random looks will tell" in Remaining("missing", 5, 100, 100, 2).sentence
    one_kind_alone = Remaining("all", 500, 900_020, 1_000_000, 90)  # no unlisted cell was drawn yet
    assert not one_kind_alone.known
    assert "More random looks will tell" in one_kind_alone.sentence
    assert Remaining("all", 500, 500_000, 1_000_000, 90).known
    assert "All cells are decided" in Remaining("all", 0, 0, 0, 2).sentence


def test_of_nothing_there_is_nothing_to_say() -> None:
    made = cells([], [])
    assert rates_of(made) == []
    assert [(one.at_most, one.among) for one in remaining_of(made)] == [(0, 0)] * 3


@pytest.mark.parametrize("world", ["good", "useless", "classes unlike", "unasked", "half unheard"])
def test_intervals_hold_the_truth_and_only_with_the_draw(world: str) -> None:
    """As benchmarks/interval_coverage.py, smaller. Taking all that was reviewed for a draw must break the intervals."""
    made = [simulate(world, 3_000, 0.1, 400, seed) for seed in range(40)]
    held = [check(one, 400) for one in made]
    for name in ("kinds", "bounds"):
        for column in zip(*(getattr(one, name) for one in held), strict=True):
            assert np.mean(column) >= 0.9  # of 40, with 95 %: fewer than 36 one time in a hundred
    assert np.mean([each for one in held for each in one.classes]) >= 0.95
    if world == "useless":
        return  # a queue in no order is a draw
    plain = [check(one, 400, weighted=False) for one in made]
    assert np.mean([one.kinds[0] for one in plain]) < 0.5
    assert np.mean([one.naive_off for one in held]) > 0.1


def test_what_no_scorer_hears_is_told_by_random_looks_and_without_them_said_to_be_unknown() -> None:
    """Half of the errors lie at the end of the list: what verdicts from its top teach says that hardly any are left."""
    by_draw = simulate("half unheard", 3_000, 0.1, 400, 0)
    by_suspicion = simulate("half unheard", 3_000, 0.1, 400, 0, audit_share=0.0)
    known, unknown = (remaining_of(made.cells(400))[-1] for made in (by_draw, by_suspicion))
    still_wrong = by_draw.wrong.sum() - by_draw.wrong[by_draw.done].sum()
    assert known.known
    assert 100 < still_wrong <= known.at_most
    assert not unknown.known
    assert unknown.sentence.startswith("Not known yet")
    done, left = by_suspicion.done, np.setdiff1d(np.arange(3_000), by_suspicion.done)
    ranking = ranking_of(by_suspicion.class_id, by_suspicion.given, by_suspicion.p_wrong)
    learned = calibration.fit(
        ranking.given[done], ranking.class_id[done], ranking.p_wrong[done], by_suspicion.wrong[done]
    )
    assert calibration.next_yield(learned, ranking, left).high < by_suspicion.wrong[left].sum()
