// What the wall sends: one batch of decisions, or one undo, at a time.

import { wordsOf } from "../shared/answers.js";
import { newEventId, Refusal } from "../shared/api.js";

/**
 * @import { Snippet } from "../shared/server"
 * @import { Level } from "../shared/types"
 * @import { Sending, BatchHost } from "./types"
 */

const TRIES = 3;
const BATCH_PATIENCE_MS = 30000;

// `alert` is shown while it is not known whether a request was carried out.
export class WallBatch {
  /** @param {BatchHost} wall @param {{ box: HTMLElement, text: HTMLElement }} alert */
  constructor(wall, alert) {
    this.wall = wall;
    this.alert = alert;
    /** @type {Sending | null} */
    this.pending = null;
  }

  get busy() {
    return this.pending !== null;
  }

  // `chosen` are snippets: all of them get the verdict, or none.
  /** @param {Snippet[]} chosen @param {string} verdict @param {string} said */
  decide(chosen, verdict, said) {
    const { data, list } = this.wall;
    const events = chosen.map(({ clip_id, role, kind, onset_s, offset_s, of_stretch, at_random, asks }) => ({
      event_id: newEventId(), clip_id, class: asks || data.query.class, verdict, role, kind, seen_position: list.position,
      ...(of_stretch ? { region: { onset_s, offset_s } } : {}), ...(at_random ? { at_random } : {}),
    }));
    this.send({
      path: "/api/decisions",
      body: { events, batch: newEventId(), view: { run: data.query.run || "", scorer: data.query.scorer || "" } },
      said,
      done: () => {
        this.wall.choice.clear();
        return `Saved: ${said}. Z takes ${events.length === 1 ? "it" : "all of them"} back.`;
      },
    });
  }

  undo() {
    this.send({ path: "/api/undo", body: { event_id: newEventId() }, said: "undo", done: ({ notice }) => notice });
  }

  /** @param {Sending} request */
  send(request) {
    if (!this.wall.data.may_decide) return this.wall.tell("you may look and listen; to decide, ask an owner for the role reviewer", "warning");
    if (this.busy) return this.wall.tell("wait: the last batch is still being saved", "warning");
    this.pending = request;
    return this.deliver();
  }

  // A request without an answer is sent again with the same ids: what is stored already is not stored again.
  /** @param {number} [tries] @returns {Promise<void>} */
  async deliver(tries = TRIES) {
    const { wall, alert, pending } = this;
    if (!pending) return undefined;
    const { path, body, said, done } = pending;
    alert.box.hidden = true;
    wall.tell(`saving: ${said}…`);
    wall.drawSelection();
    try {
      const answer = await wall.api.ask(path, body, { patienceMs: BATCH_PATIENCE_MS });
      await this.settle(done(answer));
    } catch (problem) {
      const status = problem instanceof Refusal ? problem.status : 0;
      const refused = status === 409 || (status >= 400 && status < 500 && !pending.unanswered);
      if (refused) return this.settle(`Nothing was saved: ${wordsOf(problem)}`, "warning");
      pending.unanswered = true; // the server may still be at it: a large batch takes its time
      if (!status && tries > 1) return this.deliver(tries - 1);
      alert.text.textContent = `Not known to be saved (${said}): ${wordsOf(problem)}.`;
      alert.box.hidden = false;
      wall.tell("");
    }
    return undefined;
  }

  // Whatever was answered, the wall shows what the journal holds.
  /** @param {string} text @param {Level} [level] */
  async settle(text, level = "info") {
    const { wall } = this;
    this.pending = null;
    try {
      await wall.list.readAgain();
      wall.tell(text, level);
      if (wall.data.stretches) wall.trigger("decided", Date.now()); // the page shows what follows
    } catch (error) {
      wall.tell(`${text} The wall could not be read again (${wordsOf(error)}); reload the page.`, "warning");
    }
    wall.drawSelection();
  }
}
