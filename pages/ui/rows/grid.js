// Rows of one height, of which only those near the screen have elements. A browser bounds how tall an element can be:
// the bar of a longer list moves by shares of it, and the wheel and the keys by pixels all the same.

/** @import { GridHost, RowElement } from "./types" */

const TALLEST_PX = 8_000_000;
const ROWS_BEYOND = 6; // kept ready above and below the screen
const SETTLED_MS = 160;

// `make()` gives an element, `bind(element, index)` fills it; `moved` is called after the elements have changed.
export class RowsGrid {
  /** @param {HTMLElement} scroller @param {HTMLElement} head @param {HTMLElement} field @param {GridHost} host */
  constructor(scroller, head, field, host) {
    this.scroller = scroller;
    this.head = head;
    this.field = field;
    this.host = host;
    this.count = 0;
    this.rowPx = 36;
    this.top = 0; // of what is in view, in pixels of the whole list
    this.scrolled = 0; // the scroller's own, when it was last asked
    /** @type {Map<number, RowElement>} */
    this.slots = new Map();
    /** @type {RowElement[]} */
    this.spare = [];
    this.frame = 0;
    this.settling = 0;
    scroller.addEventListener("scroll", () => this.onScroll(), { passive: true });
  }

  get wholePx() {
    return this.count * this.rowPx;
  }

  get roomPx() {
    return Math.max(this.rowPx, this.scroller.clientHeight - this.head.offsetHeight);
  }

  get mostTop() {
    return Math.max(0, this.wholePx - this.roomPx);
  }

  get mostScroll() {
    return Math.max(0, Math.min(this.wholePx, TALLEST_PX) - this.roomPx);
  }

  get isScaled() {
    return this.wholePx > TALLEST_PX;
  }

  get rowsOnScreen() {
    return Math.max(1, Math.floor(this.roomPx / this.rowPx));
  }

  // Where the list begins in the field.
  get shift() {
    return this.isScaled ? this.scrolled - this.top : 0;
  }

  /** @param {number} count @param {number} rowPx */
  layout(count, rowPx) {
    const first = this.top / this.rowPx;
    this.count = count;
    this.rowPx = rowPx;
    this.field.style.height = `${Math.min(this.wholePx, TALLEST_PX)}px`;
    for (const slot of [...this.slots.values(), ...this.spare]) slot.style.height = `${rowPx}px`;
    this.goTo(first * rowPx);
    this.rebind();
  }

  onScroll() {
    const { scrollTop } = this.scroller;
    const moved = scrollTop - this.scrolled;
    this.scrolled = scrollTop;
    if (!this.isScaled) this.top = scrollTop;
    else if (Math.abs(moved) <= 2 * this.roomPx) this.top += moved;
    else this.top = (scrollTop / this.mostScroll) * this.mostTop;
    if (scrollTop <= 0) this.top = 0;
    if (scrollTop >= this.mostScroll) this.top = this.mostTop;
    this.top = Math.min(this.mostTop, Math.max(0, this.top));
    if (!this.frame) this.frame = requestAnimationFrame(() => this.render());
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), SETTLED_MS);
  }

  // Once the scrolling has come to rest: the bar where it belongs, and the elements in the order of the rows, as
  // screen readers read them.
  settle() {
    if (this.isScaled) this.goTo(this.top);
    const inOrder = [...this.slots.keys()].sort((a, b) => a - b).flatMap((index) => this.slots.get(index) ?? []);
    if (inOrder.some((slot, place) => this.field.children[place] !== slot)) this.field.append(...inOrder, ...this.spare);
  }

  /** @param {number} top */
  goTo(top) {
    this.top = Math.min(this.mostTop, Math.max(0, top));
    this.scrolled = this.isScaled ? Math.round((this.top / this.mostTop) * this.mostScroll) : Math.round(this.top);
    this.scroller.scrollTop = this.scrolled;
    this.place();
    this.render();
  }

  // Scroll no further than needed to have a row whole on the screen.
  /** @param {number} index */
  reveal(index) {
    const top = index * this.rowPx;
    if (top < this.top) this.goTo(top);
    else if (top + this.rowPx > this.top + this.roomPx) this.goTo(top + this.rowPx - this.roomPx);
  }

  // Fill all elements anew.
  rebind() {
    for (const [index, slot] of this.slots) {
      if (index < this.count) this.host.bind(slot, index);
      else this.free(index, slot);
    }
    this.render();
  }

  // Other parts in each row: all elements are made anew.
  remake() {
    for (const slot of [...this.slots.values(), ...this.spare]) slot.remove();
    this.slots.clear();
    this.spare = [];
    this.render();
  }

  /** @param {number} index @param {RowElement} slot */
  free(index, slot) {
    this.slots.delete(index);
    this.spare.push(slot);
  }

  place() {
    for (const [index, slot] of this.slots) slot.style.transform = `translateY(${index * this.rowPx + this.shift}px)`;
  }

  get range() {
    const from = Math.max(0, Math.floor(this.top / this.rowPx) - ROWS_BEYOND);
    return [from, Math.min(this.count, Math.ceil((this.top + this.roomPx) / this.rowPx) + ROWS_BEYOND)];
  }

  render() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const [from, to] = this.range;
    for (const [index, slot] of this.slots) if (index < from || index >= to) this.free(index, slot);
    for (let index = from; index < to; index += 1) {
      if (this.slots.has(index)) continue;
      const slot = this.spare.pop() ?? this.add();
      this.slots.set(index, slot);
      slot.hidden = false;
      slot.style.transform = `translateY(${index * this.rowPx + this.shift}px)`;
      this.host.bind(slot, index);
    }
    for (const slot of this.spare) slot.hidden = true;
    this.host.moved();
  }

  add() {
    const slot = this.host.make();
    slot.style.height = `${this.rowPx}px`;
    this.field.append(slot);
    return slot;
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.settling);
  }
}
