"""Several people at one list, in a real browser: who is handed which clip, what is hidden, how news comes by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labeling import journal
from labeling.journal import looks
from labeling.records import Decision, Shown
from labeling.reviewer import preferences
from labeling.team import leases
from labeling.workspace import Workspace, open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import LIGHT, first_clip, open_review, press, shown, until
from tests.support.browser.server import Server
from tests.support.browser.widgets import choose, rested

pytestmark = pytest.mark.browser


@pytest.fixture
def behind(app: Server) -> Iterator[Workspace]:
    """The workspace that the app shows, from another program."""
    with closing(open_workspace(app.shown)) as workspace:
        for name in ("rita", "zora"):
            preferences.put(workspace, name, "second_looks", {"blind": 0, "again": 0, "audit": 0})
        yield workspace


def lane_of(page: Any) -> tuple[int, str]:
    """The clip and the class in focus."""
    player = page.get_by_test_id("player")
    return int(player.get_attribute("data-clip-id")), str(player.get_attribute("data-focus"))


def say(workspace: Workspace, clip_id: int, code: str, verdict: str = "unsure", name: str = "zora") -> None:
    shown_then = Shown(kind="missing", asked=True)
    journal.append(workspace, [Decision(journal.new_event_id(), name, clip_id, code, verdict, shown=shown_then)])


def leased(workspace: Workspace) -> dict[int, str]:
    with workspace.read() as connection:
        return {lease.clip_id: lease.reviewer for lease in leases.all_leases(connection)}


def take(workspace: Workspace, clip_id: int, name: str = "zora") -> None:
    with workspace.write() as connection:
        assert leases.take_first(connection, [clip_id], name, f"{name}s-window")


def test_the_clip_on_the_screen_is_leased_and_the_next_is_one_at_which_nobody_is(
    page: Any, app: Server, behind: Workspace
) -> None:
    first = first_clip(app)
    take(behind, first)
    open_review(page, app)  # the list begins with a clip at which zora is
    second = page.get_by_test_id("player-subtitle")
    expect(second).to_contain_text(re.compile(r"^2 of "))
    assert leased(behind)[first] == "zora"
    here = int(shown(page))
    until(page, lambda: leased(behind).get(here) == "rita")

    with page.expect_response("**/api/lease"):
        page.keyboard.press("k")  # back to it, as she wishes to
        expect(second).to_contain_text(re.compile(r"^1 of "))
    expect(page.get_by_test_id("player-here")).to_have_text("zora is listening here")
    with behind.write() as connection:
        leases.give_back(connection, "zora", "zoras-window")
    expect(page.get_by_test_id("player-here")).to_be_hidden()
    assert leased(behind) == {first: "rita"}

    page.goto("about:blank")
    until(page, lambda: leased(behind) == {})


def test_a_clip_with_which_somebody_began_stays_though_another_is_there(
    page: Any, app: Server, behind: Workspace
) -> None:
    take(behind, first_clip(app))
    held: list[Any] = []
    is_held = True
    page.route("**/api/lease", lambda route: held.append(route) if is_held else route.continue_())
    open_review(page, app, LIGHT)
    here = shown(page)
    page.keyboard.press("k")  # the light page's first clip is where a link leads; the next one is handed out
    page.keyboard.press("j")
    second = int(shown(page))
    assert str(second) != here
    until(page, lambda: held)
    take(behind, second)
    page.keyboard.press("e")
    page.keyboard.type("two of them")
    is_held = False
    for route in held:
        route.continue_()
    expect(page.get_by_test_id("player-here")).to_have_text("zora is listening here")
    assert int(shown(page)) == second
    expect(page.get_by_test_id("player-note-input")).to_have_value("two of them")


def test_what_another_decides_shows_by_itself_in_the_player(page: Any, app: Server, behind: Workspace) -> None:
    open_review(page, app)
    shown(page)
    clip_id, code = lane_of(page)
    say(behind, clip_id, code)
    lane = page.locator(f"[data-testid=player-lane][data-class='{code}']")
    expect(lane.locator("[data-verdict=unsure], .chip.unsure, .unsure").first).to_be_visible()


def test_a_key_pressed_just_as_anothers_verdict_comes_is_not_taken_for_an_answer_to_it(
    page: Any, app: Server, behind: Workspace
) -> None:
    open_review(page, app, LIGHT)
    shown(page)
    clip_id, code = lane_of(page)
    page.get_by_test_id("player").evaluate(
        """(player) => {  // as a hand that was on its way already
          const key = { key: "2", code: "Digit2", bubbles: true };
          const hand = new MutationObserver(() => {
            hand.disconnect();
            document.dispatchEvent(new KeyboardEvent("keydown", key));
          });
          hand.observe(player, { attributeFilter: ["data-revision"] });
        }"""
    )
    say(behind, clip_id, code, "present")
    notice = page.get_by_test_id("player-notice")
    expect(notice).to_contain_text("not saved: as you pressed, zora changed this class")
    with behind.read() as connection:
        assert [(entry.reviewer, entry.verdict) for entry in journal.decisions_where(connection)] == [
            ("zora", "present")
        ]
    page.wait_for_timeout(800)
    press(page, "2", f"saved: {code} absent")


def test_what_another_decides_shows_by_itself_in_the_rows(page: Any, app: Server, behind: Workspace) -> None:
    for path in ("/queue?p=0.01", "/suspects?p=0.01"):
        page.goto(app.url + path)
        row = page.get_by_test_id("row").first
        expect(row).to_have_attribute("data-here", "true")
        place = int(row.get_attribute("data-clip")), row.get_attribute("data-class")
        say(behind, *place)
        same = page.locator(f"[data-testid=row][data-clip='{place[0]}'][data-class='{place[1]}']:not([hidden])")
        expect(same).to_have_attribute("data-done", "true")
        expect(same).to_contain_text("unsure")


def test_who_owes_a_look_sees_nothing_of_what_another_said_until_they_have_given_theirs(
    page: Any, app: Server, behind: Workspace
) -> None:
    with behind.write() as connection:
        for kind in looks.KINDS:
            looks.set_needed(connection, kind, 2)
    open_review(page, app, LIGHT)
    shown(page)
    clip_id, code = lane_of(page)
    say(behind, clip_id, code)
    page.goto(app.url + "/suspects?p=0.01")
    row = page.locator(f"[data-testid=row][data-clip='{clip_id}'][data-class='{code}']").first
    expect(row).to_have_attribute("data-done", "false")
    open_review(page, app, f"/clip/{clip_id}?p=0.01")
    shown(page)
    expect(page.locator("body")).not_to_contain_text("zora")
    page.keyboard.press("\\")
    expect(page.get_by_test_id("player-drawer")).not_to_contain_text("zora")
    press(page, "1", "saved")


def test_an_owner_says_how_many_looks_and_whose_work_is_what(
    page: Any, app: Server, behind: Workspace, own_copy: Path
) -> None:
    page.goto(app.url + "/team")
    expect(page.get_by_text("Nothing is assigned to you")).to_be_visible()
    page.get_by_label("Missing labels").fill("3")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("Looks left")).to_be_visible()
    rested(page)  # what is below is drawn anew until then, and an open list closes
    with behind.read() as connection:
        assert looks.needed(connection) == looks.Needed(missing=3)
    choose(page.get_by_label("Who"), "rita")
    choose(page.get_by_role("combobox", name="What"), "Share of all clips")
    expect(page.get_by_label("Percent that nobody has yet")).to_be_visible()
    rested(page)
    page.get_by_label("Percent that nobody has yet").fill("40")
    page.get_by_label("Percent that nobody has yet").press("Enter")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("40 % of all clips (0 to 40)").first).to_be_visible()
    page.get_by_text("Show my work").click()
    expect(page).to_have_url(re.compile("mine=1"))
    expect(page.get_by_test_id("row").first).to_be_visible()
    page.get_by_role("link", name="Team", exact=True).click()
    page.get_by_role("button", name="End").click()
    expect(page.get_by_text("Nothing is assigned to anybody")).to_be_visible()
