// pages/ui/shared/keyboard.js: what a press means on the keyboards of the world.

import assert from "node:assert/strict";
import test from "node:test";

import { isShortcut, keyOf, keysOf } from "../../../../pages/ui/shared/keyboard.js";
import { Keys } from "../../../../pages/ui/player/keys/keys.js";
import { WALL_KEYS } from "../../../../pages/ui/wall/keys.js";

/** @param {string} key @param {string} [code] @param {Partial<KeyboardEvent>} [more] @returns {KeyboardEvent} */
const press = (key, code = "", more = {}) =>
  /** @type {any} */ ({ key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more });
/** @param {string} key @param {string} [code] @param {Partial<KeyboardEvent>} [more] */
const action = (key, code, more) => new Keys().actionPressed(press(key, code, more));
/** @typedef {[key: string, code: string, action: string, more?: Partial<KeyboardEvent>]} Press */
const SHIFT = { shiftKey: true };
const WINDOWS_ALTGR = { ctrlKey: true, altKey: true };
const LINUX_ALTGR = { getModifierState: (/** @type {string} */ name) => name === "AltGraph" };

test("on a keyboard of another script a key does what it does at that place of an English one", () => {
  /** @type {Record<string, Press[]>} */
  const rows = {
    Russian: [["ф", "KeyA", "add"], ["Ф", "KeyA", "add", SHIFT], ["н", "KeyY", "present"], ["т", "KeyN", "absent"], ["х", "BracketLeft", "slower"],
      ["ъ", "BracketRight", "faster"], ["ж", "Semicolon", "next_box"], ["б", "Comma", "nudge_left"], ["Б", "Comma", "nudge_left", SHIFT],
      ["ю", "Period", "nudge_right"], [".", "Slash", "add"], [",", "Slash", "help", SHIFT], ["1", "Digit1", "present"], ["?", "Digit7", "help", SHIFT]],
    Ukrainian: [["і", "KeyS", "skip"], ["ї", "BracketRight", "faster"]],
    Greek: [["α", "KeyA", "add"], [";", "KeyQ", "normalise"], ["ς", "KeyW", "box"]],
    Hebrew: [["ש", "KeyA", "add"], ["/", "KeyQ", "normalise"], ["'", "KeyW", "box"], ["ף", "Semicolon", "next_box"]],
    Arabic: [["ش", "KeyA", "add"], ["لا", "KeyB", "band"], ["١", "Digit1", "present"]],
    Thai: [["ฟ", "KeyA", "add"], ["ๅ", "Digit1", "present"], ["/", "Digit2", "absent"], ["-", "Digit3", "unsure"]],
    Devanagari: [["ो", "KeyA", "add"], ["ृ", "Equal", "zoom_in"]],
    Georgian: [["ა", "KeyA", "add"]], Japanese: [["ち", "KeyA", "add"]], Korean: [["ㅁ", "KeyA", "add"]],
    "an input method": [["Process", "KeyA", "add"], ["Unidentified", "Digit2", "absent"]],
  };
  for (const [layout, keys] of Object.entries(rows)) {
    for (const [key, code, wanted, more] of keys) assert.equal(action(key, code, more), wanted, `${layout}: ${key}`);
  }
});

test("Latin keyboards keep their letters and signs, wherever these lie", () => {
  /** @type {Record<string, Press[]>} */
  const rows = {
    Dvorak: [["a", "KeyA", "add"], [";", "KeyZ", "next_box"], [",", "KeyW", "nudge_left"], [".", "KeyE", "nudge_right"], ["'", "KeyQ", ""],
      ["o", "KeyS", "pitch"], ["/", "BracketLeft", "add"], ["[", "Minus", "slower"], ["z", "Slash", "undo"], ["s", "Semicolon", "skip"]],
    "Programmer's Dvorak": [["[", "Digit2", "slower"], ["]", "Digit0", "faster"]],
    Colemak: [[";", "KeyP", "next_box"], ["a", "KeyA", "add"]],
    QWERTZ: [["y", "KeyZ", "present"], ["z", "KeyY", "undo"], ["ü", "BracketLeft", ""], ["ö", "Semicolon", ""], ["ß", "Minus", ""], ["-", "Slash", "zoom_out"],
      ["+", "BracketRight", "zoom_in"]],
    Turkish: [["ı", "KeyI", ""], ["i", "Quote", "settings"]],
    English: [["@", "Digit2", "", SHIFT], ["Y", "KeyY", "present", SHIFT], ["<", "Comma", "nudge_left", SHIFT]],
  };
  for (const [layout, keys] of Object.entries(rows)) {
    for (const [key, code, wanted, more] of keys) assert.equal(action(key, code, more), wanted, `${layout}: ${key}`);
  }
});

test("digits need no Shift on keyboards that type them with it", () => {
  const french = ["&", "é", '"', "'", "("];
  const czech = ["+", "ě", "š", "č", "ř"];
  const wanted = ["present", "absent", "unsure", "confirm_rest", "zoom_selection"];
  for (const row of [french, czech]) assert.deepEqual(row.map((key, at) => action(key, `Digit${at + 1}`)), wanted);
  assert.equal(action("à", "Digit0"), "fit");
  assert.equal(action("2", "Digit2", SHIFT), "absent");
  assert.equal(action("-", "Digit6"), "zoom_out"); // no action has the 6
  assert.equal(action("2", "Numpad2"), "absent");
  assert.equal(action("Dead", "Digit1"), "present"); // an accent to come
});

test("signs may be typed with AltGr or Option, and shortcuts stay the browser's", () => {
  const typed = [
    press("[", "Digit8", WINDOWS_ALTGR), press("[", "Digit8", LINUX_ALTGR), press("[", "Digit5", WINDOWS_ALTGR), press("[", "BracketLeft", LINUX_ALTGR),
  ];
  for (const event of typed) {
    assert.equal(isShortcut(event), false);
    assert.deepEqual(keysOf(event), ["["]);
  }
  const pressed = [
    press("f", "KeyF", { ctrlKey: true }), press("а", "KeyF", { ctrlKey: true }), press("[", "BracketLeft", WINDOWS_ALTGR), press("z", "KeyZ", { metaKey: true }),
    press("1", "Digit1", { altKey: true }), press("n", "KeyN", WINDOWS_ALTGR), press("[", "Digit8", { ...WINDOWS_ALTGR, metaKey: true }),
  ];
  for (const event of pressed) assert.equal(isShortcut(event), true, event.key);
  assert.equal(action("@", "Digit2", LINUX_ALTGR), ""); // and no 2
  assert.equal(action("ą", "KeyA", LINUX_ALTGR), "");
});

test("a key is kept by a name that every layout has, and a reviewer's own goes first", () => {
  assert.equal(keyOf(press("ф", "KeyA")), "a");
  assert.equal(keyOf(press("é", "Digit2")), "2");
  assert.equal(keyOf(press("ö", "Semicolon")), "ö");
  assert.equal(keyOf(press("ArrowUp", "ArrowUp")), "ArrowUp");
  assert.equal(keyOf(press("F1", "F1")), "F1");
  assert.equal(new Keys({ absent: ["ф"] }).actionPressed(press("ф", "KeyA")), "absent");
});

test("the wall's letters too are found by their place", () => {
  const keys = keysOf(press("ф", "KeyA", { ctrlKey: true })).map((key) => `ctrl+${key}`);
  assert.ok(WALL_KEYS.find((entry) => entry.action === "all")?.keys.some((key) => keys.includes(key)));
});
