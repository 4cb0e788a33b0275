// The way through the list: clips fetched ahead, decisions sent, one request at a time; no page is drawn anew for it.

/**
 * @import { Clip, Visit } from "../../shared/server"
 * @import { Level } from "../../shared/types"
 * @import { Item, Kept } from "../types"
 * @import { Api, Refusal } from "../../shared/api.js"
 */

const KEPT_CLIPS = 24;
const CLIPS_AHEAD = 3;
const AGAIN_MS = 2000; // until what had no answer is sent again; twice as long after each try
const RARELY_MS = 60_000;

// Modes that ask of one class alone, with labels and scores hidden.
/** @param {string} mode */
export const isHiding = (mode) => ["blind", "doubted", "audit"].includes(mode);

/** @type {{ id: string, items: Item[], at: number }} */
const lastVisit = { id: "", items: [], at: 0 }; // kept while the page is left and come back to

/** @param {Visit} data @returns {Item[]} */
function itemsOf(data) {
  return data.items.map((item) => {
    const [clip_id, mode, code] = Array.isArray(item) ? /** @type {[number, string, string]} */ (item) : [item, "", ""];
    return { clip_id, mode, class: code };
  });
}

// In the place of a clip that cannot be shown: why.
/** @param {Item} item @param {string} reason @returns {Clip} */
export const unreadable = (item, reason) => ({
  clip_id: item.clip_id, mode: "", title: `clip ${item.clip_id}`, duration_s: 0, sample_rate: 32000, channel: 0, channels: [], error: reason,
  audio_url: "", tile_url: "", peaks_url: "", lanes: [], steps: { start_s: 0, step_s: 1, count: 0, level: 0 }, compare_run: "", compare_steps: null, candidates: [], marks: [],
  history: [], metadata: {}, seen_position: null, version: "", independent: false, run_id: "", can_undo: true, classes_url: "", look: "",
});

// The list of one visit, the place in it, and the clips already fetched.
export class Flow {
  /** @param {Api} api */
  constructor(api) {
    this.api = api;
    this.visit = "";
    /** @type {Item[]} */
    this.items = [];
    this.at = 0;
    /** @type {Record<string, string>} */
    this.view = {};
    this.isBack = false; // whether the page was left here, and come back to
    this.partial = false; // whether the list is still to come, but for the clip that was linked to
    /** @type {number[]} */
    this.likely = []; // places at which nobody else was when the server was asked last: what is fetched ahead first
    /** @type {Item[]} */
    this.nexts = []; // what is fetched ahead now
    /** @type {Map<string, Kept>} */
    this.kept = new Map();
  }

  // A list from the page; while the visit is the same its order and place are kept, across reruns and remounts. Returns
  // whether what is on the screen must be read anew.
  /** @param {Visit} data */
  begin(data) {
    const seen = JSON.stringify(this.view) !== JSON.stringify(data.view);
    if (seen) this.kept.clear();
    this.view = data.view;
    if (this.visit === data.visit) return (this.partial && !data.partial && this.fill(data)) || seen;
    this.visit = data.visit;
    this.partial = data.partial;
    this.isBack = lastVisit.id === data.visit;
    if (!this.isBack) Object.assign(lastVisit, { id: data.visit, items: itemsOf(data), at: data.at });
    this.items = lastVisit.items;
    this.at = lastVisit.at < this.items.length ? lastVisit.at : data.at;
    this.kept.clear();
    this.likely = [];
    if (data.clip && this.item) this.keep(this.item, data.clip);
    return true;
  }

  // The whole list has come; the clip on the screen stays. Returns whether another one is waited for: the next.
  /** @param {Visit} data */
  fill(data) {
    const { item, items: before } = this;
    this.partial = false;
    this.likely = [];
    this.items = itemsOf(data);
    const shown = item || before[before.length - 1];
    let at = this.items.findIndex((one) => this.key(one) === this.key(shown));
    if (at < 0) this.items.splice(at = Math.min(data.at, this.items.length), 0, shown);
    lastVisit.items = this.items;
    this.move(item ? at : at + 1);
    return !item;
  }

  get item() {
    return this.items[this.at] || null;
  }

  /** @param {number} at */
  move(at) {
    this.isBack = this.isBack && at === this.at;
    this.at = Math.max(0, Math.min(this.items.length, at));
    lastVisit.at = this.at;
  }

