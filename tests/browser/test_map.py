"""The map in a real Chromium: points are seen, heard and opened, an outline becomes a sweep, a queue or decisions."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeling.collection import store
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, open_space, sounds_now
from labeling.landscape.projection import keep_projection, read_projection, space_digest
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import shown
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser
FACTS = SpaceFacts("ears", "imported:ears", "CC0", "", 8000, 1.0, 0.5, 16)
FEW = 6
"""Clips whose stretches lie apart, at the left, a row each."""


@pytest.fixture
def mapped(own_copy: Path) -> Path:
    """The workspace with a space and its map: some clips' stretches stand in rows at the left, all others at the
    right. In the space the first two of those clips sound alike."""
    rng = np.random.default_rng(0)
    with closing(open_workspace(own_copy)) as workspace:
        with workspace.read() as connection:
            clips, sounds = store.usable_clips(connection), sounds_now(connection)
        made = []
        for place, clip in enumerate(clips):
            onset_s = np.arange(0, max(0.5, clip.duration_s - 1), 0.5)
            vectors = np.eye(16)[min(max(place, 1), FEW)] + 0.2 * rng.standard_normal((len(onset_s), 16))
            made.append(ClipVectors(clip.id, sounds[clip.id], vectors, onset_s, onset_s + 1))
        append(workspace, FACTS, made)
        space = open_space(workspace, "ears")
        place = np.searchsorted([clip.id for clip in clips], space.clip_ids)
        apart = place < FEW
        across = np.where(apart, space.onset_s, 40 + 6 * rng.random(len(space)))
        up = np.where(apart, 6.0 * place, 40 * rng.random(len(space)))
        keep_projection(
            workspace, "ears", space_digest(workspace, "ears"), np.stack([across, up], axis=1),
            np.where(apart, 0, 1), {"seed": 0},
        )  # fmt: skip
    return own_copy


class Screen:
    """The map on the screen, and where the rows of the space lie on it."""

    def __init__(self, page: Any, app: Server, root: Path, address: str = "/map") -> None:
        self.page = page
        page.goto(app.url + address)
        expect(page.get_by_test_id("map-root")).to_have_attribute("data-coloured", re.compile("."))
        with closing(open_workspace(root)) as workspace:
            self.space, self.projection = read_projection(workspace, "ears")
        expect(page.get_by_test_id("map-root")).to_have_attribute("data-drawn", str(len(self.space)))

    def at(self, row: int) -> tuple[float, float]:
        """Where a row lies on the screen, as long as all of the map is shown."""
        box = self.page.get_by_test_id("map-canvas").bounding_box()
        scale = min(box["width"], box["height"]) / 65_535
        across, up = (self.projection.places[row].astype(float) - 32_767.5) * scale
        return box["x"] + box["width"] / 2 + across, box["y"] + box["height"] / 2 - up

    def row(self, clip: int, place: int = 0) -> int:
        """A row of the clip at a place among all."""
        clip_ids = np.unique(self.space.clip_ids)
        return int(self.space.rows_of(int(clip_ids[clip])).start) + place

    def around(self, rows: list[int], margin: float = 14) -> None:
        """Draw an outline around rows with the mouse."""
        places = np.array([self.at(row) for row in rows])
        (left, top), (right, bottom) = places.min(axis=0) - margin, places.max(axis=0) + margin
        mouse = self.page.mouse
        mouse.move(left, top)
        mouse.down()
        for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 2)):
            mouse.move(x, y, steps=6)
        mouse.up()

    def rows_of(self, clips: int) -> list[int]:
        """All rows of the first so many clips."""
        return [row for clip in range(clips) for row in range(*self.space.rows_of(
            int(np.unique(self.space.clip_ids)[clip])).indices(len(self.space)))]  # fmt: skip


def test_a_point_is_seen_heard_and_opened_at_its_moment(mapped: Path, app: Server, page: Any) -> None:
    screen = Screen(page, app, mapped)
    row = screen.row(0, 4)
    clip_id, onset_s = int(screen.space.clip_ids[row]), float(screen.space.onset_s[row])
    page.mouse.move(*screen.at(row), steps=3)
    card = page.get_by_test_id("map-card")
    expect(card).to_be_visible()
    expect(card).to_contain_text(f"{onset_s:.1f} to {onset_s + 1:.1f} s")
    expect(card.get_by_test_id("map-picture")).to_have_attribute("data-drawn", "true")
    expect(page.get_by_test_id("map-root")).to_have_attribute("data-playing", f"{clip_id}@{onset_s:.3f}")

    # its neighbours are those of the space: the clip that sounds like it comes first, though others lie nearer
    first = page.get_by_test_id("map-neighbours").get_by_test_id("map-stretch").first
    with closing(sqlite3.connect(mapped / "earmark.db")) as connection:
        name = connection.execute(
            "select filename from clips where id = ?", [int(np.unique(screen.space.clip_ids)[1])]
        ).fetchone()[0]
    expect(first).to_contain_text(name)

    page.mouse.click(*screen.at(row))
    page.wait_for_url(re.compile(r"/review\?"))
    assert shown(page) == str(clip_id)
    expect(page.get_by_test_id("player-cursor")).to_have_attribute("data-time", f"{onset_s:.3f}")
    moment = re.search(r"[?&]t=([0-9.]+)", page.url)
    page.goto(f"{app.url}/clip/{clip_id}?t={moment[1] if moment else onset_s}")  # and so does the light page
    assert shown(page) == str(clip_id)
    expect(page.get_by_test_id("player-cursor")).to_have_attribute("data-time", f"{onset_s:.3f}")


def test_an_outline_becomes_a_sweep_of_just_these(mapped: Path, app: Server, page: Any) -> None:
    screen = Screen(page, app, mapped)
    page.keyboard.press("l")
    rows = screen.rows_of(2)
    screen.around(rows)
    expect(page.get_by_test_id("map-area-said")).to_contain_text(f"{len(rows)} stretches of 2 clips")
    page.get_by_test_id("map-sweep").click()
    page.wait_for_url(re.compile(r"/sweep\?chosen=[0-9a-f]{16}"))
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    tiles = page.locator("[data-testid=wall-tile]:not([hidden])")
    expect(tiles).to_have_count(2)
    clips = {int(tile.get_attribute("data-clip")) for tile in tiles.all()}
    assert clips == set(np.unique(screen.space.clip_ids)[:2].tolist())

    # a verdict on one of them, of a class that is written there; then it is gone from the wall
    box = page.get_by_role("combobox", name="Class of the verdicts")
    box.click()
    box.fill("hum")
    box.press("Enter")
    expect(page.get_by_test_id("wall-title")).to_have_text("Chosen on the map: hum")
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    tiles.first.click()
    page.keyboard.press("1")
    expect(page.get_by_test_id("wall-notice")).to_contain_text("Saved: present")
    expect(tiles).to_have_count(1)
    page.reload()
    expect(tiles).to_have_count(1)


def test_an_outline_says_how_many_cells_and_decides_them(mapped: Path, app: Server, page: Any) -> None:
    screen = Screen(page, app, mapped)
    page.keyboard.press("a")
    said = page.get_by_test_id("map-area-said")
    expect(said).to_contain_text(f"{len(screen.space):,} stretches")
    expect(said).to_contain_text(re.compile(r"[\d,]+ cells in [\d,]+ clips to do"))
    found = re.search(r"· ([\d,]+ cells) in", said.inner_text())
    assert found
    decide = page.get_by_test_id("map-decide")
    expect(decide).to_contain_text(f"Decide {found[1]}")
    decide.click()
    plan = page.get_by_test_id("rows-plan")
    expect(plan).to_contain_text(f"{found[1]} in")
    expect(plan).to_contain_text("will be decided")
    page.get_by_label("Unsure").check()
    expect(plan).to_contain_text("unsure")
    page.get_by_test_id("rows-decide-go").click()
    expect(page.get_by_test_id("map-notice")).to_contain_text("decided")
    expect(said).to_contain_text("no cells to do")
    with closing(sqlite3.connect(mapped / "earmark.db")) as connection:
        (count,) = connection.execute("select count(*) from decisions where verdict = 'unsure'").fetchone()
    assert f"{count:,} cells" == found[1]
    page.get_by_test_id("map-undo").click()
    expect(said).to_contain_text(f"{found[1]} in")

    page.get_by_test_id("map-queue").click()
    page.wait_for_url(re.compile(r"/queue\?.*chosen="))
    expect(page.get_by_test_id("rows")).to_be_visible()
    expect(page.get_by_text(re.compile(f"^{found[1]} in"))).to_be_visible()


def test_colours_clusters_and_a_link_that_keeps_the_view(mapped: Path, app: Server, page: Any) -> None:
    screen = Screen(page, app, mapped)
    root = page.get_by_test_id("map-root")
    for by in ("kind", "p_wrong", "decided", "prediction", "cluster"):
        page.get_by_test_id("map-by").select_option(by)
        expect(root).to_have_attribute("data-coloured", by)
    expect(page.get_by_test_id("map-name")).to_have_count(2)
    expect(page.get_by_test_id("map-name").first).to_contain_text("cluster 2")
    page.get_by_test_id("map-name").first.click()
    expect(page.get_by_test_id("map-name").first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("map-name").first).to_have_attribute("aria-pressed", "false")

    # by keys: nearer, to the left, from point to point
    page.get_by_test_id("map-canvas").focus()
    for key in ("+", "+", "ArrowLeft"):
        page.keyboard.press(key)
    page.wait_for_url(re.compile(r"at=\d+%2C\d+%2C1\.69"))
    kept = page.url
    page.keyboard.press("n")
    expect(page.get_by_test_id("map-here")).to_have_attribute("data-point", re.compile(r"\d"))
    page.reload()
    expect(root).to_have_attribute("data-coloured", "cluster")
    assert page.url == kept

    page.get_by_test_id("map-tab-clusters").click()
    expect(page.get_by_test_id("map-question")).to_have_count(3)
    cluster = page.get_by_test_id("map-cluster").first
    cluster.click()
    expect(page.get_by_test_id("map-area-said")).to_contain_text("Cluster")
    expect(page.get_by_test_id("map-clusters").get_by_test_id("map-stretch")).to_have_count(8)

    # the queue's filter, which the link keeps too
    page.get_by_text("The queue's filter").click()
    expect(page.get_by_test_id("map-count")).to_contain_text(f" of {len(screen.space):,} stretches")
    page.wait_for_url(re.compile(r"filter=1"))
    page.reload()
    expect(page.get_by_test_id("map-count")).to_contain_text(f" of {len(screen.space):,} stretches")
    assert "at=" in page.url
