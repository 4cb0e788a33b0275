// The pointer on the boxes: a click picks one, the picked one is dragged by its inside, its edges or its corners.

import { curvesOf } from "../lanes/curve.js";
import { stretchesAbove } from "../lanes/curves.js";
import { hasBand, regionOf, regionText, SHORTEST_BOX_S } from "./region.js";

/**
 * @import { View, DrawnBox } from "../types"
 * @import { Boxes } from "./regions.js"
 */

const SNAP_PX = 6;
const BOX_DRAG_PX = 4; // less is a click
const NARROWEST_BAND = 1.002; // highest over lowest frequency

// The part of a box that an event is on: an edge, a corner, or "" for its inside.
/** @param {Event} event */
function partOf(event) {
  for (const node of event.composedPath()) if (node instanceof HTMLElement && node.dataset.part) return node.dataset.part;
  return "";
}

/**
 * @typedef {object} Held
 * @property {DrawnBox} box
 * @property {string} part
 * @property {number[]} borders
 * @property {boolean} moved
 * @property {number} x
 * @property {number} y
 * @property {{ x: number, y: number }} grip
 */

export class BoxDrag {
  /** @param {View} v @param {Boxes} boxes */
  constructor(v, boxes) {
    this.v = v;
    this.boxes = boxes;
    this.host = boxes.host;
    this.stage = boxes.stage;
    /** @type {Held | null} */
    this.held = null; // what is dragged, and from where
    /** @type {number | null} */
    this.pointerS = null; // the time under the pointer
    /** @type {{ x: number, y: number } | null} */
    this.pressed = null;
    this.stage.pointerOwner = (event) => this.owns(event);
    v.plot.addEventListener("pointerdown", (event) => this.press(event));
    v.plot.addEventListener("pointermove", (event) => this.move(event));
    v.plot.addEventListener("pointerup", (event) => this.release(event));
    v.plot.addEventListener("pointercancel", () => this.held && boxes.putBack());
    for (const area of [v.plot, v.lanes]) {
      area.addEventListener("pointermove", (event) => { this.pointerS = this.stage.timeAt(event.clientX, v.plot); });
      area.addEventListener("pointerleave", () => { this.pointerS = null; });
    }
  }

  stop() {
    this.held = null;
    this.stage.pointing.held = false;
  }

  // Whether a press on the picture is for the picked box.
  /** @param {Event} event */
  owns(event) {
    const node = this.boxes.nodeOf(this.boxes.chosen);
    return node !== undefined && event.composedPath().includes(node);
  }

  /** @param {PointerEvent} event */
  press(event) {
    const onButton = event.composedPath().some((node) => node instanceof HTMLButtonElement);
    this.pressed = event.button === 0 && !onButton ? { x: event.clientX, y: event.clientY } : null;
    const box = this.boxes.picked;
    if (!this.pressed || !box || !this.owns(event) || this.boxes.refused()) return;
    const { data } = this.host;
    const part = partOf(event);
    const lane = data.lanes.find((one) => one.class === box.class) || null;
    const borders = stretchesAbove(lane, curvesOf(data, lane).values, data.steps, data.duration_s).flatMap(({ onset_s, offset_s }) => [onset_s, offset_s]);
    const moved = Boolean(this.boxes.resting); // nudged a moment ago: stored with this drag
    this.boxes.stopResting();
    this.held = { box, part, borders, moved, x: event.clientX, y: event.clientY, grip: this.gripOf(box, part, event) };
    this.stage.pointing.held = true;
    this.v.plot.setPointerCapture(event.pointerId);
  }

  // How far the pointer lies from what it drags, in pixels: it must not jump there.
  /** @param {DrawnBox} box @param {string} part @param {PointerEvent} event */
  gripOf(box, part, event) {
    const plot = this.v.plot.getBoundingClientRect();
    const x = plot.left + (this.stage.percent(part.includes("right") ? box.offset_s : box.onset_s) / 100) * plot.width;
    const y = hasBand(box) ? plot.top + (this.stage.topPercent(part.includes("bottom") ? box.low_hz : box.high_hz) / 100) * plot.height : 0;
    return { x: x - event.clientX, y: y - event.clientY };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { held, boxes } = this;
    if (!held) return;
    if (!held.moved && Math.hypot(event.clientX - held.x, event.clientY - held.y) <= BOX_DRAG_PX) return;
    held.moved = true;
    const region = regionOf(held.part ? this.resized(held, event) : this.shifted(held, event));
    boxes.draw(region);
    this.v.readout.textContent = regionText(region);
  }

