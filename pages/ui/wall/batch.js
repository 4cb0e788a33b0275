// What the wall sends: one batch of decisions, or one undo, at a time.

import { newEventId } from "../shared/api.js";

const TRIES = 3;
const BATCH_PATIENCE_MS = 30000;

// `wall` has api, choice, tell(text, level), drawSelection() and readVerdicts(); `alert` {box, text} is shown while it
// is not known whether a request was carried out.
export class WallBatch {
  constructor(wall, alert) {
    this.wall = wall;
    this.alert = alert;
    this.pending = null;
  }

  get busy() {
    return this.pending !== null;
  }

  // `chosen` are snippets: all of them get the verdict, or none.
  decide(chosen, verdict, said) {
    const { data, position } = this.wall;
    const events = chosen.map(({ clip_id, role, kind }) => ({
      event_id: newEventId(), clip_id, class: data.query.class, verdict, role, kind, seen_position: position,
    }));
    this.send({
      path: "/api/decisions",
      body: { events, batch: newEventId(), view: { run: data.query.run, scorer: data.query.scorer } },
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

  send(request) {
    if (this.busy) return this.wall.tell("wait: the last batch is still being saved", "warning");
    this.pending = request;
    return this.deliver();
  }

  // A request without an answer is sent again with the same ids: what is stored already is not stored again.
  async deliver(tries = TRIES) {
    const { wall, alert } = this;
    const { pending } = this;
    const { path, body, said, done } = pending;
    alert.box.hidden = true;
    wall.tell(`saving: ${said}…`);
    wall.drawSelection();
    try {
      const answer = await wall.api.ask(path, body, BATCH_PATIENCE_MS);
      await this.settle(done(answer));
    } catch (error) {
      const refused = error.status === 409 || (error.status >= 400 && error.status < 500 && !pending.unanswered);
      if (refused) return this.settle(`Nothing was saved: ${error.message}`, "warning");
      pending.unanswered = true; // the server may still be at it: a large batch takes its time
      if (!error.status && tries > 1) return this.deliver(tries - 1);
      alert.text.textContent = `Not known to be saved (${said}): ${error.message}.`;
      alert.box.hidden = false;
      wall.tell("");
    }
    return undefined;
  }

  // Whatever was answered, the wall shows what the journal holds.
  async settle(text, level = "info") {
    const { wall } = this;
    this.pending = null;
    try {
      await wall.readVerdicts();
      wall.tell(text, level);
    } catch (error) {
      wall.tell(`${text} The wall could not be read again (${error.message}); reload the page.`, "warning");
    }
    wall.drawSelection();
  }
}
