"""pages/ui/listening.py: nobody listens to the world whom the world could walk into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit import config

from labeling.people import users
from labeling.workspace import Workspace
from pages.ui import proxies, served
from pages.ui.listening import refuse_strangers


@pytest.fixture(autouse=True)
def to_the_world(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that is to listen on every address."""
    monkeypatch.setenv(served.WORKSPACE, str(workspace.root))
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


def test_without_a_sign_in_it_says_why_and_what_to_do_and_ends(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with workspace.write() as connection:
        users.add_user(connection, "ann@example.org", "owner")  # who could sign in nowhere
    with pytest.raises(SystemExit) as end:
        refuse_strangers()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: this app is to listen on 0.0.0.0, where others reach it, and nobody has to sign in.")
    for remedy in ("earmark users add", "[auth]", "--trust-proxy", "--server.address 127.0.0.1", str(workspace.root)):
        assert remedy in said


def test_any_way_to_sign_in_will_do(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as by_proxy:
        by_proxy.setenv(proxies.TRUSTED, "10.0.0.2")
        by_proxy.setenv(proxies.HEADER, "X-User")
        refuse_strangers()
    with workspace.write() as connection:
        users.add_user(connection, "ann", "owner", "$argon2id$of-nothing")
    refuse_strangers()


def test_on_this_machine_alone_nothing_is_asked_for() -> None:
    config.set_option("server.address", "::1")
    refuse_strangers()
