// What an outline or a cluster holds, said before anything is done with it; and what can be done: Sweep, the queue, or
// deciding all of its cells.

import { wordsOf } from "../shared/answers.js";
import { Deciding } from "../rows/deciding.js";
import { el } from "../shared/elements.js";
import { simplified } from "./picking.js";

/**
 * @import { MapArea } from "../shared/server"
 * @import { AreaHost } from "./types"
 */

const MOST_CORNERS = 64;

/** @typedef {{ outline?: [number, number][], cluster?: number }} Part */

export class MapAreaBar {
  /** @param {{ area: HTMLElement, areaSaid: HTMLElement, sweep: HTMLButtonElement, queue: HTMLButtonElement, decide: HTMLButtonElement, letGo: HTMLButtonElement, undo: HTMLButtonElement, dialog: HTMLDialogElement }} v @param {AreaHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    /** @type {Part | null} */
    this.part = null;
    /** @type {MapArea | null} */
    this.held = null;
    this.asked = 0;
    /** @type {number | null} */
    this.position = null; // of what was decided last
    this.deciding = new Deciding(v.dialog, {
      api: host.api,
      get query() { return host.scored; },
      renew: () => host.renew(),
      decided: (said, position) => this.decided(said, position),
    });
    v.sweep.addEventListener("click", () => this.go("sweep"));
    v.queue.addEventListener("click", () => this.go("queue"));
    v.decide.addEventListener("click", () => this.decide());
    v.letGo.addEventListener("click", () => this.clear());
    v.undo.addEventListener("click", () => { if (this.position !== null) this.deciding.undo(this.position); });
  }

  /** @param {[number, number][]} drawn */
  outline(drawn) {
    const outline = simplified(drawn.map(([x, y]) => [Math.min(65535, Math.max(0, x)), Math.min(65535, Math.max(0, y))]), MOST_CORNERS);
    if (outline.length < 3) return this.clear();
    return this.take({ outline }, "");
  }

  /** @param {Part} part @param {string} said in place of a number of stretches */
  take(part, said) {
    this.part = part;
    this.title = said;
    this.position = null;
    return this.ask();
  }

  clear() {
    this.part = this.held = null;
    this.asked += 1;
    this.v.area.hidden = true;
    this.host.areaChanged();
  }

  /** @param {boolean} keep @returns {Promise<MapArea>} */
  send(keep) {
    const { query, filter } = this.host.data;
    return this.host.api.ask("/api/map/area", { ...this.part, keep, filtered: filter !== null, query: { ...filter, ...query } }, { patienceMs: 30000 });
  }

  async ask() {
    const mine = (this.asked += 1);
    const { v } = this;
    v.area.hidden = false;
    this.held = null;
    this.draw("counting…");
    this.host.areaChanged();
    try {
      const held = await this.send(false);
      if (mine !== this.asked) return;
      this.held = held;
      this.draw("");
    } catch (error) {
      if (mine === this.asked) this.draw(`Not counted: ${wordsOf(error)}.`);
    }
    this.host.areaChanged();
  }

  /** @param {string} said */
  draw(said) {
    const { v, held, host } = this;
    const number = (/** @type {number} */ count, /** @type {string} */ one, /** @type {string} */ many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
    const stretches = held ? `${number(held.stretches, "stretch", "stretches")} of ${number(held.clips, "clip", "clips")}` : "";
    const cells = held && host.data.has_queue ? ` · ${held.cells ? `${held.words} to do` : held.words}` : "";
    v.areaSaid.replaceChildren(...(said ? [said] : [...(this.title ? [`${this.title}: `] : []), el("b", { text: stretches }), cells]));
    v.area.dataset.stretches = held ? String(held.stretches) : "";
    v.sweep.disabled = v.queue.disabled = !held?.stretches;
    v.queue.hidden = !host.data.has_queue;
    v.decide.hidden = !host.data.has_queue || !host.data.may_decide;
    v.decide.disabled = !held?.cells || !host.data.reviewer;
    const most = Math.min(held?.cells ?? 0, host.data.most_cells);
    const words = !held?.cells ? "Decide…" : held.cells > most ? `Decide the first ${most.toLocaleString("en")} cells…` : `Decide ${number(most, "cell", "cells")}…`;
    v.decide.querySelector(".text")?.replaceChildren(words);
    v.undo.hidden = this.position === null;
  }

  // The stretches are kept under a name, and the page that shows them is told it.
  /** @param {"sweep" | "queue"} page */
  async go(page) {
    try {
      const { chosen } = await this.send(true);
      this.host.emit({ action: page, chosen: chosen ?? "" });
    } catch (error) {
      this.host.tell(`Not kept: ${wordsOf(error)}`, "warning");
    }
  }

  async decide() {
    try {
      const { these, version } = await this.send(true);
      if (these?.length) this.deciding.open(these, version ?? "");
    } catch (error) {
      this.host.tell(`Not read: ${wordsOf(error)}`, "warning");
    }
  }

  /** @param {string} said @param {number | null} position */
  async decided(said, position) {
    this.position = position;
    await this.ask();
    this.position = position;
    this.v.undo.hidden = position === null;
    this.host.tell(said, "info");
    this.host.changed();
  }

  get isOpen() {
    return this.deciding.isOpen;
  }

  close() {
    if (this.deciding.isOpen) this.deciding.close();
  }
}
