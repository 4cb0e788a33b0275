// The keyboard map, as the reviewer set it. R and C are Streamlit's own.

import { isField, isShortcut, keysOf } from "../../shared/keyboard.js";

export const KEYMAP = [
  { action: "toggle", keys: [" "], text: "play, pause", group: "Listen" },
  { action: "stretch", keys: ["p", "Enter"], text: "play the selection or the stretch", group: "Listen" },
  { action: "loop", keys: ["l"], text: "loop", group: "Listen" },
  { action: "back", keys: ["ArrowLeft"], text: "1 s back (Shift: 5 s)", group: "Listen" },
  { action: "forward", keys: ["ArrowRight"], text: "1 s on (Shift: 5 s)", group: "Listen" },
  { action: "start", keys: ["Home"], text: "to the start", group: "Listen" },
  { action: "slower", keys: ["["], text: "slower", group: "Listen" },
  { action: "faster", keys: ["]"], text: "faster", group: "Listen" },
  { action: "pitch", keys: ["o"], text: "pitch kept or shifted", group: "Listen" },
  { action: "band", keys: ["b"], text: "hear only the selected band", group: "Listen" },
  { action: "normalise", keys: ["q"], text: "bring the peak to full level", group: "Listen" },
  { action: "present", keys: ["1", "y"], text: "present", group: "Decide" },
  { action: "absent", keys: ["2", "n"], text: "absent", group: "Decide" },
  { action: "unsure", keys: ["3", "u"], text: "unsure", group: "Decide" },
  { action: "confirm_rest", keys: ["4"], text: "all others here are right", group: "Decide" },
  { action: "remove", keys: ["x"], text: "remove the label in focus", group: "Decide" },
  { action: "add", keys: ["a", "/"], text: "add a class", group: "Decide" },
  { action: "undo", keys: ["z"], text: "undo", group: "Decide" },
  { action: "skip", keys: ["s"], text: "skip: not for me", group: "Decide" },
  { action: "later", keys: ["t"], text: "later: to the end of the list", group: "Decide" },
  { action: "flag", keys: ["f"], text: "flag for an expert", group: "Decide" },
  { action: "note", keys: ["e"], text: "write a note", group: "Decide" },
  { action: "take_stretch", keys: ["g"], text: "box the model's stretch", group: "Boxes" },
  { action: "box", keys: ["w"], text: "box the selection for the class in focus", group: "Boxes" },
  { action: "next_box", keys: [";"], text: "next box", group: "Boxes" },
  { action: "nudge_left", keys: [",", "<"], text: "box earlier (Shift: its end)", group: "Boxes" },
  { action: "nudge_right", keys: [".", ">"], text: "box later (Shift: its end)", group: "Boxes" },
  { action: "delete_box", keys: ["Delete", "Backspace"], text: "delete the box", group: "Boxes" },
  { action: "up", keys: ["ArrowUp"], text: "class above", group: "Move" },
  { action: "down", keys: ["ArrowDown"], text: "class below", group: "Move" },
  { action: "next", keys: ["j"], text: "next clip", group: "Move" },
  { action: "previous", keys: ["k"], text: "previous clip", group: "Move" },
  { action: "zoom_in", keys: ["+", "="], text: "zoom in", group: "Move" },
  { action: "zoom_out", keys: ["-"], text: "zoom out", group: "Move" },
  { action: "pan_left", keys: ["PageUp"], text: "earlier", group: "Move" },
  { action: "pan_right", keys: ["PageDown"], text: "later", group: "Move" },
  { action: "zoom_selection", keys: ["5"], text: "zoom to the selection or the stretch", group: "Move" },
  { action: "fit", keys: ["0"], text: "the whole clip", group: "Move" },
  { action: "like", keys: ["8"], text: "more like the selection or the stretch, in Sweep", group: "Move" },
  { action: "heatmap", keys: ["h"], text: "model's heatmap over the picture", group: "See" },
  { action: "compare", keys: ["v"], text: "lanes of a second run", group: "See" },
  { action: "denoise", keys: ["d"], text: "less noise in the picture", group: "See" },
  { action: "colormap", keys: ["m"], text: "next colours", group: "See" },
  { action: "settings", keys: ["i"], text: "picture settings", group: "See" },
  { action: "history", keys: ["\\"], text: "notes, history, metadata", group: "See" },
  { action: "clear", keys: ["Escape"], text: "clear the selection", group: "See" },
  { action: "help", keys: ["?"], text: "all keys", group: "See" },
];
export const KEY_GROUPS = ["Listen", "Decide", "Boxes", "Move", "See"];
const HELD_DOWN = new Set(["back", "forward", "slower", "faster", "up", "down", "zoom_in", "zoom_out", "pan_left", "pan_right", "nudge_left", "nudge_right"]);
const SLIDER_KEYS = new Set(["Home", "End", "PageUp", "PageDown"]);
const STREAMLIT_KEYS = new Set(["r", "c"]);
// buttons of the view that an action's key is written on
const BUTTON_ACTIONS = {
  play: "toggle", stretch: "stretch", loop: "loop", pitch: "pitch", band: "band", normalise: "normalise", present: "present",
  absent: "absent", unsure: "unsure", rest: "confirm_rest", undo: "undo", next: "next", previous: "previous", addButton: "add",
  helpButton: "help", like: "like", flag: "flag", noteButton: "note", later: "later", skip: "skip", drawerButton: "history",
};
/** @type {Record<string, string>} */
const KEY_NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del", Backspace: "⌫", PageUp: "PgUp", PageDown: "PgDn" };