  // Where a clip was looked at, for what was decided of `code` (""; a mark): the nearest place behind this one, else
  // ahead. One that was put off is brought back here, as is one that the list does not hold.
  /** @param {number} clip_id @param {string} code @param {string} mode */
  placeOf(clip_id, code, mode) {
    const hidden = (/** @type {Item} */ item) => item.clip_id === clip_id && item.mode === mode && item.class === code;
    const asked = isHiding(mode) || mode === "adjudicate" ? this.items.findLastIndex((item, place) => place <= this.at && hidden(item)) : -1;
    if (asked >= 0) return asked; // what was said with all else hidden is asked so again, though the clip is on the screen by now
    const fits = (/** @type {Item | null} */ item) => item?.clip_id === clip_id && (!isHiding(item.mode) || !code || item.class === code);
    if (fits(this.item)) return this.at;
    const behind = this.items.findLastIndex((item, place) => place < this.at && fits(item));
    const found = behind >= 0 ? behind : this.items.findIndex(fits);
    if (found >= 0 && (code || found < this.at)) return found;
    this.likely = [];
    const [item] = found >= 0 ? this.items.splice(found, 1) : [{ clip_id, mode: "", class: "" }];
    this.items.splice(this.at, 0, item);
    return this.at;
  }

  // What leads back to a clip: to a second look without its name. Where the page holds nothing but the player its path
  // names the clip.
  /** @param {Visit} page @param {Clip} data @param {string} path */
  address(page, data, path) {
    const query = new URLSearchParams(page.link);
    if (data.mode) {
      const next = this.items.slice(this.at + 1).find((item) => !item.mode); // the list of a page loaded anew may lack this look
      query.set("look", data.look);
      if (next) query.set("next", String(next.clip_id));
    } else if (!page.alone) query.set("clip", String(data.clip_id));
    const at = page.alone ? path.replace(/[^/]*$/, data.mode ? "look" : String(data.clip_id)) : path;
    return query.size ? `${at}?${query}` : at;
  }

  putOff() {
    this.likely = []; // places are others now
    this.items.push(...this.items.splice(this.at, 1));
  }

  /** @param {Item} item */
  key(item) {
    return `${item.clip_id} ${item.mode} ${item.class}`;
  }

  // The clip's data, fetched once; a fetch that failed is tried again next time. One that was made ahead, and is waited
  // for before it is here, is made anew: the server puts off the other.
  /** @param {Item} item @param {boolean} [isAhead] */
  load(item, isAhead = false) {
    const key = this.key(item);
    let entry = this.kept.get(key);
    if (!entry || (entry.ahead && !entry.data && !isAhead)) {
      entry?.ahead?.abort();
      const query = new URLSearchParams(this.viewOf(item)).toString();
      const ahead = isAhead ? new AbortController() : null;
      /** @type {Promise<Clip>} */
      const promise = this.api.ask(`/api/clips/${item.clip_id}?${query}`, undefined, { ahead: ahead?.signal });
      const fetched = { promise, data: /** @type {Clip | null} */ (null), ahead };
      promise.then((data) => { fetched.data = data; }, () => { if (this.kept.get(key) === fetched) this.kept.delete(key); });
      entry = fetched;
    }
    this.kept.delete(key);
    this.kept.set(key, entry);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_CLIPS) break;
      this.kept.delete(oldest);
    }
    return entry;
  }

  // What the server is told of how an item is looked at.
  /** @param {Item} item */
  viewOf(item) {
    return item.mode ? { ...this.view, mode: item.mode, class: item.class } : this.view;
  }

  // Newer data of a clip, as an answer brought it.
  /** @param {Item} item @param {Clip} data */
  keep(item, data) {
    this.kept.set(this.key(item), { promise: Promise.resolve(data), data, ahead: null });
  }

  /** @param {number} clip_id */
  forget(clip_id) {
    for (const key of [...this.kept.keys()]) if (key.startsWith(`${clip_id} `)) this.kept.delete(key);
  }

  // How many of the next clips are here: they come on the screen at once.
  get aheadHere() {
    return this.nexts.filter((item) => this.kept.get(this.key(item))?.data).length;
  }

  // The next clips' data, as they come; of those that were passed, nothing more.
  /** @param {(data: Clip) => void} use */
  ahead(use) {
    const places = this.items.slice(this.at + 1, this.at + 1 + CLIPS_AHEAD).map((_, place) => this.at + 1 + place);
    const likely = this.likely.filter((place) => place > this.at && place < this.items.length);
    this.nexts = [...new Set([...likely, ...places])].slice(0, CLIPS_AHEAD).map((place) => this.items[place]);
    const wanted = new Set(this.nexts.map((item) => this.key(item)));
    for (const [key, entry] of [...this.kept]) {
      if (!entry.ahead || entry.data || wanted.has(key)) continue;
      this.kept.delete(key);
      entry.ahead.abort();
    }
    for (const item of this.nexts) {
      const entry = this.load(item, true);
      if (entry.data) use(entry.data);
      else entry.promise.then(use, () => {});
    }
  }
}

