// Spans of time: the part of a recording that is in view, the stretch that makes a class a suspect.

/** @import { Clip, Lane } from "../shared/server" */

const LONGEST_WHOLE_S = 120;
const FIRST_SPAN_S = 60;
export const SHORTEST_VIEW_S = 0.05;

/** @param {number} value */
export function round3(value) {
  return Math.round(value * 1000) / 1000;
}

// The stretch that makes a lane a suspect, or null.
/** @param {Lane | null | undefined} lane */
export function stretchOf(lane) {
  if (!lane?.kind || lane.onset_s === null || lane.offset_s === null) return null;
  return { onset_s: lane.onset_s, offset_s: lane.offset_s };
}

// A view of `spanS` around `middleS`, within the recording.
/** @param {number} middleS @param {number} spanS @param {number} durationS */
export function viewAround(middleS, spanS, durationS) {
  const span = Math.min(durationS, Math.max(Math.min(SHORTEST_VIEW_S, durationS), spanS));
  const from_s = Math.min(durationS - span, Math.max(0, middleS - span / 2));
  return { from_s, to_s: from_s + span };
}

// What is in view on arrival: a clip whole; of a long recording the part with the stretch that is doubted first.
/** @param {Clip} data */
export function firstView(data) {
  const whole = data.duration_s || 1;
  if (whole <= LONGEST_WHOLE_S) return { from_s: 0, to_s: whole };
  const stretch = stretchOf(data.lanes.find((lane) => lane.kind && !lane.verdict) || data.lanes[0]);
  const middle = stretch ? Math.min((stretch.onset_s + stretch.offset_s) / 2, stretch.onset_s + FIRST_SPAN_S / 2) : 0;
  return viewAround(middle, FIRST_SPAN_S, whole);
}
