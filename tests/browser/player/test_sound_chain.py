"""What the player does to a sound, in a real Chromium: band-pass, gain, limiter, normalising."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.browser.sound_page import RATE, SoundServer, sound_page, sound_server, tone

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


def db(value: float) -> float:
    return 20 * math.log10(value)


# ---------------------------------------------------------------- the chain, offline


def test_band_pass_is_flat_inside_and_steep_outside(page: Any) -> None:
    low_hz, high_hz, rate = 2000.0, 4000.0, 48_000
    heard = page.evaluate(
        """async ([low_hz, high_hz, rate]) => {
      const levels = {};
      for (const hz of [250, 1000, 2000, 2300, 2828, 3500, 4000, 8000, 16000]) {
        const context = new OfflineAudioContext(1, rate, rate);
        const band = buildBand(context);
        band.setBand({ low_hz, high_hz });
        const source = new OscillatorNode(context, { frequency: hz });
        source.connect(band.input);
        band.output.connect(context.destination);
        source.start();
        const late = (await context.startRendering()).getChannelData(0).slice(rate / 2);
        levels[hz] = Math.sqrt((late.reduce((sum, x) => sum + x * x, 0) / late.length) * 2);
      }
      return levels;
    }""",
        [low_hz, high_hz, rate],
    )

    def butterworth_db(hz: float) -> float:
        """Eighth order on both sides, with the bilinear transform's warping."""
        warped = [math.tan(math.pi * f / rate) for f in (hz, low_hz, high_hz)]
        return -10 * math.log10(1 + (warped[1] / warped[0]) ** 16) - 10 * math.log10(1 + (warped[0] / warped[2]) ** 16)

    levels = {float(hz): db(level) for hz, level in heard.items()}
    for hz in (2300.0, 2828.0, 3500.0):
        assert abs(levels[hz]) < 1, hz
    for hz in (1000.0, 8000.0):
        assert levels[hz] < -24, hz
    for hz in (1000.0, 2000.0, 4000.0, 8000.0):
        assert levels[hz] == pytest.approx(butterworth_db(hz), abs=0.2), hz
    assert max(levels[250.0], levels[16000.0]) < -90


@pytest.mark.parametrize("gain_db", [0, 12, 36, 96])
def test_nothing_exceeds_full_scale_whatever_the_gain(page: Any, gain_db: float) -> None:
    loudest, early = page.evaluate(
        """async (gainDb) => {
      const [rate, length] = [48000, 48000];
      const context = new OfflineAudioContext(2, length, rate);
      const noise = context.createBuffer(2, length, rate);
      for (const channel of [0, 1]) {
        // silence, then all at once: the limiter is at rest when it comes
        const samples = noise.getChannelData(channel);
        for (let i = 9600; i < length; i += 1) samples[i] = Math.random() * 2 - 1;
      }
      const chain = buildSoundChain(context);
      const source = new AudioBufferSourceNode(context, { buffer: noise });
      source.connect(chain.input);
      chain.output.connect(context.destination);
      chain.setGain(gainDb);
      source.start();
      const out = await context.startRendering();
      const peak = (from, to) => Math.max(...[0, 1].map((channel) => highestOf(out.getChannelData(channel), from, to)));
      return [peak(0, length), peak(0, 9600)];
    }""",
        gain_db,
    )
    assert 0.85 < loudest <= 0.98
    assert early == 0


@pytest.mark.parametrize(("gain_db", "delay"), [(0, 0), (6, 288)])
def test_below_the_limit_the_chain_changes_nothing_but_the_level(page: Any, gain_db: float, delay: int) -> None:
    """Nothing at all without gain; with gain the limiter looks ahead by 6 ms (288 samples) and lets 0.88 pass."""
    worst = page.evaluate(
        """async ([gainDb, delay]) => {
      const context = new OfflineAudioContext(1, 48000, 48000);
      const buffer = context.createBuffer(1, 48000, 48000);
      const put = buffer.getChannelData(0);
      for (let i = 0; i < put.length; i += 1) put[i] = (0.88 * Math.sin(i * 0.05)) / fromDb(gainDb);
      const chain = buildSoundChain(context);
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(chain.input);
      chain.output.connect(context.destination);
      chain.setGain(gainDb);
      source.start();
      const got = (await context.startRendering()).getChannelData(0);
      const errors = Array.from(put, (x, i) => Math.abs(got[i + delay] - x * fromDb(gainDb)));
      return Math.max(...errors.slice(24000, 47000));
    }""",
        [gain_db, delay],
    )
    assert worst < 0.003


