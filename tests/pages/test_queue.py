"""pages/queue.py, with what it is drawn by: drawn by Streamlit's own test runner, and pressed in a real Chromium."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from labeling import journal
from labeling.active.teaching import in_turn
from labeling.collection import classes
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING, Decision, Shown
from labeling.reviewer import marks, preferences, saved_views
from labeling.reviewer.marks import Mark
from labeling.reviewer.saved_views import SavedView
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.why import without_name
from labeling.workspace import Workspace, open_workspace
from pages.ui import session
from tests.support import ROOT
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import until
from tests.support.browser.server import Server
from tests.support.browser.widgets import rested
from tests.support.workspaces.tiny_space import add_space

ODD = "<b>owls</b> *x* $y$ 🦉'; DROP"


@pytest.fixture
def birds(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The trained workspace: Rita skips the first clip of her queue, Bob flags the second and shares a view."""
    monkeypatch.setenv(session.WORKSPACE, str(own_copy))
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    monkeypatch.chdir(ROOT)
    workspace = open_workspace(own_copy)
    first, second = clips(workspace)[:2]
    marks.add(workspace, Mark("skip", "rita", first, "skip"))
    marks.add(workspace, Mark("flag", "bob", second, "flag", ODD))
    saved_views.save(workspace, SavedView("bob", ODD, {"kind": "false", "p": "0.35"}, shared=True))
    yield workspace
    workspace.close()


def clips(workspace: Workspace) -> list[int]:
    with workspace.read() as connection:
        found = queue.current(connection)
        assert found
        return queue.worklist(connection, read_scored_run(connection, *found), QueueFilter(min_p_wrong=WORTH_HEARING))


def left(workspace: Workspace, size: int = 100, **wanted: Any) -> queue.QueuePage:
    with workspace.read() as connection:
        found = queue.current(connection)
        assert found
        wanted = {"min_p_wrong": WORTH_HEARING, "reviewer": "rita"} | wanted
        return queue.page(connection, read_scored_run(connection, *found), QueueFilter(**wanted), size=size)


def show(**params: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "navigation.py"), default_timeout=60)
    app.run()
    app.switch_page("queue.py")
    for name, value in params.items():
        app.query_params[name] = value
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, [one.value for one in app.exception]
    assert not app.error, [one.value for one in app.error]
    return app


def said(app: AppTest) -> str:
    return " ".join(str(one.value) for one in [*app.markdown, *app.caption, *app.info])


def data(app: AppTest) -> Any:
    """What the component of the rows is told."""
    (mounted,) = app.get("bidi_component")
    return json.loads(mounted.proto.json)


def rows(app: AppTest) -> list[Any]:
    """The rows that come with the page."""
    return data(app)["rows"]["rows"]  # type: ignore[no-any-return]


def url(app: AppTest) -> dict[str, str]:
    return {name: given if isinstance(given, str) else given[0] for name, given in app.query_params.items()}


def test_a_new_class_is_filtered_by_and_called_new(birds: Workspace) -> None:
    with birds.write() as connection:
        classes.add_class(connection, "eastow", "Eastern Towhee", added_by="rita")
    box = show(**{"class": "eastow"}).multiselect(key="queue_classes")
    assert "Eastern Towhee (eastow) · new" in box.options
    assert sum(option.endswith("new") for option in box.options) == 1
    assert box.value == ["eastow"]


def test_the_url_is_the_view(birds: Workspace) -> None:
    flagged = left(birds, marks=("flag",), min_p_wrong=0.1)
    app = show(mark="flag", p="0.1", **{"class": "nowhere"})
    assert url(app) == {"mark": "flag", "p": "0.1"}  # a class that is not there is passed over
    assert f"**{flagged.total} cell" in said(app)
    assert len(rows(app)) == flagged.total
    app.segmented_control(key="queue_status").set_value("decided")
    run(app)
    assert url(app) == {"mark": "flag", "p": "0.1", "status": "decided"}
    assert "No suspect fits these filters. Lower" in said(app)


