"""models/training/beginning.py: what is said before any sound is read, and folds by recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.folds.making import TooFewGroups
from models.runfolder.folder import RunFolder
from models.training.crossval import cross_validate
from tests.support.training.tiny import tiny_collection, tiny_recipe


def test_too_few_groups_are_said_before_any_sound_is_read(tmp_path: Path) -> None:
    clips, labels = tiny_collection(tmp_path)
    clips = [replace(clip, group="one recordist") for clip in clips]
    for clip in clips:
        Path(clip.path).unlink()  # reading would fail in another way
    with pytest.raises(TooFewGroups, match="the 12 clips form 1"):
        cross_validate(tiny_recipe(), clips, labels, tmp_path / "run", label_version=1)
    assert not (tmp_path / "run" / "run.json").exists()


def test_folds_by_recording_are_trained_with_a_warning(tmp_path: Path) -> None:
    clips, labels = tiny_collection(tmp_path)
    clips = [replace(clip, group="one recordist") for clip in clips]
    told: list[str] = []
    cross_validate(
        tiny_recipe("folds.by=recording", "epochs=1", "neighbours=0"), clips, labels, tmp_path / "run",
        label_version=1, device="cpu", report=lambda state: told.append(str(state.get("warning", ""))),
    )  # fmt: skip
    folds = RunFolder(tmp_path / "run").read_folds()
    assert sorted(np.bincount(list(folds.values())).tolist()) == [6, 6]
    assert any("folds.by = recording" in warning for warning in told)
