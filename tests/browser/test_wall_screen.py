"""The sweep wall on small and large screens."""

from typing import Any

import pytest

from tests.support.browser.chromium import expect, still_box
from tests.support.browser.reviewing import until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser

HEADER_PX = 60  # Streamlit's own bar lies over what is scrolled under it


OVERFLOWING = """root => [...root.querySelectorAll("button, select")].filter((node) =>
    node.offsetWidth && (node.scrollWidth > node.clientWidth || node.getBoundingClientRect().right > innerWidth))
    .map((node) => node.dataset.testid)"""


def test_the_wall_and_its_keys_are_seen_together(app: Server, page: Any) -> None:
    main, wall = page.get_by_test_id("stMain"), page.get_by_test_id("wall")
    page.goto(f"{app.url}/sweep")
    for width, height in ((2560, 1440), (390, 844), (320, 700)):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.get_by_test_id("wall-tile").first).to_be_visible()
        still_box(wall)
        main.evaluate("main => { main.scrollTop = main.scrollHeight; }")
        for name in ("present", "absent", "unsure"):
            key = page.get_by_test_id(f"wall-{name}")
            expect(key).to_be_in_viewport(ratio=1)
            assert key.bounding_box()["y"] >= HEADER_PX
        expect(wall).to_be_in_viewport(ratio=1)
        until(page, lambda: page.get_by_test_id("wall-root").evaluate(OVERFLOWING) == [])
        if width > 2000:  # the page does not scroll beside the wall
            until(page, lambda: main.evaluate("main => main.scrollHeight <= main.clientHeight"))
