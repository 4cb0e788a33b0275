import numpy as np
import pytest

from models.folds.task import ALL_DATA, Task
from models.runfolder.foldfiles import FoldPredictions, finished, history_of, mean_of_members, write_finished

NONE = np.zeros(0, dtype=np.int64)
TASK = Task(1, 2, NONE, NONE, np.arange(2))
DONE = FoldPredictions(
    [7, 9],
    np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32),
    [np.array([[0.5, 0.6]], dtype=np.float32), np.array([[0.7, 0.8], [0.9, 1.0]], dtype=np.float32)],
    [{"epoch": 1}],
)


def test_what_was_predicted_is_read_back(tmp_path):
    lines = []
    assert finished(tmp_path, TASK, [7, 9], lines.append) is None
    write_finished(tmp_path, TASK, DONE)
    assert {path.name for path in tmp_path.iterdir()} == {"fold1.m2.json", "fold1.m2.predictions.safetensors"}
    found = finished(tmp_path, TASK, [9, 8], lines.append)
    assert found is not None
    np.testing.assert_array_equal(found.clipwise, [DONE.clipwise[1], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.framewise[0], DONE.framewise[1])
    assert found.framewise[1].shape == (0, 2)
    assert history_of(tmp_path, TASK) == [{"epoch": 1}]
    assert lines == []
    file = tmp_path / "fold1.m2.predictions.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    assert finished(tmp_path, TASK, [7, 9], lines.append) is None
    assert "not whole" in lines[0]


def test_a_network_on_all_clips_predicts_none(tmp_path):
    task = Task(ALL_DATA, 0, NONE, NONE, NONE)
    write_finished(tmp_path, task, FoldPredictions([], np.zeros((0, 2), np.float32), [], [{"epoch": 3}]))
    assert [path.name for path in tmp_path.iterdir()] == ["all.m0.json"]
    found = finished(tmp_path, task, [], print)
    assert found is not None
    assert found.history == [{"epoch": 3}]


def test_members_are_averaged_as_probabilities():
    other = FoldPredictions([7, 9], DONE.clipwise + np.float32(0.2), [one / 2 for one in DONE.framewise], [])
    clipwise, framewise = mean_of_members([DONE, other])
    np.testing.assert_allclose(clipwise, [[0.2, 0.3], [0.4, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(framewise[1], [[0.525, 0.6], [0.675, 0.75]], rtol=1e-6)
    assert clipwise.dtype == np.float32
    alone = mean_of_members([DONE])
    assert alone[0] is DONE.clipwise
    lost = FoldPredictions([7, 9], np.full((2, 2), np.nan, np.float32), [DONE.framewise[0], np.zeros((0, 2))], [])
    clipwise, framewise = mean_of_members([DONE, lost])
    assert np.isnan(clipwise).all(), "what one member could not read is left out"
    assert framewise[1].shape == (0, 2)
    assert framewise[0] == pytest.approx(DONE.framewise[0])
