// Which class the keys speak of: its lane, its question, its verdict on the buttons.

import { questionOf } from "./question.js";

/** @import { Answered, FocusHost, View } from "../types" */
/** @import { Clip } from "../../shared/server" */

const VERDICTS = /** @type {const} */ (["present", "absent", "unsure"]);

// On a new clip the first open suspect; after a verdict the next open one; after an undo what was undone. Where people
// disagree the class that is to be settled, which comes first.
/** @param {Clip} data @param {string} before @param {boolean} moved @param {Answered | null} answered @returns {string} */
export function focusAfter({ lanes, sides }, before, moved, answered) {
  const place = (/** @type {string | undefined} */ code) => lanes.findIndex((lane) => lane.class === code);
  const open = lanes.filter((lane) => lane.kind && !lane.verdict);
  if (answered?.focus && place(answered.focus) >= 0) return answered.focus;
  if (moved || place(before) < 0) return ((!sides && open[0]) || lanes[0])?.class || "";
  const at = place(answered?.decided);
  if (!answered?.decided || at < 0) return before;
  const after = lanes[at].verdict && (open.find((lane) => lanes.indexOf(lane) > at) || open[0]);
  return after ? after.class : answered.decided;
}

export class Focus {
  /** @param {Pick<View, "root" | "question" | "present" | "absent" | "unsure">} view @param {FocusHost} host */
  constructor(view, host) {
    this.v = view;
    this.host = host;
    this.code = "";
  }

  get lane() {
    return this.host.data?.lanes.find((lane) => lane.class === this.code) || null;
  }

  /** @param {string} code @param {boolean} [draws] */
  set(code, draws = true) {
    this.code = code;
    const { v, host, lane } = this;
    v.root.dataset.focus = code;
    v.question.replaceChildren(...questionOf(lane, host.data?.mode ?? ""));
    const [keep, drop] = lane?.role ? ["keep the label", "remove the label"] : ["add the label", "leave it out"];
    v.present.title = `the class can be heard: ${keep}`;
    v.absent.title = `the class cannot be heard: ${drop}`;
    for (const name of VERDICTS) {
      v[name].disabled = !lane;
      v[name].setAttribute("aria-pressed", String(lane?.verdict === name));
    }
    host.lanes.drawFocus(code, draws);
    host.boxes.drawFocus();
    host.stage.drawMarks();
    host.drawer.draw();
    host.transport.draw();
  }

  // To the lane above or below.
  /** @param {number} step */
  move(step) {
    const { lanes } = this.host.data;
    const place = lanes.findIndex((lane) => lane.class === this.code);
    const next = lanes[Math.min(lanes.length - 1, Math.max(0, place + step))];
    if (next) this.set(next.class);
  }
}
