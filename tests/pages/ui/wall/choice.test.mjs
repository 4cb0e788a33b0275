// pages/ui/wall/choice.js: what is selected on the wall.

import assert from "node:assert/strict";
import test from "node:test";

import { WallChoice } from "../../../../pages/ui/wall/choice.js";

// Snippets of clips 10, 11, ...; the third is decided.
function choiceOf(count = 6) {
  const shown = Array.from({ length: count }, (_, place) => ({
    clip_id: 10 + place, verdict: place === 2 ? "present" : "", p_wrong: 0.9 - place / 10,
  }));
  return new WallChoice({ shown, drawSelection: () => {} });
}

test("a click selects and leaves out again, the decided too", () => {
  const choice = choiceOf();
  choice.toggle(0);
  choice.toggle(2);
  assert.deepEqual([...choice.ids], [10, 12]);
  choice.toggle(0);
  assert.deepEqual([...choice.ids], [12]);
  assert.equal(choice.anchor, 0);
});

test("a range goes both ways and passes over the decided", () => {
  const choice = choiceOf();
  choice.range(4, 1);
  assert.deepEqual([...choice.ids].sort(), [11, 13, 14]);
});

test("a rectangle adds to what was selected before, and shrinks again", () => {
  const choice = choiceOf();
  choice.toggle(5);
  choice.rectangle([0, 1, 2], false);
  assert.deepEqual([...choice.ids].sort(), [10, 11, 15]);
  choice.rectangle([0], false);
  assert.deepEqual([...choice.ids].sort(), [10, 15]);
  choice.rectangle([], true);
  assert.deepEqual([...choice.ids].sort(), [10, 15]);
});

test("all to do of at least so much", () => {
  const choice = choiceOf();
  assert.equal(choice.atLeast("p_wrong", 0.7), 2); // the third is decided
  assert.deepEqual([...choice.ids], [10, 11]);
});

test("what is no longer on the wall is no longer selected", () => {
  const choice = choiceOf();
  choice.range(0, 5);
  choice.keep(new Set([10, 11]));
  assert.deepEqual([...choice.ids], [10, 11]);
  assert.equal(choice.anchor, 0);
});
