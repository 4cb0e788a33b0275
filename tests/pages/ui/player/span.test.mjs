// pages/ui/player/span.js: what is in view, and what is doubted.

import assert from "node:assert/strict";
import test from "node:test";

import { firstView, stretchOf, viewAround } from "../../../../pages/ui/player/span.js";
import { part } from "../../../support/scripts/part.mjs";

/** @import { Lane } from "../../../../pages/ui/shared/server" */

/** @type {Lane} */
const LANE = part({ kind: "missing", verdict: "", onset_s: 300, offset_s: 310 });

test("a view stays within the recording", () => {
  assert.deepEqual(viewAround(5, 4, 10), { from_s: 3, to_s: 7 });
  assert.deepEqual(viewAround(1, 4, 10), { from_s: 0, to_s: 4 });
  assert.deepEqual(viewAround(11, 4, 10), { from_s: 6, to_s: 10 });
  assert.deepEqual(viewAround(5, 40, 10), { from_s: 0, to_s: 10 });
  assert.deepEqual(viewAround(0.5, 0, 1), { from_s: 0.475, to_s: 0.525 }); // nothing shorter is shown
  assert.deepEqual(viewAround(0, 1, 0.02), { from_s: 0, to_s: 0.02 }); // but a clip that is
});

test("a stretch is doubted where the lane is a suspect", () => {
  assert.deepEqual(stretchOf(LANE), { onset_s: 300, offset_s: 310 });
  assert.equal(stretchOf({ ...LANE, kind: "" }), null);
  assert.equal(stretchOf({ ...LANE, onset_s: null }), null);
  assert.equal(stretchOf(null), null);
});

test("a clip is shown whole, of a long recording what is doubted first", () => {
  const decided = { ...LANE, verdict: "present", onset_s: 10, offset_s: 20 };
  assert.deepEqual(firstView(part({ duration_s: 120, lanes: [LANE] })), { from_s: 0, to_s: 120 });
  assert.deepEqual(firstView(part({ duration_s: 3600, lanes: [decided, LANE] })), { from_s: 275, to_s: 335 });
  assert.deepEqual(firstView(part({ duration_s: 3600, lanes: [{ ...LANE, offset_s: 3000 }] })), { from_s: 300, to_s: 360 });
  assert.deepEqual(firstView(part({ duration_s: 3600, lanes: [] })), { from_s: 0, to_s: 60 });
  assert.deepEqual(firstView(part({ duration_s: 0, lanes: [] })), { from_s: 0, to_s: 1 });
});
