// The keys of the rows. They count where nothing else on the page has the focus. R and C are Streamlit's own.

import { isField, isShortcut, keysOf } from "../shared/keyboard.js";

export const ROW_KEYS = [
  { action: "up", keys: ["ArrowUp"], shown: ["↑", "↓"], text: "move" },
  { action: "down", keys: ["ArrowDown"] },
  { action: "pageUp", keys: ["PageUp"] },
  { action: "pageDown", keys: ["PageDown"] },
  { action: "first", keys: ["Home"] },
  { action: "last", keys: ["End"] },
  { action: "toggle", keys: [" ", "x"], shown: ["Space"], text: "tick; Shift with ↓ or a click, all on the way", forReviewers: true },
  { action: "open", keys: ["Enter", "o"], shown: ["Enter"], text: "open" },
  { action: "decide", keys: ["d"], shown: ["D"], text: "decide", forReviewers: true },
  { action: "every", keys: ["ctrl+a"] },
  { action: "clear", keys: ["Escape"] },
];
const ACTIONS = new Map(ROW_KEYS.flatMap(({ action, keys }) => keys.map((key) => [key, action])));
const MOVES = new Set(["up", "down", "pageUp", "pageDown"]);

// The action of a key press, or "" where the key belongs to something else on the page. `root` holds the rows.
/** @param {KeyboardEvent} event @param {Element} root @param {Element} host the element of `root` in the page */
export function rowAction(event, root, host) {
  const control = isShortcut(event);
  if ((control && (event.altKey || event.shiftKey)) || event.isComposing || event.defaultPrevented) return "";
  const action = keysOf(event).map((name) => ACTIONS.get(control ? `ctrl+${name}` : name)).find(Boolean) ?? "";
  const target = event.composedPath()[0];
  if (!action || !host.getClientRects().length || !(target instanceof Element)) return "";
  const isOurs = root.contains(target);
  if (isField(target) || (!isOurs && target !== document.body)) return "";
  if (isOurs && (event.key === " " || event.key === "Enter") && target.closest("button, input, a")) return "";
  for (const dialog of document.querySelectorAll("[role=dialog]")) {
    if (!dialog.contains(host) && dialog.getClientRects().length) return "";
  }
  if (event.repeat && !MOVES.has(action)) return "held"; // the key is ours, but holding it down is one press
  return action;
}
