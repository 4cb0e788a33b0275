// pages/ui/player/picture/tiles.js: which tiles are asked for, which are put off, and which are given up.

import assert from "node:assert/strict";
import { register } from "node:module";
import test from "node:test";

import { part } from "../../../../support/scripts/part.mjs";

register(`data:text/javascript,${encodeURIComponent(`
  export async function load(url, context, next) {
    return url.endsWith("?text") ? { format: "module", source: "export default ''", shortCircuit: true } : next(url, context);
  }`)}`);
const { tiles } = await import("../../../../../pages/ui/player/picture/tiles.js");

/** @type {any[]} */
const told = [];
globalThis.document = part({ baseURI: "http://localhost/" });
tiles.thread = /** @type {any} */ ({ postMessage: (/** @type {any} */ message) => told.push(message) });
/** @param {string} key */
const wishOf = (key) => ({ key, url: `/${key}`, kind: "tile", palette: "p", down: 1, across: 1, from_s: 0, to_s: 1 });
const loads = () => told.filter(({ do: what }) => what === "load").map(({ url, ahead }) => [url.slice(17), ahead]);
const stopped = () => told.filter(({ do: what }) => what === "cancel").map(({ job }) => job);
/** @param {number} job */
const came = (job) => tiles.arrived([
  { job, facts: part({ step_s: 1, onset_s: 0 }), levels: new Uint8Array(4), columns: 2, rows: 2, bitmap: undefined, stamp: undefined },
]);

test("tiles of the next clips are asked for ahead; anew once they are waited for; never once they were passed", () => {
  tiles.wish({ ahead: ["a", "b", "c"].map(wishOf) });
  assert.deepEqual(loads(), [["a", true], ["b", true]]); // two at a time
  tiles.wish({ view: [wishOf("b")], margin: [wishOf("b")] });
  assert.deepEqual(stopped(), [2]);
  assert.deepEqual(loads().slice(2), [["b", false]]);
  tiles.wish({ ahead: [wishOf("c")] });
  assert.deepEqual(stopped(), [2, 1]); // a was passed
  assert.deepEqual(loads().slice(3), [["c", true]]);
  tiles.wish({ view: [wishOf("b")] });
  assert.equal(stopped().length, 2); // it is under way as it should be
  came(3);
  came(4);
  tiles.wish({ view: [wishOf("c")], ahead: [wishOf("b")] });
  assert.equal(loads().length, 4); // both are here
});

test("a tile that does not come is asked for again, and given up after the third time", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { now } = performance;
  let elapsed = 0;
  performance.now = () => elapsed;
  const wait = (/** @type {number} */ ms) => {
    elapsed += ms;
    t.mock.timers.tick(ms);
  };
  const before = loads().length;
  const asked = () => loads().slice(before).filter(([key]) => key === "late").length;
  tiles.wish({ view: [wishOf("late")], ahead: [wishOf("later")] });
  wait(19_999);
  assert.equal(asked(), 1);
  wait(1); // given up
  wait(1_600); // and asked for anew
  assert.equal(asked(), 2);
  assert.equal(tiles.problem(wishOf("late")), null);
  wait(20_000);
  wait(1_600);
  assert.equal(asked(), 3);
  wait(20_000);
  assert.match(tiles.problem(wishOf("late"))?.error ?? "", /^no answer within 20 s$/);
  wait(60_000);
  assert.equal(asked(), 3);
  assert.equal(loads().slice(before).filter(([key]) => key === "later").length, 1); // nobody waits for it
  tiles.wish({ view: [], margin: [], ahead: [] });
  performance.now = now;
});

test("a tile that could not be drawn is asked for anew", () => {
  tiles.wish({ view: [wishOf("d")] });
  const before = loads().length;
  came(tiles.lastJob);
  tiles.setPalette("p", "warm", () => new Uint32Array(256));
  assert.ok(told.some(({ do: what }) => what === "paint"));
  tiles.painted({ batch: true, bitmaps: (tiles.batch ?? []).map(() => null) });
  assert.deepEqual(loads().slice(before), [["d", false]]);
  came(tiles.lastJob);
});
