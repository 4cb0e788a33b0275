"""The map of a space: one Streamlit component. What its scripts ask the server for is in routes.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from labeling.errors import DataError
from pages.ui.map import shapes
from pages.ui.player import events
from pages.ui.shared.component import Component

Action = Literal["open", "sweep", "queue", "refresh"]
ACTIONS: tuple[Action, ...] = ("open", "sweep", "queue", "refresh")

MAP = Component("map", "map/map.js", ("shared/base.css", "rows/deciding.css", "map/map.css"))


@dataclass(frozen=True)
class MapEvent:
    """What was pressed: ``open`` a clip at a moment, ``sweep`` or ``queue`` what was ``chosen``, ``refresh`` the
    token."""

    action: Action
    clip_id: int = 0
    moment_s: float = 0.0
    chosen: str = ""


def parse_event(raw: object) -> MapEvent | None:
    """Check what the browser sent; None for no event. Raises DataError where it is not an event of the map."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise DataError(f"event is {type(raw).__name__}, not a mapping; reload the page")
    action = cast(Action, events.one_of(raw, "action", ACTIONS))
    if action == "open":
        moment_s = raw.get("moment_s")
        if not isinstance(moment_s, int | float) or not math.isfinite(moment_s) or moment_s < 0:
            raise DataError(f"event has moment_s {moment_s!r}; seconds from the clip's start are expected")
        return MapEvent(action, clip_id=events.clip_id_of(raw), moment_s=float(moment_s))
    if action in ("sweep", "queue"):
        return MapEvent(action, chosen=events.text_of(raw, "chosen", 40))
    return MapEvent(action)


def landscape(data: shapes.Landscape, on_event: Callable[[MapEvent], None], key: str = "map") -> None:
    """Show the map. ``on_event`` is called before the script runs again."""
    MAP.show_with_events(data, key, parse_event, on_event)