/** @typedef {(answer: any, refusal: Refusal | null, ms: number) => void} Done */

// Sends one thing at a time and stays locked until it is answered. A verdict pressed meanwhile is refused, and seen to
// be: it was meant for what is on the screen now, and nobody knows yet what that will be. `changed` is called with
// "locked", "open", "refused", "expired" (the token has run out), or "silent" (no answer, or no database behind it). In
// the last two deliver() sends the same event ids again, which stores once; where it is silent it does so by itself too.
export class Messenger {
  /** @param {Api} api @param {(what: string, refusal?: Refusal) => void} changed */
  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
    /** @type {{ path: string, body: unknown, done: Done, sentAt: number } | null} */
    this.waiting = null;
    this.tries = 0;
    this.timer = 0;
  }

  get locked() {
    return this.waiting !== null;
  }

  // Calls `done(answer, refusal, ms)` once, with either an answer or a refusal, and how long it took.
  /**
   * @param {string} path
   * @param {unknown} body
   * @param {Done} done
   */
  send(path, body, done) {
    if (this.locked) {
      this.changed("refused");
      return false;
    }
    this.waiting = { path, body, done, sentAt: performance.now() };
    this.tries = 0;
    this.changed("locked");
    this.deliver();
    return true;
  }

  async deliver() {
    const waiting = this.waiting;
    clearTimeout(this.timer);
    if (!waiting) return;
    const mine = (this.tries += 1);
    let answer = null;
    /** @type {Refusal | null} */
    let refusal = null;
    try {
      answer = await this.api.ask(waiting.path, waiting.body);
    } catch (problem) {
      refusal = /** @type {Refusal} */ (problem);
    }
    if (this.waiting !== waiting) return;
    // no answer, or a server that failed: whether it is stored is not known, so nothing goes on before it is
    if (refusal && (refusal.status === 0 || refusal.status >= 500)) {
      if (mine !== this.tries) return; // it was sent again meanwhile
      this.timer = setTimeout(() => this.deliver(), Math.min(AGAIN_MS * 2 ** (mine - 1), RARELY_MS));
      return void this.changed("silent", refusal);
    }
    if (refusal?.status === 403 && !refusal.isFinal) return void this.changed("expired", refusal);
    this.waiting = null;
    this.changed("open");
    waiting.done(answer, refusal, performance.now() - waiting.sentAt);
  }
}

// What each reviewer set, kept on the server under their name; written a moment after the last change.
export class Preferences {
  /** @param {Api} api @param {(text: string, level: Level) => void} tell */
  constructor(api, tell) {
    this.api = api;
    this.tell = tell;
    /** @type {Record<string, any>} */
    this.values = {};
    /** @type {Map<string, number>} */
    this.late = new Map();
  }

  /** @param {Record<string, any>} values */
  begin(values) {
    this.values = { ...values, ...this.values };
  }

  /** @param {string} name @param {any} fallback */
  get(name, fallback) {
    return this.values[name] ?? fallback;
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    this.values[name] = value;
    clearTimeout(this.late.get(name));
    this.late.set(name, setTimeout(() => this.write(name), 600));
  }

  /** @param {string} name */
  write(name) {
    clearTimeout(this.late.get(name));
    this.late.delete(name);
    this.api.ask("/api/preferences", { name, value: this.values[name] }).catch((problem) => {
      this.tell(`your settings could not be kept: ${problem.message}`, "warning");
    });
  }

  // The page is left: what waits is written now, and outlives the page.
  flush() {
    for (const name of [...this.late.keys()]) this.write(name);
  }
}
