"""A run's frames become windows: the highest of each, and a clip without frames is one."""

from pathlib import Path

import numpy as np

from labeling.activity.of_run import windows_of_run
from labeling.predictions.oof import read_oof, write_oof
from labeling.records import FrameGrid


def windows(folder: Path, frames: list[np.ndarray], step_s: float, lengths: dict[int, float]):
    write_oof(
        folder / "oof.zarr", clip_ids=[1, 2, 3], filenames=["a.wav", "b.wav", "c.wav"], classes=["frog", "owl"],
        clipwise=[[0.5, 0.25], [0.75, 0.125], [0, 0]], framewise=frames, fold=[0, 0, 0],
        grid=FrameGrid(0.0, step_s, step_s), label_version=1, label_hash="",
    )  # fmt: skip
    return windows_of_run(read_oof(folder / "oof.zarr"), lengths)


def test_frames_are_put_together(tmp_path: Path) -> None:
    values = np.zeros((8, 2))
    values[[1, 5], 0] = [0.5, 0.875]
    values[7, 1] = 0.25
    found = windows(tmp_path, [values, np.zeros((0, 2)), values], 1.0, {1: 7.5, 2: 4.0})
    assert [one.name for one in found.recordings] == ["a.wav", "b.wav"], "the third is no usable clip"
    assert found.recording.tolist() == [0, 0, 0, 1]
    assert found.onset_s.tolist() == [0, 3, 6, 0]
    assert found.offset_s.tolist() == [3, 6, 7.5, 4]
    assert found.of("frog").tolist() == [0.5, 0.875, 0, 0.75]
    assert found.of("owl").tolist() == [0, 0, 0.25, 0.125]


def test_longer_windows_stay_as_they_are(tmp_path: Path) -> None:
    found = windows(tmp_path, [np.full((2, 2), 0.5)] * 3, 5.0, {1: 10.0, 2: 10.0, 3: 10.0})
    assert found.offset_s.tolist() == [5, 10] * 3
