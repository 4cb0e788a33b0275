// The elements of the stage: minimap, waveform, picture with its axes, lanes and what lies over them.

import { el, select, slider } from "../../shared/elements.js";
import { COLORMAPS } from "../../shared/picture.js";

/** @import { View } from "../types" */

/** @param {string} test @param {string} text @param {string} title @param {Record<string, unknown>} [more] */
export function toolButton(test, text, title, more = {}) {
  const node = el("button", { type: "button", class: "tool", test, text, title, "aria-label": title, ...more });
  node.addEventListener("pointerdown", (event) => event.preventDefault()); // a click must not take the keys away
  return node;
}

function buildLooks() {
  const v = {};
  /** @type {[string, string][]} */
  const names = Object.keys(COLORMAPS).map((name) => [name, name[0].toUpperCase() + name.slice(1)]);
  v.colormap = select("player-colormap", "colours", [["auto", "Auto"], ...names]);
  v.floor = slider("player-floor", "Floor", -40, 40, 1);
  v.ceiling = slider("player-ceiling", "Ceiling", -40, 40, 1);
  v.contrast = toolButton("player-contrast", "contrast", "take the contrast anew, from what is in view");
  v.zoomOut = toolButton("player-zoom-out", "−", "zoom out");
  v.zoomIn = toolButton("player-zoom-in", "+", "zoom in");
  v.fit = toolButton("player-fit", "fit", "the whole clip");
  v.boxMode = toolButton("player-box-mode", "box", "dragging selects a box of time and frequency (or hold Shift)",
    { "aria-pressed": "false" });
  v.denoise = toolButton("player-denoise", "clean", "less noise in the picture", { "aria-pressed": "false" });
  v.settingsButton = toolButton("player-settings-button", "picture…", "picture settings", { "aria-expanded": "false" });
  const looks = el("div", { class: "looks", role: "toolbar", "aria-label": "picture" },
    v.colormap, v.ceiling.node, v.floor.node,
    el("div", { class: "tools" }, v.zoomOut, v.zoomIn, v.fit, v.boxMode, v.denoise, v.contrast, v.settingsButton));
  return { looks, ...v };
}

// The stage itself, and what changes in it.
export function buildStage() {
  const { looks, ...tools } = buildLooks();
  const v = {};
  v.settings = el("div", { class: "settings", test: "player-settings", role: "region", "aria-label": "picture settings",
    hidden: true });

  v.miniCanvas = el("canvas");
  v.miniMarks = el("div", { class: "mini-marks" });
  v.miniWindow = el("div", { class: "mini-window", test: "player-minimap-window" },
    el("span", { class: "from" }), el("span", { class: "to" }));
  v.mini = el("div", { class: "mini", test: "player-minimap", role: "slider", tabindex: "0",
    "aria-label": "what part of the recording is in view" }, v.miniCanvas, v.miniMarks, v.miniWindow);
  v.miniRow = el("div", { class: "row mini-row", hidden: true },
    el("div", { class: "gutter unit", text: "recording" }), v.mini, el("div", { class: "tail" }));

  v.wave = el("canvas", { class: "wave", test: "player-waveform", role: "img", "aria-label": "waveform" });
  v.waveRow = el("div", { class: "row wave-row" }, el("div", { class: "gutter" }), v.wave, el("div", { class: "tail" }));

  v.axis = el("div", { class: "axis", test: "player-axis", title: "wheel or drag: zoom in frequency; double-click: the whole range" });
  v.axisBand = el("div", { class: "axis-band", hidden: true });
  v.canvas = el("canvas", { class: "picture", test: "player-picture", role: "img", "aria-label": "spectrogram" });
  v.readout = el("div", { class: "readout", test: "player-readout", "aria-hidden": "true" });
  v.error = el("div", { class: "error", test: "player-error", role: "alert", hidden: true });
  v.drawing = el("div", { class: "drawing", text: "drawing…", hidden: true });
  v.plot = el("div", { class: "plot", test: "player-plot" }, v.canvas, v.axisBand, v.drawing, v.error, v.readout);
  v.scaleBar = el("canvas", { class: "scale" });
  v.scaleTop = el("span", { class: "scale-top" });
  v.scaleBottom = el("span", { class: "scale-bottom" });
  const scale = el("div", { class: "tail scales", "aria-hidden": "true" }, v.scaleBar, v.scaleTop, v.scaleBottom);
  v.ticks = el("div", { class: "ticks", test: "player-ticks", title: "drag: earlier or later; double-click: the whole clip" });

  v.lanes = el("div", { class: "lanes", test: "player-lanes", role: "listbox", "aria-label": "classes of this clip" });
  v.selectionText = el("span");
  v.selection = el("div", { class: "selection", test: "player-selection", hidden: true }, v.selectionText);
  v.suspectMark = el("div", { class: "mark", test: "player-suspect-stretch", hidden: true });
  v.cursor = el("div", { class: "cursor", test: "player-cursor" });
  v.pointer = el("div", { class: "pointer", hidden: true });
  v.overlay = el("div", { class: "overlay", "aria-hidden": "true" }, v.suspectMark, v.selection, v.pointer, v.cursor);

  const body = el("div", { class: "stage-body" }, v.waveRow,
    el("div", { class: "row spectrum" }, el("div", { class: "gutter" }, v.axis), v.plot, scale),
    el("div", { class: "row" }, el("div", { class: "gutter unit" }), v.ticks, el("div", { class: "tail unit", text: "clip" })),
    v.lanes, v.overlay);
  const stage = el("div", { class: "stage" }, v.settings, el("div", { class: "desk" }, looks, body), v.miniRow);
  return { stage, ...tools, ...v };
}

// Labels at their places, with elements used again: `marks` are {text, share} with a share of the length.
/** @param {HTMLElement} holder @param {{ text: string, share: number }[]} marks @param {"left" | "bottom"} side */
export function placeTicks(holder, marks, side) {
  while (holder.children.length > marks.length) holder.lastElementChild?.remove();
  while (holder.children.length < marks.length) holder.append(el("span", { class: "tick" }));
  marks.forEach(({ text, share }, index) => {
    const tick = /** @type {HTMLElement} */ (holder.children[index]);
    if (tick.textContent !== text) tick.textContent = text;
    tick.style[side] = `${share * 100}%`;
  });
}
