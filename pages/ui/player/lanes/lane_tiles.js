// The finer values of a long recording's lanes: what is on the screen is asked for, all lanes at once.

import { curvesOf, POOL, shares, TILE_STEPS } from "./curve.js";

/**
 * @import { Lane, Steps } from "../../shared/server"
 * @import { LanesHost } from "../types"
 */

const REST_MS = 60; // what is passed is not asked for
const AGAIN_MS = 3000;
const MOST_LANES = 64; // of one request

/** @typedef {{ of: "values" | "compare", level: number, place: number }} Wanted */

export class LaneTiles {
  /** @param {LanesHost} host @param {() => void} came */
  constructor(host, came) {
    this.host = host;
    this.came = came;
    this.resting = 0;
    this.asking = false;
    this.again = 0; // when it is asked again after a refusal
  }

  // After each draw. `width` are the pixels of a lane.
  /** @param {number} width */
  want(width) {
    clearTimeout(this.resting);
    if (!this.asking && this.missing(width)) this.resting = setTimeout(() => this.fetch(width), Math.max(REST_MS, this.again - performance.now()));
  }

  // The next tile that the screen needs; null where all are here.
  /** @param {number} width @returns {Wanted | null} */
  missing(width) {
    const { data, look } = this.host;
    const wanted = this.tilesIn("values", data.steps, width);
    if (look.compare && data.compare_steps) wanted.push(...this.tilesIn("compare", data.compare_steps, width));
    return wanted.find((tile) => this.lacking(tile).length) ?? null;
  }

  /** @param {Wanted["of"]} of @param {Steps} steps @param {number} width @returns {Wanted[]} */
  tilesIn(of, { start_s, step_s, count, level: first }, width) {
    if (!first) return [];
    const { from_s, to_s } = this.host.stage.view;
    const stepsAPixel = (to_s - from_s) / Math.max(1, width) / step_s;
    const level = Math.max(0, Math.floor(Math.log(stepsAPixel) / Math.log(POOL) + 1e-9));
    if (level >= first) return [];
    const inTile = TILE_STEPS * POOL ** level;
    const place = (/** @type {number} */ timeS) => Math.floor(Math.min(count - 1, Math.max(0, (timeS - start_s) / step_s)) / inTile);
    return Array.from({ length: place(to_s) - place(from_s) + 1 }, (_, more) => ({ of, level, place: place(from_s) + more }));
  }

  // The lanes that lack a tile.
  /** @param {Wanted} wanted @returns {Lane[]} */
  lacking({ of, level, place }) {
    const { data } = this.host;
    return data.lanes.filter((lane) => {
      const curve = curvesOf(data, lane)[of];
      return curve && !curve.tile(level, place);
    });
  }

  /** @param {number} width */
  async fetch(width) {
    const { data, api } = this.host;
    const wanted = this.missing(width);
    if (!wanted || this.asking) return;
    const { of, level, place } = wanted;
    const lanes = this.lacking(wanted).slice(0, MOST_LANES);
    /** @type {("values" | "low" | "high" | "compare")[]} */
    const names = lanes.some((lane) => lane.spread) && of === "values" ? ["values", "low", "high"] : [of];
    const query = new URLSearchParams({
      run: of === "compare" ? data.compare_run : data.run_id, level: String(level), index: String(place),
      spread: String(names.length > 1 ? 1 : 0), codes: JSON.stringify(lanes.map((lane) => lane.class)),
    });
    this.asking = true;
    try {
      const numbers = new Uint16Array(await api.bytes(`/api/clips/${data.clip_id}/lanes?${query}`));
      const steps = numbers.length / (names.length * lanes.length);
      names.forEach((name, curve) => lanes.forEach((lane, row) => {
        const here = curvesOf(data, lane)[name];
        const from = (curve * lanes.length + row) * steps;
        here?.keep(level, place, shares(numbers.subarray(from, from + steps), here.sign));
      }));
    } catch (problem) {
      this.again = performance.now() + AGAIN_MS; // until then the coarser ones stand there
    }
    this.asking = false;
    this.came();
  }

  close() {
    clearTimeout(this.resting);
  }
}
