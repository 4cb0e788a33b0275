"""The picture in a real Chromium: what is drawn where, zooming, what is fetched for it, and what is not."""

import csv
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.support.browser.chromium import expect, still_box, turn_wheel
from tests.support.browser.picture import assert_drawn, choose, columns, pixels, read_at, row_of, settled, shown, view
from tests.support.browser.reviewing import until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser

TONE, BAT, LONG, BURST, STEADY, BROKEN = 1, 2, 3, 4, 5, 6  # clips, in the order of the table
LATE = "() => { for (const end = performance.now() + 1500; performance.now() < end; ); }"  # the next frame
VIEWS = """(player) => {
  window.views = [player.dataset.viewFrom];
  const seen = () => window.views.at(-1) === player.dataset.viewFrom || window.views.push(player.dataset.viewFrom);
  new MutationObserver(seen).observe(player, { attributeFilter: ["data-view-from"] });
}"""


def tone(hz: float, from_s: float, to_s: float, duration_s: float, rate: int) -> NDArray[np.float32]:
    """Quiet noise with a loud sine from ``from_s`` to ``to_s``."""
    time_s = np.arange(round(duration_s * rate)) / rate
    wave = np.random.default_rng(1).normal(0, 0.001, len(time_s))
    wave += np.where((time_s >= from_s) & (time_s < to_s), 0.3 * np.sin(2 * np.pi * hz * time_s), 0)
    return wave.astype(np.float32)


