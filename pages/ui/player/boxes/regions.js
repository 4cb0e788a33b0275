// Boxes over the picture: where a class is heard (events) and where it is not (quiet). Drawn, moved, resized, nudged
// and taken away; each change is a decision.

import { button, el, icon, setCaps } from "../../shared/elements.js";
import { BoxDrag } from "./drag.js";
import { curvesOf } from "../lanes/curve.js";
import { modelStretch } from "../lanes/curves.js";
import { isHiding } from "../deciding/flow.js";
import { boxesOf, hasBand, regionOf, regionText, sameRegion, SHORTEST_BOX_S } from "./region.js";

/**
 * @import { BandedStretch } from "../../shared/types"
 * @import { View, DrawnBox, BoxChange, SelectRange, BoxesHost } from "../types"
 */

const NUDGE_S = 0.05;
const NUDGE_REST_MS = 500; // a burst of presses is one decision
const NARROW_TAG_PX = 46;
const TIME_PARTS = ["left", "right"];
const BAND_PARTS = [...TIME_PARTS, "top", "bottom", "top left", "top right", "bottom left", "bottom right"];

/** @param {Boxes} boxes */
export function boxIsPicked(boxes) {
  return Boolean(boxes.picked || boxes.asking);
}

/** @typedef {{ box: DrawnBox, node: HTMLElement, text: HTMLElement }} BoxNode */

