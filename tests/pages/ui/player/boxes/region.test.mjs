// pages/ui/player/boxes/region.js: regions and boxes as they are compared, rounded and said.

import assert from "node:assert/strict";
import test from "node:test";

import { boxesOf, hasBand, regionOf, regionText, sameRegion } from "../../../../../pages/ui/player/boxes/region.js";
import { part } from "../../../../support/scripts/part.mjs";

const WHOLE = { onset_s: 1, offset_s: 2, low_hz: null, high_hz: null };
const BANDED = { onset_s: 1, offset_s: 2, low_hz: 900, high_hz: 12000 };

test("a region is rounded to what is stored", () => {
  assert.deepEqual(regionOf({ onset_s: 1.00049, offset_s: 2 }), { ...WHOLE, onset_s: 1 });
  assert.deepEqual(regionOf({ ...BANDED, low_hz: 900.04, high_hz: 11999.96 }), BANDED);
  assert.deepEqual([hasBand(WHOLE), hasBand(part({})), hasBand(BANDED)], [false, false, true]);
});

test("regions are the same to a millisecond, and never one with a band and one without", () => {
  assert.ok(sameRegion(WHOLE, { onset_s: 1.0004, offset_s: 2 }));
  assert.ok(!sameRegion(WHOLE, { ...WHOLE, offset_s: 2.002 }));
  assert.ok(!sameRegion(WHOLE, BANDED));
});

test("a region is said with its band", () => {
  assert.equal(regionText(WHOLE), "1.00–2.00 s");
  assert.equal(regionText(BANDED), "1.00–2.00 s, 900 Hz–12.0 kHz");
});

test("the boxes of all lanes come in order of time, then of the journal", () => {
  /** @param {number} position @param {number} onset_s */
  const box = (position, onset_s) => ({ ...WHOLE, position, onset_s, reviewer: "rita" });
  const lanes = [
    { class: "reed", name: "Reed", events: [box(9, 1), box(4, 3)], quiet: [box(5, 0)] },
    { class: "wren", name: "Wren", events: [box(7, 1)], quiet: [] },
  ];
  const boxes = boxesOf(part({ lanes }));
  assert.deepEqual(boxes.map(({ position }) => position), [5, 7, 9, 4]);
  assert.deepEqual(boxes.map(({ verdict }) => verdict), ["absent", "present", "present", "present"]);
  assert.deepEqual([boxes[1].class, boxes[1].name], ["wren", "Wren"]);
});
