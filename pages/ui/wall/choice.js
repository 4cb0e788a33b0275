// What is selected on the wall, by snippet.

/** @import { ScoreField, ChoiceHost } from "./types" */

export class WallChoice {
  /** @param {ChoiceHost} wall */
  constructor(wall) {
    this.wall = wall;
    /** @type {Set<string>} */
    this.ids = new Set();
    this.anchor = 0; // where a range begins
    /** @type {Set<string> | null} */
    this.before = null; // what was selected when a rectangle began
  }

  get size() {
    return this.ids.size;
  }

  /** @param {string} id */
  has(id) {
    return this.ids.has(id);
  }

  clear() {
    this.ids.clear();
    this.wall.drawSelection();
  }

  // Leave out what is no longer on the wall.
  /** @param {Set<string>} ids */
  keep(ids) {
    for (const id of this.ids) if (!ids.has(id)) this.ids.delete(id);
    this.anchor = Math.min(this.anchor, Math.max(0, ids.size - 1));
  }

  /** @param {number} index */
  toggle(index) {
    const { id } = this.wall.shown[index];
    if (!this.ids.delete(id)) this.ids.add(id);
    this.anchor = index;
    this.wall.drawSelection();
  }

  // Ranges pass over the decided; a click on one of those selects it too.
  /** @param {number[]} indices */
  add(indices) {
    const { shown } = this.wall;
    for (const index of indices) if (!shown[index].verdict) this.ids.add(shown[index].id);
    this.wall.drawSelection();
  }

  /** @param {number} from @param {number} to */
  range(from, to) {
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    this.add(Array.from({ length: last - first + 1 }, (_, place) => first + place));
  }

  // A rectangle while it is dragged, and when it is done: what it touches comes to what was selected before.
  /** @param {number[]} indices @param {boolean} done */
  rectangle(indices, done) {
    this.before ||= new Set(this.ids);
    if (!done) {
      this.ids = new Set(this.before);
      this.add(indices);
    } else this.before = null;
  }

  // All to do whose `field` is at least so much; how many there are.
  /** @param {ScoreField} field @param {number} least */
  atLeast(field, least) {
    const { shown } = this.wall;
    const found = [...shown.keys()].filter((index) => !shown[index].verdict && (shown[index][field] ?? 0) >= least - 1e-6);
    this.add(found);
    return found.length;
  }
}
