// One curve of a lane, with the highest of each 8 of its values, of each 64, ...: a long recording is drawn without looking
// at every value. Of such a one only the coarser levels come with the clip, and the finer ones in tiles (lane_tiles.js).

/** @import { Clip, Lane } from "../../shared/server" */

export const POOL = 8;
export const TILE_STEPS = 1024;
const FULL = 65535;
const CURVES_KEPT = 200;
const TILES_KEPT = 32; // of each of them

/** @typedef {Map<string, Float32Array>} Tiles by level and place */
/** @typedef {{ values: Curve | null, low: Curve | null, high: Curve | null, compare: Curve | null }} Curves of a lane */

// Tiles of the curves shown last, by run, clip and class: they outlive the data of a clip, which each decision renews.
/** @type {Map<string, Tiles>} */
const kept = new Map();

/** @param {string} key @returns {Tiles} */
function tilesOf(key) {
  const tiles = kept.get(key) ?? new Map();
  kept.delete(key);
  kept.set(key, tiles);
  for (const oldest of kept.keys()) if (kept.size > CURVES_KEPT) kept.delete(oldest);
  return tiles;
}

// Numbers from 0 to 1, packed as the server packs them.
/** @param {Uint16Array} numbers @param {number} [sign] */
export function shares(numbers, sign = 1) {
  return Float32Array.from(numbers, (number) => (sign * number) / FULL);
}

/** @param {string} packed */
function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

export class Curve {
  // `values` are those of a level, 0 for all; `sign` -1: of what is drawn the lowest counts, which are kept as negative.
  /** @param {ArrayLike<number>} values @param {{ count?: number, level?: number, sign?: number, tiles?: Tiles }} [given1] */
  constructor(values, { count = values.length, level = 0, sign = 1, tiles = new Map() } = {}) {
    this.count = count;
    this.level = level;
    this.sign = sign;
    this.tiles = tiles;
    let below = Float32Array.from(values);
    this.levels = [below]; // from `level` on
    while (below.length > POOL) {
      const next = new Float32Array(Math.ceil(below.length / POOL)).fill(-Infinity);
      for (let index = 0; index < below.length; index += 1) if (below[index] > next[index >> 3]) next[index >> 3] = below[index];
      this.levels.push(next);
      below = next;
    }
    this.found = { level: -1, place: -1, tile: /** @type {Float32Array | undefined} */ (undefined) }; // what was looked for last
  }

  get top() {
    return this.level + this.levels.length - 1;
  }

  // A finer tile; undefined where it is still to come.
  /** @param {number} level @param {number} place */
  tile(level, place) {
    const { found } = this;
    if (found.tile && found.level === level && found.place === place) return found.tile;
    const tile = this.tiles.get(`${level} ${place}`);
    this.found = { level, place, tile };
    return tile;
  }

  /** @param {number} level @param {number} place @param {Float32Array} tile */
  keep(level, place, tile) {
    this.tiles.set(`${level} ${place}`, tile);
    for (const oldest of this.tiles.keys()) if (this.tiles.size > TILES_KEPT) this.tiles.delete(oldest);
  }

  // A value of a level; where it is still to come, that of the coarser ones.
  /** @param {number} level @param {number} index @returns {number} */
  get(level, index) {
    if (level >= this.level) return this.levels[level - this.level][index];
    return this.tile(level, Math.floor(index / TILE_STEPS))?.[index % TILE_STEPS] ?? this.get(level + 1, index >> 3);
  }

  // The value of a step; NaN where it is still to come, null where there is none.
  /** @param {number} index */
  at(index) {
    if (!(index >= 0 && index < this.count)) return null;
    if (!this.level) return this.sign * this.levels[0][index];
    const value = this.tile(0, Math.floor(index / TILE_STEPS))?.[index % TILE_STEPS];
    return value === undefined ? NaN : this.sign * value;
  }

  // The step of the highest value that is here.
  get peak() {
    let [best, highest] = [0, -Infinity];
    for (let index = 0; index < this.count; index += 1) {
      const value = this.at(index);
      if (value !== null && value > highest) [best, highest] = [index, value];
    }
    return best;
  }

  // The highest of the steps [from, to), both whole.
  /** @param {number} from @param {number} to */
  highest(from, to) {
    let best = -Infinity;
    for (let level = 0; from < to; level += 1) {
      const isLast = level === this.top;
      while (from < to && (isLast || from % POOL)) best = Math.max(best, this.get(level, from++));
      while (from < to && to % POOL) best = Math.max(best, this.get(level, --to));
      from /= POOL;
      to /= POOL;
    }
    return best;
  }
}

/** @type {WeakMap<Clip, Map<string, Curves>>} */
const made = new WeakMap();

// The curves of a lane, by its class.
/** @param {Clip} data @param {Lane | null | undefined} lane @returns {Curves} */
export function curvesOf(data, lane) {
  if (!lane) return { values: null, low: null, high: null, compare: null };
  const lanes = made.get(data) ?? new Map();
  made.set(data, lanes);
  const known = lanes.get(lane.class) ?? curvesFrom(data, lane);
  lanes.set(lane.class, known);
  return known;
}

/** @param {Clip} data @param {Lane} lane @returns {Curves} */
function curvesFrom(data, lane) {
  const of = (/** @type {string} */ run, /** @type {string} */ name, /** @type {string | null | undefined} */ packed, { count, level } = data.steps, sign = 1) => {
    const tiles = level ? tilesOf(JSON.stringify([data.clip_id, run, lane.class, name])) : undefined;
    return packed ? new Curve(shares(unpacked(packed), sign), { count, level, sign, tiles }) : null;
  };
  return {
    values: of(data.run_id, "values", lane.values),
    low: of(data.run_id, "low", lane.spread?.low, data.steps, -1),
    high: of(data.run_id, "high", lane.spread?.high),
    compare: data.compare_steps && of(data.compare_run, "values", lane.compare, data.compare_steps),
  };
}
