// pages/ui/player/picture/pooling.js: levels of a coarser scale, and a waveform as levels.

import assert from "node:assert/strict";
import test from "node:test";

import { pooled, waveform } from "../../../../../pages/ui/player/picture/pooling.js";

test("a pooled level is the largest of what it stands for, at the borders too", () => {
  const levels = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 90, 11, 12, 13, 14, 15]);
  assert.deepEqual(pooled(levels, 5, 3, 2, 2), { levels: Uint8Array.from([7, 9, 90, 12, 14, 15]), columns: 3, rows: 2 });
  assert.equal(pooled(levels, 5, 3, 1, 1).levels, levels);
});

test("a waveform stands around the middle, full scale from top to bottom", () => {
  /** @param {number[]} pairs */
  const columns = (pairs) => {
    const levels = waveform(Int8Array.from(pairs), pairs.length / 2, 65);
    return Array.from({ length: pairs.length / 2 }, (_, column) =>
      Array.from({ length: 65 }, (__, row) => row).filter((row) => levels[row * (pairs.length / 2) + column] === 255));
  };
  const [full, silent, quiet] = columns([-127, 127, 0, 0, -8, 8]);
  assert.equal(full.length, 65);
  assert.deepEqual(silent, [32]); // a line, not nothing
  assert.ok(quiet.length > 2 * 2 + 1); // drawn larger than it is: 8 of 127 would be 2 rows on each side
});
