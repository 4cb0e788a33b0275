// The wall's grid: of a thousand snippets only those near the screen have elements, which are used again as one scrolls.

/** @import { WallTile, Rectangle, GridHost } from "./types" */

const TILE_WIDTH = 196; // at least, where the wall is wide
const TILE_HEIGHT = 134;
const TILE_GAP = 10;
const ROWS_BEYOND = 2; // kept ready above and below the screen

// `make()` gives an element, `bind(element, index)` fills it; `moved` is called after the elements have changed.
export class WallGrid {
  /** @param {HTMLElement} scroller @param {HTMLElement} field @param {GridHost} given2 */
  constructor(scroller, field, { make, bind, moved }) {
    this.scroller = scroller;
    this.field = field;
    this.make = make;
    this.bind = bind;
    this.moved = moved;
    this.count = 0;
    this.columns = 2;
    this.width = TILE_WIDTH;
    this.firstOnScreen = 0;
    /** @type {Map<number, WallTile>} */
    this.slots = new Map();
    /** @type {WallTile[]} */
    this.spare = [];
    this.frame = 0;
    scroller.addEventListener("scroll", () => this.soon(), { passive: true });
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(scroller);
  }

  soon() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.render());
  }

  get rowHeight() {
    return TILE_HEIGHT + TILE_GAP;
  }

  // As many columns as fit, two at least; the first snippet on the screen stays there.
  layout() {
    const room = this.field.clientWidth;
    if (!room) return;
    const first = Math.floor(this.scroller.scrollTop / this.rowHeight) * this.columns;
    const columns = Math.max(2, Math.floor((room + TILE_GAP) / (TILE_WIDTH + TILE_GAP)));
    const moved = columns !== this.columns;
    this.columns = columns;
    this.width = (room - (columns - 1) * TILE_GAP) / columns;
    this.field.style.height = `${Math.ceil(this.count / columns) * this.rowHeight}px`;
    if (moved) this.scroller.scrollTop = Math.floor(first / columns) * this.rowHeight;
    this.rebind();
  }

  /** @param {number} count */
  setCount(count) {
    this.count = count;
    this.layout();
  }

  // Fill all elements anew.
  rebind() {
    for (const [index, slot] of this.slots) {
      if (index >= this.count) this.free(index, slot);
      else this.fill(slot, index);
    }
    this.render();
  }

  /** @param {WallTile} slot @param {number} index */
  fill(slot, index) {
    const [left, top] = this.placeOf(index);
    slot.style.width = `${this.width}px`;
    slot.style.transform = `translate(${left}px, ${top}px)`;
    this.bind(slot, index);
  }

  /** @param {number} index @param {WallTile} slot */
  free(index, slot) {
    this.slots.delete(index);
    this.spare.push(slot);
  }

  // Indices [from, to) that have elements. The scroller is asked before anything is changed: later it would have to
  // lay out the page to answer.
  range() {
    const { scrollTop, clientHeight } = this.scroller;
    this.firstOnScreen = Math.floor(scrollTop / this.rowHeight) * this.columns;
    const from = Math.max(0, Math.floor(scrollTop / this.rowHeight) - ROWS_BEYOND);
    const to = Math.ceil((scrollTop + clientHeight) / this.rowHeight) + ROWS_BEYOND;
    return [from * this.columns, Math.min(this.count, to * this.columns)];
  }

  render() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const [from, to] = this.range();
    for (const [index, slot] of this.slots) if (index < from || index >= to) this.free(index, slot);
    for (let index = from; index < to; index += 1) {
      if (this.slots.has(index)) continue;
      const slot = this.spare.pop() || this.add();
      this.slots.set(index, slot);
      slot.hidden = false;
      this.fill(slot, index);
    }
    for (const slot of this.spare) slot.hidden = true;
    this.moved();
  }

  add() {
    const slot = this.make();
    slot.style.height = `${TILE_HEIGHT}px`;
    this.field.append(slot);
    return slot;
  }

  /** @param {number} index */
  placeOf(index) {
    return [(index % this.columns) * (this.width + TILE_GAP), Math.floor(index / this.columns) * this.rowHeight];
  }

  // Indices of the tiles that a rectangle {left, right, top, bottom} touches, in the field's own pixels.
  /** @param {Rectangle} given */
  touched({ left, right, top, bottom }) {
    const across = this.width + TILE_GAP;
    const found = [];
    for (let row = Math.max(0, Math.floor(top / this.rowHeight)); row * this.rowHeight <= bottom; row += 1) {
      if (row * this.columns >= this.count) break;
      if (top > row * this.rowHeight + TILE_HEIGHT) continue; // in the gap below it
      for (let column = 0; column < this.columns; column += 1) {
        const index = row * this.columns + column;
        if (index < this.count && column * across <= right && column * across + this.width >= left) found.push(index);
      }
    }
    return found;
  }

  get rowsOnScreen() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight));
  }

  // Scroll no further than needed to have a tile whole on the screen.
  /** @param {number} index */
  reveal(index) {
    const [, top] = this.placeOf(index);
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + TILE_HEIGHT > scrollTop + clientHeight) this.scroller.scrollTop = top + this.rowHeight - clientHeight;
    this.render();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
  }
}
