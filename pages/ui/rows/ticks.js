// Which rows are ticked, by cell: they stay so while one scrolls.

/** @import { QueueRow, Ticked, TicksHost } from "./types" */

/** @param {QueueRow} row */
function keyOf(row) {
  return `${row.clip_id} ${row.class}`;
}

export class Ticks {
  /** @param {TicksHost} host */
  constructor(host) {
    this.host = host;
    /** @type {Map<string, Ticked>} */
    this.cells = new Map();
    this.anchor = 0; // where a range begins
    /** @type {Map<string, Ticked> | null} */
    this.before = null; // what was ticked when it began
    this.asked = 0;
  }

  get size() {
    return this.cells.size;
  }

  get clips() {
    return new Set([...this.cells.values()].map(({ row }) => row.clip_id)).size;
  }

  get all() {
    return [...this.cells.values()];
  }

  /** @param {QueueRow | null} row */
  has(row) {
    return row !== null && this.cells.has(keyOf(row));
  }

  clear() {
    this.cells = new Map();
    this.begin(this.anchor);
    this.host.ticked();
  }

  // A range begins anew at this row.
  /** @param {number} index */
  begin(index) {
    this.anchor = index;
    this.before = null;
    this.asked += 1;
  }

  /** @param {number} index */
  toggle(index) {
    const row = this.host.store.get(index);
    this.begin(index);
    if (!row) return;
    if (!this.cells.delete(keyOf(row))) this.add(new Map(this.cells), index, [row]);
    this.host.ticked();
  }

  // From the anchor to a row, in place of the range before that began there too.
  /** @param {number} index */
  async extend(index) {
    this.before ??= this.cells;
    const [from, to] = [Math.min(this.anchor, index), Math.max(this.anchor, index) + 1];
    const { before } = this;
    const mine = (this.asked += 1);
    const held = Math.min(to - from, this.host.most);
    const rows = await this.host.store.range(from, from + held).catch(() => []); // the store says why
    if (mine !== this.asked) return;
    this.add(new Map(before), from, rows);
    if (held < to - from) this.host.tell(`the first ${held.toLocaleString("en")} are ticked: no more can be decided at once`);
    this.host.ticked();
  }

  // No more than can be decided at once.
  /** @param {Map<string, Ticked>} cells @param {number} first @param {QueueRow[]} rows */
  add(cells, first, rows) {
    rows.forEach((row, place) => {
      if (cells.size < this.host.most || cells.has(keyOf(row))) cells.set(keyOf(row), { row, index: first + place });
      else this.host.tell(`${this.host.most.toLocaleString("en")} are ticked: no more can be decided at once`);
    });
    this.cells = cells;
  }

  /** @param {number} total */
  async every(total) {
    this.begin(0);
    this.cells = new Map();
    await this.extend(total - 1);
  }
}
