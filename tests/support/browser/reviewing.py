"""What tests of the review page do again and again, as a reviewer at the screen or behind the app's back."""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from labeling.quality.scored_run import read_scored_run
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import open_workspace
from tests.support.browser.chromium import WAIT_MS, expect
from tests.support.browser.server import Server

LIGHT = "/clip/{first}?p=0.01"
"""The first clip of the list on the light page, for open_review."""
APP = "/review?p=0.01"
"""The same clip in the app."""
USUAL = APP if os.environ.get("EARMARK_TEST_HOST") == "app" else LIGHT
"""Where a test of the player runs that is not of one of the two: on the light page, which opens sooner."""
ON_BOTH_HOSTS = pytest.mark.parametrize("page", [APP, LIGHT], indirect=True, ids=["app", "light"])
IN_THE_APP = pytest.mark.parametrize("page", [APP], indirect=True, ids=["app"])


def open_review(page: Any, app: Server, path: str = APP) -> None:
    """The first clip of a list, by its link or from the queue."""
    page.goto(app.url + path.format(first=first_clip(app)) if "{" in path else app.url + path)
    if path.startswith("/queue"):
        page.get_by_role("button", name="Review these").click()
        expect(page.get_by_role("button", name="Review these")).to_have_count(0)  # it has the focus, and takes Space
    expect(page.get_by_test_id("player-title")).to_be_visible()
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(" of ")  # the light page has its list a moment later


def first_clip(app: Server) -> int:
    """The id of the clip that a list of all suspects from 0.01 on begins with."""
    with closing(open_workspace(app.shown)) as workspace, workspace.read() as connection:
        scored = queue.current(connection)
        assert scored
        run = read_scored_run(connection, *scored)
        return queue.worklist(connection, run, QueueFilter(min_p_wrong=0.01))[0]


def shown(page: Any) -> str:
    """Wait until a clip is drawn and can be played; returns its id."""
    player = arrived(page)
    expect(player).to_have_attribute("data-shown", re.compile("."))
    expect(player).to_have_attribute("data-playable", re.compile("."))
    return str(player.get_attribute("data-clip-id"))


def arrived(page: Any) -> Any:
    """Wait until what stands on the screen is the clip at this place, not the one before it; returns the player."""
    player = page.get_by_test_id("player")
    expect(player).to_have_attribute("aria-busy", "false")
    return player


def press(page: Any, key: str, said: str) -> None:
    """Press a key and wait until it is answered, the screen says what was done with it, and shows what comes next. Not
    for the last clip of a list: the player goes, and what it says with it."""
    page.keyboard.press(key)
    # what is read before the answer is here was said of the last key
    expect(page.get_by_test_id("player")).not_to_have_attribute("data-locked", "true")
    expect(page.get_by_test_id("player-notice")).to_contain_text(re.compile(said))
    arrived(page)


AT_ONCE = """(keys) => {
  for (const one of keys) {
    const shiftKey = one.startsWith("Shift+");
    const key = shiftKey ? one.slice(6) : one;
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
  }
}"""


def press_at_once(page: Any, keys: list[str]) -> None:
    """Press keys with no time between them, however slow the machine is: what a timer makes of a burst, it makes of
    these."""
    page.evaluate(AT_ONCE, keys)


def another_browser(page: Any) -> None:
    """Make the tab as that of a browser that never was in the app."""
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.context.clear_cookies()
    page.goto("about:blank")


def fetched_ahead(page: Any) -> None:
    """Wait until the three clips after the one on the screen are here."""
    shown(page)
    expect(page.get_by_test_id("player")).to_have_attribute("data-ahead", "3")


def until(page: Any, true: Callable[[], object], wait_ms: int = WAIT_MS) -> None:
    """Wait for what the page does not show; its requests are handled meanwhile."""
    deadline = time.monotonic() + wait_ms / 1000
    while not true():
        assert time.monotonic() < deadline, "it does not happen"
        page.wait_for_timeout(50)


def until_done(page: Any, workspace: Path, run_id: str) -> None:
    """Wait for a run to end well, without a page that asks for it."""
    ended = f"select 1 from runs where id = '{run_id}' and status = 'done'"
    until(page, lambda: rows(workspace, ended), wait_ms=600_000)


@contextmanager
def answered(page: Any, least: int = 1) -> Iterator[list[Any]]:
    """The answers to decisions, as they come. Waits at the end until there are ``least`` of them or more, and nothing
    is on its way."""
    back: list[Any] = []
    page.on("requestfinished", lambda request: request.url.endswith("/api/decisions") and back.append(request))
    yield back
    until(page, lambda: len(back) >= least)
    expect(page.get_by_test_id("player")).to_have_attribute("data-locked", "false")
    arrived(page)


def place(page: Any) -> int:
    """Where in the list the clip on the screen stands, from 1."""
    arrived(page)
    subtitle = page.get_by_test_id("player-subtitle")
    expect(subtitle).to_contain_text(" of ")
    return int(subtitle.inner_text().split()[0])


def rows(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    with sqlite3.connect(workspace / "earmark.db") as connection:
        return connection.execute(query).fetchall()
