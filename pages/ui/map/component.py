"""The map of a space: one Streamlit component. What its scripts ask the server for is in routes.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

from labeling.errors import DataError
from pages.ui.map import shapes
from pages.ui.player import events
from pages.ui.shared import assets
from pages.ui.shared.scripts import join_scripts, read_styles

Action = Literal["open", "sweep", "queue", "refresh"]
ACTIONS: tuple[Action, ...] = ("open", "sweep", "queue", "refresh")

ENTRY = "map/map.js"
STYLES = ("shared/base.css", "rows/deciding.css", "map/map.css")


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
    import streamlit as st

    def handle() -> None:
        state = st.session_state.get(key)
        try:
            event = parse_event(state.get("event") if isinstance(state, Mapping) else None)
        except DataError as error:
            st.toast(str(error))
            return
        if event is not None:
            on_event(event)

    _component()(data=data, key=key, on_event_change=handle)


def read_script() -> str:
    """The JavaScript of the map, as one module."""
    return join_scripts(ENTRY)


@cache
def script_asset() -> assets.Asset:
    """The JavaScript of the map as the browser fetches it."""
    return assets.publish("map.js", read_script())


_registered: Any = None


def _component() -> Any:
    """The component, registered once a process."""
    global _registered
    if _registered is None:
        import streamlit as st

        _registered = st.components.v2.component(
            "earmark_map", css=read_styles(STYLES), js=assets.loader(script_asset()), isolate_styles=True
        )
    return _registered
