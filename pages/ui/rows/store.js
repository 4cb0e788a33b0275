// The rows that are here, by pages, and those that are asked for.

import { Refusal } from "../shared/api.js";

/** @import { QueueRow, QueueRows, StoreHost } from "./types" */

export const PAGE = 50;
const PAGES_KEPT = 160;
const AT_ONCE = 2;
const REST_MS = 50; // what is scrolled past is not asked for
const AGAIN_MS = 2000; // after no answer; twice as long after each try
const RARELY_MS = 60_000;
const PATIENCE_MS = 30_000; // the order of a million suspects takes its time

export class RowStore {
  /** @param {StoreHost} host */
  constructor(host) {
    this.host = host;
    this.version = "";
    this.total = 0;
    /** @type {Map<number, QueueRow[]>} */
    this.pages = new Map(); // the least recently seen first
    /** @type {number[]} */
    this.wanted = [];
    /** @type {Map<number, Promise<void>>} */
    this.under = new Map();
    this.tries = 0;
    this.resting = 0;
  }

  // Another list, or the same one after something changed in it.
  /** @param {QueueRows} given */
  begin({ version, total, first, rows }) {
    this.version = version;
    this.total = total;
    this.pages.clear();
    this.under.clear(); // what they bring is of the list before
    this.keep(first, rows);
  }

  /** @param {number} first @param {QueueRow[]} rows */
  keep(first, rows) {
    for (let from = 0; from < rows.length; from += PAGE) {
      const page = (first + from) / PAGE;
      this.pages.delete(page);
      this.pages.set(page, rows.slice(from, from + PAGE));
    }
    for (const oldest of this.pages.keys()) if (this.pages.size > PAGES_KEPT) this.pages.delete(oldest);
  }

  /** @param {number} index @returns {QueueRow | null} */
  get(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  // What became of cells meanwhile, by whomever. The rows stay where they are. Returns whether any of them is here.
  /** @param {[number, string, string][]} cells */
  mark(cells) {
    const said = new Map(cells.map(([clip_id, code, verdict]) => [`${clip_id} ${code}`, verdict]));
    let any = false;
    for (const row of [...this.pages.values()].flat()) {
      const verdict = said.get(`${row.clip_id} ${row.class}`);
      if (verdict !== undefined && verdict !== row.verdict) {
        row.verdict = verdict;
        any = true;
      }
    }
    return any;
  }

  // From now on just these rows are wanted, [from, to).
  /** @param {number} from @param {number} to */
  want(from, to) {
    const last = Math.ceil(Math.min(to, this.total) / PAGE);
    const first = Math.floor(from / PAGE);
    this.wanted = Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place);
    for (const page of this.wanted) {
      const rows = this.pages.get(page);
      if (rows && this.pages.delete(page)) this.pages.set(page, rows);
    }
    this.later(REST_MS);
  }

  /** @param {number} ms */
  later(ms) {
    clearTimeout(this.resting);
    if (this.wanted.some((page) => !this.pages.has(page))) this.resting = setTimeout(() => this.pump(), ms);
  }

  pump() {
    for (const page of this.wanted) {
      if (this.under.size >= AT_ONCE) return;
      if (!this.pages.has(page) && !this.under.has(page)) this.load(page).catch(() => {}); // load() has said why
    }
  }

  // One page, asked for once.
  /** @param {number} page @returns {Promise<void>} */
  load(page) {
    const known = this.under.get(page);
    if (known) return known;
    const { version } = this;
    const query = new URLSearchParams({ ...this.host.query, version, first: String(page * PAGE), count: String(PAGE) });
    const asked = this.host.api.ask(`/api/queue?${query}`, undefined, { patienceMs: PATIENCE_MS }).then(
      (/** @type {QueueRows} */ answer) => this.came(page, version, answer),
      (/** @type {unknown} */ problem) => this.refused(page, version, problem),
    );
    this.under.set(page, asked);
    return asked;
  }

  /** @param {number} page @param {string} version @param {QueueRows} answer */
  came(page, version, answer) {
    if (version !== this.version) return;
    this.under.delete(page);
    if (this.tries) this.host.silent("");
    this.tries = 0;
    const anew = answer.version !== version;
    if (anew) this.begin(answer);
    else this.keep(answer.first, answer.rows);
    this.host.came(anew);
    this.later(0);
  }

  // A token that has run out is made anew, and the page then asks again; what has no answer is asked for again by itself.
  /** @param {number} page @param {string} version @param {unknown} problem @returns {never} */
  refused(page, version, problem) {
    if (version === this.version) {
      this.under.delete(page);
      const status = problem instanceof Refusal ? problem.status : 0;
      if (status === 403) this.host.renew();
      else {
        this.host.silent(problem instanceof Error ? problem.message : String(problem));
        if (status === 0 || status >= 500) this.later(Math.min(AGAIN_MS * 2 ** this.tries, RARELY_MS));
      }
      this.tries += 1;
    }
    throw problem;
  }

  // Rows [from, to), fetched where they are not here; fewer where the list became another meanwhile.
  /** @param {number} from @param {number} to */
  async range(from, to) {
    const { version } = this;
    /** @type {QueueRow[]} */
    const rows = [];
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page += 1) {
      if (!this.pages.has(page)) await this.load(page);
      if (version !== this.version) return [];
      const whole = this.pages.get(page) ?? [];
      rows.push(...whole.slice(Math.max(0, from - page * PAGE), to - page * PAGE));
    }
    return rows;
  }

  close() {
    clearTimeout(this.resting);
  }
}
