"""disagreement.py: each formula by hand or against cleanlab, and what every scorer must keep to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from labeling.disagreement import scorers
from labeling.disagreement.assembly import assemble_evidence
from labeling.disagreement.evidence import Dynamics, Evidence, FrameSummary, class_confidence, summarise_frames
from labeling.disagreement.scorers import NEEDS, SCORERS
from labeling.errors import ArtefactError, DataError, UnknownName
from labeling.predictions.oof import Oof
from labeling.records import FrameGrid
from tests.support.examples import examples

P = np.array([[0.9, 0.2], [0.4, 0.6], [0.2, 0.1]], dtype=np.float32)
GIVEN = np.array([[True, False], [True, True], [False, False]])


def evidence_of(
    clipwise: NDArray[np.floating],
    given_labels: NDArray[np.bool_],
    known: NDArray[np.bool_] | None = None,
    maximum: NDArray[np.floating] | None = None,
    above: NDArray[np.integer] | None = None,
    mean: NDArray[np.floating] | None = None,
) -> Evidence:
    clipwise = np.asarray(clipwise, dtype=np.float32)
    return Evidence(
        given=given_labels,
        known=np.ones_like(given_labels) if known is None else known,
        clipwise=clipwise,
        frames=FrameSummary(
            maximum=clipwise if maximum is None else np.asarray(maximum, dtype=np.float32),
            mean=np.full(clipwise.shape, 0.05, np.float32) if mean is None else np.asarray(mean, dtype=np.float32),
            above=np.ones(clipwise.shape, np.int32) if above is None else np.asarray(above, dtype=np.int32),
            threshold=np.full(clipwise.shape[1], 0.5, dtype=np.float32),
        ),
    )


def complete(evidence: Evidence, seed: int = 0) -> Evidence:
    """With every other kind of evidence that there is, made up."""
    rng = np.random.default_rng(seed)
    shape = evidence.given.shape

    def numbers(low: float, high: float, holes: float = 0.2) -> NDArray[np.float32]:
        values = rng.uniform(low, high, shape).astype(np.float32)
        values[rng.random(shape) < holes] = np.nan
        return values

    other = numbers(0, 1, 0)
    other[rng.random(shape[0]) < 0.2] = np.nan
    return replace(
        evidence,
        others=(other, numbers(0, 1, 0)),
        others_highest=(numbers(0, 1), numbers(0, 1, 0)),
        dynamics=Dynamics(numbers(-5, 5), numbers(0, 3), numbers(0, 0.5)),
        neighbours=(numbers(0, 1), numbers(0, 1)),
        priors=(numbers(-3, 3, 0), numbers(-3, 3, 0)),
    )


def oof_of(clipwise: NDArray[np.floating], frames: list[NDArray[np.floating]]) -> Oof:
    count, classes = clipwise.shape
    return Oof(
        clip_ids=np.arange(count),
        filenames=tuple(f"{i}.ogg" for i in range(count)),
        classes=tuple("abcdefgh"[:classes]),
        clipwise=np.asarray(clipwise, dtype=np.float32),
        offsets=np.cumsum([0, *map(len, frames)]),
        fold=np.zeros(count, dtype=np.int32),
        grid=FrameGrid(0.0, 0.1, 0.1),
        label_version=1,
        label_hash="",
        framewise=np.concatenate(frames).astype(np.float16),
    )


def random_evidence(seed: int, clips: int = 40, classes: int = 4, unsure: float = 0.1) -> Evidence:
    rng = np.random.default_rng(seed)
    labels = rng.random((clips, classes)) < rng.uniform(0, 0.6, classes)
    logit = rng.normal(-2, 1.5, labels.shape) + 3 * (labels ^ (rng.random(labels.shape) < 0.1))
    maximum = 1 / (1 + np.exp(-logit - rng.exponential(1, labels.shape)))
    known = rng.random(labels.shape) >= unsure
    return evidence_of(1 / (1 + np.exp(-logit)), labels, known, maximum, rng.integers(0, 30, labels.shape))


def test_unknown_scorer_names_those_that_exist() -> None:
    assert set(SCORERS.names()) >= {"cleanlab", "earmark", "frame_max", "relative", "self_confidence", *NEEDS}
    with pytest.raises(UnknownName, match=r"unknown scorer 'earmrk'; choose from .*Did you mean 'earmark'"):
        SCORERS.get("earmrk")


def test_self_confidence_by_hand() -> None:
    scores = SCORERS.get("self_confidence")(evidence_of(P, GIVEN))
    np.testing.assert_allclose(scores.label_quality, [[0.9, 0.8], [0.4, 0.6], [0.8, 0.9]], rtol=1e-6)
    np.testing.assert_allclose(scores.p_wrong, 1 - scores.label_quality)


def test_frame_max_by_hand() -> None:
    scores = SCORERS.get("frame_max")(evidence_of(P, GIVEN, maximum=P + 0.1))
    np.testing.assert_allclose(scores.label_quality, [[1.0, 0.7], [0.5, 0.7], [0.7, 0.8]], rtol=1e-6)


def test_class_confidence_by_hand() -> None:
    # listed: class 0 has 0.9 and 0.4, class 1 has 0.6; the whole is 1.9 / 3, and counts as one clip more
    whole = 1.9 / 3
    np.testing.assert_allclose(
        class_confidence(P, GIVEN, GIVEN | True), [(1.3 + whole) / 3, (0.6 + whole) / 2], rtol=1e-6
    )
    # unlisted: 1 - p is 0.8 in class 0, 0.8 and 0.9 in class 1
    whole = 2.5 / 3
    np.testing.assert_allclose(
        class_confidence(P, GIVEN, GIVEN | True, listed=False), [(0.8 + whole) / 2, (1.7 + whole) / 3], rtol=1e-6
    )
    # a class that nothing lists has what is typical of the others
    nobody = GIVEN & [True, False]
    np.testing.assert_allclose(class_confidence(P, nobody, GIVEN | True), [0.65, 0.65], rtol=1e-6)
    assert np.all(class_confidence(P, GIVEN & False, GIVEN | True) == 0.5)


def test_relative_by_hand() -> None:
    quality = SCORERS.get("relative")(evidence_of(P, GIVEN)).label_quality
    listed, unlisted = (1.3 + 1.9 / 3) / 3, (1.7 + 2.5 / 3) / 3
    assert quality[0, 0] == pytest.approx(0.9 / (0.9 + listed))
    assert quality[2, 1] == pytest.approx(0.9 / (0.9 + unlisted))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("adjust", [False, True])
def test_cleanlab_is_cleanlab(seed: int, adjust: bool) -> None:
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    evidence = random_evidence(seed, unsure=0.0)
    if seed == 3:  # a class that nothing lists
        evidence.given[:, 2] = False
    lists = [np.flatnonzero(row).tolist() for row in evidence.given]
    wanted = get_label_quality_scores_per_class(lists, evidence.clipwise, adjust_pred_probs=adjust)
    scorer = SCORERS.get("cleanlab" if adjust else "self_confidence")
    np.testing.assert_allclose(scorer(evidence).label_quality, np.asarray(wanted), atol=1e-6)


@examples(15)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(SCORERS.names()), clips=st.integers(1, 30))
def test_scores_are_finite_and_within_0_and_1(seed: int, name: str, clips: int) -> None:
    scores = SCORERS.get(name)(complete(random_evidence(seed, clips=clips, unsure=0.3), seed))
    for array in (scores.label_quality, scores.p_wrong):
        assert array.dtype == np.float32
        assert np.all(np.isfinite(array))
        assert np.all((array >= 0) & (array <= 1))


@pytest.mark.parametrize("name", SCORERS.names())
@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_nothing_listed_everything_listed_and_certain_models(name: str, fill: bool, value: float) -> None:
    labels = np.full((6, 3), fill)
    labels[0, 0] = not fill
    for known in (np.ones_like(labels), np.zeros_like(labels)):
        scores = SCORERS.get(name)(complete(evidence_of(np.full(labels.shape, value), labels, known)))
        assert np.all(np.isfinite(scores.label_quality))
        assert np.all((scores.label_quality >= 0) & (scores.label_quality <= 1))


@examples(10)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(SCORERS.names()))
def test_the_order_of_clips_does_not_matter(seed: int, name: str) -> None:
    evidence = complete(random_evidence(seed), seed)
    order = np.random.default_rng(seed).permutation(len(evidence.given))
    assert evidence.dynamics is not None
    shuffled = Evidence(
        evidence.given[order],
        evidence.known[order],
        evidence.clipwise[order],
        FrameSummary(
            evidence.frames.maximum[order],
            evidence.frames.mean[order],
            evidence.frames.above[order],
            evidence.frames.threshold,
        ),
        others=tuple(one[order] for one in evidence.others),
        dynamics=Dynamics(*(value[order] for value in vars(evidence.dynamics).values())),
        others_highest=tuple(one[order] for one in evidence.others_highest),
        neighbours=tuple(one[order] for one in evidence.neighbours),
        priors=tuple(one[order] for one in evidence.priors),
    )
    scorer = SCORERS.get(name)
    np.testing.assert_allclose(
        scorer(shuffled).label_quality, scorer(evidence).label_quality[order], rtol=2e-3, atol=1e-4
    )


@examples(10)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(SCORERS.names()))
def test_masked_cells_change_nothing_elsewhere(seed: int, name: str) -> None:
    evidence = random_evidence(seed, unsure=0.2)
    hidden = ~evidence.known
    other = evidence_of(
        np.where(hidden, 0.77, evidence.clipwise),
        evidence.given ^ hidden,
        evidence.known,
        np.where(hidden, 0.99, evidence.frames.maximum),
        np.where(hidden, 3, evidence.frames.above),
    )
    scorer = SCORERS.get(name)
    np.testing.assert_allclose(
        scorer(complete(other, seed)).label_quality[evidence.known],
        scorer(complete(evidence, seed)).label_quality[evidence.known],
        rtol=2e-3,
        atol=1e-4,
    )


@examples(12)
@given(
    seed=st.integers(0, 10_000),
    part=st.sampled_from(["clipwise", "maximum", "others", "others_highest", "margin", "neighbours", "priors"]),
    raised=st.floats(0, 1),
)
def test_more_evidence_never_hides_a_missing_label(seed: int, part: str, raised: float) -> None:
    """With the statistics of the classes held fixed."""
    evidence = complete(random_evidence(seed), seed)
    model = scorers.fit(evidence)
    up = np.float32(raised)
    assert evidence.dynamics is not None
    after = {
        "clipwise": replace(evidence, clipwise=evidence.clipwise + up * (1 - evidence.clipwise)),
        "maximum": replace(
            evidence,
            frames=replace(evidence.frames, maximum=evidence.frames.maximum + up * (1 - evidence.frames.maximum)),
        ),
        "others": replace(evidence, others=tuple(one + up * (1 - one) for one in evidence.others)),
        "margin": replace(evidence, dynamics=replace(evidence.dynamics, margin=_one_up(evidence.dynamics.margin, up))),
        "others_highest": replace(
            evidence, others_highest=tuple(one + up * (1 - one) for one in evidence.others_highest)
        ),
        "neighbours": replace(evidence, neighbours=tuple(one + up * (1 - one) for one in evidence.neighbours)),
        "priors": replace(evidence, priors=tuple(one + up for one in evidence.priors)),
    }[part]
    before_quality = scorers.score_with(model, evidence).label_quality
    after_quality = scorers.score_with(model, after).label_quality
    unlisted = ~evidence.given
    if part == "margin":  # of one cell: what is usual of the class moves a little with it
        before_quality, after_quality, unlisted = before_quality[:1, :1], after_quality[:1, :1], unlisted[:1, :1]
    assert np.all(after_quality[unlisted] <= before_quality[unlisted] + 1e-6)
    assert np.all(after_quality[~unlisted] >= before_quality[~unlisted] - 1e-6)


def _one_up(margin: NDArray[np.float32], up: np.float32) -> NDArray[np.float32]:
    margin = margin.copy()
    margin[0, 0] += up
    return margin


def planted(seed: int, clips: int = 1500, classes: int = 20) -> tuple[Evidence, NDArray[np.bool_]]:
    """Labels with planted errors, and a model that hears more in the frames than in the clip."""
    rng = np.random.default_rng(seed)
    share = rng.permutation(np.linspace(0.01, 0.2, classes))
    truth = rng.random((clips, classes)) < share
    flip = np.where(truth, rng.random(truth.shape) < 0.25, rng.random(truth.shape) < 0.01)
    shy = rng.normal(-4, 1, classes)  # some classes are never heard with confidence
    frame = shy + 4 * truth + rng.normal(0, 1.3, truth.shape)
    clip = frame - 1 + rng.normal(0, 1, truth.shape)
    above = rng.poisson(np.where(truth, 4.0, 1.5))
    sigmoid = [1 / (1 + np.exp(-logit)) for logit in (clip, frame)]
    mean = sigmoid[1] * np.where(truth, 0.2, 0.35)  # what is there for a moment stands out
    return evidence_of(sigmoid[0], truth ^ flip, None, sigmoid[1], above, mean), flip


@pytest.mark.parametrize("part", ["clipwise", "maximum", "mean", "others", "others_highest", "neighbours", "priors"])
def test_the_default_uses_each_piece_of_evidence(part: str) -> None:
    rng = np.random.default_rng(5)
    truth = rng.random((400, 3)) < 0.3
    flip = rng.random(truth.shape) < 0.05
    pieces = {"clipwise": np.full(truth.shape, 0.3), "maximum": np.full(truth.shape, 0.4), "mean": truth * 0 + 0.1}
    told = np.where(truth, 0.8, 0.1).astype(np.float32)
    if part in pieces:
        pieces[part] = np.where(truth, 0.02, 0.2) if part == "mean" else told
    evidence = evidence_of(pieces["clipwise"], truth ^ flip, None, pieces["maximum"], None, pieces["mean"])
    if part in ("others", "others_highest", "neighbours", "priors"):
        evidence = replace(evidence, **{part: (told,)})
    p_wrong = SCORERS.get("earmark")(evidence).p_wrong
    assert p_wrong[flip].min() > 4 * p_wrong[~flip].max()


def test_a_run_that_hears_little_does_not_take_over_from_one_that_hears_well() -> None:
    """Scored by the worse run, with the better one beside it, the queue is nearly as good as that of the better."""
    good, wrong = planted(3, clips=600, classes=8)
    chance = np.random.default_rng(3).uniform(0.02, 0.2, good.given.shape).astype(np.float32)
    bad = evidence_of(chance, good.given)
    score = SCORERS.get("earmark")
    alone, best = (average_precision_score(wrong, score(one).p_wrong, average="micro") for one in (bad, good))
    beside = replace(bad, others=(good.clipwise,), others_highest=(good.frames.maximum,))
    assert alone < 0.5 * best
    assert average_precision_score(wrong, score(beside).p_wrong, average="micro") > 0.85 * best


def test_the_margin_in_training_parts_cells_that_all_else_leaves_alike() -> None:
    rng = np.random.default_rng(6)
    truth = rng.random((400, 3)) < 0.3
    flip = rng.random(truth.shape) < 0.05
    given_labels = truth ^ flip
    alike = evidence_of(np.full(truth.shape, 0.3), given_labels)
    unknown = np.zeros(truth.shape, np.float32)
    seen = np.where(given_labels, 2.0, -2.0) + np.where(truth, 1.0, -1.0)  # the label is learned, the sound a little
    evidence = replace(alike, dynamics=Dynamics(seen.astype(np.float32), unknown, unknown))
    for cells in (given_labels, ~given_labels):
        p_wrong = SCORERS.get("earmark")(evidence).p_wrong
        assert p_wrong[cells & flip].min() > 2 * p_wrong[cells & ~flip].max()


def test_verdicts_teach_the_default_but_are_not_taken_for_rates_of_noise() -> None:
    """People look where errors are: half of what they decided was wrong, and the collection is no worse for it."""
    evidence, flip = planted(1)
    plain = SCORERS.get("earmark")(evidence).p_wrong
    order = np.argsort(-plain, axis=None)[:400]
    verdict = np.full(flip.shape, -1, np.int8)
    verdict.ravel()[order] = (evidence.given ^ flip).ravel()[order]
    taught = SCORERS.get("earmark")(replace(evidence, verdict=verdict)).p_wrong
    rest = verdict < 0
    assert float(taught[rest].sum()) == pytest.approx(float(flip[rest].sum()), rel=0.35)

    def loss(p: NDArray[np.float32]) -> float:
        return float(-np.mean(np.where(flip, np.log(p), np.log1p(-p))[rest]))

    assert loss(np.clip(taught, 1e-6, 1 - 1e-6)) <= loss(np.clip(plain, 1e-6, 1 - 1e-6)) + 1e-4


def test_what_a_scorer_needs_is_said() -> None:
    for name, words in (
        ("runs_mean", "second one"),
        ("margin", "train.dynamics"),
        ("neighbours", "predict.neighbours"),
    ):
        with pytest.raises(DataError, match=words):
            SCORERS.get(name)(evidence_of(P, GIVEN))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_finds_more_planted_errors_than_the_others(seed: int) -> None:
    evidence, flip = planted(seed)
    listed = evidence.given

    def found(name: str, cells: NDArray[np.bool_]) -> float:
        return float(average_precision_score(flip[cells], -SCORERS.get(name)(evidence).label_quality[cells]))

    for cells in (listed | True, listed, ~listed):
        names = set(SCORERS.names()) - {"earmark", *NEEDS}
        best = max(found(name, cells) for name in names)
        assert found("earmark", cells) > best


def test_p_wrong_of_the_default_is_a_probability() -> None:
    evidence, flip = planted(3)
    p_wrong = SCORERS.get("earmark")(evidence).p_wrong
    assert float(p_wrong.sum()) == pytest.approx(float(flip.sum()), rel=0.25)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 1.0)):
        cells = (p_wrong >= low) & (p_wrong < high)
        assert np.mean(flip[cells]) == pytest.approx(float(p_wrong[cells].mean()), abs=0.15)


def test_frame_summary_by_hand() -> None:
    frames = [
        np.array([[0.1, 0.9], [0.6, 0.2], [0.5, 0.2]]),
        np.zeros((0, 2)),
        np.tile([[0.25, 0.75]], (600, 1)),  # more frames than fit a byte
    ]
    clipwise = np.array([[0.2, 0.8], [0.3, 0.7], [0.2, 0.7]])
    summary = summarise_frames(oof_of(clipwise, frames), np.array([0.5, 0.5], dtype=np.float32))
    np.testing.assert_allclose(summary.maximum, [[0.6, 0.9], [0.3, 0.7], [0.25, 0.75]], atol=1e-3)
    np.testing.assert_array_equal(summary.above, [[2, 1], [0, 1], [0, 600]])


@examples(12)
@given(
    seed=st.integers(0, 1000),
    lengths=st.lists(st.integers(0, 400), min_size=1, max_size=5),
    threshold=st.floats(0, 1, width=32),
)
def test_frame_summary_counts_like_numpy(seed: int, lengths: list[int], threshold: float) -> None:
    rng = np.random.default_rng(seed)
    frames = [(rng.random((length, 3)) ** 3).astype(np.float16) for length in lengths]
    oof = oof_of(rng.random((len(lengths), 3)), frames)
    summary = summarise_frames(oof, np.full(3, threshold, dtype=np.float32))
    for row, clip in enumerate(frames):
        if len(clip):
            np.testing.assert_array_equal(summary.maximum[row], clip.max(axis=0).astype(np.float32))
            reached = clip.astype(np.float32) >= np.float32(threshold)
            np.testing.assert_array_equal(summary.above[row], reached.sum(axis=0))


def test_frames_are_counted_against_half_the_typical_confidence() -> None:
    frames = [np.array([[0.3], [0.2]]), np.array([[0.5], [0.45]]), np.array([[0.1], [0.32]])]
    given_labels = np.array([[True], [True], [False]])
    evidence = assemble_evidence(oof_of(np.array([[0.4], [0.8], [0.1]]), frames), given_labels, given_labels | True)
    assert evidence.frames.threshold[0] == pytest.approx(0.3)
    np.testing.assert_array_equal(evidence.frames.above[:, 0], [1, 2, 1])


def test_broken_frames_stop_the_scoring_with_a_remedy() -> None:
    oof = oof_of(np.full((2, 1), 0.5), [np.array([[0.5]]), np.array([[np.nan]])])
    with pytest.raises(ArtefactError, match=r"NaN .*resume the run"):
        assemble_evidence(oof, np.ones((2, 1), bool), np.ones((2, 1), bool))


def test_shapes_must_agree() -> None:
    with pytest.raises(ArtefactError, match=r"known has shape \(2, 2\) where the labels have \(3, 2\)"):
        evidence_of(P, GIVEN, known=GIVEN[:2])
