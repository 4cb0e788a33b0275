// Where one looks on the map: its middle in units of the map's square, and how many pixels a unit has. Up is up.

export const SIDE = 65535;
const FURTHEST = 0.6; // of what shows all of it
const NEAREST_PX = 2; // a unit, at most

export class Camera {
  constructor() {
    this.x = this.y = SIDE / 2;
    this.scale = 0.01;
    this.width = this.height = 1;
  }

  // What shows all of the map.
  get whole() {
    return Math.min(this.width, this.height) / SIDE;
  }

  /** @param {number} width @param {number} height in pixels of the page */
  resize(width, height) {
    const before = this.whole;
    const zoom = this.scale / before;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.scale = zoom * this.whole;
  }

  fit() {
    this.x = this.y = SIDE / 2;
    this.scale = this.whole;
  }

  /** @param {number} x @param {number} y of the map @returns {[number, number]} pixels from the upper left */
  toScreen(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale];
  }

  /** @param {number} left @param {number} top @returns {[number, number]} */
  toMap(left, top) {
    return [this.x + (left - this.width / 2) / this.scale, this.y - (top - this.height / 2) / this.scale];
  }

  /** @param {number} dx @param {number} dy pixels by which what is seen moves */
  pan(dx, dy) {
    this.goTo(this.x - dx / this.scale, this.y + dy / this.scale);
  }

  /** @param {number} x @param {number} y @param {number} [scale] */
  goTo(x, y, scale = this.scale) {
    this.scale = Math.min(NEAREST_PX, Math.max(FURTHEST * this.whole, scale));
    this.x = Math.min(SIDE, Math.max(0, x));
    this.y = Math.min(SIDE, Math.max(0, y));
  }

  // Nearer or further, with one place of the screen staying where it is.
  /** @param {number} factor @param {number} [left] @param {number} [top] */
  zoom(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toMap(left, top);
    this.goTo(this.x, this.y, this.scale * factor);
    this.goTo(x - (left - this.width / 2) / this.scale, y + (top - this.height / 2) / this.scale);
  }

  // The four corners of what is seen, on the map: rising x and y.
  get seen() {
    const [x0, y1] = this.toMap(0, 0);
    const [x1, y0] = this.toMap(this.width, this.height);
    const within = (/** @type {number} */ value) => Math.round(Math.min(SIDE, Math.max(0, value)));
    return { x0: within(x0), x1: within(x1), y0: within(y0), y1: within(y1) };
  }

  // As an address keeps it: middle, and how many times nearer than all of it.
  get text() {
    return `${Math.round(this.x)},${Math.round(this.y)},${Number((this.scale / this.whole).toFixed(2))}`;
  }

  // Look where an address says; whether it says it.
  /** @param {string} text */
  read(text) {
    const parts = text.split(",").map(Number);
    if (parts.length !== 3 || !parts.every((part) => Number.isFinite(part)) || parts[2] <= 0) return false;
    this.goTo(parts[0], parts[1], parts[2] * this.whole);
    return true;
  }
}
