"""pages/ui/rows/component.py: what the rows are told, and what they may say."""

from __future__ import annotations

import pytest

from labeling.errors import DataError
from labeling.suspects.filter import ORDERS, QueueFilter
from pages.ui.rows.component import ROWS, SORTS, RowsEvent, columns_of, parse_event, sorted_by


def test_events_are_checked() -> None:
    assert parse_event(None) is None
    assert parse_event({"action": "open", "clip_id": 7, "at": "x"}) == RowsEvent("open", 7)
    assert parse_event({"action": "sort", "order": "filename"}) == RowsEvent("sort", order="filename")
    assert parse_event({"action": "decided", "batch": "b-1"}) == RowsEvent("decided", batch="b-1")


@pytest.mark.parametrize(
    "raw",
    [
        "open",
        {"action": "close"},
        {"action": "open", "clip_id": "7"},
        {"action": "sort", "order": "audit"},
        {"action": "decided"},
    ],
)
def test_what_is_no_event_is_refused(raw: object) -> None:
    with pytest.raises(DataError):
        parse_event(raw)


def test_columns_are_what_there_is_and_hide_what_the_model_thinks_from_an_audit() -> None:
    everything = columns_of(QueueFilter(status="all"), rated=True, marked=True)
    assert everything[:5] == ["rank", "kind", "class", "wrong", "why"]
    assert set(everything) - set(columns_of(QueueFilter(), rated=False, marked=False)) == {"verdict", "marks", "rating"}
    audit = columns_of(QueueFilter(order="audit"), rated=False, marked=False)
    assert audit == ["class", "file", "fold"]


def test_each_order_of_one_column_is_told_as_such() -> None:
    assert set(SORTS.values()) <= set(ORDERS)
    assert sorted_by(QueueFilter(order="filename")) == ("file", False)
    assert sorted_by(QueueFilter(order="likely")) == ("wrong", True)
    assert sorted_by(QueueFilter(order="likely", variety=False)) == ("wrong", False)
    assert sorted_by(QueueFilter(order="rank", batches=True)) == ("rank", True)
    assert sorted_by(QueueFilter(order="worth"))[0] == ""
    for order in SORTS.values():
        assert f'"{order}"' in ROWS.read_script()
