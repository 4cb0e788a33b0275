// pages/ui/rows: which rows are ticked, which are fetched, and where they lie.

import assert from "node:assert/strict";
import test from "node:test";

import { Refusal } from "../../../../pages/ui/shared/api.js";
import { RowsGrid } from "../../../../pages/ui/rows/grid.js";
import { PAGE, RowStore } from "../../../../pages/ui/rows/store.js";
import { Ticks } from "../../../../pages/ui/rows/ticks.js";
import { part } from "../../../support/scripts/part.mjs";

/** @import { QueueRow, QueueRows } from "../../../../pages/ui/rows/types" */

/** @param {number} index @returns {QueueRow} */
const rowAt = (index) => part({ clip_id: 10 + Math.floor(index / 2), class: index % 2 ? "b" : "a", name: "", why: "" });

// A server with `total` rows; `asked` are the first rows that it was asked for.
/** @param {number} total */
function serverOf(total, version = "1.0") {
  const server = { total, version, asked: /** @type {number[]} */ ([]), failing: 0, ask };
  /** @param {string} path @returns {Promise<QueueRows>} */
  async function ask(path) {
    const query = new URLSearchParams(path.split("?")[1]);
    const [first, count] = [Number(query.get("first")), Number(query.get("count"))];
    server.asked.push(first);
    if (server.failing) {
      server.failing -= 1;
      throw new Refusal(503, "away");
    }
    const rows = Array.from({ length: Math.max(0, Math.min(count, server.total - first)) }, (_, place) => rowAt(first + place));
    return { version: server.version, total: server.total, first, rows };
  }
  return server;
}

/** @param {ReturnType<typeof serverOf>} server */
function storeOf(server) {
  const heard = { anew: 0, silent: /** @type {string[]} */ ([]) };
  const store = new RowStore({
    api: server, query: {}, came: (anew) => { heard.anew += anew ? 1 : 0; }, renew() {}, silent: (text) => { heard.silent.push(text); },
  });
  const rows = Array.from({ length: Math.min(PAGE, server.total) }, (_, place) => rowAt(place));
  store.begin({ version: "1.0", total: server.total, first: 0, rows });
  return { store, heard };
}

/** @param {() => unknown} condition */
const arrived = async (condition) => { for (let turn = 0; turn < 200 && !condition(); turn += 1) await new Promise((done) => { setTimeout(done, 5); }); };

test("what is scrolled past is not asked for, and what is in view once", async () => {
  const server = serverOf(1_000_000);
  const { store } = storeOf(server);
  for (const first of [100_000, 400_000, 999_990]) store.want(first, first + 30);
  store.want(10 * PAGE + 5, 11 * PAGE + 5);
  await arrived(() => store.get(11 * PAGE));
  assert.deepEqual(server.asked, [10 * PAGE, 11 * PAGE]);
  assert.deepEqual(store.get(10 * PAGE + 3), rowAt(10 * PAGE + 3));
  store.want(10 * PAGE, 11 * PAGE);
  await new Promise((done) => { setTimeout(done, 80); });
  assert.equal(server.asked.length, 2);
  store.close();
});

test("another version makes it another list, from its first row", async () => {
  const server = serverOf(1000, "2.0");
  const { store, heard } = storeOf(server);
  server.total = 999;
  store.want(5 * PAGE, 5 * PAGE + 10);
  await arrived(() => heard.anew);
  assert.deepEqual([store.version, store.total, heard.anew, store.get(0)], ["2.0", 999, 1, null]);
  assert.ok(store.get(5 * PAGE));
  store.close();
});

test("what has no answer is said, and asked for again", async () => {
  const server = serverOf(1000);
  server.failing = 1;
  const { store, heard } = storeOf(server);
  store.want(PAGE, PAGE + 10);
  await arrived(() => heard.silent.length);
  assert.deepEqual(heard.silent, ["away"]);
  store.pump(); // as it does by itself after two seconds
  await arrived(() => store.get(PAGE));
  assert.deepEqual(heard.silent, ["away", ""]);
  store.close();
});

/** @param {number} total */
function ticksOf(total, most = 2000) {
  const { store } = storeOf(serverOf(total));
  /** @type {string[]} */
  const told = [];
  const ticks = new Ticks({ most, store, ticked() {}, tell: (text) => { told.push(text); } });
  const indices = () => ticks.all.map(({ index }) => index).sort((a, b) => a - b);
  return { ticks, told, indices };
}

