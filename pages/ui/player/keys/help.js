// All keys on one panel; each can be given another one, kept under the reviewer's name.

import { caps, el, setCaps } from "../../shared/elements.js";
import { isField, isShortcut, keyOf } from "../../shared/keyboard.js";
import { buttonActions, KEY_GROUPS, KEYMAP, Keys } from "./keys.js";

/** @import { View, HelpHost } from "../types" */

export class Help {
  /** @param {View} v @param {HelpHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.waiting = ""; // the action that waits for its new key
    this.draw();
  }

  toggle() {
    const { v } = this;
    this.waiting = "";
    v.help.hidden = !v.help.hidden;
    v.helpButton.setAttribute("aria-expanded", String(!v.help.hidden));
    this.draw();
    if (!v.help.hidden) v.help.scrollIntoView({ block: "nearest" });
  }

  draw() {
    const { v, host } = this;
    const taken = host.data?.sides?.length ?? 0; // digits that take a side
    const isFree = (/** @type {string} */ key) => !(Number(key) >= 1 && Number(key) <= taken);
    for (const [name, action] of buttonActions()) setCaps(v[name], host.keys.shown(action).find(isFree) || "");
    if (v.help.hidden) return;
    const sections = KEY_GROUPS.map((group) => {
      const list = el("dl");
      for (const entry of KEYMAP.filter((one) => one.group === group)) {
        const change = el("button", { type: "button", class: "key", test: `player-key-${entry.action}`, "aria-label": `change the key of: ${entry.text}` });
        change.append(...(this.waiting === entry.action ? [el("em", { text: "press a key" })] : [caps(...host.keys.shown(entry.action))]));
        if (!host.keys.of(entry.action).length && this.waiting !== entry.action) change.append(el("em", { text: "none" }));
        change.addEventListener("click", () => this.ask(entry.action));
        list.append(el("div", {}, el("dt", {}, change), el("dd", { text: entry.text })));
      }
      return el("section", {}, el("h3", { text: group }), list);
    });
    const reset = el("button", { type: "button", test: "player-keys-reset", text: "Standard keys" });
    reset.addEventListener("click", () => this.keep({}));
    v.help.replaceChildren(...sections, el("p", {
      text: "Press a key's field to change it; the choice is kept under your name. Drag over the picture to select a stretch; with Shift (or the button box) a stretch and a band. The wheel zooms, with Shift it moves; with Alt, or over the frequency axis, it zooms in frequency. Double-click on an axis resets it. On a keyboard of another script (Cyrillic, Greek, Hebrew) a key does what it does at the same place of an English one; digits need no Shift on any, and signs may be typed with AltGr. What is typed into a field is text.",
    }), reset);
  }

  /** @param {string} action */
  ask(action) {
    this.waiting = action;
    this.draw();
    this.v.root.focus({ preventScroll: true }); // the press must not push a button
  }

  // While an action waits for its key, the next press is that key.
  /** @param {KeyboardEvent} event */
  takes(event) {
    if (!this.waiting || this.v.help.hidden || isShortcut(event) || isField(event.composedPath()[0])) return false;
    event.preventDefault();
    event.stopPropagation();
    const key = keyOf(event);
    if (key === "Escape") {
      this.waiting = "";
      this.draw();
      return true;
    }
    const why = this.host.keys.refusal(key);
    if (why) this.host.tell(why, "warning");
    else this.keep(this.host.keys.given(key, this.waiting));
    return true;
  }

  /** @param {Record<string, string[]>} own */
  keep(own) {
    const { host } = this;
    this.waiting = "";
    host.keys = new Keys(own);
    host.preferences.set("keys", own);
    this.draw();
  }
}
