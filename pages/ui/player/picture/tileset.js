// Where the tiles of a picture lie in time, and what they are asked for by.

import { thingAt } from "../../shared/answers.js";

/** @import { Wish } from "../types" */

export const TILE_COLUMNS = 1024;
const COARSEST_LEVEL = 11;
const FINEST_STEP_S = 0.0005;

/** @param {number} level */
export function levelStepS(level) {
  return FINEST_STEP_S * 2 ** level;
}

// The coarsest zoom that still has a column for each pixel. Zooms above COARSEST_LEVEL are pooled in the worker.
/** @param {number} spanS @param {number} widthPx */
export function zoomFor(spanS, widthPx) {
  return Math.max(0, Math.floor(Math.log2(spanS / Math.max(1, widthPx) / FINEST_STEP_S) + 1e-9));
}

// What lies nearest to a time; null for nothing.
/** @param {Wish[]} wishes @param {number} timeS */
export function nearest(wishes, timeS) {
  const far = (/** @type {Wish} */ { from_s, to_s }) => Math.abs((from_s + to_s) / 2 - timeS);
  return wishes.reduce((/** @type {Wish | null} */ best, wish) => (best && far(best) <= far(wish) ? best : wish), null);
}

// All tiles of one clip drawn with one group of settings. `query`: the settings; `palette`: the name of its colours.
export class TileSet {
  /** @param {string} url @param {{ query?: string, kind?: string, down?: number, palette: string }} given1 */
  constructor(url, { query = "", kind = "tile", down = 1, palette }) {
    this.url = url;
    this.query = query;
    this.kind = kind;
    this.down = down;
    this.palette = palette;
    this.name = `${thingAt(url)}&${query}|${down}`;
  }

  // What covers from_s..to_s at a zoom, in order of time. `level` is what is fetched, if finer than the zoom.
  /**
   * @param {number} zoom
   * @param {number} from_s
   * @param {number} to_s
   * @param {number} durationS
   * @param {number} [level]
   */
  covering(zoom, from_s, to_s, durationS, level = Math.min(zoom, COARSEST_LEVEL)) {
    const spanS = TILE_COLUMNS * levelStepS(level);
    const last = Math.max(0, Math.ceil(durationS / spanS - 1e-9) - 1);
    const first = Math.min(last, Math.max(0, Math.floor(from_s / spanS)));
    const end = Math.min(last, Math.max(first, Math.ceil(to_s / spanS) - 1));
    return Array.from({ length: end - first + 1 }, (_, place) => this.wish(zoom, level, first + place));
  }

  /** @param {number} zoom @param {number} level @param {number} index */
  wish(zoom, level, index) {
    const { url, kind, down, palette } = this;
    const query = [this.query, `level=${level}&index=${index}`].filter(Boolean).join("&");
    const spanS = TILE_COLUMNS * levelStepS(level);
    return {
      key: `${this.name}|${level}|${index}|${zoom}`, url: `${url}${url.includes("?") ? "&" : "?"}${query}`,
      kind, palette, down, across: 2 ** (zoom - level), from_s: index * spanS, to_s: (index + 1) * spanS,
    };
  }
}
