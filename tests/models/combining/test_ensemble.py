"""models/combining/ensemble.py"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics import log_loss as sklearn_log_loss

from labeling.errors import ConfigError, DataError
from labeling.predictions.oof import Oof
from labeling.records import FrameGrid
from models.combining import ensemble
from models.combining.ensemble import (
    CombinedFrames,
    cross_fit,
    finest_grid,
    fit_weights,
    on_grid,
    share,
    weighted_mean,
)

GRID = FrameGrid(0.0, 1.0, 1.0)


def oof(ids: list[int], classes: str, frames: list[Any] | None = None, grid: FrameGrid = GRID, **more: Any) -> Oof:
    shape = (len(ids), len(classes))
    frames = frames or [np.zeros((0, shape[1]))] * len(ids)
    values = {
        "clip_ids": np.array(ids, np.int64),
        "filenames": tuple(f"{one}.wav" for one in ids),
        "classes": tuple(classes),
        "clipwise": np.full(shape, 0.5, np.float32),
        "offsets": np.cumsum([0, *(len(one) for one in frames)]),
        "fold": np.arange(len(ids), dtype=np.int32) % 2,
        "grid": grid,
        "label_version": 1,
        "label_hash": "",
        "framewise": np.concatenate(frames).astype(np.float16),
    }
    return Oof(**(values | more))


def three_runs(seed: int = 0, n: int = 300, c: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two good runs whose errors differ, and one that guesses; labels; known cells."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, c)) - 1
    present = rng.random((n, c)) < 1 / (1 + np.exp(-2 * truth))
    noisy = [2 * truth + rng.normal(0, 1.5, (n, c)), 2 * truth + rng.normal(0, 2.0, (n, c)), rng.normal(0, 1, (n, c))]
    return (1 / (1 + np.exp(-np.array(noisy)))).astype(np.float32), present, rng.random((n, c)) < 0.9


# ------------------------------------------------------------------------------------------ what runs share


def test_clips_and_classes_in_common_are_found_by_id_and_code() -> None:
    one, other = oof([1, 2, 3, 4], "abc"), oof([9, 4, 2, 3], "cbx", fold=np.array([0, 1, 1, 0], np.int32))
    found = share([one, other], ["001-a", "002-b"])
    assert found.clip_ids.tolist() == [2, 3, 4]
    assert found.filenames == ("2.wav", "3.wav", "4.wav")
    assert found.classes == ("b", "c")
    assert [rows.tolist() for rows in found.rows] == [[1, 2, 3], [2, 3, 1]]
    assert [columns.tolist() for columns in found.columns] == [[1, 2], [1, 0]]
    assert found.fold.tolist() == [1, 0, 1]
    assert found.words == (
        "only the 3 clips that every run predicts are combined (4 of 001-a, 4 of 002-b)",
        "only the 2 classes that every run predicts are combined (3 of 001-a, 3 of 002-b)",
    )


def test_other_folds_are_said_and_stored_as_none() -> None:
    one, other = oof([1, 2, 3], "a"), oof([1, 2, 3], "a", fold=np.array([0, 0, 1], np.int32))
    found = share([one, other], ["x", "y"])
    assert found.fold.tolist() == [-1, -1, -1]
    assert "different folds" in found.words[0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [([0, 1, 0], [5, 2, 5], True), ([0, 1, 0], [0, 1, 1], False), ([0, 0], [0, 1], False), ([-1, 0], [-1, 0], False)],
)
def test_folds_are_the_same_whatever_their_numbers(one: list[int], other: list[int], same: bool) -> None:
    assert ensemble.same_parts(np.array(one), np.array(other)) is same


@pytest.mark.parametrize(("ids", "classes", "what"), [([7], "a", "clip"), ([1], "z", "class")])
def test_runs_with_nothing_in_common_are_refused(ids: list[int], classes: str, what: str) -> None:
    with pytest.raises(DataError, match=f"runs p, q have no {what} in common"):
        share([oof([1], "a"), oof(ids, classes)], ["p", "q"])


# ----------------------------------------------------------------------------------------------- averages


def test_average_and_vote_by_hand() -> None:
    stack = np.array([[[0.2, 0.9]], [[0.4, 0.3]], [[0.9, 0.0]]], np.float32)
    assert weighted_mean(stack, np.array([0.5, 0.25, 0.25])) == pytest.approx(np.array([[0.425, 0.525]]))
    assert ensemble.vote_share(stack, 0.3) == pytest.approx(np.array([[2 / 3, 2 / 3]]))
    assert ensemble.vote_share(stack, 0.4) == pytest.approx(np.array([[2 / 3, 1 / 3]]))


def test_weights_are_scaled_and_checked() -> None:
    assert ensemble.checked_weights([1, 3], 2).tolist() == [0.25, 0.75]
    for weights in ([1], [1, -1], [0, 0], [1, np.nan]):
        with pytest.raises(ConfigError, match="weights"):
            ensemble.checked_weights(weights, 2)


# ------------------------------------------------------------------------------------------ fitted weights


def test_log_loss_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, present, known = three_runs()
    monkeypatch.setattr(ensemble, "_BLOCK_CELLS", 100)  # many blocks
    mixed = weighted_mean(stack, np.array([0.2, 0.3, 0.5]))
    expected = sklearn_log_loss(present[known], mixed[known])
    assert ensemble.log_loss(stack, present, known, [0.2, 0.3, 0.5]) == pytest.approx(expected, abs=1e-6)


def test_least_log_loss_is_what_expectation_maximisation_finds() -> None:
    """The weights of a mixture of known densities: w_k <- mean of w_k q_k / sum w q climbs to the same optimum."""
    stack, present, known = three_runs()
    q = np.where(present, stack, 1 - stack)[:, known].astype(float)
    weights = np.full(3, 1 / 3)
    for _ in range(5000):
        weights = (weights[:, None] * q / (weights @ q)).mean(axis=1)
    found = fit_weights(stack, present, known)
    assert found == pytest.approx(weights, abs=2e-3)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0


def test_cells_that_are_not_known_do_not_move_the_weights() -> None:
    stack, present, known = three_runs()
    assert np.array_equal(fit_weights(stack, present, known), fit_weights(stack, present ^ ~known, known))


def test_macro_ap_is_searched_beyond_equal_weights_and_any_one_run() -> None:
    stack, present, known = three_runs(3)
    weights = fit_weights(stack, present, known, "macro_ap")

    def macro_ap(mixed: np.ndarray) -> float:
        return float(np.mean([average_precision_score(present[k, c], mixed[k, c]) for c, k in enumerate(known.T)]))

    reached = macro_ap(weighted_mean(stack, weights))
    assert reached > max(macro_ap(stack.mean(axis=0)), *(macro_ap(one) for one in stack))
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown objective 'macro_app'; choose from .* Did you mean 'macro_ap'"):
        fit_weights(*three_runs(), "macro_app")


def test_a_folds_labels_do_not_reach_its_own_weights() -> None:
    stack, present, known = three_runs()
    fold = np.arange(300) % 3
    before = cross_fit(stack, present, known, fold)
    changed = present.copy()
    changed[fold == 1] = ~changed[fold == 1]
    after = cross_fit(stack, changed, known, fold)
    assert np.array_equal(after.of_fold[1], before.of_fold[1])
    assert np.array_equal(after.clipwise[fold == 1], before.clipwise[fold == 1])
    assert not np.allclose(after.of_fold[0], before.of_fold[0], atol=0.01)


def test_the_gain_is_that_of_folds_not_fitted_on() -> None:
    stack, present, known = three_runs()
    fold = np.arange(300) % 3
    found = cross_fit(stack, present, known, fold)
    mixed = np.empty(present.shape)
    for k in range(3):
        rest = fold != k
        weights = fit_weights(stack[:, rest], present[rest], known[rest])
        mixed[fold == k] = np.tensordot(weights, stack[:, fold == k], axes=1)
    assert found.gain["fitted"] == pytest.approx(sklearn_log_loss(present[known], mixed[known]), abs=1e-5)
    assert found.gain["fitted_in_sample"] <= found.gain["fitted"] < found.gain["equal"]
    with pytest.raises(DataError, match="at least two"):
        cross_fit(stack, present, known, np.zeros(300, int))


# ----------------------------------------------------------------------------------------------- frames


def test_a_frame_takes_the_one_that_covers_its_middle() -> None:
    frames = np.arange(3.0)[:, None]
    own = FrameGrid(0.0, 2.0, 2.0)  # 0-2, 2-4, 4-6 s
    assert on_grid(frames, own, FrameGrid(0.0, 1.0, 1.0), 7)[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 2]
    # middles at 1.5 - 0.5 = 1.0, 2.0, 3.0: the frame from 2 s on covers 2.0
    assert on_grid(frames, own, FrameGrid(0.5, 1.0, 1.0), 3)[:, 0].tolist() == [0, 1, 1]
    assert on_grid(frames, FrameGrid(1.0, 2.0, 2.0), FrameGrid(0.0, 1.0, 1.0), 4)[:, 0].tolist() == [0, 0, 0, 1]
    assert on_grid(np.arange(6.0)[:, None], FrameGrid(0, 1, 1), own, 3)[:, 0].tolist() == [1, 3, 5]


def test_the_finest_grid_is_the_first_of_the_shortest_steps() -> None:
    grids = [FrameGrid(0, 0.5, 0.5), FrameGrid(0.1, 0.2, 3.2), FrameGrid(0, 0.2, 0.4)]
    assert finest_grid(grids) == (1, FrameGrid(0.1, 0.2, 0.4))


def test_frames_of_two_grids_are_averaged_clip_by_clip() -> None:
    fine = [np.array([[0.2], [0.4], [0.6], [0.8]]), np.array([[1.0], [0.0]]), np.zeros((0, 1)), np.zeros((0, 1))]
    coarse = [np.array([[0.0], [1.0]]), np.zeros((0, 1)), np.array([[0.5]]), np.zeros((0, 1))]
    one = oof([1, 2, 3, 4], "a", fine)
    other = oof([3, 1, 4, 2], "a", [coarse[2], coarse[0], coarse[3], coarse[1]], FrameGrid(0.0, 2.0, 2.0))
    frames = CombinedFrames([one, other], share([one, other], ["p", "q"]), lambda _, stack: stack.mean(axis=0))
    assert frames.grid == FrameGrid(0.0, 1.0, 1.0)
    made = [np.asarray(clip)[:, 0] for clip in frames]
    assert made[0] == pytest.approx([0.1, 0.2, 0.8, 0.9], abs=1e-3)
    assert made[1] == pytest.approx([0.75, 0.25])  # the other run has no frames here: its clipwise 0.5
    assert made[2] == pytest.approx([0.5, 0.5])  # one frame of 2 s is two of 1 s
    assert made[3].size == 0
    assert [clip.shape for clip in frames] == [(4, 1), (2, 1), (2, 1), (0, 1)]


def test_frames_pass_in_small_blocks() -> None:
    """No more is read at a time than a block, however many clips there are."""
    asked: list[int] = []

    class Recorded:
        def __getitem__(self, rows: slice) -> np.ndarray:
            asked.append((rows.stop - rows.start) * 50 * 2)
            return np.zeros((rows.stop - rows.start, 50), np.float16)

    count = 600
    big = oof(list(range(count)), "".join(map(chr, range(48, 98))))
    offsets = np.arange(count + 1) * 400
    big = Oof(**{**big.__dict__, "offsets": offsets, "framewise": Recorded()})
    frames = CombinedFrames([big], share([big], ["p"]), lambda _, stack: stack[0])
    total = sum(len(np.asarray(clip)) for clip in frames)
    assert total == 240_000
    assert max(asked) <= 8 << 20
    assert sum(asked) == 240_000 * 100  # everything once
