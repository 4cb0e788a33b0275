// What is known of the clip beside its sound: the thread of notes, flags, who decided what, where it comes from.

import { Caller } from "./caller.js";
import { el } from "../../shared/elements.js";

/**
 * @import { Entry, Mark } from "../../shared/server"
 * @import { View, DrawerHost } from "../types"
 */

/** @type {Record<string, string>} */
const MARK_WORDS = { note: "note", flag: "for an expert", later: "put off by you", skip: "skipped by you" };

/** @param {string} iso */
function whenText(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
}

// The marks as a thread: a note, below it all that was answered to it or to an answer; each with whether it is one.
/** @param {Mark[]} marks @returns {[Mark, boolean][]} */
function threadOf(marks) {
  const known = new Map(marks.map((mark) => [mark.id, mark]));
  const rootOf = (/** @type {Mark} */ mark) => {
    let root = mark;
    for (let above = known.get(mark.reply_to ?? 0); above; above = known.get(above.reply_to ?? 0)) root = above;
    return root;
  };
  const roots = marks.filter((mark) => rootOf(mark) === mark);
  return roots.flatMap((root) => [
    /** @type {[Mark, boolean]} */ ([root, false]),
    ...marks.filter((mark) => mark !== root && rootOf(mark) === root).map((mark) => /** @type {[Mark, boolean]} */ ([mark, true])),
  ]);
}

// A note's text, with the names of who is called marked. Places count signs as Python does, not UTF-16 units.
/** @param {Mark} mark @returns {(Node | string)[]} */
function partsOf({ text, calls }) {
  const signs = [...text];
  const parts = [];
  let at = 0;
  for (const [from, to] of calls) {
    parts.push(signs.slice(at, from).join(""), el("b", { class: "call", text: signs.slice(from, to).join("") }));
    at = to;
  }
  return [...parts, signs.slice(at).join("")];
}

