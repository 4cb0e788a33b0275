"""component.py: what the browser may say of the map."""

from __future__ import annotations

import pytest

from labeling.errors import DataError
from pages.ui.map.component import MAP, MapEvent, parse_event


def test_what_is_pressed_is_read() -> None:
    assert parse_event(None) is None
    assert parse_event({"action": "open", "clip_id": 3, "moment_s": 1.5}) == MapEvent("open", 3, 1.5)
    assert parse_event({"action": "sweep", "chosen": "ab"}) == MapEvent("sweep", chosen="ab")
    assert parse_event({"action": "refresh", "at": "x"}) == MapEvent("refresh")


@pytest.mark.parametrize(
    "raw",
    [
        "text", [], {"action": "delete"}, {"action": "open", "clip_id": 3},
        {"action": "open", "clip_id": 3, "moment_s": -1}, {"action": "open", "clip_id": 3, "moment_s": float("nan")},
        {"action": "open", "clip_id": "3", "moment_s": 1.0}, {"action": "queue", "chosen": "a" * 50},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(raw: object) -> None:
    with pytest.raises(DataError):
        parse_event(raw)


def test_the_script_is_one_module() -> None:
    script = MAP.read_script()
    assert script.count("export default") == 1
    assert "webgl2" in script
