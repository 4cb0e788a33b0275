// Framewise probabilities at the network's own step: what they say of a time, and how they are drawn, never smoothed.

import { round3, stretchOf } from "../span.js";

/**
 * @import { Lane, Steps } from "../../shared/server"
 * @import { Span, Stretch } from "../../shared/types"
 * @import { Curve } from "./curve.js"
 * @import { Block } from "../types"
 */

/** @param {Steps} steps @param {number} timeS */
function stepAt(steps, timeS) {
  return Math.floor((timeS - steps.start_s) / steps.step_s + 1e-9);
}

// The value at a time; null where there is none, or it is still to come.
/** @param {Curve | null} curve @param {Steps} steps @param {number} timeS */
export function valueAt(curve, steps, timeS) {
  const value = curve ? curve.at(stepAt(steps, timeS)) : null;
  return value === null || Number.isNaN(value) ? null : value;
}

// The stretches in which every frame of a lane reaches its threshold, as far as its values are here.
/** @param {Lane | null} lane @param {Curve | null} curve @param {Steps} steps @param {number} durationS */
export function stretchesAbove(lane, curve, steps, durationS) {
  /** @type {Stretch[]} */
  const found = [];
  if (!lane || !curve || lane.threshold === null) return found;
  const { threshold } = lane;
  const isAbove = (/** @type {number} */ index) => Number(curve.at(index)) >= threshold;
  for (let from = 0; from < curve.count; from += 1) {
    if (!isAbove(from)) continue;
    let to = from + 1;
    while (to < curve.count && isAbove(to)) to += 1;
    const onset_s = round3(Math.max(0, steps.start_s + from * steps.step_s));
    const offset_s = round3(Math.min(durationS, steps.start_s + to * steps.step_s));
    if (offset_s > onset_s) found.push({ onset_s, offset_s });
    from = to;
  }
  return found;
}

// What the model would box: the stretch above the threshold at one of `times`, else the one that holds the peak,
// else what makes the lane a suspect, else null.
/** @param {Lane | null} lane @param {Curve | null} curve @param {Steps} steps @param {number} durationS @param {(number | null)[]} times */
export function modelStretch(lane, curve, steps, durationS, times) {
  const above = stretchesAbove(lane, curve, steps, durationS);
  const holding = (/** @type {number} */ time) => above.find(({ onset_s, offset_s }) => time >= onset_s && time < offset_s);
  for (const time of times) {
    const found = time === null ? null : holding(time);
    if (found) return found;
  }
  const peak = curve && above.length ? curve.peak : -1;
  return (peak >= 0 && holding(steps.start_s + (peak + 0.5) * steps.step_s)) || above[0] || stretchOf(lane);
}

// What to draw of some values: [left, right, value] in whole pixels, never smoothed; where a pixel touches several
// steps it gets the highest of them.
/**
 * @param {Curve} curve
 * @param {Steps} steps
 * @param {Span} view
 * @param {number} width
 * @param {number} durationS
 */
export function blocksOf(curve, steps, view, width, durationS) {
  const { count } = curve;
  const scale = width / (view.to_s - view.from_s);
  const end = Math.min(view.to_s, durationS, steps.start_s + count * steps.step_s);
  const start = Math.max(view.from_s, steps.start_s);
  /** @type {Block[]} */
  const blocks = [];
  if (!count || end <= start) return blocks;
  const pixel = (/** @type {number} */ time) => Math.round((time - view.from_s) * scale);
  const first = Math.max(0, stepAt(steps, start));
  if (steps.step_s * scale >= 1) {
    for (let index = first; index < count; index += 1) {
      const from = steps.start_s + index * steps.step_s;
      if (from >= end) break;
      blocks.push([Math.max(0, pixel(from)), pixel(Math.min(end, from + steps.step_s)), curve.get(0, index)]);
    }
    return blocks;
  }
  for (let left = pixel(start); left < pixel(end); left += 1) {
    const from = Math.max(first, stepAt(steps, view.from_s + left / scale));
    const to = Math.min(count, Math.max(from + 1, Math.ceil((view.from_s + (left + 1) / scale - steps.start_s) / steps.step_s - 1e-9)));
    blocks.push([left, left + 1, curve.highest(from, to)]);
  }
  return blocks;
}

// The upper edge of blocks as a stepped line.
/** @param {CanvasRenderingContext2D} context @param {Block[]} blocks @param {(value: number) => number} yOf */
export function traceBlocks(context, blocks, yOf) {
  context.beginPath();
  let before = null;
  for (const [left, right, value] of blocks) {
    const y = yOf(value);
    if (before === left) context.lineTo(left, y);
    else context.moveTo(left, y);
    context.lineTo(right, y);
    before = right;
  }
}
