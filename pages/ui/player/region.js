// A region of the picture: a stretch of time, perhaps with a band of frequencies.

import { hertz } from "../shared/axes.js";
import { round3 } from "./span.js";

export const SHORTEST_BOX_S = 0.02;

export function hasBand(region) {
  return region.low_hz !== null && region.low_hz !== undefined;
}

export function sameRegion(one, other) {
  return ["onset_s", "offset_s", "low_hz", "high_hz"].every((name) => Math.abs((one[name] ?? -1) - (other[name] ?? -1)) < 1e-3);
}

export function regionOf({ onset_s, offset_s, low_hz = null, high_hz = null }) {
  const tenth = (hz) => (hz === null ? null : Math.round(hz * 10) / 10);
  return { onset_s: round3(onset_s), offset_s: round3(offset_s), low_hz: tenth(low_hz), high_hz: tenth(high_hz) };
}

export function regionText({ onset_s, offset_s, low_hz, high_hz }) {
  const time = `${onset_s.toFixed(2)}–${offset_s.toFixed(2)} s`;
  return low_hz === null ? time : `${time}, ${hertz(low_hz)}–${hertz(high_hz)}`;
}

// The boxes of a clip, the earliest first: as the server gave them, with class, name and verdict.
export function boxesOf(data) {
  const all = data.lanes.flatMap((lane) => [...lane.events.map((box) => [box, "present"]), ...lane.quiet.map((box) => [box, "absent"])]
    .map(([box, verdict]) => ({ ...box, class: lane.class, name: lane.name, verdict })));
  return all.sort((one, other) => one.onset_s - other.onset_s || one.position - other.position);
}
