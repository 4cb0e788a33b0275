// The point that is pointed at: its sound, its picture beside it, and the list of what truly sounds like it.

import { wordsOf } from "../shared/answers.js";
import { el } from "../shared/elements.js";
import { WallSound } from "../wall/sound.js";
import { WallTiles } from "../wall/tiles.js";
import { fillPicture, pictureOf, stretchRow, whenOf } from "./stretches.js";
import { hereHead, MISLEADS } from "./view.js";

/**
 * @import { MapStretch } from "../shared/server"
 * @import { PointingHost } from "./types"
 */

const REACH_PX = 9; // how near the pointer has to be to a point
const NEAR_MS = 160; // what is only passed over asks for no neighbours
const PICTURE_PX = { card: 220, row: 76 };

export class MapPointing {
  /** @param {PointingHost} host */
  constructor(host) {
    this.host = host;
    this.v = host.v;
    this.point = -1;
    this.plays = true;
    /** @type {MapStretch | null} */
    this.stretch = null;
    /** @type {MapStretch[]} */
    this.near = [];
    /** @type {Map<string, MapStretch>} */
    this.known = new Map(); // those that were shown, by the id of their snippet
    /** @type {number[]} */
    this.been = []; // from point to point by keys
    this.asked = 0;
    this.timer = 0;
    this.tiles = new WallTiles((id) => this.pictured(id));
    this.sound = new WallSound(host.v.audio, () => this.heard(), (text) => host.tell(text, "warning"));
    for (const box of [host.v.near, host.v.clusters]) box.addEventListener("click", (/** @type {MouseEvent} */ event) => this.listPressed(event));
  }

  get places() {
    return this.host.layers.picking?.places ?? new Uint16Array(0);
  }

  // ---------------------------------------------------------------- where the pointer is

  /** @param {number} left @param {number} top */
  under(left, top) {
    const { camera, layers } = this.host;
    const [x, y] = camera.toMap(left, top);
    return layers.picking ? layers.picking.nearest(x, y, REACH_PX / camera.scale, (point) => layers.counts(point)) : -1;
  }

  /** @param {number} left @param {number} top */
  pointAt(left, top) {
    const point = this.under(left, top);
    this.v.canvas.dataset.over = String(point >= 0);
    if (point >= 0 && point !== this.point) this.goTo(point, this.plays);
    else if (point >= 0) this.v.card.hidden = !this.stretch;
  }

  left() {
    this.v.card.hidden = true;
    this.sound.stop();
  }

  // A press opens the clip; a finger looks first.
  /** @param {number} left @param {number} top @param {boolean} isTouch */
  pressed(left, top, isTouch) {
    const point = this.under(left, top);
    if (point < 0) return undefined;
    if (isTouch && point !== this.point) return this.goTo(point, this.plays);
    return this.open(point);
  }

  /** @param {number} point */
  async open(point) {
    try {
      const one = point === this.stretch?.point ? this.stretch : await this.stretchAt(point);
      this.host.emit({ action: "open", clip_id: one.snippet.clip_id, moment_s: one.snippet.onset_s });
    } catch (error) {
      this.host.tell(`The clip could not be found: ${wordsOf(error)}`, "warning");
    }
  }

  goNowhere() {
    this.asked += 1;
    clearTimeout(this.timer);
    this.point = -1;
    this.stretch = null;
    this.near = [];
    this.been = [];
    this.sound.stop();
    this.v.card.hidden = true;
    this.drawNear();
    this.host.layers.cloud.schedule();
  }

  /** @param {number} point @returns {Promise<MapStretch>} */
  async stretchAt(point) {
    const { stretches } = await this.host.api.ask(this.host.address("/api/map/stretch", { point: String(point) }));
    if (!stretches.length) throw new Error("its clip is no longer there");
    return stretches[0];
  }

  // Look at a point: its sound and picture, then those that are truly most like it.
  /** @param {number} point @param {boolean} plays */
  async goTo(point, plays) {
    const mine = (this.asked += 1);
    clearTimeout(this.timer);
    this.point = point;
    this.host.layers.cloud.schedule();
    try {
      const one = await this.stretchAt(point);
      if (mine !== this.asked) return;
      this.stretch = one;
      this.near = [];
      this.drawCard();
      this.drawNear("looking for neighbours…");
      if (plays) this.sound.play(one.snippet);
      this.timer = setTimeout(() => this.fetchNear(mine), NEAR_MS);
    } catch (error) {
      if (mine === this.asked) this.host.tell(`This stretch could not be read: ${wordsOf(error)}`, "warning");
    }
  }

  /** @param {number} mine */
  async fetchNear(mine) {
    const { host } = this;
    try {
      const { stretches } = await host.api.ask(host.address("/api/map/near", { point: String(this.point) }), undefined, { patienceMs: 30000 });
      if (mine !== this.asked) return;
      this.near = stretches;
      this.drawNear();
      host.layers.cloud.schedule();
    } catch (error) {
      if (mine === this.asked) this.drawNear(`The neighbours could not be read: ${wordsOf(error)}`);
    }
  }

  // ---------------------------------------------------------------- from point to point

  // The nearest to the one before, among those that were not seen yet.
  next() {
    const { camera, layers } = this.host;
    const { been, places } = this;
    if (!layers.picking) return;
    if (this.point >= 0 && been[been.length - 1] !== this.point) been.push(this.point);
    const seen = new Set(been);
    const [x, y] = this.point >= 0 ? [places[2 * this.point], places[2 * this.point + 1]] : [camera.x, camera.y];
    const found = layers.picking.closest(x, y, (point) => !seen.has(point) && layers.counts(point));
    if (found >= 0) this.visit(found);
  }

