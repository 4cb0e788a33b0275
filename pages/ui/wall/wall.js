// The wall itself: what is shown, what is selected, and what goes to the server.

import { Api } from "../shared/api.js";
import { icon } from "../shared/elements.js";
import { isDark } from "../shared/picture.js";
import { actionsOf } from "./actions.js";
import { WallBatch } from "./batch.js";
import { WallChoice } from "./choice.js";
import { WallGrid } from "./grid.js";
import { wallAction } from "./keys.js";
import { WallList } from "./list.js";
import { WallPointer } from "./pointer.js";
import { WallSound } from "./sound.js";
import { drawCut, WallTiles } from "./tiles.js";
import { buildWall, clipsWord, drawCounts, fillTile, makeTile, SCORES, VERDICT_WORDS } from "./view.js";

/**
 * @import { Snippet, Wall as WallData } from "../shared/server"
 * @import { Component, Level } from "../shared/types"
 * @import { Drawn, Verdict, WallTile } from "./types"
 */

/** @type {WeakMap<HTMLElement, Wall>} */
const walls = new WeakMap();
/** @type {any} */
const NOTHING = null; // in place of what the page tells until it has come; until then nothing is drawn or pressed
const VERDICTS = /** @type {const} */ (["present", "absent", "unsure"]);
const BUTTONS = /** @type {const} */ ([...VERDICTS, "undo", "above", "all", "clear", "hover", "hide", "tidy", "like", "unlike"]);

