// Which point is under the pointer: the points by the cells of a grid.

import { SIDE } from "./camera.js";

const CELL = 256; // units of the map
const ACROSS = (SIDE + 1) / CELL;

export class Picking {
  /** @param {Uint16Array} places across and up of each point, one after the other */
  constructor(places) {
    this.places = places;
    const count = places.length / 2;
    this.starts = new Uint32Array(ACROSS * ACROSS + 1);
    this.order = new Uint32Array(count);
    const cellOf = (/** @type {number} */ point) => (places[2 * point + 1] >> 8) * ACROSS + (places[2 * point] >> 8);
    for (let point = 0; point < count; point += 1) this.starts[cellOf(point) + 1] += 1;
    for (let cell = 0; cell < ACROSS * ACROSS; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice(0, -1);
    for (let point = 0; point < count; point += 1) {
      const cell = cellOf(point);
      this.order[next[cell]] = point;
      next[cell] += 1;
    }
  }

  // The nearest point within a radius that `counts`, -1 for none.
  /** @param {number} x @param {number} y @param {number} radius in units @param {(point: number) => boolean} counts */
  nearest(x, y, radius, counts) {
    const { places, starts, order } = this;
    let best = -1;
    let bestSquared = radius * radius;
    const between = (/** @type {number} */ value) => Math.min(ACROSS - 1, Math.max(0, Math.floor(value / CELL)));
    for (let row = between(y - radius); row <= between(y + radius); row += 1) {
      for (let column = between(x - radius); column <= between(x + radius); column += 1) {
        const cell = row * ACROSS + column;
        for (let at = starts[cell]; at < starts[cell + 1]; at += 1) {
          const point = order[at];
          const squared = (places[2 * point] - x) ** 2 + (places[2 * point + 1] - y) ** 2;
          if (squared <= bestSquared && counts(point)) [best, bestSquared] = [point, squared];
        }
      }
    }
    return best;
  }

  // The nearest point however far, that `counts`.
  /** @param {number} x @param {number} y @param {(point: number) => boolean} counts */
  closest(x, y, counts) {
    for (let radius = CELL; radius < 2 * SIDE; radius *= 4) {
      const found = this.nearest(x, y, radius, counts);
      if (found >= 0) return found;
    }
    return -1;
  }
}

// An outline of few corners, from what a hand drew: those that change its shape least go (Visvalingam & Whyatt 1993).
/** @param {[number, number][]} drawn @param {number} most */
export function simplified(drawn, most) {
  const corners = drawn.map(([x, y]) => /** @type {[number, number]} */ ([Math.round(x), Math.round(y)]))
    .filter(([x, y], place, all) => !place || x !== all[place - 1][0] || y !== all[place - 1][1]);
  const area = (/** @type {number} */ place) => {
    const count = corners.length;
    const [before, here, after] = [corners[(place + count - 1) % count], corners[place], corners[(place + 1) % count]];
    return Math.abs((here[0] - before[0]) * (after[1] - before[1]) - (after[0] - before[0]) * (here[1] - before[1]));
  };
  const areas = corners.map((_, place) => area(place));
  while (corners.length > Math.max(3, most)) {
    let least = 0;
    for (let place = 1; place < areas.length; place += 1) if (areas[place] < areas[least]) least = place;
    corners.splice(least, 1);
    areas.splice(least, 1);
    for (const place of [(least + corners.length - 1) % corners.length, least % corners.length]) areas[place] = area(place);
  }
  return corners;
}
