// The elements of the wall, and what one tile says.

import { button, caps, chip, el, icon, WORDS } from "../shared/elements.js";
import { WALL_KEYS } from "./keys.js";

/**
 * @import { Snippet } from "../shared/server"
 * @import { CountsHost, Order, ScoreField, Verdict, WallTile } from "./types"
 */

/** @type {Record<Order, [ScoreField, string]>} */
export const SCORES = {
  rank: ["p_wrong", "likely wrong"],
  clipwise: ["clipwise", "clipwise"],
  framewise: ["framewise", "highest frame"],
  alike: ["similarity", "alike"],
  likely: ["likely", "likely it"],
  uncertain: ["likely", "likely it"],
  varied: ["similarity", "alike"],
  random: ["similarity", "alike"],
  next: ["likely", "likely it"],
  central: ["similarity", "alike"],
  odd: ["similarity", "alike"],
  time: ["similarity", "alike"],
  score: ["clipwise", "score"],
  drawn: ["clipwise", "score"], // which is not told: who knows it hears what it says
};

// What a snippet scores in an order: how alike it is, while it is not known how likely.
/** @param {Snippet} snippet @param {Order} order @returns {[number, string]} */
export function scoreOf(snippet, order) {
  const [field, words] = SCORES[order];
  const score = snippet[field];
  return score === undefined ? [snippet.similarity ?? 0, SCORES.alike[1]] : [score, words];
}
export const VERDICT_WORDS = { present: "Present", absent: "Absent", unsure: "Unsure" };

/** @param {Verdict} name @param {string} key @param {string} why */
function verdictButton(name, key, why) {
  const node = button(`wall-${name}`, VERDICT_WORDS[name], key, name, why);
  node.classList.add("verdict", name);
  return node;
}

export function buildWall() {
  const v = {};
  v.title = el("div", { class: "title", test: "wall-title" });
  v.counts = el("div", { class: "counts", test: "wall-counts" });
  v.notice = el("div", { class: "notice", test: "wall-notice", role: "status", "aria-live": "polite" });
  const head = el("header", { class: "head" }, v.title, v.counts, v.notice);
  v.said = el("div", { class: "said", test: "wall-said", role: "status", "aria-live": "polite", hidden: true });

  const verdicts = el("div", { class: "group verdicts" });
  v.present = verdictButton("present", "1", "the class can be heard in the selected clips");
  v.absent = verdictButton("absent", "2", "the class cannot be heard in the selected clips");
  v.unsure = verdictButton("unsure", "3", "cannot be told; left out of training");
  v.undo = button("wall-undo", "Undo", "Z", "undo", "take back your last decision, a batch as a whole");
  for (const node of [v.present, v.absent, v.unsure, v.undo]) node.classList.add("for-reviewers");
  const onlyLook = el("span", { class: "only-look", test: "wall-only-look", text: "You look and listen here. To decide, ask an owner for the role reviewer." });
  v.selected = el("span", { class: "selected", test: "wall-selected", role: "status", "aria-live": "polite" });
  verdicts.append(v.present, v.absent, v.unsure, v.undo, onlyLook, v.selected);
  v.above = button("wall-above", "Down to here", "L", "", "select the snippet in focus and all to do that are ranked above it");
  v.all = button("wall-all", "All", "", "", "select all that are to do (Ctrl A)");
  v.clear = button("wall-clear", "None", "", "", "select none (Esc)");
  v.least = el("input", { type: "number", test: "wall-least", min: 0, max: 1, step: 0.05, value: "0.9", "aria-label": "score at least" });
  v.leastButton = el("button", { type: "button", test: "wall-least-select", text: "Select" });
  v.leastText = el("span", { text: "at least" });
  const line = el("label", { class: "line" }, v.leastText, v.least);
  v.hover = button("wall-hover", "Play on hover", "H", "play", "play a snippet when the pointer or the keys come to it");
  v.hide = button("wall-hide", "Hide decided", "D", "", "leave out what is decided");
  v.tidy = button("wall-tidy", "To do first", "T", "", "put the decided at the end and fetch what is left to do");
  v.like = button("wall-like", "More like this", "8", "", "look for what sounds like the selected snippets, or like the one in focus");
  v.unlike = button("wall-unlike", "Less like this", "9", "", "the selected snippets, or the one in focus, are not what is looked for");
  const looks = el("div", { class: "group looks" }, v.like, v.unlike, v.hover, v.hide, v.tidy);
  const choosing = el("div", { class: "group", role: "group", "aria-label": "select" }, v.above, v.all, v.clear, line, v.leastButton);
  const tools = el("div", { class: "tools", role: "toolbar", "aria-label": "wall" }, verdicts, choosing, looks);
  tools.addEventListener("click", () => { // a control of the page that has the focus has the keys, too
    if (!v.root.matches(":focus-within")) v.scroller.focus({ preventScroll: true });
  }, true);

  v.silentText = el("span");
  v.retry = el("button", { type: "button", test: "wall-retry", text: "Send it again" });
  v.silent = el("div", { class: "silent", test: "wall-no-answer", role: "alert", hidden: true }, icon("warning"), v.silentText, v.retry);

  v.band = el("div", { class: "band", hidden: true });
  v.field = el("div", { class: "field", role: "presentation" }, v.band);
  v.scroller = el("div", { class: "scroller", test: "wall", tabindex: "0", role: "listbox", "aria-multiselectable": "true" }, v.field);
  v.empty = el("div", { class: "empty", test: "wall-empty", hidden: true });
  v.audio = el("audio", { test: "wall-audio" });
  const legend = el("div", { class: "legend", "aria-hidden": "true" });
  for (const { shown, text } of WALL_KEYS) {
    if (shown) legend.append(el("span", { class: "hint" }, caps(...shown), el("span", { text })));
  }
  legend.append(el("span", { class: "hint", text: "drag or Shift-click selects many, a double click opens a clip, a long tap plays it" }));
  v.root = el("section", { class: "wall", test: "wall-root", tabindex: "-1" }, head, v.said, tools, v.silent, v.scroller, v.empty, legend, v.audio);
  return v;
}

