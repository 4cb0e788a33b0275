// What is decided of the clip on the screen, and how the answers are taken.

import { newEventId } from "../../shared/api.js";
import { isHiding } from "./flow.js";

/**
 * @import { Lane, NewClass, PlayerEvent } from "../../shared/server"
 * @import { Item, Answered, BoxChange, LaneName, DecisionsHost } from "../types"
 * @import { Refusal } from "../../shared/api.js"
 */

const ONLY_LOOK = "you may look and listen; to decide, ask an owner for the role reviewer";

const NOTICED_MS = 700; // until a person can have seen that what stands on the screen is other now

export class Decisions {
  /** @param {DecisionsHost} host */
  constructor(host) {
    this.host = host;
    this.surprise = { until: 0, why: "" };
  }

  get data() {
    return this.host.data;
  }

  // What the keys speak of became other by itself just now: what is pressed next was meant for what stood there before.
  /** @param {string} why */
  surprised(why) {
    this.surprise = { until: performance.now() + NOTICED_MS, why };
  }

  // Another clip is on its way to the screen: what is pressed now was meant for the last one. Who only looks and listens
  // is told so.
  refused() {
    if (!this.host.page.may_decide) {
      this.host.tell(ONLY_LOOK, "warning");
      return true;
    }
    const { until, why } = this.surprise;
    const isSurprised = performance.now() < until;
    if (isSurprised) this.host.tell(`not saved: as you pressed, ${why}; look, and press again`, "warning");
    if (isSurprised || this.host.coming) this.host.messaged("refused");
    return isSurprised || this.host.coming;
  }

  // A blind look asks for one verdict; anything else would show what it hides.
  isBlind() {
    const { mode } = this.data;
    const how = mode === "audit" ? "drawn at random" : "blind";
    if (isHiding(mode)) this.host.tell(`this look is ${how}: only a verdict is asked`, "warning");
    return isHiding(mode);
  }

  // Whether the reviewer is still at the item that was answered.
  /** @param {Item} item */
  isAt(item) {
    const { flow } = this.host;
    return Boolean(flow.item) && flow.key(flow.item) === flow.key(item);
  }

  /** @param {LaneName} lane @param {string} verdict @param {Partial<PlayerEvent>} [more] */
  eventFor(lane, verdict, more = {}) {
    const { clip_id, seen_position, mode } = this.data;
    return { event_id: newEventId(), clip_id, seen_position, mode, class: lane.class, verdict, role: lane.role, kind: lane.kind, ...more };
  }

  /** @param {string} verdict @param {Lane | null} [lane] */
  decide(verdict, lane = this.host.lane) {
    if (!lane) return this.host.tell("no class in focus; add one first", "warning");
    const { lanes, mode } = this.data;
    const left = lanes.some((one) => one.kind && !one.verdict && one.class !== lane.class);
    const whole = verdict === "unsure" || isHiding(mode) || (mode === "adjudicate" && verdict === "absent");
    const region = whole ? null : this.host.stage.selection;
    const settles = verdict === "present" || !region; // an absent stretch says nothing of the rest of the clip
    const asked = mode && (mode !== "adjudicate" || lane.class === this.host.flow.item?.class);
    const advance = Boolean(asked || (settles && lane.kind && !lane.verdict && !left));
    return this.post([this.eventFor(lane, verdict, { region })], { advance, decided: lane.class, region });
  }

  // Every doubt that is left in this clip keeps its label as it is: one batch.
  confirmRest() {
    if (this.isBlind()) return undefined;
    const rest = this.data.lanes.filter((lane) => lane.kind && !lane.verdict);
    if (!rest.length) return this.host.tell("nothing is left to confirm in this clip", "warning");
    return this.post(rest.map((lane) => this.eventFor(lane, lane.role ? "present" : "absent")), { advance: true, batch: newEventId() });
  }

  remove() {
    if (this.isBlind()) return undefined;
    const { lane } = this.host;
    if (lane?.role) return this.decide("absent", lane);
    return this.host.tell(lane ? `${lane.name} is not listed; there is no label to remove` : "no class in focus", "warning");
  }

  // Opens the field in which a class to add is typed.
  choose() {
    if (this.isBlind() || this.refused()) return;
    if (this.host.messenger.locked) this.host.messaged("refused");
    else this.host.adder.open(this.data);
  }

  /** @param {string} code @param {string} name */
  add(code, name) {
    const lane = this.data.lanes.find((one) => one.class === code);
    if (lane) {
      this.host.setFocus(code);
      return lane.role ? this.host.tell(`${name || code} is listed already`, "info") : this.decide("present", lane);
    }
    const region = this.host.stage.selection;
    const event = this.eventFor({ class: code, role: "", kind: "" }, "present", { region });
    return this.post([event], { decided: code, focus: code, region });
  }

