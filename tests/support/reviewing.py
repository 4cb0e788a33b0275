"""What tests of the review page do again and again, as a reviewer at the screen or behind the app's back."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server

expect = pytest.importorskip("playwright.sync_api").expect
expect.set_options(timeout=20_000)


def open_review(page: Any, app: Server, path: str = "/queue?p=0.01") -> None:
    """From the queue to its first clip."""
    page.goto(app.url + path)
    page.get_by_role("button", name="Review these").click()
    expect(page.get_by_test_id("player-title")).to_be_visible()


def shown(page: Any) -> str:
    """Wait until a clip is drawn and can be played; returns its id."""
    player = page.get_by_test_id("player")
    expect(player).to_have_attribute("data-shown", re.compile("."))
    expect(player).to_have_attribute("data-playable", re.compile("."))
    return str(player.get_attribute("data-clip-id"))


def press(page: Any, key: str, said: str) -> None:
    """Press a key and wait until the screen says what was done with it."""
    page.keyboard.press(key)
    expect(page.get_by_test_id("player-notice")).to_contain_text(re.compile(said))


def place(page: Any) -> int:
    """Where in the list the clip on the screen stands, from 1."""
    return int(page.get_by_test_id("player-subtitle").inner_text().split()[0])


def rows(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    with sqlite3.connect(workspace / "earmark.db") as connection:
        return connection.execute(query).fetchall()
