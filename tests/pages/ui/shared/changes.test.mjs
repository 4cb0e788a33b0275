// pages/ui/shared/changes.js: what others do is asked for by itself, soon enough, and only while somebody looks.

import assert from "node:assert/strict";
import test from "node:test";

import { part } from "../../../support/scripts/part.mjs";

/** @type {(() => void)[]} */
const listening = [];
const page = { hidden: false, addEventListener: (/** @type {string} */ _, /** @type {() => void} */ told) => { listening.push(told); }, removeEventListener: () => {} };
globalThis.document = part(/** @type {any} */ (page));
const { Changes } = await import("../../../../pages/ui/shared/changes.js");

// Lets what waits for an answer go on.
const answered = async () => { for (let turn = 0; turn < 10; turn += 1) await Promise.resolve(); };

test("it is asked within 1.5 s of the answer before, not by a hidden page, and at once by one that comes to the front", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {string[]} */
  const asked = [];
  /** @type {string[]} */
  const heard = [];
  const answers = ["2", "2", "3"];
  const api = { ask: async (/** @type {string} */ path) => { asked.push(path); return { version: answers[asked.length - 1] ?? "3" }; } };
  const changes = new Changes(/** @type {any} */ (api), ({ version }) => heard.push(version));
  changes.from("1");
  for (const version of ["1", "2", "2"]) {
    const before = asked.length;
    context.mock.timers.tick(1500);
    await answered();
    assert.deepEqual(asked.slice(before), [`/api/changes?since=${version}`]);
  }
  assert.deepEqual(heard, ["2", "3"]);

  page.hidden = true;
  context.mock.timers.tick(60_000);
  await answered();
  assert.equal(asked.length, 3);
  page.hidden = false;
  for (const told of listening) told();
  await answered();
  assert.equal(asked.length, 4);
  changes.close();
});
