// A region of the picture: a stretch of time, perhaps with a band of frequencies.

import { hertz } from "../../shared/axes.js";
import { round3 } from "../span.js";

/**
 * @import { Clip } from "../../shared/server"
 * @import { Band, BandedStretch } from "../../shared/types"
 * @import { SelectRange } from "../types"
 */

export const SHORTEST_BOX_S = 0.02;

/**
 * @template {{ low_hz?: number | null }} Region
 * @param {Region} region
 * @returns {region is Region & Band}
 */
export function hasBand(region) {
  return region.low_hz !== null && region.low_hz !== undefined;
}

/** @param {SelectRange} one @param {SelectRange} other */
export function sameRegion(one, other) {
  const names = /** @type {const} */ (["onset_s", "offset_s", "low_hz", "high_hz"]);
  return names.every((name) => Math.abs((one[name] ?? -1) - (other[name] ?? -1)) < 1e-3);
}

/** @param {SelectRange} given */
export function regionOf({ onset_s, offset_s, low_hz = null, high_hz = null }) {
  const tenth = (/** @type {number | null} */ hz) => (hz === null ? null : Math.round(hz * 10) / 10);
  return { onset_s: round3(onset_s), offset_s: round3(offset_s), low_hz: tenth(low_hz), high_hz: tenth(high_hz) };
}

/** @param {BandedStretch} region */
export function regionText(region) {
  const time = `${region.onset_s.toFixed(2)}–${region.offset_s.toFixed(2)} s`;
  return hasBand(region) ? `${time}, ${hertz(region.low_hz)}–${hertz(region.high_hz)}` : time;
}

// The boxes of a clip, the earliest first: as the server gave them, with class, name and verdict.
/** @param {Clip} data */
export function boxesOf(data) {
  const all = data.lanes.flatMap((lane) => [
    ...lane.events.map((box) => ({ ...box, class: lane.class, name: lane.name, verdict: "present" })),
    ...lane.quiet.map((box) => ({ ...box, class: lane.class, name: lane.name, verdict: "absent" })),
  ]);
  return all.sort((one, other) => one.onset_s - other.onset_s || one.position - other.position);
}
