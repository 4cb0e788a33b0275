// pages/ui/player/lanes/curves.js: what framewise values say of a time, and what is drawn of them.

import assert from "node:assert/strict";
import test from "node:test";

import { blocksOf, heights, modelStretch, stretchesAbove, valueAt } from "../../../../../pages/ui/player/lanes/curves.js";

const STEPS = { start_s: 0, step_s: 0.5 };
// above 0.5 from 2 to 3.5 s and 6 to 7 s
const VALUES = [...Array(4).fill(0.1), 0.6, 0.9, 0.7, ...Array(5).fill(0.2), 0.55, 0.5, ...Array(6).fill(0)];
const LANE = { values: VALUES, threshold: 0.5, kind: "", onset_s: null, offset_s: null };

// Numbers from 0 to 1 in thousandths, the same each time.
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield Math.round(state / 4294967.296) / 1000;
  }
}

test("a value belongs to the whole of its step", () => {
  assert.equal(valueAt(VALUES, STEPS, 2), 0.6);
  assert.equal(valueAt(VALUES, STEPS, 2.4999), 0.6);
  assert.equal(valueAt(VALUES, STEPS, 2.5), 0.9);
  assert.equal(valueAt(VALUES, STEPS, 9.999), 0);
  assert.equal(valueAt(VALUES, STEPS, 10), null);
  assert.equal(valueAt(VALUES, { start_s: 1, step_s: 0.5 }, 0.9), null);
});

test("stretches above the threshold are cut at the end of the clip", () => {
  assert.deepEqual(stretchesAbove(LANE, STEPS, 6.5), [{ onset_s: 2, offset_s: 3.5 }, { onset_s: 6, offset_s: 6.5 }]);
  assert.deepEqual(stretchesAbove({ ...LANE, threshold: null }, STEPS, 10), []);
  assert.deepEqual(stretchesAbove(null, STEPS, 10), []);
});

test("the model's stretch is the frames above the threshold", () => {
  const taken = (times = [], more = {}) => modelStretch({ ...LANE, ...more }, STEPS, 9.2, times);
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
    for (const [left, right, value] of blocksOf(heights(values), { start_s, step_s }, { from_s, to_s }, width, duration_s)) {
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
