"""Find a Chromium for the tests and the screenshots: the system's, Playwright's own, or Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright

from tests.support.browser.slow import slowed

WAIT_MS = 60_000
"""The longest that a page is waited for; only a failure takes so long, on a machine however busy."""
expect.set_options(timeout=WAIT_MS)
# the one without a frame first: what nobody sees costs a third of each page
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    # parts of the browser's own frame, which nobody sees and which cost a second for each new window
    "--disable-features=PreloadTopChromeWebUI,TabSearch,InitialWebUI,WebUITabStrip,WebUIOmniboxPopup,WebUIToolbar",
]


def executable() -> str | None:
    """The path of a Chromium, or None. CHROMIUM names another."""
    if named := os.environ.get("CHROMIUM"):
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    shells = own.parents[2].glob("chromium_headless_shell-*/*/*headless*shell")
    return next((str(one) for one in (*shells, own) if one.exists()), None)


def install() -> None:
    """Get a Chromium by whichever way works; exits with a message where none does."""
    if executable():
        return
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get"):
        sudo = ["sudo", "-n"] if os.geteuid() else []
        ways += [[*sudo, "apt-get", "update", "-qq"], [*sudo, "apt-get", "install", "-y", "-qq", NAMES[0]]]
        ways += [[*sudo, "apt-get", "install", "-y", "-qq", "chromium"]]
    for way in ways:
        print("trying", " ".join(way), file=sys.stderr)
        subprocess.run(
            way, check=False, stdout=subprocess.DEVNULL, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        )
        if executable():
            return
    sys.exit("no Chromium could be installed; install one, or set CHROMIUM to its path")


def resting_box(thing: Locator) -> FloatRect:
    """Where something stands, in pixels, once it has stopped moving: Streamlit opens and fills by and by."""
    before, box = None, thing.bounding_box()
    deadline = time.monotonic() + WAIT_MS / 1000
    while box is None or box != before:
        assert time.monotonic() < deadline, "it moves on and on"
        thing.page.wait_for_timeout(200)
        before, box = box, thing.bounding_box()
    return box


def still_box(thing: Locator) -> FloatRect:
    """Where something stands, in pixels, once frame after frame has left it there: the picture takes the height that
    what is around it leaves, a frame later."""
    thing.evaluate(
        """async (node) => {
          let before = "";
          for (let same = 0; same < 5; ) {
            await new Promise(requestAnimationFrame);
            const now = JSON.stringify(node.getBoundingClientRect());
            same = now === before ? same + 1 : 0;
            before = now;
          }
        }"""
    )
    box = thing.bounding_box()
    assert box is not None
    return box


def next_frames(page: Page) -> None:
    """Wait until what was asked to be drawn is drawn."""
    page.evaluate("async () => { for (let n = 0; n < 2; n += 1) await new Promise(requestAnimationFrame); }")


def turn_wheel(page: Page, down_px: float, times: int = 1) -> None:
    """Turn the mouse's wheel and wait until the page has taken all of it: what comes while it is busy comes later, and
    in one."""
    page.evaluate(
        """() => {
          window.turned = 0;
          window.turning ??= (event) => { window.turned += Math.abs(event.deltaX) + Math.abs(event.deltaY); };
          addEventListener("wheel", window.turning, { capture: true, passive: true });
        }"""
    )
    for _ in range(times):
        page.mouse.wheel(0, down_px)
    page.wait_for_function("(all) => window.turned > all - 1", arg=abs(down_px) * times)


def _patient(browser: Any) -> Any:
    """The browser, whose tabs wait as long as expect does, and are slow where the environment asks for it."""
    new_context, new_page = browser.new_context, browser.new_page

    def context(**more: Any) -> Any:
        made = new_context(**more)
        made.set_default_timeout(WAIT_MS)
        new_tab = made.new_page
        made.new_page = lambda: slowed(new_tab())
        return made

    def page(**more: Any) -> Any:
        made = new_page(**more)
        made.set_default_timeout(WAIT_MS)
        return slowed(made)

    browser.new_context, browser.new_page = context, page
    return browser


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield _patient(browser)
        finally:
            browser.close()


if __name__ == "__main__":
    if "--install" in sys.argv:
        install()
    print(executable() or "none")
