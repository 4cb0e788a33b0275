"""labeling/external/importing.py and what it reads: damage ends in an error of our own, soon, and in little memory."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labeling.workspace import Workspace
from tests.support.odd import damaged

CASES = 100  # the same ones each time; python -m benchmarks.fuzz.damage tries others


@pytest.mark.parametrize(
    ("make", "read"), [(damaged.arrays, damaged.read_arrays), (damaged.columns, damaged.read_columns)]
)
def test_damaged_predictions_end_in_an_error_of_our_own(
    collection: Workspace,
    tmp_path: Path,
    make: Callable[[random.Random], bytes],
    read: Callable[[bytes, Workspace, Path], None],
) -> None:
    said = [damaged.check(make(random.Random(seed)), read, collection, tmp_path) for seed in range(CASES)]
    assert 10 < sum(map(bool, said)) < CASES  # some are read all the same


def test_a_damaged_database_ends_in_an_error_of_our_own(collection: Workspace, tmp_path: Path) -> None:
    file = damaged.checkpointed(collection)
    for seed in range(CASES):
        content = damaged.database(random.Random(seed), file)
        damaged.check(content, damaged.read_database, collection, tmp_path)


def test_zeros_that_are_packed_small_take_no_memory(collection: Workspace, tmp_path: Path) -> None:
    sink = io.BytesIO()
    zeros = np.zeros((100_000_000, 4), np.uint8)  # 400 MB, and 400 kB packed
    np.savez_compressed(sink, filenames=np.array(damaged.NAMES), classes=np.array(["amecro"]), clipwise=zeros)
    del zeros
    assert "shape" in damaged.check(sink.getvalue(), damaged.read_arrays, collection, tmp_path)
