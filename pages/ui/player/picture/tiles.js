// Tiles: which are wanted first, and those that are here. A worker fetches and colours them.

import { startedWorker } from "./worker.js";

/** @import { First, Wish, Tile, Arrived, Painted } from "../types" */

const MOST_TILE_BYTES = 128 * 1024 * 1024;
// What is wanted, most urgent first, and how many may be under way when one of these is started.
/** @type {[string, number][]} */
const TILE_GROUPS = [["view", 4], ["margin", 2], ["ahead", 2], ["mini", 1]];
const AHEAD_GROUPS = ["margin", "ahead"]; // nobody waits for these yet
const TILES_A_BATCH = 6;
const TILE_TRIES = 3;
const MOST_PALETTES = 400;
const TILE_RETRY_MS = 1500;
const TILE_PATIENCE_MS = 20_000; // an answer that somebody waits for: a connection may be gone and nothing say so

class TileStore {
  constructor() {
    /** @type {Map<string, Tile>} */
    this.entries = new Map(); // the least recently used first
    this.bytes = 0;
    /** @type {Map<string, Wish[]>} */
    this.groups = new Map();
    /** @type {Map<number, { wish: Wish, stamp: string | undefined, ahead: boolean, late: number }>} */
    this.jobs = new Map();
    /** @type {Map<string, { url: string, error: string, status: number, tries: number, again: number }>} */
    this.failed = new Map();
    /** @type {Map<string, { stamp: string, table: Uint32Array }>} */
    this.palettes = new Map();
    /** @type {Map<string, First>} */
    this.firsts = new Map(); // what the first tiles of a palette are coloured by, which decide its contrast
    /** @type {Set<(wish: Wish | null) => void>} */
    this.listeners = new Set();
    this.lastJob = 0;
    /** @type {{ entry: Tile, stamp: string, table: Uint32Array }[] | null} */
    this.batch = null; // what is being coloured
    /** @type {Worker | null} */
    this.thread = null;
  }

  get worker() {
    if (!this.thread) {
      this.thread = startedWorker();
      this.thread.onmessage = ({ data }) => ("batch" in data ? this.painted(data) : this.arrived(data));
      this.thread.onerror = () => {
        this.arrived([...this.jobs.keys()].map((job) => ({ job, error: "the browser starts no worker", status: 422 })));
      };
    }
    return this.thread;
  }

  /** @param {string} key */
  get(key) {
    const entry = this.entries.get(key);
    if (!entry) return null;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry;
  }

  // Why a wish was refused: {error, status}, or null.
  /** @param {Wish} wish */
  problem(wish) {
    const failure = this.failed.get(wish.key);
    return failure && failure.url === wish.url && failure.tries >= TILE_TRIES ? failure : null;
  }

  // From now on these groups want just this. What nobody wants any more is cancelled, and what was asked for ahead and is
  // waited for now is asked for anew: the server puts off the other.
  /** @param {Record<string, Wish[]>} groups */
  wish(groups) {
    for (const [group, wishes] of Object.entries(groups)) this.groups.set(group, wishes);
    const wanted = new Set([...this.groups.values()].flat().map(({ key }) => key));
    const seen = new Set(this.groups.get("view")?.map(({ key }) => key));
    for (const [job, { wish, ahead }] of this.jobs) {
      if (!wanted.has(wish.key) || (ahead && seen.has(wish.key))) this.cancel(job);
    }
    this.pump();
  }

  /** @param {number} job */
  cancel(job) {
    clearTimeout(this.jobs.get(job)?.late);
    this.jobs.delete(job);
    this.worker.postMessage({ do: "cancel", job });
  }

  // Ask again for what was refused.
  /** @param {string} name */
  forget(name) {
    for (const key of [...this.failed.keys()]) if (key.startsWith(`${name}|`)) this.failed.delete(key);
  }

  pump() {
    const under = new Set([...this.jobs.values()].map(({ wish }) => wish.key));
    for (const [group, most] of TILE_GROUPS) {
      for (const wish of this.groups.get(group) || []) {
        if (this.jobs.size >= most) break;
        if (this.entries.has(wish.key) || under.has(wish.key) || this.resting(wish)) continue;
        under.add(wish.key);
        this.start(wish, AHEAD_GROUPS.includes(group));
      }
    }
  }

  // Whether nothing is under way.
  get isIdle() {
    return !this.jobs.size && !this.batch;
  }

  // Whether a tile is neither here nor refused.
  /** @param {Wish} wish */
  isWanting(wish) {
    return !this.entries.has(wish.key) && !this.problem(wish);
  }

  /** @param {Wish} wish */
  resting(wish) {
    const failure = this.failed.get(wish.key);
    return failure && failure.url === wish.url && (failure.tries >= TILE_TRIES || performance.now() < failure.again);
  }

  /** @param {Wish} wish @param {boolean} ahead */
  start(wish, ahead) {
    const { url, kind, across, down, palette } = wish;
    const job = (this.lastJob += 1);
    const colours = this.palettes.get(palette);
    const late = ahead ? 0 : setTimeout(() => this.giveUp(job), TILE_PATIENCE_MS);
    this.jobs.set(job, { wish, stamp: colours?.stamp, ahead, late });
    const first = colours ? undefined : this.firsts.get(palette);
    const absolute = new URL(url, document.baseURI).href; // a worker made from a Blob has no base
    this.worker.postMessage({ do: "load", job, url: absolute, kind, across, down, table: colours?.table, first, ahead });
  }

