"""A sound that breaks off, in a real Chromium: the player says why, and goes on when it is back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pages.ui.shared.scripts import join_scripts
from tests.support.browser.chromium import expect
from tests.support.browser.heard import served

# judged by the clock of the sound, to milliseconds: on a busy machine one try may come late, a fault does each time
pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]

RATE = 16_000
# The transport on the real view; of the rest of the player it needs nothing here.
HOST = """
import { buildView } from "../view.js";
const v = buildView();
document.body.append(v.root);
const nothing = () => {};
const host = {
  data: null, stage: { drawCursor: nothing, recolour: nothing, drawAll: nothing, takeFreeHeight: nothing },
  boxes: { picked: null }, preferences: { set: nothing }, renew: nothing, tell: nothing,
};
const transport = new Transport(v, host);
const show = (audio_url, duration_s) => {
  host.data = { clip_id: 1, audio_url, duration_s, sample_rate: 16000, error: "" };
  transport.load();
};
Object.assign(window, { transport, show });
"""


@dataclass
class Stage:
    """A tab with the transport in it, and a recording that it is shown."""

    page: Any
    path: Path
    url: str
    duration_s: float

    def show(self) -> None:
        """Load the recording."""
        self.page.evaluate("([url, seconds]) => show(url, seconds)", [self.url, self.duration_s])

    @property
    def said(self) -> Any:
        """What is said of the sound."""
        return self.page.get_by_test_id("player-sound-error")

    def plays_on(self, from_s: float) -> None:
        """Wait until it sounds from a place on."""
        self.page.wait_for_function(
            """(from) => {
              const { playing, reached, element } = transport.sound;
              return playing && reached > from && element.readyState > 2;
            }""",
            arg=from_s,
        )


@pytest.fixture
def stage(chrome: Any, tmp_path: Path) -> Iterator[Stage]:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(30 * RATE, 0.01), RATE, "PCM_24")  # given as a WAV of 16 bits, made as it is read
    context = chrome.new_context()
    page = context.new_page()
    with served([path], tmp_path / "cache") as (page_url, _, (url,)):
        page.goto(page_url)
        page.add_script_tag(content=join_scripts("player/sound/transport.js", HOST))
        yield Stage(page, path, url, 30.0)
        context.close()


def test_a_file_that_is_gone_is_named_and_played_when_it_is_back(stage: Stage) -> None:
    away = stage.path.rename(stage.path.with_name("elsewhere"))
    stage.show()
    expect(stage.said).to_contain_text("This file cannot be played: a.wav: no such file")
    away.rename(stage.path)
    expect(stage.said).to_be_hidden()
    stage.page.evaluate("transport.sound.play()")
    stage.plays_on(0.1)


def test_a_connection_that_breaks_is_said_and_the_sound_goes_on_from_there(stage: Stage) -> None:
    with soundfile.SoundFile(stage.path, "w", RATE, 1, "PCM_24") as file:  # longer than a browser reads ahead
        for _ in range(30):
            file.write(np.full(60 * RATE, 0.01))
    stage.duration_s = 1800.0
    stage.show()
    stage.page.evaluate("transport.sound.play()")
    stage.plays_on(0.1)
    stage.page.context.set_offline(True)
    stage.page.evaluate("transport.sound.seek(1700)")
    expect(stage.said).to_contain_text("the server does not answer")
    stage.page.context.set_offline(False)
    expect(stage.said).to_be_hidden()
    stage.plays_on(1700.05)


def test_what_the_browser_does_not_decode_is_made_a_wav_of(stage: Stage) -> None:
    """The file is FLAC to the server, and its answer is bytes that Chromium knows nothing of."""
    stage.page.route("**/audio?*", lambda route: (
        route.continue_() if "expand=" in route.request.url or "at_s=" in route.request.url
        else route.fulfill(body=b"no sound at all" * 100, content_type="audio/flac")
    ))  # fmt: skip
    stage.show()
    stage.page.evaluate("transport.sound.play({ onset_s: 3, offset_s: 20 })")
    stage.plays_on(3.05)
    assert "expand=1" in stage.page.evaluate("transport.sound.element.src")
    expect(stage.said).to_be_hidden()


def test_a_place_that_cannot_be_decoded_is_named(stage: Stage) -> None:
    stage.page.route("**/audio?*", lambda route: (
        route.fulfill(status=422, json={"error": "a.wav: no sound can be decoded from 5.00 s on"})
        if "at_s=" in route.request.url else route.abort()
    ))  # fmt: skip
    stage.show()
    expect(stage.said).to_have_text("This file cannot be played: a.wav: no sound can be decoded from 5.00 s on")
    expect(stage.page.get_by_test_id("player-play")).to_be_disabled()
