// Deciding all that is ticked at once: asked in words, confirmed, sent again while nothing answers, and undone.

import { newEventId, Refusal } from "../shared/api.js";
import { el } from "../shared/elements.js";

/**
 * @import { DecidedCells } from "../shared/server"
 * @import { DecidingHost } from "./types"
 */

/** @type {[string, string, string][]} */
const CHOICES = [ // as labeling/suspects/bulk.py has them
  ["suggested", "As suggested", "What the model hears is right, the label is wrong."],
  ["labelled", "As labelled", "The label is right, the model is wrong."],
  ["present", "Present", ""],
  ["absent", "Absent", ""],
  ["unsure", "Unsure", ""],
];
const AGAIN_MS = 3000; // until what had no answer is sent again

/** @param {unknown} problem */
const statusOf = (problem) => (problem instanceof Refusal ? problem.status : 0);
// Whether what was refused may pass with a new token.
/** @param {unknown} problem */
const isTooOld = (problem) => problem instanceof Refusal && problem.status === 403 && !problem.isFinal;
/** @param {unknown} problem */
const reason = (problem) => (problem instanceof Error ? problem.message : String(problem));

export class Deciding {
  /** @param {HTMLDialogElement} dialog @param {DecidingHost} host */
  constructor(dialog, host) {
    this.dialog = dialog;
    this.host = host;
    /** @type {[number, string][]} */
    this.cells = [];
    this.batch = ""; // makes two presses one
    this.version = "";
    this.sending = 0; // the timer of what is sent again
    this.asked = 0;
    const radios = CHOICES.map(([value, text, caption]) => el("label", { class: "choice" },
      el("input", { type: "radio", name: "choice", value }), el("span", {}, text, caption && el("small", { text: caption }))));
    this.plan = el("p", { class: "plan", test: "rows-plan", "aria-live": "polite" });
    this.problem = el("p", { class: "problem", role: "alert", hidden: true });
    this.go = el("button", { type: "submit", class: "go", test: "rows-decide-go", text: "Decide", disabled: true });
    this.cancel = el("button", { type: "button", text: "Cancel" });
    this.form = el("form", { method: "dialog" }, el("h2", { id: "rows-deciding", text: "Decide several cells" }), ...radios,
      this.plan, this.problem, el("div", { class: "group" }, this.go, this.cancel));
    dialog.append(this.form);
    dialog.setAttribute("aria-labelledby", "rows-deciding");
    this.form.addEventListener("change", () => this.ask());
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.decide(); });
    this.cancel.addEventListener("click", () => this.close());
    dialog.addEventListener("cancel", (event) => { if (this.isSending) event.preventDefault(); });
  }

  get isOpen() {
    return this.dialog.open;
  }

  // Whether it is not known yet what became of them.
  get isSending() {
    return this.form.dataset.sending === "true";
  }

  get choice() {
    return this.form.querySelector("input:checked")?.getAttribute("value") ?? "";
  }

  /** @param {[number, string][]} cells @param {string} version of the rows, as they are on the screen */
  open(cells, version) {
    Object.assign(this, { cells, version, batch: newEventId() });
    this.form.reset();
    this.plan.replaceChildren();
    this.go.textContent = "Decide";
    const first = this.form.querySelector("input");
    if (first) first.checked = true;
    this.say("");
    this.dialog.showModal();
    this.ask();
  }

  close() {
    clearTimeout(this.sending);
    this.asked += 1;
    this.lock(false);
    this.dialog.close();
  }

  /** @param {boolean} locked */
  lock(locked) {
    this.form.dataset.sending = String(locked);
    for (const part of [...this.form.querySelectorAll("input"), this.go, this.cancel]) part.disabled = locked;
  }

  /** @param {string} text */
  say(text) {
    this.problem.hidden = !text;
    this.problem.textContent = text;
  }

  /** @param {boolean} plan @returns {Promise<DecidedCells>} */
  send(plan) {
    const { cells, version, batch, choice } = this;
    return this.host.api.ask("/api/cells", { cells, version, batch, choice, plan, query: this.host.query });
  }

  // What the choice would do.
  async ask() {
    const mine = (this.asked += 1);
    this.go.disabled = true;
    try {
      const { cells, words, verdicts, decided } = await this.send(true);
      if (mine !== this.asked) return;
      const had = decided ? ` ${decided.toLocaleString("en")} of them had a verdict; this one takes its place.` : "";
      this.plan.replaceChildren(el("b", { text: words }), ` will be decided: ${verdicts}.${had}`);
      this.go.textContent = `Decide ${cells.toLocaleString("en")} ${cells === 1 ? "cell" : "cells"}`;
      this.go.disabled = false;
      this.say("");
    } catch (problem) {
      if (mine !== this.asked) return;
      if (isTooOld(problem)) this.host.renew();
      this.say(`Not read: ${reason(problem)}. Choose again.`);
    }
  }

  // What had no answer may be stored or not, and is sent again until it is known: with the same ids, so that it is stored
  // once.
  async decide() {
    if (this.isSending || this.go.disabled) return;
    this.lock(true);
    await this.deliver();
  }

  async deliver() {
    try {
      const { words, verdicts, position } = await this.send(false);
      this.close();
      this.host.decided(`${words} decided: ${verdicts}.`, position ?? null);
    } catch (problem) {
      const status = statusOf(problem);
      if (isTooOld(problem)) this.host.renew();
      else if (status && status < 500) {
        this.lock(false);
        this.say(reason(problem));
        return;
      }
      this.say(`Not known to be saved: ${reason(problem)}. Leave this open: it is sent again by itself.`);
      this.sending = setTimeout(() => this.deliver(), AGAIN_MS);
    }
  }

  // Take a batch back: that of the journal's entry at this position.
  /** @param {number} position */
  async undo(position) {
    try {
      const { notice } = await this.host.api.ask("/api/undo", { event_id: newEventId(), position });
      this.host.decided(`${notice}.`, null);
    } catch (problem) {
      this.host.decided(`Not undone: ${reason(problem)}.`, position);
    }
  }
}
