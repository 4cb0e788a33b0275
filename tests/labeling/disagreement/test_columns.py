"""columns.py: one table of a suspect's columns, which all others follow."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from labeling.disagreement.columns import COLUMNS, whole
from labeling.disagreement.ranking import Suspects
from labeling.disagreement.stored_ranking import Ranking
from labeling.records import Suspect
from labeling.suspects.why import Reason


def required(count: int = 2) -> dict[str, np.ndarray]:
    return {name: np.zeros(count) for name, column in COLUMNS.items() if column.meaning.default is None}


def test_what_a_csv_gives_of_a_suspect_is_a_field_of_it() -> None:
    of_suspect = {item.name for item in fields(Suspect)}
    in_csv = {name for name, column in COLUMNS.items() if column.meaning.decimals is not None}
    assert in_csv == {"label_quality", "p_wrong", "clipwise", "framewise_max", "onset_s", "offset_s"}
    assert in_csv <= of_suspect
    looked_up = {"rank", "filename", "class_code", "run_id", "partner"}
    assert of_suspect - looked_up <= set(COLUMNS)
    assert {item.name for item in fields(Reason)} - {"partner", "contested"} <= set(COLUMNS)


def test_a_ranking_has_every_column_and_suspects_those_that_need_no_database() -> None:
    assert set(COLUMNS) <= {item.name for item in fields(Ranking)}
    assert set(COLUMNS) - {item.name for item in fields(Suspects)} == {"class_id", "partner_id"}
    assert all(column.meaning.text for column in COLUMNS.values())


def test_columns_get_their_type_and_those_that_are_not_there_their_default() -> None:
    columns = whole(required() | {"runs": np.array([3, 4]), "of a later version": np.ones(2)})
    assert set(columns) == set(COLUMNS)
    assert {name: values.dtype for name, values in columns.items()} == {
        name: column.dtype for name, column in COLUMNS.items()
    }
    assert columns["runs"].tolist() == [3, 4]
    assert np.isnan(columns["typical"]).all()


@pytest.mark.parametrize("name", list(required()))
def test_a_column_without_a_default_must_be_there(name: str) -> None:
    with pytest.raises(KeyError, match=f"no column {name}"):
        whole({other: values for other, values in required().items() if other != name})
