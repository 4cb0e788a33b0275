"""With accounts, or behind a proxy that signs people in: who comes in, what each role may, and what ends with it."""

import json
import re
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from labeling.people import passwords, tokens, users
from labeling.workspace import open_workspace
from tests.support.app.proxy import ADDRESS, proxy
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import open_review, press, rows, shown
from tests.support.browser.server import Server, serve

pytestmark = pytest.mark.browser

PASSWORD = "correct horse"
HASHED = cache(passwords.hashed)  # made to take long: once is enough
PEOPLE = {"olga": "owner", "rita": "reviewer", "vera": "viewer"}


@pytest.fixture
def peopled(app: Server, own_copy: Path) -> Server:
    """The app on a workspace of one's own, with an owner, a reviewer and a viewer."""
    with closing(open_workspace(own_copy)) as workspace, workspace.write() as connection:
        for name, role in PEOPLE.items():
            users.add_user(connection, name, role, HASHED(PASSWORD))
    app.show(own_copy)
    return app


def sign_in(page: Any, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def come_in(page: Any, app: Server, name: str, path: str = "/") -> None:
    """Sign in as somebody, on the page that was wanted; whoever was signed in in the tab is not any more."""
    page.context.clear_cookies()
    page.goto(app.url + path)
    sign_in(page, name)
    page.wait_for_url(lambda url: urlsplit(url).path != "/signin")


def test_one_signs_in_to_the_page_that_was_wanted_and_all_that_was_given_ends_with_the_sign_in(
    page: Any, peopled: Server, own_copy: Path
) -> None:
    page.goto(f"{peopled.url}/review?p=0.01")
    sign_in(page, "rita", "incorrect horse")
    expect(page.get_by_role("alert")).to_have_text("This name and password do not belong together.")
    sign_in(page, "rita")
    shown(page)
    expect(page).to_have_url(re.compile(r"/review\?"))
    expect(page.get_by_text("rita (reviewer)")).to_be_visible()
    with page.expect_request("**/api/decisions") as sent:
        press(page, "2", "saved")
    assert rows(own_copy, "select distinct reviewer from decisions") == [("rita",)]
    url = f"{peopled.url}/api/progress?left=1"
    token = {"x-earmark": sent.value.headers["x-earmark"]}
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    (kept,) = (one for one in page.context.cookies() if one["name"].startswith("earmark_") and one["httpOnly"])
    assert kept["sameSite"] == "Lax"
    assert httpx.get(url, headers=token, cookies=cookies).status_code == 200
    assert httpx.get(url, headers=token).status_code == 403
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert httpx.get(url, headers=token, cookies=cookies).status_code == 403, "to whoever has a copy of it, too"


def test_a_viewer_looks_and_listens_and_decides_nothing(page: Any, peopled: Server, own_copy: Path) -> None:
    come_in(page, peopled, "vera", "/clip/1?p=0.01")
    shown(page)
    token = {"x-earmark": json.loads(page.locator("#given").text_content())["visit"]["token"]}
    expect(page.get_by_test_id("player-only-look")).to_be_visible()
    expect(page.get_by_test_id("player-present")).to_be_hidden()
    for key in ("1", "2", "f", "z"):
        page.keyboard.press(key)
        expect(page.get_by_test_id("player-notice")).to_contain_text("you may look and listen")
    event = {"event_id": "forged", "clip_id": 1, "class": "ambfin1", "verdict": "present"}
    answer = page.request.post(f"{peopled.url}/api/decisions", headers=token, data={"events": [event]})
    assert (answer.status, answer.json()["error"]) == (
        403, "this needs the role reviewer, and vera is a viewer; ask an owner"
    )  # fmt: skip
    assert rows(own_copy, "select count(*) from decisions") == [(0,)]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def none_can_be_ticked(page: Any) -> Any:
    """Look at the rows as a viewer; returns them."""
    expect(page.get_by_test_id("rows-said")).to_have_text("Click a row to open its clip.")
    listed = page.get_by_test_id("row").and_(page.locator("[data-here=true]:not([hidden])"))
    first = listed.first
    expect(first).to_be_visible()
    for hidden in ("rows-open", "rows-decide", "rows-every"):
        expect(page.get_by_test_id(hidden)).to_be_hidden()
    expect(first.locator(".tick")).to_be_hidden()
    expect(page.get_by_role("button", name="Decide")).to_have_count(0)
    for key in ("Space", "Shift+ArrowDown", "Control+a", "d"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("rows-root")).to_have_attribute("data-ticked", "0")
    expect(page.get_by_test_id("rows-deciding")).to_be_hidden()
    return listed


def test_a_viewer_opens_rows_of_the_queue_and_ticks_none(page: Any, peopled: Server, own_copy: Path) -> None:
    come_in(page, peopled, "vera", "/queue?p=0.01")
    none_can_be_ticked(page)
    page.get_by_role("link", name="Light page").click()
    page.wait_for_url("**/suspects?p=0.01")
    listed = none_can_be_ticked(page)
    given = json.loads(page.locator("#given").text_content())
    (row, *_) = given["rows"]["rows"]
    body = {"cells": [[row["clip_id"], row["class"]]], "choice": "suggested", "version": given["rows"]["version"],
            "batch": "forged", "query": given["query"]}  # fmt: skip
    answer = page.request.post(f"{peopled.url}/api/cells", headers={"x-earmark": given["token"]}, data=body)
    assert (answer.status, answer.json()["error"]) == (
        403, "this needs the role reviewer, and vera is a viewer; ask an owner"
    )  # fmt: skip
    assert rows(own_copy, "select count(*) from decisions") == [(0,)]
    listed.first.click()
    shown(page)
    assert urlsplit(page.url).path == f"/clip/{row['clip_id']}"


def test_a_reviewer_neither_retrains_nor_exports(page: Any, peopled: Server) -> None:
    come_in(page, peopled, "rita", "/retrain")
    expect(page.get_by_text("This needs the role owner, and rita is a reviewer; ask an owner.")).to_be_visible()
    expect(page.get_by_role("button", name="Retrain")).to_have_count(0)
    expect(page.get_by_role("link", name="Queue", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Retrain", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Versions", exact=True).click()
    expect(page.get_by_text("Export: this needs the role owner")).to_be_visible()
    expect(page.get_by_role("button", name="Export")).to_have_count(0)
    come_in(page, peopled, "olga", "/retrain")
    expect(page.get_by_role("button", name="Retrain", exact=True)).to_be_visible()


def test_one_who_is_taken_out_is_out_at_once(page: Any, peopled: Server, own_copy: Path) -> None:
    with closing(open_workspace(own_copy)) as workspace:
        come_in(page, peopled, "rita", "/review?p=0.01")
        shown(page)
        with workspace.write() as connection:
            token = tokens.make(connection, "rita")
        url, script = f"{peopled.url}/api/progress?left=1", {"authorization": f"Bearer {token}"}
        assert httpx.get(url, headers=script).status_code == 200
        with workspace.write() as connection:
            users.remove_user(connection, "rita")
        assert httpx.get(url, headers=script).status_code == 403
        page.keyboard.press("2")
        expect(page.get_by_label("Password")).to_be_visible()
        assert rows(own_copy, "select count(*) from decisions") == [(0,)]


def test_a_proxys_word_for_who_one_is_counts_from_that_proxy_alone(chrome: Any, own_copy: Path) -> None:
    header = "X-Forwarded-User"
    with serve(own_copy, app=["--trust-proxy", ADDRESS, "--user-header", header]) as app:
        port = urlsplit(app.url).port or 0
        forged = {header: "olga", "X-Forwarded-For": ADDRESS, "Forwarded": f"for={ADDRESS}"}
        for path in ("/api/progress?left=1", "/clips/vocabulary", "/media/x.zip"):
            assert "sign in first" in httpx.get(app.url + path, headers=forged).text
        context = chrome.new_context(extra_http_headers=forged)
        page = context.new_page()
        page.goto(app.url)
        expect(page.get_by_text("Only who comes through the sign-in of this server's proxy")).to_be_visible()
        context.close()
        with proxy(port, header, "ann") as url:
            context = chrome.new_context(extra_http_headers=forged)
            page = context.new_page()
            app.url, direct = url, app.url
            open_review(page, app)
            expect(page.get_by_text("ann (reviewer)")).to_be_visible()
            shown(page)
            press(page, "2", "saved")
            app.url = direct
            context.close()
    assert rows(own_copy, "select distinct reviewer from decisions") == [("ann",)]
