// Calling somebody in a note: after an @ the names that begin so are offered, and Tab, Enter or a click writes one.

import { el } from "../../shared/elements.js";

/** @import { Api } from "../../shared/api.js" */

const MOST_SHOWN = 6;

export class Caller {
  /** @param {HTMLTextAreaElement} input @param {Pick<Api, "ask">} api */
  constructor(input, api) {
    this.input = input;
    this.api = api;
    this.list = el("ul", { class: "options call-names", test: "player-note-names", role: "listbox", "aria-label": "who to call", hidden: true });
    /** @type {Promise<string[]> | null} */
    this.names = null; // read once somebody types an @
    /** @type {string[]} */
    this.shown = [];
    this.picked = 0;
    input.addEventListener("input", () => this.offer());
    input.addEventListener("blur", () => this.close());
  }

  // What was typed after the last @ before the cursor; null where there is none.
  typed() {
    const before = this.input.value.slice(0, this.input.selectionStart ?? 0);
    return /(?:^|[^\p{L}\p{N}])@([^@\n]{0,80})$/u.exec(before)?.[1] ?? null;
  }

  async offer() {
    if (this.typed() === null) return this.close();
    this.names ??= this.api.ask("/api/people").then((answer) => answer.names, () => []);
    const names = await this.names;
    const typed = this.typed()?.toLowerCase(); // it may be another by now
    this.shown = typed === undefined ? [] : names.filter((name) => name.toLowerCase().startsWith(typed) && name.toLowerCase() !== typed).slice(0, MOST_SHOWN);
    this.picked = 0;
    return this.draw();
  }

  draw() {
    this.list.hidden = !this.shown.length;
    this.list.replaceChildren(...this.shown.map((name, place) => {
      const row = el("li", { role: "option", "aria-selected": String(place === this.picked), text: name });
      row.addEventListener("pointerdown", (event) => {
        event.preventDefault(); // the cursor stays where the name goes
        this.write(name);
      });
      return row;
    }));
  }

  close() {
    this.shown = [];
    this.draw();
  }

  // Whether a press was for the names that are offered.
  /** @param {KeyboardEvent} event */
  takes(event) {
    if (!this.shown.length || event.ctrlKey || event.metaKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.picked = (this.picked + step + this.shown.length) % this.shown.length;
      this.draw();
    } else if (event.key === "Tab" || event.key === "Enter") this.write(this.shown[this.picked]);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  /** @param {string} name */
  write(name) {
    const end = this.input.selectionStart ?? 0;
    this.input.setRangeText(`${name} `, end - (this.typed()?.length ?? 0), end, "end");
    this.close();
  }
}
