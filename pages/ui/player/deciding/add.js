// Adding a class by typing: matches ranked as one types, Enter takes the one marked; the last row makes a new class.

import { reasonOf, thingAt, wordsOf } from "../../shared/answers.js";
import { chip, el } from "../../shared/elements.js";
import { NewClass } from "./new_class.js";

/**
 * @import { Clip } from "../../shared/server"
 * @import { AdderHost, Known, View } from "../types"
 */

// What two spellings of one name share; labeling/collection/classes.py has the last word.
/** @param {string} text */
export function plain(text) {
  return text.normalize("NFKC").toLowerCase().normalize("NFKC").replace(/\p{Cf}/gu, "").replace(/[\s_\-\u2010-\u2015]+/gu, " ").trim();
}

// Classes that fit what was typed, best first: the code, the start of the code or name, a word's start, anywhere; of
// those that fit alike, the likelier of this clip first (`likely`: code to place).
/**
 * @param {Known[]} classes
 * @param {string} typed
 * @param {Map<string, number>} [likely]
 * @param {number} [most]
 */
export function rankClasses(classes, typed, likely = new Map(), most = 8) {
  const wanted = plain(typed);
  if (!wanted) return [];
  /** @type {[number, number, number, string, string][]} */
  const scored = [];
  for (const [code, name] of classes) {
    const [c, n] = [plain(code), plain(name || "")];
    const words = ` ${n.replace(/[-_'(]/g, " ")}`;
    let score = 0;
    if (c === wanted || n === wanted) score = 6;
    else if (c.startsWith(wanted)) score = 5;
    else if (n.startsWith(wanted)) score = 4;
    else if (words.includes(` ${wanted}`)) score = 3;
    else if (wanted.split(/\s+/).every((part) => words.includes(` ${part}`))) score = 2.5;
    else if (n.includes(wanted) || c.includes(wanted)) score = 2;
    if (score) scored.push([score, likely.get(code) ?? Infinity, n.length || c.length, code, name]);
  }
  scored.sort((a, b) => b[0] - a[0] || (a[1] !== b[1] ? a[1] - b[1] : a[2] - b[2] || (a[3] < b[3] ? -1 : 1)));
  return scored.slice(0, most).map(([, , , code, name]) => /** @type {[string, string]} */ ([code, name]));
}

/** @type {Map<string, Promise<Known[]>>} */
const vocabularies = new Map();

// The classes, fetched once.
/** @param {Clip} data */
export async function vocabularyOf(data) {
  if (!data.classes_url) return [];
  const thing = thingAt(data.classes_url);
  if (!vocabularies.has(thing)) {
    const loading = fetch(data.classes_url, { credentials: "same-origin" }).then(async (response) => {
      if (!response.ok) throw new Error(await reasonOf(response));
      return response.json();
    });
    vocabularies.clear();
    vocabularies.set(thing, loading);
    loading.catch(() => vocabularies.delete(thing));
  }
  return vocabularies.get(thing) ?? [];
}

