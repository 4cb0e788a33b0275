"""The player's sound in a real Chromium: what is heard when, and what a sound leaves behind."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.browser.sound_page import CLIP_S, RATE, SoundServer, sound_page, sound_server, tone

# judged by the clock of the sound, to milliseconds: on a busy machine one try may come late, a fault does each time
pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]


@pytest.fixture
def server() -> Iterator[SoundServer]:
    with sound_server() as server:
        yield server


@pytest.fixture
def page(chrome: Any, server: SoundServer) -> Iterator[Any]:
    with sound_page(chrome, server) as page:
        yield page


def clip_seconds(samples: list[float]) -> np.ndarray[Any, Any]:
    """Where in the ramp's clip samples lie, without the silence (0.0) around them."""
    kept = np.asarray(samples)
    return (kept[np.abs(kept) > 1e-3] + 0.5) * CLIP_S


@pytest.mark.parametrize(("rate", "pitch"), [(0.5, "shifted"), (1, "kept"), (2, "shifted"), (0.5, "kept"), (2, "kept")])
def test_position_follows_the_audio_clock(page: Any, rate: float, pitch: str) -> None:
    """The cursor against the sample that is at the loudspeaker by the output clock; a ramp's value tells its place.

    Where pitch is kept at another speed, waves are shifted a little, so there only the pace is judged.
    """
    seen = page.evaluate(
        """async ([rate, pitch]) => {
      const sound = await newSound("/ramp");
      sound.setRate(rate);
      sound.setPitch(pitch);
      const kept = await tap(sound);
      const { context } = store;
      sound.seek(1);
      sound.resume();
      await until(() => sound.position > 1.3);
      const seen = [];
      for (let round = 0; round < 40; round += 1) {
        const position = sound.position;
        seen.push({ position, rendered: context.currentTime, late: context.outputLatency || context.baseLatency });
        await wait(20);
      }
      await wait(200);
      sound.pause();
      const at = (time) => (kept.at(Math.round(time * context.sampleRate)) + 0.5) * 10;
      const rows = seen.map(({ position, rendered, late }) => [rendered, position, at(rendered - late)]);
      sound.close();
      return rows;
    }""",
        [rate, pitch],
    )
    clock, position, heard = np.array(seen).T
    half = len(clock) // 2  # the median of many paces: a busy machine may leave a gap in one of them
    pace = np.median((position[half:] - position[:half]) / (clock[half:] - clock[:half]))
    assert pace == pytest.approx(rate, rel=0.1)
    if rate == 1 or pitch == "shifted":
        off_s = (position - heard) / rate
        assert np.abs(np.median(off_s)) < 0.03
        assert np.abs(off_s).max() < 0.2


def past_the_end(heard: np.ndarray[Any, Any], onset_s: float, offset_s: float) -> float:
    """How far a stretch sounds beyond its end, in seconds of the clip; the few samples of a step to silence apart."""
    near = heard[(heard > onset_s - 0.5) & (heard < offset_s + 0.5)]
    rising = near[1:][np.abs(np.diff(near)) < 0.005]
    return float(rising.max() - offset_s)


def test_a_stretch_begins_and_ends_where_it_should(page: Any) -> None:
    late = []
    for rate in (1, 2):
        for onset_s, offset_s in [(2.0, 2.5), (4.0, 4.3), (6.0, 6.7)]:
            samples, position = page.evaluate(
                """async ([rate, onset_s, offset_s]) => {
              const sound = await newSound("/ramp");
              sound.setRate(rate);
              sound.setPitch("shifted");
              const kept = await tap(sound);
              const from = kept.samples.length;
              await played(sound, { onset_s, offset_s });
              const position = sound.position;
              sound.close();
              return [kept.samples.slice(from), position];
            }""",
                [rate, onset_s, offset_s],
            )
            heard = clip_seconds(samples)
            assert np.percentile(heard, 1) == pytest.approx(onset_s, abs=0.02)
            assert position == pytest.approx(offset_s, abs=0.001)
            late.append(past_the_end(heard, onset_s, offset_s) / rate)
    assert -0.005 < np.median(late) < 0.03, late
    assert max(late) < 0.2, late


def test_a_loop_stays_within_its_bounds_without_a_gap(page: Any) -> None:
    onset_s, offset_s = 3.0, 3.4
    samples = page.evaluate(
        """async ([onset_s, offset_s]) => {
      const sound = await newSound("/ramp");
      const kept = await tap(sound);
      const from = kept.samples.length;
      sound.loop = true;
      sound.play({ onset_s, offset_s });
      await until(() => sound.playing);
      await wait(3000);
      sound.pause();
      sound.close();
      return kept.samples.slice(from);
    }""",
        [onset_s, offset_s],
    )
    heard = clip_seconds(samples)
    assert heard[100:-100].min() > onset_s - 0.02
    turns = np.flatnonzero(np.diff(heard) < -0.2)
    late = heard[turns] - offset_s
    assert 5 <= len(turns) <= 8  # 3 s of rounds of 0.4 s
    assert -0.005 < np.median(late) < 0.03, late
    assert late.max() < 0.2, late
    silent_s = 3.0 - len(heard) / RATE
    assert silent_s < 0.4  # between rounds nothing is missing


