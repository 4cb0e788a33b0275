// The list that the wall shows: what is asked for, its snippets in the server's order, and what stands decided of them.

import { wordsOf } from "../shared/answers.js";

/**
 * @import { Snippet, Snippets, Verdicts } from "../shared/server"
 * @import { ListHost, Order } from "./types"
 */

export class WallList {
  /** @param {ListHost} wall */
  constructor(wall) {
    this.wall = wall;
    this.asked = ""; // what the snippets were fetched for
    this.position = 0;
    this.more = false;
    /** @type {Snippet[]} */
    this.snippets = [];
  }

  get query() { return this.wall.data.query; }

  get isSearch() { return "like" in this.query; }

  // A list of what is to do alone, from which goes what is decided.
  get isToDo() { return this.isSearch || "next" in this.query || "chosen" in this.query; }

  // It is answered anew after each batch. Of stretches, too, the list itself says what stands decided: a clip has many.
  get isAnew() { return this.isToDo || Boolean(this.wall.data.stretches); }

  get order() { return /** @type {Order} */ (this.query.order); }

  get url() {
    return `${this.wall.data.path}?${new URLSearchParams(this.query)}`;
  }

  // Fetch what the page asks for where that is another question; returns whether it is.
  begin() {
    const asked = JSON.stringify([this.wall.data.path, this.query]);
    if (asked === this.asked) return false;
    this.asked = asked;
    this.snippets = []; // what stands there is of another question: no press may fall on it
    this.fetch();
    return true;
  }

  // The list anew, in the server's order: those to do first.
  async fetch() {
    const { asked, wall } = this;
    wall.loading(true);
    /** @type {Snippets} */
    let answer;
    try {
      answer = await wall.api.ask(this.url);
    } catch (error) {
      if (asked === this.asked) wall.showEmpty(`The snippets could not be loaded: ${wordsOf(error)}`);
      return;
    } finally {
      if (asked === this.asked) wall.loading(false);
    }
    if (asked !== this.asked) return; // another class was chosen meanwhile
    this.position = answer.position;
    this.more = answer.more;
    this.snippets = answer.snippets;
    wall.arrived(answer.said || "");
  }

  // Fresh links and verdicts for what is on the wall; nothing moves.
  async renew() {
    const { asked, wall } = this;
    /** @type {Snippets | null} */
    const answer = await wall.api.ask(this.url).catch(() => null);
    if (!answer || asked !== this.asked) return;
    const fresh = new Map(answer.snippets.map((one) => [one.id, one]));
    for (const one of this.snippets) Object.assign(one, fresh.get(one.id));
    wall.tiles.forgetErrors();
    if (!this.isAnew) await this.readVerdicts().catch((error) => wall.tell(`what is decided could not be read: ${wordsOf(error)}`, "warning"));
  }

  readAgain() {
    return this.isAnew ? this.fetch() : this.readVerdicts();
  }

  // What stands decided now, of every snippet of the class.
  async readVerdicts() {
    const { asked, wall } = this;
    /** @type {Verdicts} */
    const answer = await wall.api.ask(`/api/snippets/verdicts?${new URLSearchParams({ class: this.query.class })}`);
    if (asked !== this.asked) return;
    this.position = answer.position;
    for (const one of this.snippets) {
      const verdict = answer.verdicts[one.clip_id] || "";
      if (verdict !== one.verdict) wall.choice.ids.delete(one.id);
      one.verdict = verdict;
    }
    wall.show();
  }
}
