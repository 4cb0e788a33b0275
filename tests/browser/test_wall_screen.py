"""The sweep wall on small and large screens."""

from typing import Any

import pytest

from tests.support.browser.reviewing import expect
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
        page.wait_for_timeout(500)
        main.evaluate("main => { main.scrollTop = main.scrollHeight; }")
        for name in ("present", "absent", "unsure"):
            key = page.get_by_test_id(f"wall-{name}")
            expect(key).to_be_in_viewport(ratio=1)
            assert key.bounding_box()["y"] >= HEADER_PX
        expect(wall).to_be_in_viewport(ratio=1)
        assert page.get_by_test_id("wall-root").evaluate(OVERFLOWING) == []
        if width > 2000:
            assert main.evaluate("main => main.scrollHeight <= main.clientHeight"), "the page scrolls beside the wall"