let madeTiles = 0;

// An empty tile; its parts hang on the element.
export function makeTile() {
  madeTiles += 1;
  const canvas = el("canvas", { "aria-hidden": "true" });
  const stretch = el("div", { class: "stretch" });
  const cursor = el("div", { class: "cursor" });
  const state = el("div", { class: "state" });
  const play = el("button", { type: "button", class: "play", tabindex: "-1", "aria-hidden": "true", title: "play" }, icon("play"));
  const check = el("span", { class: "check", "aria-hidden": "true" }, icon("present"));
  const name = el("span", { class: "name" });
  const score = el("span", { class: "score" });
  const chips = el("span", { class: "chips" });
  const open = el("a", { class: "open", test: "wall-open", tabindex: "-1", "aria-hidden": "true", text: "open", title: "open in Review (O)" });
  const tile = el("div", { class: "tile", role: "option", id: `wall-tile-${madeTiles}`, test: "wall-tile" },
    el("div", { class: "pic" }, canvas, state, stretch, cursor, play, check),
    el("div", { class: "first" }, name, score), el("div", { class: "second" }, chips, open));
  return Object.assign(tile, { index: -1, painted: "", parts: { canvas, stretch, cursor, state, play, name, score, chips, open } });
}

/** @param {Snippet} snippet */
function roleWords(snippet) {
  return snippet.role ? `listed as ${snippet.role}` : "not listed";
}

// What a tile says of a snippet; its picture, selection and focus come by themselves.
/** @param {WallTile} tile @param {Snippet} snippet @param {{ index: number, count: number, order: Order }} given2 */
export function fillTile(tile, snippet, { index, count, order }) {
  const { parts } = tile;
  const [value, words] = scoreOf(snippet, order);
  const score = order === "drawn" ? "" : value.toFixed(2);
  tile.dataset.clip = String(snippet.clip_id);
  tile.dataset.verdict = snippet.verdict;
  tile.setAttribute("aria-setsize", String(count));
  tile.setAttribute("aria-posinset", String(index + 1));
  const asked = snippet.asks_name ? `${snippet.asks_name}? ${snippet.reason ?? ""}. ` : "";
  const said = snippet.verdict ? `decided ${snippet.verdict}` : "undecided";
  const told = [score && `${score} ${words}`, roleWords(snippet), said].filter(Boolean).join(", ");
  tile.setAttribute("aria-label", `${asked}${snippet.title}, ${told}`);
  parts.name.textContent = snippet.asks_name ? `${snippet.asks_name}?` : snippet.title.split("/").pop() ?? "";
  parts.name.title = snippet.title;
  parts.score.textContent = score;
  parts.score.title = words;
  parts.chips.replaceChildren();
  if (snippet.verdict) parts.chips.append(chip(snippet.verdict, snippet.verdict));
  else if (snippet.kind) parts.chips.append(chip(snippet.kind, WORDS[snippet.kind]));
  const where = snippet.reason ?? `${snippet.role || "unlisted"} · ${snippet.from_s.toFixed(1)} s`;
  parts.chips.append(el("span", { class: "where", text: where, title: snippet.reason ?? "" }));
  parts.open.href = `review?clip=${snippet.clip_id}${snippet.of_stretch ? `&t=${snippet.onset_s}` : ""}`;
  const percent = (/** @type {number} */ time) => 100 * Math.min(1, Math.max(0, (time - snippet.from_s) / (snippet.to_s - snippet.from_s)));
  parts.stretch.style.left = `${percent(snippet.onset_s)}%`;
  parts.stretch.style.width = `${percent(snippet.offset_s) - percent(snippet.onset_s)}%`;
}

/** @param {number} count */
export function clipsWord(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "clip" : "clips"}`;
}

// What is left to do, and what is switched on.
/** @param {ReturnType<typeof buildWall>} v @param {CountsHost} wall */
export function drawCounts(v, { data, list, hiding, onHover }) {
  const { snippets, more, order, isToDo } = list;
  const decided = snippets.filter((one) => one.verdict).length;
  const done = isToDo ? "" : `, ${decided.toLocaleString("en")} decided`;
  v.title.textContent = data.class_name;
  v.counts.textContent = `${(snippets.length - decided).toLocaleString("en")} to do${done}${more ? "; more after these" : ""}`;
  v.scroller.setAttribute("aria-label", `snippets of ${data.class_name}`);
  v.leastText.textContent = `${SCORES[order][1]} at least`;
  v.hide.setAttribute("aria-pressed", String(hiding));
  v.hover.setAttribute("aria-pressed", String(onHover));
}
