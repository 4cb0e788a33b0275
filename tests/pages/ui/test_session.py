"""pages/ui/session.py"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import WorkspaceError
from labeling.workspace import open_workspace
from pages.ui import session

SIGNS = "\\`*_{}[]<>()#+-.!|~$:"  # CommonMark's own, and Streamlit's :colour[…] and $formula$


@given(st.text(st.sampled_from("ab " + SIGNS), max_size=12))
def test_names_stay_data_in_markdown(text: str) -> None:
    escaped = session.plain(text)
    assert re.sub(r"\\(.)", r"\1", escaped) == text
    assert not set(re.sub(r"\\.", "", escaped)) & set(SIGNS)


def test_no_workspace_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(session.WORKSPACE, raising=False)
    with pytest.raises(WorkspaceError, match=r"no workspace given; start with `streamlit run app\.py"):
        session.workspace_path()
    assert session.routes(lambda *_, **__: ["never"]) == []


def test_one_pool_for_all_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_workspace(tmp_path / "w", create=True).close()
    monkeypatch.setenv(session.WORKSPACE, str(tmp_path / "w"))
    assert session.workspace() is session.workspace()
    assert len(session.secret()) >= 16


def test_the_reviewer_that_the_start_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    assert session.default_reviewer() == "rita"
