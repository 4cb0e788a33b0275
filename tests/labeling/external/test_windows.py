"""Windows of time: long tables with times, wide ones with times, and the frames that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labeling.disagreement.ranking import find_stretches
from labeling.errors import FormatError
from labeling.external.importing import ImportRequest, import_predictions
from labeling.external.windows import step_of
from labeling.predictions.oof import Oof, read_oof
from labeling.workspace import Workspace
from tests.support.workspaces.making import CLIPS

NAMES = [name for name, _ in CLIPS]


@pytest.mark.parametrize(
    ("onset", "offset", "step"),
    [
        ([0, 3, 6], [3, 6, 8.2], 3.0),  # the last window is cut short by the end of the clip
        ([0, 1.5, 4.5], [3, 4.5, 7.5], 1.5),
        ([0, 0.1, 0.2], [3, 3.1, 3.2], 1.5),  # every 0.1 s a window of 3 s: half of it
        ([1.234, 5.711], [2.234, 6.711], 0.5),  # by chance 1 ms
        ([0, 0], [4, 4], 4.0),
        ([0, 60], [5, 65], 5.0),  # two windows, far apart
        ([0, 7], [3, 10], 1.0),
        ([25], [30], 5.0),
        ([0, 0.5, 1.0], [np.nan] * 3, 0.5),
    ],
)
def test_frames_are_as_far_apart_as_the_windows(onset: list[float], offset: list[float], step: float) -> None:
    assert step_of(np.array(onset, np.float32), np.array(offset, np.float32)) == pytest.approx(step)


def bring(workspace: Workspace, tmp_path: Path, rows: Any, columns: list[str]) -> Oof:
    path = tmp_path / "t.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return read_oof(workspace.run_dir(import_predictions(workspace, ImportRequest(path)).run_id) / "oof.zarr")


LONG = ["filename", "class", "probability", "onset_s", "offset_s"]


def test_a_frame_takes_the_highest_window_over_it(collection: Workspace, tmp_path: Path) -> None:
    rows = [
        (NAMES[0], "amecro", 0.8, 0, 10), (NAMES[0], "amecro", 0.9, 5, 15), (NAMES[0], "balori", 0.4, 15, 20),
        (NAMES[3], "balori", 0.6, 0, 5),
    ]  # fmt: skip
    oof = bring(collection, tmp_path, rows, LONG)
    assert oof.grid.step_s == 5.0
    np.testing.assert_allclose(oof.frames(0), [[0.8, 0.2], [0.9, 0.2], [0.9, 0.2], [0.2, 0.4]], atol=1e-3)
    np.testing.assert_allclose(oof.frames(1), [[0.2, 0.6], [0.2, 0.2], [0.2, 0.2], [0.2, 0.2]], atol=1e-3)
    np.testing.assert_allclose(oof.clipwise, [[0.9, 0.4], [0.2, 0.6]])


def test_what_speaks_for_the_lowest_detection_is_its_own_stretch(collection: Workspace, tmp_path: Path) -> None:
    rows = [
        (NAMES[0], "amecro", 0.9, 0, 5),
        (NAMES[0], "balori", lowest := 0.1237, 10, 15),
        (NAMES[3], "amecro", 0.5, 0, 5),
    ]
    oof = bring(collection, tmp_path, rows, LONG)
    first, end = find_stretches(oof, np.array([0, 0, 1]), np.array([1, 0, 1]))
    assert list(zip(first.tolist(), end.tolist(), strict=True)) == [(2, 3), (0, 1), (0, 4)], "nowhere: the whole clip"
    np.testing.assert_allclose(oof.clipwise[1, 1], lowest / 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_wide_and_a_long_table_of_windows_are_the_same(collection: Workspace, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((8, 2)).astype(np.float32)
    where = [(name, onset, onset + 5) for name in NAMES[:2] for onset in (0, 5, 10, 15)]
    order = rng.permutation(8)
    wide = [(*where[k], *values[k]) for k in order]
    long = [
        (where[k][0], code, values[k, c], *where[k][1:])
        for k in range(8)
        for c, code in enumerate(("amecro", "balori"))
    ]
    one = bring(collection, tmp_path, wide, ["file", "start_time", "end_time", "amecro", "balori"])
    other = bring(collection, tmp_path, long, LONG)
    expected = values.reshape(2, 4, 2)
    for oof in (one, other):
        np.testing.assert_allclose(oof.clipwise, expected.max(axis=1), atol=5e-4)  # a wide table's rows are half floats
        np.testing.assert_allclose([oof.frames(0), oof.frames(1)], expected, atol=5e-4)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(NAMES[0], "amecro", 0.5, 5, 5)], "1 rows have no stretch of time"),
        (
            [(NAMES[0], "amecro", 0.5, 25, 30)],
            r"begin after the end of their clip \(25 s in",
        ),
        ([(NAMES[0], "amecro", 0.5, None, None)] * 2, "several values of one class"),
        ([(NAMES[0], "amecro", None, 0, 5)], "1 values are empty or NaN"),
        ([(NAMES[0], "amecro", -3.0, 0, 5)], "give --logits"),
    ],
)
def test_rows_that_cannot_be_used(collection: Workspace, tmp_path: Path, rows: Any, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        bring(collection, tmp_path, rows, LONG)
    if rows[0][3] is not None and rows[0][2] and rows[0][2] > 0:
        wide = [(name, onset, offset, p) for name, _, p, onset, offset in rows]
        with pytest.raises(FormatError, match=said):
            bring(collection, tmp_path, wide, ["file", "onset_s", "offset_s", "amecro"])


def test_a_few_late_rows_are_passed_over_and_said(collection: Workspace, tmp_path: Path) -> None:
    rows = [(NAMES[0], "amecro", 0.5, 5 * k, 5 * k + 5) for k in range(6)]
    path = tmp_path / "t.csv"
    pd.DataFrame(rows, columns=LONG).to_csv(path, index=False)
    report = import_predictions(collection, ImportRequest(path))
    assert report.notes == (
        "1 rows begin after the end of their clip (25 s in 'amecro/XC1.ogg' of 20 s); they were passed over",
    )


def test_an_offset_far_beyond_every_clip_makes_no_long_frames(collection: Workspace, tmp_path: Path) -> None:
    rows = [(NAMES[0], "amecro", 0.5, 0, 1e30), (NAMES[3], "amecro", 0.6, 0, 1e30)]
    for columns in (LONG, ["file", "onset_s", "offset_s", "amecro"]):
        chosen = rows if columns is LONG else [(name, onset, offset, p) for name, _, p, onset, offset in rows]
        oof = bring(collection, tmp_path, chosen, columns)
        assert oof.grid.step_s == 20.0  # all clips last 20 s
        np.testing.assert_allclose(oof.frames(0), [[0.5]], atol=1e-3)
