from pathlib import Path

import numpy as np
import pytest

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.errors import ConfigError
from labeling.records import Clip
from labeling.workspace import Workspace
from models.config import DataConfig
from models.folds.selection import check_selection, few_clips, selected
from models.folds.task import Task

CLIPS = [
    Clip(i + 1, f"{i}.wav", f"/{i}.wav", 1.0, 8000, 1, metadata=metadata)
    for i, metadata in enumerate([{"set": "curated"}, {"set": "noisy", "rating": "5"}, {}])
]
REVIEWED = np.array([False, False, True])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("all", [True, True, True]),
        ("reviewed", [False, False, True]),
        ("set=curated", [True, False, False]),
        (" rating = 5 ", [False, True, False]),
    ],
)
def test_what_a_selection_takes(selection, expected):
    assert selected("data.clips", selection, CLIPS, REVIEWED).tolist() == expected


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("set=Curated", "'set' is one of 'curated', 'noisy'"),
        ("sett=noisy", "no column 'sett'; known: 'rating', 'set'"),
        ("reviewed", "review some first"),
    ],
)
def test_a_selection_that_takes_nothing_names_what_there_is(selection, words):
    with pytest.raises(ConfigError, match=words):
        selected("data.clips", selection, CLIPS, np.zeros(3, dtype=bool))


def test_a_fold_needs_clips_in_both_stages():
    some, none = np.arange(2), np.zeros(0, dtype=np.int64)
    data = DataConfig(clips="reviewed", pretrain_clips="set=noisy")
    check_selection(data, Task(0, 0, some, none, some), 0, 0)
    with pytest.raises(ConfigError, match=r"data.pretrain_clips = 'set=noisy' leaves fold 0 without"):
        check_selection(data, Task(0, 0, some, none, some), 0, 1)
    with pytest.raises(ConfigError, match=r"data.clips = 'reviewed' leaves fold 3 without"):
        check_selection(data, Task(3, 0, none, some, some), 3, 0)


def test_the_table_that_brought_a_clip_selects_it(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("curated", "noisy"):
        (tmp_path / f"{name}.csv").write_text(f"file,label\n{name}.wav,owl\n")
        import_collection(workspace, tmp_path / f"{name}.csv")
    with workspace.read() as connection:
        clips = store.skipped_clips(connection)
    assert selected("data.clips", "import=noisy", clips, np.zeros(2, bool)).tolist() == [False, True]


def test_a_selection_that_leaves_little_to_learn_from_is_warned_of():
    few = few_clips("data.clips", "reviewed", 3, 600, 1, 80)
    assert few == (
        "data.clips = 'reviewed' takes 3 of 600 clips, so that a fold trains on 1 of them, for 80 classes: too few to "
        "learn from; review more, or set data.clips = 'all'"
    )
    assert "choose more clips" in few_clips("data.clips", "set=curated", 30, 600, 19, 3)
    assert few_clips("data.clips", "set=curated", 30, 600, 20, 3) == ""
    assert few_clips("data.clips", "set=curated", 90, 600, 70, 80) != ""
    assert few_clips("data.clips", "all", 12, 12, 8, 80) == ""
