"""A component of Streamlit: its scripts as one module, its style sheets, and what it says to the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from labeling.errors import DataError
from pages.ui.shared import assets
from pages.ui.shared.scripts import join_scripts, read_styles

Event = TypeVar("Event")


@dataclass(frozen=True)
class Component:
    """A component: its ``name``, the script that it begins with, and its style sheets, as paths below pages/ui."""

    name: str
    entry: str
    styles: tuple[str, ...]

    def read_script(self) -> str:
        """Its JavaScript, as one module."""
        return join_scripts(self.entry)

    def script_asset(self) -> assets.Asset:
        """Its JavaScript as the browser fetches it."""
        return self._asset

    def show(self, data: Mapping[str, Any], key: str, **callbacks: Callable[[], None]) -> None:
        """Show it. Streamlit calls a callback of its own, ``on_NAME_change``, before the script runs again."""
        self._mounted(data=data, key=key, **callbacks)

    def show_with_events(
        self, data: Mapping[str, Any], key: str, parse: Callable[[object], Event | None],
        on_event: Callable[[Event], None],
    ) -> None:  # fmt: skip
        """Show it. ``on_event`` is called before the script runs again with what ``parse`` makes of what it sent; what
        that refuses with a DataError is said on the screen."""
        import streamlit as st

        def handle() -> None:
            state = st.session_state.get(key)
            try:
                event = parse(state.get("event") if isinstance(state, Mapping) else None)
            except DataError as error:
                st.toast(str(error))
                return
            if event is not None:
                on_event(event)

        self.show(data, key, on_event_change=handle)

    @cached_property
    def style(self) -> str:
        """Its style sheets, joined."""
        return read_styles(self.styles)

    @cached_property
    def _asset(self) -> assets.Asset:
        return assets.publish(self.entry.rpartition("/")[2], self.read_script())

    @cached_property
    def _mounted(self) -> Any:
        """What Streamlit knows it by, once a process."""
        import streamlit as st

        return st.components.v2.component(
            f"earmark_{self.name}", css=self.style, js=assets.loader(self._asset), isolate_styles=True
        )
