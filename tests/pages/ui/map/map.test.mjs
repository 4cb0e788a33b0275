// The map's arithmetic: where things lie on the screen, which point is under the pointer, fewer corners, colours.

import assert from "node:assert/strict";
import test from "node:test";
import { Camera, SIDE } from "../../../../pages/ui/map/camera.js";
import { COLOURS, sizeOf } from "../../../../pages/ui/map/cloud.js";
import { colourOf, paletteOf, readColours } from "../../../../pages/ui/map/colours.js";
import { Picking, simplified } from "../../../../pages/ui/map/picking.js";

function camera(width = 800, height = 400) {
  const made = new Camera();
  made.resize(width, height);
  made.fit();
  return made;
}

/** @param {number[]} given @param {number[]} wanted */
function near(given, wanted) {
  given.forEach((value, place) => assert.ok(Math.abs(value - wanted[place]) < 1e-6, `${given} is not ${wanted}`));
}

test("a place goes to the screen and back, and up is up", () => {
  const made = camera();
  near(made.toScreen(SIDE / 2, SIDE / 2), [400, 200]);
  near(made.toScreen(SIDE / 2, SIDE), [400, 0]);
  near(made.toMap(...made.toScreen(1234, 5678)), [1234, 5678]);
});

test("what is under the pointer stays there while one zooms, and moves with it while one drags", () => {
  const made = camera();
  const before = made.toMap(500, 150);
  made.zoom(3, 500, 150);
  near(made.toMap(500, 150), before);
  made.pan(30, -20);
  near(made.toMap(530, 130), before);
});

test("an address keeps what is seen, on a screen of another size too", () => {
  const made = camera();
  made.goTo(20000, 30000, 4 * made.whole);
  const other = camera(300, 900);
  assert.ok(other.read(made.text));
  assert.equal(other.text, made.text);
  for (const text of ["", "1,2", "a,b,c", "1,2,-3", "1,2,NaN", "9,9,Infinity"]) assert.equal(camera().read(text), false, text);
});

test("no zoom leads out of the map", () => {
  const made = camera();
  for (let turn = 0; turn < 200; turn += 1) made.zoom(2, 0, 0);
  assert.ok(made.scale <= 2);
  for (let turn = 0; turn < 200; turn += 1) made.zoom(0.5, 800, 400);
  assert.ok(made.scale >= 0.5 * made.whole);
  made.pan(1e9, -1e9);
  assert.deepEqual([made.x, made.y], [0, 0]);
});

test("the nearest point is that of looking at each", () => {
  const count = 2000;
  const places = Uint16Array.from({ length: 2 * count }, (_, at) => (at * 7919 * 31 + 17) % 65536);
  const picking = new Picking(places);
  const counts = (/** @type {number} */ point) => point % 3 !== 0;
  for (let turn = 0; turn < 200; turn += 1) {
    const [x, y, radius] = [(turn * 331) % 65536, (turn * 7717) % 65536, 100 + turn * 20];
    const away = (/** @type {number} */ point) => Math.hypot(places[2 * point] - x, places[2 * point + 1] - y);
    let best = -1;
    for (let point = 0; point < count; point += 1) if (counts(point) && away(point) <= radius && (best < 0 || away(point) < away(best))) best = point;
    const found = picking.nearest(x, y, radius, counts);
    assert.equal(found < 0, best < 0);
    if (best >= 0) assert.equal(away(found), away(best));
  }
  assert.ok(picking.closest(0, 0, counts) >= 0);
  assert.equal(picking.closest(0, 0, () => false), -1);
  assert.equal(new Picking(new Uint16Array(0)).closest(5, 5, () => true), -1);
});

test("of a drawn line the corners that make its shape stay", () => {
  /** @type {[number, number][]} */
  const drawn = [];
  for (let step = 0; step < 100; step += 1) drawn.push([step * 10, 0]);
  for (let step = 0; step < 100; step += 1) drawn.push([1000, step * 10]);
  drawn.push([0, 1000]);
  const few = simplified(drawn, 4);
  assert.equal(few.length, 4);
  for (const corner of [[0, 0], [1000, 0], [0, 1000]]) assert.ok(few.some(([x, y]) => x === corner[0] && y === corner[1]), String(corner));
  assert.equal(simplified([[1, 1], [1, 1], [1.2, 0.8]], 10).length, 1); // the hand rested
});

const LEGEND = { names: ["a", "b"], counts: [2, 1], unknown: 1, is_share: false };

test("colours are read as they are sent, and who is picked stands out", () => {
  const text = new TextEncoder().encode(JSON.stringify(LEGEND).padEnd(Math.ceil(JSON.stringify(LEGEND).length / 2) * 2));
  const bytes = new Uint8Array(4 + text.length + 8);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  bytes.set(new Uint8Array(Uint16Array.of(0, 1, 0, 65535).buffer), 4 + text.length);
  const read = readColours(bytes.buffer);
  assert.deepEqual(read.legend, LEGEND);
  assert.deepEqual([...read.codes], [0, 1, 0, 65535]);

  const all = paletteOf(LEGEND, false, new Set());
  assert.equal(all.length, 4 * COLOURS);
  const alpha = (/** @type {Uint8Array} */ palette, /** @type {number} */ code) => palette[4 * code + 3];
  assert.equal(alpha(all, 0), alpha(all, 1));
  const one = paletteOf(LEGEND, false, new Set([1]));
  assert.ok(alpha(one, 1) > 5 * alpha(one, 0));
  assert.ok(alpha(one, 1) > 5 * alpha(one, COLOURS - 1)); // what is not known goes, too
  assert.ok(String(colourOf(LEGEND, 0, true)) !== String(colourOf(LEGEND, 1, true)));
  assert.deepEqual(colourOf(LEGEND, 65535, true), colourOf(LEGEND, -1, true));
});

test("points are neither dust nor blots", () => {
  const whole = { scale: 800 / 65535, width: 800, height: 800 };
  for (const count of [10, 1000, 100000, 1000000]) {
    const size = sizeOf(count, whole);
    assert.ok(size >= 1.5 && size <= 9, `${count}: ${size}`);
    assert.ok(sizeOf(count, { ...whole, scale: whole.scale * 20 }) >= size);
  }
});
