// pages/ui/wall/choice.js: what is selected on the wall.

import assert from "node:assert/strict";
import test from "node:test";

import { WallChoice } from "../../../../pages/ui/wall/choice.js";
import { part } from "../../../support/scripts/part.mjs";

// Snippets a, b, ...; the third is decided.
function choiceOf(count = 6) {
  const shown = Array.from({ length: count }, (_, place) => ({
    id: "abcdef"[place], verdict: place === 2 ? "present" : "", p_wrong: 0.9 - place / 10,
  }));
  return new WallChoice(part({ shown, drawSelection: () => {} }));
}

test("a click selects and leaves out again, the decided too", () => {
  const choice = choiceOf();
  choice.toggle(0);
  choice.toggle(2);
  assert.deepEqual([...choice.ids], ["a", "c"]);
  choice.toggle(0);
  assert.deepEqual([...choice.ids], ["c"]);
  assert.equal(choice.anchor, 0);
});

test("a range goes both ways and passes over the decided", () => {
  const choice = choiceOf();
  choice.range(4, 1);
  assert.deepEqual([...choice.ids].sort(), ["b", "d", "e"]);
});

test("a rectangle adds to what was selected before, and shrinks again", () => {
  const choice = choiceOf();
  choice.toggle(5);
  choice.rectangle([0, 1, 2], false);
  assert.deepEqual([...choice.ids].sort(), ["a", "b", "f"]);
  choice.rectangle([0], false);
  assert.deepEqual([...choice.ids].sort(), ["a", "f"]);
  choice.rectangle([], true);
  assert.deepEqual([...choice.ids].sort(), ["a", "f"]);
});

test("all to do of at least so much", () => {
  const choice = choiceOf();
  assert.equal(choice.atLeast("p_wrong", 0.7), 2); // the third is decided
  assert.deepEqual([...choice.ids], ["a", "b"]);
});

test("what is no longer on the wall is no longer selected", () => {
  const choice = choiceOf();
  choice.range(0, 5);
  choice.keep(new Set(["a", "b"]));
  assert.deepEqual([...choice.ids], ["a", "b"]);
  assert.equal(choice.anchor, 0);
});
