"""The rows of the queue: one Streamlit component. The first of them come with the page, the others as one scrolls to
them (rows_json.py); what is ticked stays in the browser until it is decided there (cells_json.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from labeling.errors import DataError
from labeling.suspects.filter import VARIED, QueueFilter
from pages.ui.player import events
from pages.ui.queue import worklist
from pages.ui.shared import shapes
from pages.ui.shared.component import Component

Action = Literal["open", "decided", "sort", "refresh"]
ACTIONS: tuple[Action, ...] = ("open", "decided", "sort", "refresh")
OPINIONS = ("rank", "kind", "wrong", "why", "clipwise", "frame")  # what the model thinks: kept from who audits
#: column -> the order of the queue that goes by it
SORTS = {
    "rank": "rank",
    "class": "class",
    "wrong": "likely",
    "clipwise": "clipwise",
    "frame": "framewise",
    "file": "filename",
    "rating": "rating",
}

ROWS = Component("rows", "rows/rows.js", ("shared/base.css", "rows/rows.css", "rows/deciding.css"))


@dataclass(frozen=True)
class RowsEvent:
    """What was pressed: ``open`` a clip, ``sort`` by an order, ``refresh`` the token; or that many cells were
    ``decided``, or are no longer, by themselves (cells_json.py): their batch."""

    action: Action
    clip_id: int = 0
    order: str = ""
    batch: str = ""


def parse_event(raw: object) -> RowsEvent | None:
    """Check what the browser sent; None for no event. Raises DataError where it is not an event of these rows."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise DataError(f"event is {type(raw).__name__}, not a mapping; reload the page")
    action = cast(Action, events.one_of(raw, "action", ACTIONS))
    if action == "open":
        return RowsEvent(action, clip_id=events.clip_id_of(raw))
    if action == "sort":
        return RowsEvent(action, order=events.one_of(raw, "order", tuple(SORTS.values())))
    if action == "decided":
        return RowsEvent(action, batch=events.event_id_of(raw, "batch"))
    return RowsEvent(action)


def columns_of(wanted: QueueFilter, *, rated: bool, marked: bool) -> list[str]:
    """The columns of a list, in their order. ``rated``, ``marked``: whether any clip is."""
    columns = {
        "rank": True,
        "kind": True,
        "class": True,
        "wrong": True,
        "why": True,
        "verdict": wanted.status != "open",
        "marks": marked,
        "clipwise": True,
        "frame": True,
        "file": True,
        "rating": rated,
        "fold": True,
    }
    hidden = OPINIONS if worklist.is_audit(wanted) else ()
    return [name for name, shown in columns.items() if shown and name not in hidden]


def sorted_by(wanted: QueueFilter) -> tuple[str, bool]:
    """The column that a list is sorted by, "" for none, and whether it is dealt besides: no plain order of a column."""
    column = next((name for name, order in SORTS.items() if order == wanted.order), "")
    return column, wanted.batches or (wanted.order in VARIED and wanted.variety)


def queue_rows(data: shapes.Queue, on_event: Callable[[RowsEvent], None], key: str = "queue_rows") -> None:
    """Show the rows. ``on_event`` is called before the script runs again."""
    ROWS.show_with_events(data, key, parse_event, on_event)
