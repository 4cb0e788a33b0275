// The two axes of a picture: where a frequency or a time lies, and the ticks that fit.

/** @import { Axis, Band, Span } from "./types" */

// Frequency axes, as in the server's labeling/sound/frequency.py.
/** @type {Record<Axis, [(hz: number) => number, (place: number) => number]>} */
export const AXES = {
  linear: [(hz) => hz, (place) => place],
  log: [(hz) => Math.log2(Math.max(hz, 1e-3)), (place) => 2 ** place],
  mel: [
    (hz) => (hz < 1000 ? (hz * 3) / 200 : 15 + (Math.log(hz / 1000) * 27) / Math.log(6.4)),
    (place) => (place < 15 ? (place * 200) / 3 : 1000 * Math.exp(((place - 15) * Math.log(6.4)) / 27)),
  ],
};

// The frequency at a share (0..1) from the bottom of a band, and back.
/** @param {Axis} axis @param {Band} band @param {number} share */
export function frequencyAt(axis, band, share) {
  const [to, from] = AXES[axis];
  const [low, high] = [to(band.low_hz), to(band.high_hz)];
  return from(low + share * (high - low));
}

/** @param {Axis} axis @param {Band} band @param {number} hz */
export function shareOf(axis, band, hz) {
  const [to] = AXES[axis];
  const [low, high] = [to(band.low_hz), to(band.high_hz)];
  return (to(hz) - low) / (high - low);
}

// A band that holds this one, on a grid of about an eighth of its width: neighbouring zooms ask for the same tiles.
/** @param {Axis} axis @param {Band} band @param {Band} full */
export function roundedBand(axis, band, full) {
  const [to, from] = AXES[axis];
  const [low, high] = [to(band.low_hz), to(band.high_hz)];
  const grid = 2 ** Math.floor(Math.log2((high - low) / 8));
  const low_hz = Math.max(full.low_hz, Math.floor(from((Math.floor(low / grid) - 0.5) * grid)));
  const high_hz = Math.min(full.high_hz, Math.ceil(from((Math.ceil(high / grid) + 0.5) * grid)));
  return { low_hz, high_hz };
}

/** @param {number} rough */
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5].map((base) => base * power).find((step) => step >= rough) ?? 10 * power;
}

// Round frequencies that fit a band at `most` labels: [{hz, share, text}], lowest first.
/** @param {Axis} axis @param {Band} band @param {number} most */
export function frequencyTicks(axis, band, most) {
  const { low_hz: low, high_hz: high } = band;
  const step = roundStep((high - low) / Math.max(1, most));
  const first = Math.ceil(low / step);
  let candidates = Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  if (axis !== "linear" && high / Math.max(low, 1) > 5) {
    candidates = [];
    for (let power = 1; power <= 1e6; power *= 10) candidates.push(power, 2 * power, 5 * power);
    candidates = candidates.filter((hz) => hz >= low && hz <= high);
  }
  const ticks = [];
  let before = -Infinity; // the share of the last tick
  for (const hz of candidates) {
    const share = shareOf(axis, band, hz);
    if (share - before < 0.85 / most) continue;
    ticks.push({ hz, share, text: tickHertz(hz, step) });
    before = share;
  }
  return ticks;
}

/** @param {number} hz @param {number} step */
function tickHertz(hz, step) {
  if (hz < 1000) return `${+hz.toFixed(step < 1 ? 1 : 0)} Hz`;
  return `${+(hz / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)} kHz`;
}

/** @param {number} hz */
export function hertz(hz) {
  return hz >= 1000 ? `${(hz / 1000).toFixed(hz >= 10000 ? 1 : 2)} kHz` : `${Math.round(hz)} Hz`;
}

const TIME_STEPS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

// Round times of a view at `most` labels: [{time_s, text}].
/** @param {Span} given @param {number} most */
export function timeTicks({ from_s, to_s }, most) {
  const rough = (to_s - from_s) / Math.max(1, most);
  const step = TIME_STEPS.find((one) => one >= rough) || 3600 * roundStep(rough / 3600);
  const ticks = [];
  for (let count = Math.ceil(from_s / step - 1e-9); count * step <= to_s + 1e-9; count += 1) {
    ticks.push({ time_s: count * step, text: timeText(count * step, step, to_s) });
  }
  return ticks;
}

// 12.5, 1:05.0 or 3:01:05, with as many digits as a step needs; `longest` decides whether minutes and hours show.
/** @param {number} timeS @param {number} step @param {number} [longest] */
export function timeText(timeS, step, longest = timeS) {
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
  const whole = Number(Math.max(0, timeS).toFixed(digits));
  if (longest < 60) return `${whole.toFixed(digits)} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
  const seconds = (whole - minutes * 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return longest < 3600 ? `${minutes}:${seconds}` : `${hours}:${String(minutes - 60 * hours).padStart(2, "0")}:${seconds}`;
}

/** @param {number} seconds */
export function clock(seconds) {
  return seconds < 3600 ? timeText(seconds, 0.1, 60) : timeText(seconds, 1, 3600);
}
