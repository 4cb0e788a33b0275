"""run_evidence.py: what is written comes back, what is damaged is refused, rows and columns follow the predictions."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import ArtefactError
from labeling.predictions.training_evidence import (
    RunEvidence,
    aligned,
    read_run_evidence,
    without_neighbours,
    write_run_evidence,
)

NAN = float("nan")


def evidence() -> RunEvidence:
    """Three clips (the second without stretches), two classes, two neighbours a stretch."""
    return RunEvidence(
        clip_ids=np.array([10, 11, 12]),
        classes=("a", "b"),
        margin=np.array([[1.5, -2], [NAN, NAN], [0, 3]], np.float32),
        forgotten=np.array([[0, 1], [NAN, NAN], [2, 0.5]], np.float32),
        epoch_spread=np.array([[0.5, 0], [NAN, NAN], [0.1, 0.2]], np.float32),
        stretch_offsets=np.array([0, 2, 2, 3]),
        stretch_class=np.array([1, 0, 1], np.int32),
        stretch_onset_s=np.array([0.5, 3, 0], np.float32),
        neighbour=np.array([[2, 1], [1, -1], [0, -1]], np.int32),
        similarity=np.array([[0.75, 0.5], [0.25, 0], [1, 0]], np.float16),
    )


def same(one: RunEvidence, other: RunEvidence) -> None:
    assert one.classes == other.classes
    for name in vars(one):
        if name != "classes":
            mine, theirs = getattr(one, name), getattr(other, name)
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
            assert mine.dtype == theirs.dtype, name


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "r" / "evidence.zarr"
    write_run_evidence(path, evidence())
    found = read_run_evidence(path)
    assert found is not None
    same(found, evidence())
    assert [one.name for one in path.parent.iterdir()] == ["evidence.zarr"]
    assert found.has_dynamics
    assert found.has_neighbours
    write_run_evidence(path, without_neighbours([5], ["a"]))  # replaces
    again = read_run_evidence(path)
    assert again is not None
    assert again.clip_ids.tolist() == [5]
    assert not again.has_dynamics
    assert not again.has_neighbours


def test_runs_without_it_have_none(tmp_path: Path) -> None:
    assert read_run_evidence(tmp_path / "evidence.zarr") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"margin": np.zeros((3, 3))}, r"margin has shape \(3, 3\) where \(3, 2\)"),
        ({"margin": np.full((3, 2), np.inf)}, "margin has inf"),
        ({"forgotten": np.full((3, 2), -1)}, "forgotten has -1"),
        ({"epoch_spread": np.full((3, 2), 0.6)}, "epoch_spread has 0.6"),
        ({"stretch_offsets": np.array([0, 2, 2, 4])}, "end at 3 stretches"),
        ({"stretch_offsets": np.array([0, 3, 2, 3])}, "never fall"),
        ({"stretch_class": np.array([1, 0, 2])}, "stretch_class has 2 where values from -1 to 1"),
        ({"stretch_onset_s": np.array([1, NAN, 0])}, "stretch_onset_s has nan"),
        ({"neighbour": np.array([[3, 1], [1, -1], [0, -1]])}, "neighbour has 3"),
        ({"similarity": np.full((3, 2), NAN)}, "similarity has nan"),
        ({"similarity": np.full((3, 2), 1.1)}, "similarity has 1.09961"),
        ({"clip_ids": np.array([10, 10, 12])}, "named twice"),
        ({"classes": ("a", "a")}, "named twice"),
    ],
)
def test_impossible_values_are_not_written(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(ArtefactError, match=told):
        write_run_evidence(tmp_path / "evidence.zarr", replace(evidence(), **change))
    assert not list(tmp_path.iterdir())


def _array_lost(path: Path) -> None:
    shutil.rmtree(path / "margin")


def _chunk_lost(path: Path) -> None:
    shutil.rmtree(path / "neighbour" / "c")


def _chunk_broken(path: Path) -> None:
    next(file for file in (path / "margin" / "c").rglob("*") if file.is_file()).write_bytes(b"broken")


def _no_attributes(path: Path) -> None:
    about = json.loads((path / "zarr.json").read_text())
    about["attributes"] = {}
    (path / "zarr.json").write_text(json.dumps(about))


def _later(path: Path) -> None:
    about = json.loads((path / "zarr.json").read_text())
    about["attributes"]["format_version"] = 99
    (path / "zarr.json").write_text(json.dumps(about))


def _a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_array_lost, "'margin' is missing.*delete the folder"),
        (_chunk_lost, "cut short"),
        (_chunk_broken, "cannot be read"),
        (_no_attributes, "no format version"),
        (_later, "version 99.*upgrade"),
        (_a_file, "not a whole folder"),
    ],
)
def test_damage_is_told(tmp_path: Path, damage: Any, told: str) -> None:
    path = tmp_path / "evidence.zarr"
    write_run_evidence(path, evidence())
    damage(path)
    with pytest.raises(ArtefactError, match=told):
        read_run_evidence(path)


def test_rows_and_columns_follow_the_predictions() -> None:
    """By hand: clips 12, 99 (unknown), 10 and classes c (unknown), b: clip 11 goes, and with it two neighbours."""
    found = aligned(evidence(), [12, 99, 10], ["c", "b"])
    same(
        found,
        RunEvidence(
            clip_ids=np.array([12, 99, 10]),
            classes=("c", "b"),
            margin=np.array([[NAN, 3], [NAN, NAN], [NAN, -2]], np.float32),
            forgotten=np.array([[NAN, 0.5], [NAN, NAN], [NAN, 1]], np.float32),
            epoch_spread=np.array([[NAN, 0.2], [NAN, NAN], [NAN, 0]], np.float32),
            stretch_offsets=np.array([0, 1, 1, 3]),
            stretch_class=np.array([1, 1, -1], np.int32),
            stretch_onset_s=np.array([0, 0.5, 3], np.float32),
            neighbour=np.array([[2, -1], [0, -1], [-1, -1]], np.int32),
            similarity=np.array([[1, 0], [0.75, 0], [0, 0]], np.float16),
        ),
    )


@given(st.permutations([10, 11, 12]), st.permutations(["a", "b"]))
def test_there_and_back_is_the_same(ids: list[int], classes: list[str]) -> None:
    one = evidence()
    same(aligned(aligned(one, ids, classes), one.clip_ids, one.classes), one)


def test_nothing_known_stays_nothing() -> None:
    empty = without_neighbours([], [])
    found = aligned(empty, [3, 4], ["a"])
    assert np.isnan(found.margin).all()
    assert found.margin.shape == (2, 1)
    assert found.stretch_offsets.tolist() == [0, 0, 0]
    assert len(aligned(evidence(), [], [])) == 0
