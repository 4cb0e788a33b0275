"""The review page as a mouse and a small or a large screen find it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.reviewing import expect, open_review, rows, shown
from tests.support.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Any, app: Server) -> Any:
    """A tab with the first clip of the queue."""
    open_review(page, app)
    shown(page)
    return page


@pytest.mark.parametrize(("button", "table"), [("absent", "decisions"), ("skip", "marks")])
def test_undo_can_be_clicked_once_there_is_something_to_undo(
    page: Any, own_copy: Path, button: str, table: str
) -> None:
    undo = page.get_by_test_id("player-undo")
    expect(undo).to_be_disabled()
    page.wait_for_timeout(800)  # the next clips are fetched ahead, when there was nothing to undo
    clip_id = shown(page)
    while shown(page) == clip_id:
        page.get_by_test_id(f"player-{button}").click()
        expect(page.get_by_test_id("player-notice")).to_contain_text("saved")
        expect(undo).to_be_enabled()
    before = rows(own_copy, f"select count(*) from {table}")[0][0]
    undo.click()
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", clip_id)
    assert rows(own_copy, f"select count(*) from {table}")[0][0] == before + 1
    page.get_by_test_id("player-next").click()
    expect(undo).to_be_enabled()
