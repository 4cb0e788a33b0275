// How loud a stretch is at its loudest, and the gain that brings it to -1 dBFS.

import { reasonOf } from "../../shared/answers.js";
import { buildBand } from "./chain.js";
import { smallBody } from "./store.js";

/**
 * @import { PeakFacts } from "../../shared/server"
 * @import { HeardBand } from "../types"
 */

const NORMAL_DB = -1;
const MOST_NORMAL_DB = 60;
const SETTLE_S = 0.1; // a filter that starts in mid-sound rings for a while
export const MEASURED_S = 120; // a longer stretch is not decoded whole; its peaks come from the server

/** @param {number} peak */
export function normalGainDb(peak) {
  return peak > 0 ? Math.min(MOST_NORMAL_DB, NORMAL_DB - 20 * Math.log10(peak)) : 0;
}

// Decoded samples of an element's sound, or null where it is too long to hold.
/** @param {HTMLAudioElement} element */
export async function decodeSound(element) {
  const response = await fetch(element.src, { credentials: "same-origin" });
  const bytes = response.ok ? await smallBody(response) : null;
  if (!bytes) return null;
  return new OfflineAudioContext(1, 1, 48000).decodeAudioData(await bytes.arrayBuffer());
}

/** @param {Float32Array | Int8Array} samples @param {number} first @param {number} last */
function highestOf(samples, first, last) {
  let highest = 0;
  for (let index = first; index < last; index += 1) highest = Math.max(highest, Math.abs(samples[index]));
  return highest;
}

// The highest sample of a stretch, as it is heard through the band (null: all of it), 0..1.
/** @param {AudioBuffer} buffer @param {number} fromS @param {number} toS @param {HeardBand | null} band */
export async function peakOfBuffer(buffer, fromS, toS, band) {
  const first = Math.max(0, Math.floor(fromS * buffer.sampleRate));
  const last = Math.min(buffer.length, Math.ceil(toS * buffer.sampleRate));
  if (last <= first) return 0;
  let heard = { buffer, first, last };
  if (band) {
    const settle = Math.min(first, Math.round(SETTLE_S * buffer.sampleRate));
    const length = settle + last - first;
    const context = new OfflineAudioContext(buffer.numberOfChannels, length, buffer.sampleRate);
    const filter = buildBand(context, band);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(filter.input);
    filter.output.connect(context.destination);
    source.start(0, (first - settle) / buffer.sampleRate);
    heard = { buffer: await context.startRendering(), first: settle, last: length };
  }
  let peak = 0;
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    peak = Math.max(peak, highestOf(heard.buffer.getChannelData(channel), heard.first, heard.last));
  }
  return peak;
}

// The same from the server's peaks, for recordings too long to decode: of all bands, in steps of 1/127. What rounds to
// nothing counts as half a step, for it may be a faint call.
/** @param {string} peaksUrl @param {number} fromS @param {number} toS */
export async function peakFromServer(peaksUrl, fromS, toS) {
  const level = Math.min(11, Math.max(0, Math.ceil(Math.log2((toS - fromS) / (1024 * 0.0005)))));
  const tileS = 1024 * 0.0005 * 2 ** level;
  let peak = 0.5;
  for (let index = Math.floor(fromS / tileS); index * tileS < toS; index += 1) {
    const response = await fetch(`${peaksUrl}&level=${level}&index=${index}`, { credentials: "same-origin" });
    if (!response.ok) throw new Error(await reasonOf(response));
    const { onset_s, step_s } = /** @type {PeakFacts} */ (JSON.parse(response.headers.get("x-earmark-peaks") ?? ""));
    const pairs = new Int8Array(await response.arrayBuffer());
    const first = Math.max(0, Math.floor((fromS - onset_s) / step_s)) * 2;
    const last = Math.min(pairs.length, Math.ceil((toS - onset_s) / step_s) * 2);
    peak = Math.max(peak, highestOf(pairs, first, last));
  }
  return peak / 127;
}