test("a range is in place of the one before it from the same row, and fetches what is not here", async () => {
  const { ticks, indices } = ticksOf(1000);
  ticks.toggle(40);
  ticks.toggle(3);
  await ticks.extend(6);
  assert.deepEqual(indices(), [3, 4, 5, 6, 40]);
  await ticks.extend(2);
  assert.deepEqual(indices(), [2, 3, 40]);
  ticks.toggle(40);
  await ticks.extend(40 + 3 * PAGE);
  assert.equal(ticks.size, 2 + 3 * PAGE + 1);
  assert.equal(ticks.clips, new Set(ticks.all.map(({ row }) => row.clip_id)).size);
  ticks.clear();
  assert.equal(ticks.size, 0);
});

test("no more is ticked than can be decided at once, and that is said", async () => {
  const { ticks, told, indices } = ticksOf(1000, 120);
  await ticks.every(1000);
  assert.deepEqual([indices().length, indices()[119]], [120, 119]);
  ticks.toggle(200 % PAGE);
  assert.match(told[0], /first 120 are ticked/);
});

// A scroller as a browser has it, whose elements are counted.
/** @param {number} count */
function gridOf(count) {
  globalThis.requestAnimationFrame = (draw) => { draw(0); return 0; };
  globalThis.cancelAnimationFrame = () => {};
  /** @type {Record<string, () => void>} */
  const listeners = {};
  const scroller = {
    scrollTop: 0, clientHeight: 630, addEventListener: (/** @type {string} */ name, /** @type {() => void} */ use) => { listeners[name] = use; },
  };
  const field = {
    style: { height: "" },
    children: /** @type {unknown[]} */ ([]),
    append(/** @type {unknown[]} */ ...nodes) { this.children = [...new Set([...this.children, ...nodes])]; },
  };
  const grid = new RowsGrid(/** @type {any} */ (scroller), part({ offsetHeight: 30 }), /** @type {any} */ (field), {
    make: () => part({ style: {}, hidden: false }), bind() {}, moved() {},
  });
  grid.layout(count, 36);
  const seen = () => { // the rows in view, by where they are drawn
    const here = [...grid.slots].map(([index, node]) => [index, parseFloat(node.style.transform.replace("translateY(", "")) - scroller.scrollTop]);
    return here.filter(([, y]) => y > -36 && y < 600).sort((a, b) => a[1] - b[1]).map(([index]) => index);
  };
  /** @param {number} top */
  const scroll = (top) => { scroller.scrollTop = Math.max(0, Math.min(top, parseFloat(field.style.height) - 600)); listeners.scroll(); };
  return { grid, scroller, field, seen, scroll };
}

test("a million rows: the bar reaches all of them, the wheel moves by pixels", () => {
  const { grid, scroller, field, seen, scroll } = gridOf(1_000_000);
  assert.equal(parseFloat(field.style.height), 8_000_000);
  assert.deepEqual(seen().slice(0, 2), [0, 1]);
  scroll(4_000_000);
  assert.ok(Math.abs(seen()[0] - 500_000) < 100, `${seen()[0]}`);
  const [first] = seen();
  scroll(scroller.scrollTop + 360);
  assert.equal(seen()[0], first + 10);
  grid.settle(); // the bar where it belongs, and nothing in view moves
  assert.equal(seen()[0], first + 10);
  assert.ok(Math.abs(scroller.scrollTop / grid.mostScroll - grid.top / grid.mostTop) < 1e-6);
  grid.reveal(999_999);
  assert.equal(seen().at(-1), 999_999);
  grid.reveal(0);
  assert.equal(seen()[0], 0);
  scroll(8_000_000);
  assert.equal(seen().at(-1), 999_999);
  assert.ok(grid.slots.size + grid.spare.length < 60);
  grid.close();
});

test("each row of a shorter list lies where a browser would put it", () => {
  const { grid, seen, scroll } = gridOf(1000);
  scroll(36 * 500);
  assert.equal(seen()[0], 500);
  assert.equal(grid.slots.get(500)?.style.transform, `translateY(${36 * 500}px)`);
  grid.close();
});
