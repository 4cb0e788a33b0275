// pages/ui/player/deciding/add.js: classes ranked as one types.

import assert from "node:assert/strict";
import test from "node:test";

import { plain, rankClasses } from "../../../../../pages/ui/player/deciding/add.js";

/** @import { Known } from "../../../../../pages/ui/player/types" */

/** @type {Known[]} */
const CLASSES = [
  ["amecro", "American Crow"], ["fiscro", "Fish Crow"], ["crow", "Carrion"], ["crobil", "Red Crossbill"],
  ["barswa", "Barn Swallow"], ["treswa", "Tree Swallow"],
];
/** @param {string} typed @param {Map<string, number>} [likely] @param {number} [most] */
const codes = (typed, likely, most) => rankClasses(CLASSES, typed, likely, most).map(([code]) => code);

test("the code itself comes first, then beginnings, then words, then the rest", () => {
  assert.deepEqual(codes("crow"), ["crow", "fiscro", "amecro"]);
  assert.deepEqual(codes("CRO"), ["crow", "crobil", "fiscro", "amecro"]);
  assert.deepEqual(codes("cr"), ["crow", "crobil", "fiscro", "amecro"]);
});

test("several words may be begun in any order", () => {
  assert.deepEqual(codes("swal tr"), ["treswa"]);
  assert.deepEqual(codes("zz"), []);
  assert.deepEqual(codes("  "), []);
});

test("of those that fit alike the likelier of this clip comes first", () => {
  assert.deepEqual(codes("swallow"), ["barswa", "treswa"]);
  assert.deepEqual(codes("swallow", new Map([["treswa", 0]])), ["treswa", "barswa"]);
  assert.equal(codes("a", new Map(), 2).length, 2);
});

test("spellings that are one name are found by each other", () => {
  for (const form of [" American_Crow", "AMERICAN\u2010CROW", "ａmerican crow", "amer\u00adican crow\u200b"]) {
    assert.equal(plain(form), "american crow");
    assert.equal(codes(form)[0], "amecro");
  }
  /** @type {Known[]} */
  const owls = [["owl", "K\u00e4uzchen", true]];
  assert.deepEqual(rankClasses(owls, "ka\u0308uz"), [["owl", "K\u00e4uzchen"]]);
});
