// The keys of the map. They count where nothing else on the page has the focus. R and C are Streamlit's own.

import { isField, isShortcut, keysOf } from "../shared/keyboard.js";

export const MAP_KEYS = [
  { action: "left", keys: ["ArrowLeft"], shown: ["←", "→", "↑", "↓"], text: "move" },
  { action: "right", keys: ["ArrowRight"] },
  { action: "up", keys: ["ArrowUp"] },
  { action: "down", keys: ["ArrowDown"] },
  { action: "nearer", keys: ["+", "="], shown: ["+", "−"], text: "zoom" },
  { action: "further", keys: ["-", "_"] },
  { action: "fit", keys: ["0", "Home"], shown: ["0"], text: "all of it" },
  { action: "next", keys: ["n", "PageDown"], shown: ["N", "P"], text: "next point, the one before" },
  { action: "previous", keys: ["p", "PageUp"] },
  { action: "play", keys: [" "], shown: ["Space"], text: "play" },
  { action: "open", keys: ["Enter", "o"], shown: ["Enter"], text: "open" },
  { action: "outline", keys: ["l"], shown: ["L"], text: "draw an outline" },
  { action: "screen", keys: ["a"], shown: ["A"], text: "all on this screen" },
  { action: "hover", keys: ["h"], shown: ["H"], text: "play on hover" },
  { action: "clear", keys: ["Escape"], shown: ["Esc"], text: "let go" },
];
const ACTIONS = new Map(MAP_KEYS.flatMap(({ action, keys }) => keys.map((key) => [key, action])));
const REPEATED = new Set(["left", "right", "up", "down", "nearer", "further", "next", "previous"]);

// The action of a key press, or "" where the key belongs to something else on the page. `root` holds the map.
/** @param {KeyboardEvent} event @param {Element} root @param {Element} host the element of `root` in the page */
export function mapAction(event, root, host) {
  if (isShortcut(event) || event.isComposing || event.defaultPrevented) return "";
  const action = keysOf(event).map((name) => ACTIONS.get(name)).find(Boolean) ?? "";
  const target = event.composedPath()[0];
  if (!action || !host.getClientRects().length || !(target instanceof Element)) return "";
  const isOurs = root.contains(target);
  if (isField(target) || (!isOurs && target !== document.body)) return "";
  if (isOurs && (event.key === " " || event.key === "Enter") && target.closest("button, input, a, [role=tab]")) return "";
  for (const dialog of document.querySelectorAll("[role=dialog]")) {
    if (!dialog.contains(host) && dialog.getClientRects().length) return "";
  }
  if (event.repeat && !REPEATED.has(action)) return "held"; // the key is ours, but holding it down is one press
  return action;
}
