"""What a test does with widgets of Streamlit, which is drawn anew by and by, and closes what was opened in it."""

import re
import time

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TookTooLong

from tests.support.browser.chromium import WAIT_MS, expect, next_frames

OPEN_MS = 3_000
"""How long a list that was opened has to show what is in it."""


def rested(page: Page) -> None:
    """Wait until Streamlit has run to the end, after something has shown that it began: until then it may draw a part
    of the page anew, and close what was opened in it."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def open_expander(page: Page, text: str) -> None:
    """Press what opens a part of the page."""
    rested(page)
    page.get_by_test_id("stExpander").get_by_text(text).first.click()


def choose(box: Locator, name: str | re.Pattern[str]) -> None:
    """Take the first option of this name from a list. The list closes when the page below it is drawn anew or moves, as
    it does when it comes into view; then it is opened again, as a person would."""
    option = box.page.get_by_role("option", name=name).first
    deadline = time.monotonic() + WAIT_MS / 1000
    while True:
        box.scroll_into_view_if_needed()
        rested(box.page)
        next_frames(box.page)
        box.click()
        try:
            option.wait_for(timeout=OPEN_MS)
            return option.click(timeout=OPEN_MS)
        except TookTooLong:
            assert time.monotonic() < deadline, f"no option {name} in {WAIT_MS} ms"
