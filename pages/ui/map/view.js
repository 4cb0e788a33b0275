// The elements of the map.

import { button, caps, el, icon } from "../shared/elements.js";
import { MAP_KEYS } from "./keys.js";

export const MISLEADS = "A map of two dimensions misleads: neighbours on it may sound unlike. This list goes by all numbers of the vectors.";

/** @param {string} test @param {string} label @param {string} key @param {string} title */
function tool(test, label, key, title) {
  return button(test, label, key, "", title);
}

export function buildMap() {
  const v = {};
  v.by = el("select", { test: "map-by", "aria-label": "colour by" });
  const by = el("label", { class: "by" }, el("span", { text: "Colour by" }), v.by);
  v.outline = tool("map-outline", "Outline", "L", "draw around points with the pointer (or hold Shift and drag)");
  v.outline.setAttribute("aria-pressed", "false");
  v.screen = tool("map-screen", "This screen", "A", "all points on this screen, as an outline around them would");
  v.nearer = tool("map-nearer", "+", "", "nearer (+)");
  v.further = tool("map-further", "−", "", "further (−)");
  v.fit = tool("map-fit", "All of it", "0", "show the whole map");
  v.hover = tool("map-hover", "Sound on hover", "H", "play what the pointer rests on");
  v.hover.setAttribute("aria-pressed", "true");
  v.notice = el("div", { class: "notice", test: "map-notice", role: "status", "aria-live": "polite" });
  const tools = el("div", { class: "tools", role: "toolbar", "aria-label": "map" }, by, v.outline, v.screen, el("span", { class: "group" }, v.nearer, v.further, v.fit), v.hover, v.notice);

  v.areaSaid = el("span", { class: "said", test: "map-area-said", role: "status", "aria-live": "polite" });
  v.sweep = button("map-sweep", "Sweep", "", "", "decide them on a wall, class by class");
  v.queue = button("map-queue", "Queue", "", "", "the suspects of their clips, as a list");
  v.decide = button("map-decide", "Decide…", "", "present", "decide all cells to do in their clips at once; it is asked first");
  v.undo = el("button", { type: "button", test: "map-undo", text: "Undo", hidden: true });
  v.letGo = button("map-let-go", "Let go", "", "", "forget the outline (Esc)");
  v.area = el("div", { class: "area", test: "map-area", role: "group", "aria-label": "what is chosen", hidden: true }, v.areaSaid, v.sweep, v.queue, v.decide, v.undo, v.letGo);

  v.points = el("canvas", { class: "points", test: "map-points" });
  v.marks = el("canvas", { class: "marks" });
  v.card = el("div", { class: "card", test: "map-card", hidden: true });
  v.empty = el("div", { class: "state", test: "map-state", text: "loading the points…" });
  v.canvas = el("div", { class: "canvas", test: "map-canvas", tabindex: "0", role: "application", "aria-label": "map of all stretches; arrows move it, + and − zoom, N goes from point to point", "aria-describedby": "map-count" },
    v.points, v.marks, v.empty, v.card);
  v.count = el("div", { class: "count", id: "map-count", test: "map-count" });

  v.legend = el("div", { class: "legend-box", test: "map-legend", role: "group", "aria-label": "colours" });
  v.nearTab = el("button", { type: "button", role: "tab", test: "map-tab-near", text: "Neighbours", "aria-selected": "true" });
  v.clustersTab = el("button", { type: "button", role: "tab", test: "map-tab-clusters", text: "Clusters", "aria-selected": "false" });
  v.here = el("div", { class: "here", test: "map-here" });
  v.near = el("div", { class: "near", test: "map-near", role: "tabpanel" }, v.here);
  v.clusters = el("div", { class: "cluster-box", test: "map-clusters", role: "tabpanel", hidden: true });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "beside the map" }, v.nearTab, v.clustersTab);
  const side = el("aside", { class: "side", "aria-label": "beside the map" }, v.legend, tabs, v.near, v.clusters);
  v.audio = el("audio", { test: "map-audio" });
  const keys = el("div", { class: "keys", "aria-hidden": "true" });
  for (const { shown, text } of MAP_KEYS) if (shown) keys.append(el("span", { class: "hint" }, caps(...shown), el("span", { text })));
  v.dialog = el("dialog", { class: "deciding", test: "rows-deciding" });
  v.root = el("section", { class: "map", test: "map-root" }, tools, v.area, el("div", { class: "both" }, el("div", { class: "main" }, v.canvas, v.count), side), keys, v.audio, v.dialog);
  return v;
}

// What is said of the point that is pointed at, above its neighbours.
/** @param {string} title @param {string} words @param {boolean} isPlaying */
export function hereHead(title, words, isPlaying) {
  const play = el("button", { type: "button", class: "go", test: "map-play", "aria-label": isPlaying ? "stop" : "play", title: "play (Space)" }, icon(isPlaying ? "pause" : "play"));
  const open = el("button", { type: "button", test: "map-open", text: "Open", title: "open the clip at that moment (Enter)" });
  return el("div", { class: "head" }, el("div", { class: "words" }, el("span", { class: "first", text: title, title }), el("span", { class: "second", text: words })), play, open);
}