  /** @param {PointerEvent} event */
  release(event) {
    const { held, pressed } = this;
    this.pressed = null;
    this.stop();
    if (held?.moved) return void this.boxes.store();
    const clicked = pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) <= BOX_DRAG_PX;
    if (clicked) this.pickAt(event, Boolean(held));
  }

  // The nearest border of a stretch above the threshold, where it is near.
  /** @param {Held} held @param {number} time @param {PointerEvent} event */
  snapped(held, time, event) {
    if (event.altKey) return time;
    const near = (SNAP_PX * this.stage.span) / Math.max(1, this.v.plot.clientWidth);
    const nearest = held.borders.reduce((best, border) => (Math.abs(border - time) < Math.abs(best - time) ? border : best), Infinity);
    return Math.abs(nearest - time) <= near ? nearest : time;
  }

  /** @param {Held} held @param {PointerEvent} event */
  resized(held, event) {
    const { box, part, grip } = held;
    const next = { ...box };
    const time = this.snapped(held, this.stage.timeAt(event.clientX + grip.x), event);
    const hz = this.stage.hertzAt(event.clientY + grip.y);
    if (part.includes("left")) next.onset_s = Math.max(0, Math.min(time, box.offset_s - SHORTEST_BOX_S));
    if (part.includes("right")) next.offset_s = Math.min(this.host.data.duration_s, Math.max(time, box.onset_s + SHORTEST_BOX_S));
    if (part.includes("top")) next.high_hz = Math.max(hz, (box.low_hz ?? 0) * NARROWEST_BAND + 1);
    if (part.includes("bottom")) next.low_hz = Math.max(0, Math.min(hz, ((box.high_hz ?? Infinity) - 1) / NARROWEST_BAND));
    return next;
  }

  /** @param {Held} held @param {PointerEvent} event */
  shifted(held, event) {
    const { box, x, y } = held;
    const long = box.offset_s - box.onset_s;
    const wanted = box.onset_s + ((event.clientX - x) * this.stage.span) / Math.max(1, this.v.plot.clientWidth);
    const [byOnset, byOffset] = [this.snapped(held, wanted, event), this.snapped(held, wanted + long, event) - long];
    const onset_s = Math.min(this.host.data.duration_s - long, Math.max(0, byOnset === wanted ? byOffset : byOnset));
    const next = { ...box, onset_s, offset_s: onset_s + long };
    if (!hasBand(box) || Math.abs(event.clientY - y) <= BOX_DRAG_PX) return next;
    // up and down it keeps its height on the screen, within the frequencies in view
    const plot = this.v.plot.getBoundingClientRect();
    const [top, bottom] = [box.high_hz, box.low_hz].map((hz) => plot.top + (this.stage.topPercent(hz) / 100) * plot.height);
    if (top < plot.top - 1 || bottom > plot.bottom + 1) return next;
    const by = Math.min(plot.bottom - bottom, Math.max(plot.top - top, event.clientY - y));
    return { ...next, high_hz: this.stage.hertzAt(top + by), low_hz: this.stage.hertzAt(bottom + by) };
  }

  // A click picks the smallest box under it, the next one where that is picked already; beside all boxes, none.
  /** @param {PointerEvent} event @param {boolean} ours */
  pickAt(event, ours) {
    const { boxes, host } = this;
    const time = this.stage.timeAt(event.clientX);
    const hz = this.stage.hertzAt(event.clientY);
    const area = (/** @type {DrawnBox} */ box) => (box.offset_s - box.onset_s) * (hasBand(box) ? Math.log(box.high_hz / Math.max(1, box.low_hz)) : 20);
    const rank = (/** @type {DrawnBox} */ box) => (box.class === host.focus ? 0 : 1);
    const under = boxes.all.filter((box) => time >= box.onset_s && time <= box.offset_s && (!hasBand(box) || (hz >= box.low_hz && hz <= box.high_hz)))
      .sort((one, other) => rank(one) - rank(other) || area(one) - area(other));
    if (ours) host.seek(time); // the stage left this press to us
    if (under.length) boxes.pick(under[(under.findIndex((box) => box.position === boxes.chosen) + 1) % under.length]);
    else if (boxes.chosen !== null) boxes.pick(null);
  }
}
