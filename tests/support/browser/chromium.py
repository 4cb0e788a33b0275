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

from playwright.sync_api import Browser, FloatRect, Locator, expect, sync_playwright

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


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    if "--install" in sys.argv:
        install()
    print(executable() or "none")
