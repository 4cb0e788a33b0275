"""evidence.py: what may be missing, what must agree, log odds by hand, frames read in small blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.disagreement import evidence as module
from labeling.disagreement.evidence import (
    SMALLEST,
    Dynamics,
    Evidence,
    FrameSummary,
    as_scores,
    class_confidence,
    log_odds,
    scores_of_evidence,
    summarise_frames,
)
from labeling.errors import ArtefactError, DataError
from labeling.predictions.oof import FrameBlock, Oof, for_each_block
from tests.support.examples import examples
from tests.support.workspaces.synthetic_oof import oof_of

NAN = float("nan")
GIVEN = np.array([[True, False], [False, True], [False, False]])


def evidence(**more: Any) -> Evidence:
    p = np.where(GIVEN, 0.8, 0.1).astype(np.float32)
    frames = FrameSummary(p, p, np.ones(p.shape, np.int32), np.full(2, 0.5, np.float32))
    return Evidence(GIVEN, np.ones_like(GIVEN), p, frames, **more)


def test_the_label_now_is_the_verdict_where_there_is_one() -> None:
    assert evidence().label is GIVEN
    verdict = np.array([[0, 1], [-1, 1], [-1, -1]], np.int8)
    np.testing.assert_array_equal(evidence(verdict=verdict).label, [[False, True], [False, True], [False, False]])


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("others", "another train.seed"),
        ("dynamics", "train it anew with train.dynamics = true"),
        ("neighbours", "train it anew with predict.neighbours above 0"),
        ("priors", "which classes occur together"),
    ],
)
def test_what_is_needed_and_missing_is_said_with_the_remedy(name: str, remedy: str) -> None:
    with pytest.raises(DataError, match=f"{remedy}.*or choose --scorer earmark"):
        evidence().needed(name)
    unknown = np.full(GIVEN.shape, np.nan, np.float32)
    value: Any = {"dynamics": Dynamics(unknown, unknown, unknown)}.get(name, (unknown,))
    assert evidence(**{name: value}).needed(name) is value


@pytest.mark.parametrize(
    "part", ["others", "priors", "verdict", "neighbours", "dynamics", "frames", "known", "clipwise"]
)
def test_an_array_of_another_shape_is_refused(part: str) -> None:
    wrong: Any = np.zeros((2, 3), np.float32)
    value: Any = {
        "others": (wrong,),
        "priors": (wrong,),
        "neighbours": (wrong,),
        "verdict": wrong.astype(np.int8),
        "dynamics": Dynamics(evidence().clipwise, wrong, evidence().clipwise),
        "frames": replace(evidence().frames, mean=wrong),
    }.get(part, wrong)
    name = {"dynamics": r"dynamics\.forgotten", "frames": r"frames\.mean"}.get(part, part)
    with pytest.raises(ArtefactError, match=rf"{name} has shape \(2, 3\) where the labels have \(3, 2\)"):
        replace(evidence(), **{part: value})


def test_log_odds_by_hand() -> None:
    values = log_odds(np.array([0.0, 0.2, 0.5, 0.75, 1.0, NAN], np.float64))
    assert values.dtype == np.float32
    end = np.log(SMALLEST / (1 - SMALLEST))
    np.testing.assert_allclose(values, [end, np.log(0.25), 0, np.log(3), -end, NAN], rtol=1e-4)


def test_scores_of_evidence_are_its_sigmoid_seen_from_the_label() -> None:
    # log 3 speaks for a class three to one; what is not known leaves every label as likely as not
    scores = scores_of_evidence(np.array([[np.log(3)], [np.log(3)], [NAN], [1e9]], np.float32), GIVEN[[0, 1, 0, 0], :1])
    np.testing.assert_allclose(scores.label_quality[:, 0], [0.75, 0.25, 0.5, 1], rtol=1e-6)
    np.testing.assert_allclose(scores.p_wrong, 1 - scores.label_quality, rtol=1e-6)
    assert scores.label_quality.dtype == scores.p_wrong.dtype == np.float32
    np.testing.assert_array_equal(as_scores(np.array([-0.5, 0.25, 1.5])).p_wrong, np.array([1, 0.75, 0], np.float32))


def test_masked_cells_are_not_typical_of_anything() -> None:
    p = np.array([[0.9, 0.2], [0.3, 0.6], [0.5, 0.4]], np.float32)
    listed = np.array([[True, False], [True, True], [False, True]])
    known = np.array([[True, True], [False, True], [True, True]])
    whole = (0.9 + 0.6 + 0.4) / 3
    np.testing.assert_allclose(class_confidence(p, listed, known), [(0.9 + whole) / 2, (1.0 + whole) / 3], rtol=1e-6)
    assert np.all(class_confidence(p, listed, known & False) == 0.5)
    assert class_confidence(p[:1, :1], listed[:1, :1], known[:1, :1]) == pytest.approx(0.9)  # one clip, one class


@examples(20)
@given(seed=st.integers(0, 9999), lengths=st.lists(st.integers(0, 300), min_size=1, max_size=8), size=st.integers(1, 3))
def test_frames_read_in_blocks_of_any_size_say_the_same(seed: int, lengths: list[int], size: int) -> None:
    """Against numpy on whole clips; blocks down to one clip each."""
    rng = np.random.default_rng(seed)
    frames = [rng.random((length, 2)).astype(np.float16) for length in lengths]
    oof, threshold = oof_of(rng.random((len(lengths), 2)), frames), np.array([0.25, 0.7], np.float32)
    kept = for_each_block

    def small(oof: Oof, work: Any, max_bytes: int = 0) -> None:
        kept(oof, work, size * 400)

    module.for_each_block = small
    try:
        summary = summarise_frames(oof, threshold)
    finally:
        module.for_each_block = kept
    for row, clip in enumerate(frames):
        values = clip.astype(np.float32)
        if not len(clip):
            values = oof.clipwise[row : row + 1]  # a clip without frames is its clipwise probability
        np.testing.assert_array_equal(summary.maximum[row], values.max(axis=0))
        np.testing.assert_allclose(summary.mean[row], values.mean(axis=0), rtol=1e-5)
        np.testing.assert_array_equal(summary.above[row], (values >= threshold).sum(axis=0))
    kinds = [one.dtype.name for one in (summary.maximum, summary.mean, summary.above)]
    assert kinds == ["float32", "float32", "int32"]


def test_every_block_is_worked_on_once_and_an_error_comes_through() -> None:
    oof = oof_of(np.zeros((50, 1)), [np.zeros((3, 1))] * 50)
    seen: list[int] = []
    for_each_block(oof, lambda block: seen.extend(range(block.first, block.last)), max_bytes=20)
    assert sorted(seen) == list(range(50))

    def fail(block: FrameBlock) -> None:
        raise ArtefactError("damaged")

    with pytest.raises(ArtefactError, match="damaged"):
        for_each_block(oof, fail, max_bytes=20)
