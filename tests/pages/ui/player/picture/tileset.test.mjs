// pages/ui/player/picture/tileset.js: which tiles cover what is in view.

import assert from "node:assert/strict";
import test from "node:test";

import { levelStepS, nearest, TILE_COLUMNS, TileSet, zoomFor } from "../../../../../pages/ui/player/picture/tileset.js";
import { part } from "../../../../support/scripts/part.mjs";

globalThis.document = part({ baseURI: "http://player.test/" });

test("the zoom is the coarsest with a column for each pixel", () => {
  for (const [span_s, width] of [[10, 1000], [60, 1200], [3600, 800], [0.05, 2000], [7.3, 999]]) {
    const zoom = zoomFor(span_s, width);
    assert.ok(zoom === 0 || levelStepS(zoom) <= (span_s / width) * (1 + 1e-9), `${span_s} ${width}`);
    assert.ok(levelStepS(zoom + 1) > span_s / width, `${span_s} ${width}`);
  }
});

test("tiles cover a view without gap, in order, and no more", () => {
  const set = new TileSet("/clips/3/tile?token=x", { query: "axis=mel", palette: "p" });
  for (const [zoom, from_s, to_s, duration_s] of [[4, 0, 10, 10], [4, 8.1, 8.3, 60], [6, 32.768, 65.536, 3600], [11, 0, 3600, 3600]]) {
    const wishes = set.covering(zoom, from_s, to_s, duration_s);
    assert.ok(wishes[0].from_s <= from_s && wishes[wishes.length - 1].to_s >= Math.min(to_s, duration_s) - 1e-9);
    wishes.slice(1).forEach((wish, place) => assert.equal(wish.from_s, wishes[place].to_s));
    assert.ok(wishes.length <= Math.ceil((to_s - from_s) / (TILE_COLUMNS * levelStepS(Math.min(zoom, 11)))) + 1);
  }
  assert.equal(set.covering(4, 99, 120, 10).length, 1); // beyond the end: the last one
});

test("what is coarser than the server draws is pooled from its coarsest", () => {
  const [wish] = new TileSet("/clips/3/tile", { palette: "p" }).covering(13, 0, 60000, 60000);
  assert.equal(wish.across, 4);
  assert.match(wish.url, /\?level=11&index=0$/);
});

test("a renewed link names the same tiles", () => {
  const keys = ["a", "b"].map((token) => new TileSet(`/clips/3/tile?token=${token}`, { query: "q=1", palette: "p" }).wish(2, 2, 0).key);
  assert.equal(keys[0], keys[1]);
});

test("what lies around the part in view comes first, then outward", () => {
  let left = new TileSet("/clips/3/tile", { palette: "p" }).covering(11, 0, 10000, 10000);
  const order = [];
  for (let next = nearest(left, 5500); next; next = nearest(left, 5500)) {
    order.push((next.from_s + next.to_s) / 2);
    left = left.filter((wish) => wish !== next);
  }
  const far = order.map((middle_s) => Math.abs(middle_s - 5500));
  assert.equal(far.length, 10);
  assert.deepEqual(far, far.toSorted((a, b) => a - b));
});
