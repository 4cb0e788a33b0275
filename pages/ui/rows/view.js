// The elements of the rows, and what one row says.

import { button, caps, chip, el, icon, WORDS } from "../shared/elements.js";
import { ROW_KEYS } from "./keys.js";

/**
 * @import { QueueRow } from "../shared/server"
 * @import { RowElement } from "./types"
 */

// What each column is called, why it is there, and the room it takes.
/** @type {Record<string, { text: string, title: string, wide: string, number?: boolean }>} */
export const COLUMNS = {
  rank: { text: "rank", title: "Place in the run's ranking", wide: "76px", number: true },
  kind: { text: "kind", title: "What may be wrong with the label", wide: "92px" },
  class: { text: "class", title: "The class that is doubted", wide: "minmax(120px, 2fr)" },
  wrong: { text: "likely wrong", title: "How likely the label is wrong, learned from the verdicts so far", wide: "124px" },
  why: { text: "why", title: "Why it is here", wide: "minmax(140px, 3fr)" },
  verdict: { text: "verdict", title: "What was decided", wide: "88px" },
  marks: { text: "marks", title: "Notes and flags on the clip, and your own marks", wide: "64px" },
  clipwise: { text: "clipwise", title: "The network's probability for the clip", wide: "74px", number: true },
  frame: { text: "frame", title: "The highest probability in any frame", wide: "66px", number: true },
  file: { text: "file", title: "The clip's file", wide: "minmax(104px, 1.6fr)" },
  rating: { text: "rating", title: "The recording's rating", wide: "64px", number: true },
  fold: { text: "fold", title: "The fold that predicted the clip, without having seen it", wide: "46px", number: true },
};
const TICK_PX = 38;
/** @type {Record<string, string>} */
const MARKS = { flag: "flag", note: "note" }; // the others have no sign

// The columns as a grid of the style sheet has them, and how wide it is at least.
/** @param {string[]} columns @param {boolean} hasTicks */
export function roomOf(columns, hasTicks) {
  const wide = [...(hasTicks ? [`${TICK_PX}px`] : []), ...columns.map((name) => COLUMNS[name].wide)];
  return { columns: wide.join(" "), leastPx: wide.reduce((sum, one) => sum + Number(/\d+/.exec(one)?.[0]), 0) };
}

export function buildRows() {
  const v = {};
  v.said = el("div", { class: "said", test: "rows-said", role: "status", "aria-live": "polite" });
  v.open = button("rows-open", "Open", "", "play", "open the clip of the row that is ticked");
  v.decide = button("rows-decide", "Decide…", "", "present", "decide all that are ticked at once (D)");
  for (const one of [v.open, v.decide]) one.classList.add("for-reviewers");
  v.columnsButton = el("button", { type: "button", test: "rows-columns", text: "Columns", title: "which columns are shown", "aria-expanded": "false" });
  v.columns = el("div", { class: "panel", test: "rows-columns-panel", role: "group", "aria-label": "columns", hidden: true });
  const chooser = el("div", { class: "chooser" }, v.columnsButton, v.columns);
  const tools = el("div", { class: "tools", role: "toolbar", "aria-label": "ticked rows" }, v.open, v.decide, v.said, chooser);
  v.silentText = el("span");
  v.retry = el("button", { type: "button", test: "rows-retry", text: "Ask again" });
  v.silent = el("div", { class: "silent", test: "rows-no-answer", role: "alert", hidden: true }, icon("warning"), v.silentText, v.retry);

  v.head = el("div", { class: "row head", role: "row", "aria-rowindex": 1 });
  v.headGroup = el("div", { class: "top", role: "rowgroup" }, v.head);
  v.field = el("div", { class: "field", role: "rowgroup" });
  v.grid = el("div", { class: "scroller", test: "rows", tabindex: "0", role: "grid", "aria-multiselectable": "true", "aria-label": "suspects" }, v.headGroup, v.field);
  const legend = el("div", { class: "legend", "aria-hidden": "true" });
  for (const { shown, text, forReviewers } of ROW_KEYS) {
    if (shown) legend.append(el("span", { class: forReviewers ? "hint for-reviewers" : "hint" }, caps(...shown), el("span", { text })));
  }
  v.dialog = el("dialog", { class: "deciding", test: "rows-deciding" });
  v.undo = el("button", { type: "button", test: "rows-undo", text: "Undo" });
  v.root = el("section", { class: "rows", test: "rows-root" }, tools, v.silent, v.grid, legend, v.dialog);
  return v;
}

