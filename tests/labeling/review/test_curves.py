"""labeling/review/curves.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeling import journal
from labeling.predictions.oof import Oof
from labeling.records import Decision, FrameGrid
from labeling.review import curves
from labeling.workspace import Workspace
from tests.support.workspaces.curves import add_run

COARSE, FINE = FrameGrid(0.0, 0.5, 1.0), FrameGrid(0.0, 0.5, 0.5)


def spread_of(workspace: Workspace, run_id: str, codes: list[str]) -> curves.Spread | None:
    shown = curves.prediction(workspace, run_id, 1)
    assert shown is not None
    with workspace.read() as connection:
        return curves.spread(workspace, connection, shown, 1, codes)


def test_a_step_is_the_largest_of_the_frames_that_it_covers() -> None:
    values = np.array([0.1, 0.4, 0.3, 0.2, 0.9], np.float32)
    np.testing.assert_allclose(curves.native_frames(values, COARSE), [0.4, 0.3, 0.9])
    np.testing.assert_allclose(curves.native_frames(values, FINE), values)
    assert len(curves.native_frames(values[:0], COARSE)) == 0


def test_another_runs_steps_on_ones_own() -> None:
    fine = np.array([[0.1], [0.4], [0.3], [0.2]], np.float32)
    np.testing.assert_allclose(curves.resampled(fine, FINE, COARSE, 2)[:, 0], [0.4, 0.3])
    coarse = np.array([[0.4], [0.3]], np.float32)
    np.testing.assert_allclose(curves.resampled(coarse, COARSE, FINE, 5)[:, 0], [0.4, 0.4, 0.3, 0.3, 0.3])
    later = FrameGrid(1.0, 1.0, 1.0)  # begins a second later: the first step has nothing but its nearest
    np.testing.assert_allclose(curves.resampled(coarse, later, COARSE, 3)[:, 0], [0.4, 0.4, 0.3])
    uneven = FrameGrid(0.0, 0.3, 0.3)  # middles 0.15 0.45 0.75 | 1.05 1.35: a step that ends inside the next is not its
    values = np.array([[0.1], [0.2], [0.3], [0.9], [0.8]], np.float32)
    np.testing.assert_allclose(curves.resampled(values, uneven, COARSE, 2)[:, 0], [0.3, 0.9])


def test_the_spread_is_over_all_finished_runs(collection: Workspace) -> None:
    shown = np.array([[0.5, 0.1], [0.6, 0.1], [0.2, 0.1], [0.3, 0.1]], np.float32)
    other = np.array([[0.9, 0.2], [0.1, 0.3], [0.4, 0.1], [0.5, 0.05]], np.float32)
    add_run(collection, "001-a", shown, COARSE)
    assert spread_of(collection, "001-a", ["amecro"]) is None
    add_run(collection, "002-b", other, FINE)
    add_run(collection, "003-failed", other + 0.1, FINE, status="failed")
    add_run(collection, "004-elsewhere", other + 0.1, FINE, clip_ids=(2,))
    found = spread_of(collection, "001-a", ["balori", "amecro"])
    assert found is not None
    np.testing.assert_allclose(found[0], [[0.1, 0.6], [0.1, 0.3]], atol=1e-3)
    np.testing.assert_allclose(found[1], [[0.3, 0.9], [0.1, 0.5]], atol=1e-3)


def test_a_class_that_one_run_lacks_is_spread_over_the_others(collection: Workspace) -> None:
    frames = np.array([[0.5, 0.1], [0.6, 0.2]], np.float32)
    add_run(collection, "001-a", frames, FINE)
    add_run(collection, "002-b", frames / 2, FINE, classes=("balori", "cangoo"))
    found = spread_of(collection, "001-a", ["amecro", "balori"])
    assert found is not None
    np.testing.assert_allclose(found[0], [[0.5, 0.1], [0.6, 0.2]], atol=1e-3)
    np.testing.assert_allclose(found[1], [[0.5, 0.25], [0.6, 0.3]], atol=1e-3)


def test_a_new_run_is_in_the_spread_at_once(collection: Workspace) -> None:
    frames = np.full((2, 2), 0.5, np.float32)
    add_run(collection, "001-a", frames, FINE)
    add_run(collection, "002-b", frames, FINE)
    before = spread_of(collection, "001-a", ["amecro"])
    add_run(collection, "003-c", frames + 0.25, FINE)
    after = spread_of(collection, "001-a", ["amecro"])
    assert before is not None
    assert after is not None
    assert (before[1].max(), after[1].max()) == (0.5, 0.75)


def test_spreads_of_long_clips_are_not_hoarded(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for run_id in ("001-a", "002-b"):
        add_run(collection, run_id, np.full((100, 2), 0.5, np.float32), FINE, clip_ids=(1, 2, 3, 4))
    monkeypatch.setattr(curves._spreads, "total", 250)
    curves._spreads.clear()

    def ask(*clip_ids: int) -> None:
        for clip_id in clip_ids:
            shown = curves.prediction(collection, "001-a", clip_id)
            assert shown is not None
            with collection.read() as connection:
                assert curves.spread(collection, connection, shown, clip_id, ["amecro"])

    ask(1, 2, 3, 4)
    read: list[int] = []
    real = curves._spread
    monkeypatch.setattr(curves, "_spread", lambda *given: read.append(given[3]) or real(*given))
    ask(3, 4, 1)
    assert read == [1]


def test_frames_are_read_once_but_for_those_of_long_recordings(
    collection: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_run(collection, "001-a", np.full((100, 2), 0.5, np.float32), FINE, clip_ids=(1, 2, 3, 4))
    read: list[int] = []
    real = Oof.frames
    monkeypatch.setattr(Oof, "frames", lambda oof, row: read.append(row) or real(oof, row))

    def ask(*clip_ids: int) -> list[int]:
        read.clear()
        for clip_id in clip_ids:
            shown = curves.prediction(collection, "001-a", clip_id)
            assert shown is not None
            assert shown.framewise.shape == (100, 2)
        return [*read]

    assert ask(1, 1, 2, 1) == [0, 1]
    monkeypatch.setattr(curves._frames, "total", 199)
    assert ask(3, 3) == [2, 2]


def test_a_run_without_predictions_says_nothing(collection: Workspace) -> None:
    assert curves.prediction(collection, "009-none", 1) is None
    with collection.read() as connection:
        assert curves.thresholds(collection, connection, "009-none", 0) == {}


def test_the_threshold_is_half_of_what_is_typical_where_the_class_is_listed(collection: Workspace) -> None:
    clipwise = np.array([[0.8, 0.5], [0.6, 0.9], [0.1, 0.3], [0.9, 0.2]], np.float32)
    add_run(collection, "001-a", np.zeros((1, 2), np.float32), FINE, clip_ids=(1, 2, 3, 4), clipwise=clipwise)
    journal.append(
        collection, [Decision("e1", "ann", 3, "amecro", "absent"), Decision("e2", "ann", 4, "balori", "unsure")]
    )
    with collection.read() as connection:
        found = curves.thresholds(collection, connection, "001-a", 2)
    # amecro is heard in clips 1, 2 (0.8, 0.6), balori in 1, 3 (0.5, 0.3); each borrows one clip of the mean 0.55
    assert found == {"amecro": pytest.approx((1.4 + 0.55) / 3 / 2), "balori": pytest.approx((0.8 + 0.55) / 3 / 2)}


def test_damaged_predictions_are_as_if_there_were_none(collection: Workspace) -> None:
    frames = np.full((2, 2), 0.5, np.float32)
    add_run(collection, "001-a", frames, FINE)
    add_run(collection, "002-b", frames, FINE)
    Path(collection.run_dir("002-b") / "oof.zarr" / "zarr.json").write_text("")
    assert spread_of(collection, "001-a", ["amecro"]) is None
    assert curves.prediction(collection, "002-b", 1) is None
