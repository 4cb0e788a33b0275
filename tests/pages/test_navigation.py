"""pages/navigation.py: a page that fails shows the reference under which the log says why."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from labeling.log import lines
from pages.ui import session
from tests.support.app.pages import show
from tests.support.workspaces.making import copy_workspace


def test_a_page_that_fails_shows_the_reference_that_stands_in_the_log(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_workspace(empty / "workspace", tmp_path / "w")
    factory, heard = logging.getLogRecordFactory(), list[str]()
    lines._redact_all()

    def fails() -> None:
        logging.getLogger("pages").warning("on the way")
        raise RuntimeError("nobody foresaw this")

    def keep(record: logging.LogRecord) -> bool:
        heard.append(getattr(record, "in_hand", {}).get("request_id", ""))
        return True

    logger = logging.getLogger("pages")
    logger.addFilter(keep)
    try:
        monkeypatch.setattr(session, "reviewer", lambda: "rita")
        monkeypatch.setattr("labeling.review.overview.overview", lambda *_, **__: fails())
        app = show(tmp_path / "w", "overview", monkeypatch)
    finally:
        logger.removeFilter(keep)
        logging.setLogRecordFactory(factory)
    assert app.exception, "Streamlit says that it failed"
    (shown,) = (one.value for one in app.caption if "Reference" in one.value)
    (reference,) = re.findall("[0-9a-f]{16}", shown)
    assert reference in heard
