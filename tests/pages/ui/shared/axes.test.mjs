// pages/ui/shared/axes.js: places on the axes, and the ticks that fit.

import assert from "node:assert/strict";
import test from "node:test";

import {
  AXES, clock, frequencyAt, frequencyTicks, hertz, roundedBand, shareOf, timeText, timeTicks,
} from "../../../../pages/ui/shared/axes.js";

/** @import { Axis } from "../../../../pages/ui/shared/types" */

const EVERY_AXIS = /** @type {Axis[]} */ (Object.keys(AXES));
const BAND = { low_hz: 60, high_hz: 16000 };

test("a frequency lies where it came from, on each axis", () => {
  for (const axis of EVERY_AXIS) {
    const [to, from] = AXES[axis];
    for (const hz of [60, 440, 999, 1000, 1001, 8000, 15999]) {
      assert.ok(Math.abs(from(to(hz)) - hz) < 1e-6, `${axis} ${hz}`);
      assert.ok(Math.abs(frequencyAt(axis, BAND, shareOf(axis, BAND, hz)) - hz) < 1e-6, `${axis} ${hz}`);
    }
    assert.equal(shareOf(axis, BAND, 60), 0);
    assert.equal(shareOf(axis, BAND, 16000), 1);
  }
});

test("mel is linear to 1 kHz and logarithmic above, as Slaney has it", () => {
  const [mel] = AXES.mel;
  assert.equal(mel(500), 7.5);
  assert.equal(mel(1000), 15);
  assert.ok(Math.abs(mel(6400) - 42) < 1e-9);
});

test("neighbouring zooms ask for one band that holds them both, within the whole", () => {
  for (const axis of EVERY_AXIS) {
    const band = roundedBand(axis, { low_hz: 2000, high_hz: 3000 }, BAND);
    assert.ok(band.low_hz <= 2000 && band.high_hz >= 3000, axis);
    assert.deepEqual(roundedBand(axis, { low_hz: 2003, high_hz: 3003 }, BAND), band);
    assert.deepEqual(roundedBand(axis, BAND, BAND), BAND);
  }
});

test("frequency ticks are round, lie apart and say their unit", () => {
  assert.deepEqual(frequencyTicks("linear", { low_hz: 0, high_hz: 16000 }, 4).map(({ text }) => text), [
    "0 Hz", "5 kHz", "10 kHz", "15 kHz",
  ]);
  assert.deepEqual(frequencyTicks("log", { low_hz: 10, high_hz: 1000 }, 8).map(({ hz }) => hz), [10, 20, 50, 100, 200, 500, 1000]);
  for (const axis of EVERY_AXIS) {
    for (const most of [3, 7, 20]) {
      const shares = frequencyTicks(axis, BAND, most).map(({ share }) => share);
      assert.ok(shares.length >= 1, `${axis} ${most}`);
      shares.slice(1).forEach((share, place) => assert.ok(share - shares[place] >= 0.85 / most, `${axis} ${most}`));
    }
  }
});

test("time ticks are round and within the view", () => {
  assert.deepEqual(timeTicks({ from_s: 0.3, to_s: 10 }, 5), [
    { time_s: 2, text: "2 s" }, { time_s: 4, text: "4 s" }, { time_s: 6, text: "6 s" }, { time_s: 8, text: "8 s" },
    { time_s: 10, text: "10 s" },
  ]);
  const long = timeTicks({ from_s: 0, to_s: 86400 }, 6);
  assert.equal(long[1].time_s, 14400);
  assert.equal(long[1].text, "4:00:00");
});

test("times say minutes and hours where the recording is that long", () => {
  assert.equal(timeText(12.5, 0.1), "12.5 s");
  assert.equal(timeText(65, 0.1, 100), "1:05.0");
  assert.equal(timeText(10865, 1, 20000), "3:01:05");
  assert.equal(timeText(59.96, 0.1, 100), "1:00.0"); // never 0:60.0
  assert.equal(clock(75.25), "1:15.3");
  assert.equal(clock(3661), "1:01:01");
});

test("frequencies are said in three digits", () => {
  assert.deepEqual([440.4, 999.6, 1000, 12345].map(hertz), ["440 Hz", "1000 Hz", "1.00 kHz", "12.3 kHz"]);
});
