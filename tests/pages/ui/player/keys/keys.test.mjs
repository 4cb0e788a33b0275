// pages/ui/player/keys/keys.js: the map of keys, and a reviewer's own.

import assert from "node:assert/strict";
import test from "node:test";

import { buttonActions, KEY_GROUPS, KEYMAP, Keys } from "../../../../../pages/ui/player/keys/keys.js";

test("every key is free and named once", () => {
  const keys = KEYMAP.flatMap((entry) => entry.keys);
  assert.ok(KEYMAP.length >= 40);
  for (const key of [" ", "1", "y", "[", "?", "ArrowUp"]) assert.ok(keys.includes(key), key);
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(!keys.includes("r") && !keys.includes("c"), "Streamlit's own keys");
  assert.equal(new Set(KEYMAP.map(({ action }) => action)).size, KEYMAP.length);
  for (const { group } of KEYMAP) assert.ok(KEY_GROUPS.includes(group), group);
});

test("every button does what some key does", () => {
  const actions = new Set(KEYMAP.map(({ action }) => action));
  for (const [name, action] of buttonActions()) assert.ok(actions.has(action), name);
});

test("a reviewer's own key takes the place of the standard ones, and of what had it", () => {
  const keys = new Keys(new Keys().given("1", "unsure"));
  assert.deepEqual(keys.of("unsure"), ["1"]);
  assert.deepEqual(keys.of("present"), ["y"]);
  assert.equal(keys.actionOf.get("1"), "unsure");
  assert.equal(keys.actionOf.get("y"), "present");
  assert.deepEqual(keys.given("3", "unsure"), { present: ["y"], unsure: ["3"] });
});

test("keys that are kept wrongly are passed over", () => {
  for (const own of [{ present: "1" }, { present: [""] }, { present: ["r"] }, { present: [7] }, { nothing: ["1"] }]) {
    assert.deepEqual(new Keys(own).of("present"), ["1", "y"]);
  }
});

test("a key that cannot be given says why", () => {
  const keys = new Keys();
  assert.match(keys.refusal("r"), /belongs to the page/);
  assert.match(keys.refusal("Tab"), /control to control/);
  assert.match(keys.refusal("Shift"), /not held/);
  assert.equal(keys.refusal("ö"), "");
});

test("keys are shown by their names, letters large", () => {
  assert.deepEqual(new Keys().shown("toggle"), ["Space"]);
  assert.deepEqual(new Keys().shown("present"), ["1", "Y"]);
});
