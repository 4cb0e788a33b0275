// Which class the keys speak of.

/** @import { Answered } from "../types" */
/** @import { Clip } from "../../shared/server" */

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