export class Adder {
  /** @param {View} v @param {AdderHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    /** @type {Known[]} */
    this.known = [];
    this.isUnknown = false; // whether what is typed is no class, so that the last row offers to make it one
    this.form = new NewClass(v, (code, name) => this.make(code, name), () => this.back());
    /** @type {[string, string][]} */
    this.choices = [];
    this.chosen = 0;
    v.addInput.addEventListener("input", () => this.suggest());
    v.addInput.addEventListener("keydown", (event) => this.key(event));
    v.add.addEventListener("focusout", ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && v.add.contains(relatedTarget))) this.close(false);
    });
  }

  get isOpen() {
    return !this.v.add.hidden;
  }

  /** @param {Clip} data */
  async open(data) {
    const { v } = this;
    this.data = data;
    v.add.hidden = false;
    this.form.close();
    v.addInput.value = "";
    v.addInput.focus();
    this.suggest();
    try {
      this.known = await vocabularyOf(data);
    } catch (error) {
      this.host.problem(`the list of classes could not be loaded: ${wordsOf(error)}`);
    }
    this.suggest(true);
  }

  // `refocus` gives the keys back to the player; not when the focus went elsewhere by itself.
  /** @param {boolean} [refocus] */
  close(refocus = true) {
    if (!this.isOpen) return;
    this.v.add.hidden = true;
    if (refocus) this.v.root.focus({ preventScroll: true });
  }

  // With `stays` what was marked stays so: the names came while one moved down the codes.
  suggest(stays = false) {
    const { v, data, known } = this;
    if (!data) return;
    const marked = stays ? this.choices[this.chosen]?.[0] : "";
    const names = new Map(known.map(([code, name]) => [code, name]));
    const fresh = new Set(known.filter(([, , isNew]) => isNew).map(([code]) => code));
    const typed = v.addInput.value.trim();
    const likely = new Map(data.candidates.map(([code, clipwise, why]) => [code, { clipwise, why }]));
    const roles = new Map(data.lanes.map((lane) => [lane.class, lane.role]));
    this.choices = typed ? rankClasses(known, typed, new Map(data.candidates.map(([code], place) => [code, place]))) : data.candidates.map(([code]) => /** @type {[string, string]} */ ([code, names.get(code) || code]));
    this.chosen = Math.max(0, this.choices.findIndex(([code]) => code === marked));
    const items = this.choices.map(([code, name], index) => {
      const item = el("li", { role: "option", test: "player-add-option", id: `em-option-${index}` },
        el("span", { class: "name", text: name || code }), el("span", { class: "code", text: code }));
      const role = roles.get(code);
      if (fresh.has(code)) item.append(chip("new", "new"));
      if (role) item.append(chip("role", role));
      const { clipwise = null, why = "" } = likely.get(code) || {};
      if (why) item.append(el("span", { class: "why", text: why }));
      if (clipwise !== null) item.append(el("span", { class: "number", text: clipwise.toFixed(2), title: "clipwise probability" }));
      item.dataset.class = code;
      item.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.chosen = index;
        this.choose();
      });
      return item;
    });
    const wanted = plain(typed);
    this.isUnknown = wanted !== "" && known.length > 0 && !known.some(([code, name]) => plain(code) === wanted || plain(name) === wanted);
    if (this.isUnknown) items.push(this.newRow(typed, items.length));
    v.options.replaceChildren(...items);
    v.add.scrollIntoView({ block: "nearest" });
    this.mark();
  }

  // The row that makes what was typed a class.
  /** @param {string} typed @param {number} index */
  newRow(typed, index) {
    const item = el("li", { class: "new", role: "option", test: "player-add-new", id: `em-option-${index}` }, chip("new", "new class"),
      el("span", { class: "name", text: `“${typed}”` }), el("span", { class: "why", text: "no label has it yet" }));
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.chosen = index;
      this.choose();
    });
    return item;
  }

  // Back from the new class to the list.
  back() {
    this.form.close();
    this.v.addInput.focus();
  }

  // Make a class and add it; raises what the server says against it.
  /** @param {string} code @param {string} name */
  async make(code, name) {
    const { data } = this;
    const made = await this.host.make(code, name);
    vocabularies.clear();
    if (data && !this.host.isAt(data)) { // it was meant for the clip before
      this.host.problem(`${made.class} is a class now; it was not added, as another clip came`);
      return;
    }
    this.close();
    this.host.take(made.class, made.name);
  }

  get count() {
    return this.choices.length + Number(this.isUnknown);
  }

  mark() {
    const { v } = this;
    [...v.options.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
    v.addInput.setAttribute("aria-activedescendant", this.count ? `em-option-${this.chosen}` : "");
  }

  choose() {
    const choice = this.choices[this.chosen];
    if (!choice && this.isUnknown) this.form.open(this.v.addInput.value.trim());
    if (!choice) return;
    this.close();
    this.host.take(...choice);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    event.stopPropagation();
    if (event.isComposing || event.repeat) return;
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter") this.choose();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.chosen = Math.min(this.count - 1, Math.max(0, this.chosen + step));
      this.mark();
    } else return;
    event.preventDefault();
  }
}