export class Drawer {
  /** @param {View} v @param {DrawerHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.open = false;
    this.clip_id = 0;
    this.drafts = new Map(); // notes that were begun, by clip
    this.input = el("textarea", { test: "player-note-input", rows: 2, maxlength: 2000, "aria-label": "note",
      placeholder: "what a colleague should know of this clip" });
    this.save = el("button", { type: "button", test: "player-note-save", text: "Save note" });
    this.answering = el("div", { class: "why", test: "player-note-answering", hidden: true });
    this.caller = new Caller(this.input, host.api);
    this.form = el("div", { class: "note-form" }, this.answering, this.input, this.caller.list, this.save);
    this.reply_to = /** @type {number | null} */ (null); // the note that the next one answers
    this.marks = el("ul", { class: "marks", test: "player-marks" });
    this.history = el("div", { class: "history", test: "player-history" });
    this.only = el("input", { type: "checkbox", test: "player-history-only" });
    this.onlyName = el("span");
    this.facts = el("dl", { class: "facts", test: "player-metadata" });
    v.drawer.append(
      el("section", {}, el("h3", { text: "Notes and flags" }), this.marks, this.form),
      el("section", { class: "wide" }, el("h3", { text: "History" }),
        el("label", { class: "why" }, this.only, this.onlyName), this.history),
      el("section", {}, el("h3", { text: "Metadata" }), this.facts),
    );
    this.save.addEventListener("click", () => this.send());
    this.only.addEventListener("change", () => this.draw());
    this.input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (this.caller.takes(event)) return;
      if (event.key === "Escape") this.leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.send();
    });
  }

  /** @param {boolean} [open] */
  toggle(open = !this.open) {
    this.open = open;
    this.v.drawer.hidden = !open;
    this.v.drawerButton.setAttribute("aria-expanded", String(open));
    this.draw();
    this.host.stage.takeFreeHeight();
    if (open) this.v.drawer.scrollIntoView({ block: "nearest" });
  }

  // Another clip: a note that was begun stays with the clip that it is about.
  arrive() {
    this.drafts.set(this.clip_id, this.input.value);
    this.clip_id = this.host.data.clip_id;
    this.answer(null);
    this.caller.close();
    this.input.value = this.drafts.get(this.clip_id) || "";
  }

  // The note has been stored.
  /** @param {number} clip_id */
  written(clip_id) {
    this.drafts.delete(clip_id);
    if (clip_id !== this.clip_id) return;
    this.input.value = "";
    this.answer(null);
  }

  // What is written next answers a note (null: none).
  /** @param {Mark | null} mark */
  answer(mark) {
    this.reply_to = mark?.id ?? null;
    this.answering.hidden = !mark;
    this.save.textContent = mark ? "Save answer" : "Save note";
    if (!mark) return;
    const none = el("button", { type: "button", text: "no answer", "aria-label": "write a note that answers none" });
    none.addEventListener("click", () => this.answer(null));
    this.answering.replaceChildren(`answers ${mark.reviewer} `, none);
    this.input.focus();
  }

  write() {
    if (this.host.decisions.isBlind()) return undefined;
    this.toggle(true);
    return this.input.focus();
  }

  leave() {
    this.host.v.root.focus({ preventScroll: true }); // gives the keys back
  }

  send() {
    const text = this.input.value.trim();
    if (!text) return this.host.tell("the note is empty", "warning");
    this.host.decisions.mark("note", text, null, this.reply_to);
    return this.leave();
  }

  draw() {
    const { data, v } = this.host;
    if (!data) return;
    const flagged = (data.marks || []).some((mark) => mark.kind === "flag");
    v.flag.setAttribute("aria-pressed", String(flagged));
    v.flag.children[1].textContent = flagged ? "Flagged" : "Flag";
    v.drawerButton.children[1].textContent = data.marks?.length ? `Details (${data.marks.length})` : "Details";
    if (!this.open) return;
    this.marks.replaceChildren(...threadOf(data.marks || []).map(([mark, isAnswer]) => this.markOf(mark, isAnswer)));
    const { lane } = this.host;
    this.onlyName.textContent = ` ${lane ? lane.name : "the class in focus"} only`;
    const rows = (data.history || []).filter((row) => !this.only.checked || row.class === lane?.class);
    this.history.replaceChildren(...this.historyOf(rows));
    const { link } = this.host;
    const facts = Object.entries(data.metadata || {}).map(([name, value]) => [name, el("dd", { text: value })]);
    if (link) facts.push(["link", el("dd", {}, el("a", { href: link, test: "player-link", text: `clip/${data.clip_id}`, title: "this clip alone: opens at once" }))]);
    this.facts.replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", { text: name }), value)));
  }

  /** @param {Mark} mark @param {boolean} isAnswer */
  markOf(mark, isAnswer) {
    const remove = el("button", { type: "button", text: "take back", "aria-label": `take back this ${mark.kind}` });
    remove.addEventListener("click", () => this.host.decisions.mark(mark.kind, "", mark.id));
    const text = el("span", { class: "mark-text" }, ...partsOf(mark));
    const who = el("span", { class: "who", text: `${MARK_WORDS[mark.kind]}, ${mark.reviewer}, ${whenText(mark.created_at)}` });
    const buttons = el("span", { class: "mark-buttons for-reviewers" }, remove);
    if (mark.kind === "note") {
      const answer = el("button", { type: "button", test: "player-note-answer", text: "answer", "aria-label": `answer ${mark.reviewer}` });
      answer.addEventListener("click", () => this.answer(mark));
      buttons.prepend(answer);
    }
    return el("li", { class: `mark-${mark.kind}${isAnswer ? " answer" : ""}`, test: "player-mark" }, text, who, buttons);
  }

  // Newest first: who said what, when, and what was on the screen.
  /** @param {Entry[]} rows */
  historyOf(rows) {
    if (!rows.length) return [el("p", { class: "why", text: this.only.checked ? "Nobody has decided on this class here yet." : "Nobody has decided on this clip yet." })];
    return rows.map((row) => {
      const what = el("span", { class: "what" }, el("strong", { text: row.name }), el("span", { text: ` ${row.text}` }));
      const who = el("span", { class: "who", text: `${row.reviewer}, ${whenText(row.created_at)}${row.shown ? ` · saw: ${row.shown}` : ""}` });
      const node = el("div", { class: "entry", test: "player-history-row" }, what, who);
      node.dataset.standing = String(row.standing);
      if (!row.standing) what.append(el("span", { class: "gone", text: " (undone)" }));
      else if (row.can_undo) {
        const back = el("button", { type: "button", text: "undo", "aria-label": `undo ${row.name} ${row.text}` });
        back.addEventListener("click", () => this.host.decisions.undo(row.position));
        node.append(back);
      }
      return node;
    });
  }
}
