// Stretches as one sees them: the small picture, the file, the time, the labels; each plays, opens, or is gone to.

import { el, icon } from "../shared/elements.js";
import { drawCut } from "../wall/tiles.js";

/**
 * @import { MapStretch } from "../shared/server"
 * @import { Cut } from "../wall/types"
 */

/** @param {MapStretch} one */
export function whenOf({ snippet }) {
  return `${snippet.onset_s.toFixed(1)} to ${snippet.offset_s.toFixed(1)} s`;
}

// The picture of a stretch, filled once its tile is here.
/** @param {MapStretch} one @param {Cut | null} cut @param {string} colormap @param {number} widthPx */
export function pictureOf(one, cut, colormap, widthPx) {
  const holder = el("div", { class: "pic", test: "map-picture", "data-id": one.snippet.id, "data-drawn": "false" });
  fillPicture(holder, one, cut, colormap, widthPx);
  return holder;
}

/** @param {HTMLElement} holder @param {MapStretch} one @param {Cut | null} cut @param {string} colormap @param {number} widthPx */
export function fillPicture(holder, { snippet }, cut, colormap, widthPx) {
  if (!cut || cut.error !== undefined) {
    holder.replaceChildren(el("span", { class: "state", text: cut ? cut.error : "drawing…" }));
    return;
  }
  const canvas = el("canvas", { "aria-hidden": "true" });
  drawCut(canvas, cut, colormap, Math.round(widthPx * (window.devicePixelRatio || 1)));
  const share = (/** @type {number} */ timeS) => (100 * (timeS - snippet.from_s)) / Math.max(0.001, snippet.to_s - snippet.from_s);
  const mark = el("span", { class: "mark" });
  const [left, right] = [Math.max(0, share(snippet.onset_s)), Math.min(100, share(snippet.offset_s))];
  mark.style.cssText = `left:${left}%;width:${Math.max(1, right - left)}%`;
  holder.replaceChildren(canvas, mark);
  holder.dataset.drawn = "true";
}

// A row of a list: press it to hear it and see where it lies; the arrow opens the clip.
/** @param {MapStretch} one @param {HTMLElement} picture */
export function stretchRow(one, picture) {
  const { snippet, labels, alike } = one;
  const title = el("span", { class: "title", text: snippet.title });
  const first = el("span", { class: "first" }, title, ...(alike === undefined ? [] : [el("span", { class: "alike", title: "cosine of both vectors", text: alike.toFixed(2) })]));
  const second = el("span", { class: "second", text: `${whenOf(one)}${labels ? ` · ${labels}` : " · no label"}` });
  const main = el("button", { type: "button", class: "stretch", test: "map-stretch", "data-point": one.point, title: `${snippet.title}, ${whenOf(one)}: hear it, and see where it lies` },
    picture, el("span", { class: "words" }, first, second));
  const open = el("button", { type: "button", class: "go", test: "map-stretch-open", "data-point": one.point, "aria-label": `open ${snippet.title}`, title: "open the clip at that moment" }, icon("play"));
  return el("li", {}, main, open);
}