  previous() {
    this.been.pop();
    const point = this.been[this.been.length - 1];
    if (point !== undefined) this.visit(point);
  }

  /** @param {number} point */
  visit(point) {
    this.reveal(point);
    if (this.been[this.been.length - 1] !== point) this.been.push(point);
    this.goTo(point, this.plays);
  }

  // Show where a stretch lies.
  /** @param {number} point */
  reveal(point) {
    const { camera } = this.host;
    const [x, y] = [this.places[2 * point], this.places[2 * point + 1]];
    const [left, top] = camera.toScreen(x, y);
    if (left > 20 && top > 20 && left < camera.width - 20 && top < camera.height - 20) return;
    camera.goTo(x, y);
    this.host.looked();
  }

  // ---------------------------------------------------------------- what is shown of it

  drawCard() {
    const { v, stretch } = this;
    if (!stretch) return;
    const name = this.host.layers.nameOf(stretch.point);
    v.card.replaceChildren(this.picture(stretch, PICTURE_PX.card), el("div", { class: "first", text: stretch.snippet.title }),
      el("div", { class: "second", text: `${whenOf(stretch)} · ${stretch.labels || "no label"}` }),
      ...(name && name !== stretch.labels ? [el("div", { class: "second", text: `${v.by.selectedOptions[0]?.textContent ?? ""}: ${name}` })] : []));
    v.card.dataset.point = String(stretch.point);
    v.card.hidden = false;
    this.placeCard();
    this.wantPictures();
  }

  // Beside its point, on the side where there is room.
  placeCard() {
    const { v, stretch, places } = this;
    if (v.card.hidden || !stretch || !places.length) return;
    const { camera } = this.host;
    const [left, top] = camera.toScreen(places[2 * stretch.point], places[2 * stretch.point + 1]);
    const { offsetWidth: width, offsetHeight: height } = v.card;
    const within = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(4, Math.min(most - 4, value));
    v.card.style.left = `${within(left + 14 + width > camera.width ? left - 14 - width : left + 14, camera.width - width)}px`;
    v.card.style.top = `${within(top - height / 2, camera.height - height)}px`;
    v.card.style.visibility = left < 0 || top < 0 || left > camera.width || top > camera.height ? "hidden" : "visible";
  }

  // The one that is pointed at, and its true neighbours.
  drawNear(said = "") {
    const { v, stretch, near } = this;
    v.here.dataset.point = stretch && !said ? String(stretch.point) : "";
    if (!stretch) {
      v.here.replaceChildren(el("p", { class: "hint", text: "Point at the map: what is there is heard and seen, and what truly sounds like it is listed here. A click opens the clip." }));
      return;
    }
    const head = hereHead(stretch.snippet.title, `${whenOf(stretch)} · ${stretch.labels || "no label"}`, this.sound.id === stretch.snippet.id);
    const list = said ? el("p", { class: "hint", text: said }) : el("ul", { class: "stretches", test: "map-neighbours", "aria-label": "most alike" }, ...near.map((one) => this.row(one)));
    v.here.replaceChildren(head, el("p", { class: "hint misleads", text: MISLEADS }), list);
    this.wantPictures();
  }

  /** @param {MapStretch} one @param {number} widthPx */
  picture(one, widthPx) {
    this.known.set(one.snippet.id, one);
    return pictureOf(one, this.tiles.get(one.snippet.id), this.colormap, widthPx);
  }

  get colormap() {
    return this.host.dark ? "magma" : "paper";
  }

  /** @param {MapStretch} one */
  row(one) {
    return stretchRow(one, this.picture(one, PICTURE_PX.row));
  }

  wantPictures() {
    const wanted = [...this.v.root.querySelectorAll(".pic")].map((one) => this.known.get(one.getAttribute("data-id") ?? ""));
    this.tiles.want(wanted.flatMap((one) => (one ? [one.snippet] : [])));
  }

  /** @param {string} id */
  pictured(id) {
    const one = this.known.get(id);
    for (const holder of this.v.root.querySelectorAll(".pic")) {
      if (one && holder instanceof HTMLElement && holder.dataset.id === id) {
        fillPicture(holder, one, this.tiles.get(id), this.colormap, holder.closest(".card") ? PICTURE_PX.card : PICTURE_PX.row);
      }
    }
  }

  heard() {
    const id = this.sound.id ?? "";
    if (this.v.root.dataset.playing === id) return;
    this.v.root.dataset.playing = id;
    const play = this.v.here.querySelector("[data-testid=map-play]");
    if (play && this.stretch) play.replaceWith(.../** @type {Element[]} */ ([...hereHead("", "", id === this.stretch.snippet.id).querySelectorAll("[data-testid=map-play]")]));
  }

  play() {
    if (this.sound.snippet) this.sound.stop();
    else if (this.stretch) this.sound.play(this.stretch.snippet);
  }

  /** @param {MouseEvent} event */
  listPressed(event) {
    const pressed = event.target instanceof Element ? event.target.closest("button") : null;
    const test = pressed?.dataset.testid;
    const point = Number(pressed?.dataset.point ?? -1);
    const one = [...this.known.values()].find((known) => known.point === point);
    if (test === "map-play") this.play();
    else if (test === "map-open") this.open(this.point);
    else if (test === "map-stretch-open") this.open(point);
    else if (test === "map-stretch" && one) {
      this.reveal(point);
      this.sound.play(one.snippet);
    }
  }

  close() {
    clearTimeout(this.timer);
    this.tiles.close();
    this.sound.close();
  }
}