  /** @param {number} job */
  giveUp(job) {
    this.worker.postMessage({ do: "cancel", job });
    this.arrived([{ job, error: `no answer within ${TILE_PATIENCE_MS / 1000} s`, status: 0 }]);
  }

  /** @param {Arrived[]} answers */
  arrived(answers) {
    const wishes = answers.flatMap((answer) => this.took(answer) ?? []);
    if (!wishes.length) return;
    this.pump();
    for (const wish of wishes) for (const listener of this.listeners) listener(wish);
    this.repaint();
  }

  // Keeps what came; null where nobody wants it any more.
  /** @param {Arrived} answer */
  took(answer) {
    const { wish, stamp, late } = this.jobs.get(answer.job) || {};
    clearTimeout(late);
    this.jobs.delete(answer.job);
    if (!wish) {
      if ("bitmap" in answer) answer.bitmap?.close();
      return null;
    }
    if ("error" in answer) this.refused(wish, answer.error, answer.status);
    else {
      const { facts, levels, columns, rows, bitmap } = answer;
      this.failed.delete(wish.key);
      const step_s = facts.step_s * wish.across;
      const { onset_s } = facts;
      this.keep({
        key: wish.key, palette: wish.palette, facts, levels, columns, rows, bitmap, stamp: bitmap ? answer.stamp ?? stamp : undefined,
        onset_s, step_s, offset_s: onset_s + columns * step_s, bytes: 5 * levels.length,
      });
    }
    return wish;
  }

  // What the server refuses stays refused; where it was busy or away, it is asked again.
  /** @param {Wish} wish @param {string} error @param {number} status */
  refused(wish, error, status) {
    const before = this.failed.get(wish.key);
    const passing = status === 0 || status >= 500;
    const tries = passing ? (before?.url === wish.url ? before.tries : 0) + 1 : TILE_TRIES;
    this.failed.set(wish.key, { url: wish.url, error, status, tries, again: performance.now() + TILE_RETRY_MS });
    if (tries < TILE_TRIES) setTimeout(() => this.pump(), TILE_RETRY_MS + 50);
  }

  /** @param {Tile} entry */
  keep(entry) {
    this.entries.set(entry.key, entry);
    this.bytes += entry.bytes;
    for (const old of this.entries.values()) {
      if (this.bytes <= MOST_TILE_BYTES) break;
      this.drop(old);
    }
  }

  /** @param {Tile} old */
  drop(old) {
    this.entries.delete(old.key);
    this.bytes -= old.bytes;
    old.bitmap?.close();
  }

  // ---------------------------------------------------------------- colours

  // The worker colours the first tiles of a palette by themselves, as nobody knows its contrast before they are here.
  /** @param {string} palette @param {Omit<First, "palette">} first */
  expect(palette, first) {
    this.firsts.delete(palette);
    this.firsts.set(palette, { palette, ...first });
    for (const oldest of this.firsts.keys()) if (this.firsts.size > MOST_PALETTES) this.firsts.delete(oldest);
  }

  // `stamp` differs when the colours do.
  /** @param {string} name @param {string} stamp @param {() => Uint32Array} makeTable */
  setPalette(name, stamp, makeTable) {
    if (this.palettes.get(name)?.stamp === stamp) return;
    this.palettes.delete(name);
    this.palettes.set(name, { stamp, table: makeTable() });
    for (const oldest of this.palettes.keys()) if (this.palettes.size > MOST_PALETTES) this.palettes.delete(oldest);
    this.repaint();
  }

  // One batch at a time, what was drawn last first; the colours of that moment, so that a slider is followed closely.
  repaint() {
    if (this.batch) return;
    const stale = [...this.entries.values()].reverse().filter(({ palette, stamp }) => {
      const colours = this.palettes.get(palette);
      return colours && colours.stamp !== stamp;
    }).slice(0, TILES_A_BATCH);
    if (!stale.length) return;
    this.batch = stale.flatMap((entry) => {
      const colours = this.palettes.get(entry.palette);
      return colours ? { entry, ...colours } : [];
    });
    const tiles = this.batch.map(({ entry: { levels, columns, rows }, table }) => ({ levels, columns, rows, table }));
    this.worker.postMessage({ do: "paint", batch: true, tiles });
  }

  /** @param {Painted} given */
  painted({ bitmaps }) {
    const batch = this.batch ?? [];
    this.batch = null;
    batch.forEach(({ entry, stamp }, place) => {
      const bitmap = bitmaps[place];
      if (this.entries.get(entry.key) !== entry) return void bitmap?.close();
      if (!bitmap) return void this.drop(entry); // the browser had no room for it: it is asked for anew
      entry.bitmap?.close();
      entry.bitmap = bitmap;
      entry.stamp = stamp;
      return undefined;
    });
    for (const listener of this.listeners) listener(null);
    this.pump();
    this.repaint();
  }
}

export const tiles = new TileStore();
