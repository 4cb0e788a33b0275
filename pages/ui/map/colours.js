// What the points are coloured by: the bytes that the server gives, the colours, and the legend that says what they are.

import { colourAt, COLORMAPS } from "../shared/picture.js";
import { el } from "../shared/elements.js";
import { COLOURS } from "./cloud.js";

/** @import { Legend } from "../shared/server" */

export const UNKNOWN = 65535;
// Twelve that can be told apart, also by who sees few colours as long as neighbours differ in lightness (Paul Tol's
// "bright" and "muted", reordered); names after these share what is left.
const HUES = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#44aa99", "#882255", "#999933", "#6699cc", "#ddaa77"];
const OTHERS = { light: "#a8b0ba", dark: "#6d7681" };
const NOBODY = { light: "#c9ced5", dark: "#454c55" };

// The numbers of all points, and what they are called.
/** @param {ArrayBuffer} bytes @returns {{ legend: Legend, codes: Uint16Array }} */
export function readColours(bytes) {
  const length = new DataView(bytes).getUint32(0, true);
  return { legend: JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))), codes: new Uint16Array(bytes.slice(4 + length)) };
}

/** @param {string} hex @returns {[number, number, number]} */
function rgb(hex) {
  return [parseInt(hex.slice(1, 3), 16), parseInt(hex.slice(3, 5), 16), parseInt(hex.slice(5, 7), 16)];
}

// The colour of a name; of a share that of its place in the scale. Code UNKNOWN or -1: not known.
/** @param {Legend} legend @param {number} code @param {boolean} dark @returns {[number, number, number]} */
export function colourOf({ names, is_share: isShare }, code, dark) {
  if (code < 0 || code >= names.length) return rgb(dark ? NOBODY.dark : NOBODY.light);
  if (isShare) {
    const share = 0.08 + (0.84 * code) / Math.max(1, names.length - 1);
    const [r, g, b] = colourAt(COLORMAPS.viridis, dark ? share : 1 - share); // what is likely wrong stands out from the paper
    return [r, g, b];
  }
  return rgb(code < HUES.length ? HUES[code] : dark ? OTHERS.dark : OTHERS.light);
}

// All colours as the cloud wants them; where some names are picked, only those in full.
/** @param {Legend} legend @param {boolean} dark @param {Set<number>} picked */
export function paletteOf(legend, dark, picked) {
  const palette = new Uint8Array(4 * COLOURS);
  for (let place = 0; place < COLOURS; place += 1) {
    const code = place < legend.names.length && place < COLOURS - 1 ? place : -1;
    const isPicked = !picked.size || picked.has(code);
    const isLone = picked.size > 0 && code >= HUES.length && !legend.is_share; // one that has no colour of its own
    const [r, g, b] = isPicked && isLone ? rgb(dark ? "#ffd24d" : "#d4351c") : colourOf(legend, code, dark);
    const alpha = isPicked ? (code < 0 ? 0.55 : 0.85) : 0.06;
    palette.set([r * alpha, g * alpha, b * alpha, 255 * alpha].map(Math.round), 4 * place);
  }
  return palette;
}

// The legend: a button a name, the commonest first; or a scale.
/** @param {Legend} legend @param {boolean} dark @param {Set<number>} picked */
export function legendRows(legend, dark, picked) {
  const css = (/** @type {number} */ code) => `rgb(${colourOf(legend, code, dark).join(" ")})`;
  /** @type {HTMLElement[]} */
  const rows = [];
  if (legend.is_share) {
    const stops = Array.from({ length: 11 }, (_, place) => css(Math.round((place * (legend.names.length - 1)) / 10)));
    const bar = el("div", { class: "scale", role: "img", "aria-label": "from 0 to 1" });
    bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
    rows.push(el("div", { class: "scaled" }, el("span", { text: "0" }), bar, el("span", { text: "1" })));
  } else {
    legend.names.forEach((name, code) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.background = css(code);
      const row = el("button", { type: "button", class: "name", test: "map-name", title: `${name}: click to see it alone`, "aria-pressed": String(picked.has(code)), "data-code": code },
        swatch, el("span", { class: "text", text: name }), el("span", { class: "number", text: legend.counts[code].toLocaleString("en") }));
      rows.push(row);
    });
  }
  if (legend.unknown) {
    const swatch = el("span", { class: "swatch" });
    swatch.style.background = css(-1);
    rows.push(el("div", { class: "name" }, swatch, el("span", { class: "text", text: "none" }), el("span", { class: "number", text: legend.unknown.toLocaleString("en") })));
  }
  return rows;
}