def test_what_one_skipped_is_left_out_and_said(birds: Workspace) -> None:
    page = left(birds)
    assert page.skipped > 0
    app = show()
    assert f"**{page.total} cells in {page.clips} clips**" in said(app)
    assert f"{page.skipped} more in clips that you skipped" in said(app)
    assert data(app)["rows"]["total"] == page.total


def test_views_are_kept_overwritten_deleted_and_taken_on_from_a_colleague(birds: Workspace) -> None:
    app = show(kind="missing")

    def press(**which: str) -> None:
        ((attribute, value),) = which.items()
        next(button for button in app.button if getattr(button, attribute) == value).click()
        run(app)

    for shared in (False, True):
        next(box for box in app.text_input if box.label == "Keep this view as").set_value("mine")
        app.checkbox[0].set_value(shared)
        press(label="Keep")
        with birds.read() as connection:
            mine = saved_views.all_views(connection, "rita")[0]
        assert mine == SavedView("rita", "mine", {"kind": "missing"}, shared)
    assert "view_delete_1" not in [button.key for button in app.button]  # it is Bob's
    press(key="view_delete_0")
    with birds.read() as connection:
        assert [view.reviewer for view in saved_views.all_views(connection, "rita")] == ["bob"]
    press(key="view_0")
    assert url(app) == {"kind": "false", "p": "0.35"}
    assert app.pills(key="queue_kinds").value == ["false"]
    assert len(rows(app)) == left(birds, kinds=("false",), min_p_wrong=0.35).total


def test_the_order_and_how_it_is_dealt_are_in_the_url(birds: Workspace) -> None:
    app = show(order="worth", rare="1", batches="1")
    assert url(app) == {"order": "worth", "rare": "1", "batches": "1"}
    wanted = left(birds, order="worth", rarity=1.0, batches=True)
    first = wanted.rows[: len(rows(app))]
    assert [row["rank"] for row in rows(app)] == [row.suspect.rank for row in first]
    assert [row["wrong"] for row in rows(app)] == [round(row.probability, 4) for row in first]
    assert [row["why"] for row in rows(app)] == [without_name(row.reason) for row in first]
    assert (data(app)["sorted"], data(app)["dealt"]) == ("", True)
    app.selectbox(key="queue_order").set_value("likely")
    run(app)
    assert url(app) == {"rare": "1", "batches": "1"}
    assert "not a number" not in said(show(rare="nan", variety="0"))


def taught(workspace: Workspace, **wanted: Any) -> list[queue.QueueRow]:
    """The queue in the order of what would teach a model most."""
    with workspace.read() as connection:
        found = queue.current(connection)
        assert found
        asked = QueueFilter(**{"min_p_wrong": WORTH_HEARING, "reviewer": "rita", "order": "next"} | wanted)
        run = in_turn(workspace, connection, read_scored_run(connection, *found), asked)
        return queue.rows(connection, run, asked, limit=None)


def test_what_would_teach_a_model_on_a_space_comes_first_where_there_is_one(birds: Workspace) -> None:
    assert "Next to label" not in show().selectbox(key="queue_order").options
    add_space(birds, skip=(0,))
    app = show()
    app.selectbox(key="queue_order").set_value("next")
    app = run(app)
    assert url(app) == {"order": "next"}
    expected = taught(birds)
    assert [row["rank"] for row in rows(app)] == [row.suspect.rank for row in expected[: len(rows(app))]]
    assert [row.suspect.rank for row in expected] != sorted(row.suspect.rank for row in expected)
    assert "would teach a model on the space toy most" in said(app)
    app = show(order="next", taught="uncertain", heard="toy")
    assert url(app) == {"order": "next", "taught": "uncertain", "heard": "toy"}
    expected = taught(birds, taught="uncertain")
    assert [row["rank"] for row in rows(app)] == [row.suspect.rank for row in expected[: len(rows(app))]]


