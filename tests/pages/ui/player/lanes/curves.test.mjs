// pages/ui/player/lanes/curves.js: what framewise values say of a time, and what is drawn of them.

import assert from "node:assert/strict";
import test from "node:test";

import { Curve, curvesOf, POOL, TILE_STEPS } from "../../../../../pages/ui/player/lanes/curve.js";
import { blocksOf, modelStretch, stretchesAbove, valueAt } from "../../../../../pages/ui/player/lanes/curves.js";
import { LaneTiles } from "../../../../../pages/ui/player/lanes/lane_tiles.js";
import { part } from "../../../../support/scripts/part.mjs";

/** @import { Clip, Lane, Steps } from "../../../../../pages/ui/shared/server" */
/** @import { LanesHost } from "../../../../../pages/ui/player/types" */

/** @type {Steps} */
const STEPS = part({ start_s: 0, step_s: 0.5 });
// above 0.5 from 2 to 3.5 s and 6 to 7 s
const VALUES = [...Array(4).fill(0.1), 0.6, 0.9, 0.7, ...Array(5).fill(0.2), 0.55, 0.5, ...Array(6).fill(0)];
const CURVE = new Curve(VALUES);
/** @type {Lane} */
const LANE = part({ threshold: 0.5, kind: "", onset_s: null, offset_s: null });

// Numbers from 0 to 1 in thousandths, the same each time.
/** @param {number} seed @returns {Generator<number, never>} */
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield Math.round(state / 4294967.296) / 1000;
  }
}

test("a value belongs to the whole of its step", () => {
  /** @param {number} timeS */
  const at = (timeS, steps = STEPS) => valueAt(CURVE, steps, timeS)?.toFixed(4) ?? null;
  assert.deepEqual([2, 2.4999, 2.5, 9.999].map((timeS) => at(timeS)), ["0.6000", "0.6000", "0.9000", "0.0000"]);
  assert.equal(at(10), null);
  assert.equal(at(0.9, part({ start_s: 1, step_s: 0.5 })), null);
});

test("stretches above the threshold are cut at the end of the clip", () => {
  assert.deepEqual(stretchesAbove(LANE, CURVE, STEPS, 6.5), [{ onset_s: 2, offset_s: 3.5 }, { onset_s: 6, offset_s: 6.5 }]);
  assert.deepEqual(stretchesAbove({ ...LANE, threshold: null }, CURVE, STEPS, 10), []);
  assert.deepEqual(stretchesAbove(null, CURVE, STEPS, 10), []);
});

test("the model's stretch is the frames above the threshold", () => {
  /** @param {(number | null)[]} [times] @param {Partial<Lane>} [more] */
  const taken = (times = [], more = {}) => modelStretch({ ...LANE, ...more }, CURVE, STEPS, 9.2, times);
  assert.deepEqual(taken(), { onset_s: 2, offset_s: 3.5 }); // around the peak
  assert.deepEqual(taken([null, 6.4]), { onset_s: 6, offset_s: 7 }); // where the cursor is
  assert.deepEqual(taken([5]), { onset_s: 2, offset_s: 3.5 }); // which is in no stretch
  assert.deepEqual(taken([], { threshold: 0 }), { onset_s: 0, offset_s: 9.2 }); // cut at the end of the clip
  const doubted = { kind: "missing", onset_s: 1.5, offset_s: 2.5 };
  assert.equal(taken([], { threshold: 0.95 }), null);
  assert.deepEqual(taken([], { threshold: 0.95, ...doubted }), { onset_s: 1.5, offset_s: 2.5 });
  assert.deepEqual(taken([], { threshold: null, ...doubted }), { onset_s: 1.5, offset_s: 2.5 });
});