class Wall {
  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.v = buildWall();
    parent.append(this.v.root);
    const { v } = this;
    const tree = v.root.getRootNode();
    this.host = tree instanceof ShadowRoot ? tree.host : v.root;
    /** @type {WallData} */
    this.data = NOTHING;
    /** @type {(name: string, value: unknown) => void} */
    this.trigger = () => {};
    this.colormap = "";
    this.api = new Api();
    this.list = new WallList(this);
    /** @type {Snippet[]} */
    this.shown = []; // those on the wall
    this.choice = new WallChoice(this);
    this.batch = new WallBatch(this, { box: v.silent, text: v.silentText });
    this.active = 0; // the index in focus
    this.hiding = this.onHover = false;
    this.tiles = new WallTiles((id) => this.drawPicture(id));
    this.sound = new WallSound(v.audio, () => this.drawPlaying(), (text) => this.tell(text, "warning"));
    this.grid = new WallGrid(v.scroller, v.field, {
      make: () => this.makeTile(), bind: (tile, index) => this.bindTile(tile, index), moved: () => this.moved(),
    });
    this.pointer = new WallPointer(this, v);
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.keyed(event);
    this.listen();
  }

  // ---------------------------------------------------------------- data

  /** @param {Component<WallData>} given */
  update({ data, setTriggerValue }) {
    if (!data) return;
    this.trigger = setTriggerValue;
    const renewed = this.api.token && this.api.token !== data.token;
    this.api.token = data.token;
    this.data = data;
    this.recolour();
    this.v.root.dataset.order = this.list.order;
    this.v.root.dataset.searches = data.searches ? this.list.isSearch ? "more" : "first" : "no";
    this.v.root.dataset.anew = String(this.list.isToDo);
    if (this.list.begin()) this.show();
    else if (renewed) this.list.renew();
  }

  /** @param {boolean} is */
  loading(is) {
    this.v.root.dataset.loading = String(is);
    if (!is) return;
    this.tell("");
    this.sound.stop();
  }

  // The list is there. `said` is what the server makes of it.
  /** @param {string} said */
  arrived(said) {
    const { v } = this;
    v.said.textContent = said;
    v.said.hidden = !said;
    this.choice.clear();
    this.active = this.choice.anchor = 0;
    v.scroller.scrollTop = 0;
    this.tiles.forgetErrors();
    this.show();
  }

  /** @param {string} text */
  showEmpty(text) {
    this.v.empty.textContent = text;
    this.v.empty.hidden = false;
    this.v.scroller.hidden = true;
  }

  // Lay the wall out anew; the first snippet on the screen stays where it is, though others go.
  show() {
    const { v, grid } = this;
    v.empty.hidden = true;
    v.scroller.hidden = false;
    const focused = this.shown[this.active];
    const top = Math.floor(v.scroller.scrollTop / grid.rowHeight);
    const below = new Set(this.shown.slice(top * grid.columns).map((one) => one.id));
    const before = this.shown;
    this.shown = this.hiding ? this.list.snippets.filter((one) => !one.verdict) : this.list.snippets.slice();
    this.choice.keep(new Set(this.shown.map((one) => one.id)));
    const place = this.shown.indexOf(focused);
    this.active = Math.max(0, Math.min(this.shown.length - 1, place >= 0 ? place : this.active));
    grid.setCount(this.shown.length);
    if (before.length !== this.shown.length && before.length) {
      const first = this.shown.findIndex((one) => below.has(one.id));
      if (first >= 0) v.scroller.scrollTop += (Math.floor(first / grid.columns) - top) * grid.rowHeight;
    }
    grid.rebind();
    this.drawCounts();
    this.drawSelection();
    if (!this.list.snippets.length) this.showEmpty(v.root.dataset.loading === "true" ? "loading…" : this.data.empty);
    else if (!this.shown.length) this.showEmpty("All of these are decided. Press T for what is left to do, or D to show them.");
  }

  // ---------------------------------------------------------------- tiles

  makeTile() {
    const tile = makeTile();
    tile.parts.play.addEventListener("click", () => {
      const index = this.indexOf(tile);
      if (this.sound.id === this.shown[index]?.id) this.sound.stop();
      else this.played(index);
    });
    tile.parts.open.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own
      event.preventDefault();
      this.opened(this.indexOf(tile));
    });
    return tile;
  }

  /** @param {Element | null} tile */
  indexOf(tile) {
    return tile && "index" in tile && typeof tile.index === "number" ? tile.index : -1;
  }

  /** @param {WallTile} tile @param {number} index */
  bindTile(tile, index) {
    tile.index = index;
    fillTile(tile, this.shown[index], { index, count: this.shown.length, order: this.list.order });
    this.drawTile(tile);
    this.paint(tile);
  }

  /** @param {WallTile} tile */
  drawTile(tile) {
    const snippet = this.shown[tile.index];
    tile.setAttribute("aria-selected", String(this.choice.has(snippet.id)));
    tile.dataset.active = String(tile.index === this.active);
    tile.dataset.playing = String(this.sound.id === snippet.id);
  }

  // What is drawn already is left as it is.
  /** @param {WallTile} tile */
  paint(tile) {
    const { id } = this.shown[tile.index];
    const cut = this.tiles.get(id);
    const widthPx = Math.floor(this.grid.width * (window.devicePixelRatio || 1));
    const painted = `${id} ${this.colormap} ${widthPx} ${cut ? cut.error || "drawn" : ""}`;
    if (tile.painted === painted) return;
    tile.painted = painted;
    const { canvas, state } = tile.parts;
    state.textContent = cut ? cut.error || "" : "drawing…";
    canvas.hidden = !cut || Boolean(cut.error);
    if (cut && !cut.error) drawCut(canvas, /** @type {Drawn} */ (cut), this.colormap, widthPx);
    tile.dataset.drawn = String(!canvas.hidden);
  }

  /** @param {string} id */
  drawPicture(id) {
    for (const tile of this.grid.slots.values()) if (this.shown[tile.index]?.id === id) this.paint(tile);
  }

  // After scrolling: what is on the screen is fetched first, from its top down.
  moved() {
    const { grid, v } = this;
    const first = grid.firstOnScreen;
    const indices = [...grid.slots.keys()].sort((a, b) => Number(a < first) - Number(b < first) || a - b);
    this.tiles.want(indices.map((index) => this.shown[index]));
    const active = grid.slots.get(this.active);
    if (active) v.scroller.setAttribute("aria-activedescendant", active.id);
    else v.scroller.removeAttribute("aria-activedescendant");
  }

  recolour() {
    const dark = isDark(this.host);
    this.v.root.dataset.theme = dark ? "dark" : "light";
    this.v.root.dataset.may = this.data.may_decide ? "decide" : "look";
    const colormap = dark ? "magma" : "paper";
    if (colormap === this.colormap) return;
    this.colormap = colormap;
    for (const tile of this.grid.slots.values()) this.paint(tile);
  }

  drawPlaying() {
    const { sound, v } = this;
    v.root.dataset.playing = sound.snippet ? String(sound.snippet.clip_id) : "";
    for (const tile of this.grid.slots.values()) {
      const playing = sound.snippet !== null && this.shown[tile.index]?.id === sound.id;
      if (tile.dataset.playing !== String(playing)) {
        tile.dataset.playing = String(playing);
        tile.parts.play.replaceChildren(icon(playing ? "pause" : "play"));
      }
      if (playing) tile.parts.cursor.style.left = `${100 * sound.share}%`;
    }
  }

  // ---------------------------------------------------------------- focus and selection

  // A click: one more or one less; with Shift, all from the last one clicked.
  /** @param {number} index @param {boolean} shift */
  press(index, shift) {
    if (shift) this.choice.range(this.choice.anchor, index);
    else this.choice.toggle(index);
    this.focus(index, false);
  }

  /** @param {number} index @param {boolean} [reveal] */
  focus(index, reveal = true) {
    const before = this.active;
    this.active = Math.max(0, Math.min(this.shown.length - 1, index));
    if (reveal) this.grid.reveal(this.active);
    for (const at of [before, this.active]) {
      const tile = this.grid.slots.get(at);
      if (tile) this.drawTile(tile);
    }
    this.moved();
  }

  /** @param {number} step @param {boolean} shift */
  move(step, shift) {
    const before = this.active;
    this.focus(before + step);
    if (shift) this.choice.range(before, this.active);
    this.choice.anchor = this.active;
    if (this.onHover && this.active !== before) this.played(this.active);
  }

  selectAtLeast() {
    const { value } = this.v.least;
    const [field, words] = SCORES[this.list.order];
    if (!value || !this.choice.atLeast(field, Number(value))) this.tell(`none to do is ${words} at least ${value || "?"}`, "warning");
  }

  /** @param {Verdict} verdict */
  decide(verdict) {
    const chosen = this.list.snippets.filter((one) => this.choice.has(one.id));
    if (!this.data.query.class && !chosen.every((one) => one.asks)) this.tell("choose above which class the verdicts are of, or write a new one", "warning");
    else if (chosen.length) this.batch.decide(chosen, verdict, `${VERDICT_WORDS[verdict].toLowerCase()}, ${clipsWord(chosen.length)}`);
    else this.tell("select snippets first: click them, or press X", "warning");
  }

  // ---------------------------------------------------------------- sound

  /** @param {number} index */
  hovered(index) {
    if (!this.onHover) return;
    if (index < 0) this.sound.stop();
    else this.played(index);
  }

  /** @param {number} index */
  played(index) {
    if (this.shown[index]) this.sound.play(this.shown[index]);
  }

  /** @param {number} index */
  opened(index) {
    const snippet = this.shown[index];
    if (snippet) this.trigger("open", snippet.of_stretch ? [snippet.clip_id, snippet.onset_s] : snippet.clip_id);
  }

  // ---------------------------------------------------------------- controls

  /** @param {string} action @param {boolean} [shift] */
  act(action, shift = false) {
    const actions = actionsOf(this, shift);
    const named = /** @type {keyof typeof actions} */ (action);
    if (this.shown.length || ["undo", "hide", "tidy", "hover"].includes(action)) actions[named]();
  }

  listen() {
    const { v } = this;
    for (const name of BUTTONS) {
      v[name].addEventListener("click", () => this.act(name));
    }
    v.leastButton.addEventListener("click", () => this.selectAtLeast());
    v.least.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      this.selectAtLeast();
      v.least.blur(); // gives the keys back
    });
    v.retry.addEventListener("click", () => this.batch.deliver());
    document.addEventListener("keydown", this.onKey, true);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (!this.data) return;
    const action = wallAction(event, this.v.root, this.host);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    if (action !== "held") this.act(action, event.shiftKey);
  }

  /** @param {string} text @param {Level} [level] */
  tell(text, level = "info") {
    this.v.notice.textContent = this.v.notice.title = text;
    this.v.notice.dataset.level = level;
  }

  drawCounts() {
    drawCounts(this.v, this);
  }

  // The number that a press will decide is said on the button itself.
  drawSelection() {
    const { v, batch } = this;
    const count = this.choice.size;
    v.root.dataset.locked = String(batch.busy);
    v.root.dataset.selected = String(count);
    v.selected.textContent = count ? `${count.toLocaleString("en")} selected` : "none selected";
    for (const name of VERDICTS) {
      v[name].children[1].textContent = count ? `${VERDICT_WORDS[name]}: ${clipsWord(count).replace(" ", "\u00a0")}` : VERDICT_WORDS[name];
      v[name].disabled = !count || batch.busy;
    }
    v.undo.disabled = batch.busy;
    for (const tile of this.grid.slots.values()) this.drawTile(tile);
  }

  close() {
    document.removeEventListener("keydown", this.onKey, true);
    for (const part of [this.pointer, this.grid, this.tiles, this.sound]) part.close();
    this.v.root.remove();
  }
}

/** @param {Component<WallData>} component */
export default function mount(component) {
  const { parentElement } = component;
  let wall = walls.get(parentElement);
  if (!wall) {
    wall = new Wall(parentElement);
    walls.set(parentElement, wall);
  }
  wall.update(component);
  return () => {
    walls.get(parentElement)?.close();
    walls.delete(parentElement);
  };
}
