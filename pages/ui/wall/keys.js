// The wall's keys. R and C are Streamlit's own.

import { isField, isShortcut, keysOf } from "../shared/keyboard.js";

export const WALL_KEYS = [
  { action: "left", keys: ["ArrowLeft"], shown: ["←", "→", "↑", "↓"], text: "move; with Shift, select on the way" },
  { action: "right", keys: ["ArrowRight"] },
  { action: "up", keys: ["ArrowUp"] },
  { action: "down", keys: ["ArrowDown"] },
  { action: "pageUp", keys: ["PageUp"] },
  { action: "pageDown", keys: ["PageDown"] },
  { action: "first", keys: ["Home"] },
  { action: "last", keys: ["End"] },
  { action: "play", keys: [" ", "p"], shown: ["Space"], text: "play" },
  { action: "toggle", keys: ["x", "Enter"], shown: ["X", "Enter"], text: "select" },
  { action: "above", keys: ["l"], shown: ["L"], text: "select all down to here" },
  { action: "all", keys: ["ctrl+a"], shown: ["Ctrl", "A"], text: "select all" },
  { action: "clear", keys: ["Escape"], shown: ["Esc"], text: "select none" },
  { action: "present", keys: ["1", "y"], shown: ["1"], text: "present" },
  { action: "absent", keys: ["2", "n"], shown: ["2"], text: "absent" },
  { action: "unsure", keys: ["3", "u"], shown: ["3"], text: "unsure" },
  { action: "undo", keys: ["z"], shown: ["Z"], text: "undo" },
  { action: "hover", keys: ["h"], shown: ["H"], text: "play on hover" },
  { action: "hide", keys: ["d"], shown: ["D"], text: "hide the decided" },
  { action: "tidy", keys: ["t"], shown: ["T"], text: "to do first" },
  { action: "like", keys: ["8"], shown: ["8"], text: "more like this" },
  { action: "unlike", keys: ["9"], shown: ["9"], text: "less like this, in a search" },
  { action: "open", keys: ["o"], shown: ["O"], text: "open in Review" },
];
const WALL_ACTIONS = new Map(WALL_KEYS.flatMap(({ action, keys }) => keys.map((key) => [key, action])));
const WALL_MOVES = new Set(["left", "right", "up", "down", "pageUp", "pageDown"]);
const ELSEWHERE = "[role=combobox], [role=slider], [role=tab], [role=radio], [role=menu], [role=dialog]";
const PRESSABLE = "button, a[href], summary, input, [role=button]";

// The action of a key press, or "" where the key belongs to something else on the page. `root` is the wall itself,
// `host` its element in the page.
/** @param {KeyboardEvent} event @param {Element} root @param {Element} host */
export function wallAction(event, root, host) {
  const control = isShortcut(event);
  if ((control && event.altKey) || event.isComposing || event.defaultPrevented) return "";
  const { key } = event;
  const action = keysOf(event).map((name) => WALL_ACTIONS.get(control ? `ctrl+${name}` : name)).find(Boolean) || "";
  const target = event.composedPath()[0];
  if (!action || !host.getClientRects().length) return "";
  if (target instanceof Element) {
    if (isField(target) || target.closest(ELSEWHERE) || (target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type))) return "";
    if ((key === " " || key === "Enter") && target.closest(PRESSABLE)) return "";
    if (!root.contains(target) && target.closest("[role=listbox], [role=grid], [role=radiogroup]")) return "";
  }
  for (const dialog of document.querySelectorAll("[role=dialog]")) {
    if (!dialog.contains(host) && dialog.getClientRects().length) return "";
  }
  if (event.repeat && !WALL_MOVES.has(action)) return "held"; // the key is ours, but holding it down is one press
  return action;
}
