// The wall's pictures: a few tiles fetched at a time, cut to each snippet's window, coloured for the theme.

import { reasonOf, wordsOf } from "../shared/answers.js";
import { colourTable, contextOf } from "../shared/picture.js";

/**
 * @import { Snippet, TileFacts } from "../shared/server"
 * @import { Cut, Drawn } from "./types"
 */

const WALL_LEVEL = 4; // 8 ms a column: a snippet of 3 s is 375 columns, of one tile or two
const WALL_STEP_S = 0.0005 * 2 ** WALL_LEVEL;
const WALL_ROWS = 80;
const WALL_TILE_COLUMNS = 1024;
const FETCHES_AT_ONCE = 4; // a browser allows six; the sound needs one of them
const SETTLE_MS = 90; // what only flies past is not fetched
const KEPT_CUTS = 400; // about 30 kB each
const LEAST_CONTRAST_DB = 30;

// Cuts by snippet: {levels, columns, rows, floor, ceiling} with levels row by row, or {error}. `drawn` is called with
// the snippet's id once its cut is there.
export class WallTiles {
  /** @param {(id: string) => void} drawn */
  constructor(drawn) {
    this.drawn = drawn;
    /** @type {Map<string, Cut>} */
    this.cuts = new Map();
    /** @type {Map<string, AbortController>} */
    this.jobs = new Map();
    /** @type {Snippet[]} */
    this.wanted = [];
    this.timer = 0;
  }

  // The snippets on the screen, the most urgent first; fetches for all others are given up.
  /** @param {Snippet[]} snippets */
  want(snippets) {
    this.wanted = snippets;
    const ids = new Set(snippets.map((one) => one.id));
    for (const [id, controller] of this.jobs) {
      if (ids.has(id)) continue;
      controller.abort();
      this.jobs.delete(id);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetchNext(), SETTLE_MS);
  }

  /** @param {string} id */
  get(id) {
    const cut = this.cuts.get(id);
    if (!cut) return null;
    this.cuts.delete(id); // the least recently seen go first
    this.cuts.set(id, cut);
    return cut;
  }

  forgetErrors() {
    for (const [id, cut] of this.cuts) if (cut.error) this.cuts.delete(id);
  }

  fetchNext() {
    for (const one of this.wanted) {
      if (this.jobs.size >= FETCHES_AT_ONCE) return;
      if (this.cuts.has(one.id) || this.jobs.has(one.id)) continue;
      const controller = new AbortController();
      this.jobs.set(one.id, controller);
      this.fetch(one, controller);
    }
  }

  /** @param {Snippet} snippet @param {AbortController} controller */
  async fetch(snippet, controller) {
    const { id } = snippet;
    let cut;
    try {
      cut = await cutOf(snippet, controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return;
      cut = { error: wordsOf(error) };
    }
    if (this.jobs.get(id) !== controller) return;
    this.jobs.delete(id);
    this.cuts.set(id, cut);
    for (const oldest of this.cuts.keys()) if (this.cuts.size > KEPT_CUTS) this.cuts.delete(oldest);
    this.drawn(id);
    this.fetchNext();
  }

  close() {
    clearTimeout(this.timer);
    for (const controller of this.jobs.values()) controller.abort();
    this.jobs.clear();
  }
}

// A snippet's window, joined from the tiles that it lies in.
/** @param {Snippet} snippet @param {AbortSignal} signal */
async function cutOf(snippet, signal) {
  if (!snippet.tile_url) throw new Error("no picture");
  const start = Math.round(snippet.from_s / WALL_STEP_S);
  const end = Math.max(start + 1, Math.round(snippet.to_s / WALL_STEP_S));
  const first = Math.floor(start / WALL_TILE_COLUMNS);
  const last = Math.floor((end - 1) / WALL_TILE_COLUMNS);
  const indices = Array.from({ length: last - first + 1 }, (_, place) => first + place);
  const tiles = await Promise.all(indices.map((index) => fetchWallTile(snippet.tile_url, index, signal)));
  const { rows, low_db: low, high_db: high } = tiles[0].facts;
  const columns = end - start;
  const levels = new Uint8Array(columns * rows);
  tiles.forEach(({ facts, levels: from }, place) => {
    const tileStart = (first + place) * WALL_TILE_COLUMNS;
    const left = Math.max(start, tileStart);
    const right = Math.min(end, tileStart + facts.columns);
    if (right <= left) return;
    for (let row = 0; row < rows; row += 1) {
      const at = row * facts.columns - tileStart;
      levels.set(from.subarray(at + left, at + right), row * columns + left - start);
    }
  });
  return { levels, columns, rows, ...contrastOfCut(levels, 255 / (high - low)) };
}

// Half of a snippet is background, and what stands out of it is what one looks for: a quiet call is drawn as dark as
// a loud one, noise alone stays pale. Levels; `unit` of them are a decibel (or one PCEN step).
/** @param {Uint8Array} levels @param {number} unit */
function contrastOfCut(levels, unit) {
  const counts = new Uint32Array(256);
  for (const level of levels) counts[level] += 1;
  const share = (/** @type {number} */ wanted) => {
    let level = 0;
    for (let seen = counts[0]; seen < wanted * levels.length && level < 255; seen += counts[level]) level += 1;
    return level;
  };
  const floor = share(0.6);
  return { floor, ceiling: Math.max(share(0.998), floor + LEAST_CONTRAST_DB * unit) };
}

/** @param {string} url @param {number} index @param {AbortSignal} signal */
async function fetchWallTile(url, index, signal) {
  const response = await fetch(`${url}&level=${WALL_LEVEL}&index=${index}&height_px=${WALL_ROWS}`, { credentials: "same-origin", signal });
  if (!response.ok) throw new Error(await reasonOf(response));
  /** @type {TileFacts} */
  const facts = JSON.parse(response.headers.get("x-earmark-tile") ?? "");
  return { facts, levels: new Uint8Array(await response.arrayBuffer()) };
}

/** @type {Map<string, Uint32Array>} */
const wallColours = new Map();

// Where fewer pixels than columns are left each takes the strongest of its columns: no call falls between two pixels.
/** @param {HTMLCanvasElement} canvas @param {Drawn} cut @param {string} colormap @param {number} widthPx */
export function drawCut(canvas, cut, colormap, widthPx) {
  const colours = wallColours.get(colormap) ?? colourTable(colormap, 0, 255);
  wallColours.set(colormap, colours);
  const span = Math.max(1, cut.ceiling - cut.floor);
  const table = new Uint32Array(256);
  for (let level = 0; level < 256; level += 1) {
    table[level] = colours[Math.round(255 * Math.min(1, Math.max(0, (level - cut.floor) / span)))];
  }
  const { columns, rows } = cut;
  const width = Math.max(1, Math.min(columns, widthPx));
  canvas.width = width;
  canvas.height = rows;
  const levels = new Uint8Array(width * rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const at = row * width + Math.floor((column * width) / columns);
      levels[at] = Math.max(levels[at], cut.levels[row * columns + column]);
    }
  }
  const image = new ImageData(width, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = table[levels[index]];
  contextOf(canvas).putImageData(image, 0, 0);
}