  // A class that no label has yet, made before it is added here; raises Refusal.
  /** @param {string} code @param {string} name */
  async makeClass(code, name) {
    /** @type {NewClass} */
    const made = await this.host.api.ask("/api/classes", { class: code, name });
    this.host.flow.kept.clear(); // clips that were fetched ahead do not know of it
    return made;
  }

  // A box drawn (region), moved (region and replaces) or taken away (replaces alone).
  /** @param {BoxChange} given */
  changeBox({ class: code, verdict = "present", region = null, replaces = null }) {
    const lane = this.data.lanes.find((one) => one.class === code) || { class: code, role: "", kind: "" };
    const event = this.eventFor(lane, region ? verdict : "", { region, replaces });
    return this.post([event], { focus: code, region: region || true, boxed: !region });
  }

  /** @param {PlayerEvent[]} events @param {Answered & { advance?: boolean, batch?: string }} given1 */
  post(events, { advance = false, batch = "", ...answered }) {
    if (this.refused()) return false;
    const { item, at } = this.host.flow;
    const { clip_id } = this.data;
    const body = { events, batch, view: this.host.flow.viewOf(item), answer: advance ? "" : "clip", next: advance ? this.host.team.wish(at + 1) : undefined };
    return this.host.messenger.send("/api/decisions", body, (answer, refusal, ms) => {
      this.host.v.root.dataset.answeredMs = ms.toFixed(1);
      this.host.flow.forget(clip_id);
      if (refusal) return this.again(refusal);
      this.host.acted();
      this.host.progress.later();
      const here = this.isAt(item);
      if (!here) this.host.open(this.host.flow.at); // a link led elsewhere meanwhile
      else if (advance) this.host.open(this.host.team.after(at + 1, answer.next));
      else {
        if (answer.clip) this.host.flow.keep(item, answer.clip); // else it could not be read, and is asked for anew
        this.host.open(this.host.flow.at, answered);
      }
      this.host.tell(answer.notice, "info");
      if (here && answered.focus && answered.boxed) this.host.boxes.removed(answered.focus, answer.boxes_left);
      return undefined;
    });
  }

  // It was refused: show the clip as it is now, and why.
  /** @param {Refusal} refusal */
  async again(refusal) {
    const { item } = this.host.flow;
    try {
      const data = await this.host.flow.load(item).promise;
      if (this.host.flow.item === item) this.host.show(data);
    } catch (problem) {
      // what stands is shown; the reason below is what counts
    }
    this.host.tell(`not saved: ${refusal.message}`, "warning");
  }

  /** @param {number | null} [position] */
  undo(position = null) {
    if (!this.host.page.may_decide) return this.refused();
    const { item } = this.host.flow;
    const body = { event_id: newEventId(), position, view: item ? this.host.flow.view : {} };
    return this.host.messenger.send("/api/undo", body, (answer, refusal) => {
      if (refusal) return this.again(refusal);
      if (answer.clip_id !== null) {
        const { flow } = this.host;
        flow.kept.clear(); // a batch may have reached into clips that were fetched ahead
        const at = flow.placeOf(answer.clip_id, answer.class, answer.mode);
        if (answer.clip && !flow.items[at].mode) flow.keep(flow.items[at], answer.clip);
        this.host.placed = true;
        this.host.open(at, { focus: answer.class, region: true });
      }
      this.host.tell(answer.notice, answer.clip_id === null ? "warning" : "info");
      return undefined;
    });
  }

  // A note, a flag, or where the clip goes in this reviewer's list.
  /** @param {string} kind @param {string} [text] @param {number | null} [removes] @param {number | null} [reply_to] */
  mark(kind, text = "", removes = null, reply_to = null) {
    if (this.refused() || (kind !== "skip" && kind !== "later" && this.isBlind())) return false;
    const { clip_id, marks } = this.data;
    const { item } = this.host.flow;
    const standing = kind === "flag" && removes === null ? marks.find((one) => one.kind === kind) : null;
    const body = { event_id: newEventId(), clip_id, kind, text, removes: standing ? standing.id : removes, reply_to };
    return this.host.messenger.send("/api/marks", body, (answer, refusal) => {
      if (refusal) return this.host.tell(`not saved: ${refusal.message}`, "warning");
      const { flow, drawer } = this.host;
      this.host.acted();
      flow.forget(clip_id);
      if (kind === "note" && removes === null) drawer.written(clip_id);
      if (this.isAt(item)) {
        if (answer.marks && !isHiding(this.data.mode)) this.data.marks = answer.marks;
        drawer.draw();
        if (kind === "skip" && removes === null) this.host.open(flow.at + 1);
        else if (kind === "later" && removes === null) {
          flow.putOff();
          this.host.open(flow.at);
        }
      }
      this.host.tell(answer.notice, "info");
      return undefined;
    });
  }
}
