"""A page of the app as Streamlit's AppTest runs it, in this process."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from labeling.collection import allowed
from pages.ui import session
from tests.support.browser.server import ROOT

# each page that is run would read what every installed package says of itself, to find components in it: a third of
# what such a page costs
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


def listen_here() -> None:
    """Let Streamlit in this process be on this machine's own address, and take pages as they stand: where a test stands
    it reads no settings."""
    config.set_option("server.address", "127.0.0.1")
    config.set_option("runner.magicEnabled", False)


def show(workspace: Path | None, page: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A page of a workspace, whose owner allows the folder around it (and /none, which is not there)."""
    if workspace is None:
        monkeypatch.delenv(session.WORKSPACE, raising=False)
    else:
        monkeypatch.setenv(session.WORKSPACE, str(workspace))
        monkeypatch.setenv(allowed.ALLOW, f"{workspace.parent}{os.pathsep}/none")
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "pages" / "navigation.py"), default_timeout=60)
    if page != "overview":
        app.switch_page(f"{page}.py")
    return app.run()


def errors(app: AppTest) -> str:
    assert not app.exception, [one.value for one in app.exception]
    return " ".join(one.value for one in app.error)
