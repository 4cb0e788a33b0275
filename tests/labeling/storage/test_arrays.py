"""zarrfolder.py: whole or not at all; what it refuses to read is in test_predictions and test_run_evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.storage.arrays import written_beside


def _fill_and_fail(target: Path) -> None:
    with written_beside(target) as beside:
        beside.mkdir()
        raise KeyError


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    with written_beside(target) as beside:
        beside.mkdir()
        (beside / "one").write_text("1")
    with pytest.raises(KeyError):
        _fill_and_fail(target)
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zarr", "one"]
    with written_beside(target) as beside:
        beside.mkdir()
    assert list(tmp_path.rglob("*")) == [target], "replaced, nothing beside"
