// Which columns are shown, kept under the reviewer's name.

import { el } from "../shared/elements.js";
import { COLUMNS } from "./view.js";

/**
 * @import { Queue } from "../shared/server"
 * @import { Api } from "../shared/api.js"
 */

const ALWAYS = ["class", "file"]; // else a row says nothing, and leads nowhere

export class ColumnChoice {
  /**
   * @param {{ columns: HTMLElement, columnsButton: HTMLElement }} v
   * @param {{ readonly data: Queue, readonly api: Pick<Api, "ask">, drawHead(): void }} host
   */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    /** @type {Set<string>} */
    this.hidden = new Set();
    v.columnsButton.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    this.onPress = (/** @type {Event} */ event) => { if (!event.composedPath().some((one) => one === v.columns || one === v.columnsButton)) this.close(); };
  }

  /** @param {unknown[]} hidden */
  begin(hidden) {
    this.hidden = new Set(hidden.filter((name) => typeof name === "string"));
  }

  get shown() {
    return this.host.data.columns.filter((name) => COLUMNS[name] && (ALWAYS.includes(name) || !this.hidden.has(name)));
  }

  get isOpen() {
    return !this.v.columns.hidden;
  }

  open() {
    const boxes = this.host.data.columns.filter((name) => COLUMNS[name] && !ALWAYS.includes(name)).map((name) => {
      const box = el("input", { type: "checkbox", name });
      box.checked = !this.hidden.has(name);
      box.addEventListener("change", () => this.show(name, box.checked));
      return el("label", {}, box, el("span", { text: COLUMNS[name].text }));
    });
    this.v.columns.replaceChildren(...boxes);
    this.set(true);
    boxes[0]?.querySelector("input")?.focus();
  }

  close() {
    if (this.isOpen) this.set(false);
  }

  /** @param {boolean} open */
  set(open) {
    this.v.columns.hidden = !open;
    this.v.columnsButton.setAttribute("aria-expanded", String(open));
    document.removeEventListener("pointerdown", this.onPress, true);
    if (open) document.addEventListener("pointerdown", this.onPress, true);
  }

  /** @param {string} name @param {boolean} isShown */
  show(name, isShown) {
    if (isShown) this.hidden.delete(name);
    else this.hidden.add(name);
    this.host.drawHead();
    if (!this.host.data.reviewer) return; // nobody to keep it for
    this.host.api.ask("/api/preferences", { name: "queue_columns", value: [...this.hidden] }).catch(() => {}); // shown all the same
  }
}