# ---------------------------------------------------------------- loudness


def test_normalise_brings_the_peak_to_minus_one_db(page: Any, server: SoundServer) -> None:
    server.sounds["/faint"] = tone(1000, -30), RATE
    halves = np.concatenate([tone(1000, -40, 1.0), tone(1000, -20, 1.0)])
    server.sounds["/halves"] = halves, RATE
    server.sounds["/mixed"] = tone(400, -6) + tone(5000, -40), RATE
    peaks = page.evaluate("""async () => {
      const facts = { duration_s: 2, sample_rate: 44100 };
      const sound = await newSound("/faint", facts);
      sound.setNormalise(true);
      const kept = await tap(sound);
      // the peak of what sounds in the midst of a stretch, by the clock of the sound: a busy page is late by its own
      // clock, and would take in what a gain does as it sets in, and what follows the stretch
      const clock = () => store.context.currentTime;
      const heardPeak = async (range) => {
        for (let tries = 0; tries < 20; tries += 1) {
          sound.play(range);
          await until(() => sound.measured.gainDb !== 0);
          const known = clock();
          await until(() => !sound.playing || (clock() > known + 0.1 && sound.reached > range.onset_s + 0.1));
          const [frame, left_s] = [Math.ceil(clock() * store.context.sampleRate), range.offset_s - sound.reached];
          if (!sound.playing || left_s < 0.35) continue;
          const last = frame + 0.3 * store.context.sampleRate;
          await until(() => kept.last >= last);
          return kept.between(frame, last).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        }
        throw new Error("each time it was over before it was looked at");
      };
      const peaks = { faint: await heardPeak({ onset_s: 0.1, offset_s: 0.8 }) };
      sound.load("/halves", facts); // settings stay with the next clip
      peaks.first_half = await heardPeak({ onset_s: 0.1, offset_s: 0.8 });
      peaks.second_half = await heardPeak({ onset_s: 1.1, offset_s: 1.8 });
      sound.load("/mixed", facts);
      sound.setBand({ low_hz: 4000, high_hz: 6000 });
      peaks.in_the_band = await heardPeak({ onset_s: 0.1, offset_s: 0.8 });
      sound.close();
      return peaks;
    }""")
    for name, peak in peaks.items():
        assert db(peak) == pytest.approx(-1, abs=0.5), name


def test_long_recordings_are_measured_by_the_servers_peaks(page: Any, server: SoundServer) -> None:
    """Ten minutes are not decoded: two minutes around the cursor are read as peaks, 0.128 s a column."""
    pairs = np.zeros((1024, 2), np.int8)
    pairs[:, 1] = 13  # -19.8 dB
    pairs[1000:, 0] = -127  # from 128 s on, outside the two minutes
    about = '{"columns": 1024, "onset_s": 0.0, "step_s": 0.128}'
    server.answers["/peaks?v=1&level=8&index=0"] = pairs.tobytes(), {"x-earmark-peaks": about}
    gain_db = page.evaluate("""async () => {
      const sound = await newSound("/ramp", { duration_s: 600, sample_rate: 44100, peaks_url: "/peaks?v=1" });
      sound.setNormalise(true);
      await until(() => sound.measured.gainDb !== 0);
      return sound.measured.gainDb;
    }""")
    assert gain_db == pytest.approx(-1 - db(13 / 127), abs=1e-6)
    assert [path for path in server.asked if "peaks" in path] == ["/peaks?v=1&level=8&index=0"]