def test_expansion_keeps_the_clips_seconds(page: Any, server: SoundServer) -> None:
    """A bat recording at 176.4 kHz: slowed with its pitch it is made anew by the server, and no other way."""
    high = 176_400
    bat = tone(40_000, -10, 4.0, high)
    # a call from 2 to 2.1 s, and what follows from 2.2 s on: the page may be late to stop before it
    bat[: 2 * high] = 0
    bat[int(2.1 * high) : int(2.2 * high)] = 0
    server.sounds["/bat"] = bat, high
    result = page.evaluate("""async () => {
      const facts = { duration_s: 4, sample_rate: 176400 };
      const sound = await newSound("/bat?v=1", facts);
      sound.seek(1.5);
      sound.setRate(0.1); // pitch kept: as it is
      const result = { kept: sound.expansion };
      sound.setPitch("shifted");
      await until(() => sound.element.readyState >= 3);
      Object.assign(result, { shifted: sound.expansion, moved: sound.position, source: sound.element.src,
        element_s: sound.element.currentTime, pace: sound.element.playbackRate });
      const kept = await tap(sound);
      const from = kept.samples.length;
      const begun = performance.now();
      await played(sound, { onset_s: 1.95, offset_s: 2.15 });
      Object.assign(result, { took_s: (performance.now() - begun) / 1000, end: sound.position });
      const call = kept.samples.slice(from).filter((x) => Math.abs(x) > 1e-3);
      let ups = 0;
      for (let i = 1; i < call.length; i += 1) ups += call[i - 1] < 0 && call[i] >= 0;
      Object.assign(result, { hz: (ups * 44100) / call.length, call_s: call.length / 44100 });
      sound.resume(); // a change of speed in mid-play goes on from there
      sound.setRate(0.5);
      await until(() => sound.position > 2.3);
      Object.assign(result, { half: sound.expansion, playing: sound.playing, half_pace: sound.element.playbackRate });
      sound.setRate(1);
      result.whole = sound.expansion;
      result.went_on = sound.position;
      sound.close();
      return result;
    }""")
    assert (result["kept"], result["shifted"], result["half"], result["whole"]) == (1, 10, 2, 1)
    assert result["source"].endswith("/bat?v=1&expand=10")
    assert (result["moved"], result["element_s"]) == (pytest.approx(1.5), pytest.approx(15))
    assert (result["pace"], result["half_pace"]) == (pytest.approx(1), pytest.approx(1))
    assert result["end"] == pytest.approx(2.15, abs=0.001)
    assert result["took_s"] > 1.9  # 0.2 s of the clip, ten times slower
    assert result["hz"] == pytest.approx(4000, rel=0.02)
    assert result["call_s"] == pytest.approx(1.0, abs=0.05)
    assert result["playing"]
    assert 2.3 < result["went_on"] < 2.6
    assert {path for path in server.asked if "bat" in path} == {
        f"/bat?v=1{end}" for end in ("", "&expand=10", "&expand=2")
    }


# ---------------------------------------------------------------- manners


def test_one_sound_at_a_time_and_one_hint(page: Any) -> None:
    told = page.evaluate("""async () => {
      const [one, other] = [await newSound("/ramp?a"), await newSound("/ramp?b")];
      one.play();
      await until(() => one.position > 0.05);
      other.play();
      await until(() => other.position > 0.05);
      const both = [one.playing, other.playing];
      other.load("/ramp?c", { duration_s: 10, sample_rate: 44100 });
      const afterLoad = other.playing;
      HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException("no press yet", "NotAllowedError"));
      told.length = 0;
      other.play();
      other.play();
      await wait(20);
      return { both, afterLoad, blocked: told.filter((what) => what === "blocked").length };
    }""")
    assert told == {"both": [False, True], "afterLoad": False, "blocked": 1}


def test_dropped_sounds_give_their_bytes_back_and_long_ones_are_streamed(page: Any, server: SoundServer) -> None:
    minutes = np.zeros(17 * 2**20, np.int16)  # 34 MiB
    server.sounds["/long"] = minutes, RATE
    result = page.evaluate("""async () => {
      const ahead = (url) => { store.ahead(url); return until(() => !store.under && !store.wanted.length); };
      for (const name of ["a", "b", "c"]) await ahead(`/ramp?${name}`);
      const blobs = [...store.entries.values()].map((entry) => entry.blob);
      const sound = await newSound("/ramp?a"); // in use: stays, though it is the oldest
      sound.element.currentTime = 0;
      for (const name of ["d", "e", "f"]) await ahead(`/ramp?${name}`);
      const alive = await Promise.all(blobs.map((blob) => fetch(blob).then(() => true, () => false)));
      const held = [...store.entries.keys()];
      await ahead("/long");
      await wait(300);
      const long = store.entries.get("/long");
      sound.load("/gone");
      await until(() => told.includes("error"));
      const reason = await sound.reason();
      return { alive, held, size: store.entries.size, long: [long.blob, long.element.src], reason };
    }""")
    assert result["alive"] == [True, False, False]
    assert result["held"] == ["/ramp?a=", "/ramp?e=", "/ramp?f="] or result["held"] == ["/ramp?a", "/ramp?e", "/ramp?f"]
    assert result["size"] == 3
    assert result["long"] == ["", f"{server.url}/long"]
    assert result["reason"] == {"status": 404, "text": "the file is gone"}
