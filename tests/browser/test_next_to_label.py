"""The order "Next to label" in a real Chromium: from the queue, and from the light one, `J` walks in it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from labeling.active.teaching import in_turn
from labeling.quality.scored_run import read_scored_run
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import press, shown
from tests.support.browser.server import Server
from tests.support.browser.widgets import choose
from tests.support.workspaces.tiny_space import add_space

pytestmark = pytest.mark.browser


@pytest.fixture
def workspace(app: Server) -> Iterator[Workspace]:
    """The app's workspace, with a space."""
    with closing(open_workspace(app.shown)) as opened:
        add_space(opened)
        yield opened


def walk(workspace: Workspace) -> list[str]:
    """The clips as the order has them."""
    with workspace.read() as connection:
        found = queue.current(connection)
        assert found
        wanted = QueueFilter(min_p_wrong=0.01, order="next")
        run = in_turn(workspace, connection, read_scored_run(connection, *found), wanted)
        return [str(clip) for clip in queue.worklist(connection, run, wanted)]


def test_from_the_queue_the_next_clip_is_what_teaches_most(page: Any, app: Server, workspace: Workspace) -> None:
    clips = walk(workspace)
    page.goto(f"{app.url}/queue?p=0.01")
    choose(page.get_by_role("combobox", name="Order"), "Next to label")
    expect(page.get_by_text("would teach a model on the space toy most")).to_be_visible()
    page.get_by_role("button", name="Review these").click()
    expect(page.get_by_role("button", name="Review these")).to_have_count(0)
    assert shown(page) == clips[0]
    press(page, "1", "present")  # the head's next fit moves nothing
    while shown(page) == clips[0]:
        page.keyboard.press("j")
    for clip in clips[1:5]:
        assert shown(page) == clip
        page.keyboard.press("j")


def test_the_light_queue_has_the_order_and_leads_on_in_it(page: Any, app: Server, workspace: Workspace) -> None:
    clips = walk(workspace)
    page.goto(f"{app.url}/suspects?p=0.01")
    page.get_by_label("Order").select_option("Next to label")
    expect(page).to_have_url(f"{app.url}/suspects?p=0.01&order=next")
    page.get_by_label("Asked first").select_option("Most varied")
    expect(page).to_have_url(f"{app.url}/suspects?p=0.01&order=next&taught=varied")
    page.get_by_label("Asked first").select_option("Uncertain and varied")
    expect(page).to_have_url(f"{app.url}/suspects?p=0.01&order=next")
    page.get_by_role("link", name="Review these").click()
    expect(page.get_by_test_id("player-subtitle")).to_contain_text("1 of")
    for clip in clips[:4]:
        assert shown(page) == clip
        page.keyboard.press("j")
