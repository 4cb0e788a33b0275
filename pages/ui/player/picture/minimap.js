// The whole recording in one strip, with the part in view as a window to drag; it fills in while nothing else is asked.

import { thingAt } from "../../shared/answers.js";
import { clock } from "../../shared/axes.js";
import { el } from "../../shared/elements.js";
import { colourTable, contrastOf, drawTiles, fitCanvas, suggestedContrast } from "../../shared/picture.js";
import { isColoured } from "./layers.js";
import { pictureQuery, STANDARD_PICTURE } from "./options.js";
import { round3, SHORTEST_VIEW_S, stretchOf, viewAround } from "../span.js";
import { tiles } from "./tiles.js";
import { levelStepS, nearest, TILE_COLUMNS, TileSet, zoomFor } from "./tileset.js";

/**
 * @import { Span, Stretch } from "../../shared/types"
 * @import { Tile, Wish } from "../types"
 * @import { Stage } from "./stage.js"
 */

const MINI_ROWS = 32;
const MINI_REQUESTS = 32;
const MINI_COARSEST = 10;
const LONG_S = 600;
const REST_MS = 30; // between two pieces: what the reviewer presses comes first

export class Minimap {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {TileSet | null} */
    this.set = null;
    /** @type {Wish[]} */
    this.wishes = [];
    /** @type {{ part: string, at: number, view: Span } | null} */
    this.held = null;
    this.marked = "";
    this.resting = 0;
    const { mini } = stage.v;
    mini.addEventListener("pointerdown", (event) => this.press(event));
    mini.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) mini.addEventListener(name, () => { this.held = null; });
    mini.addEventListener("keydown", (event) => this.key(event));
  }

  arrive() {
    this.set = null;
    this.held = null;
    this.marked = "";
    clearTimeout(this.resting);
    tiles.wish({ mini: [] });
  }

  // Long recordings come in many small pieces, so that each shows as soon as it is there.
  /** @param {number} width */
  ask(width) {
    const { data, layers, duration } = this.stage;
    const { axis, low_hz, high_hz } = layers.picture;
    const query = pictureQuery({ ...STANDARD_PICTURE, axis, low_hz, high_hz, rows: MINI_ROWS });
    this.set = new TileSet(data.tile_url, { query, palette: `mini ${thingAt(data.tile_url)}&${query}` });
    this.zoom = zoomFor(duration, width);
    let level = Math.min(this.zoom, MINI_COARSEST);
    while (duration > LONG_S && level > 0 && duration / (TILE_COLUMNS * levelStepS(level)) < MINI_REQUESTS) level -= 1;
    this.wishes = this.set.covering(this.zoom, 0, duration, duration, level);
    this.query = layers.base?.query;
    this.fill();
  }

  // One piece after the other, each once nothing else is done: first what lies around the part in view, then outward.
  fill() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      const { view } = this.stage;
      const next = tiles.isIdle ? nearest(this.wishes.filter((wish) => tiles.isWanting(wish)), (view.from_s + view.to_s) / 2) : null;
      if (next) tiles.wish({ mini: [next] });
      else if (!tiles.isIdle) this.fill();
    }, REST_MS);
  }

  /** @param {Wish | null} wish */
  came(wish) {
    if (wish && this.wishes.some(({ key }) => key === wish.key)) this.fill();
  }

  draw() {
    const { v, view, layers, data, duration } = this.stage;
    v.miniRow.hidden = !this.stage.zoomed || Boolean(data.error) || !layers.base;
    if (v.miniRow.hidden) return;
    const { context, width, height } = fitCanvas(v.miniCanvas);
    context.clearRect(0, 0, width, height);
    if ((!this.set || this.query !== layers.base?.query) && v.root.dataset.shown) this.ask(v.miniCanvas.width);
    const here = this.set ? this.wishes.flatMap(({ key }) => tiles.get(key) ?? []) : [];
    if (this.set && here.length) {
      const { bottom_hz, top_hz } = here[0].facts;
      this.colour(this.set, here);
      const drawn = here.filter(isColoured);
      drawTiles(v.miniCanvas, drawn, { from_s: 0, to_s: duration, low_hz: bottom_hz, high_hz: top_hz }, layers.axisKind, layers.colormap);
    }
    v.mini.dataset.drawn = String(here.length);
    v.miniWindow.style.left = `${(view.from_s / duration) * 100}%`;
    v.miniWindow.style.width = `${((view.to_s - view.from_s) / duration) * 100}%`;
    const values = { min: 0, max: round3(duration), now: round3(view.from_s), text: `${clock(view.from_s)} to ${clock(view.to_s)}` };
    for (const [name, value] of Object.entries(values)) v.mini.setAttribute(`aria-value${name}`, String(value));
    this.drawMarks();
  }

  // Its own contrast, from what has come so far.
  /** @param {TileSet} set @param {Tile[]} here */
  colour(set, here) {
    const { colormap } = this.stage.layers;
    const { floorLevel, ceilingLevel } = contrastOf(suggestedContrast(here), { floor: 0, ceiling: 0 });
    const stamp = `${colormap} ${floorLevel.toFixed(0)} ${ceilingLevel.toFixed(0)}`;
    tiles.setPalette(set.palette, stamp, () => colourTable(colormap, floorLevel, ceilingLevel));
  }

  // The doubted stretch and the boxes of the class in focus.
  drawMarks() {
    const { v, duration, host } = this.stage;
    const { lane } = host;
    if (v.miniRow.hidden) return;
    /** @returns {[string, number, number][]} */
    const of = (/** @type {string} */ kind, /** @type {Stretch[]} */ ranges) => ranges.map((range) => [kind, range.onset_s, range.offset_s]);
    const doubted = stretchOf(lane);
    const marks = [...of("suspect", doubted ? [doubted] : []), ...of("event", lane?.events ?? []), ...of("quiet", lane?.quiet ?? [])];
    const marked = JSON.stringify(marks);
    if (marked === this.marked) return;
    this.marked = marked;
    v.miniMarks.replaceChildren(...marks.map(([kind, onset_s, offset_s]) => {
      const mark = el("span", { class: kind });
      mark.style.left = `${(onset_s / duration) * 100}%`;
      mark.style.width = `${((offset_s - onset_s) / duration) * 100}%`;
      return mark;
    }));
  }

  close() {
    clearTimeout(this.resting);
  }

  // ---------------------------------------------------------------- pointer and keys

  /** @param {PointerEvent} event */
  timeAt(event) {
    const box = this.stage.v.mini.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.stage.duration;
  }

  // On an edge of the window it is resized, within it moved, beside it brought there.
  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0 || !this.stage.data) return;
    event.preventDefault();
    const { v, view } = this.stage;
    const at = this.timeAt(event);
    const { target } = event;
    const part = target instanceof Element && target.parentElement === v.miniWindow ? target.className : "";
    if (!part && (at < view.from_s || at > view.to_s)) this.stage.setView(viewAround(at, this.stage.span, this.stage.duration));
    this.held = { part, at, view: { ...this.stage.view } };
    v.mini.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!this.held) return;
    const { part, at, view } = this.held;
    const now = Math.min(this.stage.duration, Math.max(0, this.timeAt(event)));
    if (part === "from") this.stage.setView({ from_s: Math.min(now, view.to_s - SHORTEST_VIEW_S), to_s: view.to_s });
    else if (part === "to") this.stage.setView({ from_s: view.from_s, to_s: Math.max(now, view.from_s + SHORTEST_VIEW_S) });
    else this.stage.setView({ from_s: view.from_s + now - at, to_s: view.to_s + now - at });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -0.25, ArrowRight: 0.25, ArrowUp: -0.25, ArrowDown: 0.25, PageUp: -0.9, PageDown: 0.9 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.stage.pan(steps[event.key]);
  }
}
