"""models/linear/space.py: which spaces a head can read, said before anything is queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.errors import ConfigError, UnknownName
from labeling.workspace import open_workspace
from models import enqueueing
from models.linear.space import check_space
from tests.support.training.refused import stored
from tests.support.training.tiny import tiny_workspace
from tests.support.workspaces.tiny_space import add_space


def test_a_space_has_to_be_there_or_a_model_that_makes_it(tmp_path: Path) -> None:
    workspace = open_workspace(tiny_workspace(tmp_path / "w"))
    before = stored(workspace)
    check_space(workspace, "aisfx")
    with pytest.raises(UnknownName, match=r"toy.*aisfx.*embed it first"):
        enqueueing.enqueue_training(workspace, "linear", reviewer="ann", note="", settings=["linear.space=toy"])
    with pytest.raises(ConfigError, match=r"birdnet.*python -m models embed birdnet"):
        enqueueing.enqueue_training(workspace, "linear_birdnet", reviewer="ann", note="")
    assert stored(workspace) == before
    add_space(workspace)
    check_space(workspace, "toy")


def test_one_process_trains_a_head(tmp_path: Path) -> None:
    workspace = open_workspace(tiny_workspace(tmp_path / "w"))
    add_space(workspace)
    with pytest.raises(ConfigError, match="without torchrun"):
        enqueueing.enqueue_training(workspace, "linear", reviewer="ann", note="", settings=["linear.space=toy"], rank=0)
