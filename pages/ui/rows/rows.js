// The rows of the queue: what is shown, what is ticked, and what is told to the page.

import { Api, newEventId } from "../shared/api.js";
import { Changes } from "../shared/changes.js";
import { el } from "../shared/elements.js";
import { isDark } from "../shared/picture.js";
import { ColumnChoice } from "./columns.js";
import { Deciding } from "./deciding.js";
import { RowsGrid } from "./grid.js";
import { rowAction } from "./keys.js";
import { RowStore } from "./store.js";
import { Ticks } from "./ticks.js";
import { buildRows, fillRow, headCells, makeRow, roomOf } from "./view.js";

/**
 * @import { Queue } from "../shared/server"
 * @import { Component } from "../shared/types"
 * @import { RowElement } from "./types"
 */

/** @type {WeakMap<HTMLElement, Rows>} */
const lists = new WeakMap();
/** @type {any} */
const NOTHING = null; // in place of what the page tells until it has come; until then nothing is drawn or pressed
const ROW_PX = { wide: 36, narrow: 64 };
const NARROW_PX = 860; // below it a row has two lines
/** @type {Record<string, string>} */
const SORTS = { rank: "rank", class: "class", wrong: "likely", clipwise: "clipwise", frame: "framewise", file: "filename", rating: "rating" };

const TICKING = new Set(["toggle", "every", "decide"]); // the actions that are for who may decide

