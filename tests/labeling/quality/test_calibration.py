"""labeling/quality/calibration.py"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score

from benchmarks import label_errors
from benchmarks.interval_coverage import PLANTED, ahead, planted, real_collections
from benchmarks.simulated_reviews import held, make_collection, next_20, ranking_of
from labeling.disagreement.stored_ranking import Ranking
from labeling.quality import calibration
from labeling.quality.calibration import (
    Bin,
    bins,
    central,
    fit,
    next_yield,
    prequential,
    sentence,
    shortest,
)
from labeling.quality.calibration_fit import BEND, fit_kind
from labeling.quality.intervals import Share
from labeling.quality.verdicts import Judged

NONE: Any = np.zeros(0)


def small_ranking() -> Ranking:
    """Two classes, missing and false in turn, from 0.95 down to 0.05."""
    at = np.arange(40)
    return ranking_of(1 + at // 2 % 2, at % 2 == 1, np.linspace(0.95, 0.05, 40).astype(np.float32))


def with_verdicts(missing: list[int], false: list[int]) -> calibration.Calibration:
    """These verdicts on labels of class 1 that were all called 0.8 likely wrong."""
    given = np.array([False] * len(missing) + [True] * len(false), bool)
    return fit(given, np.ones(len(given), int), np.full(len(given), 0.8), np.array(missing + false, bool), position=7)


# ---- the probability


def test_each_kind_learns_from_its_own_verdicts() -> None:
    found, ranking = with_verdicts([0] * 30, []), small_ranking()
    said = found.probability(ranking)
    assert (found.position, dict(found.decided)) == (7, {"missing": 30, "false": 0})
    assert (found.is_guess("missing"), found.is_guess("false")) == (False, True)
    guess = fit(NONE.astype(bool), NONE.astype(int), NONE, NONE.astype(bool)).probability(ranking)
    np.testing.assert_array_equal(said[1::2], guess[1::2])  # false: the guess stands
    assert (said[::2] < ranking.p_wrong[::2])[:18].all()
    alone = fit_kind(np.full(30, 0.8), np.ones(30, int), np.zeros(30, bool), np.zeros(30, bool), BEND["missing"])
    np.testing.assert_allclose(said[::2], alone.probability(ranking.p_wrong[::2], ranking.class_id[::2]))


def test_probabilities_of_some_places_are_those_of_all() -> None:
    found, ranking = with_verdicts([1, 0, 1] * 5, [0, 0, 1] * 5), small_ranking()
    index = np.array([30, 2, 7, 7])
    np.testing.assert_allclose(found.probability(ranking, index), found.probability(ranking)[index], rtol=1e-6)
    assert found.probability(ranking_of(NONE.astype(int), NONE.astype(bool), NONE)).shape == (0,)


def test_up_to_nine_verdicts_are_called_a_guess_and_count_all_the_same() -> None:
    assert [with_verdicts([1] * n, []).is_guess("missing") for n in (0, 9, 10)] == [True, True, False]
    assert with_verdicts([0] * 9, []).probability(small_ranking())[0] < 0.9


# ---- evidence beside p_wrong


def with_beside(seed: int, worth: float) -> tuple[Ranking, np.ndarray]:
    """3,000 suspects by a scorer that overlooked the second of two pieces of evidence, ``worth`` log odds a standard
    deviation; whether each is wrong."""
    random = np.random.default_rng(seed)
    known, beside = random.normal(-2, 2, 3_000), random.normal(size=(3_000, 2))
    wrong = random.random(3_000) < expit(known + worth * beside[:, 1])
    best = np.argsort(-known)
    p, given = expit(known[best]).astype(np.float32), np.arange(3_000) % 4 == 0
    return ranking_of(1 + np.arange(3_000) % 5, given, p, beside[best].astype(np.float16)), wrong[best]


def learned_from(ranking: Ranking, wrong: np.ndarray, done: int, *, beside: bool = True) -> calibration.Calibration:
    """By verdicts on the first so many, with what lies beside p_wrong or without."""
    return fit(
        ranking.given[:done],
        ranking.class_id[:done],
        ranking.p_wrong[:done],
        wrong[:done],
        covariates=ranking.covariates[:done, : 2 if beside else 0],
    )


@pytest.mark.parametrize(("worth", "least"), [(1.0, 0.03), (0.0, -0.01)])
def test_verdicts_down_the_queue_teach_the_order_of_what_is_left(worth: float, least: float) -> None:
    """Those from the top alone, which are no fair sample; evidence that tells nothing does no harm."""
    gains, weights = [], []
    for seed in range(4):
        ranking, wrong = with_beside(seed, worth)
        bare = replace(ranking, covariates=ranking.covariates[:, :0])
        left, known = np.arange(300, 3_000), learned_from(ranking, wrong, 300)
        without = learned_from(ranking, wrong, 300, beside=False).probability(bare, left)
        precision = [average_precision_score(wrong[left], said) for said in (known.probability(ranking, left), without)]
        gains.append(precision[0] - precision[1])
        weights.append(known.fits["missing"].weights)
    assert np.mean(gains) > least, gains
    assert np.mean(weights, axis=0)[1] == pytest.approx(worth, abs=0.35)
    assert abs(np.mean(weights, axis=0)[0]) < 0.15


def test_ranges_weigh_what_lies_beside_p_wrong() -> None:
    ranking, wrong = with_beside(0, 1.0)
    known = learned_from(ranking, wrong, 300)
    likely = replace(ranking, covariates=np.tile(np.array([0, 3], np.float16), (3_000, 1)))
    unlikely = replace(ranking, covariates=-likely.covariates)
    many, few = (next_yield(known, one, np.arange(300, 400)) for one in (likely, unlikely))
    assert few.expected < few.high < many.low < many.expected


def test_few_verdicts_change_little() -> None:
    ranking, wrong = with_beside(0, 1.0)
    known = fit(
        ranking.given[:5], ranking.class_id[:5], ranking.p_wrong[:5], wrong[:5], covariates=ranking.covariates[:5]
    )
    assert max(abs(known.fits[kind].weights).max() for kind in ("missing", "false")) < 0.1


def test_where_labels_were_swapped_one_half_that_was_found_makes_the_other_likelier() -> None:
    clips = np.repeat(np.arange(1, 31), 2)  # in each an unlisted class, then a listed one; in every second both wrong
    given, wrong = np.tile([False, True], 30), np.repeat(np.arange(30) % 2 == 0, 2)
    beside = np.where(given & wrong, 3, 0)[:, None].astype(np.float16)
    p_wrong, none = np.full(60, 0.5, np.float32), np.zeros(60, bool)
    known = calibration.fit_judged(Judged(clips, given, np.ones(60, int), p_wrong, wrong, none, beside))
    ranking = ranking_of(np.array([2, 2, 2]), np.ones(3, bool), p_wrong[:3])
    ranking = replace(ranking, clip_id=np.array([1, 2, 31]))  # a missing class was found in the first alone
    first, second, third = known.probability(ranking).tolist()
    assert second == third < 0.4 < 0.6 < first
    assert logit(first) - logit(second) == pytest.approx(3 * known.fits["false"].weights[-1], abs=1e-4)
    assert next_yield(known, ranking, np.array([0])).expected == pytest.approx(first)


# ---- the next so many


def test_expected_is_the_sum_of_what_is_shown() -> None:
    found, ranking = with_verdicts([1, 0, 1] * 20, [0, 0, 1] * 20), small_ranking()
    index = np.arange(20)
    the = next_yield(found, ranking, index)
    assert the.expected == pytest.approx(found.probability(ranking)[:20].sum(), rel=1e-6)
    assert (the.of, the.guess) == (20, False)
    assert 0 <= the.low < the.expected < the.high <= 20
    assert the == next_yield(found, ranking, index)
    nothing = next_yield(found, ranking, np.zeros(0, int))
    assert (nothing.expected, nothing.low, nothing.high, nothing.of) == (0, 0, 0, 0)


def test_a_guess_is_said_to_be_one_and_is_wide() -> None:
    ranking = small_ranking()
    guess = next_yield(with_verdicts([], []), ranking, np.arange(20))
    assert guess.guess
    assert 0.9 * ranking.p_wrong[:20].sum() < guess.expected < ranking.p_wrong[:20].sum()  # modest
    assert guess.high - guess.low >= 10
    learned = next_yield(with_verdicts([1, 1, 1, 0] * 50, [1, 1, 1, 0] * 50), ranking, np.arange(20))
    assert learned.high - learned.low < guess.high - guess.low
    missing_only = with_verdicts([1] * 30, [])
    assert [next_yield(missing_only, ranking, np.array([place])).guess for place in (0, 1)] == [False, True]


def test_of_very_many_places_fewer_draws_do() -> None:
    size = 50_000
    ranking = ranking_of(np.ones(size, int), np.zeros(size, bool), np.full(size, 0.8, np.float32))
    the = next_yield(with_verdicts([1, 1, 1, 1, 0] * 100, []), ranking, np.arange(size))
    assert 0.74 * size < the.low < 0.8 * size < the.high < 0.86 * size  # 400 of 500: 0.80 +- 0.035, and its prior


def test_intervals_of_the_next_20_hold_the_truth_though_the_scorer_is_wrong_about_itself() -> None:
    numbers = (0, 20, 100)
    found = [held(*one) for seed in range(15) for one in next_20(seed, "bold", numbers)]
    assert np.mean(found) >= 0.93
    widths = [one.high - one.low for one, _ in next_20(0, "timid", numbers)]
    assert widths[0] > widths[2]


def test_an_oversure_guess_errs_on_the_modest_side_before_verdicts() -> None:
    """Called 95 % on average, half of the unlisted ones are missing: as measured on predictions of a small network."""
    guess = with_verdicts([], [])
    ranking = ranking_of(np.ones(40, int), np.arange(40) >= 20, np.full(40, 0.95, np.float32))
    missing, false = (next_yield(guess, ranking, places) for places in (np.arange(20), np.arange(20, 40)))
    assert missing.expected < false.expected < 19
    assert missing.low <= 10


def test_the_next_and_the_rest_add_up_to_the_whole() -> None:
    """Random looks at the bulk, verdicts at the top; each number is a sum of what is shown of the cells."""
    random = np.random.default_rng(0)
    p = np.sort(random.beta(0.1, 2, 3_000))[::-1].astype(np.float32)
    wrong = random.random(3_000) < p
    ranking = ranking_of(1 + np.arange(3_000) % 8, np.zeros(3_000, bool), p)
    done = np.concatenate([np.arange(100), random.choice(np.arange(100, 3_000), 40, replace=False)])
    known = fit(ranking.given[done], ranking.class_id[done], p[done], wrong[done])
    left = np.setdiff1d(np.arange(3_000), done)
    whole, soon, rest = (next_yield(known, ranking, places) for places in (left, left[:20], left[20:]))
    assert soon.expected + rest.expected == pytest.approx(whole.expected, rel=1e-5)
    assert whole.expected == pytest.approx(wrong[left].sum(), rel=0.5)
    assert whole.low <= wrong[left].sum() <= whole.high


def test_planted_errors_are_as_many_as_is_said_and_leave_the_rest() -> None:
    truth = np.random.default_rng(0).random((2_000, 10)) < 0.2
    for kind, (missing, spurious, swapped) in PLANTED.items():
        given = planted(truth, kind, 1)
        gone, added = (truth & ~given).sum() / truth.sum(), (given & ~truth).sum() / truth.sum()
        lost = missing + swapped - missing * swapped  # a swap in ten lands on a class that is there, and restores it
        assert gone == pytest.approx(lost, abs=0.03)
        assert added == pytest.approx(spurious + 0.8 * swapped, abs=0.03)
        np.testing.assert_array_equal(given, planted(truth, kind, 1))
        assert (given != planted(truth, kind, 2)).any()


def test_real_predictions_give_worlds_whose_ranges_are_laid_beside_the_truth(trained: Path) -> None:
    (case,) = label_errors.load(str(trained), [], [trained / "demo/truth"])
    worlds = list(real_collections(case, 1))
    assert [kind for kind, _ in worlds] == ["as imported", *PLANTED]
    for _, made in worlds:
        assert len(made.wrong) == case.evidence.known.sum()
        assert (np.diff(made.ranking.p_wrong) <= 0).all()
    assert worlds[0][1].wrong.sum() == case.wrong.sum()
    found = ahead(worlds[0][1], 0, 0.1)
    assert [soon.of for soon, *_ in found][:3] == [20] * 3
    assert [whole.of for *_, whole, _ in found][:3] == [len(worlds[0][1].wrong) - done for done in (0, 10, 30)]
    assert all(whole.low <= left <= whole.high for *_, whole, left in found[1:])


def test_a_simulated_collection_is_wrong_as_often_as_a_fair_scorer_says() -> None:
    made = make_collection(0, "fair")
    assert made.wrong.sum() == pytest.approx(made.ranking.p_wrong.sum(), abs=4 * np.sqrt(3000 * 0.25))
    assert (np.diff(made.ranking.p_wrong) <= 0).all()


def test_the_shortest_range_leaves_out_what_is_rarest() -> None:
    counts = np.repeat([20, 19, 18, 17, 16, 3, 2], [500, 250, 120, 60, 30, 20, 20])
    assert shortest(counts) == (16, 20), "the low end is long and thin, and nothing lies above"
    assert np.quantile(counts, 0.025, method="inverted_cdf") == 3
    random = np.random.default_rng(0)
    for size in (1, 2, 19, 20, 21, 400):
        drawn = random.poisson(4, size)
        low, high = shortest(drawn)
        inside = ((low <= drawn) & (drawn <= high)).mean()
        assert inside >= 0.95
        for a, b in ((low + 1, high), (low, high - 1)):
            assert ((a <= drawn) & (drawn <= b)).mean() < 0.95 or high == low
    assert shortest(np.array([3, 3, 3])) == (3, 3)


def test_a_guess_leaves_out_as_much_below_as_above_and_verdicts_make_its_range_the_shortest() -> None:
    assert central(np.repeat([0, 1, 2, 9], [24, 26, 925, 25])) == (1, 2)
    ranking = ranking_of(np.ones(4_000, int), np.zeros(4_000, bool), np.full(4_000, 0.01, np.float32))
    whole = np.arange(4_000)
    for found, choose in ((with_verdicts([], []), central), (with_verdicts([1] * 8 + [0] * 2, []), shortest)):
        said = next_yield(found, ranking, whole)
        drawn = found.fits["missing"].draw_counts(
            ranking.p_wrong, ranking.class_id, np.random.default_rng(0), 4_000, ranking.covariates
        )
        assert (said.low, said.high) == choose(drawn)


# ---- whether it holds


def cells_of(p: list[float], wrong: list[int], past: list[bool] | None = None) -> Judged:
    size = len(p)
    return Judged(
        np.arange(1, size + 1),
        np.zeros(size, bool),
        np.ones(size, int),
        np.array(p, np.float32),
        np.array(wrong, bool),
        np.array(past or [False] * size, bool),
        np.zeros((size, 0), np.float16),
    )


def test_each_verdict_is_judged_by_earlier_ones_alone() -> None:
    random = np.random.default_rng(3)
    p, wrong = random.random(60).tolist(), (random.random(60) < 0.4).astype(int).tolist()
    cells = cells_of(p, wrong)
    said = prequential(cells)
    assert np.isnan(said[:10]).all()
    for first, end in ((10, 20), (20, 30), (30, 45), (45, 60)):  # fitted anew after ten more, or half as many more
        earlier = calibration.fit_judged(cells.part(slice(0, first)))
        expected = earlier.fits["missing"].probability(np.array(p[first:end]), np.ones(end - first, int))
        np.testing.assert_allclose(said[first:end], expected, rtol=1e-5)
    turned = cells_of(p, [*wrong[:-1], 1 - wrong[-1]])
    np.testing.assert_array_equal(prequential(turned), said)  # the last verdict says nothing of itself


def test_cells_decided_before_the_scoring_teach_and_are_not_judged() -> None:
    said = prequential(cells_of([0.8] * 20, [1] * 20, [True] * 15 + [False] * 5))
    assert np.isnan(said[:15]).all()
    assert (said[15:] > 0.8).all()


def test_bins_count_what_was_found_in_each_tenth() -> None:
    cells = cells_of([0.5] * 6, [1, 0, 1, 1, 0, 1])
    found = bins(cells, np.array([0.82, 0.88, 0.85, 1.0, 0.05, np.nan]))
    assert [(one.kind, one.low, one.high, one.found) for one in found] == [
        ("missing", 0.0, 0.1, Share(0, 1)),
        ("missing", 0.8, 0.9, Share(2, 3)),
        ("missing", 0.9, 1.0, Share(1, 1)),
    ]
    assert [one.predicted for one in found] == pytest.approx([0.05, 0.85, 1.0])


def test_what_holds_is_said_in_a_sentence() -> None:
    missing, false = Bin("missing", 0.7, 0.8, 0.75, Share(22, 30)), Bin("false", 0.7, 0.8, 0.79, Share(9, 10))
    few = Bin("false", 0.1, 0.2, 0.12, Share(0, 1))
    assert sentence([missing, false, few]) == "Of 40 labels that were called 76 % likely wrong, 31 were."
    assert sentence([missing, false, few], "missing") == (
        "Of 30 unlisted classes that were called 75 % likely missing, 22 were."
    )
    assert sentence([false, few], "false") == "Of 10 listed labels that were called 79 % likely wrong, 9 were."
    assert sentence([few], "false") == "The one listed label that was called 12 % likely wrong was not."
    assert sentence([Bin("false", 0.9, 1.0, 0.96, Share(1, 2))]) == (
        "Of 2 labels that were called 96 % likely wrong, 1 was."
    )
    assert sentence([Bin("missing", 0.9, 1.0, 0.96, Share(1234, 1234))]) == (
        "Of 1,234 labels that were called 96 % likely wrong, all were."
    )
    assert sentence([few], "missing") == sentence([]) == ""
