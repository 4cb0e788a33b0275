// pages/ui/wall/keys.js: the wall's keys.

import assert from "node:assert/strict";
import test from "node:test";

import { actionsOf } from "../../../../pages/ui/wall/actions.js";
import { WALL_KEYS } from "../../../../pages/ui/wall/keys.js";
import { part } from "../../../support/scripts/part.mjs";

test("every key is free and named once", () => {
  const keys = WALL_KEYS.flatMap((entry) => entry.keys);
  for (const key of [" ", "x", "1", "2", "3", "z", "l", "ctrl+a", "ArrowUp"]) assert.ok(keys.includes(key), key);
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(!keys.includes("r") && !keys.includes("c"), "Streamlit's own keys");
});

test("every action of a key is done, and no other", () => {
  assert.deepEqual(Object.keys(actionsOf(part({ grid: { columns: 3, rowsOnScreen: 2 }, shown: [] }), false)).sort(), WALL_KEYS.map(({ action }) => action).sort());
});