const PRESSED = "button, a[href], summary, [role=button], [role=tab], [role=option], [role=menuitem], [role=checkbox], [role=radio], [role=switch], input[type=checkbox], input[type=radio]";

export function buttonActions() {
  return /** @type {[keyof typeof BUTTON_ACTIONS, string][]} */ (Object.entries(BUTTON_ACTIONS));
}

/** @param {string} key */
function keyName(key) {
  return KEY_NAMES[key] || (key.length === 1 ? key.toUpperCase() : key);
}

// The map with the reviewer's own keys in it; what does not fit is passed over.
export class Keys {
  /** @param {Record<string, unknown>} [own] */
  constructor(own = {}) {
    /** @type {Record<string, string[]>} */
    this.own = {};
    for (const { action } of KEYMAP) {
      const wanted = own[action];
      if (Array.isArray(wanted) && wanted.every((key) => typeof key === "string" && key && !STREAMLIT_KEYS.has(key))) {
        this.own[action] = wanted;
      }
    }
    this.actionOf = new Map();
    for (const { action } of KEYMAP) for (const key of this.of(action)) this.actionOf.set(key, action);
    for (const [action, keys] of Object.entries(this.own)) for (const key of keys) this.actionOf.set(key, action);
  }

  /** @param {string} action */
  of(action) {
    return this.own[action] || KEYMAP.find((entry) => entry.action === action)?.keys || [];
  }

  /** @param {string} action */
  shown(action) {
    return this.of(action).map(keyName);
  }

  // Why a key cannot be given to an action, or "".
  /** @param {string} key */
  refusal(key) {
    if (STREAMLIT_KEYS.has(key)) return `${keyName(key)} belongs to the page around the player`;
    if (key === "Tab") return "Tab moves from control to control";
    if (["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead", "CapsLock", "Process", "Unidentified"].includes(key)) return "press a key that is not held";
    return "";
  }

  // Everybody's keys after `key` was given to `action`: only what differs from the standard map.
  /** @param {string} key @param {string} action */
  given(key, action) {
    /** @type {Record<string, string[]>} */
    const own = {};
    for (const { action: other, keys } of KEYMAP) {
      const now = other === action ? [key] : this.of(other).filter((one) => one !== key);
      if (now.join(" ") !== keys.join(" ")) own[other] = now;
    }
    return own;
  }

  // The action of the key that was pressed, wherever that was, or "".
  /** @param {KeyboardEvent} event */
  actionPressed(event) {
    return keysOf(event).map((key) => this.actionOf.get(key)).find(Boolean) || "";
  }

  // The action of a key press, or "" where the key belongs to something else on the page. `host` is the player's
  // element in the page itself, outside its shadow root.
  /** @param {KeyboardEvent} event @param {Element} host */
  actionFor(event, host) {
    const action = this.actionPressed(event);
    if (!action || !this.hears(event, host)) return "";
    if (event.repeat && !HELD_DOWN.has(action)) return "held"; // the key is ours, but holding it down is one press
    return action;
  }

  // Whether a press is for the player, and not for what has the focus, a dialog, or the browser.
  /** @param {KeyboardEvent} event @param {Element} host */
  hears(event, host) {
    if (isShortcut(event) || event.isComposing || event.defaultPrevented) return false;
    const target = event.composedPath()[0];
    if (isField(target)) return false;
    if (target instanceof Element) {
      const { key } = event;
      const type = target instanceof HTMLInputElement ? target.type : "";
      if ((key === " " || key === "Enter") && target.closest(PRESSED)) return false;
      if ((key.startsWith("Arrow") || SLIDER_KEYS.has(key)) && (type === "range" || target.closest("[role=slider], [role=tab], [role=radio], [role=listbox]"))) return false;
      if (target.closest("[role=grid], [role=combobox]")) return false;
    }
    for (const dialog of document.querySelectorAll("[role=dialog]")) {
      if (!dialog.contains(host) && dialog.getClientRects().length) return false;
    }
    return host.getClientRects().length > 0;
  }
}
