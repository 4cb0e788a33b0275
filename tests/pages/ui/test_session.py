"""pages/ui/session.py"""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from streamlit import config

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.errors import DataError, WorkspaceError
from labeling.example import example_collection
from labeling.workspace import open_workspace
from pages.ui import session, signing
from pages.ui.routes.media import media_routes
from tests.support.app.client import client_of

MAKERS = (signing.tile_url, signing.peaks_url)
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


def test_a_clip_whose_file_becomes_a_link_is_neither_heard_nor_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    birds = shutil.copytree(example_collection(), tmp_path / "birds")
    with closing(open_workspace(tmp_path / "w", create=True)) as workspace:
        import_collection(workspace, birds)
        with workspace.read() as connection:
            clip = store.usable_clips(connection)[0]
    monkeypatch.setenv(session.WORKSPACE, str(tmp_path / "w"))
    client = client_of(Starlette(routes=session.routes(media_routes)))
    key = session.server_secret()
    urls = (signing.audio_url(key, clip.id), *(f"{make(key, clip.id)}&level=5&index=0" for make in MAKERS))
    assert [client.get(url).status_code for url in urls] == [200] * 3
    secret = tmp_path / "secret.wav"  # a sound of another, even
    Path(clip.path).rename(secret)
    Path(clip.path).symlink_to(secret)
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(f"{clip.filename}: its file is a link to {secret}, out of the")
    monkeypatch.setenv("EARMARK_ALLOW", str(tmp_path))
    assert [client.get(url).status_code for url in urls] == [200] * 3


def test_a_text_that_may_hold_a_path_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_workspace(tmp_path / "w", create=True).close()
    monkeypatch.setenv(session.WORKSPACE, str(tmp_path / "w"))
    good = ("", "newest", "run:003-quick", "timm:vit", "timm:hf-hub:timm/vit", f"file:{tmp_path}/w/x.toml")
    bad = ("/etc/x", "~/x", "file:/etc/x.toml", "panns:/etc/x.pth", "timm:vit@/etc/x.pth", "file:///etc/x", "s3://x/y")
    for text in good:
        session.check_typed(text)
    for text in bad:
        with pytest.raises(DataError, match="is not in a folder that the app may use"):
            session.check_typed(text)


def test_the_reviewer_that_the_start_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    assert session.default_reviewer() == "rita"


def test_the_name_given_in_this_browser_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    assert session.default_reviewer({session.NAMED: "J%C3%B6rg%20%20"}) == "Jörg"
    for cookie in ("", "%20", "%"):
        assert session.default_reviewer({session.NAMED: cookie}) == (cookie.replace("%20", "") or "rita")


def test_what_the_first_visitor_would_wait_for_is_loaded_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    names = session.modules_of_pages()
    assert {"pages.ui.queue.table", "pages.ui.player.component", "labeling.journal", "pandas", "pyarrow"} <= set(names)
    loaded: list[str] = []
    made: list[int] = []
    monkeypatch.setattr(session, "import_module", loaded.append)
    monkeypatch.setattr(session.threading, "Thread", lambda target, daemon: Now(target))
    monkeypatch.setattr(gc, "freeze", lambda: made.append(len(loaded)))
    session.warm_up(lambda: made.append(1))
    assert loaded == names
    assert made == [1, len(names)]  # all that is loaded is left alone when a page has run


class Now:
    """A thread that does its work when it is started."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.start = work


def test_ones_own_home_may_be_imported_from_where_nobody_else_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = {name: config.get_option(name) for name in ("server.address", "server.allowedHosts")}
    try:
        config.set_option("server.allowedHosts", [])
        for address, home in (("127.0.0.1", str(tmp_path)), ("0.0.0.0", ""), ("", ""), ("localhost", str(tmp_path))):
            config.set_option("server.address", address)
            assert session.home() == home, address
        monkeypatch.setenv("EARMARK_ALLOW", "/data")  # the owner said where
        assert session.home() == ""
        monkeypatch.delenv("EARMARK_ALLOW")
        config.set_option("server.allowedHosts", ["birds.example.org"])  # a proxy stands before it
        assert session.home() == ""
    finally:
        for name, value in before.items():
            config.set_option(name, value)
