// Mouse, pen and finger on the map: move it, zoom, point at something, draw an outline.

/** @import { PointerHost } from "./types" */

const DRAG_PX = 4;
const REST_MS = 60; // a pointer that only passes over asks for nothing
const WHEEL = 0.0016;

export class MapPointer {
  /** @param {HTMLElement} area @param {PointerHost} host */
  constructor(area, host) {
    this.area = area;
    this.host = host;
    /** @type {Map<number, { x: number, y: number }>} */
    this.down = new Map();
    /** @type {{ x: number, y: number } | null} */
    this.from = null; // where it came down, as long as it has not moved
    /** @type {[number, number][] | null} */
    this.drawing = null; // corners on the map
    this.timer = 0;
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ handle, passive = true) => area.addEventListener(name, handle, { passive });
    on("pointerdown", (/** @type {PointerEvent} */ event) => this.press(event));
    on("pointermove", (/** @type {PointerEvent} */ event) => this.move(event));
    on("pointerup", (/** @type {PointerEvent} */ event) => this.up(event));
    on("pointercancel", (/** @type {PointerEvent} */ event) => this.cancel(event));
    on("pointerleave", () => this.leave());
    on("dblclick", (/** @type {MouseEvent} */ event) => event.preventDefault(), false);
    on("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), false);
  }

  /** @param {{ clientX: number, clientY: number }} event */
  at({ clientX, clientY }) {
    const box = this.area.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0) return;
    const here = this.at(event);
    this.area.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, here);
    this.from = this.down.size === 1 ? here : null;
    if (this.down.size === 1 && (this.host.outlining || event.shiftKey)) this.drawing = [this.host.camera.toMap(here.x, here.y)];
    else this.drawing = null;
    clearTimeout(this.timer);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const here = this.at(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.host.pointAt(here.x, here.y), REST_MS);
      return;
    }
    const { camera } = this.host;
    if (this.from && Math.hypot(here.x - this.from.x, here.y - this.from.y) < DRAG_PX) return;
    this.from = null;
    this.down.set(event.pointerId, here);
    if (this.drawing) {
      this.drawing.push(camera.toMap(here.x, here.y));
      this.host.drawOutline(this.drawing, false);
    } else if (this.down.size === 2) {
      const [other] = [...this.down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (/** @type {{ x: number, y: number }} */ one) => Math.hypot(one.x - other.x, one.y - other.y);
      camera.zoom(apart(here) / Math.max(1, apart(before)), (here.x + other.x) / 2, (here.y + other.y) / 2);
      camera.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
      this.host.looked();
    } else {
      camera.pan(here.x - before.x, here.y - before.y);
      this.host.looked();
    }
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.down.delete(event.pointerId)) return;
    const { drawing, from } = this;
    this.drawing = this.from = null;
    if (drawing && drawing.length > 2) this.host.drawOutline(drawing, true);
    else if (from) this.host.pressed(from.x, from.y, event.pointerType === "touch");
  }

  /** @param {PointerEvent} event */
  cancel(event) {
    this.down.delete(event.pointerId);
    this.drawing = this.from = null;
  }

  leave() {
    clearTimeout(this.timer);
    if (!this.down.size) this.host.left();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const here = this.at(event);
    const steps = event.deltaMode === 1 ? 16 * event.deltaY : event.deltaY;
    this.host.camera.zoom(Math.exp(-steps * WHEEL), here.x, here.y);
    this.host.looked();
  }

  close() {
    clearTimeout(this.timer);
  }
}