test("a lane draws the highest value of each pixel", () => {
  const next = numbers(3);
  const cases = [
    [40, 317, 0.25, 0, 0, 10], [40, 300, 0.25, 0.1, 2.03, 3.9], [5000, 170, 0.01, 0, 0, 50],
    [5000, 333, 0.01, 0.004, 7.77, 41.3], [700, 90, 0.32, 0, 0, 200], [3, 50, 1, 0, 5, 9],
  ];
  for (const [count, width, step_s, start_s, from_s, to_s] of cases) {
    const values = Array.from({ length: count }, () => next.next().value);
    const duration_s = Math.min(to_s, start_s + count * step_s);
    const drawn = new Array(width).fill(-1);
    for (const [left, right, value] of blocksOf(new Curve(values), part({ start_s, step_s }), { from_s, to_s }, width, duration_s)) {
      drawn.fill(value, left, right);
    }
    for (let pixel = 0; pixel < width; pixel += 1) {
      const [left_s, right_s] = [pixel, pixel + 1].map((edge) => from_s + (edge * (to_s - from_s)) / width);
      const [first, last] = [left_s, right_s].map((edge_s) => (edge_s - start_s) / step_s);
      const middle = (first + last) / 2;
      let expected = -1;
      if (last - first > 1) {
        // every step that overlaps the pixel by more than rounding of its borders
        const inner = values.slice(Math.max(0, Math.floor(first + 1e-6)), Math.min(count, Math.ceil(last - 1e-6)));
        if (left_s + 1e-6 < duration_s && inner.length) expected = Math.max(...inner);
      } else if (Math.abs(middle - Math.round(middle)) > 1e-6) {
        // blocks: the step at the middle of the pixel, if that is no border
        const inside = middle >= 0 && middle < count && (left_s + right_s) / 2 < duration_s;
        if (inside) expected = values[Math.floor(middle)];
      } else continue;
      assert.ok(Math.abs(drawn[pixel] - expected) < 1e-6, `${count} values, pixel ${pixel}: ${drawn[pixel]}, not ${expected}`);
    }
  }
});

// A long recording as the server gives it: of `count` steps the coarse level with the clip, the finer ones in tiles.
/** @param {number} count */
function recording(count, clip_id = 7) {
  const next = numbers(5);
  const whole = Array.from({ length: count }, () => Math.round(next.next().value * 65535));
  /** @param {number} level @returns {number[]} */
  const pooled = (level, values = whole) => (level ? pooled(level - 1, Array.from({ length: Math.ceil(values.length / POOL) },
    (_, place) => Math.max(...values.slice(place * POOL, (place + 1) * POOL)))) : values);
  /** @param {number[]} values */
  const packed = (values) => btoa(String.fromCharCode(...new Uint8Array(Uint16Array.from(values).buffer)));
  const lane = { class: "reed", values: packed(pooled(2)), spread: null, compare: null };
  const steps = { start_s: 0, step_s: 0.32, count, level: 2 };
  /** @type {Clip} */
  const data = part({ clip_id, run_id: "001", compare_run: "", compare_steps: null, steps, lanes: [lane], duration_s: count * 0.32 });
  /** @type {string[]} */
  const asked = [];
  /** @type {LanesHost["api"]} */
  const api = { bytes: async (path) => {
    const query = new URLSearchParams(path.split("?")[1]);
    const [level, index] = [Number(query.get("level")), Number(query.get("index"))];
    asked.push(`${level} ${index}`);
    return Uint16Array.from(pooled(level).slice(index * TILE_STEPS, (index + 1) * TILE_STEPS)).buffer;
  } };
  return { whole, data, api, asked };
}

test("of a long recording only what is on the screen is asked for, and it is the same curve", async () => {
  const { whole, data, api, asked } = recording(20 * TILE_STEPS);
  /** @type {LanesHost} */
  const host = part({ data, api, look: {}, stage: { view: { from_s: 0, to_s: data.duration_s } } });
  const tiles = new LaneTiles(host, () => {});
  assert.equal(tiles.missing(300), null, "what comes with the clip is enough for the whole");
  const { values } = curvesOf(data, data.lanes[0]);
  assert.ok(values);
  const inTile = TILE_STEPS * data.steps.step_s;
  host.stage.view = { from_s: 5.9 * inTile, to_s: 6.1 * inTile };
  const seen = () => blocksOf(values, data.steps, host.stage.view, 1400, data.duration_s).map(([, , value]) => value);
  const coarse = seen();
  while (tiles.missing(1400)) await tiles.fetch(1400);
  assert.deepEqual(asked, ["0 5", "0 6"]);
  const from = Math.floor(5.9 * TILE_STEPS);
  seen().forEach((value, place) => assert.ok(Math.abs(value - whole[from + place] / 65535) < 1e-6));
  seen().forEach((value, place) => assert.ok(coarse[place] >= value, "until they come the higher ones stand there"));
  assert.ok(Math.abs(/** @type {number} */ (values.at(6 * TILE_STEPS)) - whole[6 * TILE_STEPS] / 65535) < 1e-6);
  assert.ok(Number.isNaN(values.at(9 * TILE_STEPS)), "nothing is said of what is not here");
  const above = stretchesAbove(part({ threshold: 0 }), values, data.steps, data.duration_s);
  assert.deepEqual(above, [{ onset_s: 5 * inTile, offset_s: 7 * inTile }]);
  const renewed = { ...data, lanes: [{ ...data.lanes[0] }] }; // as a decision answers
  assert.equal(curvesOf(renewed, renewed.lanes[0]).values?.at(6 * TILE_STEPS), values.at(6 * TILE_STEPS));
});
