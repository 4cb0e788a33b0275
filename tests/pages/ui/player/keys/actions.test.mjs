// pages/ui/player/keys/actions.js: what each key does.

import assert from "node:assert/strict";
import test from "node:test";

import { actionsOf } from "../../../../../pages/ui/player/keys/actions.js";
import { KEYMAP } from "../../../../../pages/ui/player/keys/keys.js";
import { part } from "../../../../support/scripts/part.mjs";

/** @import { ActionsHost } from "../../../../../pages/ui/player/types" */

test("every action of a key is done, and no other", () => {
  assert.deepEqual(Object.keys(actionsOf(part({}), false)).sort(), KEYMAP.map(({ action }) => action).sort());
});

test("with Shift one goes further", () => {
  /** @type {number[]} */
  const sought = [];
  /** @type {ActionsHost} */
  const host = part({ sound: { position: 10 }, seek: (timeS) => { sought.push(timeS); } });
  for (const shift of [false, true]) {
    actionsOf(host, shift).back();
    actionsOf(host, shift).forward();
  }
  assert.deepEqual(sought, [9, 11, 5, 15]);
});

test("the colours go round", () => {
  /** @type {ActionsHost} */
  const host = part({ look: { colormap: "auto" }, setLook: (change) => { Object.assign(host.look, change); } });
  const seen = new Set();
  for (let step = 0; step < 5; step += 1) {
    seen.add(host.look.colormap);
    actionsOf(host, false).colormap();
  }
  assert.equal(seen.size, 5);
  assert.equal(host.look.colormap, "auto");
});