// The head of the columns; those that the list can be sorted by are buttons.
/** @param {string[]} columns @param {Record<string, string>} sorts @param {{ sorted: string, dealt: boolean }} by */
export function headCells(columns, sorts, { sorted, dealt }) {
  const up = ["rank", "class", "file"];
  const tick = el("div", { class: "cell tick", role: "columnheader" },
    el("button", { type: "button", class: "box", test: "rows-every", "aria-label": "tick all", title: "tick all, or none (Ctrl A, Esc)" }, icon("present")));
  return [tick, ...columns.map((name) => {
    const { text, title, number } = COLUMNS[name];
    const inside = sorts[name] ? el("button", { type: "button", class: "sort", text, title: `${title}; click to sort by it` }) : el("span", { text, title });
    const cell = el("div", { class: number ? "cell number" : "cell", role: "columnheader", "data-column": name }, inside);
    if (sorts[name]) cell.setAttribute("aria-sort", name !== sorted ? "none" : dealt ? "other" : up.includes(name) ? "ascending" : "descending");
    return cell;
  })];
}

let madeRows = 0;

// An empty row; its cells hang on the element.
/** @param {string[]} columns */
export function makeRow(columns) {
  madeRows += 1;
  /** @type {Record<string, HTMLElement>} */
  const cells = {};
  const tick = el("div", { class: "cell tick", role: "gridcell" }, el("span", { class: "box" }, icon("present")));
  const row = el("div", { class: "row", role: "row", id: `queue-row-${madeRows}`, test: "row" }, tick);
  columns.forEach((name, place) => {
    const kind = COLUMNS[name].number ? "cell number" : "cell";
    cells[name] = el("div", { class: kind, role: "gridcell", "data-column": name, "aria-colindex": place + 2 });
    row.append(cells[name]);
  });
  if (cells.file) cells.file.append(el("a", { class: "link", tabindex: "-1" }));
  if (cells.wrong) cells.wrong.append(el("span", { class: "bar", "aria-hidden": "true" }), el("span", { class: "value" }));
  return /** @type {RowElement} */ (Object.assign(row, { index: -1, cells }));
}

/** @param {QueueRow} row */
function classText({ class: code, name }) {
  return name === code ? code : `${name} (${code})`;
}

/** @param {number | null | undefined} value @param {number} digits */
function fixed(value, digits) {
  return value === null || value === undefined ? "" : value.toFixed(digits);
}

/** @type {Record<string, (cell: HTMLElement, row: QueueRow, address: string) => void>} */
const FILL = {
  rank: (cell, { rank }) => { cell.textContent = (rank ?? 0).toLocaleString("en"); },
  kind: (cell, { kind = "" }) => cell.replaceChildren(chip(kind, WORDS[kind] ?? kind)),
  class: (cell, row) => { cell.textContent = cell.title = classText(row); },
  wrong: (cell, { wrong = 0 }) => {
    cell.style.setProperty("--share", String(wrong));
    cell.children[1].textContent = fixed(wrong, 2);
  },
  why: (cell, { why = "", verdict }) => {
    cell.textContent = cell.title = why;
    // decided since, in a list that has no column for it
    if (verdict && !cell.parentElement?.querySelector("[data-column=verdict]")) cell.prepend(chip(verdict, WORDS[verdict] ?? verdict), " ");
  },
  verdict: (cell, { verdict }) => cell.replaceChildren(...(verdict ? [chip(verdict, WORDS[verdict] ?? verdict)] : [])),
  marks: (cell, { marks }) => {
    cell.title = marks.join(", ");
    cell.replaceChildren(...marks.map((mark) => (MARKS[mark]
      ? el("span", { class: "mark", role: "img", "aria-label": mark }, icon(mark)) : el("span", { class: "mark", text: mark }))));
  },
  clipwise: (cell, { clipwise }) => { cell.textContent = fixed(clipwise, 2); },
  frame: (cell, { frame }) => { cell.textContent = fixed(frame, 2); },
  file: (cell, { file }, address) => {
    const link = /** @type {HTMLAnchorElement} */ (cell.firstElementChild);
    link.textContent = cell.title = file;
    link.href = address;
  },
  rating: (cell, { rating }) => { cell.textContent = fixed(rating, 1); },
  fold: (cell, { fold }) => { cell.textContent = String(fold); },
};

// What a row says; null where it is still to come.
/** @param {RowElement} node @param {QueueRow | null} row @param {string} address of its clip */
export function fillRow(node, row, address) {
  node.dataset.here = String(row !== null);
  node.dataset.clip = row ? String(row.clip_id) : "";
  node.dataset.class = row ? row.class : "";
  node.dataset.done = String(Boolean(row?.verdict));
  node.setAttribute("aria-busy", String(row === null));
  if (!row) return;
  for (const [name, cell] of Object.entries(node.cells)) FILL[name](cell, row, address);
}
