// The pointer on the stage: click seeks, drag selects, wheel and pinch zoom, the axes pan.

import { AXES, hertz, timeText } from "../../shared/axes.js";
import { round3 } from "../span.js";

/**
 * @import { Band } from "../../shared/types"
 * @import { Stage } from "./stage.js"
 */

const POINTER_DRAG_PX = 4;
const WHEEL_ZOOM = 0.002;
const PINCH_ZOOM = 0.01; // a trackpad's pinch comes as a wheel with ctrl
const LINE_PX = 16;

/**
 * What lies under the pointer, in parts.
 * @typedef {(timeS: number, at: { clientY: number }) => string[]} Describe
 * Where a pointer went down.
 * @typedef {{ x: number, y: number, time_s: number, clip_id: number, hz: number | null, dragged: boolean }} Press
 */

export class Pointing {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.boxMode = false;
    this.held = false; // while a pointer is down the view is left alone
    /** @type {{ area: HTMLElement, describe: Describe | undefined, clientX: number, clientY: number } | null} */
    this.over = null;
    /** @type {Map<number, number>} */
    this.fingers = new Map(); // where each touches
    /** @type {[number, number][]} */
    this.pinched = []; // which finger holds what time
    const { plot, ticks, axis, wave, boxMode } = stage.v;
    this.listenTime(plot, (timeS, event) => this.underPointer(timeS, event));
    this.listenTime(wave, () => []);
    plot.addEventListener("pointerdown", (event) => this.finger(event), true);
    for (const name of /** @type {const} */ (["pointermove", "pointerup", "pointercancel"])) plot.addEventListener(name, (event) => this.fingerMoved(event), true);
    /** @type {HTMLElement[]} */
    const wheeled = [plot, wave, ticks];
    for (const area of wheeled) area.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    axis.addEventListener("wheel", (event) => this.wheelBand(event), { passive: false });
    this.listenPan(ticks, 0);
    this.listenPan(plot, 1);
    plot.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault()); // no autoscroll
    ticks.addEventListener("dblclick", () => stage.fit());
    axis.addEventListener("dblclick", () => stage.setBand(null));
    this.listenAxis(axis);
    boxMode.addEventListener("click", () => {
      this.boxMode = !this.boxMode;
      boxMode.setAttribute("aria-pressed", String(this.boxMode));
    });
  }

  // ---------------------------------------------------------------- seek and select

  // Click seeks, drag selects a stretch; on the picture with Shift, or in box mode, a band of it.
  // `describe(timeS, {clientX, clientY})` says what lies under the pointer, in parts, where the area does not say it itself.
  /** @param {HTMLElement} area @param {Describe} [describe] */
  listenTime(area, describe) {
    const { stage } = this;
    const { v } = stage;
    const timeOf = (/** @type {PointerEvent} */ event) => stage.timeAt(event.clientX, area);
    /** @type {Press | null} */
    let start = null;
    const stop = () => {
      start = null;
      this.held = false;
    };
    area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !stage.data || stage.data.error) return;
      if (area === v.plot && stage.pointerOwner?.(event)) return;
      const box = area === v.plot && (event.shiftKey || this.boxMode);
      const hz = box ? stage.hertzAt(event.clientY) : null;
      start = { x: event.clientX, y: event.clientY, time_s: timeOf(event), clip_id: stage.data.clip_id, hz, dragged: false };
      this.held = true;
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      this.over = { area, describe, clientX: event.clientX, clientY: event.clientY };
      this.point();
      if (start && (start.clip_id !== stage.data.clip_id || this.fingers.size > 1)) stop();
      if (!start) return;
      if (Math.hypot(event.clientX - start.x, start.hz === null ? 0 : event.clientY - start.y) > POINTER_DRAG_PX) start.dragged = true;
      if (!start.dragged) return;
      const [onset_s, offset_s] = [start.time_s, timeOf(event)].sort((a, b) => a - b).map(round3);
      const band = start.hz === null ? [null, null] : [start.hz, stage.hertzAt(event.clientY)].sort((a, b) => a - b).map(Math.round);
      stage.select({ onset_s, offset_s, low_hz: band[0], high_hz: band[1] });
    });
    area.addEventListener("pointerup", (event) => {
      if (start && !start.dragged) stage.host.seek(timeOf(event));
      stop();
    });
    area.addEventListener("pointercancel", stop);
    area.addEventListener("pointerleave", () => {
      this.over = null;
      v.pointer.hidden = true;
      v.readout.textContent = "";
    });
  }

  // What lies under the pointer; again where the view has moved beneath it.
  point() {
    const { v, data } = this.stage;
    if (!this.over || !data || data.error) return;
    const { area, describe, clientX } = this.over;
    const timeS = this.stage.timeAt(clientX, area);
    if (describe) v.readout.textContent = [timeText(timeS, 0.01, timeS), ...describe(timeS, this.over)].filter(Boolean).join("  ·  ");
    v.pointer.hidden = false;
    v.pointer.style.left = `${this.stage.percent(timeS)}%`;
  }

  /** @param {number} timeS @param {{ clientY: number }} given1 */
  underPointer(timeS, { clientY }) {
    const hz = this.stage.hertzAt(clientY);
    return [hertz(hz), this.stage.layers.levelAt(timeS, hz)];
  }

  // ---------------------------------------------------------------- wheel and fingers

  /** @param {WheelEvent} event */
  wheel(event) {
    const { stage } = this;
    if (!stage.data || stage.data.error) return;
    if (event.altKey) return void this.wheelBand(event);
    const unit = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? LINE_PX : 20 * LINE_PX;
    const [across, down] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey || Math.abs(across) > Math.abs(down)) {
      event.preventDefault();
      stage.pan((across || down) / Math.max(1, stage.v.plot.clientWidth), false);
    } else if (stage.zoomed || down < 0 || event.ctrlKey) { // nothing left to zoom out of: the page scrolls
      event.preventDefault();
      stage.zoom(Math.exp(down * (event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM)), stage.timeAt(event.clientX));
    }
  }

  // Frequency: the one under the pointer stays where it is.
  /** @param {WheelEvent} event */
  wheelBand(event) {
    const { stage } = this;
    if (!stage.data || stage.data.error) return;
    event.preventDefault();
    const [to, from] = AXES[stage.axisKind];
    const anchor = to(stage.hertzAt(event.clientY));
    const [low, high] = [to(stage.band.low_hz), to(stage.band.high_hz)];
    const factor = Math.exp((event.deltaY || event.deltaX) * WHEEL_ZOOM);
    stage.setBand({ low_hz: from(anchor - (anchor - low) * factor), high_hz: from(anchor + (high - anchor) * factor) });
  }

  /** @param {PointerEvent} event */
  finger(event) {
    if (event.pointerType !== "touch") return;
    this.fingers.set(event.pointerId, event.clientX);
    if (this.fingers.size !== 2) return;
    this.pinched = [...this.fingers].map(([id, clientX]) => [id, this.stage.timeAt(clientX)]);
    this.stage.select(null);
  }

  // Two fingers: the times under them stay under them.
  /** @param {PointerEvent} event */
  fingerMoved(event) {
    if (!this.fingers.has(event.pointerId)) return;
    if (event.type !== "pointermove") {
      this.fingers.delete(event.pointerId);
      return;
    }
    this.fingers.set(event.pointerId, event.clientX);
    if (this.fingers.size !== 2) return;
    const box = this.stage.v.plot.getBoundingClientRect();
    const [[x1, t1], [x2, t2]] = this.pinched.map(([id, time]) => [(this.fingers.get(id) ?? NaN) - box.left, time]).sort((a, b) => a[0] - b[0]);
    if (x2 - x1 < 2 * POINTER_DRAG_PX || t2 <= t1) return;
    const secondsAPx = (t2 - t1) / (x2 - x1);
    const from_s = t1 - x1 * secondsAPx;
    this.stage.setView({ from_s, to_s: from_s + box.width * secondsAPx });
  }

  // ---------------------------------------------------------------- axes

  // Dragging with a button (0 left, 1 middle) moves what is in view.
  /** @param {HTMLElement} area @param {number} button */
  listenPan(area, button) {
    const { stage } = this;
    /** @type {number | null} */
    let last = null;
    area.addEventListener("pointerdown", (event) => {
      if (event.button !== button || !stage.data) return;
      event.preventDefault();
      last = event.clientX;
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      if (last === null) return;
      stage.pan((last - event.clientX) / Math.max(1, area.clientWidth), false);
      last = event.clientX;
    });
    for (const name of ["pointerup", "pointercancel"]) area.addEventListener(name, () => { last = null; });
  }

  // Frequency axis: dragging over it picks a band; where one is zoomed to, dragging moves it.
  /** @param {HTMLElement} axis */
  listenAxis(axis) {
    const { stage } = this;
    const { axisBand } = stage.v;
    const place = (/** @type {number} */ hz) => AXES[stage.axisKind][0](hz);
    /** @type {{ y: number, hz: number, band: Band | null, picked?: Band | null } | null} */
    let start = null;
    axis.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !stage.data) return;
      event.preventDefault();
      start = { y: event.clientY, hz: stage.hertzAt(event.clientY), band: stage.zoomedBand && { ...stage.band } };
      axis.setPointerCapture(event.pointerId);
    });
    axis.addEventListener("pointermove", (event) => {
      if (!start) return;
      if (start.band) {
        const from = AXES[stage.axisKind][1];
        const [low, high] = [place(start.band.low_hz), place(start.band.high_hz)];
        const step = ((event.clientY - start.y) / Math.max(1, axis.clientHeight)) * (high - low);
        stage.setBand({ low_hz: from(low + step), high_hz: from(high + step) });
        return;
      }
      const [low, high] = [start.hz, stage.hertzAt(event.clientY)].sort((a, b) => a - b);
      axisBand.hidden = Math.abs(event.clientY - start.y) <= POINTER_DRAG_PX;
      axisBand.style.top = `${stage.topPercent(high)}%`;
      axisBand.style.height = `${stage.topPercent(low) - stage.topPercent(high)}%`;
      start.picked = axisBand.hidden ? null : { low_hz: low, high_hz: high };
    });
    for (const name of ["pointerup", "pointercancel"]) {
      axis.addEventListener(name, () => {
        if (start?.picked && name === "pointerup") stage.setBand(start.picked);
        axisBand.hidden = true;
        start = null;
      });
    }
  }
}