export class Boxes {
  /** @param {View} v @param {BoxesHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.stage = host.stage;
    /** @type {DrawnBox[]} */
    this.all = [];
    /** @type {Map<number, BoxNode>} */
    this.nodes = new Map();
    this.widthPx = 1;
    this.resting = 0; // the timer of presses that come to rest
    /** @type {number | null} */
    this.chosen = null; // the position of the box that is picked
    /** @type {BandedStretch | null} */
    this.draft = null; // where the picked box is drawn while it is not stored there
    /** @type {{ class: string, region: BandedStretch } | null} */
    this.expected = null; // the box that a request will have made
    this.asking = ""; // the class whose last box was taken away
    this.quieter = false; // what is taken away was a quiet stretch
    this.drag = new BoxDrag(v, this);
    this.before = (/** @type {Event} */ event) => this.settleBefore(event);
    this.arrive();
    this.area = el("div", { class: "boxes", test: "player-boxes", role: "group", "aria-label": "boxes" });
    v.error.before(this.area);
    this.button = button("player-box-add", "Box", "", "stretch", "box the selection for the class in focus");
    this.takeButton = button("player-box-take", "Model's box", "", "plus", "box the frames above the threshold");
    this.button.addEventListener("click", () => host.data && this.fromSelection());
    this.takeButton.addEventListener("click", () => host.data && this.takeStretch());
    v.addButton.after(this.button, this.takeButton);
    this.stage.onDraw(() => this.draw());
  }

  // Another clip: nothing of the last one is left over.
  arrive() {
    this.chosen = this.draft = this.expected = null;
    this.asking = "";
    this.quieter = false;
    this.drag.stop();
    this.stopResting();
  }

  // New data of the clip: what it says is what is drawn.
  build() {
    this.all = boxesOf(this.host.data);
    const { expected } = this;
    const made = expected && this.all.find((box) => box.class === expected.class && sameRegion(box, expected.region));
    if (made) this.chosen = made.position;
    else if (!this.all.some((box) => box.position === this.chosen)) this.chosen = null;
    this.drag.stop();
    this.stopResting();
    this.draft = this.expected = null;
    this.asking = "";
  }

  // The picked box where it is drawn now, or null.
  /** @returns {DrawnBox | null} */
  get picked() {
    const box = this.all.find((one) => one.position === this.chosen);
    return box ? { ...box, ...this.draft } : null;
  }

  /** @param {DrawnBox | null} box */
  pick(box) {
    if (!box && (this.drag.held || this.resting)) return this.putBack();
    if (!box && this.asking) return this.answer();
    if (this.expected && this.refused()) return undefined; // it is this box that the answer will be about
    this.chosen = box ? box.position : null;
    if (box && box.class !== this.host.focus) this.host.setFocus(box.class);
    this.drawFocus();
    this.host.selected();
    if (!box) return undefined;
    const among = this.all.filter((one) => one.class === box.class);
    const place = among.findIndex((one) => one.position === box.position) + 1;
    return this.host.tell(`box ${place} of ${among.length}, ${box.name} ${box.verdict}: ${regionText(box)}`, "info");
  }

  // ---------------------------------------------------------------- what a press does

  // The next box of the class in focus, else of any class, brought into view.
  next() {
    const own = this.all.filter((box) => box.class === this.host.focus);
    const among = own.length ? own : this.all;
    if (!among.length) return this.host.tell("no box in this clip", "warning");
    const box = among[(among.findIndex((one) => one.position === this.chosen) + 1) % among.length];
    const { view, span } = this.stage;
    const middle = (box.onset_s + box.offset_s) / 2;
    if (middle < view.from_s || middle > view.to_s) this.stage.show(middle - span / 2, middle + span / 2);
    return this.pick(box);
  }

  fromSelection() {
    const { selection } = this.stage;
    if (!selection) return this.host.tell("select first: drag over the picture, with Shift for a band of frequencies", "warning");
    return this.add(selection);
  }

  // What the model hears under the pointer, at the cursor, or where it is surest.
  takeStretch() {
    const { data, lane, sound } = this.host;
    const times = [this.drag.pointerS, sound.position > 0 ? sound.position : null];
    const stretch = lane && modelStretch(lane, curvesOf(data, lane).values, data.steps, data.duration_s, times);
    if (lane && !stretch && !isHiding(data.mode)) return this.host.tell("the model hears nothing of this class above its threshold", "warning");
    return this.add(stretch);
  }

  /** @param {SelectRange | null} stretch */
  add(stretch) {
    const { lane } = this.host;
    if (this.host.decisions.isBlind()) return undefined;
    if (!lane || !stretch) return this.host.tell("no class in focus; add one first", "warning");
    const region = regionOf(stretch);
    const same = this.all.find((box) => box.class === lane.class && box.verdict === "present" && sameRegion(box, region));
    if (same) return this.pick(same);
    return this.send({ class: lane.class, region }, region);
  }

  remove() {
    const box = this.picked;
    if (!box) return this.host.tell(`pick a box first: click it, or press ${this.host.keys.shown("next_box")[0]}`, "warning");
    this.quieter = box.verdict === "absent";
    return this.send({ class: box.class, replaces: box.position }, null);
  }

  // Earlier or later; `itsEnd` moves the end alone. Stored once the presses have come to rest.
  /** @param {number} direction @param {boolean} [itsEnd] */
  nudge(direction, itsEnd = false) {
    const box = this.picked || this.all.find((one) => one.class === this.host.focus);
    if (!box) return this.host.tell("no box of this class to nudge", "warning");
    if (this.refused()) return undefined;
    this.chosen = box.position;
    const by = direction * NUDGE_S;
    const most = this.host.data.duration_s;
    const shift = itsEnd ? by : Math.min(most - box.offset_s, Math.max(-box.onset_s, by));
    const onset_s = itsEnd ? box.onset_s : box.onset_s + shift;
    const offset_s = Math.min(most, Math.max(onset_s + SHORTEST_BOX_S, box.offset_s + shift));
    this.draft = regionOf({ ...box, onset_s, offset_s });
    this.drawFocus();
    this.rest();
    return this.host.tell(`${box.name}: ${regionText(this.draft)}`, "info");
  }

  // ---------------------------------------------------------------- presses that come to rest

  rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(), NUDGE_REST_MS);
    window.addEventListener("keydown", this.before, true);
    this.v.root.addEventListener("pointerdown", this.before, true);
  }

  stopResting() {
    clearTimeout(this.resting);
    this.resting = 0;
    window.removeEventListener("keydown", this.before, true);
    this.v.root.removeEventListener("pointerdown", this.before, true);
  }

  // What else is pressed meanwhile must find the nudged box stored.
  /** @param {Event} event */
  settleBefore(event) {
    const action = event instanceof KeyboardEvent ? this.host.keys.actionPressed(event) : "press";
    const goesOn = !action || action === "clear" || action.startsWith("nudge_") || this.drag.owns(event);
    if (!goesOn) this.settle();
  }

  settle() {
    this.stopResting();
    this.store();
  }

  // ---------------------------------------------------------------- storing

  // While a request is under way nothing moves: the blink says so.
  refused() {
    if (!this.host.messenger.locked) return false;
    this.host.messaged("refused");
    return true;
  }

  putBack() {
    this.drag.stop();
    this.stopResting();
    this.draft = this.expected = null;
    this.drawFocus();
  }

  // The picked box, stored where it is drawn.
  store() {
    const box = this.all.find((one) => one.position === this.chosen);
    const region = this.draft;
    if (!box || !region || sameRegion(box, region)) return this.putBack();
    return this.send({ class: box.class, verdict: box.verdict, region, replaces: box.position }, region);
  }

  /** @param {BoxChange} change @param {BandedStretch | null} region */
  send(change, region) {
    if (this.refused()) return this.putBack();
    this.expected = region && { class: change.class, region };
    this.host.changeBox(change);
    // refused by the server, or not even sent: what is drawn is what the data say
    const watch = () => {
      if (this.host.messenger.locked) requestAnimationFrame(watch);
      else if (this.expected) this.putBack();
    };
    requestAnimationFrame(watch);
    return undefined;
  }

  // ---------------------------------------------------------------- the last box

  // The server took a box away; `left` counts the class's boxes that still mark it present.
  /** @param {string} code @param {number} left */
  removed(code, left) {
    if (left || this.quieter) return;
    this.asking = code;
    this.drawQuestion();
  }

  answer() {
    this.asking = "";
    this.host.setFocus(this.host.focus);
  }

  drawQuestion() {
    const { host, v } = this;
    const name = host.data.lanes.find((lane) => lane.class === this.asking)?.name || this.asking;
    const key = (/** @type {string} */ action) => host.keys.shown(action)[0];
    const choices = ["present", "absent", "unsure"].map((action) => `${key(action)} ${action}`).join("   ");
    v.question.replaceChildren(el("strong", { text: `That was the last box of ${name}.` }),
      el("span", { class: "why", text: `Is it still heard in this clip?  ${choices}   ${key("clear")}: as before` }));
  }

  // ---------------------------------------------------------------- drawing

  // Which class is in focus and which box is picked decide how each looks.
  drawFocus() {
    const { focus, keys } = this.host;
    setCaps(this.button, keys.shown("box")[0] || "");
    setCaps(this.takeButton, keys.shown("take_stretch")[0] || "");
    this.widthPx = this.v.plot.clientWidth;
    const picked = this.picked;
    if (picked && picked.class !== focus) this.chosen = null;
    if (this.asking && this.asking !== focus) this.asking = "";
    const kept = new Set(this.all.map((box) => box.position));
    for (const [position, { node }] of this.nodes) {
      if (kept.has(position)) continue;
      node.remove();
      this.nodes.delete(position);
    }
    for (const box of this.all) {
      const entry = this.nodes.get(box.position) ?? this.buildBox(box);
      this.nodes.set(box.position, entry);
      entry.box = box;
      const look = entry.node.dataset;
      look.focus = String(box.class === focus);
      look.picked = String(box.position === this.chosen);
      this.drawBox(entry);
    }
    if (this.asking) this.drawQuestion();
  }

  /** @param {DrawnBox} box */
  buildBox(box) {
    const text = el("span", { class: "text" });
    const drop = el("button", { type: "button", class: "drop", test: "player-box-delete", title: "delete this box", "aria-label": "delete this box" }, icon("absent"));
    drop.addEventListener("pointerdown", (event) => event.preventDefault());
    drop.addEventListener("click", () => this.remove());
    const tag = el("span", { class: "tag" }, icon(box.verdict), text, drop);
    const handles = (hasBand(box) ? BAND_PARTS : TIME_PARTS).map((part) => {
      const handle = el("i", { class: `handle ${part}` });
      handle.dataset.part = part;
      return handle;
    });
    const node = el("div", { class: `region ${box.verdict === "present" ? "event" : "quiet"}`, test: "player-box", role: "group" }, tag, ...handles);
    Object.assign(node.dataset, { class: box.class, position: box.position });
    this.area.append(node);
    return { box, node, text };
  }

  // With a region: the picked box, drawn there for now.
  /** @param {BandedStretch | null} [region] */
  draw(region = null) {
    if (region) this.draft = region;
    this.widthPx = this.v.plot.clientWidth;
    for (const entry of this.nodes.values()) this.drawBox(entry);
  }

  /** @param {number | null} position */
  nodeOf(position) {
    return position === null ? undefined : this.nodes.get(position)?.node;
  }

  /** @param {BoxNode} node */
  drawBox({ box, node, text }) {
    const { stage } = this;
    const picked = box.position === this.chosen;
    const region = picked && this.draft ? this.draft : box;
    const { from_s, to_s } = stage.view;
    const within = (/** @type {number} */ percent) => Math.min(103, Math.max(-3, percent)); // borders beyond the view are not drawn
    const [top, bottom] = hasBand(region) ? [region.high_hz, region.low_hz].map((hz) => within(stage.topPercent(hz))) : [0, 100];
    node.hidden = region.offset_s <= from_s || region.onset_s >= to_s || bottom <= 0 || top >= 100;
    if (node.hidden) return;
    const [left, right] = [region.onset_s, region.offset_s].map((time) => within(stage.percent(time)));
    Object.assign(node.style, { left: `${left}%`, width: `${right - left}%`, top: `${top}%`, height: `${bottom - top}%` });
    Object.assign(node.dataset, { onset: region.onset_s, offset: region.offset_s, low: region.low_hz ?? "", high: region.high_hz ?? "" });
    node.dataset.moving = String(region !== box);
    const narrow = ((right - left) / 100) * this.widthPx < NARROW_TAG_PX;
    node.dataset.narrow = String(narrow && !picked);
    node.dataset.tag = picked && top > 9 ? "above" : "inside"; // what is picked is not covered by its own words
    node.dataset.end = String(left + right > 100);
    const said = `${box.verdict === "present" ? "" : "not here: "}${box.name}`;
    const words = picked ? regionText(region) : said;
    if (text.textContent !== words) text.textContent = words;
    node.setAttribute("aria-label", `${said}, ${regionText(region)}, by ${box.reviewer}`);
  }
}