def test_a_link_from_another_page_is_followed_and_the_sidebar_keeps_the_view(birds: Workspace) -> None:
    app = show(kind="false")
    leave(app)
    assert url(run(app.switch_page("queue.py"))) == {"kind": "false"}
    leave(app)
    app.switch_page("queue.py")
    for name, value in {"order": "audit", "p": "0"}.items():
        app.query_params[name] = value
    assert url(run(app)) == {"order": "audit", "p": "0"}
    assert app.selectbox(key="queue_order").value == "audit"
    assert app.pills(key="queue_kinds").value == []


def leave(app: AppTest) -> None:
    run(app.switch_page("versions.py"))
    app.query_params.clear()  # as the browser does


def test_a_random_audit_hides_what_the_model_thinks(birds: Workspace) -> None:
    app = show(order="audit", p="0")
    assert "“Review these” asks one by one" in data(app)["hint"]
    assert data(app)["columns"][0] == "class"
    opinions = {"rank", "kind", "wrong", "why", "clipwise", "frame"}
    assert not opinions & {*data(app)["columns"], *rows(app)[0]}
    app.pills(key="queue_kinds").set_value(["missing"])  # a draw of one kind is one still
    assert not opinions & {*data(run(app))["columns"], *rows(app)[0]}
    app.segmented_control(key="queue_status").set_value("decided")
    assert "asks one by one" not in said(run(app))


def test_what_is_learned_moves_no_row_until_one_asks(birds: Workspace) -> None:
    app = show(p="0")
    first = left(birds, min_p_wrong=0.0)
    assert first.soon
    assert f"Of the next {first.soon.of} about **{round(first.soon.expected)}** are wrong" in said(app)
    assert "a guess, before enough verdicts of this kind" in said(app)
    before = {row["rank"]: row["wrong"] for row in rows(app)}
    done = [row.suspect for row in first.rows[:12]]
    for one in done:  # all of them were right
        shown = Shown(kind=one.kind, p_wrong=one.p_wrong, scorer="earmark", asked=True)
        verdict = "absent" if one.kind == "missing" else "present"
        event = Decision(journal.new_event_id(), "rita", one.clip_id, one.class_code, verdict, shown=shown)
        journal.append(birds, [replace(event, run_id=one.run_id)])
    run(app)
    after = {row["rank"]: row["wrong"] for row in rows(app)}
    gone = [one.rank for one in done]
    stay = [rank for rank in before if rank not in gone]
    assert list(after)[: len(stay)] == stay
    assert all(after[rank] == before[rank] for rank in stay)
    button = app.button(key="queue_update")
    assert button.label == "Update the order: 12 new decisions"
    button.click()
    run(app)
    renewed = {row["rank"]: row["wrong"] for row in rows(app)}
    missing = [row.suspect.rank for row in first.rows[12:] if row.suspect.kind == "missing"]
    both = set(missing) & set(renewed) & set(before)
    assert both
    assert all(renewed[rank] < before[rank] for rank in both), "labels found to be right make the rest likelier right"
    assert "queue_update" not in [button.key for button in app.button]


def decisions(workspace: Workspace) -> list[tuple[str, str]]:
    with sqlite3.connect(workspace.root / "earmark.db") as connection:
        return connection.execute("select batch_id, verdict from decisions order by position").fetchall()


def row(page: Any, number: int) -> Any:
    """The row of the list in its place, counted from 1."""
    return page.locator(f"[data-testid=row][aria-rowindex='{number + 1}']:not([hidden])")