class Rows {
  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.v = buildRows();
    const { v } = this;
    parent.append(v.root);
    const tree = v.root.getRootNode();
    this.host = tree instanceof ShadowRoot ? tree.host : v.root;
    /** @type {Queue} */
    this.data = NOTHING;
    /** @type {(event: Record<string, unknown>) => void} */
    this.emit = () => {};
    this.api = new Api();
    this.active = 0; // the row in focus
    this.heading = "";
    this.note = ""; // what was said of the ticks last
    this.store = new RowStore(this);
    this.ticks = new Ticks(this);
    /** @type {{ said: string, position: number | null } | null} */
    this.done = null; // what was decided at once last, until something is ticked
    this.choice = new ColumnChoice(v, this);
    this.deciding = new Deciding(v.dialog, this);
    this.grid = new RowsGrid(v.grid, v.head, v.field, {
      make: () => makeRow(this.choice.shown), bind: (row, index) => this.bind(row, index), moved: () => this.moved(),
    });
    this.changes = new Changes(this.api, ({ cells }) => { if (this.store.mark(cells)) this.grid.rebind(); });
    this.resized = new ResizeObserver(() => this.layout());
    this.resized.observe(v.grid);
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.keyed(event);
    this.listen();
  }

  // ---------------------------------------------------------------- the page

  /** @param {Component<Queue>} given */
  update({ data, setTriggerValue }) {
    if (!data) return;
    const before = this.data;
    this.data = data;
    this.emit = (event) => setTriggerValue("event", { ...event, at: newEventId() });
    this.api.token = data.token;
    this.v.root.dataset.may = data.may_decide ? "decide" : "look";
    this.v.grid.setAttribute("aria-multiselectable", String(data.may_decide));
    this.v.root.dataset.theme = isDark(this.host) ? "dark" : "light";
    const anew = before?.view !== data.view;
    if (anew || data.rows.version !== this.store.version) this.store.begin(data.rows);
    if (anew) {
      this.active = 0;
      this.note = "";
      this.ticks.clear();
    }
    if (!before) this.choice.begin(data.hidden);
    this.drawHead();
    this.layout();
    if (anew) this.grid.goTo(0);
    this.grid.rebind();
    this.ticked();
    this.changes.from(data.rows.version);
    if (before && before.token !== data.token) this.store.later(0);
  }

  get query() {
    return this.data.query;
  }

  get most() {
    return this.data.most;
  }

  // Whether the rows can be ticked: to decide them is all that ticks are for.
  get hasTicks() {
    return this.data.may_decide;
  }

  // ---------------------------------------------------------------- the store

  /** @param {boolean} anew */
  came(anew) {
    if (anew) this.layout();
    this.grid.rebind();
    if (anew) this.ticked();
  }

  renew() {
    this.emit({ action: "refresh" });
  }

  /** @param {string} text */
  silent(text) {
    this.v.silent.hidden = !text;
    this.v.silentText.textContent = text && `Not all rows could be read: ${text}. They are asked for again.`;
  }

  // ---------------------------------------------------------------- drawing

  layout() {
    const { v, grid, store } = this;
    const isNarrow = v.root.clientWidth < NARROW_PX;
    v.root.dataset.narrow = String(isNarrow);
    v.grid.setAttribute("aria-rowcount", String(store.total + 1));
    const rowPx = isNarrow ? ROW_PX.narrow : ROW_PX.wide;
    v.root.style.setProperty("--whole", `${store.total * rowPx + v.headGroup.offsetHeight + 2}px`);
    if (grid.count !== store.total || grid.rowPx !== rowPx) grid.layout(store.total, rowPx);
    this.active = Math.max(0, Math.min(store.total - 1, this.active));
    grid.render();
  }

  // The columns, where they are others than before.
  drawHead() {
    const { v, data, choice } = this;
    const heading = JSON.stringify([choice.shown, data.sorted, data.dealt, data.may_decide]);
    if (heading === this.heading) return;
    this.heading = heading;
    const { columns, leastPx } = roomOf(choice.shown, data.may_decide);
    v.root.style.setProperty("--columns", columns);
    v.root.style.setProperty("--least", `${leastPx}px`);
    v.grid.setAttribute("aria-colcount", String(choice.shown.length + 1));
    v.head.replaceChildren(...headCells(choice.shown, SORTS, data));
    this.grid.remake();
  }

  /** @param {RowElement} node @param {number} index */
  bind(node, index) {
    const row = this.store.get(index);
    node.index = index;
    node.setAttribute("aria-rowindex", String(index + 2));
    fillRow(node, row, row ? this.addressOf(row.clip_id) : "");
    this.drawRow(node);
  }

  /** @param {RowElement} node */
  drawRow(node) {
    node.setAttribute("aria-selected", String(this.ticks.has(this.store.get(node.index))));
    node.dataset.active = String(node.index === this.active);
  }

  // A clip alone, in this view's list.
  /** @param {number} clip_id */
  addressOf(clip_id) {
    const query = new URLSearchParams(this.data.link).toString();
    return `clip/${clip_id}${query && `?${query}`}`;
  }

  moved() {
    const { grid, store, v } = this;
    if (!this.data) return;
    const [from, to] = grid.range;
    store.want(from, to);
    const active = grid.slots.get(this.active);
    if (active) v.grid.setAttribute("aria-activedescendant", active.id);
    else v.grid.removeAttribute("aria-activedescendant");
  }

  ticked() {
    const { v, ticks, data } = this;
    for (const node of this.grid.slots.values()) this.drawRow(node);
    v.root.dataset.ticked = String(ticks.size);
    v.open.disabled = ticks.size !== 1;
    v.decide.disabled = !this.store.total || !data.reviewer;
    const all = Math.min(this.store.total, data.most).toLocaleString("en");
    const label = this.store.total > data.most ? `Decide the first ${all}…` : `Decide all ${all}…`;
    v.decide.querySelector(".text")?.replaceChildren(ticks.size ? "Decide…" : label);
    if (ticks.size) this.done = null;
    const every = v.head.querySelector(".box");
    every?.setAttribute("aria-pressed", String(ticks.size > 0));
    const [first] = ticks.all;
    const cells = ticks.size === 1 ? "1 cell" : `${ticks.size.toLocaleString("en")} cells`;
    const clips = ticks.clips === 1 ? "1 clip" : `${ticks.clips.toLocaleString("en")} clips`;
    /** @type {(Node | string)[]} */
    let said = this.done ? [el("b", { text: this.done.said }), ...(this.done.position === null ? [] : [v.undo])] : [data.hint];
    if (ticks.size === 1) said = [el("b", { text: cells }), " ticked", first.row.why ? ` · ${first.row.name}: ${first.row.why}` : ""];
    else if (ticks.size) said = [el("b", { text: `${cells} in ${clips}` }), " ticked"];
    if (this.note) said = [...said, ` · ${this.note}`];
    v.said.replaceChildren(...said);
    v.said.title = v.said.textContent ?? "";
    this.note = "";
  }

  /** @param {string} text */
  tell(text) {
    this.note = text;
  }

  // ---------------------------------------------------------------- what is pressed

  /** @param {number} index @param {boolean} [reveal] */
  focus(index, reveal = true) {
    const before = this.active;
    this.active = Math.max(0, Math.min(this.store.total - 1, index));
    if (reveal) this.grid.reveal(this.active);
    for (const at of [before, this.active]) {
      const node = this.grid.slots.get(at);
      if (node) this.drawRow(node);
    }
    this.moved();
  }

  /** @param {number} step @param {boolean} shift */
  move(step, shift) {
    const isRange = shift && this.hasTicks;
    if (isRange && this.ticks.before === null) this.ticks.begin(this.active);
    this.focus(this.active + step);
    if (isRange) this.ticks.extend(this.active);
    else this.ticks.begin(this.active);
  }

  /** @param {number} index */
  open(index) {
    const row = this.store.get(index);
    if (row) this.emit({ action: "open", clip_id: row.clip_id });
  }

  // What is ticked, or where nothing is, as many of all as can be decided at once.
  async decideAny() {
    if (!this.ticks.size) await this.ticks.every(this.store.total);
    this.decide();
  }

  decide() {
    if (!this.ticks.size || !this.data.reviewer || !this.hasTicks) return;
    const cells = this.ticks.all.sort((a, b) => a.index - b.index);
    this.deciding.open(cells.map(({ row }) => [row.clip_id, row.class]), this.store.version);
  }

  // The page reads the list anew.
  /** @param {string} said @param {number | null} position */
  decided(said, position) {
    this.done = { said, position };
    this.ticks.clear();
    this.emit({ action: "decided", batch: newEventId() });
  }

  every() {
    if (this.ticks.size) this.ticks.clear();
    else this.ticks.every(this.store.total);
  }

  /** @param {string} action @param {boolean} shift */
  act(action, shift) {
    const { grid, store, ticks } = this;
    /** @type {Record<string, () => unknown>} */
    const actions = {
      up: () => this.move(-1, shift),
      down: () => this.move(1, shift),
      pageUp: () => this.move(-grid.rowsOnScreen, shift),
      pageDown: () => this.move(grid.rowsOnScreen, shift),
      first: () => this.move(-store.total, shift),
      last: () => this.move(store.total, shift),
      toggle: () => (shift ? ticks.extend(this.active) : ticks.toggle(this.active)),
      open: () => this.open(this.active),
      decide: () => this.decide(),
      every: () => ticks.every(store.total),
      clear: () => {
        if (!this.choice.isOpen) return ticks.clear();
        this.choice.close();
        this.v.grid.focus({ preventScroll: true }); // the box that had the focus would keep it until the next frame
      },
    };
    if (TICKING.has(action) && !this.hasTicks) return;
    actions[action]?.();
  }

  // A click opens the row's clip; in the box, or with Shift, it ticks. Other keys with it are the link's own.
  /** @param {MouseEvent} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const node = /** @type {RowElement | null} */ (target?.closest(".row") ?? null);
    if (!node || node.index < 0 || event.button !== 0) return;
    const ticking = Boolean(target?.closest(".tick"));
    if (!ticking && (event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.focus(node.index, false);
    if (event.shiftKey && this.hasTicks) this.ticks.extend(node.index);
    else if (ticking) this.ticks.toggle(node.index);
    else this.open(node.index);
  }

  // The link lies over the whole row, so it says what the cell under the pointer would.
  /** @param {PointerEvent} event */
  hovered({ target, clientX }) {
    if (!(target instanceof HTMLAnchorElement)) return;
    const cells = [...target.closest(".row")?.children ?? []];
    const cell = cells.find((one) => one.getBoundingClientRect().right >= clientX);
    target.title = cell instanceof HTMLElement ? cell.title : "";
  }

  listen() {
    const { v } = this;
    v.field.addEventListener("pointermove", (event) => this.hovered(event), { passive: true });
    v.field.addEventListener("click", (event) => this.clicked(event));
    v.field.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // it would select text
    v.head.addEventListener("click", (event) => {
      const target = event.target instanceof Element ? event.target : null;
      const column = target?.closest(".sort")?.parentElement?.dataset.column;
      if (column) this.emit({ action: "sort", order: SORTS[column] });
      else if (target?.closest(".box")) this.every();
    });
    v.open.addEventListener("click", () => this.open(this.ticks.all[0]?.index ?? -1));
    v.decide.addEventListener("click", () => this.decideAny());
    v.undo.addEventListener("click", () => { if (this.done?.position != null) this.deciding.undo(this.done.position); });
    v.retry.addEventListener("click", () => this.store.pump());
    document.addEventListener("keydown", this.onKey, true);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (!this.data || !this.store.total || this.deciding.isOpen) return;
    const action = rowAction(event, this.v.root, this.host);
    if (!action) return;
    if (action === "clear" && !this.ticks.size && !this.choice.isOpen) return;
    event.preventDefault();
    event.stopPropagation();
    if (action !== "held") this.act(action, event.shiftKey);
  }

  close() {
    document.removeEventListener("keydown", this.onKey, true);
    this.resized.disconnect();
    for (const part of [this.grid, this.store, this.choice, this.changes]) part.close();
    if (this.deciding.isOpen) this.deciding.close();
    this.v.root.remove();
  }
}

/** @param {Component<Queue>} component */
export default function mount(component) {
  const { parentElement } = component;
  let list = lists.get(parentElement);
  if (!list) {
    list = new Rows(parentElement);
    lists.set(parentElement, list);
  }
  list.update(component);
  return () => {
    lists.get(parentElement)?.close();
    lists.delete(parentElement);
  };
}
