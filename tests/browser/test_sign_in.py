"""With [auth] in the secrets: nothing for who has not signed in, and decisions in the name of who has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pages.ui import signing
from tests.support.browser.chromium import expect
from tests.support.browser.oidc import Provider, provider
from tests.support.browser.reviewing import open_review, press, rows, shown
from tests.support.browser.server import Server, serve

pytestmark = pytest.mark.browser

ANN = {"sub": "1", "email": "ann@example.org", "email_verified": True, "name": "Ann"}
BOB = {"sub": "2", "email": "ann@example.org", "email_verified": False, "name": "Bob"}


@pytest.fixture(scope="module")
def oidc() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def locked(oidc: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("locked")
    (folder / "secrets.toml").write_text(oidc.secrets(), encoding="utf-8")
    with serve(folder / "w", streamlit=["--secrets.files", str(folder / "secrets.toml")]) as running:
        yield running


@pytest.fixture
def guarded(locked: Server, own_copy: Path) -> Server:
    """The app on a workspace of one's own, with sign-in."""
    locked.show(own_copy)
    return locked


def sign_in(page: Any, oidc: Provider, app: Server, user: dict[str, Any]) -> None:
    """In a tab in which nobody is signed in."""
    oidc.user = user
    page.goto(app.url)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def asked_by_hand(app: Server, root: Path, reviewer: str, cookies: dict[str, str] | None = None) -> list[int]:
    """What the routes answer to somebody who knows the workspace's key, even."""
    key = signing.media_secret(root)
    heads = {"x-earmark": signing.api_token(key, reviewer)}
    urls = ["/api/progress?left=1", *(make(key, 1) for make in (signing.audio_url, signing.peaks_url))]
    urls[-1] += "&level=9&index=0"
    urls.append(signing.vocabulary_url(key, "1"))
    return [httpx.get(f"{app.url}/{url.removeprefix('/')}", headers=heads, cookies=cookies).status_code for url in urls]


def test_nothing_is_shown_and_nothing_is_given_without_a_sign_in(
    page: Any, guarded: Server, own_copy: Path, oidc: Provider
) -> None:
    for path in ("/", "/review?p=0.01", "/versions"):
        page.goto(guarded.url + path)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        expect(page.get_by_test_id("stSidebar")).to_have_count(0)
        assert "birds" not in page.locator("body").inner_text()
    page.goto(f"{guarded.url}/clip/1?p=0.01")  # the light page sends them to the same sign-in
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page).to_have_url(f"{guarded.url}/review?p=0.01&clip=1")
    assert asked_by_hand(guarded, own_copy, "rita") == [403] * 4
    assert (
        asked_by_hand(guarded, own_copy, "rita", {"_streamlit_user": "forged", "_streamlit_user_1": "too"}) == [403] * 4
    )


def test_a_decision_bears_the_name_of_who_signed_in_and_links_are_theirs_alone(
    chrome: Any, page: Any, guarded: Server, own_copy: Path, oidc: Provider
) -> None:
    asked: list[Any] = []
    sign_in(page, oidc, guarded, ANN)
    page.on("request", lambda request: asked.append(request))
    expect(page.get_by_test_id("stSidebar").get_by_text("ann@example.org")).to_be_visible()
    open_review(page, guarded)
    shown(page)
    press(page, "2", "saved")
    assert rows(own_copy, "select distinct reviewer from decisions") == [("ann@example.org",)]
    media = next(one.url for one in asked if "/audio?" in one.url)
    call = next(one for one in asked if "/api/clips/" in one.url)
    token = {"x-earmark": call.headers["x-earmark"]}
    assert page.request.get(media).status == page.request.get(call.url, headers=token).status == 200
    assert httpx.get(media).status_code == httpx.get(call.url, headers=token).status_code == 403
    page.goto(f"{guarded.url}/clip/{call.url.split('/clips/')[1].split('?')[0]}?p=0.01")
    shown(page)
    expect(page.get_by_text("ann@example.org")).to_be_visible()
    expect(page.get_by_role("textbox", name="Reviewer")).to_have_count(0)
    press(page, "2", "saved")
    assert rows(own_copy, "select reviewer from decisions") == [("ann@example.org",)] * 2
    context = chrome.new_context()  # another person's browser
    other = context.new_page()
    sign_in(other, oidc, guarded, BOB)  # whose provider says that nobody has checked his address
    expect(other.get_by_text("Bob (2) (reviewer)")).to_be_visible()
    assert other.request.get(media).status == other.request.get(call.url, headers=token).status == 403
    context.close()
    page.goto(f"{guarded.url}/review")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.request.get(media).status == page.request.get(call.url, headers=token).status == 403
