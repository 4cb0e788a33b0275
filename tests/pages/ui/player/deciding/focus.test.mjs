// pages/ui/player/deciding/focus.js: which class the keys speak of.

import assert from "node:assert/strict";
import test from "node:test";

import { focusAfter } from "../../../../../pages/ui/player/deciding/focus.js";
import { part } from "../../../../support/scripts/part.mjs";

/** @param {string} code */
const lane = (code, kind = "", verdict = "") => ({ class: code, kind, verdict });

test("on a new clip the first open suspect, where people disagree the class to be settled", () => {
  const lanes = [lane("a", "false", "absent"), lane("b"), lane("c", "missing"), lane("d", "missing")];
  assert.equal(focusAfter(part({ lanes }), "d", true, null), "c");
  assert.equal(focusAfter(part({ lanes, sides: [] }), "d", true, null), "a");
  assert.equal(focusAfter(part({ lanes: [lane("a"), lane("b")] }), "gone", false, null), "a");
  assert.equal(focusAfter(part({ lanes: [] }), "a", true, null), "");
});

test("after a verdict the next open suspect below, then above, and none where all are decided", () => {
  /** @param {ReturnType<typeof lane>[]} lanes */
  const decided = (...lanes) => focusAfter(part({ lanes }), "b", false, { decided: "b" });
  assert.equal(decided(lane("a", "missing"), lane("b", "false", "present"), lane("c", "missing")), "c");
  assert.equal(decided(lane("a", "missing"), lane("b", "false", "present"), lane("c")), "a");
  assert.equal(decided(lane("a"), lane("b", "false", "present"), lane("c")), "b");
  assert.equal(decided(lane("a", "missing"), lane("b", "false"), lane("c", "missing")), "b"); // taken back
});

test("what is asked for by name, if it is there; else it stays where it was", () => {
  const data = part({ lanes: [lane("a", "missing"), lane("b"), lane("c", "missing")] });
  assert.equal(focusAfter(data, "a", false, { focus: "b" }), "b");
  assert.equal(focusAfter(data, "c", false, { focus: "gone" }), "c");
  assert.equal(focusAfter(data, "c", false, { decided: "gone" }), "c");
  assert.equal(focusAfter(data, "b", false, null), "b");
});