@pytest.mark.browser
def test_several_rows_are_decided_in_one_batch_and_undone_after_a_reload(
    birds: Workspace, server: Server, page: Any
) -> None:
    count = left(birds).total
    server.show(birds.root)
    page.goto(server.url + "/queue")
    said = page.get_by_test_id("rows-said")
    row(page, 1).locator(".tick").click()
    expect(said).to_contain_text("1 cell ticked")
    expect(row(page, 1)).to_have_attribute("aria-selected", "true")
    row(page, 3).click(modifiers=["Shift"])
    expect(said).to_contain_text(re.compile(r"3 cells in \d clips? ticked"))
    page.keyboard.press("d")
    page.get_by_text("Unsure", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"3 cells in \d clips? will be decided: 3 unsure"))
    with closing(sqlite3.connect(birds.root / "earmark.db", isolation_level=None)) as other:
        other.execute("begin immediate")  # another program holds the database
        page.get_by_role("button", name="Decide 3 cells").dblclick()
        expect(page.get_by_role("dialog")).to_contain_text("Not known to be saved")
        other.execute("rollback")
    expect(said).to_contain_text(re.compile(r"3 cells in \d clips? decided: 3 unsure"))  # sent again by itself
    stored = decisions(birds)
    assert [verdict for _, verdict in stored] == ["unsure"] * 3
    assert len({batch for batch, _ in stored}) == 1
    assert left(birds).total == count - 3
    expect(page.get_by_test_id("rows")).to_have_attribute("aria-rowcount", str(count - 3 + 1))
    expect(said).not_to_contain_text("ticked")

    page.reload()
    undo = page.get_by_role("button", name=re.compile(r"Undo my last batch \(3 cells"))
    undo.dblclick()
    expect(undo).to_have_count(0)
    rested(page)
    assert [verdict for _, verdict in decisions(birds)] == ["unsure"] * 3 + ["undo"] * 3
    assert left(birds).total == count

    # the filters that are seldom needed show what they are, not what they begin at
    page.get_by_role("button", name="More filters").click()
    expect(page.get_by_role("slider").first).to_have_value("0.3")
    page.get_by_role("button", name="For an expert").click()
    expect(page).to_have_url(re.compile(r"/queue\?mark=flag$"))
    rested(page)  # what opens before closes again
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_role("button", name=ODD)).to_be_visible()  # as it was typed
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Link").click()
    expect(page.get_by_test_id("stCode").first).to_have_text(f"{server.url}/queue?mark=flag")

    page.goto(f"{server.url}/queue?mark=flag")  # as a colleague opens the link
    flagged = left(birds, marks=("flag",)).rows
    expect(page.get_by_test_id("rows")).to_have_attribute("aria-rowcount", str(len(flagged) + 1))
    clip_id = flagged[0].suspect.clip_id
    assert row(page, 1).get_by_role("link").get_attribute("href") == f"clip/{clip_id}?mark=flag"
    row(page, 1).click()
    expect(page).to_have_url(re.compile(rf"/review\?mark=flag&clip={clip_id}$"))


@pytest.mark.browser
def test_rows_are_scrolled_to_sorted_and_gone_through_by_keyboard(birds: Workspace, server: Server, page: Any) -> None:
    whole = left(birds, status="all", min_p_wrong=0.0, order="filename", size=10**6).rows
    server.show(birds.root)
    page.goto(f"{server.url}/queue?p=0&status=all")
    grid, said = page.get_by_test_id("rows"), page.get_by_test_id("rows-said")
    page.get_by_role("columnheader", name="file").get_by_role("button").click()
    expect(page).to_have_url(re.compile("order=filename"))
    expect(page.get_by_role("columnheader", name="file")).to_have_attribute("aria-sort", "ascending")
    expect(grid).to_have_attribute("aria-rowcount", str(len(whole) + 1))
    page.keyboard.press("End")  # these rows came with no page
    last = row(page, len(whole))
    expect(last).to_contain_text(whole[-1].suspect.filename)
    expect(last).to_be_in_viewport()
    expect(grid).to_have_attribute("aria-activedescendant", str(last.get_attribute("id")))
    assert page.get_by_test_id("row").count() < 60
    page.keyboard.press("Space")
    page.keyboard.press("Shift+Home")
    expect(said).to_contain_text(f"{len(whole):,} cells in")
    page.keyboard.press("Escape")
    page.get_by_test_id("rows-columns").click()
    page.get_by_role("checkbox", name="fold").uncheck()
    expect(page.get_by_role("columnheader", name="fold")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"&clip={whole[1].suspect.clip_id}$"))

    def kept() -> Any:
        with birds.read() as connection:
            return preferences.get_all(connection, "rita").get("queue_columns")

    until(page, lambda: kept() == ["fold"])