@pytest.fixture(scope="module")
def app(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    from labeling.__main__ import main

    folder = tmp_path_factory.mktemp("sounds")
    soundfile.write(folder / "tone.wav", tone(4000, 2, 3, 6, 32_000), 32_000)
    soundfile.write(folder / "bat.wav", tone(45_000, 1, 1.5, 2, 384_000), 384_000)
    minute = tone(1000, 10, 12, 60, 8000)
    with soundfile.SoundFile(folder / "long.wav", "w", 8000, 1, "PCM_16") as file:
        for _ in range(60):  # an hour
            file.write(minute)
    burst = tone(4000, 50.003, 50.006, 100, 32_000) + tone(500, 70, 90, 100, 32_000)
    soundfile.write(folder / "burst.wav", burst, 32_000)
    soundfile.write(folder / "steady.wav", tone(1000, 0, 100, 100, 32_000), 32_000)
    soundfile.write(folder / "low.wav", tone(1000, 0, 1, 2, 4000), 4000)
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        names = ("tone", "bat", "long", "burst", "steady", "low")
        csv.writer(file).writerows([["filename", "label"], *((f"{name}.wav", "sound") for name in names)])
    root = tmp_path_factory.mktemp("workspace") / "w"
    assert main(["import", str(folder / "labels.csv"), "--workspace", str(root), "--audio", str(folder)]) == 0
    server.show(root)
    return server


@pytest.fixture(scope="module")
def tab(window: Any) -> Iterator[Any]:
    """A tab that these tests share: what one leaves on show, the next need not load."""
    tab = window.new_page()
    tab.clip, tab.tiles, tab.problems = 0, [], []
    tab.on("request", lambda request: "/tile?" in request.url and tab.tiles.append(request.url))
    tab.on("pageerror", lambda error: tab.problems.append(f"{error.message}\n{error.stack}"))
    yield tab
    tab.close()


@pytest.fixture
def page(tab: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The tab, with the tiles that a test has it ask for; a script that fails in it fails the test."""
    failed = request.session.testsfailed
    if getattr(request.node, "execution_count", 1) > 1:
        tab.clip = 0  # the first try may have left the sound on
    tab.tiles.clear()
    yield tab
    if request.session.testsfailed > failed:
        tab.clip = 0
    problems = tab.problems.copy()
    tab.problems.clear()
    assert problems == []


def load(page: Any, app: Server, clip: int) -> None:
    """Show a clip on the light page, which costs half of a page of the app."""
    page.clip = clip
    page.goto(f"{app.url}/clip/{clip}")
    shown(page, clip)


def opened(page: Any, app: Server, clip: int, preset: str = "Standard", colours: str = "grey") -> None:
    """Show the whole of a clip, drawn from grey so that brightness is level, with the settings open."""
    if page.clip == clip:
        page.keyboard.press("Escape")
        page.keyboard.press("0")
    else:
        load(page, app, clip)
    page.get_by_test_id("player-colormap").select_option(colours)
    if not page.get_by_test_id("player-preset").is_visible():
        page.get_by_test_id("player-settings-button").click()
    choose(page, "player-preset", preset)


def asked_for(page: Any) -> list[str]:
    """The tiles of the picture that were asked for; those of the map below it come when there is time."""
    return [url for url in page.tiles if "height_px=32&" not in url]


def test_a_tone_is_drawn_where_it_is_in_every_axis_and_preset(app: Server, page: Any) -> None:
    opened(page, app, TONE)
    for axis in ("Mel", "Log", "Linear"):
        choose(page, "player-set-axis", axis)
        assert_drawn(page, axis, 4000, (60, 16_000), 2, 3)
        hz, level = read_at(page, 2.5, row_of(axis, 4000, 60, 16_000))
        assert abs(hz - 4000) < 160
        assert level == "−10 dB"  # 20 log10 of 0.3
        assert float(read_at(page, 5, row_of(axis, 4000, 60, 16_000))[1].removesuffix(" dB").replace("−", "-")) < -50
    choose(page, "player-preset", "PCEN")
    assert_drawn(page, "Mel", 4000, (60, 16_000), 2, 3)
    choose(page, "player-preset", "Standard")
    page.keyboard.press("d")  # the noise-reduced view
    expect(page.get_by_test_id("player-denoise")).to_have_attribute("aria-pressed", "true")
    settled(page)
    assert_drawn(page, "Mel", 4000, (60, 16_000), 2, 3)
    page.keyboard.press("d")
    settled(page)

    opened(page, app, BAT, "Bats (to 250 kHz)")
    assert_drawn(page, "Linear", 45_000, (5000, 192_000), 1, 1.5)
    opened(page, app, BURST, "Low callers")
    assert_drawn(page, "Log", 500, (10, 1000), 70, 90)


def test_a_call_narrower_than_a_pixel_is_drawn(app: Server, page: Any) -> None:
    """3 ms of 100 s: a pixel holds a tenth of a second and more."""
    opened(page, app, BURST)
    drawn = pixels(page)
    row = round(row_of("Mel", 4000, 60, 16_000) * drawn.shape[0])
    band = drawn[row - 2 : row + 3].max(axis=0)
    at = columns(drawn, page, 49.8, 50.2)
    assert band[at].max() > 60 + np.percentile(band, 99)


def test_settings_that_make_no_sense_are_said_and_draw_nothing_broken(app: Server, page: Any) -> None:
    opened(page, app, BROKEN)
    before = pixels(page)
    low, asked = page.get_by_test_id("player-set-low_hz"), asked_for(page)
    for text, said in (("abc", "number"), ("-5", "0 to 249000 Hz"), ("20000", "below 16000 Hz")):
        low.fill(text)
        low.press("Enter")
        expect(page.locator("#em-problem-low_hz")).to_contain_text(said)
        expect(low).to_have_attribute("aria-invalid", "true")
    assert asked_for(page) == asked, "a setting that was refused was sent"

    with page.expect_response(lambda answer: "3000" in (answer.request.post_data or "")):  # it is kept
        low.fill("3000")  # fine as such, but this clip ends at 2 kHz: the server says so
        low.press("Enter")
    expect(page.get_by_test_id("player-settings-problem")).to_contain_text("low_hz 3000 is not below half the sample")
    settled(page)
    assert np.abs(pixels(page) - before).mean() < 2, "the standard picture is not drawn in its place"
    page.reload()  # another clip may hold it
    shown(page, BROKEN)
    page.get_by_test_id("player-settings-button").click()
    expect(low).to_have_value("3000")
    choose(page, "player-preset", "Standard")


def test_selection_is_of_time_or_with_shift_of_a_box(app: Server, page: Any) -> None:
    opened(page, app, TONE)
    page.get_by_test_id("player-settings-button").click()
    box = still_box(page.get_by_test_id("player-plot"))
    selection = page.get_by_test_id("player-selection")

    def drag() -> None:
        page.mouse.move(box["x"] + box["width"] / 6, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 120, steps=5)
        page.mouse.up()

    drag()
    expect(selection).to_be_visible()
    assert float(selection.get_attribute("data-onset")) == pytest.approx(1, abs=0.02)
    assert float(selection.get_attribute("data-offset")) == pytest.approx(3, abs=0.02)
    assert selection.get_attribute("data-low") == ""
    page.keyboard.down("Shift")
    drag()
    page.keyboard.up("Shift")
    low, high = (float(selection.get_attribute(f"data-{name}")) for name in ("low", "high"))
    for hz, top in ((high, 40), (low, 120)):
        assert row_of("Mel", hz, 60, 16_000) == pytest.approx(top / box["height"], abs=0.015)
    drawn = selection.bounding_box()
    assert drawn["y"] == pytest.approx(box["y"] + 40, abs=3)
    assert drawn["height"] == pytest.approx(80, abs=4)
    page.keyboard.press("Escape")
    expect(selection).to_be_hidden()


def test_colours_change_without_a_request(app: Server, page: Any) -> None:
    opened(page, app, TONE)
    asked, seen = asked_for(page), pixels(page)
    page.get_by_test_id("player-colormap").select_option("viridis")
    settled(page)
    coloured = pixels(page)
    assert np.abs(coloured - seen).mean() > 5
    page.get_by_test_id("player-colormap").select_option("grey")
    page.get_by_test_id("player-floor").fill("-30")
    settled(page)
    brighter = pixels(page)
    assert brighter.mean() > seen.mean() + 5
    page.get_by_test_id("player-contrast").click()
    settled(page)
    assert np.abs(pixels(page) - seen).mean() < 1
    assert asked_for(page) == asked


def test_zoom_keeps_the_time_under_the_pointer(app: Server, page: Any) -> None:
    opened(page, app, TONE)
    page.get_by_test_id("player-settings-button").click()
    box = still_box(page.get_by_test_id("player-plot"))
    share = 0.6

    def under() -> float:
        start, stop = view(page)
        return start + share * (stop - start)

    page.mouse.move(box["x"] + share * box["width"], box["y"] + 60)
    before = under()
    turn_wheel(page, -150, times=6)
    start, stop = settled(page)
    pixel_s = (stop - start) / box["width"]
    assert stop - start < 2
    assert abs(under() - before) < 1.5 * pixel_s + 0.001
    expect(page.get_by_test_id("player-minimap-window")).to_be_visible()

    # the end of the tone is where the view says, to three pixels or the length of an analysis window
    page.keyboard.press("0")
    settled(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    turn_wheel(page, -150, times=4)
    start, stop = settled(page)
    drawn = pixels(page)
    row = drawn[round(row_of("Mel", 4000, 60, 16_000) * drawn.shape[0])]
    edge_s = start + (np.flatnonzero(row > 150)[-1] + 1) / len(row) * (stop - start)
    assert abs(edge_s - 3) < 0.03

    # keys: in and out around the middle, sideways by half, the whole again
    middle, span = (start + stop) / 2, stop - start
    for key, wanted in (("+", (middle, span / 2)), ("-", (middle, span)), ("PageDown", (middle + span / 2, span))):
        page.keyboard.press(key)
        start, stop = settled(page)
        assert ((start + stop) / 2, stop - start) == pytest.approx(wanted, abs=0.02)
    page.keyboard.press("0")
    assert settled(page) == (0, 6)
    expect(page.get_by_test_id("player-minimap-window")).to_be_hidden()

    # shift and wheel pans; frequency zooms over its axis, and the tone moves up with it
    page.keyboard.press("+")
    start, stop = settled(page)
    page.get_by_test_id("player-plot").hover()
    page.keyboard.down("Shift")
    turn_wheel(page, box["width"] / 10)
    page.keyboard.up("Shift")
    moved = settled(page)
    assert moved == pytest.approx((start + (stop - start) / 10, stop + (stop - start) / 10), abs=0.02)
    page.keyboard.press("0")
    settled(page)
    axis = page.get_by_test_id("player-axis").bounding_box()
    page.mouse.move(axis["x"] + 10, axis["y"] + row_of("Mel", 4000, 60, 16_000) * axis["height"])
    turn_wheel(page, -500)
    until(page, lambda: any("low_hz=" in url and "high_hz=" in url for url in page.tiles))  # finer ones
    settled(page)
    drawn = pixels(page)
    row = int(np.argmax(drawn[:, columns(drawn, page, 2.1, 2.9)].mean(axis=1)))
    assert abs(row / drawn.shape[0] - row_of("Mel", 4000, 60, 16_000)) < 0.03


def test_an_hour_opens_without_being_fetched(app: Server, page: Any) -> None:
    load(page, app, LONG)
    assert view(page) == (0, 60)
    expect(page.get_by_test_id("player-minimap-window")).to_be_visible()
    picture = asked_for(page)
    assert page.tiles[: len(picture)] == picture, "the overview was fetched before the picture"
    for url in picture:
        level, index = (int(re.search(rf"{name}=(\d+)", url)[1]) for name in ("level", "index"))  # type: ignore[index]
        assert index * 1024 * 0.0005 * 2**level < 120, f"{url} lies beyond the next screen"

    # the overview fills in piece by piece; a press beside its window goes there
    mini = page.get_by_test_id("player-minimap")
    expect(mini).to_have_attribute("data-drawn", re.compile(r"^\d{2}$"))
    assert len({url for url in page.tiles if "height_px=32&" in url}) >= 10
    box = mini.bounding_box()
    mini.click(position={"x": box["width"] * 0.75, "y": 14})
    start, stop = settled(page)
    assert (start + stop) / 2 == pytest.approx(2700, abs=10)
    assert stop - start == pytest.approx(60, abs=0.1)


def test_tiles_join_without_a_seam(app: Server, page: Any) -> None:
    opened(page, app, STEADY)
    for zoom in range(3):
        start, stop = settled(page)
        drawn = pixels(page)
        level = int(page.get_by_test_id("player").get_attribute("data-level"))
        span = 1024 * 0.0005 * 2**level
        joins = [k * span for k in range(1, 200) if start + 0.05 < k * span < stop - 0.05]
        tone_row = drawn[round(row_of("Mel", 1000, 60, 16_000) * drawn.shape[0])]
        assert tone_row[20:-20].min() > 200, "the steady sine is broken"
        for join in joins:
            at = round((join - start) / (stop - start) * drawn.shape[1])
            noise = drawn[: drawn.shape[0] // 2, at - 20 : at + 20].mean(axis=0)
            others = np.delete(noise, [18, 19, 20, 21])
            assert np.all(np.abs(noise[18:22] - others.mean()) < 5 * others.std() + 3), f"a seam at {join} s"
        assert joins or zoom, "no join is in view"
        page.keyboard.press("+")


def test_a_zoomed_view_follows_the_sound_and_leaves_the_reader_alone(app: Server, page: Any) -> None:
    opened(page, app, STEADY)
    page.get_by_test_id("player-settings-button").click()
    for _ in range(7):
        page.keyboard.press("+")
    start, stop = settled(page)
    assert stop - start == pytest.approx(100 / 2**7, abs=0.01)
    page.get_by_test_id("player").evaluate(VIEWS)  # a busy machine looks too late
    page.keyboard.press("Space")  # the sound begins at 0 s: the view goes there, then a page at a time
    page.wait_for_function("() => window.views.length > 2")
    views = [float(one) for one in page.evaluate("window.views.slice(1)")]
    assert views[0] == 0
    assert views == sorted(views)
    page.keyboard.press("0")
    settled(page)
    box = still_box(page.get_by_test_id("player-plot"))
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 60)
    turn_wheel(page, -150, times=10)
    chosen = settled(page)
    assert chosen[0] > 50
    page.evaluate(LATE)  # what is played until then is no jump
    assert settled(page) == chosen, "the view was taken back to the sound"
    page.keyboard.press("Space")
