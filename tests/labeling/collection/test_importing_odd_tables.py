"""labeling/collection/importing.py and the formats: no label of any table is lost without a line in the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given

from tests.support.examples import examples
from tests.support.odd.table_checks import DECIDED, check_export, check_import, make_place
from tests.support.odd.tables import OddTable, Said, odd_tables, told

CASES = 100  # the same ones each time; python -m benchmarks.fuzz.table tries others


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound files, and an empty workspace to copy."""
    return make_place(tmp_path_factory.mktemp("odd"))


@examples(CASES, derandomize=True)
@given(odd_tables())
def test_labels_in_are_labels_stored_or_reported(place: Path, table: OddTable) -> None:
    check_import(table, place)


@examples(CASES, derandomize=True)
@given(odd_tables(), DECIDED)
def test_labels_decided_are_in_the_table_or_beside_it(
    place: Path, table: OddTable, wanted: Sequence[tuple[str, ...]]
) -> None:
    check_export(table, place, wanted)


def test_a_label_that_is_gone_would_be_seen(place: Path) -> None:
    """Of a table whose second row says more than it holds."""
    table = OddTable(b"fname,labels\n0.wav,x\n1.wav,y\n", "t.csv", "table", (Said(3, "1.wav", ("y", "z")),), "")
    with pytest.raises(AssertionError, match="'z' of row 3 is gone"):
        check_import(table, place)
    made_up = OddTable(b"fname,labels\n0.wav,x\n1.wav,y\n", "t.csv", "table", (Said(2, "0.wav", ("x",)),), "")
    with pytest.raises(AssertionError, match=r"'y' of 1\.wav was made up"):
        check_import(made_up, place)
    assert not told([], made_up.rows[0], "x")
