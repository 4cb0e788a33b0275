// The wall under mouse and finger: click and tap, shift-click, a dragged rectangle, hover, a long tap.

/** @import { PointerHost } from "./types" */

const DRAG_PX = 6;
const HOVER_MS = 140;
const LONG_TAP_MS = 450;
const EDGE_PX = 36; // dragging this near to an edge scrolls

/** @typedef {{ from: { x: number, y: number }, start: PointerEvent, last: PointerEvent, moving: boolean }} Drag */

/** @param {Event} event */
function isOnControl(event) {
  return event.target instanceof Element && event.target.closest("button, a") !== null;
}

export class WallPointer {
  /** @param {PointerHost} wall @param {{ scroller: HTMLElement, field: HTMLElement, band: HTMLElement }} given1 */
  constructor(wall, { scroller, field, band }) {
    this.wall = wall;
    this.scroller = scroller;
    this.field = field;
    this.band = band;
    /** @type {Drag | null} */
    this.drag = null;
    /** @type {PointerEvent | null} */
    this.start = null; // where a finger came down
    this.swallow = false; // whether the click that comes is the end of something else
    this.tapped = false; // whether the finger has stayed for long
    this.timer = this.hoverTimer = this.frame = 0;
    this.over = -1;
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ handle) => scroller.addEventListener(name, handle);
    on("pointerdown", (/** @type {PointerEvent} */ event) => this.down(event));
    on("pointermove", (/** @type {PointerEvent} */ event) => this.move(event));
    on("pointerup", () => this.up());
    on("pointercancel", () => this.up());
    on("click", (/** @type {PointerEvent} */ event) => this.click(event));
    on("dblclick", (/** @type {PointerEvent} */ event) => this.at(event) >= 0 && !isOnControl(event) && wall.opened(this.at(event)));
    on("contextmenu", (/** @type {PointerEvent} */ event) => this.tapped && event.preventDefault());
    on("pointerover", (/** @type {PointerEvent} */ event) => this.hover(event));
    on("pointerleave", () => this.leave());
  }

  /** @param {Event} event */
  at(event) {
    return this.wall.indexOf(event.target instanceof Element ? event.target.closest("[role=option]") : null);
  }

  // A point of the screen in the field's own pixels.
  /** @param {{ clientX: number, clientY: number }} given */
  point({ clientX, clientY }) {
    const box = this.field.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.swallow = this.tapped = false;
    if (event.button !== 0 || isOnControl(event)) return;
    if (event.pointerType === "touch") {
      const index = this.at(event);
      this.start = event;
      if (index >= 0) {
        this.timer = setTimeout(() => {
          this.swallow = this.tapped = true;
          this.wall.played(index);
        }, LONG_TAP_MS);
      }
      return;
    }
    const box = this.scroller.getBoundingClientRect();
    if (event.clientX > box.left + this.scroller.clientWidth) return; // the scroll bar
    this.drag = { from: this.point(event), start: event, last: event, moving: false };
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.pointerType === "touch") {
      if (this.start && Math.hypot(event.clientX - this.start.clientX, event.clientY - this.start.clientY) > DRAG_PX) clearTimeout(this.timer);
      return;
    }
    const { drag } = this;
    if (!drag) return;
    drag.last = event;
    if (!drag.moving) {
      if (Math.hypot(event.clientX - drag.start.clientX, event.clientY - drag.start.clientY) < DRAG_PX) return;
      drag.moving = true;
      this.scroller.setPointerCapture(event.pointerId);
      this.leave();
      this.scrollAtEdge();
    }
    this.stretch(drag);
  }

  /** @param {Drag} drag */
  stretch({ from, last }) {
    const to = this.point(last);
    const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
    const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
    this.band.hidden = false;
    this.band.style.cssText = `left:${left}px;top:${Math.max(0, top)}px;width:${right - left}px;height:${bottom - Math.max(0, top)}px`;
    this.wall.choice.rectangle(this.wall.grid.touched({ left, right, top, bottom }), false);
  }

  scrollAtEdge() {
    this.frame = requestAnimationFrame(() => {
      if (!this.drag) return;
      const box = this.scroller.getBoundingClientRect();
      const { clientY } = this.drag.last;
      const over = clientY < box.top + EDGE_PX ? clientY - box.top - EDGE_PX : Math.max(0, clientY - box.bottom + EDGE_PX);
      if (over) {
        this.scroller.scrollTop += Math.max(-EDGE_PX, Math.min(EDGE_PX, over)) / 2;
        this.stretch(this.drag);
      }
      this.scrollAtEdge();
    });
  }

  up() {
    clearTimeout(this.timer);
    const { drag } = this;
    this.drag = null;
    this.start = null;
    cancelAnimationFrame(this.frame);
    if (!drag?.moving) return;
    this.swallow = true; // the click that ends a drag
    this.band.hidden = true;
    this.wall.choice.rectangle([], true);
  }

  /** @param {MouseEvent} event */
  click(event) {
    if (this.swallow) {
      this.swallow = false;
      return;
    }
    const index = this.at(event);
    if (index < 0 || isOnControl(event)) return;
    this.wall.press(index, event.shiftKey);
  }

  /** @param {PointerEvent} event */
  hover(event) {
    if (event.pointerType === "touch" || this.drag?.moving) return;
    const index = this.at(event);
    if (index === this.over) return;
    this.leave();
    this.over = index;
    if (index >= 0) this.hoverTimer = setTimeout(() => this.wall.hovered(index), HOVER_MS);
  }

  leave() {
    clearTimeout(this.hoverTimer);
    if (this.over >= 0) this.wall.hovered(-1);
    this.over = -1;
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.hoverTimer);
    cancelAnimationFrame(this.frame);
  }
}
